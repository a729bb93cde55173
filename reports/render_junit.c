/* JUnit XML, as CI systems read it: one case for the verdict of the run and one for each line of
 * the budget. What was broken is a failure; what could not be judged, or broke down, is an error,
 * so that it never shows as passed. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "json_values.h"
#include "render.h"
#include "timeline.h"
#include "utf8.h"

static void put_text(FILE *to, const char *text) {
    char bytes[SM_UTF8_MAX];
    for (uint32_t c; (c = sm_utf8_next(&text)) != 0;) {
        if (c == '<')
            fputs("&lt;", to);
        else if (c == '>')
            fputs("&gt;", to);
        else if (c == '&')
            fputs("&amp;", to);
        else if (c == '"')
            fputs("&quot;", to);
        else
            fwrite(bytes, 1, sm_utf8_put(c, bytes), to);
    }
}

/* Line ends within an attribute would become blanks. */
static void put_attribute(FILE *to, const char *name, const char *text) {
    fprintf(to, " %s=\"", name);
    put_text(to, text);
    fputc('"', to);
}

static void put_property(FILE *to, const char *prefix, const char *name, const char *value) {
    char key[300];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    fputs("      <property", to);
    put_attribute(to, "name", key);
    put_attribute(to, "value", value);
    fputs("/>\n", to);
}

static void put_properties(FILE *to, const struct sm_run *run, const struct sm_analysis *analysis) {
    json_t *params = sm_json_stored(sm_run_meta(run, SM_META_PARAMS)), *value;
    const char *key;
    fputs("    <properties>\n", to);
    put_property(to, "", "spillmark", sm_run_meta(run, SM_META_VERSION));
    json_object_foreach(params, key, value) {
        char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        put_property(to, "param.", key, text ? text : json_string_value(value));
        free(text);
    }
    for (size_t i = 0; i < analysis->series_count; i++)
        if (analysis->series[i].series->process_id == 0 && analysis->series[i].is_judged)
            put_property(to, "series.", analysis->series[i].series->name,
                         sm_verdict_name(analysis->series[i].verdict.kind));
    fputs("    </properties>\n", to);
    json_decref(params);
}

/* `kind` is "failure" or "error"; NULL for a case that passed. */
static void put_case(FILE *to, const char *suite, const char *name, double seconds,
                     const char *kind, const char *type, const char *text) {
    fputs("    <testcase", to);
    put_attribute(to, "classname", suite);
    put_attribute(to, "name", name);
    fprintf(to, " time=\"%.3f\"", seconds);
    if (!kind) {
        fputs("/>\n", to);
        return;
    }
    fprintf(to, ">\n      <%s type=\"%s\"", kind, type);
    put_attribute(to, "message", text);
    fputc('>', to);
    put_text(to, text);
    fprintf(to, "</%s>\n    </testcase>\n", kind);
}

static void put_verdict(FILE *to, const char *suite, double seconds,
                        const struct sm_analysis *analysis) {
    int broken = analysis->exit_status == SM_STATUS_BROKEN;
    const char *kind = analysis->verdict == SM_RUN_PASS   ? NULL
                       : analysis->verdict == SM_RUN_FAIL ? "failure"
                                                          : "error";
    put_case(to, suite, "verdict", seconds, kind,
             broken ? "broken" : sm_run_verdict_name(analysis->verdict), analysis->why);
}

static void put_line(FILE *to, const char *suite, const struct sm_budget_line *line) {
    char name[200];
    snprintf(name, sizeof name, "budget %.180s", line->item->name); /* the same in every run */
    const char *kind = line->holds == SM_HOLDS_YES  ? NULL
                       : line->holds == SM_HOLDS_NO ? "failure"
                                                    : "error";
    put_case(to, suite, name, 0, kind, line->holds == SM_HOLDS_NO ? "broken" : "inconclusive",
             line->why);
}

static size_t count_lines(const struct sm_analysis *analysis, enum sm_holds holds) {
    size_t count = 0;
    for (size_t i = 0; i < analysis->budget_count; i++)
        count += analysis->budget[i].holds == holds;
    return count;
}

static void put_suite_head(FILE *to, const struct sm_run *run, const struct sm_analysis *analysis,
                           double seconds) {
    size_t failures = (analysis->verdict == SM_RUN_FAIL) + count_lines(analysis, SM_HOLDS_NO);
    size_t errors =
        (analysis->verdict == SM_RUN_INCONCLUSIVE) + count_lines(analysis, SM_HOLDS_UNKNOWN);
    time_t started = (time_t)strtoll(sm_run_meta(run, SM_META_STARTED), NULL, 10);
    struct tm when;
    char stamp[32] = "1970-01-01T00:00:00";
    if (gmtime_r(&started, &when))
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &when);
    fputs("  <testsuite", to);
    put_attribute(to, "name", sm_run_meta(run, SM_META_SCENARIO));
    fprintf(to,
            " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"%.3f\""
            " timestamp=\"%s\" hostname=\"localhost\">\n",
            1 + analysis->budget_count, failures, errors, seconds, stamp);
}

/* The report for people, beside the cases. */
static int put_report(FILE *to, const struct sm_run *run, const struct sm_analysis *analysis,
                      struct sm_error *err) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    int rc = memory ? sm_render_text(run, analysis, memory, err)
                    : sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    if (memory && fclose(memory) && rc == 0)
        rc = sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    if (rc == 0) {
        fputs("    <system-out>", to);
        put_text(to, text);
        fputs("</system-out>\n    <system-err/>\n", to);
    }
    free(text);
    return rc;
}

int sm_render_junit(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                    struct sm_error *err) {
    const char *suite = sm_run_meta(run, SM_META_SCENARIO);
    int64_t from_ns = 0, to_ns = 0;
    sm_timeline_range(run, &from_ns, &to_ns);
    double seconds = sm_timeline_seconds(to_ns - from_ns);
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"spillmark\">\n", to);
    put_suite_head(to, run, analysis, seconds);
    put_properties(to, run, analysis);
    put_verdict(to, suite, seconds, analysis);
    for (size_t i = 0; i < analysis->budget_count; i++)
        put_line(to, suite, &analysis->budget[i]);
    int rc = put_report(to, run, analysis, err);
    fputs("  </testsuite>\n</testsuites>\n", to);
    return rc;
}
