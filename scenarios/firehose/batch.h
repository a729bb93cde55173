/* batch.h - events on their way to one transaction. One thread at a time. */
#pragma once

#include "event.h"

struct fh_batch {
    struct fh_item item;     /* first: batches go through channels */
    struct fh_event *events; /* linked by their items, oldest first */
    struct fh_event **tail;
    size_t count;
};

/* NULL when there is no memory. */
struct fh_batch *fh_batch_create(void);
/* Takes the event over. */
void fh_batch_add(struct fh_batch *batch, struct fh_event *event);

/* Frees the batch and its events. NULL is allowed. */
void fh_batch_free(struct fh_batch *batch);
