/* histogram.h - a faithful HDR histogram of nanoseconds (Gil Tene's): 3 significant digits from
 * 1 ns to 1 h, exact addition.
 *
 * A value is counted in a bucket whose width is at most a thousandth of it; what a quantile gives
 * back is the highest value of the bucket it falls into, never more than the exact maximum. Values
 * beyond an hour are counted as an hour (the maximum stays exact), negative ones as 0. Thread rule:
 * one thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sm_histogram;

struct sm_histogram *sm_histogram_new(void);            /* NULL when out of memory */
void sm_histogram_free(struct sm_histogram *histogram); /* NULL is allowed */
void sm_histogram_record(struct sm_histogram *histogram, int64_t value_ns);
void sm_histogram_add(struct sm_histogram *to, const struct sm_histogram *from);
void sm_histogram_reset(struct sm_histogram *histogram);
int64_t sm_histogram_count(const struct sm_histogram *histogram);
/* Value at a quantile in [0, 1] in nanoseconds; 0 when empty. */
int64_t sm_histogram_quantile(const struct sm_histogram *histogram, double quantile);
int64_t sm_histogram_max(const struct sm_histogram *histogram);
/* Compact encoding for the record (pairs of bucket and count as varints). malloc'd; NULL when out
 * of memory. */
void *sm_histogram_encode(const struct sm_histogram *histogram, size_t *ret_bytes);
/* Adds an encoded histogram; -EINVAL (and nothing added) when the bytes are not one. */
int sm_histogram_decode_add(struct sm_histogram *to, const void *bytes, size_t length);
