/* The verdict on single sites: what is live at one, sampled on the clock of the trace, judged as
 * any other series is. */
#include "sites.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "trace_record.h"

/* The engine is not cheap, and nobody reads a hundred verdicts. */
enum { JUDGED_OF_A_KIND = 8 };

/* What one process holds at the site, from its last row. */
struct holding {
    int32_t process_id;
    double live;
    int64_t until_ns; /* the process ended */
};

struct walk {
    const struct sm_run *run;
    const struct sm_site_result *site;
    struct holding *holdings;
    size_t count;
    size_t next; /* row of the record to look at next */
};

static int64_t end_of(const struct sm_run *run, int32_t process_id) {
    for (size_t i = 0; i < run->processes_count; i++)
        if (run->processes[i].id == process_id && run->processes[i].to_ns >= 0)
            return run->processes[i].to_ns;
    return INT64_MAX;
}

static struct holding *holding_of(struct walk *walk, int32_t process_id) {
    for (size_t i = 0; i < walk->count; i++)
        if (walk->holdings[i].process_id == process_id)
            return &walk->holdings[i];
    struct holding *grown = reallocarray(walk->holdings, walk->count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    walk->holdings = grown;
    grown[walk->count] = (struct holding){process_id, 0, end_of(walk->run, process_id)};
    return &grown[walk->count++];
}

/* Takes the rows up to a time; -ENOMEM on failure. */
static int advance(struct walk *walk, int64_t t_ns) {
    const struct sm_run *run = walk->run;
    for (; walk->next < run->site_samples_count && run->site_samples[walk->next].t_ns <= t_ns;
         walk->next++) {
        const struct sm_site_sample *row = &run->site_samples[walk->next];
        if (row->stack_id != walk->site->stack_id || row->kind != walk->site->kind)
            continue;
        struct holding *holding = holding_of(walk, row->process_id);
        if (!holding)
            return -ENOMEM;
        holding->live = row->kind == SM_SITE_FD ? row->alloc_count - row->free_count
                                                : row->alloc_bytes - row->free_bytes;
    }
    return 0;
}

static int fill_levels(const struct sm_run *run, const struct sm_trace *trace,
                       const struct sm_site_result *site, double *values) {
    struct walk walk = {.run = run, .site = site};
    int r = 0;
    for (size_t i = 0; r == 0 && i < trace->count; i++) {
        int64_t t_ns = sm_trace_time_ns(run, trace, i);
        r = advance(&walk, t_ns);
        values[i] = 0;
        for (size_t h = 0; h < walk.count; h++)
            if (walk.holdings[h].until_ns > t_ns)
                values[i] += fmax(walk.holdings[h].live, 0);
    }
    free(walk.holdings);
    return r;
}

static int judge(const struct sm_run *run, const struct sm_trace *trace, double *values,
                 struct sm_site_result *site) {
    static const enum sm_channel channels[SM_SITE_KINDS] = {[SM_SITE_HEAP] = SM_CHANNEL_HEAP,
                                                            [SM_SITE_FD] = SM_CHANNEL_FD,
                                                            [SM_SITE_MAP] = SM_CHANNEL_RSS};
    enum sm_channel channel = channels[site->kind];
    int r = fill_levels(run, trace, site, values);
    if (r == 0)
        r = sm_growth_judge(trace, channel, values, 0,
                            channel == SM_CHANNEL_HEAP ? trace->declared_cap : 0, &site->verdict);
    site->is_judged = r == 0;
    /* A slope over a bend is known badly; the verdict rests on what came after it. */
    if (r == 0 && site->verdict.kind == SM_VERDICT_GROWING)
        site->is_growing = 1;
    return r;
}

int sm_sites_judge(const struct sm_run *run, const struct sm_trace *trace,
                   struct sm_site_result *sites, size_t count) {
    size_t judged[SM_SITE_KINDS] = {0};
    int r = 0;
    double *values = calloc(trace->count ? trace->count : 1, sizeof *values);
    if (!values)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        if (judged[sites[i].kind]++ < JUDGED_OF_A_KIND)
            r = judge(run, trace, values, &sites[i]);
    free(values);
    return r;
}

int sm_site_rest_is_older(const struct sm_site_result *site) {
    static const double times = 10;
    return site->residence_now_s > times * site->residence_freed_s;
}
