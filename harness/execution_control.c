/* execution_control.c - the positive control: a trickle of memory kept in the target while it is
 * under load, so that the report can show what growth this run would have seen. */
#include "execution_internal.h"

#include <math.h>
#include <stdio.h>

#include "../reports/growth.h"

/* A rate of its own choice is set after that much load, at so many times the growth that matters;
 * the later growth of a heap that is filling up must not put it out of reach. */
static const double look_after_s = 1, above_resolution = 6;

static double choose_rate(const struct sm_execution *execution) {
    struct sm_sampler_now now;
    double payload = 0;
    sm_sampler_now(execution->sampler, &now);
    for (size_t i = 0; i < execution->load_count; i++)
        payload += (double)execution->loads[i].counts.bytes_offered;
    return above_resolution *
           sm_growth_resolution_of_bytes(now.heap_bytes, payload / execution->control.loaded_s);
}

void sm_execution_keep_control(struct sm_execution *execution, int64_t now_ns) {
    double asked = execution->options->control_per_s;
    double passed_s =
        execution->control.at_ns ? (double)(now_ns - execution->control.at_ns) / 1e9 : 0;
    execution->control.at_ns = now_ns;
    if (asked == 0 || execution->control.load_factor <= 0)
        return;
    execution->control.loaded_s += passed_s;
    if (execution->control.per_s == 0 && asked > 0)
        execution->control.per_s = asked;
    if (execution->control.per_s == 0 && execution->control.loaded_s >= look_after_s)
        execution->control.per_s = choose_rate(execution);
    execution->control.due_bytes += execution->control.per_s * passed_s;
    double whole = floor(execution->control.due_bytes);
    if (whole < 1)
        return;
    execution->control.due_bytes -= whole;
    sm_sampler_keep_more(execution->sampler,
                         (uint64_t)whole); /* or nobody can: the report says so */
}

void sm_execution_write_control(struct sm_execution *execution) {
    char text[160];
    if (execution->options->control_per_s == 0)
        return;
    snprintf(text, sizeof text, "{\"asked_per_s\":%.17g,\"is_chosen\":%s,\"loaded_s\":%.17g}",
             execution->control.per_s, execution->options->control_per_s < 0 ? "true" : "false",
             execution->control.loaded_s);
    sm_record_set_meta(execution->record, SM_META_CONTROL, text);
}
