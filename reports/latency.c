#include "latency.h"

#include <errno.h>
#include <math.h>

#include "histogram.h"
#include "timeline.h"

/* Intervals end with their phase, but for the time it takes to write them. */
static const int64_t LATE_NS = 200000000;

static int is_of_phase(const struct sm_run *run, const struct sm_phase *phase,
                       const struct sm_load_interval *row) {
    int64_t middle_ns = row->from_ns + (row->to_ns - row->from_ns) / 2;
    return row->accepted + row->refused > 0 && middle_ns >= phase->from_ns &&
           middle_ns < sm_timeline_phase_end(run, phase) + LATE_NS &&
           sm_timeline_phase_at(run, middle_ns) == phase;
}

static double of_interval(const struct sm_load_interval *row, double quantile) {
    return quantile <= .5    ? row->latency_p50_s
           : quantile <= .9  ? row->latency_p90_s
           : quantile <= .99 ? row->latency_p99_s
                             : row->latency_max_s;
}

int sm_latency_of_phase(const struct sm_run *run, const struct sm_phase *phase, double quantile,
                        struct sm_phase_latency *ret_latency) {
    struct sm_phase_latency latency = {NAN, 1};
    struct sm_histogram *all = sm_histogram_new();
    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < run->load_intervals_count; i++) {
        const struct sm_load_interval *row = &run->load_intervals[i];
        if (!is_of_phase(run, phase, row))
            continue;
        double value = of_interval(row, quantile);
        latency.value_s = isnan(latency.value_s) ? value : fmax(latency.value_s, value);
        if (!row->histogram || sm_histogram_decode_add(all, row->histogram, row->histogram_bytes))
            latency.is_whole = 0;
    }
    if (latency.is_whole && sm_histogram_count(all) > 0)
        latency.value_s = (double)sm_histogram_quantile(all, quantile) / 1e9;
    sm_histogram_free(all);
    *ret_latency = latency;
    return 0;
}
