#include "merge_load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/histogram.h"

/* An interval of the base, with what every shard did in it. */
struct bucket {
    struct sm_load_interval sum;
    struct sm_histogram *histogram;
    int has_all; /* histograms of all that was answered */
};

/* The bucket of the same load whose interval holds the time, else the nearest one. */
static struct bucket *find(struct bucket *buckets, size_t count, const char *load, int64_t t_ns) {
    struct bucket *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(buckets[i].sum.load, load) != 0)
            continue;
        if (nearest && t_ns < buckets[i].sum.from_ns)
            break;
        nearest = &buckets[i];
    }
    return nearest;
}

static void add_interval(struct bucket *bucket, const struct sm_load_interval *row) {
    struct sm_load_interval *sum = &bucket->sum;
    sum->offered += row->offered;
    sum->accepted += row->accepted;
    sum->refused += row->refused;
    sum->unanswered += row->unanswered;
    sum->bytes_offered += row->bytes_offered;
    sum->slip_p99_s = fmax(sum->slip_p99_s, row->slip_p99_s);
    if (sm_histogram_decode_add(bucket->histogram, row->histogram, row->histogram_bytes) < 0)
        bucket->has_all = row->accepted + row->refused == 0 && bucket->has_all;
    /* Where a histogram is missing, the worst is what can be said. */
    sum->latency_p50_s = fmax(sum->latency_p50_s, row->latency_p50_s);
    sum->latency_p90_s = fmax(sum->latency_p90_s, row->latency_p90_s);
    sum->latency_p99_s = fmax(sum->latency_p99_s, row->latency_p99_s);
    sum->latency_max_s = fmax(sum->latency_max_s, row->latency_max_s);
}

static void write_bucket(struct sm_record *record, struct bucket *bucket) {
    struct sm_load_interval *row = &bucket->sum;
    if (bucket->has_all && sm_histogram_count(bucket->histogram) > 0) {
        row->latency_p50_s = (double)sm_histogram_quantile(bucket->histogram, 0.5) / 1e9;
        row->latency_p90_s = (double)sm_histogram_quantile(bucket->histogram, 0.9) / 1e9;
        row->latency_p99_s = (double)sm_histogram_quantile(bucket->histogram, 0.99) / 1e9;
    }
    row->histogram = sm_histogram_encode(bucket->histogram, &row->histogram_bytes);
    sm_record_add_load_interval(record, row);
    free(row->histogram);
}

static void merge_outcomes(struct sm_record *record, const struct sm_run *const *runs,
                           size_t count) {
    for (size_t r = 0; r < count; r++) {
        for (size_t i = 0; i < runs[r]->load_outcomes_count; i++) {
            struct sm_load_outcome row = runs[r]->load_outcomes[i];
            row.count = 0;
            for (size_t other = 0; other < count; other++)
                for (size_t k = 0; k < runs[other]->load_outcomes_count; k++) {
                    const struct sm_load_outcome *same = &runs[other]->load_outcomes[k];
                    if (strcmp(same->load, row.load) == 0 &&
                        strcmp(same->outcome, row.outcome) == 0)
                        row.count += same->count;
                }
            sm_record_add_load_outcome(record, &row); /* again for each shard that has it */
        }
    }
}

static int make_buckets(const struct sm_run *base, struct bucket *buckets) {
    for (size_t i = 0; i < base->load_intervals_count; i++) {
        const struct sm_load_interval *row = &base->load_intervals[i];
        buckets[i].sum = (struct sm_load_interval){
            .load = row->load, .from_ns = row->from_ns, .to_ns = row->to_ns};
        buckets[i].has_all = 1;
        buckets[i].histogram = sm_histogram_new();
        if (!buckets[i].histogram)
            return -ENOMEM;
    }
    return 0;
}

static int fill_buckets(struct bucket *buckets, size_t bucket_count, const struct sm_run *run,
                        int64_t shift_ns, struct sm_error *err) {
    for (size_t i = 0; i < run->load_intervals_count; i++) {
        const struct sm_load_interval *row = &run->load_intervals[i];
        int64_t middle_ns = row->from_ns + (row->to_ns - row->from_ns) / 2 + shift_ns;
        struct bucket *bucket = find(buckets, bucket_count, row->load, middle_ns);
        if (!bucket)
            return sm_error_set(err, -EINVAL, run->path, NULL,
                                "has a load %s that the other shards lack", row->load);
        add_interval(bucket, row);
    }
    return 0;
}

int sm_merge_loads(struct sm_record *record, const struct sm_run *const *runs, size_t count,
                   const struct sm_run *base, const int64_t *shifts_ns, struct sm_error *err) {
    size_t bucket_count = base->load_intervals_count;
    struct bucket *buckets = calloc(bucket_count + 1, sizeof *buckets);
    int rc = buckets ? make_buckets(base, buckets) : -ENOMEM;
    if (rc < 0)
        sm_error_errno(err, rc, NULL, NULL, "cannot merge");
    for (size_t r = 0; rc == 0 && r < count; r++)
        rc = fill_buckets(buckets, bucket_count, runs[r], shifts_ns[r], err);
    for (size_t i = 0; buckets && i < bucket_count; i++) {
        if (rc == 0)
            write_bucket(record, &buckets[i]);
        sm_histogram_free(buckets[i].histogram);
    }
    free(buckets);
    if (rc == 0)
        merge_outcomes(record, runs, count);
    return rc;
}
