/* figures.h - what the parts tell of themselves, and what became of each message, in one page that
 * the processes share.
 *
 * The figures of `sdk`, `server`, `viewer` and `account` are the program's own: what it knows of
 * itself, right or wrong. Those of `witness` it could not know; they follow each message through
 * all processes, to hold the others against.
 *
 * Thread rule: any thread of any process. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* X(name, group, what): a figure GROUP.WHAT. Those with _total only rise. */
#define RC_FIGURES(X)                                                                              \
    X(SDK_CALLS, "sdk", "calls_total")                                                             \
    X(SDK_REFUSED_ROWS, "sdk", "refused_rows_total")                                               \
    X(SDK_DROPPED_ROWS, "sdk", "dropped_rows_total")                                               \
    X(SDK_MESSAGES, "sdk", "messages_total")                                                       \
    X(SDK_RESENT, "sdk", "resent_total")                                                           \
    X(SDK_PAUSES, "sdk", "pauses_total")                                                           \
    X(SERVER_MESSAGES, "server", "messages_total")                                                 \
    X(SERVER_REFUSED, "server", "refused_total")                                                   \
    X(SERVER_DROPPED_ROWS, "server", "dropped_rows_total")                                         \
    X(SERVER_COLLECTED_BYTES, "server", "collected_bytes_total")                                   \
    X(SERVER_HELD_BYTES, "server", "held_bytes")                                                   \
    X(SERVER_HELD_PEAK_BYTES, "server", "held_peak_bytes")                                         \
    X(SERVER_ALIVE_BYTES, "server", "alive_bytes")                                                 \
    X(SERVER_ALIVE_PEAK_BYTES, "server", "alive_peak_bytes")                                       \
    X(VIEWER_SHOWN_ROWS, "viewer", "shown_rows_total")                                             \
    X(VIEWER_PURGED_BYTES, "viewer", "purged_bytes_total")                                         \
    X(VIEWER_DROPPED_ROWS, "viewer", "dropped_rows_total")                                         \
    X(VIEWER_HELD_BYTES, "viewer", "held_bytes")                                                   \
    X(VIEWERS, "viewer", "connected")                                                              \
    X(ACCOUNT_SDK_BYTES, "account", "sdk_bytes")                                                   \
    X(ACCOUNT_SERVER_BYTES, "account", "server_bytes")                                             \
    X(ACCOUNT_IN_FLIGHT_BYTES, "account", "in_flight_bytes")                                       \
    X(ACCOUNT_CLIENT_BYTES, "account", "client_bytes")                                             \
    X(WITNESS_LOST_ROWS, "witness", "lost_rows_total")

enum rc_figure {
#define RC_ENUM(name, group, what) RC_##name,
    RC_FIGURES(RC_ENUM)
#undef RC_ENUM
        RC_FIGURE_COUNT
};

struct rc_figures;

/* Memory that processes share by its descriptor, which programs inherit. -1, having printed why. */
int rc_figures_create(void);

/* The figures of a descriptor; they stay until the program ends. NULL, having printed why. */
struct rc_figures *rc_figures_open(int fd);

void rc_figure_add(struct rc_figures *figures, enum rc_figure figure, int64_t change);
void rc_figure_set(struct rc_figures *figures, enum rc_figure figure, int64_t value);
int64_t rc_figure(struct rc_figures *figures, enum rc_figure figure);
/* Raises a peak to `value`. */
void rc_figure_peak(struct rc_figures *figures, enum rc_figure figure, int64_t value);

/* All of them as JSON, and besides: `dropped_rows_total`, all that any part said it dropped, and
 * the witness's `zombie_bytes`, `zombie_peak_bytes`, `in_flight_bytes`. For stats_server. */
size_t rc_figures_json(void *figures, char *text, size_t size);

/* A message, by its number, as the witness follows it. It is on its way until it has left as often
 * as it entered; a message that failed on the way to a viewer, is shown by none, is not on its way
 * and is still held is a zombie. The last 16384 messages are remembered. */
void rc_fate_begin(struct rc_figures *figures, uint64_t id, uint64_t bytes);
void rc_fate_enter(struct rc_figures *figures, uint64_t id);
void rc_fate_leave(struct rc_figures *figures, uint64_t id);
void rc_fate_shown(struct rc_figures *figures, uint64_t id);
void rc_fate_failed(struct rc_figures *figures, uint64_t id);
/* Bytes of it that some part began (or, below zero, ceased) to hold. */
void rc_fate_hold(struct rc_figures *figures, uint64_t id, int64_t change_bytes);
