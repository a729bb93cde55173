/* store.h - the SQLite database the entries end in. Thread rule: one thread at a time. */
#pragma once

#include <stddef.h>

#include "channel.h"

struct lb_store;

/* Opens or creates the database, in WAL mode. Prints why and returns NULL when it cannot. */
struct lb_store *lb_store_open(const char *path);

/* Writes the first entries of a list, at most `max`, in one transaction. Returns how many, or -1
 * with nothing written: lb_store_problem says why. */
long lb_store_write(struct lb_store *store, const struct lb_entry *list, size_t max);

/* Checkpoints a write-ahead log that has grown to SQLite's usual limit. Called when the batch has
 * been let go: on a slow disk this takes long, and its entries need not wait for it. */
void lb_store_tidy(struct lb_store *store);

/* The text of the last failure to write. Owned by the store, until its next call. */
const char *lb_store_problem(const struct lb_store *store);

/* Moves the write-ahead log into the database and closes it. NULL is allowed. */
void lb_store_close(struct lb_store *store);
