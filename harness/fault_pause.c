/* fault_pause.c - a service, or the target, stands still: SIGSTOP, and SIGCONT in the end. What it
 * would have read stays with those who write to it. */
#include "fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors.h"
#include "clock.h"

struct paused {
    struct sm_execution_actor *actor;
    int64_t begun_ns; /* 0 = not at work */
    size_t processes;
    struct sm_receipt receipt;
};

static const struct sm_key keys[] = {
    {.name = "name",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "the service, or target: it and all processes below it"},
    SM_FAULT_TIME_KEYS,
    {.name = NULL}};

static int pause_open(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                      struct sm_error *err) {
    struct sm_execution_actor *actor;
    int rc = sm_actor_find(env->execution, config, &actor, err);
    if (rc)
        return rc;
    struct paused *fault = calloc(1, sizeof *fault);
    if (!fault)
        return sm_error_set(err, -ENOMEM, config->where, NULL, "out of memory");
    fault->actor = actor;
    *ret_fault = fault;
    return 0;
}

static int pause_begin(void *opaque, struct sm_error *err) {
    struct paused *fault = opaque;
    int rc = sm_actor_pause(fault->actor, &fault->processes, err);
    if (rc) {
        sm_actor_resume(fault->actor);
        return rc;
    }
    fault->begun_ns = fault->processes ? sm_now_ns() : 0;
    fault->receipt.calls += (int64_t)fault->processes;
    return 0;
}

static double since_s(const struct paused *fault) {
    return fault->begun_ns ? (double)(sm_now_ns() - fault->begun_ns) / 1e9 : 0;
}

static int pause_end(void *opaque, struct sm_error *err) {
    struct paused *fault = opaque;
    (void)err;
    sm_actor_resume(fault->actor);
    fault->receipt.delay_s += since_s(fault);
    fault->begun_ns = 0;
    return 0;
}

static void pause_receipt(void *opaque, struct sm_receipt *ret_receipt) {
    const struct paused *fault = opaque;
    *ret_receipt = fault->receipt;
    ret_receipt->delay_s += since_s(fault);
    if (fault->processes)
        snprintf(ret_receipt->note, sizeof ret_receipt->note,
                 "SIGSTOP to %zu process%s, which the kernel then showed as stopped; SIGCONT in "
                 "the end",
                 fault->processes, fault->processes == 1 ? "" : "es");
    else
        snprintf(ret_receipt->note, sizeof ret_receipt->note, "there was no process to stop");
}

static void pause_close(void *opaque) {
    struct paused *fault = opaque;
    if (fault && fault->begun_ns)
        sm_actor_resume(fault->actor);
    free(fault);
}

const struct sm_fault_ops sm_fault_pause = {
    .name = "pause",
    .help = "a service or the target stands still, and goes on in the end",
    .keys = keys,
    .open = pause_open,
    .begin = pause_begin,
    .end = pause_end,
    .receipt = pause_receipt,
    .close = pause_close,
};
