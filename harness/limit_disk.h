/* limit_disk.h - what a control group may write to a block device per second, and what it wrote, by
 * the kernel's own count. Fills the caller's memory; no locks, any thread. */
#pragma once

#include <stdint.h>

#include "limit_cgroup.h"

/* A whole disk: partitions have no limits of their own. */
struct sm_disk {
    unsigned major, minor;
};

/* The disk below a file or directory, or below the directory of a file that does not exist yet.
 * -ENODEV: none (tmpfs, overlay, network), or one that is put together of several. */
int sm_disk_below(const char *path, struct sm_disk *ret_disk);

/* 0 = no limit. Reads have none. Calls that wait are let go at once when it is lifted. */
int sm_disk_set_limit(const struct sm_cgroup *group, const struct sm_disk *disk,
                      uint64_t bytes_per_s);

/* Writes that the group has sent to the disk since it was made. */
struct sm_disk_counts {
    uint64_t writes, bytes;
};
int sm_disk_read(const struct sm_cgroup *group, const struct sm_disk *disk,
                 struct sm_disk_counts *ret_counts);

/* Ends all limits of a group on disks: what waits for one can't even be killed. */
void sm_disk_lift_all(const char *dir);
