/* render_text_parts.h - the sections of the text report. Internal to the text renderers. */
#pragma once

#include "analysis.h"
#include "text_style.h"

enum sm_style sm_text_verdict_style(enum sm_run_verdict verdict);

/* " FAIL " and the like, in its colour. */
void sm_text_badge(const struct sm_text *text, enum sm_run_verdict verdict);

/* The run's parameters as "build=before rate=4000" into the buffer; returns it. */
char *sm_text_params(const struct sm_run *run, char *buffer, size_t buffer_bytes);

/* One site with its stacks, as a cause shows it. */
void sm_text_site(const struct sm_text *text, const struct sm_run *run,
                  const struct sm_site_result *site);

/* Sections; each prints its heading, or nothing when the run has nothing for it. */
void sm_text_largest_sites(const struct sm_text *text, const struct sm_run *run,
                           const struct sm_analysis *analysis);
void sm_text_series(const struct sm_text *text, const struct sm_analysis *analysis);
void sm_text_ledger(const struct sm_text *text, const struct sm_run *run,
                    const struct sm_analysis *analysis);
void sm_text_memory(const struct sm_text *text, const struct sm_analysis *analysis);
void sm_text_own_cost(const struct sm_text *text, const struct sm_run *run);
void sm_text_power(const struct sm_text *text, const struct sm_analysis *analysis);
void sm_text_budget(const struct sm_text *text, const struct sm_analysis *analysis);
void sm_text_faults(const struct sm_text *text, const struct sm_run *run);
void sm_text_processes(const struct sm_text *text, const struct sm_run *run);
