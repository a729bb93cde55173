/* settler.h - looks at the record of the run that is going on, in a thread of its own at low
 * priority, so that sampling is never held up. All from the run's thread. */
#pragma once

#include "../reports/settled.h"

struct sm_settler;

/* record_path is the record being written; its rows are seen once they are committed. 0, or a
 * negative errno with *err when there is no memory or thread. */
int sm_settler_start(const char *record_path, struct sm_settler **ret_settler,
                     struct sm_error *err);

/* Asks for a look; does not wait for it. Asked again before it is done, one more look follows.
 * is_all_seen: as of sm_settled_look. */
void sm_settler_look(struct sm_settler *settler, int is_all_seen);

/* 1 once a look has found the run settled, with what is sure in *ret_settled. */
int sm_settler_answer(struct sm_settler *settler, struct sm_settled *ret_settled);

/* The error of the first look that failed; code 0: none did. */
void sm_settler_failure(struct sm_settler *settler, struct sm_error *ret_first);

/* Ends the thread, after the look it is at. NULL is allowed. */
void sm_settler_stop(struct sm_settler *settler);
