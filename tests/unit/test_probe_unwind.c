/* Stacks as the probe walks them, against glibc's backtrace: from deep recursion, callbacks of
 * libc, realigned and growing frames, signal handlers, and by the full rules as by the quick. */
#include <dlfcn.h>
#include <execinfo.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/frame.h"
#include "probes/memo.h"
#include "probes/own.h"
#include "probes/process.h"
#include "probes/rules.h"
#include "probes/unwind.h"
#include "tests/hosts/own_frame.h"

/* What the walker wants of the rest of the probe. */
struct smp_process smp_process;
bool smp_is_own(uintptr_t address) {
    (void)address;
    return false;
}

enum { DEPTH = 100 };

static uintptr_t walked[DEPTH];
static uint32_t walked_depth;
static void *expected[DEPTH];
static int expected_depth;
static struct smp_memos memos;
static uint32_t memo_matches, walks;

/* Both from the same frame; their own differ, the caller's and all above must not. */
OWN_FRAME static void take(void) {
    struct smp_guard guard = {0};
    struct smp_origin origin = SMP_ORIGIN();
    static struct smp_self self = {.attachments = 1, .memos = &memos};
    expected_depth = backtrace(expected, DEPTH);
    memo_matches = smp_memo_match(&self, &origin);
    struct smp_memo *memo = memo_matches == 0 ? smp_memo_begin(&self, &origin) : NULL;
    walked_depth = smp_unwind(&guard, &origin, memo, walked, DEPTH);
    if (memo_matches == 0) {
        smp_memo_keep(memo, &origin, ++walks);
    }
}

static void compare(void) {
    assert_true(walked_depth >= 2);
    assert_int_equal(walked_depth, expected_depth - 1);
    for (uint32_t i = 0; i < walked_depth; i++) {
        uintptr_t frame = (uintptr_t)expected[i + 1];
        /* An interrupted frame counts as a return address here. */
        assert_true(walked[i] == frame || walked[i] == frame + 1);
    }
}

OWN_FRAME static void descend(int depth) {
    if (depth > 0) {
        descend(depth - 1);
    } else {
        take();
    }
    __asm__ volatile("");
}

static void recursion(void **unused) {
    (void)unused;
    for (int depth = 0; depth < 60; depth++) {
        descend(depth);
        compare();
    }
}

static int callback(const void *a, const void *b) {
    take();
    return *(const int *)a - *(const int *)b;
}

static void through_libc(void **unused) {
    (void)unused;
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof numbers[0], callback);
    compare();
}

OWN_FRAME static void growing(size_t bytes) {
    char *room = __builtin_alloca(bytes);
    memset(room, 1, bytes);
    take();
    __asm__ volatile("" : : "r"(room) : "memory");
}

/* More than the stack's alignment makes the compiler keep the old stack pointer aside. */
OWN_FRAME static void realigned(size_t bytes) {
    volatile char room[64] __attribute__((aligned(64)));
    room[0] = 1;
    growing(bytes);
    __asm__ volatile("" : : "r"(room) : "memory");
}

static void frames_of_odd_sizes(void **unused) {
    (void)unused;
    for (size_t bytes = 1; bytes < 100000; bytes = bytes * 3 + 1) {
        growing(bytes);
        compare();
        realigned(bytes);
        compare();
    }
}

static void on_signal(int number) {
    (void)number;
    take();
}

static void through_a_signal(void **unused) {
    (void)unused;
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    compare();
    signal(SIGUSR1, SIG_DFL);
}

static bool read_anything(uint64_t address, uint64_t *ret_word, void *context) {
    (void)context;
    *ret_word = *(const uint64_t *)(uintptr_t)address;
    return true;
}

/* The full rules must agree with the quick ones, frame by frame. */
OWN_FRAME static void take_full(void) {
    struct smp_guard guard = {0};
    struct smp_origin origin = SMP_ORIGIN();
    walked_depth = smp_unwind(&guard, &origin, NULL, walked, DEPTH);
    struct smp_frame frame = {.exact = false};
    frame.registers[SMP_RIP] = origin.pc;
    frame.registers[SMP_RSP] = origin.sp;
    frame.registers[SMP_RBP] = origin.bp;
    for (uint32_t i = 0; i < walked_depth; i++) {
        assert_int_equal(frame.registers[SMP_RIP], walked[i]);
        bool more = smp_frame_step(&frame, read_anything, NULL);
        assert_int_equal(more, i + 1 < walked_depth);
    }
}

static void by_the_full_rules(void **unused) {
    (void)unused;
    take_full();
    assert_true(walked_depth > 3);
}

OWN_FRAME static void one_way(void) {
    descend(5);
}
OWN_FRAME static void other_way(void) {
    descend(5);
    __asm__ volatile("nop");
}

/* The same start, another caller above: each is another walk, which is known when it comes again.
 */
static void memos_tell_stacks_apart(void **unused) {
    (void)unused;
    memset(&memos, 0, sizeof memos);
    uint32_t first[2] = {0, 0};
    for (int i = 0; i < 40; i++) {
        int way = i / 2 % 2;
        uint32_t before = walks;
        (way == 0 ? one_way : other_way)();
        compare();
        if (first[way] == 0) {
            assert_int_equal(memo_matches, 0);
            first[way] = walks;
        } else {
            assert_int_equal(memo_matches, first[way]);
            assert_int_equal(walks, before);
        }
    }
    assert_int_not_equal(first[0], first[1]);
    smp_rules_forget();
    other_way();
    assert_int_equal(memo_matches, 0); /* code may have changed */
}

/* Every instruction of libc that has a row: none may be refused, none may read wild. */
static void all_of_libc(void **unused) {
    (void)unused;
    Dl_info info;
    assert_true(dladdr((void *)(uintptr_t)qsort, &info) != 0);
    uintptr_t base = (uintptr_t)info.dli_fbase;
    unsigned found = 0;
    for (uintptr_t address = base; address < base + 0x1a0000; address += 61) {
        struct smp_cfi_row row;
        found += smp_cfi_find(address, &row);
        smp_rule_of(address);
    }
    assert_true(found > 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recursion),           cmocka_unit_test(through_libc),
        cmocka_unit_test(frames_of_odd_sizes), cmocka_unit_test(through_a_signal),
        cmocka_unit_test(by_the_full_rules),   cmocka_unit_test(memos_tell_stacks_apart),
        cmocka_unit_test(all_of_libc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
