#include "gate_baseline.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "outcome.h"

struct found_run {
    char path[PATH_MAX];
    struct timespec written;
};

static int is_directory(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int record_of(const char *directory, char *record, size_t record_bytes, struct stat *st) {
    return (size_t)snprintf(record, record_bytes, "%s/run.db", directory) < record_bytes &&
           stat(record, st) == 0;
}

static int same_file(const char *a, const char *b) {
    struct stat x, y;
    char record[PATH_MAX];
    int known_a = is_directory(a) ? record_of(a, record, sizeof record, &x) : stat(a, &x) == 0;
    int known_b = is_directory(b) ? record_of(b, record, sizeof record, &y) : stat(b, &y) == 0;
    return known_a && known_b && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int compare_newest_first(const void *a, const void *b) {
    const struct found_run *x = a, *y = b;
    if (x->written.tv_sec != y->written.tv_sec)
        return x->written.tv_sec < y->written.tv_sec ? 1 : -1;
    if (x->written.tv_nsec != y->written.tv_nsec)
        return x->written.tv_nsec < y->written.tv_nsec ? 1 : -1;
    return strcmp(y->path, x->path);
}

/* Directories below `path` that hold a record, newest first. Their number or a negative errno. */
static int find_runs(const char *path, struct found_run **ret_runs) {
    struct found_run *runs = NULL, run;
    size_t count = 0, room = 0;
    DIR *directory = opendir(path);
    if (!directory)
        return -errno;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char record[PATH_MAX];
        struct stat st;
        if (entry->d_name[0] == '.' ||
            (size_t)snprintf(run.path, sizeof run.path, "%s/%s", path, entry->d_name) >=
                sizeof run.path ||
            !record_of(run.path, record, sizeof record, &st))
            continue;
        if (count == room) {
            room = room * 2 + 16;
            struct found_run *more = reallocarray(runs, room, sizeof *more);
            if (!more) {
                free(runs);
                closedir(directory);
                return -ENOMEM;
            }
            runs = more;
        }
        run.written = st.st_mtim;
        runs[count++] = run;
    }
    closedir(directory);
    if (count)
        qsort(runs, count, sizeof *runs, compare_newest_first);
    *ret_runs = runs;
    return (int)count;
}

static int add_run(struct sm_figures *before, const char *path, struct sm_error *err) {
    struct sm_outcome outcome = {0};
    int rc = sm_outcome_open(path, &outcome, err);
    if (rc == 0)
        rc = sm_figures_add(before, outcome.run, outcome.analysis, err);
    sm_outcome_free(&outcome);
    return rc;
}

static int is_own(const char *path, char *const *own, size_t own_count) {
    for (size_t i = 0; i < own_count; i++)
        if (same_file(path, own[i]))
            return 1;
    return 0;
}

static int add_last(struct sm_figures *before, const char *path, int last,
                    const struct sm_figures *now, char *const *own, size_t own_count,
                    struct sm_error *err) {
    struct found_run *runs = NULL;
    int found = find_runs(path, &runs), added = 0;
    if (found < 0)
        return sm_error_errno(err, found, path, NULL, "the runs cannot be looked through");
    for (int i = 0; runs && i < found && added < last; i++) {
        struct sm_error skipped = {0};
        struct sm_figures like = {0};
        if (is_own(runs[i].path, own, own_count) || add_run(&like, runs[i].path, &skipped))
            continue; /* cut short, or no run of this version: nothing to compare with */
        if (strcmp(like.scenario, now->scenario) == 0 && strcmp(like.params, now->params) == 0)
            added += add_run(before, runs[i].path, &skipped) == 0;
    }
    free(runs);
    if (added > 0)
        return 0;
    if (err)
        err->status = SM_STATUS_INCONCLUSIVE;
    return sm_error_set(err, -ENODATA, path, "run it several times first",
                        "holds no earlier run of %.60s with %.100s that went to its end",
                        now->scenario, now->params);
}

int sm_gate_baseline_add(struct sm_figures *before, const char *path, int last,
                         const struct sm_figures *now, char *const *own, size_t own_count,
                         struct sm_error *err) {
    char record[PATH_MAX];
    struct stat st;
    size_t length = strlen(path);
    if (is_directory(path) && !record_of(path, record, sizeof record, &st))
        return add_last(before, path, last, now, own, own_count, err);
    if (is_directory(path) || (length > 3 && strcmp(path + length - 3, ".db") == 0))
        return add_run(before, path, err);
    return sm_figures_read(before, path, err);
}
