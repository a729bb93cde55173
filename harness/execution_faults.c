/* execution_faults.c - faults: opened before anything starts, at work within the phases that name
 * them, each window with its receipt in the record. */
#include "execution_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sm_fault_ops *find_ops(const char *name) {
    for (const struct sm_fault_ops *const *ops = sm_fault_table; *ops; ops++)
        if (strcmp((*ops)->name, name) == 0)
            return *ops;
    return NULL;
}

static struct sm_execution_fault *find_fault(struct sm_execution *execution,
                                             const struct sm_block *block) {
    for (size_t i = 0; i < execution->fault_count; i++)
        if (execution->faults[i].block == block)
            return &execution->faults[i];
    return NULL;
}

static int open_fault(struct sm_execution *execution, const struct sm_block *block,
                      struct sm_error *err) {
    if (execution->fault_count == SM_EXECUTION_FAULTS)
        return sm_error_set(err, -E2BIG, block->where, "repeat one fault in several phases",
                            "more than %d faults", SM_EXECUTION_FAULTS);
    struct sm_execution_fault fault = {
        .ops = find_ops(block->type), .block = block, .begun_ns = -1};
    if (!fault.ops)
        return sm_error_set(err, -ENOENT, block->where, NULL, "no fault \"%s\"", block->type);
    struct sm_fault_env env = {.supervisor = execution->supervisor,
                               .execution = execution,
                               .time_scale = execution->scenario->time_scale};
    fault.has_condition = sm_block_has(block, "when");
    if (fault.has_condition &&
        sm_condition_parse(sm_block_text(block, "when"), &fault.condition, err))
        return -EINVAL;
    int rc = fault.ops->open(block, &env, &fault.fault, err);
    if (rc)
        return rc;
    execution->needs_supervisor |= env.needs_supervisor;
    execution->faults[execution->fault_count++] = fault;
    return 0;
}

int sm_execution_open_faults(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    for (size_t p = 0; scenario && !execution->options->load_only && p < scenario->phase_count;
         p++) {
        const struct sm_scenario_phase *phase = &scenario->phases[p];
        for (size_t f = 0; f < phase->fault_count; f++) {
            if (find_fault(execution, phase->faults[f]))
                continue;
            int rc = open_fault(execution, phase->faults[f], err);
            if (rc)
                return rc;
        }
    }
    return sm_execution_choose_way(execution, err);
}

static void write_fault(struct sm_execution *execution, const struct sm_execution_fault *fault,
                        int64_t to_ns) {
    struct sm_receipt now;
    fault->ops->receipt(fault->fault, &now);
    char *asked = sm_block_json(fault->block);
    struct sm_fault row = {
        .kind = (char *)fault->ops->name,
        .from_ns = fault->begun_ns,
        .to_ns = to_ns,
        .asked = asked ? asked : (char *)"{}",
        .calls = now.calls - fault->at_begin.calls,
        .bytes = now.bytes - fault->at_begin.bytes,
        .delay_s = now.delay_s - fault->at_begin.delay_s,
        .note = now.note,
    };
    sm_record_add_fault(execution->record, &row);
    free(asked);
}

static int64_t scaled_ns(const struct sm_execution *execution, const struct sm_block *block,
                         const char *key) {
    return (int64_t)(sm_block_quantity(block, key) * execution->scenario->time_scale * 1e9);
}

void sm_execution_plan_faults(struct sm_execution *execution, const struct sm_scenario_phase *phase,
                              int64_t from_ns, int64_t until_ns) {
    for (size_t f = 0; f < phase->fault_count; f++) {
        struct sm_execution_fault *fault = find_fault(execution, phase->faults[f]);
        if (!fault) /* another shard's */
            continue;
        fault->is_waiting = true;
        fault->due_ns = from_ns + scaled_ns(execution, fault->block, "at");
        fault->give_up_ns = until_ns;
        if (sm_block_has(fault->block, "within"))
            fault->give_up_ns = fault->due_ns + scaled_ns(execution, fault->block, "within");
    }
}

static int begin(struct sm_execution *execution, struct sm_execution_fault *fault,
                 struct sm_error *err) {
    int64_t now_ns = sm_execution_now(execution);
    fault->is_waiting = false;
    fault->ops->receipt(fault->fault, &fault->at_begin);
    fault->begun_ns = now_ns;
    fault->end_ns = sm_block_has(fault->block, "lasts")
                        ? now_ns + scaled_ns(execution, fault->block, "lasts")
                        : INT64_MAX;
    sm_execution_event(execution, "fault", "%s begins%s%s", fault->ops->name,
                       fault->has_condition ? ": " : "",
                       fault->has_condition ? sm_block_text(fault->block, "when") : "");
    write_fault(execution, fault, -1);
    int rc = fault->ops->begin(fault->fault, err);
    if (rc == 0)
        write_fault(execution, fault, -1);
    return rc;
}

static int end(struct sm_execution *execution, struct sm_execution_fault *fault,
               struct sm_error *err) {
    struct sm_error own = {0};
    int rc = fault->ops->end(fault->fault, &own);
    if (rc)
        sm_execution_event(execution, "error", "%s cannot be ended: %s", fault->ops->name,
                           own.what);
    write_fault(execution, fault, sm_execution_now(execution));
    sm_execution_event(execution, "fault", "%s ends", fault->ops->name);
    fault->begun_ns = -1;
    if (rc)
        *err = own;
    return rc;
}

/* In the record as a fault without any effect, which makes the run inconclusive. */
static void give_up(struct sm_execution *execution, struct sm_execution_fault *fault) {
    int64_t now_ns = sm_execution_now(execution);
    char *asked = sm_block_json(fault->block);
    char note[200];
    snprintf(note, sizeof note, "\"%s\" was never seen within %.3g s",
             sm_block_text(fault->block, "when"), (double)(now_ns - fault->due_ns) / 1e9);
    struct sm_fault row = {.kind = (char *)fault->ops->name,
                           .from_ns = fault->due_ns,
                           .to_ns = now_ns,
                           .asked = asked ? asked : (char *)"{}",
                           .note = note};
    fault->is_waiting = false;
    sm_record_add_fault(execution->record, &row);
    sm_execution_event(execution, "fault", "%s did not begin: %s", fault->ops->name, note);
    free(asked);
}

int sm_execution_run_faults(struct sm_execution *execution, struct sm_error *err) {
    for (size_t i = 0; i < execution->fault_count; i++) {
        struct sm_execution_fault *fault = &execution->faults[i];
        int64_t now_ns = sm_execution_now(execution);
        int rc = 0;
        if (fault->begun_ns >= 0 && now_ns >= fault->end_ns)
            rc = end(execution, fault, err);
        if (!fault->is_waiting || now_ns < fault->due_ns || rc)
            ;
        else if (!fault->has_condition ||
                 sm_condition_is_met(&fault->condition,
                                     sm_execution_figure(execution, fault->condition.series)))
            rc = begin(execution, fault, err);
        else if (now_ns >= fault->give_up_ns)
            give_up(execution, fault);
        if (rc)
            return rc;
    }
    return 0;
}

int sm_execution_end_faults(struct sm_execution *execution, struct sm_error *err) {
    int rc = 0;
    for (size_t i = 0; i < execution->fault_count; i++) {
        struct sm_execution_fault *fault = &execution->faults[i];
        if (fault->begun_ns >= 0 && end(execution, fault, err))
            rc = err->code;
        if (fault->is_waiting && fault->has_condition)
            give_up(execution, fault);
        fault->is_waiting = false;
    }
    return rc;
}

void sm_execution_close_faults(struct sm_execution *execution) {
    for (size_t i = 0; i < execution->fault_count; i++)
        execution->faults[i].ops->close(execution->faults[i].fault);
    execution->fault_count = 0;
}
