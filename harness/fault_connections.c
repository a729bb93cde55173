/* fault_connections.c - what goes over the connections to a service: cut, or taken slowly. Done by
 * the service's relay. */
#include "fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors.h"
#include "fault_rule.h"
#include "relay.h"

struct connections {
    struct sm_execution_actor *actor;
    double bytes_per_s;
    bool refuses, is_at_work;
};

#define NAME_KEY                                                                                   \
    {                                                                                              \
        .name = "name", .type = SM_KEY_TEXT, .required = true,                                     \
        .help = "the service; it needs relay = true"                                               \
    }

static const struct sm_key cut_keys[] = {
    NAME_KEY,
    {.name = "refuse",
     .type = SM_KEY_BOOL,
     .fallback = "true",
     .help = "new connections are reset too, as long as the fault lasts"},
    SM_FAULT_TIME_KEYS,
    {.name = NULL}};

static const struct sm_key slow_keys[] = {
    NAME_KEY,
    {.name = "rate",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_BYTES_PER_S,
     .at_least = 1,
     .help = "bytes per second that are read from all its clients together"},
    {.name = "stall", .type = SM_KEY_BOOL, .fallback = "false", .help = "nothing is read at all"},
    SM_FAULT_TIME_KEYS,
    {.name = NULL}};

static int open_either(const struct sm_block *config, struct sm_fault_env *env,
                       struct connections **ret_fault, struct sm_error *err) {
    struct sm_execution_actor *actor;
    int rc = sm_actor_find(env->execution, config, &actor, err);
    if (rc)
        return rc;
    if (!sm_actor_has_relay(actor))
        return sm_fault_misused(err, config, "give the service relay = true",
                                "%s: connections to %s do not go through a relay", config->type,
                                sm_block_text(config, "name"));
    struct connections *fault = calloc(1, sizeof *fault);
    if (!fault)
        return sm_error_set(err, -ENOMEM, config->where, NULL, "out of memory");
    fault->actor = actor;
    *ret_fault = fault;
    return 0;
}

static int cut_open(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                    struct sm_error *err) {
    struct connections *fault;
    int rc = open_either(config, env, &fault, err);
    if (rc)
        return rc;
    fault->refuses = sm_block_bool(config, "refuse");
    *ret_fault = fault;
    return 0;
}

static int slow_open(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                     struct sm_error *err) {
    struct connections *fault;
    if (sm_block_bool(config, "stall") == sm_block_has(config, "rate"))
        return sm_fault_misused(err, config, "give it a rate or stall = true, one of the two",
                                "slow_reads: how slow?");
    int rc = open_either(config, env, &fault, err);
    if (rc)
        return rc;
    fault->bytes_per_s = sm_block_quantity(config, "rate");
    *ret_fault = fault;
    return 0;
}

static int cut_begin(void *opaque, struct sm_error *err) {
    struct connections *fault = opaque;
    (void)err;
    sm_relay_cut(sm_actor_relay(fault->actor), fault->refuses);
    fault->is_at_work = true;
    return 0;
}

static int cut_end(void *opaque, struct sm_error *err) {
    struct connections *fault = opaque;
    (void)err;
    if (fault->is_at_work)
        sm_relay_restore(sm_actor_relay(fault->actor));
    fault->is_at_work = false;
    return 0;
}

static int slow_begin(void *opaque, struct sm_error *err) {
    struct connections *fault = opaque;
    (void)err;
    sm_relay_slow(sm_actor_relay(fault->actor), fault->bytes_per_s);
    fault->is_at_work = true;
    return 0;
}

static int slow_end(void *opaque, struct sm_error *err) {
    struct connections *fault = opaque;
    (void)err;
    if (fault->is_at_work)
        sm_relay_unslow(sm_actor_relay(fault->actor));
    fault->is_at_work = false;
    return 0;
}

static void cut_receipt(void *opaque, struct sm_receipt *ret_receipt) {
    const struct connections *fault = opaque;
    struct sm_relay_counts counts;
    sm_relay_counts(sm_actor_relay(fault->actor), &counts);
    *ret_receipt = (struct sm_receipt){.calls = counts.cut + counts.refused};
    snprintf(ret_receipt->note, sizeof ret_receipt->note,
             "by a relay, so far: %lld connections reset while open, %lld as they came",
             (long long)counts.cut, (long long)counts.refused);
}

static void slow_receipt(void *opaque, struct sm_receipt *ret_receipt) {
    const struct connections *fault = opaque;
    struct sm_relay_counts counts;
    sm_relay_counts(sm_actor_relay(fault->actor), &counts);
    *ret_receipt = (struct sm_receipt){
        .calls = counts.slowed_reads, .bytes = counts.slowed_bytes, .delay_s = counts.held_s};
    snprintf(ret_receipt->note, sizeof ret_receipt->note,
             "by a relay; the delay is that of all connections together, and what the kernel's "
             "buffers hold comes on top");
}

static void close_cut(void *opaque) {
    if (opaque)
        cut_end(opaque, NULL);
    free(opaque);
}

static void close_slow(void *opaque) {
    if (opaque)
        slow_end(opaque, NULL);
    free(opaque);
}

const struct sm_fault_ops sm_fault_cut = {
    .name = "cut",
    .help = "the connections to a service are reset, and come through again in the end",
    .keys = cut_keys,
    .open = cut_open,
    .begin = cut_begin,
    .end = cut_end,
    .receipt = cut_receipt,
    .close = close_cut,
};

const struct sm_fault_ops sm_fault_slow_reads = {
    .name = "slow_reads",
    .help = "a service reads slowly what its clients write",
    .keys = slow_keys,
    .open = slow_open,
    .begin = slow_begin,
    .end = slow_end,
    .receipt = slow_receipt,
    .close = close_slow,
};
