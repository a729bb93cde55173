/* symbolize.h - names for the frames of a record, from the very files that were mapped. */
#pragma once

#include "../reports/symbols.h"

/* Writes the names into the record; tells on standard error when it cannot: a record without names
 * is still a record. */
void sm_symbolize(const char *record, struct sm_module_file *files, size_t count);

/* Closes and frees what sm_sampler_take_module_files gave. */
void sm_module_files_close(struct sm_module_file *files, size_t count);
