/* record.h - writes run.db, the SQLite record of a run.
 *
 * WAL while running; sm_record_close(complete) checkpoints and leaves one file. Rows are put in
 * transactions of about a second, so that a killed harness loses at most that much and the
 * record opens all the same. Thread rule: one thread at a time. On a full disk every function
 * returns -ENOSPC and the record stays readable up to the last commit. */
#pragma once

#include "error.h"
#include "model.h"

struct sm_record;

/* Creates path, which must not exist. Free with sm_record_close. */
int sm_record_create(const char *path, struct sm_record **ret_record, struct sm_error *err);

/* Opens a record again to add rows to it (symbols found after the run). Closing it leaves it as
 * complete as it was. */
int sm_record_reopen(const char *path, struct sm_record **ret_record, struct sm_error *err);

/* One adder per table of SM_RUN_TABLES: int sm_record_add_phase(record, &phase), ... The row is
 * copied. Adding a row whose key (record_schema.c) exists replaces it, so that open rows are
 * completed later. -1 times are stored
 * as NULL, text that is NULL as "". After a failure every call returns the first error again. */
#define X(type, name)                                                                              \
    int sm_record_add_##type(struct sm_record *record, const struct sm_##type *row);
SM_RUN_TABLES(X)
#undef X

int sm_record_set_ledger(struct sm_record *record, const struct sm_ledger_totals *ledger);
int sm_record_set_meta(struct sm_record *record, const char *key, const char *value);

/* Ends the current transaction and begins another. Called about once a second. */
int sm_record_commit(struct sm_record *record);

/* The error of the first call that failed, for the one line the user sees. */
const struct sm_error *sm_record_error(const struct sm_record *record);

/* Commits, marks the record complete when asked, folds the journal into the one file, closes.
 * Returns the first error of the record's life. The record is freed in any case. NULL is
 * allowed. */
int sm_record_close(struct sm_record *record, int complete);
