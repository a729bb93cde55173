/* preflight.h - looks at a program before it starts: what kind it is, and which series will be
 * missing because of that. Reads files only; any thread. Files are hostile input: every offset
 * is checked against the file's size. */
#pragma once

#include <limits.h>

#include "../reports/error.h"

/* Why the probe will not see a program; the text is what the user reads. */
#define SM_PREFLIGHT_TABLE(X)                                                                      \
    X(OK, "")                                                                                      \
    X(STATIC, "static program: it loads no libraries")                                             \
    X(MUSL, "linked to musl: the probe needs glibc")                                               \
    X(GO, "Go program: its heap is its own runtime's")                                             \
    X(SETUID, "setuid, setgid or with file capabilities: the system ignores the probe for it")     \
    X(OTHER_CLASS, "built for another word size than the probe")                                   \
    X(OTHER_MACHINE, "built for another machine than the probe")                                   \
    X(OWN_ALLOCATOR, "has an allocator of its own linked in")                                      \
    X(NOT_ELF, "not an ELF program")
enum sm_preflight_kind {
#define X(id, text) SM_PREFLIGHT_##id,
    SM_PREFLIGHT_TABLE(X)
#undef X
};
const char *sm_preflight_text(enum sm_preflight_kind kind);

struct sm_preflight {
    char program[PATH_MAX];     /* the file that will run (for a script its last interpreter) */
    char interpreter[PATH_MAX]; /* PT_INTERP of that file; empty for a static one */
    enum sm_preflight_kind kind;
    int probe_loads; /* the probe gets in (it may still see no heap: GO, OWN_ALLOCATOR) */
    char note[256];  /* one line that names the missing series; empty when nothing is missing */
};

/* Looks at path, following #! lines. 0, or a negative errno with *err (which may be NULL). */
int sm_preflight(const char *path, struct sm_preflight *ret_preflight, struct sm_error *err);

/* Finds argv[0] in a PATH as exec does: 0 and the file, -ENOENT, or -EACCES when all that was
 * found cannot be executed (then ret_file holds the first such). */
int sm_preflight_find(const char *name, const char *path_list, char ret_file[PATH_MAX]);

/* The interpreter a file names itself, by a #! line or PT_INTERP. 0, -ENOENT when it names none,
 * or another negative errno. */
int sm_preflight_interpreter(const char *path, char ret_interpreter[PATH_MAX]);
