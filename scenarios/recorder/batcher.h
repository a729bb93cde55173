/* batcher.h - rows that are logged one by one, sent in batches.
 *
 * Thread rule: any thread, but start and stop. */
#pragma once

#include <stddef.h>

#include "sender.h"

struct rc_batcher;

/* NULL, having printed why. */
struct rc_batcher *rc_batcher_start(const struct rc_options *options, struct rc_figures *figures,
                                    struct rc_sender *sender);
/* Sends what it has. NULL is allowed. */
void rc_batcher_stop(struct rc_batcher *batcher);

/* Takes in rows of so many bytes each; waits while the sender has no room for a full batch. 0,
 * -ENOMEM or -EPIPE. */
int rc_batcher_log(struct rc_batcher *batcher, struct rc_run rows, size_t row_bytes);
