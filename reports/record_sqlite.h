/* record_sqlite.h - what the record's writer and reader share about SQLite. Internal. */
#pragma once

#include <sqlite3.h>

#include "error.h"

/* "SPMK" in the database header tells a record from any other SQLite file. */
#define SM_RECORD_APPLICATION_ID 0x53504d4b
#define SM_RECORD_VERSION        1

/* The negative errno that fits the last failure of db (may be NULL); rc is what the call
 * returned. 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int sm_sqlite_errno(sqlite3 *db, int rc);

/* 0 when db is a record that this version can read; else a negative errno and *err. */
int sm_sqlite_check_record(sqlite3 *db, const char *path, struct sm_error *err);
