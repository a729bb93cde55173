/* page_data.h - what the page in HTML is told of a run. Internal to reports/ and the live view.
 *
 * Values are new references; NULL when out of memory. */
#pragma once

#include <jansson.h>

#include "analysis.h"

/* One run: the report of render_json.h and what only pictures need. */
json_t *sm_page_run(const struct sm_run *run, const struct sm_analysis *analysis);

/* The whole target's series: {name, unit, process, t, value, low, high}; t in ms, each as the
 * difference to the one before; low and high only where they differ from value. */
json_t *sm_page_series(const struct sm_run *run);

/* Loads: {name, from_s, to_s, offered, ...}, each a column. */
json_t *sm_page_loads(const struct sm_run *run);

/* All sites as columns, and the tree of their stacks. */
json_t *sm_page_sites(const struct sm_run *run, const struct sm_analysis *analysis);
