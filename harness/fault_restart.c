/* fault_restart.c - a service, or the target, is ended and started again: at once (restart), or
 * when the fault ends (outage). */
#include "fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"
#include "clock.h"

struct restart {
    struct sm_execution *execution;
    struct sm_execution_actor *actor;
    bool by_kill;
    double down_s;   /* of a restart, between the end and the next start */
    int64_t down_ns; /* when it ended, 0 = it is up */
    char how[96];    /* it ended, the last time */
    double ready_s;  /* it took to be ready again, the last time */
    struct sm_receipt receipt;
};

static const char *const ways[] = {"kill", "stop", NULL};

#define COMMON_KEYS                                                                                \
    {.name = "name", .type = SM_KEY_TEXT, .required = true, .help = "the service, or target"}, {   \
        .name = "by", .type = SM_KEY_TEXT, .fallback = "kill", .choices = ways,                    \
        .help = "kill = SIGKILL to all its processes, stop = as it is stopped after a run"         \
    }

static const struct sm_key restart_keys[] = {COMMON_KEYS,
                                             {.name = "down",
                                              .type = SM_KEY_QUANTITY,
                                              .unit = SM_UNIT_SECONDS,
                                              .at_most = 86400,
                                              .help = "how long it is away before it is started "
                                                      "again; at once if not given"},
                                             SM_FAULT_TIME_KEYS,
                                             {.name = NULL}};

static const struct sm_key outage_keys[] = {COMMON_KEYS, SM_FAULT_TIME_KEYS, {.name = NULL}};

static int open_either(const struct sm_block *config, struct sm_fault_env *env, double down_s,
                       void **ret_fault, struct sm_error *err) {
    struct sm_execution_actor *actor;
    int rc = sm_actor_find(env->execution, config, &actor, err);
    if (rc)
        return rc;
    struct restart *fault = calloc(1, sizeof *fault);
    if (!fault)
        return sm_error_set(err, -ENOMEM, config->where, NULL, "out of memory");
    fault->actor = actor;
    fault->execution = env->execution;
    fault->by_kill = strcmp(sm_block_text(config, "by"), "kill") == 0;
    fault->down_s = down_s;
    *ret_fault = fault;
    return 0;
}

static int restart_open(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                        struct sm_error *err) {
    double down_s = sm_block_quantity(config, "down") * env->time_scale;
    return open_either(config, env, down_s, ret_fault, err);
}

static int outage_open(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                       struct sm_error *err) {
    return open_either(config, env, 0, ret_fault, err);
}

static int go_down(struct restart *fault, struct sm_error *err) {
    int rc = sm_actor_end(fault->execution, fault->actor, fault->by_kill, fault->how,
                          sizeof fault->how, err);
    if (rc)
        return rc;
    fault->down_ns = sm_now_ns();
    fault->receipt.calls++;
    return 0;
}

static double down_for_s(const struct restart *fault) {
    return fault->down_ns ? (double)(sm_now_ns() - fault->down_ns) / 1e9 : 0;
}

static int come_back(struct restart *fault, struct sm_error *err) {
    int64_t start_ns = sm_now_ns();
    if (!fault->down_ns)
        return 0;
    int rc = sm_actor_start(fault->execution, fault->actor, err);
    fault->ready_s = (double)(sm_now_ns() - start_ns) / 1e9;
    fault->receipt.delay_s += down_for_s(fault);
    fault->down_ns = 0;
    return rc;
}

static int restart_begin(void *opaque, struct sm_error *err) {
    struct restart *fault = opaque;
    int rc = go_down(fault, err);
    if (rc)
        return rc;
    sm_actor_wait(fault->execution, fault->down_s);
    return come_back(fault, err);
}

static int restart_end(void *opaque, struct sm_error *err) {
    (void)opaque, (void)err;
    return 0;
}

static int outage_begin(void *opaque, struct sm_error *err) {
    return go_down(opaque, err);
}

static int outage_end(void *opaque, struct sm_error *err) {
    return come_back(opaque, err);
}

static void either_receipt(void *opaque, struct sm_receipt *ret_receipt) {
    const struct restart *fault = opaque;
    *ret_receipt = fault->receipt;
    ret_receipt->delay_s += down_for_s(fault);
    if (fault->down_ns)
        snprintf(ret_receipt->note, sizeof ret_receipt->note, "ended (%s), and away", fault->how);
    else if (fault->receipt.calls)
        snprintf(ret_receipt->note, sizeof ret_receipt->note,
                 "ended (%s), started again and ready %.2f s later", fault->how, fault->ready_s);
}

const struct sm_fault_ops sm_fault_restart = {
    .name = "restart",
    .help = "a service or the target is ended and started again, and waited for until ready",
    .keys = restart_keys,
    .open = restart_open,
    .begin = restart_begin,
    .end = restart_end,
    .receipt = either_receipt,
    .close = free,
};

const struct sm_fault_ops sm_fault_outage = {
    .name = "outage",
    .help = "a service or the target is ended, and started again when the fault ends",
    .keys = outage_keys,
    .open = outage_open,
    .begin = outage_begin,
    .end = outage_end,
    .receipt = either_receipt,
    .close = free,
};
