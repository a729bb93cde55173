/* How slots and pools are divided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/layout.h"
#include "probes/pool_layout.h"
#include "probes/process.h"

struct smp_process smp_process; /* boot.c's */

static void check_slot(uint64_t slot_bytes, uint64_t interval) {
    struct spillmark_section sections[SPILLMARK_SECTIONS];
    smp_layout_sections(sections, slot_bytes, interval);
    uint64_t end = sizeof(struct spillmark_slot);
    for (int i = 0; i < SPILLMARK_SECTIONS; i++) {
        assert_true(sections[i].offset >= end);
        assert_int_equal(sections[i].offset % SPILLMARK_PAGE_BYTES, 0);
        assert_true(sections[i].capacity >= 16);
        end = sections[i].offset + (uint64_t)sections[i].capacity * sections[i].entry_bytes;
    }
    assert_true(end <= slot_bytes);
    assert_int_equal(sections[SPILLMARK_SECTION_THREADS].capacity, SPILLMARK_THREADS);
}

static void sections_fit_and_do_not_overlap(void **unused) {
    (void)unused;
    for (uint64_t bytes = SPILLMARK_SLOT_BYTES_MIN; bytes <= UINT64_C(1) << 34; bytes *= 2) {
        check_slot(bytes, 1);
        check_slot(bytes, 524288);
        check_slot(bytes + 5 * SPILLMARK_PAGE_BYTES, 0);
    }
}

static void the_recommended_slots_hold_what_they_say(void **unused) {
    (void)unused;
    struct spillmark_section sections[SPILLMARK_SECTIONS];
    smp_layout_sections(sections, SPILLMARK_SLOT_BYTES_SAMPLED, 524288);
    assert_true(sections[SPILLMARK_SECTION_STACKS].capacity >= 100000);
    assert_true(sections[SPILLMARK_SECTION_LIVE].capacity >= 2 * 400000);
    smp_layout_sections(sections, SPILLMARK_SLOT_BYTES_EXACT, 1);
    assert_true(sections[SPILLMARK_SECTION_STACKS].capacity >= 200000);
    assert_true(sections[SPILLMARK_SECTION_LIVE].capacity >= 2 * 9000000);
}

static void binding_points_into_the_slot(void **unused) {
    (void)unused;
    smp_process.slot = calloc(1, SPILLMARK_SLOT_BYTES_MIN);
    assert_non_null(smp_process.slot);
    smp_layout_sections(smp_process.slot->sections, SPILLMARK_SLOT_BYTES_MIN, 1);
    smp_layout_bind();
    assert_ptr_equal(smp_process.threads,
                     (char *)smp_process.slot + smp_section(SPILLMARK_SECTION_THREADS)->offset);
    assert_ptr_equal(smp_process.marks,
                     (char *)smp_process.slot + smp_section(SPILLMARK_SECTION_MARKS)->offset);
    free(smp_process.slot);
}

static void a_pool_has_room_for_its_claims(void **unused) {
    (void)unused;
    for (uint32_t slots = 1; slots < 60000; slots = slots * 3 + 1) {
        struct spillmark_pool pool =
            spillmark_pool_header(slots, SPILLMARK_SLOT_BYTES_MIN, 1, 0, 0);
        assert_true(pool.claims_offset + slots * sizeof(struct spillmark_claim) <=
                    pool.header_bytes);
        assert_int_equal(spillmark_pool_bytes(slots, pool.slot_bytes),
                         pool.header_bytes + slots * pool.slot_bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_fit_and_do_not_overlap),
        cmocka_unit_test(the_recommended_slots_hold_what_they_say),
        cmocka_unit_test(binding_points_into_the_slot),
        cmocka_unit_test(a_pool_has_room_for_its_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
