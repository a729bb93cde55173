/* run_dir.h - the directories of a run.
 *
 * The run directory stays and holds run.db and the logs. The scratch directory (short path, for
 * sockets) and the data directory (the target's own files, inside the run directory) go with the
 * run. Nothing is made before the scenario is known to be good. */
#pragma once

#include "../reports/error.h"

struct sm_run_dir {
    char path[512];     /* the run directory, absolute */
    char data[600];     /* path/data */
    char scratch[64];   /* /tmp/spillmark-XXXXXX */
    char record[600];   /* path/run.db */
    char log[600];      /* path/target.log; target.1.log and so on of lives before a restart */
    char services[600]; /* path/services: their logs, which stay, and directories, which go */
    int made_path;      /* this run made the run directory */
    int made;           /* sm_run_dir_make has succeeded */
};

/* Chooses the paths only. `out` is the user's -o (must not hold a record already) or NULL: then
 * spillmark-runs/NAME.N below the current directory with the first free N. */
int sm_run_dir_plan(const char *out, const char *name, struct sm_run_dir *ret_dir,
                    struct sm_error *err);

/* Removes the record and the log of a former run from `out`, so that it can be used again; what
 * else lies there stays. A directory that is not there is none to forget. */
int sm_run_dir_forget(const char *out, struct sm_error *err);

/* Makes path alone: for what starts nothing, and so has nobody to remove the others if it is
 * killed. */
int sm_run_dir_make_bare(struct sm_run_dir *dir, struct sm_error *err);

/* Makes path, data and scratch. */
int sm_run_dir_make(struct sm_run_dir *dir, struct sm_error *err);

/* Removes scratch and data; with everything set also the run directory itself, if this run made
 * it and only files of this run lie in it. Safe to call twice. */
void sm_run_dir_clean(struct sm_run_dir *dir, int everything);

/* Removes a file or a directory tree; symbolic links are removed, not followed. Returns 0 or the
 * negative errno of the first thing that could not be removed (0 when path does not exist). */
int sm_remove_tree(const char *path);
