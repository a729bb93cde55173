/* Several runs beside each other, figure by figure, and which change moved which figure. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "comparison.h"
#include "render.h"
#include "render_text_parts.h"

enum { COLUMN = 10, SHOWN_SIDE_BY_SIDE = 6, LABEL_LEAST = 30, LABEL_MOST = 50, LABEL_EFFECT = 42 };

/* "A", "B", ... "Z", "AA", ... */
static const char *letter(size_t run, char *buffer) {
    size_t used = 0;
    if (run >= 26)
        buffer[used++] = (char)('A' + run / 26 - 1);
    buffer[used++] = (char)('A' + run % 26);
    buffer[used] = '\0';
    return buffer;
}

/* A verdict too long for its column would be cut to nothing readable. */
static const char *short_verdict(enum sm_run_verdict verdict) {
    return verdict == SM_RUN_PASS ? "pass" : verdict == SM_RUN_FAIL ? "FAIL" : "unsure";
}

static void print_runs(const struct sm_text *text, const struct sm_compared_run *runs,
                       size_t count) {
    char name[4], params[300];
    sm_text_heading(text, "RUNS");
    for (size_t i = 0; i < count; i++) {
        sm_text_print(text, SM_STYLE_BOLD, "  %-3s", letter(i, name));
        sm_text_print(text, sm_text_verdict_style(runs[i].analysis->verdict), "%-7s",
                      short_verdict(runs[i].analysis->verdict));
        sm_text_put(text, SM_STYLE_PLAIN, 0, sm_run_meta(runs[i].run, SM_META_SCENARIO));
        sm_text_print(text, SM_STYLE_PLAIN, "  ");
        sm_text_put(text, SM_STYLE_DIM, 0, sm_text_params(runs[i].run, params, sizeof params));
        sm_text_print(text, SM_STYLE_PLAIN, "\n");
        for (size_t c = 0; c < runs[i].analysis->cause_count; c++)
            sm_text_print(text, SM_STYLE_DIM, "%s%s", c ? ", " : "            ",
                          sm_cause_name(runs[i].analysis->causes[c].kind));
        if (runs[i].analysis->cause_count)
            sm_text_print(text, SM_STYLE_PLAIN, "\n");
    }
}

static void print_value(const struct sm_text *text, enum sm_unit unit, double value) {
    char plain[SM_UNIT_TEXT_BYTES], words[SM_UNIT_TEXT_BYTES + 1];
    snprintf(words, sizeof words, "%s%s", value < 0 ? "-" : "",
             sm_unit_format(unit, fabs(value), plain));
    sm_text_print(text, SM_STYLE_PLAIN, " %*s", COLUMN, isnan(value) ? "?" : words);
}

static int differs(const struct sm_compared_figure *figure, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (figure->values[i] != figure->values[0] &&
            !(isnan(figure->values[i]) && isnan(figure->values[0])))
            return 1;
    return 0;
}

/* So many runs as fit the width, then the next ones below. */
static void print_figures(const struct sm_text *text, const struct sm_comparison *comparison,
                          size_t from, size_t to) {
    char name[4];
    int was_site = 0, room = SM_TEXT_WIDTH - 2 - (int)(to - from) * (COLUMN + 1);
    int label = room < LABEL_LEAST ? LABEL_LEAST : room > LABEL_MOST ? LABEL_MOST : room;
    sm_text_heading(text, from ? "FIGURES, further runs" : "FIGURES");
    sm_text_print(text, SM_STYLE_PLAIN, "  %-*s", label, "");
    for (size_t i = from; i < to; i++)
        sm_text_print(text, SM_STYLE_BOLD, " %*s", COLUMN, letter(i, name));
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
    for (size_t f = 0; f < comparison->figure_count; f++) {
        const struct sm_compared_figure *figure = &comparison->figures[f];
        if (!differs(figure, comparison->run_count))
            continue;
        if (figure->is_site && !was_site)
            sm_text_print(text, SM_STYLE_DIM, "  growth at sites\n");
        was_site = figure->is_site;
        sm_text_print(text, SM_STYLE_PLAIN, figure->is_site ? "    " : "  ");
        sm_text_put(text, SM_STYLE_PLAIN, figure->is_site ? 2 - label : -label, figure->name);
        for (size_t i = from; i < to; i++)
            print_value(text, figure->unit, figure->values[i]);
        sm_text_print(text, SM_STYLE_PLAIN, "\n");
    }
}

/* Without an interval, what is worth a line: a tenth of the figure. */
static int is_worth_a_line(const struct sm_main_effect *effect) {
    if (!effect->is_known)
        return 0;
    if (isfinite(effect->difference.low))
        return effect->is_sure;
    return fabs(effect->difference.value) > .1 * fabs(effect->from_mean);
}

static void print_effect(const struct sm_text *text, const struct sm_compared_figure *figure,
                         const struct sm_main_effect *effect) {
    double value = effect->difference.value, to = effect->from_mean + value;
    char difference[SM_UNIT_TEXT_BYTES + 1];
    snprintf(difference, sizeof difference, "%s%s", value < 0 ? "-" : "+",
             SM_UNIT_TEXT(figure->unit, fabs(value)));
    sm_text_print(text, SM_STYLE_PLAIN, "    ");
    sm_text_put(text, SM_STYLE_PLAIN, -LABEL_EFFECT, figure->name);
    sm_text_print(text, SM_STYLE_BOLD, " %*s", COLUMN + 1, difference);
    if (effect->from_mean > 0 && to > 0)
        sm_text_print(text, SM_STYLE_PLAIN, "  x %.3g", to / effect->from_mean);
    if (isfinite(effect->difference.low))
        sm_text_print(text, SM_STYLE_DIM, "  (99 %% sure of %s%s to %s%s)",
                      effect->difference.low < 0 ? "-" : "+",
                      SM_UNIT_TEXT(figure->unit, fabs(effect->difference.low)),
                      effect->difference.high < 0 ? "-" : "+",
                      SM_UNIT_TEXT(figure->unit, fabs(effect->difference.high)));
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
}

static void print_change(const struct sm_text *text, const struct sm_comparison *comparison,
                         size_t change) {
    const struct sm_compared_change *what = &comparison->changes[change];
    size_t shown = 0, unknown = 0;
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
    sm_text_put(text, SM_STYLE_BOLD, 0, what->parameter);
    sm_text_print(text, SM_STYLE_PLAIN, ": %s -> %s\n", what->from[0] ? what->from : "(unset)",
                  what->to[0] ? what->to : "(unset)");
    for (size_t f = 0; f < comparison->figure_count; f++) {
        const struct sm_main_effect *effect =
            &comparison->effects[f * comparison->change_count + change];
        unknown += !effect->is_known;
        if (is_worth_a_line(effect) && ++shown)
            print_effect(text, &comparison->figures[f], effect);
    }
    if (unknown == comparison->figure_count)
        sm_text_print(text, SM_STYLE_DOUBT, "    these runs do not tell it from other changes\n");
    else if (shown == 0)
        sm_text_print(text, SM_STYLE_DIM, "    moved no figure for sure\n");
}

static void print_changes(const struct sm_text *text, const struct sm_comparison *comparison) {
    if (comparison->change_count == 0)
        return;
    sm_text_heading(text, "WHICH CHANGE MOVED WHICH FIGURE");
    for (size_t c = 0; c < comparison->change_count; c++)
        print_change(text, comparison, c);
    sm_text_wrap(text, SM_STYLE_DIM, 2, 0,
                 comparison->freedom > 0
                     ? "Main effects, the other changes held still; what fixes do only together "
                       "counts as noise."
                     : "No run is left to tell noise: run combinations again, or more of them, for "
                       "intervals.");
}

int sm_render_comparison(const struct sm_compared_run *runs, size_t count, FILE *to,
                         struct sm_error *err) {
    struct sm_comparison comparison;
    struct sm_text text = sm_text_open(to);
    int rc = sm_comparison_make(runs, count, &comparison);
    if (rc < 0)
        return sm_error_errno(err, rc, NULL, NULL, "the runs cannot be compared");
    print_runs(&text, runs, count);
    for (size_t from = 0; from < count; from += SHOWN_SIDE_BY_SIDE)
        print_figures(&text, &comparison, from,
                      from + SHOWN_SIDE_BY_SIDE < count ? from + SHOWN_SIDE_BY_SIDE : count);
    print_changes(&text, &comparison);
    sm_comparison_clear(&comparison);
    return 0;
}
