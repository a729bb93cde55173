/* settled.h - may a run that still goes on end now? Looks at what its record holds so far. */
#pragma once

#include "error.h"

struct sm_settled {
    int is_settled;
    char why[300]; /* when settled: what is sure, as a clause */
};

/* What is certain of the run whose record is being written, by rules that hold however often they
 * are asked; the phase that is still on is left out, since it would count as a rest cut short:
 *
 * - The heap, the descriptors or a line of the budget that must be bounded grows: the run fails,
 *   whatever comes. Only cycles of load and rest show that early (may_stop of struct sm_verdict).
 * - Every line of the budget is settled: a series that must be bounded by the same cycles, a limit
 *   by being broken or, once `is_all_seen`, by having held so far. Without a budget the lines are
 *   the heap (or RSS) and the descriptors.
 *
 * is_all_seen: every phase still to come repeats one that has been, so that a limit which held for
 * one cycle is not let off the fault that was to come. 0, or a negative errno with *err. */
int sm_settled_look(const char *record_path, int is_all_seen, struct sm_settled *ret_settled,
                    struct sm_error *err);
