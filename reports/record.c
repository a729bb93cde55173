#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record_schema.h"
#include "record_sqlite.h"

struct sm_record {
    sqlite3 *db;
    sqlite3_stmt *inserts[SM_TABLE_COUNT]; /* prepared at the first row of their table */
    sqlite3_stmt *insert_ledger;
    struct sm_error error;
    char *path;
};

static const char *what_to_do(int code) {
    switch (code) {
    case -ENOSPC:
    case -EDQUOT:
        return "free some room or choose another place with -o";
    case -EACCES:
    case -EROFS:
    case -EPERM:
        return "choose a directory you may write to with -o";
    default:
        return NULL;
    }
}

static int fail(struct sm_record *record, int rc) {
    int code = sm_sqlite_errno(record->db, rc);
    if (code == 0)
        code = -EIO;
    if (code == -EBADMSG)
        sm_error_set(&record->error, code, record->path, NULL, "the record is damaged: %s",
                     sqlite3_errmsg(record->db));
    else
        sm_error_errno(&record->error, code, record->path, what_to_do(code),
                       "the record cannot be written");
    return record->error.code;
}

static int run_sql(struct sm_record *record, const char *sql) {
    if (record->error.code)
        return record->error.code;
    int rc = sqlite3_exec(record->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail(record, rc);
}

static int bind_number(sqlite3_stmt *insert, int at, double value) {
    /* SQLite has no NaN: NULL, which is read as 0. */
    return isfinite(value) ? sqlite3_bind_double(insert, at, value) : sqlite3_bind_null(insert, at);
}

static int bind_column(sqlite3_stmt *insert, int at, const struct sm_column *column,
                       const char *row) {
    const void *field = row + column->offset;
    switch (column->type) {
    case SM_COLUMN_INT32:
    case SM_COLUMN_ENUM:
        return sqlite3_bind_int(insert, at, *(const int32_t *)field);
    case SM_COLUMN_INT64:
    case SM_COLUMN_UINT64:
        return sqlite3_bind_int64(insert, at, *(const int64_t *)field);
    case SM_COLUMN_UNKNOWN64:
        return *(const int64_t *)field == -1
                   ? sqlite3_bind_null(insert, at)
                   : sqlite3_bind_int64(insert, at, *(const int64_t *)field);
    case SM_COLUMN_REAL:
        return bind_number(insert, at, *(const double *)field);
    case SM_COLUMN_ESTIMATE:
        return bind_number(insert, at, round(*(const double *)field));
    case SM_COLUMN_MICROS:
        return bind_number(insert, at, round(*(const double *)field * 1e6));
    case SM_COLUMN_SAME:
        if (*(const double *)field == *(const double *)(const void *)(row + column->other_offset))
            return sqlite3_bind_null(insert, at);
        return bind_number(insert, at, *(const double *)field);
    case SM_COLUMN_TEXT: {
        const char *text = *(char *const *)field;
        return sqlite3_bind_text(insert, at, text ? text : "", -1, SQLITE_STATIC);
    }
    case SM_COLUMN_BLOB: {
        const void *bytes = *(void *const *)field;
        size_t length = *(const size_t *)(const void *)(row + column->other_offset);
        return bytes ? sqlite3_bind_blob64(insert, at, bytes, length, SQLITE_STATIC)
                     : sqlite3_bind_null(insert, at);
    }
    }
    return SQLITE_MISUSE;
}

static int add_row(struct sm_record *record, const struct sm_table *table, sqlite3_stmt **insert,
                   const void *row) {
    int rc = SQLITE_OK;
    if (record->error.code)
        return record->error.code;
    if (!*insert) {
        char *sql = sm_schema_insert_sql(table);
        rc = sql ? sqlite3_prepare_v3(record->db, sql, -1, SQLITE_PREPARE_PERSISTENT, insert, NULL)
                 : SQLITE_NOMEM;
        sqlite3_free(sql);
    }
    for (size_t i = 0; rc == SQLITE_OK && i < table->column_count; i++)
        rc = bind_column(*insert, (int)i + 1, &table->columns[i], row);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(*insert);
        int reset = sqlite3_reset(*insert);
        rc = rc == SQLITE_DONE ? SQLITE_OK : reset;
    }
    return rc == SQLITE_OK ? 0 : fail(record, rc);
}

#define X(type, name)                                                                              \
    int sm_record_add_##type(struct sm_record *record, const struct sm_##type *row) {              \
        return add_row(record, &sm_tables[SM_TABLE_##type], &record->inserts[SM_TABLE_##type],     \
                       row);                                                                       \
    }
SM_RUN_TABLES(X)
#undef X

int sm_record_set_ledger(struct sm_record *record, const struct sm_ledger_totals *ledger) {
    int r = run_sql(record, "DELETE FROM ledger");
    return r < 0 ? r : add_row(record, &sm_ledger_table, &record->insert_ledger, ledger);
}

int sm_record_set_meta(struct sm_record *record, const char *key, const char *value) {
    const struct sm_meta meta = {(char *)key, (char *)value};
    return sm_record_add_meta(record, &meta);
}

int sm_record_commit(struct sm_record *record) {
    int r = run_sql(record, "COMMIT");
    return r < 0 ? r : run_sql(record, "BEGIN");
}

const struct sm_error *sm_record_error(const struct sm_record *record) {
    return &record->error;
}

static int create_tables(struct sm_record *record) {
    int r = 0;
    for (int i = 0; r == 0 && i <= SM_TABLE_COUNT; i++) {
        const struct sm_table *table = i < SM_TABLE_COUNT ? &sm_tables[i] : &sm_ledger_table;
        char *sql = sm_schema_create_sql(table);
        r = sql ? run_sql(record, sql) : fail(record, SQLITE_NOMEM);
        sqlite3_free(sql);
    }
    /* For people with an SQLite client: the series by name and in seconds. */
    if (r == 0)
        r = run_sql(record, "CREATE VIEW series_over_time AS SELECT process_id, name, "
                            "t_ns / 1e9 AS t_s, value, coalesce(low, value) AS low, "
                            "coalesce(high, value) AS high "
                            "FROM sample JOIN series ON series.id = sample.series_id");
    return r;
}

/* A connection set up for writing. The system keeps what a killed harness had committed, so
 * there is no need to wait for the disk while running; closing does. */
static int open_database(struct sm_record *record, const char *path) {
    record->path = strdup(path);
    if (!record->path)
        return sm_error_errno(&record->error, -ENOMEM, path, NULL, "the record cannot be opened");
    int rc =
        sqlite3_open_v2(path, &record->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return fail(record, rc);
    sqlite3_busy_timeout(record->db, 2000);
    return run_sql(record, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
}

static int finish_open(struct sm_record *record, int r, struct sm_record **ret_record,
                       struct sm_error *err) {
    if (r == 0) {
        *ret_record = record;
        return 0;
    }
    if (err && !err->code)
        *err = record->error;
    sm_record_close(record, 0);
    return r;
}

int sm_record_create(const char *path, struct sm_record **ret_record, struct sm_error *err) {
    struct sm_record *record = calloc(1, sizeof *record);
    if (!record)
        return sm_error_errno(err, -ENOMEM, path, NULL, "the record cannot be made");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        int code = -errno;
        free(record);
        return sm_error_errno(err, code, path, what_to_do(code), "the record cannot be made");
    }
    close(fd);
    int r = open_database(record, path);
    if (r == 0)
        r = run_sql(record, "BEGIN");
    if (r == 0)
        r = create_tables(record);
    char *header = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d",
                                   SM_RECORD_APPLICATION_ID, SM_RECORD_VERSION);
    if (r == 0)
        r = header ? run_sql(record, header) : fail(record, SQLITE_NOMEM);
    sqlite3_free(header);
    if (r == 0)
        r = sm_record_commit(record);
    if (r < 0)
        unlink(path);
    return finish_open(record, r, ret_record, err);
}

int sm_record_reopen(const char *path, struct sm_record **ret_record, struct sm_error *err) {
    struct sm_record *record = calloc(1, sizeof *record);
    if (!record)
        return sm_error_errno(err, -ENOMEM, path, NULL, "the record cannot be opened");
    int r = open_database(record, path);
    if (r == 0)
        r = sm_sqlite_check_record(record->db, path, &record->error);
    if (r == 0)
        r = run_sql(record, "BEGIN");
    return finish_open(record, r, ret_record, err);
}

/* Leaves one file, on the disk. Another reader may hold the journal: then it stays beside the
 * record, which is as readable. */
static int fold_journal(struct sm_record *record) {
    int r = run_sql(record, "PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)");
    if (r == 0)
        sqlite3_exec(record->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    return r;
}

int sm_record_close(struct sm_record *record, int complete) {
    if (!record)
        return 0;
    if (complete)
        sm_record_set_meta(record, SM_META_COMPLETE, "1");
    run_sql(record, "COMMIT");
    for (int i = 0; i < SM_TABLE_COUNT; i++)
        sqlite3_finalize(record->inserts[i]);
    sqlite3_finalize(record->insert_ledger);
    fold_journal(record);
    sqlite3_close(record->db);
    int r = record->error.code;
    free(record->path);
    free(record);
    return r;
}
