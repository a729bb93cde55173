/* Memory that the program maps itself, beside the heap of malloc.
 *
 * Rule: resident memory is growing, and in the later half of the load more than half of its rise
 * lies neither in the live heap nor in what the allocator keeps free by its own account, and is
 * more than any program may touch for the first time, or its mappings are growing. Where the live
 * heap is growing, too, which is a leak or a backlog of its own, only if all of that holds. The
 * sites are those whose mappings grow; where none does, what was mapped before is touched late, and
 * they are those that hold most. Where mappings of a site grow, but private memory does not grow
 * with them, they are of files or shared, if that is resident; if it is not, it is a note. What the
 * advice says of runtimes goes by the program's name. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cause.h"
#include "memory.h"

enum { SITES_NAMED = 3 };

enum reach {
    NOWHERE,   /* no cause */
    RESERVED,  /* mapped, and not touched */
    SHARED,    /* resident, but not private: files, shared memory */
    BY_ITSELF, /* private memory beside the heap */
};

/* Runtimes that keep their objects in mappings, and how to look into those. */
static const struct {
    const char *program, *advice;
} runtimes[] = {
    {"python",
     "Python keeps small objects in arenas that it maps, and the stack is that of whoever "
     "needed the next arena: with PYTHONMALLOC=malloc in its environment each object is "
     "a block of the heap, with the stack that allocates it."},
    {"node", "JavaScript's heap lies there: two heap snapshots, some minutes apart (node "
             "--heapsnapshot-signal=SIGUSR2), tell which objects are more in the second."},
    {"java", "Java's heap lies there: -Xmx bounds it, and jcmd PID GC.class_histogram, asked "
             "twice, tells which objects are more the second time."},
};

/* NULL: no runtime that is known. */
static const char *advice_for_runtime(const struct sm_run *run) {
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
    return NULL;
}

/* Those that hold most of what is mapped. */
static void blame_holders(const struct sm_facts *facts, struct sm_cause *cause) {
    static const double least_share = .1;
    const struct sm_analysis *analysis = facts->analysis;
    double all = 0;
    for (size_t i = 0; i < analysis->site_count; i++)
        if (analysis->sites[i].kind == SM_SITE_MAP)
            all += analysis->sites[i].live_bytes;
    while (cause->site_count < SITES_NAMED) {
        const struct sm_site_result *most = NULL;
        double below =
            cause->site_count ? cause->sites[cause->site_count - 1]->live_bytes : INFINITY;
        for (size_t i = 0; i < analysis->site_count; i++) {
            const struct sm_site_result *site = &analysis->sites[i];
            if (site->kind == SM_SITE_MAP && site->live_bytes < below &&
                site->live_bytes > fmax(least_share * all, most ? most->live_bytes : 0))
                most = site;
        }
        if (!most)
            return;
        cause->sites[cause->site_count++] = most;
    }
}

/* Objects of a runtime lie in private memory that is touched. */
static void say_sites(const struct sm_facts *facts, enum reach reach, struct sm_cause *cause) {
    const char *of_runtime = reach == BY_ITSELF ? advice_for_runtime(facts->run) : NULL;
    sm_cause_blame(cause, facts, SM_SITE_MAP, SITES_NAMED);
    int is_known = cause->site_count > 0;
    if (is_known) {
        sm_cause_say(cause,
                     "The first stack has %s more mapped than before, in %s mappings more, touched "
                     "or not.",
                     SM_UNIT_TEXT(SM_UNIT_BYTES, cause->sites[0]->growth_bytes),
                     SM_UNIT_TEXT(SM_UNIT_COUNT, round(cause->sites[0]->growth_count)));
    } else {
        blame_holders(facts, cause);
        if (cause->site_count > 0)
            sm_cause_say(cause, "No call maps ever more: what was mapped before is touched bit by "
                                "bit. The first stack holds most of what is mapped, touched or "
                                "not.");
    }
    if (of_runtime)
        sm_cause_advise(cause, "%s", of_runtime);
    else if (is_known)
        sm_cause_advise(cause, "Unmap what the first stack maps, or map it once and use it again; "
                               "should it fill a cache, run until that is full.");
    else if (cause->site_count > 0)
        sm_cause_advise(cause, "Look what is written there: memory that is reserved once is filled "
                               "without another call.");
    else
        sm_cause_advise(cause,
                        "No stack is known of it: look for mmap without munmap; strace -f -k "
                        "-e trace=mmap,munmap,mremap,brk on the program shows who calls "
                        "them.");
}

static int has_growing_site(const struct sm_analysis *analysis) {
    for (size_t i = 0; i < analysis->site_count; i++)
        if (analysis->sites[i].kind == SM_SITE_MAP && analysis->sites[i].is_growing)
            return 1;
    return 0;
}

static enum reach find_reach(const struct sm_analysis *analysis) {
    static const double least_private = .25; /* of what all rose by; in half of the time */
    const struct sm_late_rise *late = &analysis->late_rise;
    const struct sm_series_result *rss = sm_analysis_series(analysis, 0, "rss");
    int is_heap_growing = sm_series_is_growing(sm_analysis_series(analysis, 0, "heap"));
    int is_mapped_growing = sm_series_is_growing(sm_analysis_series(analysis, 0, "mapped"));
    double least_bytes = is_mapped_growing && !is_heap_growing ? 0 : SM_BEYOND_HEAP_LEAST_BYTES;
    if (!sm_series_is_growing(rss))
        return is_mapped_growing && has_growing_site(analysis) ? RESERVED : NOWHERE;
    if (is_heap_growing && !is_mapped_growing)
        return NOWHERE;
    if (!is_heap_growing && is_mapped_growing && has_growing_site(analysis) &&
        late->resident < least_private * (rss->end - rss->start))
        return SHARED;
    return sm_memory_rises_beyond_heap(late, least_bytes) ? BY_ITSELF : NOWHERE;
}

static void say_reach(const struct sm_analysis *analysis, enum reach reach,
                      struct sm_cause *cause) {
    const struct sm_late_rise *late = &analysis->late_rise;
    const struct sm_series_result *mapped = sm_analysis_series(analysis, 0, "mapped");
    if (reach != BY_ITSELF)
        sm_cause_say(cause, "What the program maps grows by %s, from %s to %s.",
                     SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, mapped->rate_per_s.value),
                     SM_UNIT_TEXT(SM_UNIT_BYTES, mapped->start),
                     SM_UNIT_TEXT(SM_UNIT_BYTES, mapped->end));
    if (reach == SHARED)
        sm_cause_say(cause, "It is resident, and not private memory: files, or shared memory.");
    else if (reach == RESERVED)
        sm_cause_say(cause, "Resident memory does not grow with it, for it is not touched; but a "
                            "process may have only so many mappings (vm.max_map_count).");
    else
        sm_cause_say(cause,
                     "%s: of the %s by which private memory rose in the later half of the load, %s "
                     "lie neither in the live heap nor in what the allocator keeps free. The "
                     "program mapped them itself, or its language's runtime did.",
                     sm_series_is_growing(sm_analysis_series(analysis, 0, "heap"))
                         ? "Most of it is not the heap of malloc"
                         : "It is not the heap of malloc",
                     SM_UNIT_TEXT(SM_UNIT_BYTES, late->resident),
                     SM_UNIT_TEXT(SM_UNIT_BYTES, fmin(late->beyond_heap, late->resident)));
}

void sm_cause_find_mapped(const struct sm_facts *facts, struct sm_cause_list *list) {
    const struct sm_analysis *analysis = facts->analysis;
    const struct sm_series_result *rss = sm_analysis_series(analysis, 0, "rss");
    const struct sm_series_result *mapped = sm_analysis_series(analysis, 0, "mapped");
    enum reach reach = find_reach(analysis);
    struct sm_cause *cause = NULL;
    if (reach != NOWHERE)
        cause = sm_cause_add(list, SM_CAUSE_MAPPING_GROWTH,
                             sm_series_is_growing(mapped) ? "mapped" : "rss");
    if (!cause)
        return;
    cause->is_note = reach == RESERVED;
    say_reach(analysis, reach, cause);
    say_sites(facts, reach, cause);
    const struct sm_series_result *rising = reach == RESERVED ? mapped : rss;
    sm_cause_show(cause, "rate_bytes_per_s", SM_UNIT_BYTES_PER_S, rising->rate_per_s.value);
    sm_cause_show(cause, "bytes_per_unit", SM_UNIT_BYTES, rising->rate_per_unit.value);
    sm_cause_show(cause, "rise_bytes", SM_UNIT_BYTES, analysis->late_rise.resident);
    sm_cause_show(cause, "beyond_heap_bytes", SM_UNIT_BYTES, analysis->late_rise.beyond_heap);
    if (mapped)
        sm_cause_show(cause, "mapped_at_end_bytes", SM_UNIT_BYTES, mapped->end);
}
