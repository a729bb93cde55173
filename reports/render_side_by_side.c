/* Two runs in two columns: verdict, reason, figures. */
#include <math.h>
#include <string.h>

#include "render.h"
#include "render_text_parts.h"
#include "stacks.h"

enum { LABEL = 16, COLUMN = 40 };

struct side {
    const struct sm_run *run;
    const struct sm_analysis *analysis;
};

static void label(const struct sm_text *text, const char *words) {
    sm_text_put(text, SM_STYLE_DIM, -LABEL, words);
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
}

/* A cell of a row; the right one ends it. */
static void cell(const struct sm_text *text, int is_right, enum sm_style style, const char *words) {
    int is_short = is_right && strlen(words) <= COLUMN;
    sm_text_put(text, style, is_short ? 0 : -COLUMN, words);
    sm_text_print(text, SM_STYLE_PLAIN, is_right ? "\n" : "  ");
}

static void print_verdicts(const struct sm_text *text, const struct side *sides) {
    static const char *const names[] = {
        [SM_RUN_PASS] = "PASS", [SM_RUN_FAIL] = "FAIL", [SM_RUN_INCONCLUSIVE] = "INCONCLUSIVE"};
    char params[200];
    label(text, "scenario");
    for (int i = 0; i < 2; i++)
        cell(text, i, SM_STYLE_BOLD, sm_run_meta(sides[i].run, SM_META_SCENARIO));
    label(text, "");
    for (int i = 0; i < 2; i++)
        cell(text, i, SM_STYLE_DIM, sm_text_params(sides[i].run, params, sizeof params));
    label(text, "verdict");
    for (int i = 0; i < 2; i++) {
        enum sm_run_verdict verdict = sides[i].analysis->verdict;
        cell(text, i, sm_text_verdict_style(verdict), names[verdict]);
    }
}

/* The next line of words of at most COLUMN columns; *words moves on. */
static void next_line(const char **words, char *line, size_t line_bytes) {
    const char *at = *words + strspn(*words, " ");
    size_t length = strlen(at);
    if (length > COLUMN) {
        for (length = COLUMN; length > 0 && at[length] != ' '; length--)
            ;
        if (length == 0)
            length = COLUMN;
    }
    snprintf(line, line_bytes, "%.*s", (int)length, at);
    *words = at + length;
}

/* Two paragraphs wrapped in their columns. */
static void print_paragraphs(const struct sm_text *text, const char *name, const char *left,
                             const char *right) {
    char line[COLUMN + 1];
    int is_first = 1;
    while (*left || *right) {
        label(text, is_first ? name : "");
        next_line(&left, line, sizeof line);
        cell(text, 0, SM_STYLE_PLAIN, line);
        next_line(&right, line, sizeof line);
        cell(text, 1, SM_STYLE_PLAIN, line);
        is_first = 0;
    }
}

static void series_words(const struct sm_analysis *analysis, const char *name, char *words,
                         size_t words_bytes) {
    const struct sm_series_result *result = sm_analysis_series(analysis, 0, name);
    if (!result || isnan(result->peak))
        snprintf(words, words_bytes, "not measured");
    else if (sm_series_is_growing(result))
        snprintf(words, words_bytes, "growing, %s, peak %s",
                 SM_UNIT_TEXT(sm_unit_per_second(result->series->unit), result->rate_per_s.value),
                 SM_UNIT_TEXT(result->series->unit, result->peak));
    else
        snprintf(words, words_bytes, "%s, peak %s, end %s",
                 result->is_judged ? sm_verdict_name(result->verdict.kind) : "seen",
                 SM_UNIT_TEXT(result->series->unit, result->peak),
                 SM_UNIT_TEXT(result->series->unit, result->end));
}

static void print_series(const struct sm_text *text, const struct side *sides, const char *name) {
    char words[120];
    label(text, name);
    for (int i = 0; i < 2; i++) {
        series_words(sides[i].analysis, name, words, sizeof words);
        cell(text, i, SM_STYLE_PLAIN, words);
    }
}

static void print_causes(const struct sm_text *text, const struct side *sides) {
    size_t rows = 0;
    for (int i = 0; i < 2; i++)
        if (sides[i].analysis->cause_count > rows)
            rows = sides[i].analysis->cause_count;
    for (size_t row = 0; row < rows; row++) {
        label(text, row ? "" : "causes");
        for (int i = 0; i < 2; i++) {
            const struct sm_analysis *analysis = sides[i].analysis;
            const struct sm_cause *cause =
                row < analysis->cause_count ? &analysis->causes[row] : NULL;
            char words[120], stack[90] = "";
            if (cause && cause->site_count)
                sm_stack_text(sides[i].run, cause->sites[0]->stack_id, stack, sizeof stack);
            snprintf(words, sizeof words, "%s%s%.60s", cause ? sm_cause_name(cause->kind) : "",
                     stack[0] ? " " : "", stack);
            cell(text, i, !cause || cause->is_note ? SM_STYLE_PLAIN : SM_STYLE_BAD, words);
        }
    }
}

static void print_ledger_row(const struct sm_text *text, const char *name, int64_t left,
                             int64_t right) {
    const int64_t values[] = {left, right};
    char words[40];
    label(text, name);
    for (int i = 0; i < 2; i++) {
        snprintf(words, sizeof words, values[i] < 0 ? "unknown" : "%lld", (long long)values[i]);
        cell(text, i, SM_STYLE_PLAIN, words);
    }
}

static int64_t unaccounted(const struct sm_ledger *ledger) {
    return !ledger->is_unaccounted_known ? -1 : ledger->unaccounted > 0 ? ledger->unaccounted : 0;
}

void sm_render_side_by_side(const struct sm_run *run_a, const struct sm_analysis *analysis_a,
                            const struct sm_run *run_b, const struct sm_analysis *analysis_b,
                            FILE *to) {
    struct sm_text text = sm_text_open(to);
    const struct side sides[] = {{run_a, analysis_a}, {run_b, analysis_b}};
    const struct sm_ledger *a = &analysis_a->ledger, *b = &analysis_b->ledger;
    print_verdicts(&text, sides);
    print_paragraphs(&text, "reason", analysis_a->why, analysis_b->why);
    sm_text_print(&text, SM_STYLE_PLAIN, "\n");
    print_causes(&text, sides);
    static const char *const shown[] = {"heap", "rss", "slack", "fds"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        print_series(&text, sides, shown[i]);
    if (a->offered >= 0 || b->offered >= 0) {
        print_ledger_row(&text, "offered", a->offered, b->offered);
        print_ledger_row(&text, "delivered", a->delivered, b->delivered);
        print_ledger_row(&text, "dropped", a->dropped, b->dropped);
        print_ledger_row(&text, "unaccounted", unaccounted(a), unaccounted(b));
    }
}
