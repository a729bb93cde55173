/* columns.h - send_columns: many rows at once, past the batcher.
 *
 * Thread rule: any thread. */
#pragma once

#include <stddef.h>

#include "sender.h"

/* One call: rows from first_row on, each of row_bytes. */
struct rc_columns {
    enum rc_kind kind;
    uint64_t first_row, rows;
    size_t row_bytes;
};

/* What was said to the caller. */
struct rc_answer {
    int result; /* 0, or why not: -EMSGSIZE too large, -EPIPE no server, -ENOMEM */
    char text[256];
};

/* Makes the rows, which it holds for as long as the call takes, and returns when all are sent or
 * one part was not. */
struct rc_answer rc_send_columns(struct rc_sender *sender, const struct rc_options *options,
                                 struct rc_figures *figures, const struct rc_columns *columns);
