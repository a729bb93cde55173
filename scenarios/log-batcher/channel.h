/* channel.h - the queue between the callers and the batcher: many senders, one receiver.
 *
 * An entry counts as queued from its arrival until its transaction is committed, so at every
 * moment received = queued + flushed + lost + dropped, and a bounded channel's capacity is all
 * that the daemon ever holds. Thread rule: every function but create and free may be called from
 * any thread; take, committed and lost from the receiver only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text of an entry, as the caller has it: not terminated. */
struct lb_text {
    const char *bytes;
    size_t length;
};

/* One log entry in the channel; its texts follow it in the same block. */
struct lb_entry {
    struct lb_entry *next;
    int64_t time_ms; /* since 1970 */
    uint32_t source_bytes, level_bytes, message_bytes;
    char texts[]; /* source, level, message */
};

struct lb_channel_stats {
    uint64_t received, dropped, flushed, lost; /* entries since the start */
    uint64_t queued, queued_bytes;             /* now */
};

struct lb_channel;

/* capacity in entries; 0 is unbounded. NULL when there is no memory. */
struct lb_channel *lb_channel_create(size_t capacity);

/* Frees what is still queued. NULL is allowed. */
void lb_channel_free(struct lb_channel *channel);

/* Copies an entry into the channel. Never waits for the receiver: false, with the entry counted
 * as dropped, when a bounded channel is full or no memory is left. */
bool lb_channel_send(struct lb_channel *channel, struct lb_text source, struct lb_text level,
                     struct lb_text message);

/* No more entries will be sent; wakes the receiver. */
void lb_channel_close(struct lb_channel *channel);
bool lb_channel_is_closed(struct lb_channel *channel);

/* Waits until `enough` entries wait, until deadline_ns (CLOCK_MONOTONIC), or until the channel is
 * closed, then takes all that waits: a list in order of arrival, owned by the receiver, NULL when
 * there is none. *ret_is_last says that nothing will follow. */
struct lb_entry *lb_channel_take(struct lb_channel *channel, size_t enough, int64_t deadline_ns,
                                 bool *ret_is_last);

/* The first `count` entries of *list are on disk, or given up: frees them, moves *list on. */
void lb_channel_committed(struct lb_channel *channel, struct lb_entry **list, size_t count);
void lb_channel_lost(struct lb_channel *channel, struct lb_entry **list, size_t count);

/* All figures of one moment. */
struct lb_channel_stats lb_channel_stats(struct lb_channel *channel);
