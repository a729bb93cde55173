/* symbols_child.h - the child process that reads ELF files, and the pipe to it.
 *
 * The child works through jobs in order and writes one message per function found, then one when a
 * job is done. The reading side trusts nothing that comes out of the pipe. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "symbols.h"
#include "symbols_job.h"

enum sm_symbols_message_kind { SM_SYMBOLS_FOUND = 0x53594d31, SM_SYMBOLS_JOB_DONE = 0x53594d32 };

/* Followed by the texts of the function and the file, without terminators. */
struct sm_symbols_message {
    uint32_t kind;
    int32_t inline_depth, line;
    uint32_t function_bytes, file_bytes;
    uint32_t reserved;
    uint64_t index; /* into the job's calls */
};

enum { SM_SYMBOLS_TEXT_MAX = 4096 }; /* longer names are cut */

/* Forks a child for jobs[0..count). Returns its pid and the pipe's reading end, or a negative
 * errno. Options must have their defaults filled in. */
pid_t sm_symbols_child_start(const struct sm_run *run, const struct sm_symbols_options *options,
                             const struct sm_symbols_job *jobs, size_t count, int *ret_fd);
