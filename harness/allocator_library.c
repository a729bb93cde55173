#include "allocator_library.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The smaller library of an allocator first: the other one has a heap profiler in it. */
static const struct {
    const char *name, *package;
    const char *files[3];
} libraries[] = {
    {"glibc", "", {NULL}},
    {"tcmalloc", "libtcmalloc-minimal4", {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4", NULL}},
    {"jemalloc", "libjemalloc2", {"libjemalloc.so.2", NULL}},
};
enum { LIBRARIES = sizeof libraries / sizeof *libraries };

static const char *const directories[] = {"/usr/local/lib",
                                          "/usr/lib/x86_64-linux-gnu",
                                          "/lib/x86_64-linux-gnu",
                                          "/usr/lib64",
                                          "/usr/lib",
                                          "/lib"};

static size_t find(const char *name) {
    size_t i = 0;
    while (i < LIBRARIES && strcmp(libraries[i].name, name) != 0)
        i++;
    return i;
}

bool sm_allocator_is_known(const char *name) {
    return find(name) < LIBRARIES;
}

int sm_allocator_library(const char *name, char *ret_path, size_t path_bytes,
                         struct sm_error *err) {
    size_t i = find(name);
    char path[4096], todo[160];
    if (i == LIBRARIES)
        return sm_error_set(err, -EINVAL, NULL, NULL, "no allocator \"%s\"", name);
    if (!libraries[i].files[0]) {
        snprintf(ret_path, path_bytes, "%s", "");
        return 0;
    }
    for (const char *const *file = libraries[i].files; *file; file++)
        for (size_t d = 0; d < sizeof directories / sizeof *directories; d++) {
            snprintf(path, sizeof path, "%s/%s", directories[d], *file);
            if (access(path, R_OK) == 0) {
                snprintf(ret_path, path_bytes, "%s", path);
                return 0;
            }
        }
    if (err)
        err->status = SM_STATUS_BROKEN;
    snprintf(todo, sizeof todo, "install it: on Debian the package is %s", libraries[i].package);
    return sm_error_set(err, -ENOENT, NULL, todo, "%s is not on this machine (%s)", name,
                        libraries[i].files[0]);
}
