/* Sites as columns, with their stacks. */
#include <stdio.h>

#include "json_values.h"
#include "page_data.h"
#include "profile.h"

enum { SITES_MAX = 20000, CULPRIT_FRAMES = 64 };

static json_t *functions(const struct sm_profile *profile) {
    json_t *names = json_array(), *files = json_array(), *modules = json_array();
    for (size_t i = 0; i < profile->function_count; i++) {
        json_array_append_new(names, sm_json_text(profile->functions[i].name));
        json_array_append_new(files, sm_json_text(profile->functions[i].file));
        json_array_append_new(modules, sm_json_text(profile->functions[i].module));
    }
    return json_pack("{so so so}", "name", names, "file", files, "module", modules);
}

static json_t *frames(const struct sm_profile *profile) {
    json_t *functions_of = json_array(), *lines = json_array();
    for (size_t i = 0; i < profile->frame_count; i++) {
        json_array_append_new(functions_of, json_integer((json_int_t)profile->frames[i].function));
        json_array_append_new(lines, json_integer(profile->frames[i].at.line));
    }
    return json_pack("{so so}", "function", functions_of, "line", lines);
}

static void append(json_t *columns, const char *name, json_t *value) {
    json_t *array = json_object_get(columns, name);
    if (!array)
        json_object_set_new(columns, name, array = json_array());
    json_array_append_new(array, value);
}

static json_t *stack(const size_t *frame_numbers, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_integer((json_int_t)frame_numbers[i]));
    return array;
}

static void append_interval(json_t *columns, const char *name, const struct sm_interval *interval) {
    char column[40];
    append(columns, name, sm_json_number(interval->value));
    snprintf(column, sizeof column, "%s_low", name);
    append(columns, column, sm_json_number(interval->low));
    snprintf(column, sizeof column, "%s_high", name);
    append(columns, column, sm_json_number(interval->high));
}

/* Which frame of the stack to name the site by. */
static json_t *culprit(const struct sm_profile *profile, const struct sm_profile_site *at) {
    struct sm_stack_frame stack_frames[CULPRIT_FRAMES];
    size_t count = at->frame_count < CULPRIT_FRAMES ? at->frame_count : CULPRIT_FRAMES;
    for (size_t i = 0; i < count; i++)
        stack_frames[i] = profile->frames[at->frames[i]].at;
    return json_integer((json_int_t)sm_stack_culprit(stack_frames, count));
}

static void append_site(json_t *columns, const struct sm_profile *profile,
                        const struct sm_profile_site *at) {
    const struct sm_site_result *site = at->site;
    append(columns, "kind", json_integer(site->kind));
    append(columns, "stack", stack(at->frames, at->frame_count));
    append(columns, "freed_by", stack(at->freed_by, at->freed_by_count));
    append(columns, "culprit", culprit(profile, at));
    append_interval(columns, "rate_per_s", &site->rate_per_s);
    append_interval(columns, "rate_per_unit", &site->rate_per_unit);
    append(columns, "growing", json_integer(site->is_growing));
    append(columns, "verdict",
           site->is_judged ? json_string(sm_verdict_name(site->verdict.kind)) : json_null());
    append(columns, "why", sm_json_text(site->is_judged ? site->verdict.why : ""));
#define FIGURE(name) append(columns, #name, sm_json_number(site->name));
    FIGURE(live_bytes)
    FIGURE(live_count)
    FIGURE(growth_bytes)
    FIGURE(growth_count)
    FIGURE(peak_bytes)
    FIGURE(peak_count)
    FIGURE(held_bytes)
    FIGURE(held_count)
    FIGURE(alloc_bytes)
    FIGURE(alloc_count)
    FIGURE(freed_share)
    FIGURE(residence_before_s)
    FIGURE(residence_now_s)
    FIGURE(residence_p50_s)
    FIGURE(residence_p99_s)
#undef FIGURE
}

json_t *sm_page_sites(const struct sm_run *run, const struct sm_analysis *analysis) {
    struct sm_profile *profile = NULL;
    if (sm_profile_make(run, analysis, &profile))
        return NULL;
    json_t *columns = json_object();
    size_t shown = profile->site_count < SITES_MAX ? profile->site_count : SITES_MAX;
    for (size_t i = 0; i < shown; i++)
        append_site(columns, profile, &profile->sites[i]);
    json_t *object = json_pack("{sI sI so so so}", "count", (json_int_t)shown, "left_out",
                               (json_int_t)(profile->site_count - shown), "columns", columns,
                               "functions", functions(profile), "frames", frames(profile));
    sm_profile_free(profile);
    return object;
}
