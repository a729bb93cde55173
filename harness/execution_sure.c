/* execution_sure.c - a run that ends as soon as its outcome is sure. */
#include "execution_internal.h"

#include <stdio.h>

static int repeats(const struct sm_scenario_phase *phase, const struct sm_scenario_phase *before) {
    if (phase->load_factor != before->load_factor || phase->is_settle != before->is_settle ||
        phase->give_back != before->give_back || phase->duration_s > before->duration_s ||
        phase->fault_count != before->fault_count)
        return 0;
    for (size_t i = 0; i < phase->fault_count; i++)
        if (phase->faults[i] != before->faults[i])
            return 0;
    return 1;
}

static int is_new(const struct sm_scenario *scenario, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (repeats(&scenario->phases[index], &scenario->phases[i]))
            return 0;
    return 1;
}

int sm_execution_start_settler(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    /* What a trial measures must not depend on when it ends. */
    if (!execution->options->until_sure || !scenario || execution->options->is_trial)
        return 0;
    for (size_t i = 0; i < scenario->phase_count; i++)
        if (is_new(scenario, i))
            execution->last_new_phase = i;
    return sm_settler_start(execution->dir->record, &execution->settler, err);
}

void sm_execution_phase_done(struct sm_execution *execution, size_t index) {
    if (!execution->settler)
        return;
    sm_record_commit(execution->record); /* the look reads what is committed */
    sm_settler_look(execution->settler, index >= execution->last_new_phase);
}

int sm_execution_is_sure(struct sm_execution *execution, const struct sm_scenario_phase *phase,
                         char *why, size_t why_bytes) {
    struct sm_settled settled;
    if (!execution->settler || phase->is_settle || !sm_settler_answer(execution->settler, &settled))
        return 0;
    snprintf(why, why_bytes, "%s", settled.why);
    sm_execution_event(execution, "sure", "%s", why);
    sm_record_set_meta(execution->record, SM_META_ENDED_WHY, why);
    return 1;
}

void sm_execution_stop_settler(struct sm_execution *execution) {
    struct sm_error err = {0};
    char line[300];
    if (!execution->settler)
        return;
    sm_settler_failure(execution->settler, &err);
    if (err.code)
        sm_execution_event(execution, "error", "a look at the record so far failed: %s",
                           sm_error_format(&err, line, sizeof line));
    sm_settler_stop(execution->settler);
    execution->settler = NULL;
}
