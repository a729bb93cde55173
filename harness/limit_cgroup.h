/* limit_cgroup.h - control groups of the kernel, version 1 and 2 behind one interface: making them,
 * their limits on memory (those on disks: limit_disk.h). Functions fill the caller's memory and
 * return 0 or a negative errno where nothing else is said; no locks, any thread. */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sm_cgroup {
    int version;        /* 1 or 2, 0 = none */
    char dir[PATH_MAX]; /* where its files are */
};

/* What a group is for. */
enum sm_cgroup_controller { SM_CGROUP_MEMORY, SM_CGROUP_DISK };

/* The group that this process is in. -ENOENT when no such controller is mounted. */
int sm_cgroup_own(enum sm_cgroup_controller controller, struct sm_cgroup *ret_group);

/* The same from a file of lines like those of /proc/self/cgroup, with what is mounted below `root`.
 */
int sm_cgroup_find(enum sm_cgroup_controller controller, const char *lines, const char *root,
                   struct sm_cgroup *ret_group);

/* Makes a group of that name, in our own group or in the nearest one above it where limits can be
 * set, and tries it by putting a process there. `announce` (may be NULL) is told each path
 * before it is made, so that somebody can remove it whatever becomes of us; a negative errno from
 * it ends the search. 0, or why the last place failed. */
int sm_cgroup_make(enum sm_cgroup_controller controller, const char *name,
                   int (*announce)(void *context, const char *dir), void *context,
                   struct sm_cgroup *ret_group);

/* Sets the limit on memory, up or down. */
int sm_cgroup_set_limit(const struct sm_cgroup *group, uint64_t limit_bytes);

/* Does the group limit this, too? Under version 2 one group may be for several things. */
int sm_cgroup_has(const struct sm_cgroup *group, enum sm_cgroup_controller controller);

/* Puts the calling process into a group. Makes system calls only. */
int sm_cgroup_enter(const char *dir);

/* The file of the limits, under version 1 or 2. */
const char *sm_cgroup_limit_file(enum sm_cgroup_controller controller, int version);
/* One file of a group: writing a text to it, opening it to be read (NULL and errno). */
int sm_cgroup_write(const char *dir, const char *name, const char *text);
FILE *sm_cgroup_open(const char *dir, const char *name);

/* What the kernel has counted since the group was made. */
struct sm_cgroup_counts {
    uint64_t peak_bytes; /* 0 where the kernel does not say */
    uint64_t kills;      /* processes that the kernel killed for the limit */
};
int sm_cgroup_read(const struct sm_cgroup *group, struct sm_cgroup_counts *ret_counts);

/* Does the path lie in a file system of control groups? */
int sm_cgroup_is(const char *path);

/* Kills what is still in a group and in those below it, and removes them; tries for some seconds,
 * since the kernel lets go of killed processes in its own time. 0 also when there is none. */
int sm_cgroup_remove(const char *dir);
