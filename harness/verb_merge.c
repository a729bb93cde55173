/* verb_merge.c - spillmark merge: the runs of all shards, joined into one record and reported. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "merge.h"
#include "outcome.h"
#include "run_dir.h"
#include "verb_table.h"
#include "verbs.h"

static long shard_of(const void *run) {
    return strtol(sm_run_meta(*(struct sm_run *const *)run, SM_META_SHARD), NULL, 10);
}

static int by_shard(const void *one, const void *other) {
    return (shard_of(one) > shard_of(other)) - (shard_of(one) < shard_of(other));
}

static int open_runs(char **paths, size_t count, struct sm_run **runs, struct sm_error *err) {
    for (size_t i = 0; i < count; i++) {
        int rc = sm_run_open(paths[i], &runs[i], err);
        if (rc)
            return rc;
    }
    qsort(runs, count, sizeof *runs, by_shard);
    return 0;
}

static int merge_into(const char *out, char **paths, size_t count, struct sm_run_dir *dir,
                      struct sm_error *err) {
    struct sm_run **runs = calloc(count, sizeof *runs);
    int rc = runs ? open_runs(paths, count, runs, err)
                  : sm_error_errno(err, -ENOMEM, NULL, NULL, "cannot merge");
    if (rc == 0)
        rc = sm_run_dir_plan(out, "merged", dir, err);
    if (rc == 0)
        rc = sm_run_dir_make(dir, err);
    if (rc == 0) {
        rc = sm_merge((const struct sm_run *const *)runs, count, dir->record, err);
        sm_run_dir_clean(dir, rc != 0);
    }
    for (size_t i = 0; runs && i < count; i++)
        sm_run_free(runs[i]);
    free(runs);
    return rc;
}

int sm_verb_merge(int argc, char **argv) {
    struct sm_error err = {0};
    struct sm_run_dir dir;
    const char *out = NULL;
    const struct sm_verb_getopt known = sm_verb_getopt("merge");
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1) {
        if (option != 'o')
            return sm_verb_bad_option("merge", option, argv);
        out = optarg;
    }
    if (optind == argc)
        return sm_verb_usage("merge", "no runs given");
    if (merge_into(out, argv + optind, (size_t)(argc - optind), &dir, &err))
        return sm_verb_fail("merge", &err, SM_STATUS_USAGE);
    const struct sm_execution_end end = {.ended_by = "schedule"};
    return sm_outcome_report("merge", &dir, &end, stdout);
}
