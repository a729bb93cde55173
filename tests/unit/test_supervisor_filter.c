/* The filter, run by a little interpreter of classic BPF: which calls reach the supervisor. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include "harness/supervisor_filter.h"

#if defined(__x86_64__)
static const uint32_t this_arch = AUDIT_ARCH_X86_64, other_arch = AUDIT_ARCH_I386;
#else
static const uint32_t this_arch = AUDIT_ARCH_AARCH64, other_arch = AUDIT_ARCH_ARM;
#endif

static uint32_t run_program(const struct sock_filter *program, size_t length,
                            const struct seccomp_data *data) {
    uint32_t a = 0;
    for (size_t at = 0; at < length; at++) {
        const struct sock_filter *i = &program[at];
        bool jump;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k % 4 == 0 && i->k + 4 <= sizeof *data);
            memcpy(&a, (const char *)data + i->k, sizeof a);
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JEQ | BPF_K:
            jump = a == i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            jump = a >= i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            jump = a > i->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            jump = (a & i->k) != 0;
            break;
        default:
            fail_msg("instruction %#x", i->code);
            return 0;
        }
        at += jump ? i->jt : i->jf;
    }
    fail_msg("ran past the end");
    return 0;
}

static bool is_trapped(enum sm_supervisor_way way, struct seccomp_data data) {
    struct sock_filter program[SM_FILTER_MAX];
    size_t length = sm_filter_build(way, 900, program);
    assert_true(length > 0 && length <= SM_FILTER_MAX);
    if (data.arch == 0)
        data.arch = this_arch;
    uint32_t verdict = run_program(program, length, &data);
    assert_true(verdict == SECCOMP_RET_ALLOW || verdict == SECCOMP_RET_USER_NOTIF);
    return verdict == SECCOMP_RET_USER_NOTIF;
}

#define CALL(number, ...) ((struct seccomp_data){.nr = (number), .args = {__VA_ARGS__}})
#define HIGH(...)         is_trapped(SM_WAY_HIGH_DESCRIPTORS, CALL(__VA_ARGS__))
#define ALL(...)          is_trapped(SM_WAY_ALL_WRITES, CALL(__VA_ARGS__))

static const int writes[] = {__NR_write,    __NR_pwrite64,  __NR_writev,    __NR_pwritev,
                             __NR_pwritev2, __NR_ftruncate, __NR_fallocate, __NR_sendfile};

static void writes_are_trapped_where_watched_files_are(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        assert_false(HIGH(writes[i], 3));
        assert_false(HIGH(writes[i], 899));
        assert_true(HIGH(writes[i], 900));
        assert_true(HIGH(writes[i], 100000));
        assert_true(HIGH(writes[i], 1));
        assert_true(HIGH(writes[i], 2));
        assert_true(ALL(writes[i], 3));
    }
}

/* They may be asked through a descriptor that was opened for reading. */
static void syncs_and_paths_are_trapped_everywhere(void **state) {
    (void)state;
    static const int calls[] = {__NR_fsync, __NR_fdatasync, __NR_sync_file_range, __NR_syncfs,
                                __NR_truncate};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        assert_true(HIGH(calls[i], 3));
        assert_true(HIGH(calls[i], 900));
        assert_true(ALL(calls[i], 3));
    }
}

static void copies_are_judged_by_where_they_go(void **state) {
    (void)state;
    static const int copies[] = {__NR_copy_file_range, __NR_splice};
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        assert_true(HIGH(copies[i], 3, 0, 900));
        assert_false(HIGH(copies[i], 900, 0, 3));
        assert_true(ALL(copies[i], 900, 0, 3));
    }
}

static void only_opening_to_write_is_trapped(void **state) {
    (void)state;
    assert_true(HIGH(__NR_openat, 0, 0, O_WRONLY | O_CREAT));
    assert_true(HIGH(__NR_openat, 0, 0, O_RDWR));
    assert_false(HIGH(__NR_openat, 0, 0, O_RDONLY | O_CLOEXEC | O_DIRECTORY));
    assert_true(HIGH(__NR_openat2));
    assert_true(ALL(__NR_openat, 0, 0, O_RDWR));
    assert_true(ALL(__NR_openat2));
#ifdef __NR_open
    assert_true(HIGH(__NR_open, 0, O_RDWR));
    assert_false(HIGH(__NR_open, O_RDWR, O_RDONLY));
    assert_true(HIGH(__NR_creat));
#endif
}

static void copies_of_watched_descriptors_are_trapped(void **state) {
    (void)state;
    assert_true(HIGH(__NR_dup, 900));
    assert_true(HIGH(__NR_dup3, 1, 7));
    assert_false(HIGH(__NR_dup, 5));
    assert_false(HIGH(__NR_dup3, 5, 900));
    assert_true(HIGH(__NR_fcntl, 900, F_DUPFD));
    assert_true(HIGH(__NR_fcntl, 900, F_DUPFD_CLOEXEC));
    assert_false(HIGH(__NR_fcntl, 5, F_DUPFD));
    assert_false(HIGH(__NR_fcntl, 900, F_GETFL));
    assert_false(ALL(__NR_dup, 900));
}

static void closing_high_descriptors_is_told(void **state) {
    (void)state;
    assert_true(HIGH(__NR_close, 900));
    assert_false(HIGH(__NR_close, 899));
    assert_false(HIGH(__NR_close, 1));
    assert_true(HIGH(__NR_close_range, 3, ~0u));
    assert_false(HIGH(__NR_close_range, 3, 100));
    assert_false(ALL(__NR_close, 900));
}

static void shared_writable_mappings_are_told(void **state) {
    (void)state;
    const int both = PROT_READ | PROT_WRITE;
    assert_true(HIGH(__NR_mmap, 0, 4096, both, MAP_SHARED, 900));
    assert_false(HIGH(__NR_mmap, 0, 4096, PROT_READ, MAP_SHARED, 900));
    assert_false(HIGH(__NR_mmap, 0, 4096, both, MAP_PRIVATE, 900));
    assert_false(HIGH(__NR_mmap, 0, 4096, both, MAP_SHARED, 5));
    assert_false(HIGH(__NR_mmap, 0, 4096, both, MAP_SHARED | MAP_ANONYMOUS, (uint32_t)-1));
    assert_true(ALL(__NR_mmap, 0, 4096, both, MAP_SHARED, 5));
}

static void the_rest_is_left_alone(void **state) {
    (void)state;
    static const int others[] = {__NR_read,  __NR_sendmsg, __NR_sendto, __NR_execve, __NR_mprotect,
                                 __NR_futex, __NR_exit,    __NR_ioctl,  __NR_lseek};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(HIGH(others[i], 900, 900, 900, 900, 900, 900));
        assert_false(ALL(others[i], 900, 900, 900, 900, 900, 900));
    }
    assert_true(HIGH(__NR_io_uring_setup));
    assert_true(ALL(__NR_io_uring_setup));
    assert_true(HIGH(__NR_io_setup));
}

static void numbers_of_other_machines_mean_other_calls(void **state) {
    (void)state;
    struct seccomp_data foreign = CALL(__NR_write, 900);
    foreign.arch = other_arch;
    assert_false(is_trapped(SM_WAY_HIGH_DESCRIPTORS, foreign));
    assert_false(HIGH(__NR_write | 0x40000000, 900)); /* x32 */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_are_trapped_where_watched_files_are),
        cmocka_unit_test(syncs_and_paths_are_trapped_everywhere),
        cmocka_unit_test(copies_are_judged_by_where_they_go),
        cmocka_unit_test(only_opening_to_write_is_trapped),
        cmocka_unit_test(copies_of_watched_descriptors_are_trapped),
        cmocka_unit_test(closing_high_descriptors_is_told),
        cmocka_unit_test(shared_writable_mappings_are_told),
        cmocka_unit_test(the_rest_is_left_alone),
        cmocka_unit_test(numbers_of_other_machines_mean_other_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
