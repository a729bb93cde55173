/* doctor_cgroup.c - may we give a program a memory limit that the kernel enforces? Makes a
 * control group below our own, sets a limit, and removes it again. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where our own memory control group is: its directory and which file holds the limit. */
struct memory_cgroup {
    char dir[PATH_MAX];
    const char *limit_file;
    int version;
};

/* The path of a line "ID:CONTROLLERS:PATH" of /proc/self/cgroup that is about memory. */
static const char *cgroup_of_line(char *line, int *ret_version) {
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return NULL;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    controllers++;
    *ret_version = *controllers ? 1 : 2;
    if (*controllers == '\0')
        return path;
    for (char *rest = controllers, *name; (name = strsep(&rest, ",")) != NULL;)
        if (strcmp(name, "memory") == 0)
            return path;
    return NULL;
}

static bool use_cgroup(struct memory_cgroup *group, int version, const char *path) {
    static const char *const mounts[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup",
                                         "/sys/fs/cgroup/unified"};
    for (size_t i = version == 1 ? 0 : 1; i < (version == 1 ? 1 : 3); i++) {
        char probe[PATH_MAX];
        snprintf(group->dir, sizeof group->dir, "%s%s", mounts[i], strcmp(path, "/") ? path : "");
        int length = snprintf(probe, sizeof probe, "%s/cgroup.procs", group->dir);
        if (length < (int)sizeof probe && access(probe, F_OK) == 0) {
            group->version = version;
            group->limit_file = version == 1 ? "memory.limit_in_bytes" : "memory.max";
            return true;
        }
    }
    return false;
}

static int find_memory_cgroup(struct memory_cgroup *ret_group) {
    char line[PATH_MAX];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return -errno;
    while (fgets(line, sizeof line, file)) {
        int version = 0;
        const char *path = cgroup_of_line(line, &version);
        /* A v1 memory controller leaves none for the v2 tree beside it. */
        if (path && !(found && version == 2) && use_cgroup(ret_group, version, path))
            found = true;
    }
    fclose(file);
    return found ? 0 : -ENOENT;
}

static int write_limit(const char *dir, const char *file) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = write(fd, "67108864", 8) == 8 ? 0 : -errno;
    close(fd);
    return rc;
}

int sm_doctor_memory_cgroup(const char *dir, char *note) {
    (void)dir;
    struct memory_cgroup group = {.limit_file = NULL};
    char child[PATH_MAX];
    int rc = find_memory_cgroup(&group);
    if (rc) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "no memory control group is mounted");
        return rc;
    }
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "version %d, %.120s", group.version, group.dir);
    if (snprintf(child, sizeof child, "%s/spillmark-doctor-%d", group.dir, getpid()) >=
        (int)sizeof child)
        return -ENAMETOOLONG;
    if (mkdir(child, 0755))
        return -errno;
    rc = write_limit(child, group.limit_file);
    if (rmdir(child) && rc == 0)
        rc = -errno;
    return rc;
}
