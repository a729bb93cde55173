/* symbols_table.h - function names from an ELF symbol table. */
#pragma once

#include <libelf.h>

#include "symbols_job.h"

/* Gives names[i] to every call that a function of the file's symbol table holds and that has
 * none yet: from .symtab, or from .dynsym when there is no other. Names belong to `elf`. */
void sm_symbols_table(Elf *elf, const struct sm_symbols_job *job, const char **names);
