#include "model_load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record_schema.h"
#include "record_sqlite.h"

#define INTEGER_MAX (INT64_C(1) << 58)

struct loader {
    sqlite3 *db;
    const struct sm_table *table;
    const char *path;
    size_t row, rows_max;
    struct sm_error *err;
};

static int bad_value(const struct loader *loader, const struct sm_column *column,
                     const char *what) {
    return sm_error_set(loader->err, -EBADMSG, loader->path, NULL,
                        "the record is damaged: row %zu of table %s: column %s %s", loader->row + 1,
                        loader->table->name, column->name, what);
}

static int out_of_memory(const struct loader *loader) {
    return sm_error_errno(loader->err, -ENOMEM, loader->path, NULL, "the record cannot be read");
}

static int read_error(const struct loader *loader, int rc) {
    int code = sm_sqlite_errno(loader->db, rc);
    if (code == -EBADMSG)
        return sm_error_set(loader->err, code, loader->path, NULL,
                            "the record is damaged: table %s: %s", loader->table->name,
                            sqlite3_errmsg(loader->db));
    return sm_error_errno(loader->err, code, loader->path, NULL, "the record cannot be read");
}

/* The stored classes a column may have, besides NULL. */
static int class_fits(enum sm_column_type type, int class) {
    switch (type) {
    case SM_COLUMN_TEXT:
        return class == SQLITE_TEXT;
    case SM_COLUMN_BLOB:
        return class == SQLITE_BLOB;
    case SM_COLUMN_REAL:
    case SM_COLUMN_ESTIMATE:
    case SM_COLUMN_SAME:
    case SM_COLUMN_MICROS:
        return class == SQLITE_INTEGER || class == SQLITE_FLOAT;
    default:
        return class == SQLITE_INTEGER;
    }
}

static int load_integer(const struct loader *loader, const struct sm_column *column, int64_t value,
                        char *field) {
    switch (column->type) {
    case SM_COLUMN_ENUM:
        if (value < 0 || value > column->limit)
            return bad_value(loader, column, "is out of range");
        *(int32_t *)(void *)field = (int32_t)value;
        return 0;
    case SM_COLUMN_INT32:
        if (value < INT32_MIN || value > INT32_MAX)
            return bad_value(loader, column, "is out of range");
        *(int32_t *)(void *)field = (int32_t)value;
        return 0;
    case SM_COLUMN_UINT64:
        *(int64_t *)(void *)field = value;
        return 0;
    default: /* times and counts: far from where sums of them would overflow */
        if (value < -INTEGER_MAX || value > INTEGER_MAX)
            return bad_value(loader, column, "is out of range");
        *(int64_t *)(void *)field = value;
        return 0;
    }
}

static int load_text(const struct loader *loader, sqlite3_stmt *select, int at, char *field) {
    const char *text = (const char *)sqlite3_column_text(select, at);
    char *copy = strdup(text ? text : "");
    if (!copy)
        return out_of_memory(loader);
    *(char **)(void *)field = copy;
    return 0;
}

static int load_blob(const struct loader *loader, sqlite3_stmt *select, int at,
                     const struct sm_column *column, char *row) {
    const void *bytes = sqlite3_column_blob(select, at);
    size_t length = (size_t)sqlite3_column_bytes(select, at);
    if (!bytes || length == 0)
        return 0;
    void *copy = malloc(length);
    if (!copy)
        return out_of_memory(loader);
    memcpy(copy, bytes, length);
    *(void **)(void *)(row + column->offset) = copy;
    *(size_t *)(void *)(row + column->other_offset) = length;
    return 0;
}

static int load_real(const struct loader *loader, double value, const struct sm_column *column,
                     char *field) {
    if (!isfinite(value))
        return bad_value(loader, column, "is not a number");
    *(double *)(void *)field = column->type == SM_COLUMN_MICROS ? value / 1e6 : value;
    return 0;
}

/* What a column is when the record has no value for it. */
static int load_absent(const struct loader *loader, const struct sm_column *column, char *row) {
    char *field = row + column->offset;
    if (column->type == SM_COLUMN_UNKNOWN64)
        *(int64_t *)(void *)field = -1;
    else if (column->type == SM_COLUMN_SAME)
        *(double *)(void *)field = *(double *)(void *)(row + column->other_offset);
    else if (column->type == SM_COLUMN_TEXT && !(*(char **)(void *)field = strdup("")))
        return out_of_memory(loader);
    return 0;
}

static int load_column(const struct loader *loader, sqlite3_stmt *select, int at,
                       const struct sm_column *column, char *row) {
    char *field = row + column->offset;
    int class = sqlite3_column_type(select, at);
    if (class == SQLITE_NULL)
        return load_absent(loader, column, row);
    if (!class_fits(column->type, class))
        return bad_value(loader, column, "has a wrong type");
    switch (column->type) {
    case SM_COLUMN_TEXT:
        return load_text(loader, select, at, field);
    case SM_COLUMN_BLOB:
        return load_blob(loader, select, at, column, row);
    case SM_COLUMN_REAL:
    case SM_COLUMN_ESTIMATE:
    case SM_COLUMN_SAME:
    case SM_COLUMN_MICROS:
        return load_real(loader, sqlite3_column_double(select, at), column, field);
    default:
        return load_integer(loader, column, sqlite3_column_int64(select, at), field);
    }
}

static void free_row(const struct sm_table *table, char *row) {
    for (size_t i = 0; i < table->column_count; i++) {
        const struct sm_column *column = &table->columns[i];
        if (column->type == SM_COLUMN_TEXT || column->type == SM_COLUMN_BLOB)
            free(*(void **)(void *)(row + column->offset));
    }
}

static int load_row(const struct loader *loader, sqlite3_stmt *select, char *row) {
    memset(row, 0, loader->table->row_bytes);
    for (size_t i = 0; i < loader->table->column_count; i++) {
        int r = load_column(loader, select, (int)i, &loader->table->columns[i], row);
        if (r < 0) {
            free_row(loader->table, row);
            return r;
        }
    }
    return 0;
}

/* Whether the database has this as a real table (a view or a virtual table would run foreign
 * code), and whether it has the column. column NULL asks for the table alone. */
static int has(const struct loader *loader, const char *column) {
    sqlite3_stmt *select = NULL;
    const char *sql = column ? "SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2"
                             : "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 "
                               "AND rootpage > 0";
    int rc = sqlite3_prepare_v2(loader->db, sql, -1, &select, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(select, 1, loader->table->name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && column)
        rc = sqlite3_bind_text(select, 2, column, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(select);
    sqlite3_finalize(select);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : read_error(loader, rc);
}

/* SELECT of the table's columns in order, NULL for those an older record does not have. */
static int prepare_select(const struct loader *loader, sqlite3_stmt **ret_select) {
    const struct sm_table *table = loader->table;
    sqlite3_str *text = sqlite3_str_new(loader->db);
    sqlite3_str_appendall(text, "SELECT ");
    int r = 0;
    for (size_t i = 0; r >= 0 && i < table->column_count; i++) {
        r = has(loader, table->columns[i].name);
        sqlite3_str_appendf(text, r > 0 ? "%s\"%w\"" : "%sNULL", i ? "," : "",
                            table->columns[i].name);
    }
    sqlite3_str_appendf(text, " FROM \"%w\" ORDER BY %s", table->name, table->order);
    char *sql = sqlite3_str_finish(text);
    if (r >= 0) {
        int rc = sql ? sqlite3_prepare_v2(loader->db, sql, -1, ret_select, NULL) : SQLITE_NOMEM;
        r = rc == SQLITE_OK ? 0 : read_error(loader, rc);
    }
    sqlite3_free(sql);
    return r;
}

/* Reads all rows into a growing array, which the caller owns also when this fails. */
static int load_rows(struct loader *loader, sqlite3_stmt *select, char **rows, size_t *count) {
    size_t capacity = 0, row_bytes = loader->table->row_bytes;
    int rc;
    while ((rc = sqlite3_step(select)) == SQLITE_ROW) {
        if (*count == loader->rows_max)
            return sm_error_set(loader->err, -EBADMSG, loader->path, NULL,
                                "the record is damaged: table %s has more rows than fit the file",
                                loader->table->name);
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            char *grown = reallocarray(*rows, capacity, row_bytes);
            if (!grown)
                return out_of_memory(loader);
            *rows = grown;
        }
        loader->row = *count;
        int r = load_row(loader, select, *rows + *count * row_bytes);
        if (r < 0)
            return r;
        ++*count;
    }
    return rc == SQLITE_DONE ? 0 : read_error(loader, rc);
}

static int load_table(struct loader *loader, char **rows, size_t *count) {
    sqlite3_stmt *select = NULL;
    int r = has(loader, NULL);
    if (r <= 0)
        return r;
    r = prepare_select(loader, &select);
    if (r == 0)
        r = load_rows(loader, select, rows, count);
    sqlite3_finalize(select);
    return r;
}

static int load_ledger(struct loader *loader, struct sm_run *run) {
    char *rows = NULL;
    size_t count = 0;
    run->ledger = (struct sm_ledger_totals){-1, -1, -1, -1, -1, -1, -1, 0};
    loader->table = &sm_ledger_table;
    int r = load_table(loader, &rows, &count);
    if (r == 0 && count > 0)
        memcpy(&run->ledger, rows + (count - 1) * sizeof run->ledger, sizeof run->ledger);
    free(rows);
    return r;
}

int sm_model_load(sqlite3 *db, size_t file_bytes, struct sm_run *run, struct sm_error *err) {
    struct loader loader = {.db = db, .path = run->path, .err = err};
    loader.rows_max = file_bytes / 2; /* a row takes two bytes at the least */
    for (int i = 0; i < SM_TABLE_COUNT; i++) {
        loader.table = &sm_tables[i];
        char **rows = (char **)(void *)((char *)run + loader.table->array_offset);
        size_t *count = (size_t *)(void *)((char *)run + loader.table->count_offset);
        int r = load_table(&loader, rows, count);
        if (r < 0)
            return r;
    }
    return load_ledger(&loader, run);
}

void sm_model_unload(struct sm_run *run) {
    for (int i = 0; i < SM_TABLE_COUNT; i++) {
        const struct sm_table *table = &sm_tables[i];
        char **rows = (char **)(void *)((char *)run + table->array_offset);
        size_t *count = (size_t *)(void *)((char *)run + table->count_offset);
        for (size_t row = 0; row < *count; row++)
            free_row(table, *rows + row * table->row_bytes);
        free(*rows);
        *rows = NULL;
        *count = 0;
    }
}
