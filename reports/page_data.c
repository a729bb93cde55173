#include "page_data.h"

#include "json_values.h"
#include "render_json.h"

enum { EVENTS = 2000 };

static json_t *bounds(const struct sm_run *run) {
    json_t *object = json_object();
    for (size_t i = 0; i < run->declared_bounds_count; i++)
        sm_json_set(object, run->declared_bounds[i].series,
                    sm_json_number(run->declared_bounds[i].value));
    return object;
}

static json_t *events(const struct sm_run *run) {
    json_t *array = json_array();
    for (size_t i = 0; i < run->events_count && i < EVENTS; i++)
        json_array_append_new(array,
                              json_pack("{so so so}", "t_s", sm_json_seconds(run->events[i].t_ns),
                                        "kind", sm_json_text(run->events[i].kind), "text",
                                        sm_json_text(run->events[i].text)));
    return array;
}

static json_t *window(const struct sm_phase *phase) {
    if (!phase)
        return json_null();
    return json_pack("{so so so}", "name", sm_json_text(phase->name), "from_s",
                     sm_json_seconds(phase->from_ns), "to_s", sm_json_seconds(phase->to_ns));
}

/* What causes show, with the units that the report leaves out. */
static json_t *evidence(const struct sm_analysis *analysis) {
    json_t *causes = json_array();
    for (size_t i = 0; i < analysis->cause_count; i++) {
        const struct sm_cause *cause = &analysis->causes[i];
        json_t *items = json_array();
        for (size_t k = 0; k < cause->evidence_count; k++)
            json_array_append_new(items, json_pack("{ss si so sb}", "name", cause->evidence[k].name,
                                                   "unit", cause->evidence[k].unit, "value",
                                                   sm_json_number(cause->evidence[k].value), "flag",
                                                   cause->evidence[k].is_flag));
        json_array_append_new(causes, items);
    }
    return causes;
}

json_t *sm_page_run(const struct sm_run *run, const struct sm_analysis *analysis) {
    return json_pack("{so so so so so so so so so so}", "report", sm_json_report(run, analysis),
                     "started", sm_json_text(sm_run_meta(run, SM_META_STARTED)), "series",
                     sm_page_series(run), "loads", sm_page_loads(run), "bounds", bounds(run),
                     "events", events(run), "window", window(analysis->window), "sites",
                     sm_page_sites(run, analysis), "evidence", evidence(analysis), "in_flight_note",
                     sm_json_text(analysis->ledger.in_flight_note));
}
