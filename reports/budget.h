/* budget.h - the limits a run must keep: checked when a scenario is loaded, judged afterwards. */
#pragma once

#include "analysis.h"

/* Checks one line of a budget as the scenario writes it: name = limit. Fills *out (its texts are
 * malloc'd: sm_budget_item_clear) or returns -EINVAL with *err: the nearest valid name for a
 * wrong one, the right unit for a wrong limit.
 *
 * heap, rss, slack, fds, gauge:NAME = bounded; heap_peak, rss_peak = bytes; fds_peak = a count;
 * gauge:NAME = a number; unaccounted, dropped, refused, unanswered = a count of units;
 * latency_p50, _p90, _p99, _max = a duration. */
int sm_budget_check_name(const char *name, const char *limit, struct sm_budget_item *out,
                         struct sm_error *err);
void sm_budget_item_clear(struct sm_budget_item *item);

/* Judges every line of the run's budget. Needs the series and the ledger of the analysis. 0 or
 * -ENOMEM. Internal to the analysis. */
int sm_budget_judge(const struct sm_run *run, struct sm_analysis *analysis);
