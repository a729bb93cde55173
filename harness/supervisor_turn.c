#include "supervisor_turn.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "supervisor_delay.h"
#include "supervisor_fail.h"

/* Changed rules are looked for this often while calls wait, as with notifications. */
static const int64_t review_ns = 10 * 1000 * 1000, idle_ns = 20 * 1000 * 1000;

struct sm_turns {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t due;
    pthread_t clock;
    uint64_t next_id;
    bool is_done[SM_DELAY_CALLS * 2]; /* by id, modulo */
    struct sm_fail fail;
    struct sm_delay delay;
};

static bool is_never_gone(void *context, uint64_t id) {
    (void)context, (void)id;
    return false;
}

static bool *mark_of(struct sm_turns *turns, uint64_t id) {
    return &turns->is_done[id % (SM_DELAY_CALLS * 2)];
}

static void *keep_time(void *argument) {
    struct sm_turns *turns = argument;
    struct sm_waiting_call call;
    for (;;) {
        pthread_mutex_lock(&turns->lock);
        int64_t now_ns = sm_now_ns(), next_ns = now_ns + idle_ns;
        if (turns->delay.count) {
            sm_delay_review(&turns->delay, now_ns, is_never_gone, NULL);
            while (sm_delay_take_due(&turns->delay, now_ns, &call))
                *mark_of(turns, call.id) = true;
            pthread_cond_broadcast(&turns->due);
            int64_t due_ns = sm_delay_next_ns(&turns->delay);
            next_ns = due_ns < now_ns + review_ns ? due_ns : now_ns + review_ns;
        }
        /* A call that comes meanwhile is due after its delay: a tenth of a millisecond finds it. */
        pthread_mutex_unlock(&turns->lock);
        int64_t soon_ns = now_ns + review_ns / 100;
        sm_sleep_until_ns(next_ns < soon_ns ? next_ns : soon_ns);
    }
    return NULL;
}

struct sm_turns *sm_turns_start(struct sm_supervisor_shared *shared) {
    struct sm_turns *turns = calloc(1, sizeof *turns);
    if (!turns)
        return NULL;
    turns->fail.shared = turns->delay.shared = shared;
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->due, NULL);
    if (pthread_create(&turns->clock, NULL, keep_time, turns) == 0)
        return turns;
    free(turns);
    return NULL;
}

int sm_turns_take(struct sm_turns *turns, const char *path, enum sm_disk_call kind,
                  uint64_t bytes) {
    const struct sm_supervisor_shared *shared = turns->delay.shared;
    const struct sm_answer nothing = {0};
    sm_rule_set rules = sm_rules_active(shared, sm_rules_matching(shared, path));
    struct sm_verdict verdict = {0};
    if (!rules)
        return 0;
    pthread_mutex_lock(&turns->lock);
    sm_rule_set failing = sm_rules_failing(shared, rules);
    if (failing)
        verdict = sm_fail_judge(&turns->fail, failing, kind, bytes);
    uint64_t id = turns->next_id++;
    *mark_of(turns, id) = false;
    if (kind != SM_CALL_OPEN && rules != failing &&
        sm_delay_admit(&turns->delay, id, rules & ~failing, bytes, &nothing, sm_now_ns()))
        while (!*mark_of(turns, id))
            pthread_cond_wait(&turns->due, &turns->lock);
    pthread_mutex_unlock(&turns->lock);
    return verdict.cut_short ? -1 : verdict.code;
}
