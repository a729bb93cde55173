/* event.h - what the ingester carries from a relay to Redis. */
#pragma once

#include "channel.h"

/* One event, a block of its own with its text; freed by whoever holds it, with free. */
struct fh_event {
    struct fh_item item; /* first: events go through channels */
    int64_t seq;         /* the relay's; the cursor after it has been written */
    size_t bytes;        /* of json, without the NUL at its end */
    char json[];
};

/* Where decoded events go. False: nobody takes them any more, the event was freed. */
struct fh_sink {
    bool (*take)(void *context, struct fh_event *event);
    void *context;
};

/* Copies a text. NULL when there is no memory. */
struct fh_event *fh_event_create(int64_t seq, const char *json, size_t bytes);
