/* Spans against an array of pages that knows whose each one is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/spans.h"

enum { PAGE = 4096, PAGES = 300, STACKS = 8, ROUNDS = 200000 };

static struct smp_spans spans;
static uint64_t state = 7;

static unsigned draw(unsigned below) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(state >> 33) % below;
}

/* What is at a page: the mapping that it came with (its turn), and its stack; 0 = nothing. */
static struct {
    uint64_t turn;
    uint32_t stack;
} pages[PAGES];

static int64_t bytes_of[STACKS], pieces_of[STACKS]; /* by what the spans say */

static void taken(void *context, const struct smp_span *span, uint64_t bytes, int pieces) {
    (void)context;
    bytes_of[span->stack] -= (int64_t)bytes;
    pieces_of[span->stack] += pieces;
}

static uint64_t cut(unsigned low, unsigned high, uint64_t turn) {
    for (unsigned i = low; i < high; i++) {
        if (pages[i].turn <= turn) {
            memset(&pages[i], 0, sizeof pages[i]);
        }
    }
    return smp_spans_cut(&spans, (uintptr_t)low * PAGE, (uintptr_t)high * PAGE, turn, taken, NULL);
}

static bool add(unsigned low, unsigned high, uint64_t turn, uint32_t stack) {
    const struct smp_span span = {
        .low = (uintptr_t)low * PAGE, .high = (uintptr_t)high * PAGE, .turn = turn, .stack = stack};
    cut(low, high, UINT64_MAX);
    if (!smp_spans_add(&spans, &span)) {
        return false;
    }
    for (unsigned i = low; i < high; i++) {
        pages[i].turn = turn;
        pages[i].stack = stack;
    }
    bytes_of[stack] += (int64_t)(high - low) * PAGE;
    pieces_of[stack]++;
    return true;
}

static void check(void) {
    int64_t bytes[STACKS] = {0}, pieces[STACKS] = {0};
    for (unsigned i = 0; i < PAGES; i++) {
        if (pages[i].stack != 0) {
            bytes[pages[i].stack] += PAGE;
            pieces[pages[i].stack] += i == 0 || pages[i - 1].turn != pages[i].turn;
        }
    }
    assert_memory_equal(bytes, bytes_of, sizeof bytes);
    assert_memory_equal(pieces, pieces_of, sizeof pieces);
}

static void every_part_is_known(void **unused) {
    (void)unused;
    memset(&spans, 0, sizeof spans);
    for (uint64_t turn = 1; turn <= ROUNDS; turn++) {
        unsigned low = draw(PAGES), high = low + 1 + draw(draw(8) == 0 ? 200 : 12);
        high = high < PAGES ? high : PAGES;
        if (draw(2) == 0) {
            assert_true(add(low, high, turn, 1 + draw(STACKS - 1)));
        } else { /* sometimes of a turn that is long over */
            assert_int_equal(cut(low, high, turn - (draw(3) == 0 ? draw(50) : 0)), 0);
        }
        check();
    }
    cut(0, PAGES, UINT64_MAX);
    check();
    assert_true(spans.used <= PAGES);
}

/* What is beyond a hole is lost where it finds no room, and nothing else is. */
static void a_full_table_says_so(void **unused) {
    (void)unused;
    memset(&spans, 0, sizeof spans);
    memset(bytes_of, 0, sizeof bytes_of);
    for (uintptr_t i = 0; i < SMP_SPANS_MAX - 1; i++) {
        const struct smp_span span = {.low = i * 10, .high = i * 10 + 9, .turn = 1, .stack = 1};
        assert_true(smp_spans_add(&spans, &span));
    }
    const struct smp_span more = {.low = 9, .high = 10, .turn = 1, .stack = 1};
    assert_false(smp_spans_add(&spans, &more));
    assert_int_equal(smp_spans_cut(&spans, 52, 54, 1, taken, NULL), 5);
    assert_int_equal(bytes_of[1], -7);
    assert_int_equal(smp_spans_cut(&spans, 50, 52, 1, taken, NULL), 0);
    assert_int_equal(bytes_of[1], -9);
    assert_true(smp_spans_add(&spans, &more));
    assert_int_equal(smp_spans_cut(&spans, 0, UINTPTR_MAX, 1, taken, NULL), 0);
    assert_int_equal(bytes_of[1], -9 * (SMP_SPANS_MAX - 1) - 1);
    assert_int_equal(spans.spans[0].next[0], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_known),
        cmocka_unit_test(a_full_table_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
