/* What a user reads at the end of a run: the verdict and its reason, then why, then the figures. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "render.h"
#include "render_text_parts.h"
#include "timeline.h"

enum sm_style sm_text_verdict_style(enum sm_run_verdict verdict) {
    return verdict == SM_RUN_PASS   ? SM_STYLE_GOOD
           : verdict == SM_RUN_FAIL ? SM_STYLE_BAD
                                    : SM_STYLE_DOUBT;
}

void sm_text_badge(const struct sm_text *text, enum sm_run_verdict verdict) {
    static const char *const badges[] = {
        [SM_RUN_PASS] = "PASS", [SM_RUN_FAIL] = "FAIL", [SM_RUN_INCONCLUSIVE] = "INCONCLUSIVE"};
    sm_text_print(text, sm_text_verdict_style(verdict), "%s", badges[verdict]);
}

char *sm_text_params(const struct sm_run *run, char *buffer, size_t buffer_bytes) {
    json_t *params = json_loads(sm_run_meta(run, SM_META_PARAMS), 0, NULL), *value;
    const char *key;
    size_t used = 0;
    buffer[0] = '\0';
    json_object_foreach(params, key, value) {
        char *other = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        const char *words = other ? other : json_string_value(value);
        int n = words && words[0] ? snprintf(buffer + used, buffer_bytes - used, "%s%s=%s",
                                             used ? " " : "", key, words)
                                  : 0;
        free(other);
        if (n < 0 || (size_t)n >= buffer_bytes - used)
            break;
        used += (size_t)n;
    }
    json_decref(params);
    return buffer;
}

/* The badge before the title and the duration after it; on a narrow terminal the title gets a line
 * of its own. */
enum { BESIDE_TITLE = 20 };

static void print_head(const struct sm_text *text, const struct sm_run *run,
                       const struct sm_analysis *analysis) {
    char params[300];
    int64_t from_ns = 0, to_ns = 0;
    const char *title = sm_run_meta(run, SM_META_TITLE);
    sm_timeline_range(run, &from_ns, &to_ns);
    sm_text_badge(text, analysis->verdict);
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
    sm_text_put(text, SM_STYLE_BOLD, 0, sm_run_meta(run, SM_META_SCENARIO));
    if (title[0]) {
        int columns = (int)(strlen(sm_run_meta(run, SM_META_SCENARIO)) + strlen(title));
        sm_text_print(text, SM_STYLE_PLAIN, columns + BESIDE_TITLE > text->width ? "\n" : ": ");
        sm_text_put(text, SM_STYLE_PLAIN, 0, title);
    }
    sm_text_print(text, SM_STYLE_DIM, "  (%s%s)\n",
                  SM_UNIT_TEXT(SM_UNIT_SECONDS, sm_timeline_seconds(to_ns - from_ns)),
                  run->complete ? "" : ", record cut short");
    if (sm_text_params(run, params, sizeof params)[0])
        sm_text_wrap(text, SM_STYLE_DIM, 0, 0, params);
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
    sm_text_wrap(text, SM_STYLE_PLAIN, 0, 0, analysis->why);
}

static void print_causes(const struct sm_text *text, const struct sm_run *run,
                         const struct sm_analysis *analysis) {
    if (analysis->cause_count == 0)
        return;
    sm_text_heading(text, "WHY");
    for (size_t i = 0; i < analysis->cause_count; i++) {
        const struct sm_cause *cause = &analysis->causes[i];
        if (i > 0)
            sm_text_print(text, SM_STYLE_PLAIN, "\n");
        sm_text_print(text, SM_STYLE_PLAIN, "  ");
        sm_text_print(text, cause->is_note ? SM_STYLE_DOUBT : SM_STYLE_BAD, "%s",
                      sm_cause_name(cause->kind));
        if (cause->series[0])
            sm_text_print(text, SM_STYLE_DIM, " (%s)", cause->series);
        if (cause->is_note)
            sm_text_print(text, SM_STYLE_DIM, "  note");
        sm_text_print(text, SM_STYLE_PLAIN, "\n");
        if (!strstr(analysis->why, cause->text)) /* the reason above may have said it already */
            sm_text_wrap(text, SM_STYLE_PLAIN, 4, 0, cause->text);
        /* The stack that matters in full; further ones would bury it. */
        for (size_t s = 0; s < cause->site_count && s < 2; s++)
            sm_text_site(text, run, cause->sites[s]);
        if (cause->advice[0]) {
            sm_text_print(text, SM_STYLE_PLAIN, "    -> ");
            sm_text_wrap(text, SM_STYLE_PLAIN, 7, 7, cause->advice);
        }
    }
}

int sm_render_text(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                   struct sm_error *err) {
    (void)err;
    struct sm_text text = sm_text_open(to);
    print_head(&text, run, analysis);
    print_causes(&text, run, analysis);
    sm_text_largest_sites(&text, run, analysis);
    sm_text_budget(&text, analysis);
    sm_text_series(&text, analysis);
    sm_text_power(&text, analysis);
    sm_text_ledger(&text, run, analysis);
    sm_text_memory(&text, analysis);
    sm_text_own_cost(&text, run);
    sm_text_faults(&text, run);
    sm_text_processes(&text, run);
    return 0;
}
