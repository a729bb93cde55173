/* fault_slow_disk.c - writes to files below a path take as long as a slow disk would make them:
 * a bandwidth, a delay per call, a stall. Done by the supervisor. */
#include "fault.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "fault_rule.h"

struct slow_disk {
    struct sm_fault_rule rule;
    double stall_s; /* of each time it begins; 0 = none, INFINITY = as long as it lasts */
};

static const struct sm_key keys[] = {
    {.name = "path",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "the file, or the directory with all below it"},
    {.name = "rate",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_BYTES_PER_S,
     .at_least = 1,
     .help = "bytes per second that get through"},
    {.name = "latency",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .help = "added to every write, sync and truncation"},
    {.name = "stall",
     .type = SM_KEY_BOOL,
     .fallback = "false",
     .help = "nothing gets through as long as the fault lasts"},
    {.name = "stall_for",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .help = "nothing gets through for this long after the fault begins"},
    SM_FAULT_TIME_KEYS,
    {.name = NULL},
};

static const double ns_per_s = 1e9;

static int check(const struct sm_block *config, struct sm_error *err) {
    bool stalls = sm_block_bool(config, "stall");
    if (!sm_block_has(config, "rate") && !sm_block_has(config, "latency") &&
        !sm_block_has(config, "stall_for") && !stalls)
        return sm_fault_misused(err, config, "give it a rate, a latency, stall = true or stall_for",
                                "slow_disk would slow nothing");
    if (stalls && sm_block_has(config, "stall_for"))
        return sm_fault_misused(err, config, "keep one of the two",
                                "slow_disk: both stall and stall_for");
    return 0;
}

static int slow_disk_open(const struct sm_block *config, struct sm_fault_env *env, void **ret_fault,
                          struct sm_error *err) {
    int rc = check(config, err);
    if (rc)
        return rc;
    struct slow_disk *fault = calloc(1, sizeof *fault);
    if (!fault)
        return sm_error_set(err, -ENOMEM, config->where, NULL, "out of memory");
    rc = sm_fault_rule_claim(&fault->rule, env, config, sm_block_text(config, "path"), err);
    if (rc) {
        free(fault);
        return rc;
    }
    struct sm_disk_rule *rule = fault->rule.rule;
    if (sm_block_has(config, "rate"))
        rule->bytes_per_s = (uint64_t)sm_block_quantity(config, "rate");
    if (sm_block_has(config, "latency"))
        rule->latency_ns = (uint64_t)(sm_block_quantity(config, "latency") * ns_per_s);
    if (sm_block_has(config, "stall_for"))
        fault->stall_s = sm_block_quantity(config, "stall_for");
    if (sm_block_bool(config, "stall"))
        fault->stall_s = __builtin_inf();
    rule->will_stall = fault->stall_s > 0;
    sm_fault_rule_publish(&fault->rule);
    *ret_fault = fault;
    return 0;
}

static int slow_disk_begin(void *opaque, struct sm_error *err) {
    struct slow_disk *fault = opaque;
    uint64_t until_ns = 0;
    if (__builtin_isinf(fault->stall_s))
        until_ns = SM_STALL_FOR_EVER;
    else if (fault->stall_s > 0)
        until_ns = (uint64_t)sm_now_ns() + (uint64_t)(fault->stall_s * ns_per_s);
    __atomic_store_n(&fault->rule.rule->stall_until_ns, until_ns, __ATOMIC_RELAXED);
    return sm_fault_rule_begin(&fault->rule, err);
}

static int slow_disk_end(void *opaque, struct sm_error *err) {
    (void)err;
    struct slow_disk *fault = opaque;
    sm_fault_rule_end(&fault->rule);
    return 0;
}

static void slow_disk_receipt(void *opaque, struct sm_receipt *ret_receipt) {
    const struct slow_disk *fault = opaque;
    sm_fault_rule_receipt(&fault->rule, ret_receipt);
}

static void slow_disk_close(void *opaque) {
    struct slow_disk *fault = opaque;
    if (!fault)
        return;
    sm_fault_rule_end(&fault->rule);
    free(fault);
}

const struct sm_fault_ops sm_fault_slow_disk = {
    .name = "slow_disk",
    .help = "writes below a path take as long as on a slow disk",
    .keys = keys,
    .open = slow_disk_open,
    .begin = slow_disk_begin,
    .end = slow_disk_end,
    .receipt = slow_disk_receipt,
    .close = slow_disk_close,
};
