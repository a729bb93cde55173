#include "sampler_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proc.h"

static long page_bytes(void) {
    static long bytes;
    if (!bytes)
        bytes = sysconf(_SC_PAGESIZE);
    return bytes;
}

static ssize_t read_at(int dir_fd, const char *name, char *text, size_t bytes) {
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t used = 0;
    ssize_t got;
    while (used < bytes - 1 && (got = read(fd, text + used, bytes - 1 - used)) > 0)
        used += (size_t)got;
    close(fd);
    text[used] = '\0';
    return (ssize_t)used;
}

int sm_outside_open(pid_t pid, struct sm_outside *ret_outside) {
    char path[32];
    struct stat st;
    struct sm_outside outside = {.pid = pid, .statm_fd = -1, .pid_fd = -1};
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    outside.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (outside.dir_fd < 0)
        return -errno;
    outside.statm_fd = openat(outside.dir_fd, "statm", O_RDONLY | O_CLOEXEC);
    if (outside.statm_fd < 0) {
        int rc = -errno;
        close(outside.dir_fd);
        return rc;
    }
    outside.pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    outside.counts_fds_by_size = fstatat(AT_FDCWD, "/proc/self/fd", &st, 0) == 0 && st.st_size > 0;
    *ret_outside = outside;
    return 0;
}

void sm_outside_close(struct sm_outside *outside) {
    if (outside->dir_fd >= 0)
        close(outside->dir_fd);
    if (outside->statm_fd >= 0)
        close(outside->statm_fd);
    if (outside->pid_fd >= 0)
        close(outside->pid_fd);
    outside->dir_fd = outside->statm_fd = outside->pid_fd = -1;
}

static uint64_t count_fds(struct sm_outside *outside) {
    struct stat st;
    if (outside->counts_fds_by_size)
        return fstatat(outside->dir_fd, "fd", &st, 0) == 0 ? (uint64_t)st.st_size : 0;
    int fd = openat(outside->dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    uint64_t count = 0;
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

int sm_outside_read(struct sm_outside *outside, struct sm_outside_figures *ret_figures) {
    char text[128], *next;
    struct stat st;
    struct timespec cpu;
    ssize_t length = pread(outside->statm_fd, text, sizeof text - 1, 0);
    if (length <= 0)
        return -ESRCH;
    text[length] = '\0';
    /* All zero: the memory has gone already, and so has the process but for its entry. */
    unsigned long long size = strtoull(text, &next, 10);
    if (size == 0)
        return -ESRCH;
    struct sm_outside_figures figures = {0};
    figures.rss_bytes = strtoull(next, &next, 10) * (uint64_t)page_bytes();
    figures.shared_bytes = strtoull(next, &next, 10) * (uint64_t)page_bytes();
    figures.fds = count_fds(outside);
    /* Links of a directory: itself, its name, and one for every thread. */
    if (fstatat(outside->dir_fd, "task", &st, 0) == 0 && st.st_nlink > 2)
        figures.threads = st.st_nlink - 2;
    /* The process's own clock, by number: what clock_getcpuclockid() makes, without its check. */
    clockid_t clock = (clockid_t)(~(unsigned)outside->pid << 3 | 2);
    if (clock_gettime(clock, &cpu) == 0)
        figures.cpu_s = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
    *ret_figures = figures;
    return 0;
}

/* "RssAnon:      123 kB" in bytes; 0 when the line is not there. */
static uint64_t line_bytes(const char *text, const char *name) {
    const char *line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

int sm_outside_read_kinds(struct sm_outside *outside, struct sm_outside_kinds *ret_kinds) {
    char text[4096];
    ssize_t length = read_at(outside->dir_fd, "status", text, sizeof text);
    if (length <= 0)
        return length ? (int)length : -ESRCH;
    if (!strstr(text, "\nRssAnon:"))
        return -ESRCH;
    ret_kinds->file_bytes = line_bytes(text, "\nRssFile:");
    ret_kinds->shmem_bytes = line_bytes(text, "\nRssShmem:");
    return 0;
}

int sm_outside_read_rollup(struct sm_outside *outside, uint64_t *ret_anon_bytes) {
    char text[4096];
    ssize_t length = read_at(outside->dir_fd, "smaps_rollup", text, sizeof text);
    if (length <= 0)
        return length ? (int)length : -ESRCH;
    *ret_anon_bytes = line_bytes(text, "\nAnonymous:");
    return 0;
}

void sm_outside_command(struct sm_outside *outside, char *command, size_t command_bytes) {
    char name[64];
    ssize_t length = read_at(outside->dir_fd, "cmdline", command, command_bytes);
    while (length > 0 && command[length - 1] == '\0')
        length--;
    for (ssize_t i = 0; i < length; i++)
        if (command[i] == '\0')
            command[i] = ' ';
    if (length > 0)
        return;
    length = read_at(outside->dir_fd, "comm", name, sizeof name);
    if (length > 0 && name[length - 1] == '\n')
        name[length - 1] = '\0';
    snprintf(command, command_bytes, "[%s]", length > 0 ? name : "unknown");
}

/* linux/pidfd.h of the kernel that first had it; Debian 12's header does not. */
struct pidfd_info {
    uint64_t mask, cgroupid;
    uint32_t pid, tgid, ppid;
    uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};
#define PIDFD_INFO_EXIT_BIT (UINT64_C(1) << 3)
#define PIDFD_GET_INFO_CALL _IOWR(0xFF, 11, struct pidfd_info)

/* The last field of the stat file, set before a process lets go of its memory and kept until it is
 * reaped. 0 also to strangers. */
static int unreaped_status(struct sm_outside *outside, int *ret_status) {
    char text[1024];
    ssize_t length = outside->dir_fd < 0 ? -1 : read_at(outside->dir_fd, "stat", text, sizeof text);
    const char *command_end = length > 0 ? strrchr(text, ')') : NULL;
    const char *last = command_end ? strrchr(command_end, ' ') : NULL;
    if (!last)
        return -ENODATA;
    *ret_status = (int)strtol(last, NULL, 10);
    return *ret_status ? 0 : -ENODATA;
}

int sm_outside_exit_status(struct sm_outside *outside, int *ret_status) {
    struct pidfd_info info = {.mask = PIDFD_INFO_EXIT_BIT};
    if (outside->pid_fd < 0 || ioctl(outside->pid_fd, PIDFD_GET_INFO_CALL, &info) ||
        !(info.mask & PIDFD_INFO_EXIT_BIT))
        return unreaped_status(outside, ret_status);
    *ret_status = info.exit_code;
    return 0;
}
