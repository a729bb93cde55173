#include "memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "timeline.h"

static double level_of(const struct sm_run *run, int process_id, const char *name, int64_t t_ns) {
    return sm_timeline_at(run, sm_run_series(run, process_id, name), t_ns);
}

static double at(const struct sm_run *run, const char *name, int64_t t_ns) {
    return level_of(run, 0, name, t_ns);
}

static double known(double value) {
    return isfinite(value) ? value : 0;
}

/* The allocator's own account where there is one, at most what is resident beyond the live heap;
 * else all of that. */
static void find_slack(const struct sm_run *run, int64_t t_ns, struct sm_memory *memory) {
    const char *allocator = sm_run_meta(run, SM_META_ALLOCATOR);
    double estimate = at(run, "slack_estimate", t_ns);
    memory->slack = at(run, "slack", t_ns);
    memory->slack_age_s = at(run, "slack_age", t_ns);
    if (isnan(memory->slack)) {
        memory->slack = estimate;
        memory->slack_age_s = NAN;
        snprintf(memory->slack_source, sizeof memory->slack_source, "%s",
                 isnan(estimate) ? ""
                                 : "estimated: anonymous memory beyond the live heap, stacks and "
                                   "data included; the allocator has not answered");
        return;
    }
    if (estimate < memory->slack)
        memory->slack = estimate;
    if (isnan(memory->slack_age_s))
        return;
    /* The age was noted with the sample, which may be old itself. */
    const struct sm_series *age = sm_run_series(run, 0, "slack_age");
    size_t count = 0;
    const struct sm_sample *samples = age ? sm_run_samples(run, age->id, &count) : NULL;
    while (count > 0 && samples[count - 1].t_ns > t_ns)
        count--;
    if (count > 0)
        memory->slack_age_s += sm_timeline_seconds(t_ns - samples[count - 1].t_ns);
    snprintf(memory->slack_source, sizeof memory->slack_source,
             "%s's own account, %.1f s old, as far as it is resident",
             allocator[0] ? allocator : "the allocator", memory->slack_age_s);
}

/* Most of the remainder is private memory that the program mapped itself: with the allocators that
 * ask the program's own mmap, the heap is in that, too. */
static int is_mapped(const struct sm_run *run, const struct sm_memory *memory) {
    static const double least_bytes = 1e6;
    return memory->remainder > least_bytes &&
           at(run, "mapped", memory->t_ns) > memory->remainder / 2 &&
           isfinite(memory->slack_age_s) &&
           strcmp(sm_run_meta(run, SM_META_ALLOCATOR), "glibc") == 0;
}

static void name_remainder(const struct sm_run *run, struct sm_memory *memory) {
    const char *name = "";
    if (isnan(memory->remainder))
        name = "";
    else if (isnan(memory->heap_live))
        name = "heap and slack together: the probe saw no heap";
    else if (memory->remainder < 0)
        name = "heap that is allocated but was never touched, so not resident";
    else if (isnan(memory->slack))
        name = "allocator slack, stacks and anonymous mappings together";
    else if (is_mapped(run, memory))
        name = "above all what the program mapped itself (series mapped), stacks, its own data";
    else if (isfinite(memory->slack_age_s))
        name = "the allocator's headers and thread caches, stacks, the program's own data";
    else
        name = "stacks and the program's own data, or two clocks that differ by a sample";
    snprintf(memory->remainder_name, sizeof memory->remainder_name, "%s", name);
}

void sm_memory_reconcile(const struct sm_run *run, int64_t t_ns, struct sm_memory *ret_memory) {
    struct sm_memory memory = {
        .t_ns = t_ns,
        .rss = at(run, "rss", t_ns),
        .heap_live = at(run, "heap", t_ns),
    };
    find_slack(run, t_ns, &memory);
    double file = at(run, "rss_file", t_ns), shmem = at(run, "rss_shmem", t_ns);
    double anonymous = at(run, "rss_anon", t_ns);
    /* By kind the kernel is asked seldom, for its answer is dear; for the anonymous part always. */
    if (isfinite(anonymous))
        memory.other_mappings = memory.rss - anonymous;
    else
        memory.other_mappings = isnan(file) && isnan(shmem) ? NAN : known(file) + known(shmem);
    memory.remainder =
        memory.rss - known(memory.heap_live) - known(memory.slack) - known(memory.other_mappings);
    name_remainder(run, &memory);
    *ret_memory = memory;
}

/* Of one process, or of the whole target (0): its last account and what was freed since. NAN
 * without an account. */
static double slack_at_most_of(const struct sm_run *run, int process_id, int64_t t_ns) {
    int64_t age_ns = (int64_t)(known(level_of(run, process_id, "slack_age", t_ns)) * 1e9);
    double freed =
        level_of(run, process_id, "heap", t_ns - age_ns) - level_of(run, process_id, "heap", t_ns);
    return level_of(run, process_id, "slack", t_ns) + fmax(known(freed), 0);
}

/* Each process gave its account at a time of its own: one that rests gave its last long ago. */
double sm_memory_slack_at_most(const struct sm_run *run, int64_t t_ns) {
    double sum = NAN;
    for (size_t i = 0; i < run->processes_count; i++) {
        const struct sm_process *process = &run->processes[i];
        double slack = slack_at_most_of(run, process->id, t_ns);
        int is_gone = process->to_ns >= 0 && process->to_ns <= t_ns;
        if (!is_gone && isfinite(slack))
            sum = known(sum) + slack;
    }
    return isfinite(sum) ? sum : slack_at_most_of(run, 0, t_ns);
}

static double rise(const struct sm_run *run, const char *name, int64_t from_ns, int64_t to_ns) {
    return at(run, name, to_ns) - at(run, name, from_ns);
}

void sm_memory_late_rise(const struct sm_run *run, struct sm_late_rise *ret_rise) {
    int64_t from_ns, to_ns;
    *ret_rise = (struct sm_late_rise){NAN, NAN};
    if (!sm_timeline_load_range(run, &from_ns, &to_ns))
        return;
    from_ns += (to_ns - from_ns) / 2;
    ret_rise->resident = rise(run, "rss_anon", from_ns, to_ns);
    ret_rise->beyond_heap = ret_rise->resident - rise(run, "heap", from_ns, to_ns) -
                            (sm_memory_slack_at_most(run, to_ns) - at(run, "slack", from_ns));
}

int sm_memory_rises_beyond_heap(const struct sm_late_rise *late, double least_bytes) {
    return late->beyond_heap > fmax(least_bytes, late->resident / 2);
}

/* When a counter last rose, -1 if it never did. *ret_by is by how much. */
static int64_t last_rise(const struct sm_run *run, const char *name, int *ret_by) {
    const struct sm_series *series = sm_run_series(run, 0, name);
    size_t count = 0;
    const struct sm_sample *samples = series ? sm_run_samples(run, series->id, &count) : NULL;
    for (size_t i = count; i-- > 0;) {
        double before = i > 0 ? samples[i - 1].value : 0;
        if (samples[i].value > before) {
            *ret_by = (int)(samples[i].value - before);
            return samples[i].t_ns;
        }
    }
    return -1;
}

void sm_memory_give_back(const struct sm_run *run, struct sm_give_back *ret_give_back) {
    struct sm_give_back found = {.done_ns = -1, .rss_before = NAN, .rss_after = NAN};
    found.asked_ns = last_rise(run, "give_back_asked", &found.asked);
    if (found.asked_ns >= 0) {
        int done = 0;
        int64_t done_ns = last_rise(run, "give_back_done", &done);
        const struct sm_series *done_series = sm_run_series(run, 0, "give_back_done");
        if (done_ns >= found.asked_ns) {
            found.done_ns = done_ns;
            /* Several answer one after the other. */
            double before = sm_timeline_at(run, done_series, found.asked_ns - 1);
            found.done = (int)(sm_timeline_at(run, done_series, done_ns) - known(before));
        }
        found.rss_before = at(run, "rss_anon", found.asked_ns - 1);
        found.rss_after = at(run, "rss_anon", done_ns > 0 ? done_ns : found.asked_ns);
    }
    *ret_give_back = found;
}

int64_t sm_memory_peak_time(const struct sm_run *run, int64_t from_ns, int64_t to_ns) {
    const struct sm_series *rss = sm_run_series(run, 0, "rss");
    size_t count = 0;
    const struct sm_sample *samples = rss ? sm_run_samples(run, rss->id, &count) : NULL;
    double highest = -1;
    int64_t when_ns = to_ns;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].t_ns < from_ns || samples[i].t_ns > to_ns || samples[i].value < highest)
            continue;
        highest = samples[i].value;
        when_ns = samples[i].t_ns;
    }
    return when_ns;
}
