/* supervisor_install.c - puts the calling process under supervision; runs between fork and exec,
 * so only system calls and the stack are used. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor_filter.h"
#include "supervisor_match.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* select() can't name a descriptor above 1023: watched files stay below it where they can. */
static const rlim_t usual_limit = 1024;
static const uint32_t usual_first_high = 900;
static const rlim_t least_limit = 64; /* below it there is no room for a range of its own */
static const uint32_t last_stdio = 2;

struct sm_supervisor_shared *sm_supervisor_share(void) {
    void *memory = mmap(NULL, sizeof(struct sm_supervisor_shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void sm_supervisor_unshare(struct sm_supervisor_shared *shared) {
    if (shared)
        munmap(shared, sizeof *shared);
}

/* 0 when the limit on descriptors leaves no room. */
static uint32_t choose_first_high(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < least_limit)
        return 0;
    if (limit.rlim_cur >= usual_limit)
        return usual_first_high;
    return (uint32_t)(limit.rlim_cur - limit.rlim_cur / 4);
}

/* Whether a descriptor below the high range (and not trapped anyway) is a watched file. */
static int is_watched_inherited(const struct sm_supervisor_shared *shared, unsigned fd) {
    char name[48] = "/proc/self/fd/", path[SM_RULE_PATH_BYTES * 2];
    char digits[12];
    size_t at = strlen(name), count = 0;
    for (unsigned rest = fd; rest || count == 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    while (count)
        name[at++] = digits[--count];
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = '\0';
    return sm_rules_matching(shared, path) != 0;
}

struct directory_entry { /* what getdents64 gives: linux_dirent64 */
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static int entries_watched(const struct sm_supervisor_shared *shared, const char *buffer,
                           long bytes, uint32_t first_high) {
    for (long at = 0; at < bytes;) {
        const struct directory_entry *entry = (const void *)(buffer + at);
        unsigned fd = 0;
        for (const char *c = entry->name; *c >= '0' && *c <= '9'; c++)
            fd = fd * 10 + (unsigned)(*c - '0');
        if (fd > last_stdio && fd < first_high && is_watched_inherited(shared, fd))
            return 1;
        at += entry->length;
    }
    return 0;
}

static int inherits_watched(const struct sm_supervisor_shared *shared, uint32_t first_high) {
    _Alignas(8) char buffer[2048];
    int found = 0;
    int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return 0;
    for (long bytes;
         !found && (bytes = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0;)
        found = entries_watched(shared, buffer, bytes, first_high);
    close(directory);
    return found;
}

static int install_filter(const struct sock_fprog *program) {
    /* Without "killable", a signal restarts the call and its delay starts anew: a timer faster
     * than the delay would keep the call from ever ending. Kernels before 5.19 don't know it. */
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                     program);
    return fd < 0 ? -errno : (int)fd;
}

int sm_supervisor_install(struct sm_supervisor_shared *shared) {
    struct sock_filter instructions[SM_FILTER_MAX];
    uint32_t first_high = choose_first_high();
    enum sm_supervisor_way way = SM_WAY_HIGH_DESCRIPTORS;
    if (first_high == 0 || inherits_watched(shared, first_high))
        way = SM_WAY_ALL_WRITES;
    struct sock_fprog program = {.len =
                                     (unsigned short)sm_filter_build(way, first_high, instructions),
                                 .filter = instructions};
    __atomic_store_n(&shared->first_high, first_high, __ATOMIC_RELAXED);
    __atomic_store_n(&shared->way, way, __ATOMIC_RELEASE);
    int fd = install_filter(&program);
    if (fd != -EACCES)
        return fd;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    return install_filter(&program);
}
