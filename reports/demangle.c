#include "demangle.h"

#include <stdlib.h>
#include <string.h>

/* From libiberty. Its <libiberty/demangle.h> needs libiberty.h and clashes with <string.h>'s
 * declarations, so the two functions used are declared here. */
char *cplus_demangle_v3(const char *mangled, int options);
char *rust_demangle(const char *mangled, int options);

enum { DMGL_PARAMS = 1 << 0, DMGL_ANSI = 1 << 1 };

/* A name of a few hundred bytes can stand for gigabytes of text by its back references. */
enum { MANGLED_MAX = 8192 };

char *sm_demangle(const char *name) {
    char *readable = NULL;
    if (name[0] == '_' && strnlen(name, MANGLED_MAX) < MANGLED_MAX) {
        /* Rust first: its legacy scheme is valid C++ with a hash at the end. */
        readable = rust_demangle(name, 0);
        if (!readable)
            readable = cplus_demangle_v3(name, DMGL_PARAMS | DMGL_ANSI);
    }
    return readable ? readable : strdup(name);
}
