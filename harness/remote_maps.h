/* remote_maps.h - what another process has loaded, and where it has room: /proc/PID/maps, and the
 * symbol tables in its memory. What is read was written by that process: every length is bounded,
 * and an address that leads nowhere is an error. One thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SM_REMOTE_MODULES = 1024 };

/* A loaded object. */
struct sm_remote_module {
    uint64_t low, high;           /* from its ELF header to its last mapping */
    uint64_t code_low, code_high; /* its executable mapping; 0 without one */
    char path[512];
};

struct sm_remote_maps {
    struct sm_remote_module *modules;
    size_t count;
    uint64_t room; /* in the middle of the largest gap; 0 if there is none of a gigabyte */
};

/* 0 or a negative errno. Free with sm_remote_maps_free. */
int sm_remote_maps_read(pid_t pid, struct sm_remote_maps *ret_maps);
void sm_remote_maps_free(struct sm_remote_maps *maps); /* {0} is allowed */

/* The module whose file has this name, or NULL. */
const struct sm_remote_module *sm_remote_module_named(const struct sm_remote_maps *maps,
                                                      const char *file_name);

/* The address of a function that the module defines and lets out, its default version; 0 if there
 * is none. `memory_fd` is the process's /proc/PID/mem. */
uint64_t sm_remote_symbol(int memory_fd, const struct sm_remote_module *module, const char *name);

/* Exactly so many bytes: 0 or a negative errno. */
int sm_remote_read(int memory_fd, uint64_t at, void *buffer, size_t bytes);
int sm_remote_write(int memory_fd, uint64_t at, const void *data, size_t bytes);
