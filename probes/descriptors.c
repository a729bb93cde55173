#include "descriptors.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "clock.h"
#include "raw.h"
#include "slot.h"
#include "stacks.h"

static enum spillmark_fd_class class_of_socket(int fd) {
    int domain = 0;
    unsigned size = sizeof domain;
    smp_raw6(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, (long)&domain, (long)&size, 0);
    return domain == AF_UNIX ? SPILLMARK_FD_UNIX : SPILLMARK_FD_SOCKET;
}

/* Of <linux/magic.h>. */
enum { PROC_MAGIC = 0x9fa0 };

static enum spillmark_fd_class class_of_file(int fd, mode_t mode) {
    long statfs[32] = {0};
    smp_raw6(SYS_fstatfs, fd, (long)statfs, 0, 0, 0, 0);
    if (statfs[0] == PROC_MAGIC) {
        return SPILLMARK_FD_PROC;
    }
    return S_ISDIR(mode) ? SPILLMARK_FD_DIRECTORY : SPILLMARK_FD_FILE;
}

/* eventfd, epoll, timerfd and the like are all anonymous inodes: only the link tells. */
static enum spillmark_fd_class class_of_anonymous(int fd) {
    char path[32] = "/proc/self/fd/";
    char target[32] = "";
    char digits[12];
    int at = 11;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + fd % 10);
        fd /= 10;
    } while (fd != 0);
    memcpy(path + 14, digits + at, (size_t)(12 - at));
    smp_raw6(SYS_readlink, (long)path, (long)target, sizeof target - 1, 0, 0, 0);
    return strcmp(target, "anon_inode:[eventpoll]") == 0 ? SPILLMARK_FD_EPOLL
           : strncmp(target, "anon_inode:", 11) == 0     ? SPILLMARK_FD_EVENT
                                                         : SPILLMARK_FD_OTHER;
}

static enum spillmark_fd_class ask_kernel(int fd) {
    struct stat status;
    if (smp_raw6(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) < 0) {
        return SPILLMARK_FD_UNKNOWN;
    }
    switch (status.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
        return class_of_file(fd, status.st_mode);
    case S_IFSOCK:
        return class_of_socket(fd);
    case S_IFIFO:
        return SPILLMARK_FD_PIPE;
    case S_IFCHR:
    case S_IFBLK:
        return SPILLMARK_FD_DEVICE;
    default:
        return class_of_anonymous(fd);
    }
}

static void keep_class(int fd, enum spillmark_fd_class fd_class) {
    if (fd >= 0 && fd < SMP_FD_CLASSES_KEPT) {
        smp_home->fd_class[fd] = (uint8_t)(fd_class + 1);
    }
}

/* What fd is, asked of the kernel the first time. */
static enum spillmark_fd_class class_of(int fd) {
    if (fd < 0) {
        return SPILLMARK_FD_UNKNOWN;
    }
    if (fd < SMP_FD_CLASSES_KEPT && smp_home->fd_class[fd] != 0) {
        return (enum spillmark_fd_class)(smp_home->fd_class[fd] - 1);
    }
    enum spillmark_fd_class fd_class = ask_kernel(fd);
    keep_class(fd, fd_class);
    return fd_class;
}

static struct spillmark_descriptor *entry_of(int fd) {
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_DESCRIPTORS);
    if ((uint32_t)fd >= section->capacity) {
        __atomic_fetch_add(&section->dropped, 1, __ATOMIC_RELAXED);
        return NULL;
    }
    uint32_t used = __atomic_load_n(&section->used, __ATOMIC_RELAXED);
    while (used <= (uint32_t)fd &&
           !__atomic_compare_exchange_n(&section->used, &used, (uint32_t)fd + 1, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return &smp_process.descriptors[fd];
}

static void count_opened(struct spillmark_stack *stack) {
    __atomic_fetch_add(&stack->samples, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&stack->alloc_count_q10, 1024, __ATOMIC_RELAXED);
}

static void forget(struct spillmark_descriptor *entry) {
    if (__atomic_exchange_n(&entry->open, 0, __ATOMIC_ACQ_REL) != 0 && entry->stack != 0) {
        __atomic_fetch_add(&smp_process.stacks[entry->stack].free_count_q10, 1024,
                           __ATOMIC_RELAXED);
    }
}

/* The hooks of descriptors are rarer than those of memory: they attach the thread first, so that
 * a fork is noticed, and ask who the process is, so that a child of vfork changes nothing. */
static inline __attribute__((always_inline)) bool enter(struct smp_guard *guard) {
    if (smp_phase() == SMP_COLD) {
        smp_boot();
    }
    if (smp_phase() != SMP_ON || !smp_feature(SPILLMARK_FEATURE_FDS) || !smp_guard_enter(guard)) {
        return false;
    }
    if (!smp_is_owner()) {
        smp_guard_leave(guard);
        return false;
    }
    return true;
}

int smp_fd_opened(int fd, enum spillmark_fd_class fd_class) {
    struct smp_guard guard;
    struct smp_origin origin = SMP_ORIGIN();
    if (fd < 0 || !enter(&guard)) {
        return fd;
    }
    if (fd_class == SPILLMARK_FD_UNKNOWN) {
        fd_class = ask_kernel(fd);
    }
    keep_class(fd, fd_class);
    struct spillmark_descriptor *entry = entry_of(fd);
    if (entry != NULL) {
        forget(entry); /* closed by a call that was not seen */
        entry->fd_class = fd_class;
        entry->stack = smp_stack_of(&guard, smp_here.self, &origin, SPILLMARK_KIND_FD);
        entry->opened_ns = smp_clock_ns();
        if (entry->stack != 0) {
            count_opened(&smp_process.stacks[entry->stack]);
        }
        __atomic_store_n(&entry->open, 1, __ATOMIC_RELEASE);
    }
    smp_guard_leave(&guard);
    return fd;
}

int smp_fd_opened_path(int fd, const char *path) {
    bool proc = fd >= 0 && path != NULL && strncmp(path, "/proc/", 6) == 0;
    return smp_fd_opened(fd, proc ? SPILLMARK_FD_PROC : SPILLMARK_FD_UNKNOWN);
}

void smp_fd_closing(int fd) {
    if (fd >= 0) {
        smp_fd_closing_range((unsigned)fd, (unsigned)fd);
    }
}

void smp_fd_closing_range(unsigned first, unsigned last) {
    struct smp_guard guard;
    if (!enter(&guard)) {
        return;
    }
    uint32_t used = smp_section(SPILLMARK_SECTION_DESCRIPTORS)->used;
    for (uint32_t fd = first; fd <= last && fd < used; fd++) {
        forget(&smp_process.descriptors[fd]);
    }
    for (uint32_t fd = first; fd <= last && fd < SMP_FD_CLASSES_KEPT; fd++) {
        smp_home->fd_class[fd] = 0;
    }
    smp_guard_leave(&guard);
}

void smp_fd_count(int fd, uint64_t bytes, enum smp_direction direction) {
    struct smp_self *self = smp_attached();
    if (smp_phase() != SMP_ON || !smp_feature(SPILLMARK_FEATURE_IO)) {
        return;
    }
    enum spillmark_fd_class fd_class = class_of(fd);
    struct spillmark_thread *block =
        self != NULL ? self->block : &smp_process.threads[SPILLMARK_THREADS - 1];
    uint64_t *counter =
        direction == SMP_READ ? &block->read_bytes[fd_class] : &block->write_bytes[fd_class];
    if (self != NULL) {
        smp_add(counter, bytes);
    } else {
        __atomic_fetch_add(counter, bytes, __ATOMIC_RELAXED);
    }
}

void smp_descriptors_inherit(struct spillmark_slot *child) {
    const struct spillmark_section *from = smp_section(SPILLMARK_SECTION_DESCRIPTORS);
    struct spillmark_section *to = &child->sections[SPILLMARK_SECTION_DESCRIPTORS];
    struct spillmark_descriptor *entries =
        (struct spillmark_descriptor *)((char *)child + to->offset);
    struct spillmark_stack *stacks =
        (struct spillmark_stack *)((char *)child +
                                   child->sections[SPILLMARK_SECTION_STACKS].offset);
    for (uint32_t fd = 0; fd < from->used; fd++) {
        const struct spillmark_descriptor *entry = &smp_process.descriptors[fd];
        if (entry->open != 0) {
            entries[fd] = *entry;
            if (entry->stack != 0) {
                smp_stack_inherit(child, entry->stack);
                count_opened(&stacks[entry->stack]);
            }
        }
    }
    to->used = from->used;
}
