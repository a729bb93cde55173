/* symbols.h - functions, files and lines for the frames of a run, found after it.
 *
 * Names come from DWARF where there is some (with the calls that were inlined), else from the
 * ELF symbol table, else, for code without a file, from the map its run-time keeps in
 * /tmp/perf-PID.map. Separate debug files are found by build id and by debug link. ELF files
 * are hostile input: they are read in a child process with limits of memory and time; one that
 * breaks it is read again without DWARF, and then left without names. Thread-safe. */
#pragma once

#include <stddef.h>

#include "model.h"

/* A module's file kept open since the run, in case its path is gone or holds another build. */
struct sm_module_file {
    int module_id;
    int fd; /* stays the caller's */
};

/* Zeros and NULLs stand for the defaults in brackets. */
struct sm_symbols_options {
    const struct sm_module_file *files;
    size_t file_count;
    const char *debug_root;    /* of separate debug files [/usr/lib/debug] */
    const char *jit_directory; /* of perf-PID.map [/tmp] */
    double time_limit_s;       /* for all modules together [60] */
    size_t memory_limit_bytes; /* of the child, beyond its parent's [1 GiB] */
};

struct sm_symbols_counts {
    size_t asked; /* addresses without a symbol so far */
    size_t named, with_line;
    size_t inlined;          /* frames that are inlined calls */
    size_t modules_given_up; /* broke the child, with and without DWARF, or took too long */
};

/* Takes one row, whose texts live until the call returns; a negative errno stops the search. */
typedef int sm_symbol_sink(void *context, const struct sm_symbol *symbol);

/* Looks up every (module, address) of the run's frames that has no symbol yet. Rows come by
 * module and address, innermost function first. `options` and `ret_counts` may be NULL. Returns
 * 0 also when nothing was found, the sink's error, or a negative errno with *err. */
int sm_symbols_resolve(const struct sm_run *run, const struct sm_symbols_options *options,
                       sm_symbol_sink *sink, void *context, struct sm_symbols_counts *ret_counts,
                       struct sm_error *err);

/* The same for a record on disk, which gets the rows. */
int sm_symbols_resolve_record(const char *path, const struct sm_symbols_options *options,
                              struct sm_symbols_counts *ret_counts, struct sm_error *err);
