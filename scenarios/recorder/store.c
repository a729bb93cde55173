#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PURGE_PART = 4 }; /* of what is shown, the oldest quarter goes at a time */

struct chunk {
    uint64_t id;
    size_t bytes;
    uint8_t *data;
    struct chunk *next;
};

struct list {
    struct chunk *first, *last;
    size_t bytes;
};

struct rc_store {
    const struct rc_options *options;
    struct rc_figures *figures;
    struct list shown;
    struct list unshown; /* what was made room for, and then found no room */
    size_t in_hand_bytes;
    bool has_told;
};

struct rc_store *rc_store_create(const struct rc_options *options, struct rc_figures *figures) {
    struct rc_store *store = calloc(1, sizeof *store);
    if (store) {
        store->options = options;
        store->figures = figures;
    }
    return store;
}

static void append(struct list *list, struct chunk *chunk) {
    chunk->next = NULL;
    if (list->last)
        list->last->next = chunk;
    else
        list->first = chunk;
    list->last = chunk;
    list->bytes += chunk->bytes;
}

static size_t usage(const struct rc_store *store) {
    return store->shown.bytes + store->unshown.bytes + store->in_hand_bytes;
}

static void account(struct rc_store *store, int64_t change_bytes) {
    rc_figure_add(store->figures, RC_VIEWER_HELD_BYTES, change_bytes);
    rc_figure_add(store->figures, RC_ACCOUNT_CLIENT_BYTES, change_bytes);
}

static void drop_first(struct rc_store *store, struct list *list) {
    struct chunk *chunk = list->first;
    list->first = chunk->next;
    if (!list->first)
        list->last = NULL;
    list->bytes -= chunk->bytes;
    rc_fate_hold(store->figures, chunk->id, -(int64_t)chunk->bytes);
    account(store, -(int64_t)chunk->bytes);
    free(chunk->data);
    free(chunk);
}

void rc_store_free(struct rc_store *store) {
    if (!store)
        return;
    while (store->shown.first)
        drop_first(store, &store->shown);
    while (store->unshown.first)
        drop_first(store, &store->unshown);
    free(store);
}

void rc_store_in_hand(struct rc_store *store, const struct rc_message *message,
                      int64_t change_bytes) {
    store->in_hand_bytes += (size_t)change_bytes;
    rc_fate_hold(store->figures, message->id, change_bytes);
    account(store, change_bytes);
}

/* Lets go of the oldest chunks until there is room for more_bytes, or nothing is left. */
static void purge(struct rc_store *store, size_t more_bytes) {
    size_t limit_bytes = (size_t)store->options->viewer_limit_bytes;
    while (usage(store) + more_bytes > limit_bytes && store->unshown.first)
        drop_first(store, &store->unshown);
    while (usage(store) + more_bytes > limit_bytes && store->shown.first) {
        size_t left_bytes = store->shown.bytes - store->shown.bytes / PURGE_PART;
        size_t before_bytes = store->shown.bytes;
        do
            drop_first(store, &store->shown);
        while (store->shown.first && store->shown.bytes > left_bytes);
        rc_figure_add(store->figures, RC_VIEWER_PURGED_BYTES,
                      (int64_t)(before_bytes - store->shown.bytes));
    }
}

static struct chunk *make_chunk(struct rc_store *store, const struct rc_message *message) {
    struct chunk *chunk = calloc(1, sizeof *chunk);
    uint8_t *data = malloc(message->payload_bytes ? message->payload_bytes : 1);
    if (!chunk || !data) {
        free(chunk);
        free(data);
        return NULL;
    }
    rc_message_copy_payload(message, data);
    *chunk = (struct chunk){.id = message->id, .bytes = message->payload_bytes, .data = data};
    rc_fate_hold(store->figures, chunk->id, (int64_t)chunk->bytes);
    account(store, (int64_t)chunk->bytes);
    return chunk;
}

/* As it was: the room is made first. What then turns out to be too much is not shown, and stays. */
static bool take_and_check(struct rc_store *store, const struct rc_message *message) {
    struct chunk *chunk = make_chunk(store, message);
    if (!chunk)
        return false;
    purge(store, chunk->bytes);
    if (usage(store) + chunk->bytes <= (size_t)store->options->viewer_limit_bytes) {
        append(&store->shown, chunk);
        return true;
    }
    append(&store->unshown, chunk);
    rc_fate_failed(store->figures, message->id);
    rc_figure_add(store->figures, RC_WITNESS_LOST_ROWS, (int64_t)message->rows);
    if (!store->has_told)
        printf("recorder: viewer: info: data dropped\n");
    store->has_told = true;
    return false;
}

static bool check_and_take(struct rc_store *store, const struct rc_message *message) {
    size_t limit_bytes = (size_t)store->options->viewer_limit_bytes;
    if (store->options->viewer_check == RC_CHECK_PURGE)
        purge(store, message->payload_bytes);
    size_t used_bytes = usage(store);
    if (used_bytes + message->payload_bytes <= limit_bytes) {
        struct chunk *chunk = make_chunk(store, message);
        if (chunk)
            append(&store->shown, chunk);
        return chunk != NULL;
    }
    fprintf(stderr,
            "recorder: viewer: %" PRIu64 " rows not shown: a chunk of %zu bytes would exceed the "
            "memory limit, %zu of %zu bytes are in use\n",
            message->rows, message->payload_bytes, used_bytes, limit_bytes);
    rc_figure_add(store->figures, RC_VIEWER_DROPPED_ROWS, (int64_t)message->rows);
    rc_fate_failed(store->figures, message->id);
    return false;
}

bool rc_store_take(struct rc_store *store, const struct rc_message *message) {
    bool is_shown = store->options->viewer_check == RC_CHECK_LATE ? take_and_check(store, message)
                                                                  : check_and_take(store, message);
    if (is_shown) {
        rc_fate_shown(store->figures, message->id);
        rc_figure_add(store->figures, RC_VIEWER_SHOWN_ROWS, (int64_t)message->rows);
    }
    return is_shown;
}
