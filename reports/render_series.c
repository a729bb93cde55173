#include "render_series.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "growth.h"
#include "text_style.h"
#include "trace_kinds.h"
#include "units.h"

static const struct {
    const char *word;
    enum sm_style style;
    int status;
} outcomes[] = {
    [SM_VERDICT_BOUNDED] = {"PASS", SM_STYLE_GOOD, SM_STATUS_OK},
    [SM_VERDICT_GROWING] = {"FAIL", SM_STYLE_BAD, SM_STATUS_FAILED},
    [SM_VERDICT_INCONCLUSIVE] = {"INCONCLUSIVE", SM_STYLE_DOUBT, SM_STATUS_INCONCLUSIVE},
};

/* Growth of one outweighs doubt about another. */
static enum sm_verdict_kind graver(enum sm_verdict_kind a, enum sm_verdict_kind b) {
    if (a == SM_VERDICT_GROWING || b == SM_VERDICT_GROWING)
        return SM_VERDICT_GROWING;
    return a == SM_VERDICT_BOUNDED ? b : a;
}

static void explain(const struct sm_text *text, const char *name, enum sm_unit unit,
                    const struct sm_verdict *verdict) {
    enum sm_unit rate = unit == SM_UNIT_BYTES ? SM_UNIT_BYTES_PER_S : SM_UNIT_COUNT_PER_S;
    char words[1200];
    int used = 0;
    switch (verdict->kind) {
    case SM_VERDICT_GROWING:
        used =
            snprintf(words, sizeof words,
                     "The %s is growing: by %s (99 %% sure of %s to %s), to a peak of %s. "
                     "What decided it: %s.",
                     name, SM_UNIT_TEXT(rate, verdict->rate_per_s),
                     SM_UNIT_TEXT(rate, verdict->rate_low), SM_UNIT_TEXT(rate, verdict->rate_high),
                     SM_UNIT_TEXT(unit, verdict->peak), verdict->why);
        break;
    case SM_VERDICT_BOUNDED:
        used = snprintf(words, sizeof words, "The %s is bounded, by %s. What decided it: %s.", name,
                        SM_UNIT_TEXT(unit, verdict->bound), verdict->why);
        break;
    case SM_VERDICT_INCONCLUSIVE:
        used = snprintf(
            words, sizeof words,
            "Whether the %s grows these figures do not tell%s: %s. What would settle it: "
            "%s.",
            name, verdict->suspect ? ", though it is suspect" : "", verdict->why, verdict->needs);
    }
    if (used > 0)
        sm_text_wrap(text, SM_STYLE_PLAIN, 0, 0, words);
}

int sm_render_series(const struct sm_trace *trace, const char *name, FILE *out, int *ret_status,
                     struct sm_error *err) {
    struct sm_trace_verdicts verdicts;
    int rc = sm_trace_judge(trace, &verdicts);
    if (rc < 0)
        return sm_error_set(err, rc, name, NULL, "cannot judge the series");
    int is_plain = !verdicts.has_rss && !verdicts.has_fd;
    enum sm_verdict_kind worst = SM_VERDICT_BOUNDED;
    if (verdicts.has_heap)
        worst = graver(worst, verdicts.heap.kind);
    if (verdicts.has_rss)
        worst = graver(worst, verdicts.rss.kind);
    if (verdicts.has_fd)
        worst = graver(worst, verdicts.fd.kind);
    struct sm_text text = sm_text_open(out);
    sm_text_print(&text, outcomes[worst].style, "%s", outcomes[worst].word);
    sm_text_put(&text, SM_STYLE_PLAIN, 0, "  ");
    sm_text_put(&text, SM_STYLE_PLAIN, 0, name);
    sm_text_print(&text, SM_STYLE_PLAIN, "\n\n");
    if (verdicts.has_heap)
        explain(&text, is_plain ? "series" : "live heap", SM_UNIT_BYTES, &verdicts.heap);
    if (verdicts.has_rss)
        explain(&text, "resident memory", SM_UNIT_BYTES, &verdicts.rss);
    if (verdicts.has_fd)
        explain(&text, "number of descriptors", SM_UNIT_COUNT, &verdicts.fd);
    if (fflush(out) != 0 || ferror(out))
        return sm_error_set(err, -EIO, NULL, NULL, "cannot write the report");
    *ret_status = outcomes[worst].status;
    return 0;
}
