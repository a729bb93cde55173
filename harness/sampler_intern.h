/* sampler_intern.h - modules and stacks, each written to the record once for all processes.
 *
 * A frame is a module and an address in its file, so that the same code has the same stack in
 * every process, wherever it was loaded. One thread. */
#pragma once

#include "../reports/record.h"
#include "pool.h"

struct sm_intern;

int sm_intern_new(struct sm_record *record, struct sm_intern **ret_intern);
void sm_intern_free(struct sm_intern *intern); /* NULL is allowed */

/* The id of a module, from 1; 0 when out of memory. The file is opened at its first sight, through
 * the root directory of the process (`proc_fd` is its /proc/PID, or -1): it may be deleted or
 * replaced before its symbols are read. */
int32_t sm_intern_module(struct sm_intern *intern, const struct spillmark_module *module,
                         int proc_fd);

size_t sm_intern_module_count(const struct sm_intern *intern); /* ids are 1 to this */

/* Hands over the open descriptor of a module's file, once; -1 when there is none. */
int sm_intern_take_module_fd(struct sm_intern *intern, int32_t module_id);

/* The id of a stack of `depth` frames (module_id and address are used), from 1; 0 when out of
 * memory. */
int32_t sm_intern_stack(struct sm_intern *intern, const struct sm_frame *frames, uint32_t depth,
                        int truncated);

/* The first error of the record, 0 while well. */
int sm_intern_failed(const struct sm_intern *intern);
