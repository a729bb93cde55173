/* page.h - the page of a report in HTML: one file with its script, its style and its data, built
 * from reports/html and bound into the program. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "analysis.h"

/* Writes the page. `data` is {"mode": "report", "compare" or "live", "runs": [sm_page_run()...]};
 * it stays the caller's. `title` and `summary` are what shows without a script, and may come from a
 * foreign program. 0, -ENOMEM or -EIO, with *err. */
int sm_page_write(json_t *data, const char *title, const char *summary, FILE *to,
                  struct sm_error *err);
