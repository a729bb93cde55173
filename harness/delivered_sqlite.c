/* Delivered units: one number that a query gives on the target's own SQLite database, while the
 * target writes to it.
 *
 * Read-only, and closed after each look: a reader that stayed would keep the WAL from being
 * reset, which would show as growth of the target. */
#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>

#include "sources.h"

enum { BUSY_TIMEOUT_MS = 1000 };

static const struct sm_key keys[] = {
    {.name = "path", .type = SM_KEY_TEXT, .required = true, .help = "the database"},
    {.name = "query",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "gives one number: \"select count(*) from logs\""},
    {.name = NULL}};

static int fail(const struct sm_block *config, sqlite3 *db, struct sm_error *err) {
    int code = sqlite3_errcode(db);
    return sm_error_set(err, code == SQLITE_BUSY || code == SQLITE_LOCKED ? -EBUSY : -EIO,
                        config->where, NULL, "%s: %s", sm_block_text(config, "path"),
                        sqlite3_errmsg(db));
}

static int ask(const struct sm_block *config, sqlite3 *db, sqlite3_stmt *statement,
               double *ret_count, struct sm_error *err) {
    if (!statement || !sqlite3_stmt_readonly(statement))
        return sm_error_set(err, -EINVAL, config->where, NULL, "the query must only read");
    if (sqlite3_column_count(statement) != 1)
        return sm_error_set(err, -EINVAL, config->where, NULL, "the query must give one column");
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return fail(config, db, err);
    int type = rc == SQLITE_ROW ? sqlite3_column_type(statement, 0) : SQLITE_NULL;
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
        return sm_error_set(err, -EINVAL, config->where, NULL, "the query does not give a number");
    *ret_count = sqlite3_column_double(statement, 0);
    return 0;
}

static int query(const struct sm_block *config, sqlite3 *db, double *ret_count,
                 struct sm_error *err) {
    sqlite3_stmt *statement = NULL;
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    if (sqlite3_prepare_v2(db, sm_block_text(config, "query"), -1, &statement, NULL) != SQLITE_OK)
        return fail(config, db, err);
    int rc = ask(config, db, statement, ret_count, err);
    sqlite3_finalize(statement);
    return rc;
}

static int read_count(const struct sm_block *config, double *ret_count, struct sm_error *err) {
    const char *path = sm_block_text(config, "path");
    sqlite3 *db = NULL;
    if (access(path, F_OK) != 0)
        return sm_error_errno(err, -errno, config->where, NULL, "%s", path);
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    rc = rc == SQLITE_OK ? query(config, db, ret_count, err) : fail(config, db, err);
    sqlite3_close(db);
    return rc;
}

const struct sm_delivered_ops sm_sqlite_delivered = {
    .name = "sqlite_rows",
    .help = "a query on the target's SQLite database",
    .keys = keys,
    .read = read_count,
};
