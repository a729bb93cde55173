/* object.h - which loaded object an address belongs to, without a lock.
 *
 * By glibc's _dl_find_object, which is safe in signal handlers and never waits for a thread that
 * is inside dlopen or dlclose. */
#pragma once

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#pragma weak _dl_find_object /* musl has none (boot.c) */

/* Describes the object as dl_iterate_phdr would, but for the counts of loads and unloads. */
bool smp_object_of(uintptr_t address, struct dl_phdr_info *ret_info);

/* The library that holds an address, or NULL. Without glibc always NULL. */
const struct link_map *smp_library_of(const void *address);

/* Its .eh_frame_hdr, or NULL. */
const void *smp_eh_frame_header(uintptr_t address);
