#include "model.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model_load.h"
#include "record_sqlite.h"

/* What no honest record comes near; a hostile one shall not make us allocate without end. */
enum { VALUE_BYTES_MAX = 64 << 20, SQL_BYTES_MAX = 1 << 20 };

/* The path of run.db for a run directory or a file. */
static int find_record(const char *path, char **ret_path, size_t *ret_bytes, struct sm_error *err) {
    struct stat st;
    char *found = NULL;
    if (stat(path, &st) < 0)
        return sm_error_errno(err, -errno, path, "give a run directory or its run.db",
                              "there is no run here");
    if (S_ISDIR(st.st_mode)) {
        if (asprintf(&found, "%s/run.db", path) < 0)
            return sm_error_errno(err, -ENOMEM, path, NULL, "the record cannot be opened");
        if (stat(found, &st) < 0) {
            int code = -errno;
            free(found);
            return sm_error_errno(err, code, path, "give a run directory or its run.db",
                                  "this directory holds no run.db");
        }
    } else {
        found = strdup(path);
    }
    if (!found)
        return sm_error_errno(err, -ENOMEM, path, NULL, "the record cannot be opened");
    if (!S_ISREG(st.st_mode)) {
        free(found);
        return sm_error_set(err, -EINVAL, path, "give a run directory or its run.db",
                            "this is not a file");
    }
    size_t bytes = (size_t)st.st_size;
    char wal[4096];
    if (snprintf(wal, sizeof wal, "%s-wal", found) < (int)sizeof wal && stat(wal, &st) == 0)
        bytes += (size_t)st.st_size;
    *ret_path = found;
    *ret_bytes = bytes;
    return 0;
}

/* Percent-encodes a path for an SQLite file: URI. malloc'd. */
static char *immutable_uri(const char *path) {
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (; *path; path++) {
        if (strchr("%?#", *path))
            sqlite3_str_appendf(uri, "%%%02X", (unsigned char)*path);
        else
            sqlite3_str_appendchar(uri, 1, *path);
    }
    sqlite3_str_appendall(uri, "?immutable=1");
    return sqlite3_str_finish(uri);
}

static int probe_readable(sqlite3 *db) {
    return sqlite3_exec(db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
}

/* Opens for reading. A record of a killed harness has its journal beside it, and SQLite makes a
 * small index file to read it; where it may not (a read-only medium), the one file is read as it
 * is. */
static int open_readonly(const char *path, sqlite3 **ret_db, struct sm_error *err) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
    if (rc == SQLITE_OK)
        rc = probe_readable(db);
    if ((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY) {
        char *uri = immutable_uri(path);
        sqlite3_close(db);
        db = NULL;
        rc = uri ? sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL)
                 : SQLITE_NOMEM;
        sqlite3_free(uri);
        if (rc == SQLITE_OK)
            rc = probe_readable(db);
    }
    int code = sm_sqlite_errno(db, rc);
    if (code < 0 && code != -EBADMSG) {
        sqlite3_close(db);
        return sm_error_errno(err, code, path, NULL, "the record cannot be read");
    }
    sqlite3_busy_timeout(db, 2000);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_exec(db, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    *ret_db = db;
    return 0;
}

int sm_run_open(const char *path, struct sm_run **ret_run, struct sm_error *err) {
    sqlite3 *db = NULL;
    size_t file_bytes = 0;
    struct sm_run *run = calloc(1, sizeof *run);
    if (!run)
        return sm_error_errno(err, -ENOMEM, path, NULL, "the record cannot be opened");
    int r = find_record(path, &run->path, &file_bytes, err);
    if (r == 0)
        r = open_readonly(run->path, &db, err);
    if (r == 0)
        r = sm_sqlite_check_record(db, run->path, err);
    if (r == 0)
        r = sm_model_load(db, file_bytes, run, err);
    sqlite3_close(db);
    if (r < 0) {
        sm_run_free(run);
        return r;
    }
    run->complete = strcmp(sm_run_meta(run, SM_META_COMPLETE), "1") == 0;
    *ret_run = run;
    return 0;
}

void sm_run_free(struct sm_run *run) {
    if (!run)
        return;
    sm_model_unload(run);
    free(run->path);
    free(run);
}

const char *sm_run_meta(const struct sm_run *run, const char *key) {
    for (size_t i = 0; i < run->metas_count; i++)
        if (strcmp(run->metas[i].key, key) == 0)
            return run->metas[i].value;
    return "";
}

int sm_run_ended_by_target(const struct sm_run *run) {
    return strcmp(sm_run_meta(run, SM_META_ENDED_BY), "target") == 0;
}

const struct sm_series *sm_run_series(const struct sm_run *run, int process_id, const char *name) {
    for (size_t i = 0; i < run->series_count; i++)
        if (run->series[i].process_id == process_id && strcmp(run->series[i].name, name) == 0)
            return &run->series[i];
    return NULL;
}

const struct sm_sample *sm_run_samples(const struct sm_run *run, int series_id, size_t *ret_count) {
    size_t low = 0, high = run->samples_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (run->samples[middle].series_id < series_id)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    for (high = run->samples_count; end < high;) {
        size_t middle = end + (high - end) / 2;
        if (run->samples[middle].series_id <= series_id)
            end = middle + 1;
        else
            high = middle;
    }
    *ret_count = end - low;
    return run->samples + low;
}
