/* What reports look like: the shape of the JSON, the width and plainness of the text. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "analysed_run.h"
#include "reports/render.h"
#include "temp_dir.h"

#define BUDGET                                                                                     \
    { "heap", "bounded", "heap_peak", "80MB", "fds", "bounded", "unaccounted", "0" }

static const struct sm_renderer *renderer(const char *name) {
    for (const struct sm_renderer *r = sm_render_table; r->name; r++)
        if (strcmp(r->name, name) == 0)
            return r;
    fail_msg("no renderer %s", name);
    return NULL;
}

static char *render(const struct analysed_run *a, const char *name) {
    char *text = NULL;
    size_t length = 0;
    struct sm_error err = {0};
    FILE *to = open_memstream(&text, &length);
    assert_non_null(to);
    assert_int_equal(renderer(name)->render(a->run, a->analysis, to, &err), 0);
    assert_int_equal(fclose(to), 0);
    return text;
}

static json_t *report(const struct analysed_run *a) {
    char *text = render(a, "json");
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        fail_msg("line %d: %s", error.line, error.text);
    free(text);
    return object;
}

static void json_has_its_fields(void **state) {
    struct analysed_run a = analysed_run_make(
        state,
        (struct synthetic_run){.declared_heap_bytes = 8e6, .fds_per_s = 5, .budget = BUDGET});
    json_t *object = report(&a);
    int version, complete, status;
    const char *scenario, *verdict, *why, *heap, *kind, *build;
    double value, low, high;
    json_t *causes, *budget, *faults, *processes, *probe, *environment, *site, *freed;
    assert_int_equal(
        json_unpack(object,
                    "{s:i, s:s, s:{s:s}, s:b, s:s, s:i, s:s, s:{s:{s:s, s:{s:F, s:F, s:F}}}, s:o, "
                    "s:o, s:o, s:o, s:o, s:o}",
                    "spillmark", &version, "scenario", &scenario, "params", "build", &build,
                    "complete", &complete, "verdict", &verdict, "exit_status", &status, "why", &why,
                    "series", "heap", "verdict", &heap, "rate_per_s", "value", &value, "low", &low,
                    "high", &high, "causes", &causes, "budget", &budget, "faults", &faults,
                    "processes", &processes, "probe", &probe, "environment", &environment),
        0);
    assert_int_equal(version, 1);
    assert_string_equal(scenario, "synthetic/slow-disk");
    assert_string_equal(build, "before");
    assert_true(complete);
    assert_string_equal(verdict, "fail");
    assert_int_equal(status, 1);
    assert_string_equal(heap, "growing");
    assert_true(low <= value && value <= high);
    assert_true(json_array_size(causes) >= 2);
    assert_int_equal(json_unpack(json_array_get(causes, 0), "{s:s, s:o, s:o}", "kind", &kind,
                                 "site", &site, "freed_by", &freed),
                     0);
    assert_string_equal(kind, "backlog");
    assert_string_equal(json_string_value(json_object_get(json_array_get(site, 1), "function")),
                        "channel_send");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(site, 1), "line")), 104);
    assert_string_equal(json_string_value(json_object_get(json_array_get(freed, 0), "function")),
                        "batch_free");
    json_t *evidence = json_object_get(json_array_get(causes, 0), "evidence");
    assert_true(json_is_true(json_object_get(evidence, "drains")));
    assert_int_equal(json_integer_value(json_object_get(object, "duration_s")), 40);
    assert_int_equal(json_array_size(budget), 4);
    assert_true(json_is_false(json_object_get(json_array_get(budget, 0), "holds")));
    assert_int_equal(json_array_size(faults), 1);
    assert_int_equal(json_array_size(processes), 1);
    json_decref(object);
    analysed_run_free(&a);
}

static void json_accounts_and_reconciles(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .capacity = 20000});
    json_t *object = report(&a);
    json_int_t offered, accepted, refused, unanswered, delivered, dropped, in_flight, unaccounted;
    double rss, heap, slack, other, remainder;
    assert_int_equal(json_unpack(object,
                                 "{s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:F, s:F, s:F, "
                                 "s:F, s:F}}",
                                 "ledger", "offered", &offered, "accepted", &accepted, "refused",
                                 &refused, "unanswered", &unanswered, "delivered", &delivered,
                                 "dropped", &dropped, "in_flight", &in_flight, "unaccounted",
                                 &unaccounted, "memory", "rss", &rss, "heap_live", &heap, "slack",
                                 &slack, "other_mappings", &other, "remainder", &remainder),
                     0);
    assert_int_equal(offered, accepted + refused + unanswered);
    assert_int_equal(accepted, delivered + dropped + in_flight + unaccounted);
    assert_true(dropped > 0);
    assert_true(rss == heap + slack + other + remainder);
    json_decref(object);
    analysed_run_free(&a);
}

static void what_is_unknown_is_null(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.is_without_probe = 1,
                                                        .is_without_delivered = 1,
                                                        .is_without_fault = 1,
                                                        .budget = {"heap_peak", "1MB"}});
    json_t *object = report(&a);
    json_t *ledger = json_object_get(object, "ledger");
    assert_true(json_is_null(json_object_get(ledger, "unaccounted")));
    assert_true(json_is_null(json_object_get(ledger, "delivered")));
    assert_true(json_is_null(json_object_get(json_object_get(object, "memory"), "heap_live")));
    json_t *line = json_array_get(json_object_get(object, "budget"), 0);
    assert_true(json_is_null(json_object_get(line, "holds")));
    assert_true(json_is_null(json_object_get(line, "actual")));
    assert_null(json_object_get(json_object_get(object, "series"), "heap"));
    json_decref(object);
    analysed_run_free(&a);
}

static size_t columns_of(const char *line, size_t length) {
    size_t columns = 0;
    for (size_t i = 0; i < length; i++)
        columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return columns;
}

static void assert_fits(const char *text) {
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        if (columns_of(line, length) > 100)
            fail_msg("%zu columns: %.*s", columns_of(line, length), (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void text_fits_and_is_plain(void **state) {
    static const struct synthetic_run plans[] = {
        {.declared_heap_bytes = 8e6, .fds_per_s = 5, .budget = BUDGET},
        {.declared_heap_bytes = 8e6, .capacity = 20000, .budget = BUDGET},
        {.is_without_probe = 1, .is_without_delivered = 1},
        {.is_without_fault = 1, .lost_per_s = 200, .is_gauge_stale = 1},
        {.kill_at_s = 20, .budget = BUDGET},
        {.is_empty = 1},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct analysed_run a = analysed_run_make(state, plans[i]);
        char *text = render(&a, "text");
        assert_fits(text);
        assert_null(strchr(text, '\033'));
        for (const char *c = text; *c; c++)
            assert_true(*c == '\n' || !iscntrl((unsigned char)*c));
        free(text);
        analysed_run_free(&a);
    }
}

static void text_opens_with_the_verdict_and_names_the_site(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .budget = BUDGET});
    char *text = render(&a, "text");
    assert_int_equal(strncmp(text, "FAIL", 4), 0);
    assert_non_null(strstr(text, "backlog"));
    assert_non_null(strstr(text, "channel.c:104"));
    assert_non_null(strstr(text, "batcher.c:61"));
    assert_non_null(strstr(text, "0 unaccounted"));
    free(text);
    analysed_run_free(&a);
}

static void foreign_bytes_do_no_harm(void **state) {
    struct analysed_run a = analysed_run_make(state, (struct synthetic_run){.is_without_fault = 1});
    free(a.run->processes[0].command);
    a.run->processes[0].command = strdup("\033[31mevil\n\xff\xfe");
    char *text = render(&a, "text");
    assert_null(strchr(text, '\033'));
    free(text);
    json_decref(report(&a));
    analysed_run_free(&a);
}

static void two_runs_fit_side_by_side(void **state) {
    struct analysed_run before = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .budget = BUDGET});
    struct analysed_run after = analysed_run_make(
        state,
        (struct synthetic_run){.declared_heap_bytes = 8e6, .capacity = 20000, .budget = BUDGET});
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    sm_render_side_by_side(before.run, before.analysis, after.run, after.analysis, to);
    assert_int_equal(fclose(to), 0);
    assert_fits(text);
    assert_non_null(strstr(text, "FAIL"));
    assert_non_null(strstr(text, "PASS"));
    free(text);
    analysed_run_free(&before);
    analysed_run_free(&after);
}

static void the_gate_prints_every_line(void **state) {
    struct analysed_run a = analysed_run_make(
        state, (struct synthetic_run){.declared_heap_bytes = 8e6, .budget = BUDGET});
    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    sm_render_budget(a.run, a.analysis, to);
    assert_int_equal(fclose(to), 0);
    assert_fits(text);
    assert_non_null(strstr(text, "broken  heap "));
    assert_non_null(strstr(text, "holds   heap_peak"));
    assert_non_null(strstr(text, "holds   unaccounted"));
    free(text);
    analysed_run_free(&a);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(json_has_its_fields),
        TEST(json_accounts_and_reconciles),
        TEST(what_is_unknown_is_null),
        TEST(text_fits_and_is_plain),
        TEST(text_opens_with_the_verdict_and_names_the_site),
        TEST(foreign_bytes_do_no_harm),
        TEST(two_runs_fit_side_by_side),
        TEST(the_gate_prints_every_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
