/* exports.h - the hooks by name, each with the function that it stands before: what the library
 * exports, as its own symbol table has it, and dlopen. */
#pragma once

#include <stdbool.h>

struct smp_export {
    const char *name;
    void *hook;
    void *real;   /* never NULL */
    bool is_heap; /* of the malloc family */
};

/* Looks up the real functions that are not known yet. Where dlsym may be called; one thread. */
void smp_exports_find(void);

/* NULL if there is no hook by that name, or nothing for it to stand before. */
const struct smp_export *smp_export_of(const char *name);
