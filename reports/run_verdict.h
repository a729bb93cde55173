/* run_verdict.h - from series, causes and budget to pass, fail or inconclusive. Internal to the
 * analysis. */
#pragma once

#include "analysis.h"

/* Fills verdict, exit_status and why from everything else in the analysis. */
void sm_run_verdict_decide(const struct sm_run *run, struct sm_analysis *analysis);
