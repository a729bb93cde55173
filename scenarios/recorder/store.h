/* store.h - a viewer's chunks, under a limit of its own.
 *
 * Thread rule: one thread. */
#pragma once

#include "figures.h"
#include "message.h"
#include "options.h"

struct rc_store;

/* NULL when there is no memory. */
struct rc_store *rc_store_create(const struct rc_options *options, struct rc_figures *figures);
/* NULL is allowed. */
void rc_store_free(struct rc_store *store);

/* Takes in a message's rows, a copy of its own, as --viewer-check says. True: they are shown. */
bool rc_store_take(struct rc_store *store, const struct rc_message *message);

/* Messages read and not yet given up: they count, too. */
void rc_store_in_hand(struct rc_store *store, const struct rc_message *message,
                      int64_t change_bytes);
