/* model_load.h - fills a run from its open database. Internal to the reader (model.c). */
#pragma once

#include <sqlite3.h>

#include "model.h"

/* Reads every table of the record into *run. file_bytes is the size of the record on disk: no
 * table can hold more rows than that, whatever a damaged file pretends. Tables and columns that
 * an older record lacks read as zero and empty. On failure *run is half-filled. */
int sm_model_load(sqlite3 *db, size_t file_bytes, struct sm_run *run, struct sm_error *err);

/* Frees the arrays and texts of a run, half-filled or not. */
void sm_model_unload(struct sm_run *run);
