/* Descriptors that are opened and never closed.
 *
 * Rule: the descriptors of a class (file, socket, proc, ...) are growing; or those of all classes
 * together, where no single class shows it. The sites are those whose open descriptors grow. */
#include <math.h>
#include <string.h>

#include "cause.h"

static void add(const struct sm_facts *facts, const struct sm_series_result *result,
                const char *class, struct sm_cause_list *list) {
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_FD_LEAK, result->series->name);
    if (!cause)
        return;
    sm_cause_say(cause, "Open descriptors%s%s grow by %s, from %s to %s, and are not closed.",
                 class[0] ? " of class " : "", class,
                 SM_UNIT_TEXT(SM_UNIT_COUNT_PER_S, result->rate_per_s.value),
                 SM_UNIT_TEXT(SM_UNIT_COUNT, result->start),
                 SM_UNIT_TEXT(SM_UNIT_COUNT, result->end));
    sm_cause_advise(cause, "Close what the first stack opens, on every way out, errors too; at the "
                           "limit of open files every accept and open fails.");
    sm_cause_show(cause, "fds_per_s", SM_UNIT_COUNT_PER_S, result->rate_per_s.value);
    sm_cause_show(cause, "fds_per_unit", SM_UNIT_NONE, result->rate_per_unit.value);
    sm_cause_show(cause, "fds_at_start", SM_UNIT_COUNT, result->start);
    sm_cause_show(cause, "fds_at_end", SM_UNIT_COUNT, result->end);
    sm_cause_blame(cause, facts, SM_SITE_FD, 3);
}

void sm_cause_find_fds(const struct sm_facts *facts, struct sm_cause_list *list) {
    static const char prefix[] = "fds:";
    size_t before = list->count;
    for (size_t i = 0; i < facts->analysis->series_count; i++) {
        const struct sm_series_result *result = &facts->analysis->series[i];
        const char *name = result->series->name;
        if (result->series->process_id == 0 && sm_series_is_growing(result) &&
            strncmp(name, prefix, sizeof prefix - 1) == 0)
            add(facts, result, name + sizeof prefix - 1, list);
    }
    const struct sm_series_result *all = sm_analysis_series(facts->analysis, 0, "fds");
    if (list->count == before && sm_series_is_growing(all))
        add(facts, all, "", list);
}
