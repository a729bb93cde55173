/* Which process it is, where there are several.
 *
 * Each process's heap (or resident memory) is judged apart from the others. Where the whole grows,
 * what rose is divided among the processes alive at both ends, and the cause names the one that has
 * nearly all of it, or says how many share it. Where the whole is not found growing, for the others
 * hide it, a process that grows by itself is a cause of its own; a note, when the whole is bounded:
 * what one process gains others lose. */
#include <math.h>
#include <string.h>

#include "cause.h"
#include "timeline.h"

static const double NEARLY_ALL = .8; /* of the rise of all that rose */
static const double A_SHARE = .1;

struct rise {
    const struct sm_process *process; /* that rose most */
    double most, all;
    int alive, sharing;
};

static int is_alive(const struct sm_process *process, int64_t from_ns, int64_t to_ns) {
    static const int64_t START_NS = 1000000000; /* workers are forked while the load begins */
    return process->from_ns <= from_ns + START_NS &&
           (process->to_ns < 0 || process->to_ns >= to_ns);
}

static double rise_of(const struct sm_facts *facts, const struct sm_process *process,
                      const char *name, int64_t from_ns, int64_t to_ns) {
    const struct sm_series *series = sm_run_series(facts->run, process->id, name);
    size_t count = 0;
    const struct sm_sample *samples =
        series ? sm_run_samples(facts->run, series->id, &count) : NULL;
    if (count == 0 || !is_alive(process, from_ns, to_ns))
        return NAN;
    double before = sm_timeline_at(facts->run, series, from_ns);
    double after = sm_timeline_at(facts->run, series, to_ns);
    return after - (isnan(before) ? samples[0].value : before);
}

static struct rise divide(const struct sm_facts *facts, const char *name, int64_t from_ns,
                          int64_t to_ns) {
    struct rise rise = {NULL, 0, 0, 0, 0};
    for (size_t i = 0; i < facts->run->processes_count; i++) {
        double one = rise_of(facts, &facts->run->processes[i], name, from_ns, to_ns);
        rise.alive += isfinite(one) != 0;
        if (!(one > 0))
            continue;
        rise.all += one;
        if (one > rise.most) {
            rise.most = one;
            rise.process = &facts->run->processes[i];
        }
    }
    for (size_t i = 0; i < facts->run->processes_count; i++)
        rise.sharing +=
            rise_of(facts, &facts->run->processes[i], name, from_ns, to_ns) > A_SHARE * rise.all;
    return rise;
}

static void name_process(const struct sm_facts *facts, struct sm_cause *cause) {
    int64_t from_ns = facts->from_ns, to_ns = facts->to_ns;
    int is_backlog = cause->kind == SM_CAUSE_BACKLOG || cause->kind == SM_CAUSE_RETRY_ACCUMULATION;
    if (is_backlog && facts->fault) {
        from_ns = facts->fault->from_ns;
        to_ns = sm_timeline_phase_end(facts->run, facts->fault);
    }
    const char *name = cause->kind == SM_CAUSE_FD_LEAK ? "fds" : cause->series;
    struct rise rise = divide(facts, name, from_ns, to_ns);
    if (rise.alive < 2 || !rise.process)
        return;
    if (rise.most < NEARLY_ALL * rise.all) {
        sm_cause_say(cause, "%d of %d processes share it.", rise.sharing, rise.alive);
        sm_cause_show(cause, "processes_sharing", SM_UNIT_COUNT, rise.sharing);
        return;
    }
    sm_cause_say(cause, "Of %d processes it is one alone: pid %d (%.60s).", rise.alive,
                 rise.process->pid, rise.process->command);
    sm_cause_show(cause, "process_pid", SM_UNIT_COUNT, rise.process->pid);
    sm_cause_show(cause, "process_share", SM_UNIT_NONE, rise.most / rise.all);
}

static int is_memory_that_rose(enum sm_cause_kind kind) {
    return kind == SM_CAUSE_BACKLOG || kind == SM_CAUSE_RETRY_ACCUMULATION ||
           kind == SM_CAUSE_LEAK_PER_REQUEST || kind == SM_CAUSE_LEAK_OVER_TIME ||
           kind == SM_CAUSE_FD_LEAK || kind == SM_CAUSE_DECLARED_BOUND_EXCEEDED;
}

static const struct sm_process *process_of(const struct sm_run *run, int32_t id) {
    for (size_t i = 0; i < run->processes_count; i++)
        if (run->processes[i].id == id)
            return &run->processes[i];
    return NULL;
}

/* A process that grows while the whole is not found growing. */
static void find_hidden(const struct sm_facts *facts, struct sm_cause_list *list) {
    for (size_t i = 0; i < facts->analysis->series_count; i++) {
        const struct sm_series_result *result = &facts->analysis->series[i];
        const struct sm_process *process = process_of(facts->run, result->series->process_id);
        if (!process || !result->is_judged || result->verdict.kind != SM_VERDICT_GROWING ||
            strcmp(result->series->name, facts->memory->name) != 0)
            continue;
        struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_LEAK_PER_REQUEST, facts->memory->name);
        if (!cause)
            return;
        cause->is_note = facts->memory_result->verdict.kind == SM_VERDICT_BOUNDED;
        sm_cause_say(cause,
                     "%s of one process, pid %d (%.60s), grows by %s (%s to %s), which the others "
                     "hide in the whole.",
                     facts->memory->name, process->pid, process->command,
                     SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, result->rate_per_s.value),
                     SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, result->rate_per_s.low),
                     SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, result->rate_per_s.high));
        sm_cause_show(cause, "rate_bytes_per_s", SM_UNIT_BYTES_PER_S, result->rate_per_s.value);
        sm_cause_show(cause, "process_pid", SM_UNIT_COUNT, process->pid);
        sm_cause_show(cause, "process_share", SM_UNIT_NONE, 1);
        sm_cause_flag(cause, "driver_told_apart", 0);
        sm_cause_blame(cause, facts, SM_SITE_HEAP, 3);
    }
}

void sm_cause_find_process(const struct sm_facts *facts, struct sm_cause_list *list) {
    if (!facts->memory || !facts->memory_result)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (is_memory_that_rose(list->causes[i].kind))
            name_process(facts, &list->causes[i]);
    if (facts->memory_result->verdict.kind != SM_VERDICT_GROWING)
        find_hidden(facts, list);
}
