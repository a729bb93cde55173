#include "render_verdicts.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "json_values.h"
#include "trace_kinds.h"

/* The names of causes in this format; those without one are not told. */
static const struct {
    enum sm_cause_kind cause;
    const char *name;
} kind_names[] = {
    {SM_CAUSE_LEAK_PER_REQUEST, "per_request"},
    {SM_CAUSE_LEAK_OVER_TIME, "time_driven"},
    {SM_CAUSE_BACKLOG, "backlog"},
    {SM_CAUSE_RETRY_ACCUMULATION, "retry_accumulation"},
    {SM_CAUSE_KEPT_AFTER_LOAD, "retained_after_load"},
    {SM_CAUSE_ALLOCATOR_RETENTION, "allocator_retention"},
    {SM_CAUSE_PEAK_AMPLIFICATION, "peak_amplification"},
    {SM_CAUSE_FD_LEAK, "fd_leak"},
    {SM_CAUSE_SILENT_LOSS, "silent_loss"},
    {SM_CAUSE_ACCOUNTING_MISMATCH, "accounting_mismatch"},
};

static const char *const verdict_words[] = {
    [SM_VERDICT_BOUNDED] = "BOUNDED",
    [SM_VERDICT_GROWING] = "GROWING",
    [SM_VERDICT_INCONCLUSIVE] = "INCONCLUSIVE",
};

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *verdict_object(const struct sm_verdict *v) {
    return json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:s, s:s}", "verdict",
                     verdict_words[v->kind], "suspect", v->suspect, "may_stop", v->may_stop, "rate",
                     number(v->rate_per_s), "lo", number(v->rate_low), "hi", number(v->rate_high),
                     "t", v->decided_at_s >= 0 ? json_real(v->decided_at_s) : json_null(), "why",
                     v->why, "needs", v->needs);
}

static json_t *kinds_array(const struct sm_trace_causes *causes) {
    json_t *kinds = json_array();
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++)
        if (causes->bits & 1U << kind_names[i].cause)
            json_array_append_new(kinds, json_string(kind_names[i].name));
    if (causes->driver_unclear)
        json_array_append_new(kinds, json_string("per_request|time_driven"));
    return kinds;
}

static json_t *whole_object(const struct sm_trace *trace, const struct sm_trace_verdicts *verdicts,
                            const struct sm_trace_causes *causes) {
    json_t *all = json_object();
    int failed = json_object_set_new(all, "id", sm_json_text(trace->id));
    if (verdicts->has_heap)
        failed |= json_object_set_new(all, "heap", verdict_object(&verdicts->heap));
    if (verdicts->has_fd)
        failed |= json_object_set_new(all, "fd", verdict_object(&verdicts->fd));
    if (verdicts->has_rss)
        failed |= json_object_set_new(all, "rss", verdict_object(&verdicts->rss));
    failed |= json_object_set_new(all, "kinds", kinds_array(causes));
    if (!failed)
        return all;
    json_decref(all);
    return NULL;
}

int sm_render_verdicts(const struct sm_trace *trace, FILE *out, struct sm_error *err) {
    struct sm_trace_verdicts verdicts;
    struct sm_trace_causes causes;
    int rc = sm_trace_judge(trace, &verdicts);
    if (rc == 0)
        rc = sm_trace_causes(trace, &verdicts, &causes);
    json_t *all = rc == 0 ? whole_object(trace, &verdicts, &causes) : NULL;
    if (!all)
        return sm_error_set(err, rc < 0 ? rc : -ENOMEM, trace->id, NULL, "cannot judge the series");
    rc = json_dumpf(all, out, JSON_REAL_PRECISION(10)) < 0 || fputc('\n', out) < 0;
    json_decref(all);
    return rc ? sm_error_set(err, -EIO, NULL, NULL, "cannot write the verdicts") : 0;
}
