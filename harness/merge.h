/* merge.h - the records of all shards of a run, joined into one.
 *
 * Counts, outcomes and the ledger add; histograms of latencies add exactly, interval by interval.
 * The record is that of the shard with the target (the first one that has it); each shard's own
 * series stand beside it, under a process "shard 2/3". */
#pragma once

#include "../reports/model.h"

/* Writes the record at `path`, which must not exist. The runs must be all shards of one scenario,
 * in any order. Returns 0, or a negative errno and *err; then nothing is left at path. */
int sm_merge(const struct sm_run *const *runs, size_t count, const char *path,
             struct sm_error *err);
