/* execution_faults.c - faults: opened before the target starts, at work during the phases that
 * name them, each window with its receipt in the record. */
#include "execution_internal.h"

#include <errno.h>
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
    struct sm_fault_env env = {.supervisor = execution->supervisor};
    int rc = fault.ops->open(block, &env, &fault.fault, err);
    if (rc)
        return rc;
    execution->needs_supervisor |= env.needs_supervisor;
    execution->faults[execution->fault_count++] = fault;
    return 0;
}

int sm_execution_open_faults(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    for (size_t p = 0; scenario && p < scenario->phase_count; p++) {
        const struct sm_scenario_phase *phase = &scenario->phases[p];
        for (size_t f = 0; f < phase->fault_count; f++) {
            if (find_fault(execution, phase->faults[f]))
                continue;
            int rc = open_fault(execution, phase->faults[f], err);
            if (rc)
                return rc;
        }
    }
    return 0;
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

int sm_execution_begin_faults(struct sm_execution *execution,
                              const struct sm_scenario_phase *phase, struct sm_error *err) {
    for (size_t f = 0; f < phase->fault_count; f++) {
        struct sm_execution_fault *fault = find_fault(execution, phase->faults[f]);
        fault->ops->receipt(fault->fault, &fault->at_begin);
        int rc = fault->ops->begin(fault->fault, err);
        if (rc)
            return rc;
        fault->begun_ns = sm_execution_now(execution);
        sm_execution_event(execution, "fault", "%s begins", fault->ops->name);
        write_fault(execution, fault, -1);
    }
    return 0;
}

void sm_execution_end_faults(struct sm_execution *execution) {
    for (size_t i = 0; i < execution->fault_count; i++) {
        struct sm_execution_fault *fault = &execution->faults[i];
        if (fault->begun_ns < 0)
            continue;
        struct sm_error err = {0};
        if (fault->ops->end(fault->fault, &err))
            sm_execution_event(execution, "error", "%s cannot be ended: %s", fault->ops->name,
                               err.what);
        write_fault(execution, fault, sm_execution_now(execution));
        sm_execution_event(execution, "fault", "%s ends", fault->ops->name);
        fault->begun_ns = -1;
    }
}

void sm_execution_close_faults(struct sm_execution *execution) {
    for (size_t i = 0; i < execution->fault_count; i++)
        execution->faults[i].ops->close(execution->faults[i].fault);
    execution->fault_count = 0;
}
