#include "batch.h"

#include <stdlib.h>

#include "spillmark_mark.h"

SPILLMARK_MARK(events_mark, "events in batches");

struct fh_batch *fh_batch_create(void) {
    struct fh_batch *batch = calloc(1, sizeof *batch);
    if (batch)
        batch->tail = &batch->events;
    return batch;
}

void fh_batch_add(struct fh_batch *batch, struct fh_event *event) {
    event->item.next = NULL;
    *batch->tail = event;
    batch->tail = (struct fh_event **)&event->item.next;
    batch->count++;
    spillmark_mark_add(&events_mark, sizeof *event + event->bytes + 1, 1);
}

void fh_batch_free(struct fh_batch *batch) {
    while (batch && batch->events) {
        struct fh_event *event = batch->events;
        batch->events = (struct fh_event *)event->item.next;
        spillmark_mark_sub(&events_mark, sizeof *event + event->bytes + 1, 1);
        free(event);
    }
    free(batch);
}
