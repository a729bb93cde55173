/* Site samples are cumulative totals, written only when they changed: between two samples of a
 * process its totals stand still, and what it held is gone when it has ended. */
#include "sites.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stacks.h"
#include "timeline.h"

const struct sm_site_words sm_site_words[SM_SITE_KINDS] = {
#define X(id, name, made_at, gone_by) [SM_SITE_##id] = {name, made_at, gone_by},
    SM_SITE_TABLE(X)
#undef X
};

enum { POINTS_MAX = 120 }; /* of one site's slope */
enum { PEAK_LOOKS = 200 };

/* Frees are written at the ends of phases, a moment after them. */
static const int64_t FREES_LATE_NS = 500000000;

/* 99 % of a normal distribution, two-sided. */
static const double NORMAL_99 = 2.576;

/* A site's samples within an index array sorted by site, process and time. */
struct group {
    const struct sm_run *run;
    const struct sm_site_sample **samples;
    size_t count;
    int64_t ended_ns; /* as in sm_sites_window */
};

static int compare_samples(const void *a, const void *b) {
    const struct sm_site_sample *x = *(const struct sm_site_sample *const *)a;
    const struct sm_site_sample *y = *(const struct sm_site_sample *const *)b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->stack_id != y->stack_id)
        return x->stack_id < y->stack_id ? -1 : 1;
    if (x->process_id != y->process_id)
        return x->process_id < y->process_id ? -1 : 1;
    if (x->t_ns != y->t_ns)
        return x->t_ns < y->t_ns ? -1 : 1;
    return x < y ? -1 : x > y; /* equal keys stay in the order of the record */
}

static int64_t process_end(const struct sm_run *run, int process_id) {
    for (size_t i = 0; i < run->processes_count; i++)
        if (run->processes[i].id == process_id)
            return run->processes[i].to_ns < 0 ? INT64_MAX : run->processes[i].to_ns;
    return INT64_MAX;
}

struct totals {
    double kept_bytes, kept_count; /* not freed, by processes that have ended as well */
    double live_bytes, live_count, alloc_bytes, alloc_count, free_bytes, age_p50_s;
};

/* Totals of the group at a time, over its processes. */
static struct totals totals_at(const struct group *group, int64_t t_ns) {
    struct totals totals = {0};
    for (size_t i = 0; i < group->count; i++) {
        const struct sm_site_sample *sample = group->samples[i];
        int is_last = i + 1 == group->count ||
                      group->samples[i + 1]->process_id != sample->process_id ||
                      group->samples[i + 1]->t_ns > t_ns;
        if (sample->t_ns > t_ns || !is_last)
            continue;
        totals.alloc_bytes += sample->alloc_bytes;
        totals.alloc_count += sample->alloc_count;
        totals.free_bytes += sample->free_bytes;
        totals.kept_bytes += fmax(sample->alloc_bytes - sample->free_bytes, 0);
        totals.kept_count += fmax(sample->alloc_count - sample->free_count, 0);
        int64_t end_ns = process_end(group->run, sample->process_id);
        if (end_ns < t_ns && end_ns < group->ended_ns)
            continue;
        totals.live_bytes += fmax(sample->alloc_bytes - sample->free_bytes, 0);
        totals.live_count += fmax(sample->alloc_count - sample->free_count, 0);
        /* What did not change since its row has grown older by the time between. */
        double since_s = sample->age_p50_s > 0 && t_ns < INT64_MAX - 1
                             ? sm_timeline_seconds(t_ns - sample->t_ns)
                             : 0;
        totals.age_p50_s = fmax(totals.age_p50_s, sample->age_p50_s + since_s);
    }
    return totals;
}

/* Where nothing was known before the window: how long it stayed by the first row that tells. */
static void fill_first_stay(const struct sm_run *run, struct sm_site_result *site, int64_t now_ns) {
    int64_t first_ns = now_ns;
    for (size_t i = 0; i < run->site_frees_count; i++) {
        const struct sm_site_free *row = &run->site_frees[i];
        if (row->alloc_stack_id == site->stack_id &&
            row->free_stack_id == site->freed_by_stack_id && row->t_ns < first_ns) {
            first_ns = row->t_ns;
            site->residence_before_s = row->residence_p50_s;
        }
    }
}

/* How long stays what is freed in the last quarter of the window: by the slowest of those who free
 * a fair part of `most`. */
static void fill_stay_of_freed(const struct sm_run *run, const struct sm_sites_window *window,
                               double most, struct sm_site_result *site) {
    static const double fair = .05;
    int64_t from_ns = window->to_ns - (window->to_ns - window->from_ns) / 4;
    for (size_t i = 0; i < run->site_frees_count; i++) {
        const struct sm_site_free *row = &run->site_frees[i];
        if (row->alloc_stack_id == site->stack_id && row->t_ns > from_ns &&
            row->t_ns <= window->to_ns + FREES_LATE_NS && row->count >= fair * most)
            site->residence_freed_s = fmax(
                isnan(site->residence_freed_s) ? 0 : site->residence_freed_s, row->residence_p50_s);
    }
}

/* Who freed most of what the site allocated, and how long that stayed. */
static void fill_frees(const struct sm_run *run, const struct sm_sites_window *window,
                       struct sm_site_result *site) {
    double most = 0, before_weight = 0, now_weight = 0;
    int64_t now_ns = INT64_MIN;
    for (size_t i = 0; i < run->site_frees_count; i++) {
        const struct sm_site_free *row = &run->site_frees[i];
        if (row->alloc_stack_id != site->stack_id)
            continue;
        double weight = fmax(row->count, 1e-9);
        if (row->count >= most) { /* cumulative: the last row of the greatest pair wins */
            most = row->count;
            site->freed_by_stack_id = row->free_stack_id;
            site->residence_p50_s = row->residence_p50_s;
        }
        site->residence_p99_s =
            fmax(isnan(site->residence_p99_s) ? 0 : site->residence_p99_s, row->residence_p99_s);
        if (row->t_ns <= window->from_ns + FREES_LATE_NS && weight > before_weight) {
            before_weight = weight;
            site->residence_before_s = row->residence_p50_s;
        }
        if (row->t_ns > window->from_ns + FREES_LATE_NS &&
            row->t_ns <= window->to_ns + FREES_LATE_NS && weight > now_weight) {
            now_weight = weight;
            now_ns = row->t_ns;
            site->residence_now_s = row->residence_p50_s;
        }
    }
    if (isnan(site->residence_before_s))
        fill_first_stay(run, site, now_ns);
    fill_stay_of_freed(run, window, most, site);
}

static int compare_times(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double or_zero(double value) {
    return isfinite(value) ? value : 0;
}

/* Times to look at the group in the window: its ends and when it was sampled, at most POINTS_MAX.
 */
static size_t choose_times(const struct group *group, const struct sm_sites_window *window,
                           int64_t *times_ns) {
    int64_t from_ns = window->from_ns, to_ns = window->to_ns;
    size_t within = 0, seen = 0, used = 0;
    for (size_t i = 0; i < group->count; i++)
        within += group->samples[i]->t_ns > from_ns && group->samples[i]->t_ns < to_ns;
    size_t stride = within / (POINTS_MAX - 2) + 1;
    times_ns[used++] = from_ns;
    for (size_t i = 0; i < group->count; i++) {
        int64_t t_ns = group->samples[i]->t_ns;
        if (t_ns > from_ns && t_ns < to_ns && seen++ % stride == 0)
            times_ns[used++] = t_ns;
    }
    times_ns[used++] = to_ns;
    qsort(times_ns, used, sizeof *times_ns, compare_times);
    return used;
}

/* What the sampling alone may add to a rise within the window, per second: each sample stands for
 * sample_bytes, and their number is a Poisson count. */
static double sampling_error(const struct sm_sites_window *window,
                             const struct sm_site_result *site) {
    double seconds = sm_timeline_seconds(window->to_ns - window->from_ns);
    if (site->kind != SM_SITE_HEAP || window->sample_bytes <= 1 || seconds <= 0)
        return 0;
    return NORMAL_99 * sqrt(fabs(site->growth_bytes) * window->sample_bytes) / seconds;
}

/* The slope of what is live at the site within the window. */
static void fill_slope(const struct group *group, const struct sm_sites_window *window,
                       struct sm_site_result *site) {
    int64_t times_ns[POINTS_MAX];
    double times_s[POINTS_MAX], values[POINTS_MAX], error, units = window->units_per_s;
    size_t points = choose_times(group, window, times_ns);
    for (size_t i = 0; i < points; i++) {
        struct totals totals = totals_at(group, times_ns[i]);
        times_s[i] = sm_timeline_seconds(times_ns[i]);
        values[i] = site->kind == SM_SITE_FD ? totals.live_count : totals.live_bytes;
    }
    double slope = sm_timeline_slope_of(times_s, values, points, &error);
    error = hypot(NORMAL_99 * or_zero(error), sampling_error(window, site));
    site->rate_per_s = (struct sm_interval){slope, slope - error, slope + error};
    site->is_growing = slope > 0 && slope - error > 0;
    site->rate_per_unit = (struct sm_interval){NAN, NAN, NAN};
    if (units > 0)
        site->rate_per_unit =
            (struct sm_interval){slope / units, (slope - error) / units, (slope + error) / units};
}

/* The most that was live at a time, at as many of its samples as are worth the time. */
static struct totals totals_at_peak(const struct group *group) {
    struct totals peak = {0};
    size_t step = group->count / PEAK_LOOKS + 1;
    for (size_t i = group->count; i > 0; i -= step < i ? step : i) {
        struct totals then = totals_at(group, group->samples[i - 1]->t_ns);
        int is_more = group->samples[0]->kind == SM_SITE_FD ? then.live_count > peak.live_count
                                                            : then.live_bytes > peak.live_bytes;
        if (is_more)
            peak = then;
    }
    return peak;
}

static struct sm_site_result judge_group(const struct group *group,
                                         const struct sm_sites_window *window) {
    struct sm_site_result site = {
        .stack_id = group->samples[0]->stack_id,
        .kind = group->samples[0]->kind,
        .residence_before_s = NAN,
        .residence_now_s = NAN,
        .residence_freed_s = NAN,
        .residence_p50_s = NAN,
        .residence_p99_s = NAN,
    };
    struct totals before = totals_at(group, window->from_ns);
    struct totals after = totals_at(group, window->to_ns);
    struct totals end = totals_at(group, INT64_MAX - 1);
    struct totals held = totals_at(group, window->measured_to_ns);
    struct totals peak = totals_at_peak(group);
    site.peak_bytes = peak.live_bytes;
    site.peak_count = peak.live_count;
    site.live_bytes = after.live_bytes;
    site.live_count = after.live_count;
    site.growth_bytes = after.live_bytes - before.live_bytes;
    site.growth_count = after.live_count - before.live_count;
    site.alloc_bytes = end.alloc_bytes;
    site.alloc_count = end.alloc_count;
    site.held_bytes = held.kept_bytes;
    site.held_count = held.kept_count;
    site.kept_bytes = end.kept_bytes;
    site.kept_count = end.kept_count;
    site.end_bytes = end.live_bytes;
    site.end_count = end.live_count;
    site.freed_share = end.alloc_bytes > 0 ? fmin(end.free_bytes / end.alloc_bytes, 1) : 0;
    fill_slope(group, window, &site);
    fill_frees(group->run, window, &site);
    if (after.age_p50_s > or_zero(site.residence_now_s))
        site.residence_now_s = after.age_p50_s;
    return site;
}

static int compare_results(const void *a, const void *b) {
    const struct sm_site_result *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    double gx = x->kind == SM_SITE_FD ? x->growth_count : x->growth_bytes;
    double gy = x->kind == SM_SITE_FD ? y->growth_count : y->growth_bytes;
    if (gx != gy)
        return gx < gy ? 1 : -1;
    return (x->stack_id > y->stack_id) - (x->stack_id < y->stack_id);
}

static int same_site(const struct sm_site_sample *a, const struct sm_site_sample *b) {
    return a->kind == b->kind && a->stack_id == b->stack_id;
}

static size_t count_sites(const struct sm_site_sample *const *sorted, size_t count) {
    size_t sites = 0;
    for (size_t i = 0; i < count; i++)
        sites += i == 0 || !same_site(sorted[i - 1], sorted[i]);
    return sites;
}

/* The positive control: the only stack that begins, and ends, in the probe itself. */
static int is_control(const struct sm_run *run, int32_t stack_id) {
    static const char PROBE[] = "libspillmark-probe.so";
    struct sm_stack_frame frames[2];
    if (sm_stack_frames(run, stack_id, frames, 2) != 1)
        return 0;
    const char *slash = strrchr(frames[0].module, '/');
    return strcmp(slash ? slash + 1 : frames[0].module, PROBE) == 0;
}

int sm_sites_rank(const struct sm_run *run, const struct sm_sites_window *window,
                  struct sm_site_result **ret_sites, size_t *ret_count) {
    size_t count = run->site_samples_count, found = 0;
    *ret_sites = NULL;
    *ret_count = 0;
    if (count == 0)
        return 0;
    const struct sm_site_sample **sorted = calloc(count, sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &run->site_samples[i];
    qsort(sorted, count, sizeof *sorted, compare_samples);
    struct sm_site_result *sites = calloc(count_sites(sorted, count), sizeof *sites);
    for (size_t begin = 0, end; sites && begin < count; begin = end) {
        for (end = begin + 1; end < count && same_site(sorted[begin], sorted[end]);)
            end++;
        struct group group = {run, sorted + begin, end - begin, window->ended_ns};
        if (!is_control(run, sorted[begin]->stack_id))
            sites[found++] = judge_group(&group, window);
    }
    free(sorted);
    if (!sites)
        return -ENOMEM;
    qsort(sites, found, sizeof *sites, compare_results);
    *ret_sites = sites;
    *ret_count = found;
    return 0;
}
