#include "settled.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"

__attribute__((format(printf, 2, 3))) static void say(struct sm_settled *settled,
                                                      const char *format, ...) {
    size_t used = strlen(settled->why);
    va_list args;
    va_start(args, format);
    vsnprintf(settled->why + used, sizeof settled->why - used, format, args);
    va_end(args);
}

static const struct sm_verdict *final_verdict(const struct sm_analysis *analysis,
                                              const char *series) {
    const struct sm_series_result *result = sm_analysis_series(analysis, 0, series);
    return result && result->is_judged && result->verdict.may_stop ? &result->verdict : NULL;
}

static int is_growing(const struct sm_analysis *analysis, const char *series,
                      struct sm_settled *settled) {
    const struct sm_verdict *verdict = final_verdict(analysis, series);
    if (!verdict || verdict->kind != SM_VERDICT_GROWING)
        return 0;
    settled->is_settled = 1;
    say(settled, "%s is growing: %s", series, verdict->why);
    return 1;
}

static int fails(const struct sm_analysis *analysis, struct sm_settled *settled) {
    for (size_t i = 0; i < analysis->budget_count; i++)
        if (analysis->budget[i].item->is_bounded &&
            is_growing(analysis, analysis->budget[i].item->name, settled))
            return 1;
    return is_growing(analysis, "heap", settled) || is_growing(analysis, "fds", settled);
}

/* A limit that still holds is judged again when the run is over: what was delivered, say, is only
 * known then. */
static int is_line_settled(const struct sm_budget_line *line, int is_all_seen) {
    return line->is_settled || (!line->item->is_bounded && is_all_seen);
}

static void judge_budget(const struct sm_analysis *analysis, int is_all_seen,
                         struct sm_settled *settled) {
    for (size_t i = 0; i < analysis->budget_count; i++)
        if (!is_line_settled(&analysis->budget[i], is_all_seen))
            return;
    settled->is_settled = 1;
    say(settled, "every line of the budget is settled");
    for (size_t i = 0; i < analysis->budget_count; i++) {
        const struct sm_budget_line *line = &analysis->budget[i];
        if (line->item->is_bounded)
            say(settled, ", %s is bounded", line->item->name);
        else if (line->is_settled)
            say(settled, ", %s is broken", line->item->name);
    }
}

static void judge_without_budget(const struct sm_analysis *analysis, struct sm_settled *settled) {
    const struct sm_series_result *heap = sm_analysis_series(analysis, 0, "heap");
    const char *memory = heap && heap->is_judged ? "heap" : "rss";
    if (!final_verdict(analysis, memory) || !final_verdict(analysis, "fds"))
        return;
    settled->is_settled = 1;
    say(settled, "%s and fds are settled", memory);
}

static struct sm_settled judge(const struct sm_run *run, const struct sm_analysis *analysis,
                               int is_all_seen) {
    struct sm_settled settled = {0};
    if (!fails(analysis, &settled)) {
        if (run->budget_items_count)
            judge_budget(analysis, is_all_seen, &settled);
        else
            judge_without_budget(analysis, &settled);
    }
    return settled;
}

static void leave_out_open_phase(struct sm_run *run) {
    if (run->phases_count && run->phases[run->phases_count - 1].to_ns < 0)
        free(run->phases[--run->phases_count].name);
}

/* The ledger comes at the end of a run, but what growth matters depends on the payload. */
static void find_unit_bytes(struct sm_run *run) {
    double bytes = 0, offered = 0;
    for (size_t i = 0; i < run->load_intervals_count; i++) {
        bytes += (double)run->load_intervals[i].bytes_offered;
        offered += (double)run->load_intervals[i].offered;
    }
    if (run->ledger.unit_bytes <= 0 && offered > 0)
        run->ledger.unit_bytes = bytes / offered;
}

int sm_settled_look(const char *record_path, int is_all_seen, struct sm_settled *ret_settled,
                    struct sm_error *err) {
    struct sm_run *run = NULL;
    struct sm_analysis *analysis = NULL;
    int rc = sm_run_open(record_path, &run, err);
    if (rc == 0) {
        leave_out_open_phase(run);
        find_unit_bytes(run);
        rc = sm_analysis_make(run, &analysis, err);
    }
    if (rc == 0)
        *ret_settled = judge(run, analysis, is_all_seen);
    sm_analysis_free(analysis);
    sm_run_free(run);
    return rc;
}
