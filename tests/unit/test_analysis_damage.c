/* Damaged and misleading records through the whole way to the reports: an error or an analysis,
 * never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "analysed_run.h"
#include "reports/render.h"
#include "temp_dir.h"

static char path[512];

static void report_all(void) {
    struct sm_run *run = NULL;
    struct sm_analysis *analysis = NULL;
    struct sm_error err = {0};
    if (sm_run_open(path, &run, &err) < 0)
        return;
    assert_int_equal(sm_analysis_make(run, &analysis, &err), 0);
    FILE *to = fopen("/dev/null", "we");
    assert_non_null(to);
    for (const struct sm_renderer *renderer = sm_render_table; renderer->name; renderer++)
        renderer->render(run, analysis, to, &err);
    sm_render_budget(run, analysis, to);
    sm_render_side_by_side(run, analysis, run, analysis, to);
    fclose(to);
    sm_analysis_free(analysis);
    sm_run_free(run);
}

static unsigned char *write_good(void **state, size_t *ret_length) {
    struct synthetic_truth truth;
    snprintf(path, sizeof path, "%s/run.db", (char *)*state);
    synthetic_run_write(&(struct synthetic_run){.record_path = path,
                                                .declared_heap_bytes = 8e6,
                                                .fds_per_s = 5,
                                                .lost_per_s = 2,
                                                .budget = {"heap", "bounded", "heap_peak", "80MB"}},
                        &truth);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    unsigned char *bytes = malloc(4 << 20);
    assert_non_null(bytes);
    *ret_length = fread(bytes, 1, 4 << 20, file);
    fclose(file);
    return bytes;
}

static void write_bytes(const unsigned char *bytes, size_t length) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void cut_and_changed_files(void **state) {
    size_t length;
    unsigned char *bytes = write_good(state, &length);
    unsigned char *copy = malloc(length);
    uint32_t seed = 99;
    assert_non_null(copy);
    for (size_t cut = 0; cut < length; cut += 1 + length / 29) {
        write_bytes(bytes, cut);
        report_all();
    }
    for (int round = 0; round < 80; round++) {
        memcpy(copy, bytes, length);
        for (int i = 0; i < 1 + round % 40; i++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = (seed >> 4) % length;
            seed = seed * 1664525u + 1013904223u;
            copy[at] = (unsigned char)(seed >> 24);
        }
        write_bytes(copy, length);
        report_all();
    }
    free(copy);
    free(bytes);
}

/* Sound databases with figures no run could have. */
static void figures_that_make_no_sense(void **state) {
    static const char *const statements[] = {
        "DELETE FROM phase",
        "DELETE FROM sample",
        "DELETE FROM series",
        "DELETE FROM frame",
        "DELETE FROM symbol",
        "DELETE FROM process",
        "DELETE FROM meta",
        "DELETE FROM sample WHERE t_ns > 0",
        "UPDATE phase SET from_ns = 0, to_ns = 0",
        "UPDATE phase SET from_ns = 288230376151711744, to_ns = -288230376151711744",
        "UPDATE phase SET from_ns = -288230376151711744, to_ns = 288230376151711744",
        "UPDATE phase SET to_ns = NULL, from_ns = NULL",
        "UPDATE phase SET load_factor = -1e300, cycle = id",
        "UPDATE sample SET t_ns = -t_ns",
        "UPDATE sample SET t_ns = 5",
        "UPDATE sample SET t_ns = t_ns * 1000000",
        "UPDATE sample SET value = 1e308, low = -1e308, high = 1e308",
        "UPDATE sample SET value = -1e308 WHERE rowid % 2",
        "UPDATE sample SET series_id = 2147483647",
        "UPDATE site_sample SET alloc_bytes = -1e300, free_count = 1e300, stack_id = -5",
        "UPDATE site_sample SET t_ns = 288230376151711744",
        "UPDATE site_free SET count = -1, residence_p50_us = 1e300",
        "UPDATE ledger SET offered = 288230376151711744, accepted = -288230376151711744",
        "UPDATE ledger SET unit_bytes = 1e308",
        "UPDATE load_interval SET offered = -5, latency_p99_us = 1e308",
        "UPDATE fault SET asked = '[1,2', delay_s = -1, calls = -1, from_ns = -9",
        "UPDATE fault SET asked = '{\"a\": {\"b\": [1e308, \"\\u0000\"]}}'",
        "UPDATE budget_item SET name = 'no such line', value = 1e308",
        "UPDATE budget_item SET name = ''",
        "UPDATE meta SET value = '{' WHERE key = 'params'",
        "UPDATE meta SET value = '\"text\"' WHERE key IN ('params', 'probe', 'environment')",
        "UPDATE frame SET depth = depth + 1000000, address = -1",
        "UPDATE series SET name = 'heap', process_id = 7",
        "UPDATE series SET name = ''",
        "UPDATE declared_bound SET series = 'no such series', value = -1",
        "UPDATE process SET to_ns = -5, id = 9",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        size_t length;
        char *message = NULL;
        sqlite3 *db = NULL;
        remove(path);
        free(write_good(state, &length));
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, statements[i], NULL, NULL, &message) != SQLITE_OK)
            fail_msg("%s: %s", statements[i], message);
        sqlite3_close(db);
        report_all();
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {TEST(cut_and_changed_files),
                                       TEST(figures_that_make_no_sense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
