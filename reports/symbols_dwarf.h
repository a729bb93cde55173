/* symbols_dwarf.h - functions, inlined calls, files and lines from DWARF. */
#pragma once

#include <elfutils/libdw.h>

#include "symbols_job.h"

/* Tells of every call that a compilation unit covers, and marks it in is_told. names[i] is the
 * function where DWARF knows only file and line; NULL = not known either. */
void sm_symbols_dwarf(Dwarf *dwarf, const struct sm_symbols_job *job, const char *const *names,
                      unsigned char *is_told, sm_symbols_emit *emit, void *context);
