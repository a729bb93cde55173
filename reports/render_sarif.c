/* SARIF 2.1.0, for code scanning: findings with their place in the source and their stacks.
 * https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "findings.h"
#include "json_values.h"
#include "render.h"
#include "stacks.h"

enum { FRAMES = 64 };

static const char SCHEMA[] = "https://json.schemastore.org/sarif-2.1.0.json";

static const char *level_name(enum sm_finding_level level) {
    static const char *const names[] = {
        [SM_FINDING_NOTE] = "note", [SM_FINDING_WARNING] = "warning", [SM_FINDING_ERROR] = "error"};
    return names[level];
}

static json_t *message(const char *text) {
    return json_pack("{so}", "text", sm_json_text(text));
}

/* A URI may not hold everything a name may. */
static json_t *uri(const char *file) {
    static const char hex[] = "0123456789ABCDEF";
    char out[4096];
    size_t used = 0;
    for (; *file && used + 4 < sizeof out; file++) {
        unsigned char c = (unsigned char)*file;
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '/' || c == '.' || c == '_' || c == '-' || c == '~';
        if (!plain) {
            out[used++] = '%';
            out[used++] = hex[c >> 4];
            out[used++] = hex[c & 15];
        } else {
            out[used++] = (char)c;
        }
    }
    return json_stringn(out, used);
}

static json_t *place(const char *file, int line) {
    return json_pack("{s{so ss} s{si}}", "artifactLocation", "uri", uri(file), "uriBaseId",
                     "%SRCROOT%", "region", "startLine", line);
}

static json_t *stack_object(const struct sm_run *run, int stack_id) {
    struct sm_stack_frame frames[FRAMES];
    json_t *array = json_array();
    size_t count = sm_stack_frames(run, stack_id, frames, FRAMES);
    for (size_t i = 0; i < count && i < FRAMES; i++) {
        char words[512], file[4096];
        json_t *location = json_pack("{so}", "message",
                                     message(sm_stack_frame_text(&frames[i], words, sizeof words)));
        if (frames[i].line > 0 && sm_finding_file(frames[i].file, file, sizeof file))
            json_object_set_new(location, "physicalLocation", place(file, frames[i].line));
        json_array_append_new(array, json_pack("{so so}", "location", location, "module",
                                               sm_json_text(frames[i].module)));
    }
    return json_pack("{so so}", "message", message("the stack that allocates or opens"), "frames",
                     array);
}

static json_t *result_object(const struct sm_run *run, const struct sm_finding *finding) {
    char file[4096], *words = NULL;
    if (asprintf(&words, "%s%s%s", finding->text[0] ? finding->text : finding->title,
                 finding->advice[0] ? " " : "", finding->advice) < 0)
        return NULL;
    json_t *result = json_pack(
        "{ss ss so s{so ss}}", "ruleId", finding->rule, "level", level_name(finding->level),
        "message", message(words), "partialFingerprints", "scenario/v1",
        sm_json_text(sm_run_meta(run, SM_META_SCENARIO)), "rule/v1", finding->rule);
    free(words);
    int line = finding->stack_id ? sm_finding_place(run, finding->stack_id, file, sizeof file) : 0;
    if (line)
        json_object_set_new(result, "locations",
                            json_pack("[{so}]", "physicalLocation", place(file, line)));
    if (finding->stack_id)
        json_object_set_new(result, "stacks",
                            json_pack("[o]", stack_object(run, finding->stack_id)));
    return result;
}

/* Several findings may be of one rule, which may be listed once. */
static json_t *rules_array(const struct sm_finding *findings, size_t count) {
    json_t *seen = json_object(), *rules = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_object_get(seen, findings[i].rule))
            continue;
        json_object_set_new(seen, findings[i].rule, json_true());
        json_array_append_new(rules, json_pack("{ss so}", "id", findings[i].rule,
                                               "shortDescription", message(findings[i].title)));
    }
    json_decref(seen);
    return rules;
}

static json_t *log_object(const struct sm_run *run, const struct sm_analysis *analysis,
                          const struct sm_finding *findings, size_t count) {
    json_t *results = json_array();
    for (size_t i = 0; i < count; i++)
        if (findings[i].level != SM_FINDING_NOTE || i > 0) /* a pass is no result */
            json_array_append_new(results, result_object(run, &findings[i]));
    json_t *invocation = json_pack(
        "{sb si so}", "executionSuccessful", analysis->exit_status != SM_STATUS_BROKEN, "exitCode",
        analysis->exit_status, "exitCodeDescription", sm_json_text(analysis->why));
    json_t *driver = json_pack("{ss so so}", "name", "spillmark", "version",
                               sm_json_text(sm_run_meta(run, SM_META_VERSION)), "rules",
                               rules_array(findings, count));
    return json_pack("{ss ss s[{s{so} s[o] so s{so} ss}]}", "$schema", SCHEMA, "version", "2.1.0",
                     "runs", "tool", "driver", driver, "invocations", invocation, "results",
                     results, "automationDetails", "id",
                     sm_json_text(sm_run_meta(run, SM_META_SCENARIO)), "columnKind",
                     "unicodeCodePoints");
}

int sm_render_sarif(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                    struct sm_error *err) {
    struct sm_finding *findings = NULL;
    size_t count = 0;
    json_t *log = sm_findings_make(run, analysis, &findings, &count)
                      ? NULL
                      : log_object(run, analysis, findings, count);
    free(findings);
    if (!log)
        return sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    int rc = json_dumpf(log, to, JSON_INDENT(2));
    json_decref(log);
    return rc < 0 || fputc('\n', to) == EOF ? sm_error_errno(err, errno ? -errno : -EIO, NULL, NULL,
                                                             "the report cannot be written")
                                            : 0;
}
