/* symbols_file.h - the ELF files that describe a module: its own, and its separate debug file. */
#pragma once

#include <elfutils/libdw.h>
#include <libelf.h>

#include "symbols_job.h"

/* Either ELF may be NULL. */
struct sm_symbols_file {
    int main_fd, debug_fd; /* -1 = none; owned */
    Elf *main_elf, *debug_elf;
    Dwarf *dwarf; /* of whichever has .debug_info, NULL = none */
};

/* Opens what can be found of a module and still is the build that ran: a file whose build id
 * differs is not used. Leaves zeros and -1 where there is nothing. `debug_root` is where
 * separate debug files lie. Without DWARF when the job's depth says so. */
void sm_symbols_file_open(const struct sm_symbols_job *job, const char *debug_root,
                          struct sm_symbols_file *ret_file);
void sm_symbols_file_close(struct sm_symbols_file *file);
