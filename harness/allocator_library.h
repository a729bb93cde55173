/* allocator_library.h - the libraries that put another allocator beneath a program. Any
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../reports/error.h"

#define SM_ALLOCATORS(X) X(glibc) X(tcmalloc) X(jemalloc)

bool sm_allocator_is_known(const char *name);

/* The library to preload for a known name: "" for glibc, which needs none. -ENOENT with *err naming
 * the package when it is not installed; the status is then that of a broken machine;
 * -EINVAL for another name. */
int sm_allocator_library(const char *name, char *ret_path, size_t path_bytes, struct sm_error *err);
