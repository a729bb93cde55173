/* supervisor_resolve.c - walks a path as the target would.
 *
 * Magic links of /proc are never followed (they would mean the supervisor's own descriptors),
 * but for the ways programs name their own: /dev/stdout, /dev/fd/N, /proc/self/fd/N. */
#include "supervisor_resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "supervisor_target.h"

/* Where to start: a directory of ours, what of the path is left, and how to walk. */
struct walk {
    int base; /* to be closed unless AT_FDCWD */
    char path[PATH_MAX];
    uint64_t resolve;
};

static int open_path(int base, const char *path, uint32_t flags, uint64_t resolve) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve};
    int fd, tries = 3;
    do /* EAGAIN: a rename raced with a walk that must stay below its root */
        fd = (int)syscall(SYS_openat2, base, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && --tries > 0);
    return fd < 0 ? -errno : fd;
}

static bool is_world_shared(pid_t tid) {
    char link[SM_PROC_PATH_BYTES], theirs[PATH_MAX], ours[PATH_MAX];
    if (sm_target_link(sm_target_proc(link, tid, "root"), theirs) || strcmp(theirs, "/") != 0)
        return false;
    return sm_target_link(sm_target_proc(link, tid, "ns/mnt"), theirs) == 0 &&
           sm_target_link("/proc/self/ns/mnt", ours) == 0 && strcmp(theirs, ours) == 0;
}

static const char *start_link(char *buffer, const struct sm_open_request *request) {
    if (request->directory == AT_FDCWD)
        return sm_target_proc(buffer, request->tid, "cwd");
    return sm_target_proc_fd(buffer, request->tid, request->directory);
}

/* Same mounts, same root: the start is a directory like any other. */
static int begin_shared(const struct sm_open_request *request, struct walk *walk) {
    char link[SM_PROC_PATH_BYTES];
    walk->base = AT_FDCWD;
    if (request->path[0] == '/')
        return 0;
    walk->base = open(start_link(link, request), O_PATH | O_DIRECTORY | O_CLOEXEC);
    return walk->base < 0 ? -errno : 0;
}

/* Confined by the call itself to its start, which even an absolute path is relative to. */
static int begin_confined(const struct sm_open_request *request, struct walk *walk) {
    char link[SM_PROC_PATH_BYTES];
    walk->base = open(start_link(link, request), O_PATH | O_DIRECTORY | O_CLOEXEC);
    return walk->base < 0 ? -errno : 0;
}

/* A root of its own: everything is walked from there, so that links stay inside. */
static int begin_rooted(const struct sm_open_request *request, struct walk *walk) {
    char link[SM_PROC_PATH_BYTES], root[PATH_MAX], start[PATH_MAX];
    if (request->path[0] != '/') {
        int rc = sm_target_link(sm_target_proc(link, request->tid, "root"), root);
        if (rc || (rc = sm_target_link(start_link(link, request), start)))
            return rc;
        size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(start, root, length) != 0)
            return -EXDEV;
        int written =
            snprintf(walk->path, sizeof walk->path, "%s/%s", start + length, request->path);
        if (written >= (int)sizeof walk->path)
            return -ENAMETOOLONG;
    }
    walk->base = open(sm_target_proc(link, request->tid, "root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    walk->resolve |= RESOLVE_IN_ROOT;
    return walk->base < 0 ? -errno : 0;
}

/* "/dev/fd/7" and the like: the number; -1 when the path is nothing of the kind. */
static int own_descriptor(const char *path) {
    static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(path, names[i]) == 0)
            return i;
        size_t length = strlen(folders[i]);
        char *end = NULL;
        if (strncmp(path, folders[i], length) != 0)
            continue;
        long number = strtol(path + length, &end, 10);
        return end == path + length || *end || number < 0 || number > INT_MAX ? -1 : (int)number;
    }
    return -1;
}

static int resolve_own_descriptor(pid_t tid, int number, struct sm_resolved *resolved) {
    char link[SM_PROC_PATH_BYTES];
    resolved->exists = true;
    resolved->fd = open(sm_target_proc_fd(link, tid, number), O_PATH | O_CLOEXEC);
    return resolved->fd < 0 ? -errno : 0;
}

/* Cuts path into its directory (made to end in "/.") and its last name. */
static int split(char *path, char *ret_name) {
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EISDIR;
    memcpy(ret_name, name, length + 1);
    if (!slash)
        memcpy(path, ".", 2);
    else
        slash[1] = '\0';
    return 0;
}

/* The directory that a new file goes into. A link that leads to no file yet is followed. */
static int resolve_new(struct walk *walk, struct sm_resolved *resolved) {
    char target[PATH_MAX];
    for (int links = 0; links < 40; links++) {
        int rc = split(walk->path, resolved->name);
        if (rc)
            return rc;
        int directory = open_path(walk->base, walk->path, O_DIRECTORY, walk->resolve);
        if (directory < 0)
            return directory;
        ssize_t length = readlinkat(directory, resolved->name, target, sizeof target - 1);
        if (length < 0) {
            resolved->exists = false;
            resolved->fd = directory;
            return errno == ENOENT ? 0 : (close(directory), -errno);
        }
        close(directory);
        target[length] = '\0';
        size_t before = target[0] == '/' ? 0 : strlen(walk->path);
        if (before && walk->path[before - 1] != '/')
            walk->path[before++] = '/';
        if (before + (size_t)length >= sizeof walk->path)
            return -ENAMETOOLONG;
        memcpy(walk->path + before, target, (size_t)length + 1);
    }
    return -ELOOP;
}

static int walk_path(const struct sm_open_request *request, struct walk *walk,
                     struct sm_resolved *resolved) {
    int fd = open_path(walk->base, walk->path, request->flags & (O_NOFOLLOW | O_DIRECTORY),
                       walk->resolve);
    if (fd >= 0) {
        resolved->exists = true;
        resolved->fd = fd;
        return 0;
    }
    if (fd == -ENOENT && (request->flags & O_CREAT))
        return resolve_new(walk, resolved);
    return fd;
}

static int print_full(struct sm_resolved *resolved) {
    char link[SM_PROC_PATH_BYTES];
    int rc = sm_target_link(sm_target_proc_fd(link, getpid(), resolved->fd), resolved->full);
    if (rc || resolved->exists)
        return rc;
    size_t length = strlen(resolved->full);
    if (length == 1) /* "/" */
        length = 0;
    int written =
        snprintf(resolved->full + length, sizeof resolved->full - length, "/%s", resolved->name);
    return written >= (int)(sizeof resolved->full - length) ? -ENAMETOOLONG : 0;
}

int sm_resolve_path(const struct sm_open_request *request, struct sm_resolved *ret_resolved) {
    struct walk walk = {.base = -1, .resolve = request->resolve | RESOLVE_NO_MAGICLINKS};
    struct sm_resolved resolved = {.fd = -1};
    int own = own_descriptor(request->path);
    int rc;
    if (own >= 0) {
        rc = resolve_own_descriptor(request->tid, own, &resolved);
    } else {
        memcpy(walk.path, request->path, sizeof walk.path);
        if (request->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
            rc = begin_confined(request, &walk);
        else if (is_world_shared(request->tid))
            rc = begin_shared(request, &walk);
        else
            rc = begin_rooted(request, &walk);
        if (rc == 0)
            rc = walk_path(request, &walk, &resolved);
        if (walk.base >= 0)
            close(walk.base);
    }
    if (rc == 0)
        rc = print_full(&resolved);
    if (rc == 0)
        *ret_resolved = resolved;
    else if (resolved.fd >= 0)
        close(resolved.fd);
    return rc;
}
