#include "render.h"

#include <errno.h>

#include "render_verdicts.h"

static int render_verdicts(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                           struct sm_error *err) {
    if (!analysis->trace)
        return sm_error_set(err, -ENODATA, run->path, "let it run for longer",
                            "the record holds no measured time");
    return sm_render_verdicts(analysis->trace, to, err);
}

const struct sm_renderer sm_render_table[] = {
    {"text", "what a run prints at its end", sm_render_text},
    {"html", "a page for a browser, in one file", sm_render_html},
    {"json", "one object for programs, version 1", sm_render_json},
    {"junit", "test cases, for CI systems", sm_render_junit},
    {"markdown", "tables, for a step's summary or a merge request", sm_render_markdown},
    {"github", "annotations of GitHub Actions", sm_render_github},
    {"sarif", "findings in the source, for code scanning", sm_render_sarif},
    {"openmetrics", "the figures, to be pushed or picked up", sm_render_openmetrics},
    {"openmetrics-history", "every sample with its time, to be filled into a database",
     sm_render_openmetrics_history},
    {"csv", "the series on one clock; report reads it back", sm_render_csv},
    {"csv-ledger", "what became of every unit", sm_render_csv_ledger},
    {"pprof", "profile.proto, for go tool pprof", sm_render_pprof},
    {"folded", "stacks with the bytes they hold at the end, for flame graphs", sm_render_folded},
    {"folded-growth", "the same with the bytes gained while memory rose", sm_render_folded_growth},
    {"speedscope", "all stacks, for speedscope", sm_render_speedscope},
    {"gperftools", "a heap profile with symbols, for google-pprof", sm_render_gperftools},
    {"verdicts", "the verdicts on heap, RSS and descriptors alone, on one line", render_verdicts},
    {NULL, NULL, NULL},
};
