#include "growth_stats.h"

#include <math.h>
#include <string.h>

enum { LEVEL_SAMPLES = 64, RANK_SAMPLES = 512 };

double sm_stats_select(double *values, size_t count, size_t rank) {
    if (count == 0)
        return NAN;
    size_t low = 0, high = count - 1;
    /* NOLINTBEGIN(clang-analyzer-core.UndefinedBinaryOperatorResult): the pivot is one of the
     * values, so both scans stop within them. */
    while (low < high) { /* Hoare's selection */
        double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            double swap = values[i];
            values[i++] = values[j];
            values[j--] = swap;
        }
        if (rank <= j)
            high = j;
        else
            low = j + 1;
    }
    /* NOLINTEND(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    return values[rank];
}

double sm_stats_median(double *values, size_t count) {
    if (count == 0)
        return 0;
    double upper = sm_stats_select(values, count, count / 2);
    if (count % 2)
        return upper;
    double lower = values[0];
    for (size_t i = 1; i < count / 2; i++)
        lower = fmax(lower, values[i]);
    return (lower + upper) / 2;
}

double sm_stats_level(const double *values, size_t begin, size_t end) {
    double some[LEVEL_SAMPLES];
    size_t count = end > begin ? end - begin : 0,
           used = count < LEVEL_SAMPLES ? count : LEVEL_SAMPLES;
    for (size_t i = 0; i < used; i++)
        some[i] = values[begin + i * count / used];
    return sm_stats_median(some, used);
}

size_t sm_stats_close_gaps(double *values, size_t count) {
    size_t present = 0, last = count;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        present++;
        size_t from = last == count ? 0 : last + 1;
        for (size_t j = from; j < i; j++)
            values[j] = last == count ? values[i]
                                      : values[last] + (values[i] - values[last]) *
                                                           (double)(j - last) / (double)(i - last);
        last = i;
    }
    for (size_t j = last == count ? 0 : last + 1; j < count; j++)
        values[j] = last == count ? 0 : values[last];
    return present;
}

void sm_stats_block_means(const double *values, size_t count, double *ret_means, size_t blocks) {
    double width = (double)count / (double)blocks;
    for (size_t b = 0; b < blocks; b++) {
        double from = (double)b * width, to = from + width, sum = 0;
        for (size_t i = (size_t)from; i < count && (double)i < to; i++)
            sum += values[i] * (fmin(to, (double)i + 1) - fmax(from, (double)i));
        ret_means[b] = sum / width;
    }
}

void sm_stats_block_ranks(const double *values, size_t count, double part, double *ret_ranks,
                          size_t blocks) {
    double some[RANK_SAMPLES];
    for (size_t b = 0; b < blocks; b++) {
        size_t begin = count * b / blocks, end = count * (b + 1) / blocks;
        size_t all = end - begin, used = all < RANK_SAMPLES ? all : RANK_SAMPLES;
        if (part <= 0) {
            ret_ranks[b] = values[begin];
            for (size_t i = begin; i < end; i++)
                ret_ranks[b] = fmin(ret_ranks[b], values[i]);
            continue;
        }
        for (size_t i = 0; i < used; i++)
            some[i] = values[begin + i * all / used];
        ret_ranks[b] = sm_stats_select(some, used, (size_t)((double)used * part));
    }
}

/* P(T > t), Abramowitz and Stegun 26.7.3 and 26.7.4. */
static double t_tail(double t, int df) {
    double theta = atan(t / sqrt(df)), c = cos(theta), term, inside;
    if (df % 2) {
        inside = theta;
        term = sin(theta) * c;
        for (int k = 3; k <= df; k += 2) {
            inside += term;
            term *= c * c * (k - 1) / k;
        }
        inside *= 2 / M_PI;
    } else {
        inside = 0;
        term = sin(theta);
        for (int k = 2; k <= df; k += 2) {
            inside += term;
            term *= c * c * (k - 1) / k;
        }
    }
    return (1 - inside) / 2;
}

double sm_stats_t_above(double tail, int df) {
    double low = 0, high = 1;
    while (t_tail(high, df) > tail && high < 1e9)
        high *= 2;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (t_tail(middle, df) > tail)
            low = middle;
        else
            high = middle;
    }
    return high;
}
