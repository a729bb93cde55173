/* sampler_figures.c - the cheap figures of every tick, per process and summed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sampler_internal.h"

/* With more processes than this the series of each are written less often (their extremes are
 * kept), so that the record grows with time and not with processes. */
enum { FULL_RATE_PROCESSES = 4, SLOW_SERIES_PER_S = 2 };
static const int64_t exec_patience_ns = 1000000000;

static void read_slot(struct sm_followed *process) {
    struct sm_figures *now = &process->now;
    struct sm_slot_totals totals;
    int64_t low, high;
    sm_slot_read_totals(&process->slot, &totals);
    now->has_heap = (process->features & SPILLMARK_FEATURE_HEAP) != 0;
    now->has_io = (process->features & SPILLMARK_FEATURE_IO) != 0;
    now->has_maps = (process->features & SPILLMARK_FEATURE_MAPS) != 0;
    double heap = (double)(int64_t)(totals.alloc_bytes - totals.free_bytes);
    double count = (double)(int64_t)(totals.alloc_count - totals.free_count);
    now->heap = heap > 0 ? heap : 0;
    now->heap_count = count > 0 ? count : 0;
    now->lacks_count = process->lacks_count;
    sm_slot_take_marks(&process->slot, &low, &high);
    /* The marks move in steps; the counters are exact. */
    now->heap_low = fmin(fmax((double)low, 0), now->heap);
    now->heap_high = fmax((double)high, now->heap);
    sm_control_read(process);
    double mapped = (double)(int64_t)(totals.map_bytes - totals.unmap_bytes);
    now->mapped = mapped > 0 ? mapped : 0;
    now->read = now->written = 0;
    for (int i = 0; i < SPILLMARK_FD_CLASSES; i++) {
        now->read += (double)totals.read_bytes[i];
        now->written += (double)totals.write_bytes[i];
    }
    now->in_flight_io = (double)totals.read_bytes[SPILLMARK_FD_SOCKET] +
                        (double)totals.read_bytes[SPILLMARK_FD_UNIX] -
                        (double)totals.write_bytes[SPILLMARK_FD_FILE];
}

static void add_mark(struct sm_mark_sums *marks, const struct sm_mark_sum *mark) {
    for (size_t i = 0; i < marks->count; i++) {
        struct sm_mark_sum *sum = &marks->sums[i];
        if (strcmp(sum->name, mark->name) != 0)
            continue;
        sum->bytes += mark->bytes;
        sum->count += mark->count;
        sum->bytes_high += mark->bytes_high;
        sum->count_high += mark->count_high;
        return;
    }
    if (marks->count < SM_MARKS_MAX)
        marks->sums[marks->count++] = *mark;
}

static void read_marks(const struct sm_slot *slot, struct sm_mark_sums *marks) {
    uint32_t used = sm_slot_used(slot, SPILLMARK_SECTION_MARKS);
    marks->count = 0;
    for (uint32_t i = 0; i < used; i++) {
        struct spillmark_mark mark;
        struct sm_mark_sum sum = {{0}, 0, 0, 0, 0};
        if (!sm_slot_mark(slot, i, &mark))
            continue;
        memcpy(sum.name, mark.name, sizeof sum.name);
        sum.bytes = mark.bytes;
        sum.count = mark.count;
        sm_slot_take_mark_highs(slot, i, &sum.bytes_high, &sum.count_high);
        add_mark(marks, &sum);
    }
}

/* "mark:NAME" in bytes and "mark:NAME:count" in units, and their sum as declared work. */
static void write_marks(struct sm_sampler *sampler, struct sm_series_set *set,
                        const struct sm_mark_sums *marks, int64_t t_ns, int hold) {
    double bytes = 0, high = 0;
    for (size_t i = 0; i < marks->count; i++) {
        const struct sm_mark_sum *mark = &marks->sums[i];
        char name[SPILLMARK_MARK_NAME + 16];
        bytes += (double)mark->bytes;
        high += (double)mark->bytes_high;
        if (hold)
            continue;
        snprintf(name, sizeof name, "mark:%s", mark->name);
        sm_series_add_named(&sampler->writer, set, name, SM_UNIT_BYTES, t_ns, (double)mark->bytes,
                            (double)mark->bytes_high);
        snprintf(name, sizeof name, "mark:%s:count", mark->name);
        sm_series_add_named(&sampler->writer, set, name, SM_UNIT_COUNT, t_ns, (double)mark->count,
                            (double)mark->count_high);
    }
    if (marks->count)
        sm_series_add(&sampler->writer, set, SM_SERIES_IN_FLIGHT_DECLARED, t_ns, bytes, bytes, high,
                      hold);
}

static void read_outside(struct sm_followed *process, const struct sm_outside_figures *from) {
    struct sm_figures *now = &process->now;
    now->has_outside = 1;
    now->rss = fmax((double)from->rss_bytes - now->control, 0);
    now->anon = fmax(now->rss - (double)from->shared_bytes, 0);
    now->anon_of_heap = now->has_heap ? now->anon : 0;
    now->fds = (double)from->fds;
    now->threads = (double)from->threads;
    if (from->cpu_s > now->cpu)
        now->cpu = from->cpu_s;
}

/* The sum is known when every allocator has answered. */
static void write_allocator(struct sm_sampler *sampler, struct sm_series_set *set,
                            const struct sm_figures *now, int64_t t_ns, int hold) {
#define PUT(kind, figure)                                                                          \
    sm_series_add(&sampler->writer, set, SM_SERIES_##kind, t_ns, now->figure, now->figure,         \
                  now->figure, hold)
    if (now->answers && now->answers == now->heaps) {
        PUT(SLACK, slack);
        PUT(SLACK_AGE, slack_age_s);
    }
    if (now->give_back_asked) {
        PUT(GIVE_BACK_ASKED, give_back_asked);
        PUT(GIVE_BACK_DONE, give_back_done);
    }
#undef PUT
}

static void write_figures(struct sm_sampler *sampler, struct sm_series_set *set,
                          const struct sm_figures *now, int64_t t_ns, int hold) {
#define PUT(kind, figure)                                                                          \
    sm_series_add(&sampler->writer, set, SM_SERIES_##kind, t_ns, now->figure, now->figure,         \
                  now->figure, hold)
    if (now->has_heap) {
        sm_series_add(&sampler->writer, set, SM_SERIES_HEAP, t_ns, now->heap, now->heap_low,
                      now->heap_high, hold);
        if (!now->lacks_count)
            PUT(HEAP_COUNT, heap_count);
        if (now->control > 0)
            PUT(CONTROL, control);
    }
    if (now->has_maps)
        PUT(MAPPED, mapped);
    if (now->has_io) {
        PUT(READ, read);
        PUT(WRITTEN, written);
        PUT(IN_FLIGHT_IO, in_flight_io);
    }
    if (!now->has_outside)
        return;
    PUT(RSS, rss);
    PUT(RSS_ANON, anon);
    PUT(FDS, fds);
    PUT(THREADS, threads);
    PUT(CPU, cpu);
#undef PUT
    if (now->has_heap) {
        double slack = now->anon_of_heap > now->heap ? now->anon_of_heap - now->heap : 0;
        sm_series_add(&sampler->writer, set, SM_SERIES_SLACK_ESTIMATE, t_ns, slack, slack, slack,
                      hold);
    }
    write_allocator(sampler, set, now, t_ns, hold);
}

static void add_figures(struct sm_figures *sum, const struct sm_figures *one) {
    sum->has_heap |= one->has_heap;
    sum->lacks_count |= one->lacks_count;
    sum->has_io |= one->has_io;
    sum->has_maps |= one->has_maps;
    sum->has_outside |= one->has_outside;
    sum->heap += one->heap;
    sum->heap_count += one->heap_count;
    sum->control += one->control;
    sum->mapped += one->mapped;
    sum->read += one->read;
    sum->written += one->written;
    sum->in_flight_io += one->in_flight_io;
    sum->rss += one->rss;
    sum->anon += one->anon;
    sum->anon_of_heap += one->anon_of_heap;
    sum->slack += one->slack;
    if (one->slack_age_s > sum->slack_age_s)
        sum->slack_age_s = one->slack_age_s;
    sum->heaps += one->heaps;
    sum->answers += one->answers;
    sum->give_back_asked += one->give_back_asked;
    sum->give_back_done += one->give_back_done;
    sum->fds += one->fds;
    sum->threads += one->threads;
    sum->cpu += one->cpu;
}

/* Extremes of a sum are not the sum of extremes. Of all processes one is taken to have moved,
 * the one that moved most: exact for one process, never more than was really reached together. */
static void widen(struct sm_figures *sum, const struct sm_figures *one, double *up, double *down) {
    if (!one->has_heap)
        return;
    if (one->heap_high - one->heap > *up)
        *up = one->heap_high - one->heap;
    if (one->heap - one->heap_low > *down)
        *down = one->heap - one->heap_low;
    sum->heap_high = *up;
    sum->heap_low = *down;
}

static void forget_heap(struct sm_figures *now) {
    now->has_heap = now->has_maps = 0;
    now->heap = now->heap_low = now->heap_high = now->heap_count = now->mapped = 0;
    now->control = 0;
}

/* 0 when the process is no longer there. */
static int read_one(struct sm_sampler *sampler, struct sm_followed **process_at, int64_t now_ns) {
    struct sm_followed *process = *process_at;
    struct sm_outside_figures outside;
    if (sm_outside_read(&process->outside, &outside)) {
        sm_followed_gone(sampler, process, now_ns);
        return 0;
    }
    if (process->has_slot && sm_slot_state(&process->slot) == SPILLMARK_STATE_EXEC) {
        /* Not for certain yet: execvp() tries one directory after the other. */
        if (!process->exec_seen_ns)
            process->exec_seen_ns = now_ns;
        if (now_ns - process->exec_seen_ns > exec_patience_ns)
            *process_at = process = sm_followed_exec(sampler, process, now_ns);
        else
            forget_heap(&process->now);
    } else if (process->has_slot) {
        process->exec_seen_ns = 0;
        read_slot(process);
    }
    if (!process)
        return 0;
    read_outside(process, &outside);
    sm_allocator_read(process, now_ns);
    return 1;
}

static void write_one(struct sm_sampler *sampler, struct sm_followed *process, int64_t t_ns,
                      int hold) {
    struct sm_mark_sums marks;
    write_figures(sampler, &process->series, &process->now, t_ns, hold);
    if (!process->has_slot || process->exec_seen_ns)
        return;
    read_marks(&process->slot, &marks);
    write_marks(sampler, &process->series, &marks, t_ns, hold);
    for (size_t i = 0; i < marks.count; i++)
        add_mark(&sampler->marks, &marks.sums[i]);
}

void sm_sampler_read_figures(struct sm_sampler *sampler, int64_t now_ns) {
    struct sm_figures sum = sampler->gone;
    int64_t t_ns = sm_run_ns(sampler, now_ns);
    double up = 0, down = 0;
    size_t alive = 0, count = sampler->followed_count;
    uint64_t slow = (uint64_t)(sampler->options.rate_hz / SLOW_SERIES_PER_S);
    for (size_t i = 0; i < count; i++)
        alive += (size_t)sampler->followed[i]->alive;
    int hold = alive > FULL_RATE_PROCESSES && slow > 1 && sampler->tick % slow != 0;
    for (size_t i = 0; i < sampler->marks.count; i++) {
        struct sm_mark_sum *mark = &sampler->marks.sums[i];
        mark->bytes = mark->count = mark->bytes_high = mark->count_high = 0;
    }
    alive = 0;
    for (size_t i = 0; i < count; i++) {
        struct sm_followed *process = sampler->followed[i];
        if (!process->alive || !read_one(sampler, &process, now_ns))
            continue;
        alive++;
        write_one(sampler, process, t_ns, hold);
        add_figures(&sum, &process->now);
        widen(&sum, &process->now, &up, &down);
    }
    sum.heap_high = sum.heap + up;
    sum.heap_low = sum.heap - down;
    sampler->now = sum;
    if (alive == 0)
        return; /* what is gone is not a level of zero */
    write_figures(sampler, &sampler->totals, &sum, t_ns, 0);
    write_marks(sampler, &sampler->totals, &sampler->marks, t_ns, 0);
}

void sm_sampler_last_figures(struct sm_sampler *sampler, struct sm_followed *process,
                             int64_t now_ns) {
    struct sm_mark_sums marks;
    int64_t t_ns = sm_run_ns(sampler, now_ns);
    double heap_before = process->now.heap;
    read_slot(process);
    process->now.has_outside = 0;
    write_figures(sampler, &process->series, &process->now, t_ns, 0);
    if (process->now.has_heap) { /* what all held together when this one ended */
        double others = fmax(sampler->now.heap - heap_before, 0);
        sm_series_add(&sampler->writer, &sampler->totals, SM_SERIES_HEAP, t_ns - 1,
                      others + process->now.heap, others + process->now.heap_low,
                      others + process->now.heap_high, 0);
    }
    read_marks(&process->slot, &marks);
    write_marks(sampler, &process->series, &marks, t_ns, 0);
}
