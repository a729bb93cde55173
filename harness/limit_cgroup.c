/* limit_cgroup.c - making and entering one group; its limit on memory. */
#include "limit_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the two versions call the same things. */
static const struct files {
    const char *swap_limit, *swap_value; /* NULL = the limit: of both together */
    const char *peak;
    const char *kills_file; /* with a line "oom_kill NUMBER" */
} versions[] = {
    {"memory.memsw.limit_in_bytes", NULL, "memory.max_usage_in_bytes", "memory.oom_control"},
    {"memory.swap.max", "0", "memory.peak", "memory.events"}};

/* By controller: its name and its place under version 1, and by version the file of its limits. */
static const struct controller {
    const char *name, *mount;
    const char *limits[2];
} controllers[] = {
    [SM_CGROUP_MEMORY] = {"memory",
                          "/sys/fs/cgroup/memory",
                          {"memory.limit_in_bytes", "memory.max"}},
    [SM_CGROUP_DISK] = {"blkio",
                        "/sys/fs/cgroup/blkio",
                        {"blkio.throttle.write_bps_device", "io.max"}},
};

static const struct files *files_of(const struct sm_cgroup *group) {
    return &versions[group->version - 1];
}

const char *sm_cgroup_limit_file(enum sm_cgroup_controller controller, int version) {
    return controllers[controller].limits[version - 1];
}

static int join(char path[PATH_MAX], const char *dir, const char *name) {
    int length = snprintf(path, PATH_MAX, "%s/%s", dir, name);
    return length >= 0 && length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- where our own is ---- */

/* The path of a line "ID:CONTROLLERS:PATH" of /proc/self/cgroup that is about this one. */
static const char *path_of_line(const struct controller *controller, char *line, int *ret_version) {
    char *names = strchr(line, ':');
    char *path = names ? strchr(names + 1, ':') : NULL;
    if (!path)
        return NULL;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    names++;
    *ret_version = *names ? 1 : 2;
    if (*names == '\0')
        return path;
    for (char *rest = names, *name; (name = strsep(&rest, ",")) != NULL;)
        if (strcmp(name, controller->name) == 0)
            return path;
    return NULL;
}

static bool use(const struct controller *controller, struct sm_cgroup *group, int version,
                const char *root, const char *path) {
    const char *const mounts[] = {controller->mount, "/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = version == 1 ? 0 : 1; i < (version == 1 ? 1 : 3); i++) {
        char probe[PATH_MAX];
        int length = snprintf(group->dir, sizeof group->dir, "%s%s%s", root, mounts[i],
                              strcmp(path, "/") ? path : "");
        if (length < 0 || length >= (int)sizeof group->dir ||
            join(probe, group->dir, "cgroup.procs") || access(probe, F_OK))
            continue;
        group->version = version;
        return true;
    }
    return false;
}

int sm_cgroup_find(enum sm_cgroup_controller controller, const char *lines, const char *root,
                   struct sm_cgroup *ret_group) {
    char line[PATH_MAX];
    bool found = false;
    FILE *file = fopen(lines, "re");
    if (!file)
        return -errno;
    while (fgets(line, sizeof line, file)) {
        int version = 0;
        const char *path = path_of_line(&controllers[controller], line, &version);
        /* A v1 controller leaves none for the v2 tree beside it. */
        if (path && !(found && version == 2) &&
            use(&controllers[controller], ret_group, version, root, path))
            found = true;
    }
    fclose(file);
    return found ? 0 : -ENOENT;
}

int sm_cgroup_own(enum sm_cgroup_controller controller, struct sm_cgroup *ret_group) {
    return sm_cgroup_find(controller, "/proc/self/cgroup", "", ret_group);
}

/* ---- making one ---- */

int sm_cgroup_write(const char *dir, const char *name, const char *text) {
    char path[PATH_MAX];
    int rc = join(path, dir, name);
    if (rc)
        return rc;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
    close(fd);
    return rc;
}

int sm_cgroup_enter(const char *dir) {
    return sm_cgroup_write(dir, "cgroup.procs", "0");
}

int sm_cgroup_set_limit(const struct sm_cgroup *group, uint64_t limit_bytes) {
    const struct files *files = files_of(group);
    const char *limit = sm_cgroup_limit_file(SM_CGROUP_MEMORY, group->version);
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit_bytes);
    const char *swap = files->swap_value ? files->swap_value : text;
    /* Version 1 wants memory and swap together never below memory: up in this order, down in the
     * other. Without it the limit would be met by swapping; kernels may lack the file. */
    sm_cgroup_write(group->dir, files->swap_limit, swap);
    int rc = sm_cgroup_write(group->dir, limit, text);
    if (rc)
        return rc;
    rc = sm_cgroup_write(group->dir, files->swap_limit, swap);
    return rc == -ENOENT ? 0 : rc;
}

/* May a process of ours go there? Delegation rules forbid it in places where mkdir works. */
static int try_entering(const struct sm_cgroup *group) {
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(-sm_cgroup_enter(group->dir));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

int sm_cgroup_has(const struct sm_cgroup *group, enum sm_cgroup_controller controller) {
    char path[PATH_MAX];
    return join(path, group->dir, sm_cgroup_limit_file(controller, group->version)) == 0 &&
           access(path, W_OK) == 0;
}

static int make_here(enum sm_cgroup_controller controller, struct sm_cgroup *group) {
    if (mkdir(group->dir, 0755))
        return -errno;
    /* -ENOENT: the controller is not handed down to here. */
    int rc = sm_cgroup_has(group, controller) ? try_entering(group) : -ENOENT;
    if (rc)
        sm_cgroup_remove(group->dir);
    return rc;
}

int sm_cgroup_make(enum sm_cgroup_controller controller, const char *name,
                   int (*announce)(void *context, const char *dir), void *context,
                   struct sm_cgroup *ret_group) {
    struct sm_cgroup parent = {0}, group = {0};
    int rc = sm_cgroup_own(controller, &parent);
    if (rc)
        return rc;
    group.version = parent.version;
    /* Under version 2 a group with processes hands no controllers down: one above it may. */
    while (sm_cgroup_is(parent.dir)) {
        char *slash = strrchr(parent.dir, '/');
        rc = join(group.dir, parent.dir, name);
        if (rc || (announce && (rc = announce(context, group.dir))))
            return rc;
        rc = make_here(controller, &group);
        if (rc == 0) {
            *ret_group = group;
            return 0;
        }
        *slash = '\0';
    }
    return rc;
}

/* ---- reading ---- */

FILE *sm_cgroup_open(const char *dir, const char *name) {
    char path[PATH_MAX];
    int rc = join(path, dir, name);
    if (rc) {
        errno = -rc;
        return NULL;
    }
    return fopen(path, "re");
}

/* The number of a file, or behind a key in a file of lines "KEY NUMBER". */
static int read_number(const char *dir, const char *name, const char *key, uint64_t *ret_number) {
    char line[256];
    size_t length = key ? strlen(key) : 0;
    FILE *file = sm_cgroup_open(dir, name);
    if (!file)
        return -errno;
    int rc = -ENODATA;
    while (rc && fgets(line, sizeof line, file)) {
        if (key && (strncmp(line, key, length) != 0 || line[length] != ' '))
            continue;
        *ret_number = strtoull(line + length, NULL, 10);
        rc = 0;
    }
    fclose(file);
    return rc;
}

int sm_cgroup_read(const struct sm_cgroup *group, struct sm_cgroup_counts *ret_counts) {
    const struct files *files = files_of(group);
    struct sm_cgroup_counts counts = {0};
    int rc = read_number(group->dir, files->kills_file, "oom_kill", &counts.kills);
    if (rc)
        return rc;
    if (read_number(group->dir, files->peak, NULL, &counts.peak_bytes))
        counts.peak_bytes = 0;
    *ret_counts = counts;
    return 0;
}
