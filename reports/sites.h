/* sites.h - which call stacks grow. Internal to the analysis. */
#pragma once

#include "analysis.h"

struct sm_sites_window {
    int64_t from_ns, to_ns;
    int64_t measured_to_ns; /* the end of the measured part of the run */
    int64_t ended_ns;       /* when the target's last process ended by itself within the window:
                               what it held then counts as live; INT64_MAX = it did not */
    double units_per_s;     /* load offered in it; NAN = unknown */
    double sample_bytes;    /* mean of the probe's sampling of bytes; <= 1 = exact */
};

/* Judges the sites of each kind that grew most by the growth engine, on the clock of the trace. 0
 * or -ENOMEM. */
int sm_sites_judge(const struct sm_run *run, const struct sm_trace *trace,
                   struct sm_site_result *sites, size_t count);

/* Whether what a site still holds is far older than what of it is freed ever gets: a part goes as it
 * came, the rest stays. 0 where the two are not known. */
int sm_site_rest_is_older(const struct sm_site_result *site);

/* The sites of a run, ranked: heap sites by their growth in the window, then descriptor sites by
 * theirs, then sites of mappings; never by size. Intervals allow for the probe's sampling. Returns
 * 0 and an array the caller frees (NULL when there are none), or -ENOMEM. */
int sm_sites_rank(const struct sm_run *run, const struct sm_sites_window *window,
                  struct sm_site_result **ret_sites, size_t *ret_count);
