/* pprof's profile.proto, compressed: what `go tool pprof` and most services for profiles open.
 * https://github.com/google/pprof/blob/main/proto/profile.proto */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "json_values.h"
#include "profile.h"
#include "protobuf.h"
#include "render.h"
#include "timeline.h"
#include "utf8.h"

/* Field numbers of the messages. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME_NS = 9,
    PROFILE_DURATION_NS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_TYPE = 14,
    VALUE_TYPE = 1,
    VALUE_UNIT = 2,
    SAMPLE_LOCATION = 1,
    SAMPLE_VALUE = 2,
    SAMPLE_LABEL = 3,
    LABEL_KEY = 1,
    LABEL_TEXT = 2,
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7, /* and 8, 9, 10: files, lines, inlined frames */
    MAPPING_HAS_INLINED = 10,
    LOCATION_ID = 1,
    LOCATION_MAPPING = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,
    LINE_FUNCTION = 1,
    LINE_LINE = 2,
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILE = 4
};

/* Texts are numbered as they come: each is written once for each use, which pprof allows. */
struct writer {
    const struct sm_run *run;
    const struct sm_profile *profile;
    struct sm_protobuf out, inner, innermost;
    uint64_t texts;
    uint64_t *location_of_frame; /* the place whose innermost function a frame is; 0 = none yet */
    uint64_t locations;
};

static uint64_t add_text(struct writer *w, const char *text) {
    char *clean = sm_utf8_clean(text);
    sm_protobuf_text(&w->out, PROFILE_STRING, clean ? clean : "");
    w->out.failed |= !clean;
    free(clean);
    return w->texts++;
}

/* Returns the number of the text of its name. */
static uint64_t add_value_type(struct writer *w, unsigned field, const char *type,
                               enum sm_unit unit) {
    uint64_t name = add_text(w, type);
    sm_protobuf_number(&w->inner, VALUE_TYPE, name);
    sm_protobuf_number(&w->inner, VALUE_UNIT,
                       add_text(w, unit == SM_UNIT_BYTES ? "bytes" : "count"));
    sm_protobuf_message(&w->out, field, &w->inner);
    return name;
}

static void add_mappings(struct writer *w) {
    for (size_t i = 0; i < w->run->modules_count; i++) {
        const struct sm_module *module = &w->run->modules[i];
        uint64_t start = (uint64_t)module->id * SM_PROFILE_MODULE_BYTES;
        sm_protobuf_number(&w->inner, MAPPING_ID, (uint64_t)module->id);
        sm_protobuf_number(&w->inner, MAPPING_START, start);
        sm_protobuf_number(&w->inner, MAPPING_LIMIT, start + SM_PROFILE_MODULE_BYTES);
        sm_protobuf_number(&w->inner, MAPPING_FILE, add_text(w, module->path));
        sm_protobuf_number(&w->inner, MAPPING_BUILD_ID, add_text(w, module->build_id));
        for (unsigned has = MAPPING_HAS_FUNCTIONS; has <= MAPPING_HAS_INLINED; has++)
            sm_protobuf_number(&w->inner, has, 1);
        sm_protobuf_message(&w->out, PROFILE_MAPPING, &w->inner);
    }
}

static void add_functions(struct writer *w) {
    for (size_t i = 0; i < w->profile->function_count; i++) {
        uint64_t name = add_text(w, w->profile->functions[i].name);
        sm_protobuf_number(&w->inner, FUNCTION_ID, i + 1);
        sm_protobuf_number(&w->inner, FUNCTION_NAME, name);
        sm_protobuf_number(&w->inner, FUNCTION_SYSTEM_NAME, name);
        sm_protobuf_number(&w->inner, FUNCTION_FILE, add_text(w, w->profile->functions[i].file));
        sm_protobuf_message(&w->out, PROFILE_FUNCTION, &w->inner);
    }
}

/* A place in the program with all functions that were inlined there, from frames[0] on; how many
 * frames it took goes to *ret_taken. */
static uint64_t add_location(struct writer *w, const size_t *frames, size_t count,
                             size_t *ret_taken) {
    const struct sm_profile_frame *frame = &w->profile->frames[frames[0]];
    size_t taken = 0;
    while (taken + 1 < count && w->profile->frames[frames[taken]].at.is_inlined)
        taken++;
    *ret_taken = ++taken;
    if (w->location_of_frame[frames[0]])
        return w->location_of_frame[frames[0]];
    w->location_of_frame[frames[0]] = ++w->locations;
    sm_protobuf_number(&w->inner, LOCATION_ID, w->locations);
    sm_protobuf_number(&w->inner, LOCATION_MAPPING,
                       frame->at.module_id > 0 ? (uint64_t)frame->at.module_id : 0);
    sm_protobuf_number(&w->inner, LOCATION_ADDRESS, sm_profile_address(&frame->at));
    for (size_t i = 0; i < taken; i++) {
        const struct sm_profile_frame *line = &w->profile->frames[frames[i]];
        sm_protobuf_number(&w->innermost, LINE_FUNCTION, line->function + 1);
        sm_protobuf_number(&w->innermost, LINE_LINE,
                           line->at.line > 0 ? (uint64_t)line->at.line : 0);
        sm_protobuf_message(&w->inner, LOCATION_LINE, &w->innermost);
    }
    sm_protobuf_message(&w->out, PROFILE_LOCATION, &w->inner);
    return w->locations;
}

static void add_label(struct writer *w, struct sm_protobuf *sample, const char *key,
                      const char *text) {
    sm_protobuf_number(&w->innermost, LABEL_KEY, add_text(w, key));
    sm_protobuf_number(&w->innermost, LABEL_TEXT, add_text(w, text));
    sm_protobuf_message(sample, SAMPLE_LABEL, &w->innermost);
}

static void add_sample(struct writer *w, const struct sm_profile_site *site, uint64_t *locations) {
    uint64_t values[SM_PROFILE_VALUE_COUNT];
    struct sm_protobuf sample = {0};
    char freer[512];
    size_t count = 0;
    for (size_t at = 0, taken; at < site->frame_count; at += taken)
        locations[count++] = add_location(w, site->frames + at, site->frame_count - at, &taken);
    for (int i = 0; i < SM_PROFILE_VALUE_COUNT; i++)
        values[i] = (uint64_t)sm_profile_value(site->site, (enum sm_profile_value)i);
    sm_protobuf_numbers(&sample, SAMPLE_LOCATION, locations, count);
    sm_protobuf_numbers(&sample, SAMPLE_VALUE, values, SM_PROFILE_VALUE_COUNT);
    add_label(w, &sample, "kind", sm_site_words[site->site->kind].kind);
    if (site->site->freed_by_stack_id)
        add_label(w, &sample, "freed_by",
                  sm_stack_text(w->run, site->site->freed_by_stack_id, freer, sizeof freer));
    sm_protobuf_message(&w->out, PROFILE_SAMPLE, &sample);
    sm_protobuf_clear(&sample);
}

static double sample_interval(const struct sm_run *run) {
    json_t *probe = sm_json_stored(sm_run_meta(run, SM_META_PROBE));
    double bytes = json_number_value(json_object_get(probe, "sample_interval_bytes"));
    json_decref(probe);
    return bytes;
}

static void add_times(struct writer *w) {
    double started_s = strtod(sm_run_meta(w->run, SM_META_STARTED), NULL);
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(w->run, &from_ns, &to_ns);
    if (started_s > 0 && started_s < 9e9)
        sm_protobuf_number(&w->out, PROFILE_TIME_NS, (uint64_t)(started_s * 1e9));
    sm_protobuf_number(&w->out, PROFILE_DURATION_NS, (uint64_t)(to_ns - from_ns));
    add_value_type(w, PROFILE_PERIOD_TYPE, "space", SM_UNIT_BYTES);
    sm_protobuf_number(&w->out, PROFILE_PERIOD, (uint64_t)sample_interval(w->run));
}

static void add_all(struct writer *w, const struct sm_analysis *analysis, uint64_t *locations) {
    add_text(w, ""); /* the first one must be */
    uint64_t names[SM_PROFILE_VALUE_COUNT];
    for (int i = 0; i < SM_PROFILE_VALUE_COUNT; i++)
        names[i] = add_value_type(w, PROFILE_SAMPLE_TYPE, sm_profile_value_kinds[i].name,
                                  sm_profile_value_kinds[i].unit);
    add_mappings(w);
    add_functions(w);
    for (size_t i = 0; i < w->profile->site_count; i++)
        add_sample(w, &w->profile->sites[i], locations);
    add_times(w);
    uint64_t why = add_text(w, analysis->why);
    sm_protobuf_numbers(&w->out, PROFILE_COMMENT, &why, 1);
    /* By the same number: some readers compare those. */
    sm_protobuf_number(&w->out, PROFILE_DEFAULT_TYPE, names[SM_PROFILE_INUSE_SPACE]);
}

static int write_compressed(const struct sm_protobuf *message, FILE *to) {
    enum { GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };
    unsigned char block[65536];
    z_stream stream = {.next_in = message->bytes, .avail_in = (uInt)message->used};
    int rc = message->used > UINT32_MAX
                 ? Z_MEM_ERROR
                 : deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
                                MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (rc != Z_OK)
        return -ENOMEM;
    do {
        stream.next_out = block;
        stream.avail_out = sizeof block;
        rc = deflate(&stream, Z_FINISH);
        fwrite(block, 1, sizeof block - stream.avail_out, to);
    } while (rc == Z_OK);
    deflateEnd(&stream);
    return rc == Z_STREAM_END ? 0 : -EIO;
}

static size_t longest_stack(const struct sm_profile *profile) {
    size_t most = 1;
    for (size_t i = 0; i < profile->site_count; i++)
        if (profile->sites[i].frame_count > most)
            most = profile->sites[i].frame_count;
    return most;
}

int sm_render_pprof(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                    struct sm_error *err) {
    struct sm_profile *profile = NULL;
    if (sm_profile_make(run, analysis, &profile))
        return sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    struct writer w = {.run = run, .profile = profile};
    uint64_t *locations = calloc(longest_stack(profile), sizeof *locations);
    w.location_of_frame = calloc(profile->frame_count + 1, sizeof *w.location_of_frame);
    int rc = locations && w.location_of_frame ? 0 : -ENOMEM;
    if (rc == 0) {
        add_all(&w, analysis, locations);
        rc = w.out.failed ? -ENOMEM : write_compressed(&w.out, to);
    }
    free(locations);
    free(w.location_of_frame);
    sm_protobuf_clear(&w.out);
    sm_protobuf_clear(&w.inner);
    sm_protobuf_clear(&w.innermost);
    sm_profile_free(profile);
    return rc ? sm_error_errno(err, rc, run->path, NULL, "the profile cannot be made") : 0;
}
