#include "outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../reports/render.h"
#include "../reports/suggest.h"
#include "../reports/symbols.h"
#include "sampler.h"
#include "verbs.h"
#include "whole_file.h"

int sm_outcome_open(const char *path, struct sm_outcome *ret_outcome, struct sm_error *err) {
    struct sm_outcome outcome = {0};
    int rc = sm_run_open(path, &outcome.run, err);
    if (rc)
        return rc;
    rc = sm_analysis_make(outcome.run, &outcome.analysis, err);
    if (rc) {
        sm_run_free(outcome.run);
        return rc;
    }
    *ret_outcome = outcome;
    return 0;
}

static int import_record(const char *pool_path, const char *record_path, struct sm_error *err) {
    struct sm_record *record = NULL;
    int rc = sm_record_create(record_path, &record, err);
    if (rc)
        return rc;
    sm_record_set_meta(record, SM_META_SCENARIO, "probe");
    sm_record_set_meta(record, SM_META_TITLE, pool_path);
    sm_record_set_meta(record, SM_META_ENDED_BY, SM_ENDED_BY_SNAPSHOT);
    rc = sm_sampler_import(pool_path, record, err);
    int closed = sm_record_close(record, rc == 0);
    if (rc == 0 && closed)
        rc = sm_error_errno(err, closed, record_path, NULL, "the record cannot be written");
    return rc ? rc : sm_symbols_resolve_record(record_path, NULL, NULL, err);
}

int sm_outcome_import(const char *pool_path, struct sm_outcome *ret_outcome, struct sm_error *err) {
    const char *tmp = getenv("TMPDIR");
    char directory[512], record_path[544];
    snprintf(directory, sizeof directory, "%s/spillmark-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(directory))
        return sm_error_errno(err, -errno, directory, "set TMPDIR to a writable directory",
                              "the pool cannot be read into a record");
    snprintf(record_path, sizeof record_path, "%s/run.db", directory);
    int rc = import_record(pool_path, record_path, err);
    if (rc == 0)
        rc = sm_outcome_open(record_path, ret_outcome, err);
    sm_remove_tree(directory);
    return rc;
}

void sm_outcome_free(struct sm_outcome *outcome) {
    sm_analysis_free(outcome->analysis);
    sm_run_free(outcome->run);
    *outcome = (struct sm_outcome){0};
}

static int find_renderer(const char *format, const struct sm_renderer **ret_renderer,
                         struct sm_error *err) {
    const char *names[32];
    char todo[128];
    size_t count = 0;
    for (const struct sm_renderer *renderer = sm_render_table; renderer->name; renderer++) {
        if (strcmp(renderer->name, format) == 0) {
            *ret_renderer = renderer;
            return 0;
        }
        if (count < sizeof names / sizeof *names)
            names[count++] = renderer->name;
    }
    const char *near = sm_suggest(format, names, count);
    snprintf(todo, sizeof todo, near ? "did you mean %s?" : "%s", near ? near : "try text or json");
    if (err)
        err->status = SM_STATUS_USAGE;
    return sm_error_set(err, -EINVAL, "--format", todo, "no format \"%s\"", format);
}

static int print(const struct sm_outcome *outcome, const char *format, FILE *to,
                 struct sm_error *err) {
    const struct sm_renderer *renderer = NULL;
    int rc = find_renderer(format, &renderer, err);
    return rc || !renderer ? rc : renderer->render(outcome->run, outcome->analysis, to, err);
}

int sm_outcome_render(const struct sm_outcome *outcome, const char *format, const char *path,
                      struct sm_error *err) {
    struct sm_whole_file file;
    int rc = sm_whole_file_open(path, &file, err);
    return rc ? rc : sm_whole_file_close(&file, print(outcome, format, file.to, err), err);
}

int sm_outcome_report(const char *verb, const struct sm_run_dir *dir,
                      const struct sm_execution_end *end, FILE *to) {
    struct sm_error err = {0};
    struct sm_outcome outcome = {0};
    if (end->text[0])
        fprintf(stderr, "spillmark %s: %s\n", verb, end->text);
    if (sm_outcome_open(dir->path, &outcome, &err) || print(&outcome, "text", to, &err)) {
        sm_outcome_free(&outcome);
        return sm_verb_fail(verb, &err, SM_STATUS_BROKEN);
    }
    int status = outcome.analysis->exit_status;
    sm_outcome_free(&outcome);
    fprintf(to, "\nRun directory: %s\n", dir->path);
    return status;
}
