/* Buckets as in HdrHistogram: a value below 2048 has one of its own; above, each doubling of the
 * value is cut into 1024 of equal width, so that no bucket is wider than a 1024th of its values. */
#include "histogram.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HALF_BITS  10
#define HALF       (1 << HALF_BITS) /* buckets per doubling */
#define HIGHEST_NS INT64_C(3600000000000)
#define DOUBLINGS  31 /* 2048 << 31 is above HIGHEST_NS */
#define BUCKETS    ((DOUBLINGS + 2) * HALF)
#define FORMAT     1  /* first byte of an encoding */
#define VARINT_MAX 10 /* bytes of a 64-bit varint */

struct sm_histogram {
    int64_t total, max_ns;
    int first, last; /* every counted bucket lies within; first > last when empty */
    int64_t counts[BUCKETS];
};

static int bucket_of(int64_t value_ns) {
    if (value_ns > HIGHEST_NS)
        value_ns = HIGHEST_NS;
    int bits = 64 - __builtin_clzll((uint64_t)value_ns | (2 * HALF - 1));
    int shift = bits - (HALF_BITS + 1);
    return (shift << HALF_BITS) + (int)(value_ns >> shift);
}

static int64_t highest_in(int bucket) {
    int shift = bucket < 2 * HALF ? 0 : (bucket >> HALF_BITS) - 1;
    int64_t lowest = (int64_t)(bucket - (shift << HALF_BITS)) << shift;
    return lowest + (INT64_C(1) << shift) - 1;
}

struct sm_histogram *sm_histogram_new(void) {
    struct sm_histogram *histogram = calloc(1, sizeof *histogram);
    if (histogram) {
        histogram->first = BUCKETS;
        histogram->last = -1;
    }
    return histogram;
}

void sm_histogram_free(struct sm_histogram *histogram) {
    free(histogram);
}

static void count_in(struct sm_histogram *histogram, int bucket, int64_t count) {
    histogram->counts[bucket] += count;
    histogram->total += count;
    if (bucket < histogram->first)
        histogram->first = bucket;
    if (bucket > histogram->last)
        histogram->last = bucket;
}

void sm_histogram_record(struct sm_histogram *histogram, int64_t value_ns) {
    if (value_ns < 0)
        value_ns = 0;
    if (value_ns > histogram->max_ns)
        histogram->max_ns = value_ns;
    count_in(histogram, bucket_of(value_ns), 1);
}

void sm_histogram_add(struct sm_histogram *to, const struct sm_histogram *from) {
    for (int bucket = from->first; bucket <= from->last; bucket++)
        if (from->counts[bucket])
            count_in(to, bucket, from->counts[bucket]);
    if (from->max_ns > to->max_ns)
        to->max_ns = from->max_ns;
}

void sm_histogram_reset(struct sm_histogram *histogram) {
    if (histogram->last >= histogram->first)
        memset(&histogram->counts[histogram->first], 0,
               (size_t)(histogram->last - histogram->first + 1) * sizeof histogram->counts[0]);
    histogram->total = histogram->max_ns = 0;
    histogram->first = BUCKETS;
    histogram->last = -1;
}

int64_t sm_histogram_count(const struct sm_histogram *histogram) {
    return histogram->total;
}

int64_t sm_histogram_max(const struct sm_histogram *histogram) {
    return histogram->max_ns;
}

int64_t sm_histogram_quantile(const struct sm_histogram *histogram, double quantile) {
    if (histogram->total == 0)
        return 0;
    double clamped = quantile > 1 ? 1 : quantile > 0 ? quantile : 0;
    int64_t wanted = (int64_t)ceil(clamped * (double)histogram->total);
    if (wanted < 1)
        wanted = 1;
    int64_t seen = 0;
    int bucket = histogram->first;
    for (; bucket < histogram->last; bucket++) {
        seen += histogram->counts[bucket];
        if (seen >= wanted)
            break;
    }
    /* The last bucket also holds what lies beyond the range: there the maximum knows better. */
    int64_t value = highest_in(bucket);
    return bucket == histogram->last || value > histogram->max_ns ? histogram->max_ns : value;
}

static unsigned char *put_varint(unsigned char *at, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        *at++ = (unsigned char)(value | 0x80);
    *at++ = (unsigned char)value;
    return at;
}

/* Layout: FORMAT, maximum, number of pairs, then per counted bucket the distance from the one
 * before and the count. */
void *sm_histogram_encode(const struct sm_histogram *histogram, size_t *ret_bytes) {
    size_t pairs = 0;
    for (int bucket = histogram->first; bucket <= histogram->last; bucket++)
        pairs += histogram->counts[bucket] != 0;
    unsigned char *bytes = malloc(1 + (2 + 2 * pairs) * VARINT_MAX);
    if (!bytes)
        return NULL;
    unsigned char *at = bytes;
    *at++ = FORMAT;
    at = put_varint(at, (uint64_t)histogram->max_ns);
    at = put_varint(at, pairs);
    int before = 0;
    for (int bucket = histogram->first; bucket <= histogram->last; bucket++) {
        if (!histogram->counts[bucket])
            continue;
        at = put_varint(at, (uint64_t)(bucket - before));
        at = put_varint(at, (uint64_t)histogram->counts[bucket]);
        before = bucket;
    }
    *ret_bytes = (size_t)(at - bytes);
    return bytes;
}

struct reader {
    const unsigned char *at, *end;
    bool failed;
};

/* A value from 0 to INT64_MAX in its shortest form; anything else marks the reader as failed. */
static int64_t get_varint(struct reader *reader) {
    uint64_t value = 0;
    for (int shift = 0; shift < 63 && reader->at < reader->end; shift += 7) {
        unsigned char byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (byte == 0 && shift > 0)
            break;
        return (int64_t)value;
    }
    reader->failed = true;
    return 0;
}

/* Walks the pairs once; with `to` NULL it only judges them. */
static int walk_pairs(struct reader reader, int64_t max_ns, int64_t pairs, int64_t total,
                      struct sm_histogram *to) {
    int64_t bucket = 0;
    for (int64_t pair = 0; pair < pairs; pair++) {
        int64_t step = get_varint(&reader), count = get_varint(&reader);
        if (reader.failed || step >= BUCKETS - bucket || (step == 0 && pair > 0) || count == 0 ||
            count > INT64_MAX - total)
            return -EINVAL;
        bucket += step;
        total += count;
        if (to)
            count_in(to, (int)bucket, count);
    }
    if (reader.at != reader.end || bucket_of(max_ns) != bucket || (pairs == 0 && max_ns != 0))
        return -EINVAL;
    return 0;
}

int sm_histogram_decode_add(struct sm_histogram *to, const void *bytes, size_t length) {
    struct reader reader = {.at = bytes, .end = (const unsigned char *)bytes + length};
    if (length == 0 || *reader.at++ != FORMAT)
        return -EINVAL;
    int64_t max_ns = get_varint(&reader), pairs = get_varint(&reader);
    if (reader.failed || walk_pairs(reader, max_ns, pairs, to->total, NULL) < 0)
        return -EINVAL;
    walk_pairs(reader, max_ns, pairs, to->total, to);
    if (max_ns > to->max_ns)
        to->max_ns = max_ns;
    return 0;
}
