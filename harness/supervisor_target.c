/* supervisor_target.c - what the supervisor asks the kernel about a thread of the target. */
#include "supervisor_target.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proc.h"

const char *sm_target_proc(char *buffer, pid_t tid, const char *what) {
    snprintf(buffer, SM_PROC_PATH_BYTES, "/proc/%d/%s", tid, what);
    return buffer;
}

const char *sm_target_proc_fd(char *buffer, pid_t tid, int fd) {
    snprintf(buffer, SM_PROC_PATH_BYTES, "/proc/%d/fd/%d", tid, fd);
    return buffer;
}

int sm_target_read(pid_t tid, uint64_t address, void *ret_bytes, size_t length) {
    struct iovec here = {ret_bytes, length};
    struct iovec there = {(void *)(uintptr_t)address, length};
    ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);
    if (got < 0)
        return -errno;
    return (size_t)got == length ? 0 : -EFAULT;
}

int sm_target_read_path(pid_t tid, uint64_t address, char *ret_path) {
    /* The path may end just before an unmapped page: one element per page, since transfers are
     * partial by whole elements. */
    enum { PAGE = 4096 };
    size_t first = PAGE - address % PAGE;
    struct iovec here = {ret_path, PATH_MAX};
    struct iovec there[2] = {{(void *)(uintptr_t)address, first},
                             {(void *)(uintptr_t)(address + first), PATH_MAX - first}};
    _Static_assert(PATH_MAX == PAGE, "two elements cover a path");
    ssize_t got = process_vm_readv(tid, &here, 1, there, first < PATH_MAX ? 2 : 1, 0);
    if (got < 0)
        return -errno;
    return memchr(ret_path, '\0', (size_t)got) ? 0 : -ENAMETOOLONG;
}

static void status_groups(const char *text, struct sm_target_status *status) {
    static const char name[] = "\nGroups:";
    const char *at = strstr(text, name);
    if (!at)
        return;
    for (at += sizeof name - 1; status->group_count < SM_TARGET_GROUPS;) {
        while (*at == ' ' || *at == '\t')
            at++;
        if (*at < '0' || *at > '9')
            return;
        char *end;
        status->groups[status->group_count++] = (gid_t)strtoul(at, &end, 10);
        at = end;
    }
}

int sm_target_status(pid_t tid, struct sm_target_status *ret_status) {
    char path[SM_PROC_PATH_BYTES], text[8192];
    long process, mask, fsuid, fsgid;
    ssize_t got = sm_proc_read(sm_target_proc(path, tid, "status"), text, sizeof text);
    if (got < 0)
        return (int)got;
    if (sm_proc_status_number(text, "\nTgid:", 0, 10, &process) ||
        sm_proc_status_number(text, "\nUmask:", 0, 8, &mask) ||
        sm_proc_status_number(text, "\nUid:", 3, 10, &fsuid) ||
        sm_proc_status_number(text, "\nGid:", 3, 10, &fsgid))
        return -EPROTO;
    *ret_status = (struct sm_target_status){.process = (pid_t)process,
                                            .umask = (mode_t)mask,
                                            .fsuid = (uid_t)fsuid,
                                            .fsgid = (gid_t)fsgid};
    status_groups(text, ret_status);
    return 0;
}

int sm_target_link(const char *proc_path, char *ret_path) {
    ssize_t length = readlink(proc_path, ret_path, PATH_MAX - 1);
    if (length < 0)
        return -errno;
    ret_path[length] = '\0';
    return 0;
}

int sm_target_descriptor(pid_t tid, int fd) {
    struct sm_target_status status;
    int rc = sm_target_status(tid, &status);
    if (rc)
        return rc;
    int process = (int)syscall(SYS_pidfd_open, status.process, 0);
    if (process < 0)
        return -errno;
    int ours = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    rc = ours < 0 ? -errno : ours;
    close(process);
    return rc;
}

static bool is_open(int directory, unsigned fd) {
    char name[16];
    struct stat entry;
    snprintf(name, sizeof name, "%u", fd);
    return fstatat(directory, name, &entry, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_descriptors(pid_t tid) {
    char path[SM_PROC_PATH_BYTES];
    return open(sm_target_proc(path, tid, "fd"), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int first_free(int directory, unsigned from, unsigned limit) {
    for (unsigned fd = from; fd < limit; fd++)
        if (!is_open(directory, fd))
            return (int)fd;
    return -EMFILE;
}

int sm_target_free_descriptor(pid_t tid, unsigned least) {
    /* The kernel gives out the lowest free number. With this many free ones below ours, as many
     * threads would have to open files in the next microseconds to reach it. */
    static const unsigned room = 64;
    struct rlimit limit = {1024, 1024};
    struct stat directory_stat;
    int directory = open_descriptors(tid);
    if (directory < 0)
        return -errno;
    prlimit(tid, RLIMIT_NOFILE, NULL, &limit);
    unsigned end = limit.rlim_cur < INT_MAX ? (unsigned)limit.rlim_cur : INT_MAX;
    unsigned from = least;
    /* Since Linux 6.2 its size is the number of open descriptors; before that it is 0. */
    if (fstat(directory, &directory_stat) == 0 && directory_stat.st_size + room > least)
        from = (unsigned)directory_stat.st_size + room;
    int fd = first_free(directory, from, end);
    if (fd < 0 && from > least)
        fd = first_free(directory, least, end);
    close(directory);
    return fd;
}

bool sm_target_lacks_stdio(pid_t tid) {
    int directory = open_descriptors(tid);
    if (directory < 0)
        return false;
    bool lacks = !is_open(directory, 0) || !is_open(directory, 1) || !is_open(directory, 2);
    close(directory);
    return lacks;
}

static void set_identity(uid_t user, gid_t group, const gid_t *groups, size_t group_count) {
    /* The raw call: setgroups of libc would change other threads too, if there were any. */
    if (syscall(SYS_setgroups, group_count, groups))
        return;
    setfsgid(group);
    setfsuid(user);
}

static bool is_other(const struct sm_target_status *status) {
    return geteuid() == 0 && (status->fsuid != geteuid() || status->fsgid != getegid());
}

static gid_t own_groups[SM_TARGET_GROUPS];
static int own_group_count = -1;
static bool is_become;

void sm_target_become(const struct sm_target_status *status) {
    umask(status->umask);
    is_become = is_other(status);
    if (!is_become)
        return;
    if (own_group_count < 0)
        own_group_count = getgroups(SM_TARGET_GROUPS, own_groups);
    set_identity(status->fsuid, status->fsgid, status->groups, status->group_count);
}

void sm_target_unbecome(void) {
    if (!is_become)
        return;
    setfsuid(geteuid());
    setfsgid(getegid());
    if (own_group_count >= 0)
        syscall(SYS_setgroups, own_group_count, own_groups);
    is_become = false;
}

/* The mask of a line like "SigPnd:\t0000000000000100". */
static uint64_t signal_mask(const char *status, const char *name) {
    const char *line = strstr(status, name);
    return line ? strtoull(line + strlen(name), NULL, 16) : 0;
}

bool sm_target_is_dying(pid_t tid) {
    char path[SM_PROC_PATH_BYTES], status[4096];
    ssize_t got = sm_proc_read(sm_target_proc(path, tid, "status"), status, sizeof status);
    if (got <= 0 || strstr(status, "State:\tZ") || strstr(status, "State:\tX"))
        return true;
    uint64_t pending = signal_mask(status, "SigPnd:") | signal_mask(status, "ShdPnd:");
    return (pending >> (SIGKILL - 1) & 1) != 0;
}
