/* The report as Markdown with GitHub's tables: for a step's summary, a merge request, an issue. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "render.h"
#include "render_text_parts.h"
#include "stacks.h"
#include "timeline.h"
#include "utf8.h"

enum { FRAMES_READ = 64, FRAMES_SHOWN = 6 };

/* What has a meaning in Markdown or HTML loses it; a text stays within its line. */
static void put(FILE *to, const char *text) {
    char bytes[SM_UTF8_MAX];
    for (uint32_t c; (c = sm_utf8_next(&text)) != 0;) {
        if (c < 0x80 && strchr("\\`*_[]<>|~&#!$@", (int)c))
            fputc('\\', to);
        fwrite(bytes, 1, sm_utf8_put(c == '\n' || c == '\t' ? ' ' : c, bytes), to);
    }
}

static const char *quantity(enum sm_unit unit, double value, char *buffer) {
    return isfinite(value) ? sm_unit_format(unit, value, buffer) : "unknown";
}
#define QUANTITY(unit, value) quantity(unit, value, (char[SM_UNIT_TEXT_BYTES]){0})

static void print_head(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to) {
    static const char *const badges[] = {[SM_RUN_PASS] = "✅ PASS",
                                         [SM_RUN_FAIL] = "❌ FAIL",
                                         [SM_RUN_INCONCLUSIVE] = "⚠️ INCONCLUSIVE"};
    char params[300];
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    fprintf(to, "## %s ", badges[analysis->verdict]);
    put(to, sm_run_meta(run, SM_META_SCENARIO));
    fputs("\n\n", to);
    put(to, sm_run_meta(run, SM_META_TITLE));
    fprintf(to, " (%s%s)", SM_UNIT_TEXT(SM_UNIT_SECONDS, sm_timeline_seconds(to_ns - from_ns)),
            run->complete ? "" : ", record cut short");
    if (sm_text_params(run, params, sizeof params)[0]) {
        fputs("  \n", to);
        put(to, params);
    }
    fputs("\n\n", to);
    put(to, analysis->why);
    fputc('\n', to);
}

/* In a block of code, which the fence ends: nothing else has a meaning. */
static void print_stack(const struct sm_run *run, int stack_id, const char *title, FILE *to) {
    struct sm_stack_frame frames[FRAMES_READ];
    char words[400];
    size_t count = sm_stack_frames(run, stack_id, frames, FRAMES_READ);
    count = count > FRAMES_READ ? FRAMES_READ : count;
    size_t first = count ? sm_stack_culprit(frames, count) : 0;
    fprintf(to, "\n%c%s\n\n", toupper((unsigned char)title[0]), title + 1);
    for (size_t i = first; i < count && i < first + FRAMES_SHOWN; i++) {
        char *clean = sm_utf8_clean(sm_stack_frame_text(&frames[i], words, sizeof words));
        for (char *c = clean; c && *c; c++)
            if (*c == '\n' || *c == '\t')
                *c = ' ';
        fprintf(to, "    %s\n", clean ? clean : "");
        free(clean);
    }
    if (count > first + FRAMES_SHOWN)
        fprintf(to, "    ... %zu more\n", count - first - FRAMES_SHOWN);
}

static void print_causes(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to) {
    if (analysis->cause_count)
        fputs("\n### Why\n", to);
    for (size_t i = 0; i < analysis->cause_count; i++) {
        const struct sm_cause *cause = &analysis->causes[i];
        const struct sm_site_result *site = cause->site_count ? cause->sites[0] : NULL;
        fprintf(to, "\n**%s**%s: ", sm_cause_name(cause->kind), cause->is_note ? " (note)" : "");
        put(to, cause->text);
        fputc('\n', to);
        if (site)
            print_stack(run, site->stack_id, sm_site_words[site->kind].made_at, to);
        if (site && site->freed_by_stack_id)
            print_stack(run, site->freed_by_stack_id, sm_site_words[site->kind].gone_by, to);
        if (cause->advice[0]) {
            fputs("\n> ", to);
            put(to, cause->advice);
            fputc('\n', to);
        }
    }
}

static void print_budget(const struct sm_analysis *analysis, FILE *to) {
    static const char *const words[] = {[SM_HOLDS_NO] = "❌ broken",
                                        [SM_HOLDS_YES] = "✅ holds",
                                        [SM_HOLDS_UNKNOWN] = "⚠️ could not be judged"};
    if (analysis->budget_count)
        fputs("\n### Budget\n\n| line | limit | actual | margin | verdict |\n"
              "|---|---:|---:|---:|---|\n",
              to);
    for (size_t i = 0; i < analysis->budget_count; i++) {
        const struct sm_budget_line *line = &analysis->budget[i];
        fputs("| ", to);
        put(to, line->item->name);
        fputs(" | ", to);
        put(to, line->item->limit);
        fprintf(to, " | %s | %s%s | %s |\n", QUANTITY(line->unit, line->actual),
                line->margin < 0 ? "-" : "",
                isfinite(line->margin) ? QUANTITY(line->unit, fabs(line->margin)) : "",
                words[line->holds]);
    }
}

static void print_series(const struct sm_analysis *analysis, FILE *to) {
    int is_begun = 0;
    for (size_t i = 0; i < analysis->series_count; i++) {
        const struct sm_series_result *result = &analysis->series[i];
        if (result->series->process_id != 0 || !result->is_judged)
            continue;
        if (!is_begun++)
            fputs("\n### Series\n\n| series | start | peak | end | verdict |\n"
                  "|---|---:|---:|---:|---|\n",
                  to);
        fputs("| ", to);
        put(to, result->series->name);
        fprintf(to, " | %s | %s | %s | %s |\n", QUANTITY(result->series->unit, result->start),
                QUANTITY(result->series->unit, result->peak),
                QUANTITY(result->series->unit, result->end), sm_verdict_name(result->verdict.kind));
    }
}

static void print_ledger(const struct sm_ledger *ledger, FILE *to) {
    struct sm_ledger_row rows[SM_LEDGER_ROWS];
    if (ledger->offered < 0)
        return;
    sm_ledger_rows(ledger, rows);
    fputs("\n### Ledger\n\n|", to);
    for (size_t i = 0; i < SM_LEDGER_ROWS; i++) {
        fputc(' ', to);
        for (const char *c = rows[i].name; *c; c++)
            fputc(*c == '_' ? ' ' : *c, to);
        fputs(" |", to);
    }
    fputs("\n|", to);
    for (size_t i = 0; i < SM_LEDGER_ROWS; i++)
        fputs("---:|", to);
    fputs("\n|", to);
    for (size_t i = 0; i < SM_LEDGER_ROWS; i++) {
        if (rows[i].is_known)
            fprintf(to, " %lld |", (long long)rows[i].units);
        else
            fputs(" unknown |", to);
    }
    fputc('\n', to);
}

int sm_render_markdown(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                       struct sm_error *err) {
    (void)err;
    print_head(run, analysis, to);
    print_causes(run, analysis, to);
    print_budget(analysis, to);
    print_series(analysis, to);
    print_ledger(&analysis->ledger, to);
    return 0;
}
