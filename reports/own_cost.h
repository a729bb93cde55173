/* own_cost.h - what the probe itself costs, measured by running the same load with and without it.
 *
 * Short cycles in pairs; the ratios are geometric means over the pairs with an interval by
 * Student's t on their logarithms. They hold for this load on this machine at that time. */
#pragma once

#include "model.h"

struct sm_ratio {
    double value, low, high; /* with the probe to without; NAN = unknown */
};

struct sm_own_cost {
    int pairs;                        /* that were measured */
    double cycle_s;                   /* of load that each half of a pair was measured over */
    double cpu_with_s, cpu_without_s; /* per accepted unit, means */
    struct sm_ratio cpu;              /* processor time per accepted unit */
    struct sm_ratio latency_p50, latency_p99;
    char note[200]; /* why there are no figures; else empty */
};

enum { SM_OWN_COST_CONFIDENCE = 95 }; /* per cent */

/* The ratio over pairs: values above 0, in the same order. NAN for fewer than two. */
struct sm_ratio sm_ratio_of_pairs(const double *with, const double *without, size_t count);

/* As a JSON object for the record, malloc'd; NULL when out of memory. */
char *sm_own_cost_json(const struct sm_own_cost *cost);

/* From the record. 0, or -ENOENT when it was not measured. */
int sm_own_cost_of_run(const struct sm_run *run, struct sm_own_cost *ret_cost);
