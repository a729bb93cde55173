/* supervisor_delay.c - token buckets and the heap of waiting calls.
 *
 * A rule's bucket is a disk that serves one call after the other: a call is answered when its own
 * bytes are through, so that N bytes take N / rate however they are cut. By as much as our own
 * timer was late, the next call is let go earlier. */
#include "supervisor_delay.h"

#include <string.h>

static const int64_t most_credit_ns = 20 * 1000 * 1000;
static const int64_t never_ns = INT64_MAX;
static const int64_t longest_ns = INT64_C(1000) * 3600 * 1000 * 1000 * 1000; /* 1000 h */

static void count(uint64_t *counter, uint64_t by) {
    __atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

/* Those of the rules that are at work still, which then wait for the call. */
static sm_rule_set enter(struct sm_delay *delay, sm_rule_set rules) {
    sm_rule_set entered = 0;
    for (; rules; rules &= rules - 1)
        if (sm_rule_enter(&delay->shared->rules[__builtin_ctz(rules)]))
            entered |= rules & -rules;
    return entered;
}

static void leave(struct sm_delay *delay, sm_rule_set rules) {
    for (; rules; rules &= rules - 1)
        sm_rule_leave(&delay->shared->rules[__builtin_ctz(rules)]);
}

static void account(struct sm_delay *delay, struct sm_waiting_call *call, int64_t now_ns) {
    if (now_ns <= call->accounted_ns)
        return;
    for (sm_rule_set rest = call->rules; rest; rest &= rest - 1)
        count(&delay->shared->rules[__builtin_ctz(rest)].delay_ns,
              (uint64_t)(now_ns - call->accounted_ns));
    call->accounted_ns = now_ns;
}

/* The heap. */

static void swap(struct sm_delay *delay, size_t a, size_t b) {
    struct sm_waiting_call kept = delay->heap[a];
    delay->heap[a] = delay->heap[b];
    delay->heap[b] = kept;
}

static void sift_up(struct sm_delay *delay, size_t at) {
    for (size_t parent; at > 0; at = parent) {
        parent = (at - 1) / 2;
        if (delay->heap[parent].due_ns <= delay->heap[at].due_ns)
            return;
        swap(delay, parent, at);
    }
}

static void sift_down(struct sm_delay *delay, size_t at) {
    for (;;) {
        size_t least = at, left = 2 * at + 1;
        for (size_t child = left; child < left + 2 && child < delay->count; child++)
            if (delay->heap[child].due_ns < delay->heap[least].due_ns)
                least = child;
        if (least == at)
            return;
        swap(delay, least, at);
        at = least;
    }
}

static void take_out(struct sm_delay *delay, size_t at) {
    leave(delay, delay->heap[at].rules);
    delay->heap[at] = delay->heap[--delay->count];
}

/* The rules. */

static int64_t stalled_until(const struct sm_delay *delay, sm_rule_set rules, int64_t now_ns) {
    uint64_t until = 0;
    for (; rules; rules &= rules - 1) {
        const struct sm_disk_rule *rule = &delay->shared->rules[__builtin_ctz(rules)];
        uint64_t one = __atomic_load_n(&rule->stall_until_ns, __ATOMIC_RELAXED);
        until = one > until ? one : until;
    }
    if (until <= (uint64_t)now_ns)
        return 0;
    return until >= (uint64_t)never_ns ? never_ns : (int64_t)until;
}

static int64_t transfer_ns(uint64_t bytes, uint64_t bytes_per_s) {
    double ns = (double)bytes * 1e9 / (double)bytes_per_s;
    return ns > (double)longest_ns ? longest_ns : (int64_t)ns;
}

static int64_t use_credit(struct sm_bucket *bucket, int64_t most_ns) {
    int64_t used_ns = bucket->credit_ns < most_ns ? bucket->credit_ns : most_ns;
    bucket->credit_ns -= used_ns;
    return used_ns;
}

static void give_credit(struct sm_delay *delay, sm_rule_set rules, int64_t late_ns) {
    for (; rules; rules &= rules - 1) {
        struct sm_bucket *bucket = &delay->buckets[__builtin_ctz(rules)];
        int64_t credit_ns = bucket->credit_ns + late_ns;
        bucket->credit_ns = credit_ns < most_credit_ns ? credit_ns : most_credit_ns;
    }
}

/* When rule i lets the bytes through. No bytes (a sync) still wait for all before them. */
static int64_t pass_bucket(struct sm_delay *delay, int i, uint64_t bytes, int64_t now_ns) {
    const struct sm_disk_rule *rule = &delay->shared->rules[i];
    uint64_t rate = __atomic_load_n(&rule->bytes_per_s, __ATOMIC_RELAXED);
    uint32_t epoch = __atomic_load_n(&rule->epoch, __ATOMIC_RELAXED);
    int64_t due_ns = now_ns;
    if (delay->buckets[i].epoch != epoch) {
        delay->buckets[i] = (struct sm_bucket){.epoch = epoch};
    }
    if (rate) {
        struct sm_bucket *bucket = &delay->buckets[i];
        if (bucket->free_ns < now_ns)
            bucket->free_ns = now_ns - use_credit(bucket, now_ns - bucket->free_ns);
        if (bucket->free_ns < now_ns + longest_ns)
            bucket->free_ns += transfer_ns(bytes, rate);
        due_ns = bucket->free_ns > now_ns ? bucket->free_ns : now_ns;
    }
    uint64_t latency_ns = __atomic_load_n(&rule->latency_ns, __ATOMIC_RELAXED);
    return due_ns + (latency_ns > (uint64_t)longest_ns ? longest_ns : (int64_t)latency_ns);
}

static void plan(struct sm_delay *delay, struct sm_waiting_call *call, int64_t now_ns) {
    int64_t until_ns = stalled_until(delay, call->rules, now_ns);
    call->stalled = until_ns != 0;
    call->due_ns = call->stalled ? until_ns : now_ns;
    if (call->stalled)
        return;
    for (sm_rule_set rest = call->rules; rest; rest &= rest - 1) {
        int64_t due_ns = pass_bucket(delay, __builtin_ctz(rest), call->bytes, now_ns);
        call->due_ns = due_ns > call->due_ns ? due_ns : call->due_ns;
    }
}

bool sm_delay_admit(struct sm_delay *delay, uint64_t id, sm_rule_set rules, uint64_t bytes,
                    const struct sm_answer *answer, int64_t now_ns) {
    rules = enter(delay, rules);
    struct sm_waiting_call call = {
        .id = id, .accounted_ns = now_ns, .bytes = bytes, .rules = rules, .answer = *answer};
    for (sm_rule_set rest = rules; rest; rest &= rest - 1) {
        count(&delay->shared->rules[__builtin_ctz(rest)].calls, 1);
        count(&delay->shared->rules[__builtin_ctz(rest)].bytes, bytes);
    }
    plan(delay, &call, now_ns);
    if (call.due_ns <= now_ns || delay->count == SM_DELAY_CALLS) {
        leave(delay, rules);
        return false;
    }
    delay->heap[delay->count] = call;
    sift_up(delay, delay->count++);
    return true;
}

bool sm_delay_take_due(struct sm_delay *delay, int64_t now_ns, struct sm_waiting_call *ret_call) {
    while (delay->count > 0 && delay->heap[0].due_ns <= now_ns) {
        struct sm_waiting_call call = delay->heap[0];
        account(delay, &call, now_ns);
        if (call.stalled && sm_rules_active(delay->shared, call.rules)) {
            plan(delay, &call, now_ns); /* its stall is over: now to the buckets */
            delay->heap[0] = call;
            sift_down(delay, 0);
            continue;
        }
        give_credit(delay, call.rules, now_ns - call.due_ns);
        take_out(delay, 0);
        sift_down(delay, 0);
        *ret_call = call;
        return true;
    }
    return false;
}

void sm_delay_review(struct sm_delay *delay, int64_t now_ns,
                     bool (*is_gone)(void *context, uint64_t id), void *context) {
    for (size_t i = 0; i < delay->count;) {
        struct sm_waiting_call *call = &delay->heap[i];
        account(delay, call, now_ns);
        if (is_gone(context, call->id)) {
            take_out(delay, i);
            continue;
        }
        if (sm_rules_active(delay->shared, call->rules) != call->rules)
            call->due_ns = now_ns;
        else if (call->stalled)
            plan(delay, call, now_ns);
        i++;
    }
    for (size_t i = delay->count / 2; i-- > 0;)
        sift_down(delay, i);
}

int64_t sm_delay_next_ns(const struct sm_delay *delay) {
    return delay->count ? delay->heap[0].due_ns : never_ns;
}
