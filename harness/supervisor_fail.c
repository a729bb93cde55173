/* supervisor_fail.c - which calls fail, and how. */
#include "supervisor_fail.h"

#include "random.h"

static const uint32_t million = 1000000;

static void count(uint64_t *counter, uint64_t by) {
    __atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

static bool is_hit(const struct sm_disk_rule *rule, struct sm_fail_count *counts, uint64_t bytes) {
    if (counts->calls <= rule->fail_after_calls)
        return false;
    if (rule->fail_after_bytes && counts->bytes + bytes <= rule->fail_after_bytes)
        return false;
    if (rule->fail_most && counts->failed >= rule->fail_most)
        return false;
    if (rule->fail_code == 0 && bytes < 2)
        return false; /* can't be cut */
    return rule->fail_per_million >= million ||
           sm_random_next(&counts->random) % million < rule->fail_per_million;
}

static bool judge_one(struct sm_fail *fail, int i, enum sm_disk_call kind, uint64_t bytes) {
    struct sm_disk_rule *rule = &fail->shared->rules[i];
    struct sm_fail_count *counts = &fail->counts[i];
    uint32_t epoch = __atomic_load_n(&rule->epoch, __ATOMIC_RELAXED);
    if ((rule->fail_on & kind) == 0)
        return false;
    if (counts->epoch != epoch)
        *counts = (struct sm_fail_count){.epoch = epoch, .random = rule->fail_seed + epoch};
    counts->calls++;
    if (!is_hit(rule, counts, bytes)) {
        counts->bytes += bytes;
        count(&rule->passed, 1);
        return false;
    }
    counts->failed++;
    count(&rule->calls, 1);
    count(&rule->bytes, bytes);
    return true;
}

struct sm_verdict sm_fail_judge(struct sm_fail *fail, sm_rule_set rules, enum sm_disk_call kind,
                                uint64_t bytes) {
    for (; rules; rules &= rules - 1) {
        int i = __builtin_ctz(rules);
        if (!sm_rule_enter(&fail->shared->rules[i]))
            continue;
        bool is_failed = judge_one(fail, i, kind, bytes);
        sm_rule_leave(&fail->shared->rules[i]);
        if (is_failed) {
            int code = (int)fail->shared->rules[i].fail_code;
            return (struct sm_verdict){.code = code, .cut_short = code == 0};
        }
    }
    return (struct sm_verdict){0};
}
