/* limit_disk.c - blkio.throttle.* under version 1, io.* under version 2. */
#include "limit_disk.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- the disk ---- */

/* "MAJOR:MINOR" from the first line of a file. */
static int read_numbers(const char *path, struct sm_disk *ret_disk) {
    char line[64] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    int rc = fgets(line, sizeof line, file) &&
                     sscanf(line, "%u:%u", &ret_disk->major, &ret_disk->minor) == 2
                 ? 0
                 : -ENODEV;
    fclose(file);
    return rc;
}

static int stat_file_or_directory(const char *path, struct stat *ret_status) {
    char parent[PATH_MAX];
    if (stat(path, ret_status) == 0)
        return 0;
    int length = snprintf(parent, sizeof parent, "%s", path);
    char *slash = length < (int)sizeof parent ? strrchr(parent, '/') : NULL;
    if (errno != ENOENT || !slash)
        return -errno;
    slash[slash == parent] = '\0';
    return stat(parent, ret_status) ? -errno : 0;
}

int sm_disk_below(const char *path, struct sm_disk *ret_disk) {
    struct stat status;
    char link[64], entry[PATH_MAX], of_whole[PATH_MAX + 16];
    int rc = stat_file_or_directory(path, &status);
    if (rc)
        return rc;
    snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major(status.st_dev), minor(status.st_dev));
    if (!realpath(link, entry))
        return -ENODEV;
    snprintf(of_whole, sizeof of_whole, "%s/partition", entry);
    if (access(of_whole, F_OK) == 0)
        snprintf(of_whole, sizeof of_whole, "%s/../dev", entry);
    else
        snprintf(of_whole, sizeof of_whole, "%s/dev", entry);
    return read_numbers(of_whole, ret_disk);
}

/* ---- its limit ---- */

static int set_limit(const char *dir, int version, const struct sm_disk *disk,
                     uint64_t bytes_per_s) {
    char line[96];
    unsigned long long limit = bytes_per_s;
    if (version == 1) /* where 0 is none */
        snprintf(line, sizeof line, "%u:%u %llu", disk->major, disk->minor, limit);
    else if (limit)
        snprintf(line, sizeof line, "%u:%u wbps=%llu", disk->major, disk->minor, limit);
    else
        snprintf(line, sizeof line, "%u:%u wbps=max", disk->major, disk->minor);
    return sm_cgroup_write(dir, sm_cgroup_limit_file(SM_CGROUP_DISK, version), line);
}

int sm_disk_set_limit(const struct sm_cgroup *group, const struct sm_disk *disk,
                      uint64_t bytes_per_s) {
    return set_limit(group->dir, group->version, disk, bytes_per_s);
}

void sm_disk_lift_all(const char *dir) {
    for (int version = 1; version <= 2; version++) {
        struct sm_disk disk;
        char line[256];
        FILE *file = sm_cgroup_open(dir, sm_cgroup_limit_file(SM_CGROUP_DISK, version));
        while (file && fgets(line, sizeof line, file))
            if (sscanf(line, "%u:%u", &disk.major, &disk.minor) == 2)
                set_limit(dir, version, &disk, 0);
        if (file)
            fclose(file);
    }
}

/* ---- its counts ---- */

/* The number behind `key` in the line of that disk. */
static int read_count(const struct sm_cgroup *group, const char *name, const struct sm_disk *disk,
                      const char *key, uint64_t *ret_number) {
    char line[512], prefix[32];
    size_t length = (size_t)snprintf(prefix, sizeof prefix, "%u:%u ", disk->major, disk->minor);
    FILE *file = sm_cgroup_open(group->dir, name);
    if (!file)
        return -errno;
    *ret_number = 0; /* no line: nothing was sent there yet */
    while (fgets(line, sizeof line, file)) {
        const char *at = strncmp(line, prefix, length) == 0 ? strstr(line, key) : NULL;
        if (at)
            *ret_number = strtoull(at + strlen(key), NULL, 10);
    }
    fclose(file);
    return 0;
}

int sm_disk_read(const struct sm_cgroup *group, const struct sm_disk *disk,
                 struct sm_disk_counts *ret_counts) {
    struct sm_disk_counts counts;
    const bool is_first = group->version == 1;
    const char *bytes = is_first ? "blkio.throttle.io_service_bytes" : "io.stat";
    const char *writes = is_first ? "blkio.throttle.io_serviced" : "io.stat";
    int rc = read_count(group, bytes, disk, is_first ? " Write " : " wbytes=", &counts.bytes);
    if (rc == 0)
        rc = read_count(group, writes, disk, is_first ? " Write " : " wios=", &counts.writes);
    if (rc == 0)
        *ret_counts = counts;
    return rc;
}
