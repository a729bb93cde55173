/* growth_stats.h - small statistics the growth engine rests on.
 *
 * Pure functions; arrays are of doubles without NAN unless said otherwise. */
#pragma once

#include <stddef.h>

/* The middle value (mean of the middle two); 0 of none. The array's order is changed. */
double sm_stats_median(double *values, size_t count);

/* The value at rank `rank` (0 = least), which must be below count; NAN of none. The array's order
 * is changed. Hoare's selection. */
double sm_stats_select(double *values, size_t count, size_t rank);

/* The median of values[begin..end) without changing them, reading at most 64 of them, evenly. */
double sm_stats_level(const double *values, size_t begin, size_t end);

/* Replaces NAN by the line between its neighbours (the nearest value at the ends; 0 when all are
 * missing). Returns how many values were there. */
size_t sm_stats_close_gaps(double *values, size_t count);

/* Mean over `blocks` equal stretches of the series, by area, so that any count fits. */
void sm_stats_block_means(const double *values, size_t count, double *ret_means, size_t blocks);

/* The value of rank part*(n) in each of `blocks` stretches; part 0 = the least. */
void sm_stats_block_ranks(const double *values, size_t count, double part, double *ret_ranks,
                          size_t blocks);

/* The t for which Student's distribution with df degrees has `tail` above it, 0 < tail < 0.5. */
double sm_stats_t_above(double tail, int df);
