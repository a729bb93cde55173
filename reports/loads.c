#include "loads.h"

#include <math.h>
#include <string.h>

/* Late is an interval whose slip is felt: not for a moment, and not next to nothing of the latency.
 * Where nothing was answered in it, that was at least the longest of the run, or so long. A driver
 * is late when more than so much of its intervals are. */
static const double felt_slip_s = 0.005, felt_share = 0.1, late_share = 0.1, unanswered_s = 1;

static bool is_late(const struct sm_load_interval *row, const struct sm_load_sum *sum) {
    bool is_answered = row->accepted + row->refused > 0;
    double beside_s = is_answered ? row->latency_p99_s : fmax(sum->latency_max_s, unanswered_s);
    return row->slip_p99_s > felt_slip_s && row->slip_p99_s > felt_share * beside_s;
}

static struct sm_load_sum *find(struct sm_load_sum *sums, size_t *count, const char *load) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp(sums[i].load, load) == 0)
            return &sums[i];
    if (*count == SM_LOADS)
        return NULL;
    sums[*count] = (struct sm_load_sum){.load = load};
    return &sums[(*count)++];
}

double sm_loads_worst_latency_p99_s(const struct sm_run *run) {
    double worst = NAN;
    for (size_t i = 0; i < run->load_intervals_count; i++)
        if (run->load_intervals[i].accepted + run->load_intervals[i].refused > 0)
            worst = fmax(isnan(worst) ? 0 : worst, run->load_intervals[i].latency_p99_s);
    return worst;
}

size_t sm_loads_sum(const struct sm_run *run, struct sm_load_sum sums[SM_LOADS]) {
    size_t intervals[SM_LOADS] = {0}, late[SM_LOADS] = {0}, count = 0;
    for (size_t i = 0; i < run->load_intervals_count; i++) {
        const struct sm_load_interval *row = &run->load_intervals[i];
        struct sm_load_sum *sum = find(sums, &count, row->load);
        if (!sum)
            continue;
        sum->offered += row->offered;
        sum->accepted += row->accepted;
        sum->refused += row->refused;
        sum->unanswered += row->unanswered;
        sum->worst_latency_p99_s = fmax(sum->worst_latency_p99_s, row->latency_p99_s);
        sum->latency_max_s = fmax(sum->latency_max_s, row->latency_max_s);
        sum->worst_slip_p99_s = fmax(sum->worst_slip_p99_s, row->slip_p99_s);
    }
    for (size_t i = 0; i < run->load_intervals_count; i++) {
        const struct sm_load_interval *row = &run->load_intervals[i];
        const struct sm_load_sum *sum = find(sums, &count, row->load);
        if (!sum || row->offered == 0)
            continue;
        intervals[sum - sums]++;
        late[sum - sums] += is_late(row, sum);
    }
    for (size_t i = 0; i < count; i++)
        sums[i].is_driver_late = (double)late[i] > late_share * (double)intervals[i];
    return count;
}

const char *sm_loads_late(const struct sm_run *run, double *ret_slip_s) {
    struct sm_load_sum sums[SM_LOADS];
    const char *load = NULL;
    double slip_s = 0;
    size_t count = sm_loads_sum(run, sums);
    for (size_t i = 0; i < count; i++) {
        if (!sums[i].is_driver_late || sums[i].worst_slip_p99_s <= slip_s)
            continue;
        slip_s = sums[i].worst_slip_p99_s;
        load = sums[i].load;
    }
    if (load)
        *ret_slip_s = slip_s;
    return load;
}
