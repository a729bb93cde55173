/* Series of other monitors: what is read, and what is refused with its file and line. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "reports/trace.h"

static char path[64];

static int make_path(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/spillmark-trace-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int remove_path(void **state) {
    (void)state;
    return unlink(path);
}

static void write_text(const char *text, size_t length) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static struct sm_trace *read_good(const char *text) {
    struct sm_trace *trace = NULL;
    struct sm_error err = {0};
    write_text(text, strlen(text));
    if (sm_trace_read_csv(path, &trace, &err) != 0)
        fail_msg("%s: %s", err.where, err.what);
    return trace;
}

static void expect_bad(const char *text, int line, const char *part) {
    struct sm_trace *trace = NULL;
    struct sm_error err = {0};
    char where[128];
    write_text(text, strlen(text));
    assert_int_equal(sm_trace_read_csv(path, &trace, &err), -EINVAL);
    assert_null(trace);
    snprintf(where, sizeof where, "%s:%d", path, line);
    assert_string_equal(err.where, where);
    if (!strstr(err.what, part))
        fail_msg("'%s' does not say '%s'", err.what, part);
}

static void a_labelled_trace_keeps_its_columns(void **state) {
    (void)state;
    struct sm_trace *trace =
        read_good("# id=a_1 fs=10 payload=733 min_rate=1876.5 min_rate_fd=0.14 "
                  "declared_cap=4000 budget=none plan=cycles fault_kind=stall\n"
                  "t,phase,cycle,rate,fault,sent,done,err,heap,other\n"
                  "0.10,idle,0,0,0,0,0,0,84464032,1\n"
                  "0.20,load,1,50,0,5,4,0,84464048,2\n"
                  "0.30,settle,1,0,0,5,5,0,,3\n");
    assert_int_equal(trace->count, 3);
    assert_string_equal(trace->id, "a_1");
    assert_string_equal(trace->fault_kind, "stall");
    assert_int_equal(trace->plan, SM_PLAN_CYCLES);
    assert_true(trace->rate_hz == 10 && trace->payload_bytes == 733);
    assert_true(trace->declared_cap == 4000 && trace->budget == 0);
    assert_true(trace->phase[1] == SM_TRACE_LOAD && trace->phase[2] == SM_TRACE_SETTLE);
    assert_true(trace->heap[1] == 84464048 && isnan(trace->heap[2]) && trace->done[1] == 4);
    assert_null(trace->fd);
    sm_trace_free(trace);
}

static void a_plain_series_is_put_on_a_regular_clock(void **state) {
    (void)state;
    struct sm_trace *trace = read_good("time,bytes\n100,10\n101,20\n103,40\n104,50\n105,60\n");
    assert_int_equal(trace->count, 6);
    assert_true(trace->rate_hz == 1);
    for (int i = 0; i < 6; i++) {
        assert_true(fabs(trace->heap[i] - 10 * (i + 1)) < 1e-9);
        assert_true(trace->phase[i] == SM_TRACE_LOAD);
    }
    assert_true(trace->min_rate_bytes_per_s > 0);
    sm_trace_free(trace);
}

static void a_plain_series_needs_no_header_and_may_use_tabs(void **state) {
    (void)state;
    struct sm_trace *trace = read_good("\n0\t1\n  1 ; 2  \r\n2,\"3\"\n# a remark\n3,4\n");
    assert_int_equal(trace->count, 4);
    assert_true(trace->heap[3] == 4);
    sm_trace_free(trace);
}

static void a_hole_in_the_times_is_a_gap(void **state) {
    (void)state;
    struct sm_trace *trace = read_good("0,1\n1,1\n2,1\n3,1\n30,1\n31,1\n");
    assert_int_equal(trace->count, 32);
    assert_true(isnan(trace->heap[15]) && trace->heap[2] == 1 && trace->heap[31] == 1);
    sm_trace_free(trace);
}

static void units_offered_tell_load_from_rest(void **state) {
    (void)state;
    static char text[8192];
    size_t used = 0;
    int offered = 0;
    for (int i = 0; i < 120; i++) {
        offered += i >= 10 && i < 100 && (i - 10) % 18 < 12;
        used += (size_t)snprintf(text + used, sizeof text - used, "%d,%d,%d\n", i, 5, offered);
    }
    struct sm_trace *trace = read_good(text);
    assert_int_equal(trace->plan, SM_PLAN_CYCLES);
    assert_true(trace->phase[2] == SM_TRACE_IDLE && trace->phase[15] == SM_TRACE_LOAD);
    assert_true(trace->phase[25] == SM_TRACE_SETTLE && trace->phase[110] == SM_TRACE_SETTLE);
    sm_trace_free(trace);
}

static void bad_input_is_named_by_line(void **state) {
    (void)state;
    expect_bad("", 0, "no data");
    expect_bad("# only a remark\n", 1, "no data");
    expect_bad("time,value\n1,2\n", 2, "fewer than two samples");
    expect_bad("1,2\n2,3\n2,4\n", 3, "does not go forward");
    expect_bad("1,2\n2,3MB\n", 2, "3MB");
    expect_bad("time,value\n2021-01-01,3\n", 2, "2021-01-01");
    expect_bad("1,2\n2,3\n3\n", 3, "1 cells in a table of 2");
    expect_bad("1\n2\n", 1, "two or three columns");
    expect_bad("1,inf\n2,3\n", 1, "inf");
    expect_bad("0,1\n0.001,2\n0.002,3\n1e9,4\n", 4, "span too much");
    expect_bad("# fs=10 plan=other\nt,phase\n", 1, "unknown plan 'other'");
    expect_bad("# fs=ten\nt,phase\n", 1, "ten");
    expect_bad("# fs=10\nt,phase,heap\n0.1,lunch,3\n", 3, "unknown phase 'lunch'");
    expect_bad("# fs=10\nphase,t\nidle,1\n", 2, "must be t");
}

static void a_missing_or_binary_file_is_refused(void **state) {
    (void)state;
    struct sm_trace *trace = NULL;
    struct sm_error err = {0};
    assert_int_equal(sm_trace_read_csv("/nonexistent/series.csv", &trace, &err), -ENOENT);
    write_text("1,2\n2\0,3\n", 9);
    err = (struct sm_error){0};
    assert_int_equal(sm_trace_read_csv(path, &trace, &err), -EINVAL);
    assert_non_null(strstr(err.what, "zero byte"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_labelled_trace_keeps_its_columns),
        cmocka_unit_test(a_plain_series_is_put_on_a_regular_clock),
        cmocka_unit_test(a_plain_series_needs_no_header_and_may_use_tabs),
        cmocka_unit_test(a_hole_in_the_times_is_a_gap),
        cmocka_unit_test(units_offered_tell_load_from_rest),
        cmocka_unit_test(bad_input_is_named_by_line),
        cmocka_unit_test(a_missing_or_binary_file_is_refused),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
