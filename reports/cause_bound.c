/* A bound that the program declares and does not keep.
 *
 * Rule: a series with a declared bound rises above its start by more than 1.2 times the bound
 * (the same margin by which the growth engine lets a full queue overshoot), or the engine found
 * its growth to go past it. */
#include <math.h>

#include "cause.h"

static const double MARGIN = 1.2;

void sm_cause_find_bound(const struct sm_facts *facts, struct sm_cause_list *list) {
    for (size_t i = 0; i < facts->run->declared_bounds_count; i++) {
        const struct sm_declared_bound *bound = &facts->run->declared_bounds[i];
        const struct sm_series_result *result =
            sm_analysis_series(facts->analysis, 0, bound->series);
        if (!result || bound->value <= 0)
            continue;
        double rise = result->peak - result->start;
        int engine = result->is_judged && result->verdict.bound_exceeded;
        if (!(rise > MARGIN * bound->value) && !engine)
            continue;
        struct sm_cause *cause =
            sm_cause_add(list, SM_CAUSE_DECLARED_BOUND_EXCEEDED, bound->series);
        if (!cause)
            return;
        enum sm_unit unit = result->series->unit;
        sm_cause_say(
            cause,
            "Above its start %s rose by %s, %.1f times the bound of %s that is declared for it.",
            bound->series, SM_UNIT_TEXT(unit, rise), rise / bound->value,
            SM_UNIT_TEXT(unit, bound->value));
        sm_cause_show(cause, "rise", unit, rise);
        sm_cause_show(cause, "declared_bound", unit, bound->value);
    }
}
