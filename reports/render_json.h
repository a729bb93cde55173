/* render_json.h - the report as a JSON value, for the renderers that carry it. */
#pragma once

#include <jansson.h>

#include "analysis.h"

/* The object that `--format json` prints: version 1, see README.md. A new reference; NULL when out
 * of memory. */
json_t *sm_json_report(const struct sm_run *run, const struct sm_analysis *analysis);
