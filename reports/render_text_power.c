/* render_text_power.c - the least growth the run could have seen, and the positive control. */
#include <math.h>

#include "render_text_parts.h"

static void print_series(const struct sm_text *text, const struct sm_series_result *result) {
    enum sm_unit rate = sm_unit_per_second(result->series->unit);
    if (isnan(result->least_seen_per_s))
        return;
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
    sm_text_put(text, SM_STYLE_PLAIN, -8, result->series->name);
    if (isinf(result->least_seen_per_s))
        sm_text_wrap(text, SM_STYLE_DOUBT, 10, 10,
                     result->is_blind ? "none that was tried: it would have passed for bounded"
                                      : "none that was tried: it would have been inconclusive");
    else
        sm_text_print(text, SM_STYLE_PLAIN, "from %s on, where %s matters\n",
                      SM_UNIT_TEXT(rate, result->least_seen_per_s),
                      SM_UNIT_TEXT(rate, result->resolution_per_s));
}

void sm_text_power(const struct sm_text *text, const struct sm_analysis *analysis) {
    static const char *const names[] = {"heap", "rss", "fds"};
    const struct sm_control *control = &analysis->control;
    size_t known = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct sm_series_result *result = sm_analysis_series(analysis, 0, names[i]);
        if (!result || isnan(result->least_seen_per_s))
            continue;
        if (known++ == 0)
            sm_text_heading(text, "GROWTH THIS RUN WOULD HAVE SEEN");
        print_series(text, result);
    }
    if (control->state == SM_CONTROL_NONE)
        return;
    if (known == 0)
        sm_text_heading(text, "GROWTH THIS RUN WOULD HAVE SEEN");
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
    sm_text_put(text, SM_STYLE_PLAIN, -8, "control");
    sm_text_wrap(text, control->state == SM_CONTROL_FOUND ? SM_STYLE_GOOD : SM_STYLE_DOUBT, 10, 10,
                 control->text);
}
