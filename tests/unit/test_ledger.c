#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reports/ledger.h"

static struct sm_ledger make(struct sm_ledger_totals totals) {
    struct sm_run run = {.ledger = totals, .complete = 1};
    struct sm_ledger ledger;
    sm_ledger_make(&run, &ledger);
    return ledger;
}

static void every_unit_is_accounted_for(void **state) {
    (void)state;
    struct sm_ledger ledger = make((struct sm_ledger_totals){100, 90, 7, 3, 80, 8, 2, 142});
    assert_true(ledger.is_unaccounted_known);
    assert_int_equal(ledger.unaccounted, 0);
    assert_int_equal(ledger.unbalanced, 0);
    assert_string_equal(ledger.note, "");
}

static void what_is_missing_is_unaccounted(void **state) {
    (void)state;
    struct sm_ledger ledger = make((struct sm_ledger_totals){100, 90, 7, 3, 70, 8, 2, 0});
    assert_int_equal(ledger.unaccounted, 10);
}

enum { SECOND = 1000000000 };

/* 90 accepted; `declared` units in the program's hands when the last phase ended, when 70 of
 * `delivered` had arrived. */
static struct sm_ledger make_with_mark(const char *mark, double declared, int64_t delivered) {
    struct sm_series series[] = {{.id = 1, .name = (char *)mark, .unit = SM_UNIT_COUNT},
                                 {.id = 2, .name = "delivered", .unit = SM_UNIT_COUNT}};
    struct sm_sample samples[] = {{.series_id = 1, .t_ns = SECOND, .value = declared},
                                  {.series_id = 2, .t_ns = SECOND, .value = 70}};
    struct sm_phase phases[] = {{.name = "load", .to_ns = SECOND, .load_factor = 1}};
    struct sm_run run = {.ledger = {100, 90, 7, 3, delivered, 8, 0, 142},
                         .complete = 1,
                         .series = series,
                         .series_count = 2,
                         .samples = samples,
                         .samples_count = 2,
                         .phases = phases,
                         .phases_count = 1};
    struct sm_ledger ledger;
    sm_ledger_make(&run, &ledger);
    return ledger;
}

static void what_the_program_held_when_it_was_stopped_was_in_flight(void **state) {
    (void)state;
    struct sm_ledger ledger = make_with_mark("mark:queue:count", 7, 70);
    assert_int_equal(ledger.in_flight, 7);
    assert_int_equal(ledger.unaccounted, 90 - 70 - 8 - 7);
    assert_non_null(strstr(ledger.note, "when it was stopped"));
}

static void what_was_delivered_while_it_stopped_is_not_in_flight_besides(void **state) {
    (void)state;
    struct sm_ledger ledger = make_with_mark("mark:queue:count", 7, 75);
    assert_int_equal(ledger.in_flight, 2);
    assert_int_equal(ledger.unaccounted, 90 - 75 - 8 - 2);
}

static void no_more_is_in_flight_than_is_missing(void **state) {
    (void)state;
    struct sm_ledger ledger = make_with_mark("mark:queue:count", 1000, 70);
    assert_int_equal(ledger.in_flight, 12);
    assert_int_equal(ledger.unaccounted, 0);
}

static void marks_in_bytes_say_nothing_of_units(void **state) {
    (void)state;
    struct sm_ledger ledger = make_with_mark("mark:queue", 7, 70);
    assert_int_equal(ledger.in_flight, 0);
    assert_int_equal(ledger.unaccounted, 12);
}

static void unknown_terms_stay_unknown(void **state) {
    (void)state;
    struct sm_ledger ledger = make((struct sm_ledger_totals){100, 90, 7, 3, -1, 8, 2, 0});
    assert_false(ledger.is_unaccounted_known);
    assert_int_equal(ledger.delivered, -1);
    assert_non_null(strstr(ledger.note, "delivered"));
    ledger = make((struct sm_ledger_totals){100, 90, 7, 3, 80, 8, -1, 0});
    assert_false(ledger.is_unaccounted_known);
    assert_non_null(strstr(ledger.note, "in flight"));
}

static void a_program_without_a_drop_counter_has_reported_none(void **state) {
    (void)state;
    struct sm_ledger ledger = make((struct sm_ledger_totals){100, 90, 7, 3, 80, -1, 0, 0});
    assert_true(ledger.is_unaccounted_known);
    assert_int_equal(ledger.unaccounted, 10);
    assert_int_equal(ledger.dropped, -1);
    assert_non_null(strstr(ledger.note, "no drops"));
}

static void more_delivered_than_accepted_is_said(void **state) {
    (void)state;
    struct sm_ledger ledger = make((struct sm_ledger_totals){100, 90, 0, 10, 95, 0, 0, 0});
    assert_int_equal(ledger.unaccounted, -5);
    assert_non_null(strstr(ledger.note, "more arrived"));
}

static void a_driver_that_does_not_add_up_is_said(void **state) {
    (void)state;
    struct sm_ledger ledger = make((struct sm_ledger_totals){100, 90, 0, 0, 90, 0, 0, 0});
    assert_int_equal(ledger.unbalanced, 10);
    assert_non_null(strstr(ledger.note, "do not add up"));
}

static void a_run_without_load_has_no_ledger(void **state) {
    (void)state;
    struct sm_ledger ledger = make((struct sm_ledger_totals){-1, -1, -1, -1, -1, -1, -1, 0});
    assert_int_equal(ledger.offered, -1);
    assert_false(ledger.is_unaccounted_known);
    assert_string_equal(ledger.note, "no load was driven");
}

/* A record cut short has no totals, but its series tell how far it came. */
static void series_stand_in_for_missing_totals(void **state) {
    (void)state;
    struct sm_series series[] = {{1, 0, "offered", SM_UNIT_COUNT},
                                 {2, 0, "delivered", SM_UNIT_COUNT}};
    struct sm_sample samples[] = {{1, 0, 5, 5, 5}, {1, 9, 50, 50, 50}, {2, 9, 40, 40, 40}};
    struct sm_run run = {.ledger = {-1, -1, -1, -1, -1, -1, -1, 0},
                         .series = series,
                         .series_count = 2,
                         .samples = samples,
                         .samples_count = 3};
    struct sm_ledger ledger;
    sm_ledger_make(&run, &ledger);
    assert_int_equal(ledger.offered, 50);
    assert_int_equal(ledger.delivered, 40);
    assert_false(ledger.is_unaccounted_known);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_is_accounted_for),
        cmocka_unit_test(what_is_missing_is_unaccounted),
        cmocka_unit_test(what_the_program_held_when_it_was_stopped_was_in_flight),
        cmocka_unit_test(what_was_delivered_while_it_stopped_is_not_in_flight_besides),
        cmocka_unit_test(no_more_is_in_flight_than_is_missing),
        cmocka_unit_test(marks_in_bytes_say_nothing_of_units),
        cmocka_unit_test(unknown_terms_stay_unknown),
        cmocka_unit_test(a_program_without_a_drop_counter_has_reported_none),
        cmocka_unit_test(more_delivered_than_accepted_is_said),
        cmocka_unit_test(a_driver_that_does_not_add_up_is_said),
        cmocka_unit_test(a_run_without_load_has_no_ledger),
        cmocka_unit_test(series_stand_in_for_missing_totals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
