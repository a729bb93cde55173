/* load_tally.h - what became of each unit of a driver: counts, outcomes, latencies, slips.
 *
 * offered = accepted + refused + unanswered + in_flight whenever it is looked at. Thread rule: any
 * thread at any time; the writer holds the lock for some tens of nanoseconds per unit, a reader
 * as long as it takes to swap four pointers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "load.h"

/* How a unit can end. */
enum sm_ending {
    SM_ENDING_ACCEPTED,   /* the target answered and took it */
    SM_ENDING_REFUSED,    /* the target answered and did not */
    SM_ENDING_UNANSWERED, /* whether the target took it nobody can say */
};

struct sm_tally;

/* unit_bytes: payload of one unit. NULL when out of memory. */
struct sm_tally *sm_tally_new(int64_t unit_bytes);
void sm_tally_free(struct sm_tally *tally); /* NULL is allowed */

/* Counts `units` more as offered and in flight. */
void sm_tally_offer(struct sm_tally *tally, int64_t units);

/* The number of an outcome by its text, which is copied. Beyond 128 different texts: "other". */
int sm_tally_outcome(struct sm_tally *tally, const char *text);

/* Remembers the number of a unit that is left unanswered with this outcome, if it is the first. */
void sm_tally_lost(struct sm_tally *tally, int outcome, int64_t number);

/* Counts an outcome that ends no unit: "connected". */
void sm_tally_note(struct sm_tally *tally, int outcome);

/* Ends one unit in flight. latency_ns counts for answered units only. */
void sm_tally_end(struct sm_tally *tally, enum sm_ending ending, int outcome, int64_t latency_ns);

/* How late the driver sent a unit by its own fault. */
void sm_tally_slip(struct sm_tally *tally, int64_t slip_ns);

int64_t sm_tally_in_flight(struct sm_tally *tally);

/* As struct sm_load_ops has them. */
void sm_tally_snapshot(struct sm_tally *tally, struct sm_load_snapshot *snapshot);
size_t sm_tally_outcomes(struct sm_tally *tally, struct sm_load_outcome_count *outcomes,
                         size_t capacity);
