/* supervisor_filter.c - classic BPF by hand: libseccomp allocates, and this runs between fork
 * and exec. Each group of system calls is a row of comparisons that jump into one shared block
 * behind them; a block always ends in a verdict.
 *
 * Descriptors 0 to 2 are trapped as well as the high ones: a shell's `> file` and a daemon's
 * redirection put a watched file exactly there, and no other number will do. */
#include "supervisor_filter.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <linux/audit.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "no seccomp architecture known for this machine"
#endif

static const uint32_t x32_bit = 0x40000000;
static const uint32_t last_stdio = 2;

struct builder {
    struct sock_filter *program;
    size_t length;
};

static void emit(struct builder *b, uint16_t code, uint32_t k, size_t if_true, size_t if_false) {
    b->program[b->length++] =
        (struct sock_filter){.code = code, .jt = (uint8_t)if_true, .jf = (uint8_t)if_false, .k = k};
}

static void load(struct builder *b, size_t offset) {
    emit(b, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* The low half of an argument; descriptors and flags are int. */
static void load_argument(struct builder *b, size_t index) {
    load(b, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
}

static void verdict(struct builder *b, uint32_t action) {
    emit(b, BPF_RET | BPF_K, action, 0, 0);
}

/* One comparison per call of the group; none of them: past the block of block_length. */
static void match_calls(struct builder *b, const uint32_t *calls, size_t count,
                        size_t block_length) {
    for (size_t i = 0; i < count; i++)
        emit(b, BPF_JMP | BPF_JEQ | BPF_K, calls[i], count - 1 - i,
             i + 1 == count ? block_length : 0);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { DESCRIPTOR_BLOCK = 5 };

/* Notify when the descriptor in an argument is one where watched files live. */
static void descriptor_block(struct builder *b, size_t argument, uint32_t first_high) {
    load_argument(b, argument);
    emit(b, BPF_JMP | BPF_JGE | BPF_K, first_high, 2, 0);
    emit(b, BPF_JMP | BPF_JGT | BPF_K, last_stdio, 0, 1);
    verdict(b, SECCOMP_RET_ALLOW);
    verdict(b, SECCOMP_RET_USER_NOTIF);
}

static void descriptor_group(struct builder *b, const uint32_t *calls, size_t count,
                             size_t argument, uint32_t first_high) {
    match_calls(b, calls, count, DESCRIPTOR_BLOCK);
    descriptor_block(b, argument, first_high);
}

static void always_group(struct builder *b, const uint32_t *calls, size_t count) {
    match_calls(b, calls, count, 1);
    verdict(b, SECCOMP_RET_USER_NOTIF);
}

static const uint32_t writes[] = {
    __NR_write,    __NR_pwrite64,  __NR_writev,    __NR_pwritev,
    __NR_pwritev2, __NR_ftruncate, __NR_fallocate, __NR_sendfile,
};
/* Also through a descriptor that was opened for reading, of a file or of its directory: that may
 * have any number, and what these calls cost by themselves is much more than being asked about. */
static const uint32_t syncs[] = {__NR_fsync, __NR_fdatasync, __NR_sync_file_range, __NR_syncfs};
static const uint32_t copies[] = {__NR_copy_file_range, __NR_splice}; /* to argument 2 */

static void build_writes(struct builder *b, enum sm_supervisor_way way, uint32_t first_high) {
    if (way == SM_WAY_ALL_WRITES) {
        always_group(b, writes, COUNT(writes));
        always_group(b, copies, COUNT(copies));
        return;
    }
    descriptor_group(b, writes, COUNT(writes), 0, first_high);
    descriptor_group(b, copies, COUNT(copies), 2, first_high);
}

/* Opening for reading only goes past: most opens do, and they write nothing. */
static void open_group(struct builder *b, uint32_t call, size_t flags_argument) {
    match_calls(b, &call, 1, 4);
    load_argument(b, flags_argument);
    emit(b, BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE, 1, 0);
    verdict(b, SECCOMP_RET_ALLOW);
    verdict(b, SECCOMP_RET_USER_NOTIF);
}

static void build_opens(struct builder *b) {
    static const uint32_t always[] = {
#ifdef __NR_creat
        __NR_creat,
#endif
        __NR_openat2,
    };
    open_group(b, __NR_openat, 2);
#ifdef __NR_open
    open_group(b, __NR_open, 1);
#endif
    always_group(b, always, COUNT(always));
}

static void build_duplicates(struct builder *b, uint32_t first_high) {
    static const uint32_t dups[] = {
        __NR_dup,
#ifdef __NR_dup2
        __NR_dup2,
#endif
        __NR_dup3,
    };
    static const uint32_t control = __NR_fcntl;
    descriptor_group(b, dups, COUNT(dups), 0, first_high);
    match_calls(b, &control, 1, 4 + DESCRIPTOR_BLOCK);
    load_argument(b, 1);
    emit(b, BPF_JMP | BPF_JEQ | BPF_K, F_DUPFD, 2, 0);
    emit(b, BPF_JMP | BPF_JEQ | BPF_K, F_DUPFD_CLOEXEC, 1, 0);
    verdict(b, SECCOMP_RET_ALLOW);
    descriptor_block(b, 0, first_high);
}

/* What was known about a descriptor ends with it. */
static void build_closes(struct builder *b, uint32_t first_high) {
    static const uint32_t calls[] = {__NR_close, __NR_close_range};
    for (size_t argument = 0; argument < COUNT(calls); argument++) { /* the highest one closed */
        match_calls(b, &calls[argument], 1, 4);
        load_argument(b, argument);
        emit(b, BPF_JMP | BPF_JGE | BPF_K, first_high, 1, 0);
        verdict(b, SECCOMP_RET_ALLOW);
        verdict(b, SECCOMP_RET_USER_NOTIF);
    }
}

/* Stores through a shared mapping can't be delayed, but they can be told. */
static void build_mappings(struct builder *b, uint32_t first_high) {
    static const uint32_t map = __NR_mmap;
    match_calls(b, &map, 1, 9);
    load_argument(b, 3);
    emit(b, BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 5, 0);
    emit(b, BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 0, 4);
    load_argument(b, 2);
    emit(b, BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 0, 2);
    load_argument(b, 4);
    emit(b, BPF_JMP | BPF_JGE | BPF_K, first_high, 1, 0);
    verdict(b, SECCOMP_RET_ALLOW);
    verdict(b, SECCOMP_RET_USER_NOTIF);
}

size_t sm_filter_build(enum sm_supervisor_way way, uint32_t first_high,
                       struct sock_filter *ret_program) {
    static const uint32_t by_path[] = {__NR_truncate};
    static const uint32_t refused[] = {__NR_io_uring_setup, __NR_io_setup};
    struct builder b = {.program = ret_program};
    load(&b, offsetof(struct seccomp_data, arch));
    emit(&b, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
    verdict(&b, SECCOMP_RET_ALLOW);
    load(&b, offsetof(struct seccomp_data, nr));
    emit(&b, BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1);
    verdict(&b, SECCOMP_RET_ALLOW);
    build_writes(&b, way, first_high);
    always_group(&b, syncs, COUNT(syncs));
    always_group(&b, by_path, COUNT(by_path));
    build_opens(&b);
    if (way == SM_WAY_HIGH_DESCRIPTORS) {
        build_duplicates(&b, first_high);
        build_closes(&b, first_high);
    }
    build_mappings(&b, way == SM_WAY_HIGH_DESCRIPTORS ? first_high : 0);
    always_group(&b, refused, COUNT(refused));
    verdict(&b, SECCOMP_RET_ALLOW);
    return b.length;
}
