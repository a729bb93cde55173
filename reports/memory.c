#include "memory.h"

#include <math.h>
#include <stdio.h>

#include "timeline.h"

static double at(const struct sm_run *run, const char *name, int64_t t_ns) {
    return sm_timeline_at(run, sm_run_series(run, 0, name), t_ns);
}

static double known(double value) {
    return isfinite(value) ? value : 0;
}

static void name_remainder(struct sm_memory *memory) {
    const char *name = "";
    if (isnan(memory->remainder))
        name = "";
    else if (isnan(memory->heap_live))
        name = "heap and slack together: the probe saw no heap";
    else if (memory->remainder < 0)
        name = "heap that is allocated but was never touched, so not resident";
    else if (isnan(memory->slack))
        name = "allocator slack, stacks and anonymous mappings together";
    else
        name = "stacks and the program's own data, or two clocks that differ by a sample";
    snprintf(memory->remainder_name, sizeof memory->remainder_name, "%s", name);
}

void sm_memory_reconcile(const struct sm_run *run, int64_t t_ns, struct sm_memory *ret_memory) {
    struct sm_memory memory = {
        .t_ns = t_ns,
        .rss = at(run, "rss", t_ns),
        .heap_live = at(run, "heap", t_ns),
        .slack = at(run, "slack", t_ns),
    };
    double file = at(run, "rss_file", t_ns), shmem = at(run, "rss_shmem", t_ns);
    double anonymous = at(run, "rss_anon", t_ns);
    /* By kind the kernel is asked seldom, for its answer is dear; for the anonymous part always. */
    if (isfinite(anonymous))
        memory.other_mappings = memory.rss - anonymous;
    else
        memory.other_mappings = isnan(file) && isnan(shmem) ? NAN : known(file) + known(shmem);
    memory.remainder =
        memory.rss - known(memory.heap_live) - known(memory.slack) - known(memory.other_mappings);
    name_remainder(&memory);
    *ret_memory = memory;
}

int64_t sm_memory_peak_time(const struct sm_run *run, int64_t from_ns, int64_t to_ns) {
    const struct sm_series *rss = sm_run_series(run, 0, "rss");
    size_t count = 0;
    const struct sm_sample *samples = rss ? sm_run_samples(run, rss->id, &count) : NULL;
    double highest = -1;
    int64_t when_ns = to_ns;
    for (size_t i = 0; i < count; i++) {
        if (samples[i].t_ns < from_ns || samples[i].t_ns > to_ns || samples[i].value <= highest)
            continue;
        highest = samples[i].value;
        when_ns = samples[i].t_ns;
    }
    return when_ns;
}
