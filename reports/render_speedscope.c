/* speedscope's own format: one sampled profile for each value that any site has.
 * https://www.speedscope.app/file-format-schema.json */
#include <errno.h>
#include <jansson.h>

#include "json_values.h"
#include "profile.h"
#include "render.h"

static const char SCHEMA[] = "https://www.speedscope.app/file-format-schema.json";

static json_t *frames_array(const struct sm_profile *profile) {
    json_t *frames = json_array();
    for (size_t i = 0; i < profile->function_count; i++) {
        const struct sm_profile_function *function = &profile->functions[i];
        json_t *frame = json_pack("{so}", "name", sm_json_text(function->name));
        if (function->file[0])
            json_object_set_new(frame, "file", sm_json_text(function->file));
        json_array_append_new(frames, frame);
    }
    return frames;
}

static json_t *sample_array(const struct sm_profile *profile, const struct sm_profile_site *site) {
    json_t *sample = json_array();
    for (size_t at = site->frame_count; at > 0; at--)
        json_array_append_new(
            sample, json_integer((json_int_t)profile->frames[site->frames[at - 1]].function));
    return sample;
}

/* NULL when no site has any of it. */
static json_t *profile_object(const struct sm_profile *profile, enum sm_profile_value kind) {
    json_t *samples = json_array(), *weights = json_array();
    int64_t total = 0;
    for (size_t i = 0; i < profile->site_count; i++) {
        int64_t value = sm_profile_value(profile->sites[i].site, kind);
        if (value <= 0)
            continue;
        json_array_append_new(samples, sample_array(profile, &profile->sites[i]));
        json_array_append_new(weights, json_integer(value));
        total += value;
    }
    if (total == 0) {
        json_decref(samples);
        json_decref(weights);
        return NULL;
    }
    const struct sm_profile_value_kind *about = &sm_profile_value_kinds[kind];
    return json_pack("{ss ss ss si sI so so}", "type", "sampled", "name", about->title, "unit",
                     about->unit == SM_UNIT_BYTES ? "bytes" : "none", "startValue", 0, "endValue",
                     (json_int_t)total, "samples", samples, "weights", weights);
}

static json_t *file_object(const struct sm_run *run, const struct sm_profile *profile) {
    /* What the reader sees first is the first that has anything. */
    static const enum sm_profile_value order[] = {
        SM_PROFILE_GROWTH_SPACE,  SM_PROFILE_INUSE_SPACE,   SM_PROFILE_PEAK_SPACE,
        SM_PROFILE_ALLOC_SPACE,   SM_PROFILE_ALLOC_OBJECTS, SM_PROFILE_INUSE_OBJECTS,
        SM_PROFILE_GROWTH_FDS,    SM_PROFILE_OPEN_FDS,      SM_PROFILE_OPENED_FDS,
        SM_PROFILE_GROWTH_MAPPED, SM_PROFILE_MAPPED_SPACE};
    json_t *profiles = json_array();
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        json_t *one = profile_object(profile, order[i]);
        if (one)
            json_array_append_new(profiles, one);
    }
    return json_pack("{ss so ss si s{so} so}", "$schema", SCHEMA, "name",
                     sm_json_text(sm_run_meta(run, SM_META_SCENARIO)), "exporter", "spillmark",
                     "activeProfileIndex", 0, "shared", "frames", frames_array(profile), "profiles",
                     profiles);
}

int sm_render_speedscope(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                         struct sm_error *err) {
    struct sm_profile *profile = NULL;
    json_t *file = sm_profile_make(run, analysis, &profile) ? NULL : file_object(run, profile);
    sm_profile_free(profile);
    if (!file)
        return sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    int rc = json_dumpf(file, to, JSON_COMPACT);
    json_decref(file);
    return rc < 0 || fputc('\n', to) == EOF ? sm_error_errno(err, errno ? -errno : -EIO, NULL, NULL,
                                                             "the report cannot be written")
                                            : 0;
}
