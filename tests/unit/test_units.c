#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reports/units.h"

static void parses(void **state) {
    (void)state;
    static const struct {
        enum sm_unit unit;
        const char *text;
        double value;
    } cases[] = {
        {SM_UNIT_BYTES, "64MB", 64e6},
        {SM_UNIT_BYTES, "1.5GiB", 1.5 * 1073741824},
        {SM_UNIT_BYTES, "512", 512},
        {SM_UNIT_BYTES, "3 kb", 3000},
        {SM_UNIT_BYTES, ".5KiB", 512},
        {SM_UNIT_COUNT, "20k", 20000},
        {SM_UNIT_COUNT, "0", 0},
        {SM_UNIT_COUNT, "1e3", 1000},
        {SM_UNIT_SECONDS, "250us", 250e-6},
        {SM_UNIT_SECONDS, "2m", 120},
        {SM_UNIT_SECONDS, "1h", 3600},
        {SM_UNIT_BYTES_PER_S, "64KB/s", 64000},
        {SM_UNIT_COUNT_PER_S, "2000/s", 2000},
        {SM_UNIT_COUNT_PER_S, "60/m", 1},
        {SM_UNIT_NONE, "10", 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = -1;
        assert_int_equal(sm_unit_parse(cases[i].unit, cases[i].text, &value), 0);
        assert_true(fabs(value - cases[i].value) <= 1e-12 * cases[i].value);
    }
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        enum sm_unit unit;
        const char *text;
    } cases[] = {
        {SM_UNIT_BYTES, ""},           {SM_UNIT_BYTES, "-1"},
        {SM_UNIT_BYTES, "64MX"},       {SM_UNIT_BYTES, "inf"},
        {SM_UNIT_BYTES, "nan"},        {SM_UNIT_BYTES, "0x10"},
        {SM_UNIT_BYTES, "1e999"},      {SM_UNIT_BYTES, "64KB/s"},
        {SM_UNIT_BYTES, "64MB x"},     {SM_UNIT_BYTES, "."},
        {SM_UNIT_BYTES, " 1"},         {SM_UNIT_SECONDS, "20"},
        {SM_UNIT_SECONDS, "5 MB"},     {SM_UNIT_COUNT_PER_S, "2000"},
        {SM_UNIT_COUNT_PER_S, "2/"},   {SM_UNIT_COUNT_PER_S, "2/fortnight"},
        {SM_UNIT_BYTES_PER_S, "1KB/"}, {SM_UNIT_BYTES, "1e308GB"},
        {SM_UNIT_NONE, "ten"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 42;
        assert_int_equal(sm_unit_parse(cases[i].unit, cases[i].text, &value), -EINVAL);
        assert_true(value == 42);
    }
    double value = 42;
    assert_int_equal(sm_unit_parse(SM_UNIT_BYTES, NULL, &value), -EINVAL);
}

static void the_examples_parse(void **state) {
    (void)state;
    for (int unit = SM_UNIT_NONE; unit <= SM_UNIT_COUNT_PER_S; unit++) {
        double value;
        assert_int_equal(
            sm_unit_parse((enum sm_unit)unit, sm_unit_example((enum sm_unit)unit), &value), 0);
    }
}

static void formats(void **state) {
    (void)state;
    static const struct {
        enum sm_unit unit;
        double value;
        const char *text;
    } cases[] = {
        {SM_UNIT_BYTES, 0, "0 B"},
        {SM_UNIT_BYTES, 512, "512 B"},
        {SM_UNIT_BYTES, 12400000, "12.4 MB"},
        {SM_UNIT_BYTES, -0.001, "0 B"},
        {SM_UNIT_BYTES, 999999, "1.00 MB"},
        {SM_UNIT_BYTES, -2000, "-2.00 KB"},
        {SM_UNIT_BYTES_PER_S, 3330000, "3.33 MB/s"},
        {SM_UNIT_COUNT, 20000, "20000"},
        {SM_UNIT_COUNT, 3700000, "3.7 million"},
        {SM_UNIT_COUNT, 1e9, "1 billion"},
        {SM_UNIT_COUNT, 0.25, "0.25"},
        {SM_UNIT_SECONDS, 1.25, "1.25 s"},
        {SM_UNIT_SECONDS, 0.84, "840 ms"},
        {SM_UNIT_SECONDS, 0.00025, "250 us"},
        {SM_UNIT_SECONDS, 300, "5 min"},
        {SM_UNIT_COUNT_PER_S, 2000, "2000/s"},
        {SM_UNIT_BYTES, NAN, "unknown"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[SM_UNIT_TEXT_BYTES];
        assert_string_equal(sm_unit_format(cases[i].unit, cases[i].value, text), cases[i].text);
    }
}

static void every_value_fits_its_buffer(void **state) {
    (void)state;
    static const double values[] = {DBL_MAX, -DBL_MAX, DBL_MIN, 1e300, -1e-300, 123456789.125};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        for (int unit = SM_UNIT_NONE; unit <= SM_UNIT_COUNT_PER_S; unit++) {
            char text[SM_UNIT_TEXT_BYTES + 1];
            text[SM_UNIT_TEXT_BYTES] = 'z';
            sm_unit_format((enum sm_unit)unit, values[i], text);
            assert_true(strlen(text) < SM_UNIT_TEXT_BYTES);
            assert_int_equal(text[SM_UNIT_TEXT_BYTES], 'z');
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses),
        cmocka_unit_test(formats),
        cmocka_unit_test(the_examples_parse),
        cmocka_unit_test(every_value_fits_its_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
