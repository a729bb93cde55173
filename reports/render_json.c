/* The report as one JSON object (version 1; within a version fields are only added). */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "json_values.h"
#include "ledger.h"
#include "loads.h"
#include "render.h"
#include "render_json.h"
#include "stacks.h"
#include "timeline.h"

enum { FRAMES = 128, SITES_OF_A_KIND = 10 };

static json_t *interval(const struct sm_interval *value) {
    return json_pack("{so so so}", "value", sm_json_number(value->value), "low",
                     sm_json_number(value->low), "high", sm_json_number(value->high));
}

static json_t *series_object(const struct sm_series_result *result) {
    const struct sm_verdict *verdict = &result->verdict;
    json_t *object = json_pack("{so so so}", "start", sm_json_number(result->start), "peak",
                               sm_json_number(result->peak), "end", sm_json_number(result->end));
    if (!result->is_judged)
        return object;
    json_object_set_new(object, "verdict", json_string(sm_verdict_name(verdict->kind)));
    json_object_set_new(object, "bound",
                        verdict->kind == SM_VERDICT_BOUNDED ? sm_json_number(verdict->bound)
                                                            : json_null());
    json_object_set_new(object, "rate_per_s", interval(&result->rate_per_s));
    json_object_set_new(object, "rate_per_unit", interval(&result->rate_per_unit));
    json_object_set_new(object, "resolution_per_s", sm_json_number(result->resolution_per_s));
    if (!isnan(result->least_seen_per_s)) {
        json_object_set_new(object, "least_seen_per_s", sm_json_number(result->least_seen_per_s));
        json_object_set_new(object, "blind", json_boolean(result->is_blind));
    }
    json_object_set_new(object, "suspect", json_boolean(verdict->suspect));
    json_object_set_new(object, "decided_at_s",
                        verdict->decided_at_s < 0 ? json_null()
                                                  : sm_json_number(verdict->decided_at_s));
    json_object_set_new(object, "why", sm_json_text(verdict->why));
    json_object_set_new(object, "needs", sm_json_text(verdict->needs));
    return object;
}

static json_t *series_of(const struct sm_analysis *analysis, int process_id) {
    json_t *object = json_object();
    for (size_t i = 0; i < analysis->series_count; i++) {
        const struct sm_series_result *result = &analysis->series[i];
        if (result->series->process_id == process_id)
            sm_json_set(object, result->series->name, series_object(result));
    }
    return object;
}

static json_t *stack(const struct sm_run *run, int stack_id) {
    struct sm_stack_frame frames[FRAMES];
    json_t *array = json_array();
    size_t found = stack_id ? sm_stack_frames(run, stack_id, frames, FRAMES) : 0;
    for (size_t i = 0; i < found && i < FRAMES; i++) {
        char address[32];
        snprintf(address, sizeof address, "0x%llx", (unsigned long long)frames[i].address);
        json_array_append_new(
            array, json_pack("{so so so so ss}", "function", sm_json_text(frames[i].function),
                             "file", sm_json_text(frames[i].file), "line",
                             frames[i].line > 0 ? json_integer(frames[i].line) : json_null(),
                             "module", sm_json_text(frames[i].module), "address", address));
    }
    return array;
}

/* NULL: nothing is known. */
static json_t *residence(const struct sm_site_result *site) {
    return json_pack("{so so so so so}", "p50", sm_json_number(site ? site->residence_p50_s : NAN),
                     "p99", sm_json_number(site ? site->residence_p99_s : NAN), "before",
                     sm_json_number(site ? site->residence_before_s : NAN), "now",
                     sm_json_number(site ? site->residence_now_s : NAN), "freed",
                     sm_json_number(site ? site->residence_freed_s : NAN));
}

static json_t *site_object(const struct sm_run *run, const struct sm_site_result *site) {
    json_t *object = json_pack(
        "{ss so so so so so so so so so}", "kind", sm_site_words[site->kind].kind, "live_bytes",
        sm_json_number(site->live_bytes), "live_count", sm_json_number(site->live_count),
        "growth_bytes", sm_json_number(site->growth_bytes), "growth_count",
        sm_json_number(site->growth_count), "rate_per_s", interval(&site->rate_per_s),
        "rate_per_unit", interval(&site->rate_per_unit), "freed_share",
        sm_json_number(site->freed_share), "site", stack(run, site->stack_id), "freed_by",
        stack(run, site->freed_by_stack_id));
    json_object_set_new(object, "residence_s", residence(site));
    json_object_set_new(object, "peak_bytes", sm_json_number(site->peak_bytes));
    json_object_set_new(object, "peak_count", sm_json_number(site->peak_count));
    json_object_set_new(object, "never_freed_bytes", sm_json_number(site->kept_bytes));
    json_object_set_new(object, "never_freed_count", sm_json_number(site->kept_count));
    json_object_set_new(object, "end_bytes", sm_json_number(site->end_bytes));
    json_object_set_new(object, "end_count", sm_json_number(site->end_count));
    json_object_set_new(object, "growing", json_boolean(site->is_growing));
    json_object_set_new(object, "verdict",
                        site->is_judged ? json_string(sm_verdict_name(site->verdict.kind))
                                        : json_null());
    json_object_set_new(object, "why", sm_json_text(site->is_judged ? site->verdict.why : ""));
    return object;
}

/* The ones of each kind that grow most. */
static json_t *sites_array(const struct sm_run *run, const struct sm_analysis *analysis) {
    size_t shown[SM_SITE_KINDS] = {0};
    json_t *array = json_array();
    for (size_t i = 0; i < analysis->site_count; i++)
        if (shown[analysis->sites[i].kind]++ < SITES_OF_A_KIND)
            json_array_append_new(array, site_object(run, &analysis->sites[i]));
    return array;
}

static json_t *cause_object(const struct sm_run *run, const struct sm_cause *cause) {
    const struct sm_site_result *first = cause->site_count ? cause->sites[0] : NULL;
    json_t *evidence = json_object(), *sites = json_array();
    for (size_t i = 0; i < cause->evidence_count; i++)
        json_object_set_new(evidence, cause->evidence[i].name,
                            cause->evidence[i].is_flag ? json_boolean(cause->evidence[i].value > 0)
                                                       : sm_json_number(cause->evidence[i].value));
    for (size_t i = 0; i < cause->site_count; i++)
        json_array_append_new(sites, site_object(run, cause->sites[i]));
    return json_pack("{ss so sb so so so so so so so}", "kind", sm_cause_name(cause->kind),
                     "series", sm_json_text(cause->series), "note", cause->is_note, "text",
                     sm_json_text(cause->text), "advice", sm_json_text(cause->advice), "evidence",
                     evidence, "site", stack(run, first ? first->stack_id : 0), "freed_by",
                     stack(run, first ? first->freed_by_stack_id : 0), "residence_s",
                     residence(first), "sites", sites);
}

static json_t *ledger_object(const struct sm_ledger *ledger) {
    struct sm_ledger_row rows[SM_LEDGER_ROWS];
    json_t *object = json_object();
    sm_ledger_rows(ledger, rows);
    for (size_t i = 0; i < SM_LEDGER_ROWS; i++)
        json_object_set_new(object, rows[i].name,
                            rows[i].is_known ? json_integer(rows[i].units) : json_null());
    json_object_set_new(object, "unit_bytes",
                        ledger->unit_bytes > 0 ? sm_json_number(ledger->unit_bytes) : json_null());
    json_object_set_new(object, "note", sm_json_text(ledger->note));
    return object;
}

static json_t *memory_object(const struct sm_memory *memory) {
    return json_pack(
        "{so so so so so so so so so}", "at_s", sm_json_seconds(memory->t_ns), "rss",
        sm_json_number(memory->rss), "heap_live", sm_json_number(memory->heap_live), "slack",
        sm_json_number(memory->slack), "slack_is", sm_json_text(memory->slack_source),
        "slack_age_s", sm_json_number(memory->slack_age_s), "other_mappings",
        sm_json_number(memory->other_mappings), "remainder", sm_json_number(memory->remainder),
        "remainder_is", sm_json_text(memory->remainder_name));
}

static json_t *give_back_object(const struct sm_give_back *give_back) {
    if (give_back->asked == 0)
        return json_null();
    return json_pack("{si si so so so so}", "asked", give_back->asked, "done", give_back->done,
                     "asked_at_s", sm_json_seconds(give_back->asked_ns), "done_at_s",
                     give_back->done_ns < 0 ? json_null() : sm_json_seconds(give_back->done_ns),
                     "anonymous_before", sm_json_number(give_back->rss_before), "anonymous_after",
                     sm_json_number(give_back->rss_after));
}

static json_t *control_object(const struct sm_control *control) {
    static const char *const states[] = {[SM_CONTROL_NONE] = "none",
                                         [SM_CONTROL_IMPOSSIBLE] = "impossible",
                                         [SM_CONTROL_NOT_NEEDED] = "not_needed",
                                         [SM_CONTROL_FOUND] = "found",
                                         [SM_CONTROL_MISSED] = "missed"};
    if (control->state == SM_CONTROL_NONE)
        return json_null();
    return json_pack("{ss so so so so}", "state", states[control->state], "asked_per_s",
                     sm_json_number(control->asked_per_s), "kept_per_s",
                     sm_json_number(control->kept_per_s), "kept_bytes",
                     sm_json_number(control->kept_bytes), "text", sm_json_text(control->text));
}

static json_t *budget_line(const struct sm_budget_line *line) {
    json_t *holds =
        line->holds == SM_HOLDS_UNKNOWN ? json_null() : json_boolean(line->holds == SM_HOLDS_YES);
    return json_pack("{so so so so so so so}", "name", sm_json_text(line->item->name), "limit",
                     sm_json_text(line->item->limit), "limit_value",
                     line->item->is_bounded ? json_null() : sm_json_number(line->item->value),
                     "actual", sm_json_number(line->actual), "margin", sm_json_number(line->margin),
                     "holds", holds, "why", sm_json_text(line->why));
}

static json_t *fault_object(const struct sm_fault *fault) {
    return json_pack("{so so so so so}", "kind", sm_json_text(fault->kind), "from_s",
                     sm_json_seconds(fault->from_ns), "to_s", sm_json_seconds(fault->to_ns),
                     "asked", sm_json_stored(fault->asked), "receipt",
                     json_pack("{so so so so}", "calls", json_integer(fault->calls), "bytes",
                               json_integer(fault->bytes), "delay_s",
                               sm_json_number(fault->delay_s), "note", sm_json_text(fault->note)));
}

static json_t *process_object(const struct sm_analysis *analysis,
                              const struct sm_process *process) {
    return json_pack("{si si so so so so so so so}", "pid", process->pid, "parent_pid",
                     process->parent_pid, "command", sm_json_text(process->command), "from_s",
                     sm_json_seconds(process->from_ns), "to_s", sm_json_seconds(process->to_ns),
                     "exit", sm_json_text(process->exit), "probe", sm_json_text(process->probe),
                     "probe_drops", json_integer(process->probe_drops), "series",
                     series_of(analysis, process->id));
}

static json_t *phase_object(const struct sm_phase *phase) {
    return json_pack("{so si so so so si sb}", "name", sm_json_text(phase->name), "cycle",
                     phase->cycle, "from_s", sm_json_seconds(phase->from_ns), "to_s",
                     sm_json_seconds(phase->to_ns), "load", sm_json_number(phase->load_factor),
                     "faults", phase->fault_count, "settle", phase->is_settle);
}

/* How units ended: of one load, or of all with NULL. */
static json_t *outcomes_object(const struct sm_run *run, const char *load) {
    json_t *object = json_object();
    for (size_t i = 0; i < run->load_outcomes_count; i++) {
        const struct sm_load_outcome *row = &run->load_outcomes[i];
        if (load && strcmp(row->load, load) != 0)
            continue;
        json_int_t before = json_integer_value(json_object_get(object, row->outcome));
        sm_json_set(object, row->outcome, json_integer(before + row->count));
    }
    return object;
}

static json_t *load_object(const struct sm_run *run) {
    struct sm_load_sum sums[SM_LOADS];
    size_t count = sm_loads_sum(run, sums);
    double slip = NAN;
    json_t *by_load = json_array();
    for (size_t i = 0; i < count; i++) {
        slip = fmax(isnan(slip) ? 0 : slip, sums[i].worst_slip_p99_s);
        json_array_append_new(
            by_load,
            json_pack("{so sI sI sI sI so so so sb so}", "load", sm_json_text(sums[i].load),
                      "offered", (json_int_t)sums[i].offered, "accepted",
                      (json_int_t)sums[i].accepted, "refused", (json_int_t)sums[i].refused,
                      "unanswered", (json_int_t)sums[i].unanswered, "worst_latency_p99_s",
                      sm_json_number(sums[i].worst_latency_p99_s), "latency_max_s",
                      sm_json_number(sums[i].latency_max_s), "worst_slip_p99_s",
                      sm_json_number(sums[i].worst_slip_p99_s), "is_driver_late",
                      sums[i].is_driver_late, "outcomes", outcomes_object(run, sums[i].load)));
    }
    return json_pack("{so so so so}", "outcomes", outcomes_object(run, NULL), "worst_latency_p99_s",
                     sm_json_number(sm_loads_worst_latency_p99_s(run)), "worst_slip_p99_s",
                     sm_json_number(slip), "by_load", by_load);
}

/* An array of what `make` gives for each element of a table of the run or the analysis. */
#define ARRAY_OF(array, items, item_count, make)                                                   \
    json_t *array = json_array();                                                                  \
    for (size_t i_##array = 0; i_##array < (item_count); i_##array++)                              \
        json_array_append_new(array, make(&(items)[i_##array]));

json_t *sm_json_report(const struct sm_run *run, const struct sm_analysis *analysis) {
    ARRAY_OF(budget, analysis->budget, analysis->budget_count, budget_line)
    ARRAY_OF(faults, run->faults, run->faults_count, fault_object)
    ARRAY_OF(phases, run->phases, run->phases_count, phase_object)
    json_t *causes = json_array(), *processes = json_array();
    for (size_t i = 0; i < analysis->cause_count; i++)
        json_array_append_new(causes, cause_object(run, &analysis->causes[i]));
    for (size_t i = 0; i < run->processes_count; i++)
        json_array_append_new(processes, process_object(analysis, &run->processes[i]));
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    json_t *object = json_pack(
        "{si so so so so so sb ss si so so so so so so so so so so so so so so so}", "spillmark", 1,
        "scenario", sm_json_text(sm_run_meta(run, SM_META_SCENARIO)), "title",
        sm_json_text(sm_run_meta(run, SM_META_TITLE)), "params",
        sm_json_stored(sm_run_meta(run, SM_META_PARAMS)), "ended_by",
        sm_json_text(sm_run_meta(run, SM_META_ENDED_BY)), "duration_s",
        sm_json_number(sm_timeline_seconds(to_ns - from_ns)), "complete", run->complete, "verdict",
        sm_run_verdict_name(analysis->verdict), "exit_status", analysis->exit_status, "why",
        sm_json_text(analysis->why), "series", series_of(analysis, 0), "causes", causes, "sites",
        sites_array(run, analysis), "ledger", ledger_object(&analysis->ledger), "memory",
        memory_object(&analysis->memory), "memory_at_peak",
        memory_object(&analysis->memory_at_peak), "budget", budget, "faults", faults, "phases",
        phases, "load", load_object(run), "processes", processes, "probe",
        sm_json_stored(sm_run_meta(run, SM_META_PROBE)), "environment",
        sm_json_stored(sm_run_meta(run, SM_META_ENVIRONMENT)), "made_by",
        sm_json_text(sm_run_meta(run, SM_META_VERSION)));
    json_object_set_new(object, "ended_why", sm_json_text(sm_run_meta(run, SM_META_ENDED_WHY)));
    json_object_set_new(object, "variables", sm_json_stored(sm_run_meta(run, SM_META_VARIABLES)));
    json_object_set_new(object, "allocator", sm_json_text(sm_run_meta(run, SM_META_ALLOCATOR)));
    if (sm_run_meta(run, SM_META_OWN_COST)[0])
        json_object_set_new(object, "own_cost", sm_json_stored(sm_run_meta(run, SM_META_OWN_COST)));
    json_object_set_new(object, "positive_control", control_object(&analysis->control));
    json_object_set_new(object, "limit", sm_json_stored(sm_run_meta(run, SM_META_LIMIT)));
    json_object_set_new(object, "give_back", give_back_object(&analysis->give_back));
    return object;
}

int sm_render_json(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                   struct sm_error *err) {
    json_t *report = sm_json_report(run, analysis);
    if (!report)
        return sm_error_errno(err, -ENOMEM, run->path, NULL, "the report cannot be made");
    int r = json_dumpf(report, to, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(report);
    if (r < 0 || fputc('\n', to) == EOF)
        return sm_error_errno(err, errno ? -errno : -EIO, NULL, NULL,
                              "the report cannot be written");
    return 0;
}
