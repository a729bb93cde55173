/* record_schema.h - how the plain records of model.h lie in run.db: one table of columns per
 * struct, used to create, write and read, so that the three cannot differ. Internal to the
 * record's writer (record.c) and reader (model_load.c). Static, read-only, thread-safe. */
#pragma once

#include <sqlite3.h>

#include "model.h"

enum sm_column_type {
    SM_COLUMN_INT32,
    SM_COLUMN_INT64,
    SM_COLUMN_UNKNOWN64, /* int64_t where -1 (stored as NULL) means not known or not yet */
    SM_COLUMN_UINT64,    /* an address: stored as the signed integer of the same bits */
    SM_COLUMN_ENUM,      /* 0 .. limit */
    SM_COLUMN_REAL,      /* SQLite itself stores integral values as integers */
    SM_COLUMN_ESTIMATE,  /* double, rounded to a whole number to save room */
    SM_COLUMN_SAME,      /* double, NULL when equal to the column before the run of these */
    SM_COLUMN_MICROS,    /* double seconds in the struct, whole microseconds in the table */
    SM_COLUMN_TEXT,      /* char *, owned by the run */
    SM_COLUMN_BLOB,      /* void * with its size_t length at `other_offset` */
};

struct sm_column {
    const char *name;
    enum sm_column_type type;
    size_t offset;
    size_t other_offset; /* SAME: of the value; BLOB: of the length */
    int limit;           /* ENUM: greatest value */
};

struct sm_table {
    const char *name;
    const char *key;   /* columns of the primary key: rows replace; NULL: rows are appended */
    const char *order; /* of a loaded array */
    size_t row_bytes;
    size_t array_offset, count_offset; /* in struct sm_run */
    const struct sm_column *columns;
    size_t column_count;
};

enum sm_table_id {
#define X(type, name) SM_TABLE_##type,
    SM_RUN_TABLES(X)
#undef X
        SM_TABLE_COUNT
};

extern const struct sm_table sm_tables[SM_TABLE_COUNT];

/* The ledger is one row, kept in struct sm_ledger_totals. */
extern const struct sm_table sm_ledger_table;

/* The SQL that makes a table and that adds a row, one parameter per column in order. Free with
 * sqlite3_free; NULL when out of memory. */
char *sm_schema_create_sql(const struct sm_table *table);
char *sm_schema_insert_sql(const struct sm_table *table);
