/* Memory that the program maps itself, beside the heap of malloc.
 *
 * Rule: resident memory is growing, and in the later half of the load more than half of its rise
 * lies neither in the live heap nor in what the allocator keeps free by its own account, and is
 * more than any program may touch for the first time, or its mappings are growing. Not when
 * the live heap is growing, which is a leak or a backlog of its own. No stack is known, for none is
 * taken of mmap; what the advice says of runtimes goes by the program's name. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cause.h"
#include "memory.h"

static int is_growing(const struct sm_series_result *result) {
    return result && result->is_judged && result->verdict.kind == SM_VERDICT_GROWING;
}

/* Runtimes that keep their objects in mappings, and how to look into those. */
static const struct {
    const char *program, *advice;
} runtimes[] = {
    {"python", "Python keeps small objects in arenas that it maps: with PYTHONMALLOC=malloc in its "
               "environment each is a block of the heap, and stacks tell who allocates them."},
    {"node", "JavaScript's heap lies there: two heap snapshots, some minutes apart (node "
             "--heapsnapshot-signal=SIGUSR2), tell which objects are more in the second."},
    {"java", "Java's heap lies there: -Xmx bounds it, and jcmd PID GC.class_histogram, asked "
             "twice, tells which objects are more the second time."},
};

static const char *advice_for(const struct sm_run *run) {
    for (size_t p = 0; p < run->processes_count; p++) {
        const char *command = run->processes[p].command;
        const char *name = command, *end = command + strcspn(command, " ");
        for (const char *c = command; c < end; c++)
            if (*c == '/')
                name = c + 1;
        for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++)
            if (strncmp(name, runtimes[i].program, strlen(runtimes[i].program)) == 0)
                return runtimes[i].advice;
    }
    return "Look for mmap without munmap; strace -f -k -e trace=mmap,munmap,mremap,brk on the "
           "program shows who calls them.";
}

void sm_cause_find_mapped(const struct sm_facts *facts, struct sm_cause_list *list) {
    const struct sm_analysis *analysis = facts->analysis;
    const struct sm_late_rise *late = &analysis->late_rise;
    const struct sm_series_result *rss = sm_analysis_series(analysis, 0, "rss");
    const struct sm_series_result *mapped = sm_analysis_series(analysis, 0, "mapped");
    if (!is_growing(rss) || is_growing(sm_analysis_series(analysis, 0, "heap")) ||
        !sm_memory_rises_beyond_heap(late, is_growing(mapped) ? 0 : SM_BEYOND_HEAP_LEAST_BYTES))
        return;
    struct sm_cause *cause =
        sm_cause_add(list, SM_CAUSE_MAPPING_GROWTH, is_growing(mapped) ? "mapped" : "rss");
    if (!cause)
        return;
    sm_cause_say(cause,
                 "It is not the heap of malloc: of the %s by which private memory rose in the "
                 "later half of the load, %s lie neither in the live heap nor in what the "
                 "allocator keeps free. The program mapped them itself, or its language's runtime "
                 "did.",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, late->resident),
                 SM_UNIT_TEXT(SM_UNIT_BYTES, fmin(late->beyond_heap, late->resident)));
    sm_cause_advise(cause, "%s", advice_for(facts->run));
    sm_cause_show(cause, "rate_bytes_per_s", SM_UNIT_BYTES_PER_S, rss->rate_per_s.value);
    sm_cause_show(cause, "bytes_per_unit", SM_UNIT_BYTES, rss->rate_per_unit.value);
    sm_cause_show(cause, "rise_bytes", SM_UNIT_BYTES, late->resident);
    sm_cause_show(cause, "beyond_heap_bytes", SM_UNIT_BYTES, late->beyond_heap);
    if (mapped)
        sm_cause_show(cause, "mapped_at_end_bytes", SM_UNIT_BYTES, mapped->end);
}
