/* symbols_jit.h - names of generated code, from the maps that run-times keep for perf. */
#pragma once

#include "symbols_job.h"

/* Looks the job's calls up in DIRECTORY/perf-PID.map of each process of the run, and marks in
 * is_told those it tells of. A map older than the run is another program's. */
void sm_symbols_jit(const struct sm_run *run, const char *directory,
                    const struct sm_symbols_job *job, unsigned char *is_told, sm_symbols_emit *emit,
                    void *context);
