#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/pace.h"

enum { ENDLESS = 65536 };

/* Reads as much as it may for so long; the clock jumps to when it may read again. */
static int64_t read_for(const struct sm_pace_options *options, int64_t length_ns) {
    struct sm_pace pace = {0};
    int64_t total = 0, now_ns = 1000, end_ns = now_ns + length_ns;
    while (now_ns < end_ns) {
        int64_t resume_ns = now_ns;
        size_t allowed = sm_pace_allow(&pace, options, ENDLESS, now_ns, &resume_ns);
        assert_true(allowed > 0 || resume_ns > now_ns);
        sm_pace_took(&pace, options, allowed, now_ns);
        total += (int64_t)allowed;
        now_ns = allowed ? now_ns + 1000 : resume_ns; /* a read takes a microsecond */
    }
    return total;
}

static void a_rate_is_kept(void **state) {
    static const double rates[] = {1, 100, 64e3, 1e6, 50e6};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        const struct sm_pace_options options = {.bytes_per_s = rates[i]};
        double read = (double)read_for(&options, 100 * INT64_C(1000000000));
        assert_true(read >= rates[i] * 99 - 1 && read <= rates[i] * 101 + 2);
    }
}

static void a_consumer_that_was_away_does_not_catch_up(void **state) {
    const struct sm_pace_options options = {.bytes_per_s = 1000};
    struct sm_pace pace = {0};
    int64_t resume_ns;
    (void)state;
    sm_pace_allow(&pace, &options, ENDLESS, 1, &resume_ns);
    assert_true(sm_pace_allow(&pace, &options, ENDLESS, INT64_C(1000000000000), &resume_ns) <= 100);
}

static void stops_come_after_their_bytes(void **state) {
    const struct sm_pace_options options = {.stop_after_bytes = 100000, .stop_ns = 250000000};
    (void)state;
    int64_t read = read_for(&options, INT64_C(10000000000));
    assert_in_range(read, 40 * 100000, 41 * 100000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_kept),
        cmocka_unit_test(a_consumer_that_was_away_does_not_catch_up),
        cmocka_unit_test(stops_come_after_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
