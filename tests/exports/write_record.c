/* write_record.c - writes the record of a run that never was, for tests of what opens reports:
 *   write-record KIND PATH      KIND: backlog, bounded, leak, watched, cut, hostile, empty
 * `hostile` has names with everything in them that some format gives a meaning to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/synthetic_run.h"

#define HOSTILE "<b>&\"'`|;,:%\\\n\t\033[31m\xff\xc3(--]]>::error::{}$(x) \xe2\x82\xac"

static const struct {
    const char *kind;
    struct synthetic_run plan;
} plans[] = {
    {"backlog",
     {.declared_heap_bytes = 8e6,
      .fds_per_s = 5,
      .budget = {"heap", "bounded", "heap_peak", "64MB", "fds", "bounded", "unaccounted", "0"}}},
    {"bounded",
     {.declared_heap_bytes = 8e6,
      .capacity = 20000,
      .budget = {"heap", "bounded", "heap_peak", "80MB", "unaccounted", "0", "latency_p99",
                 "10ms"}}},
    {"leak", {.is_without_fault = 1, .leaked_per_s = 2e5}},
    {"watched",
     {.is_without_probe = 1,
      .is_without_delivered = 1,
      .budget = {"heap", "bounded", "unaccounted", "0", "rss_peak", "200MB"}}},
    {"cut", {.kill_at_s = 20, .budget = {"heap_peak", "200MB"}}},
    {"hostile",
     {.declared_heap_bytes = 8e6,
      .fds_per_s = 5,
      .names = HOSTILE,
      .budget = {"gauge:" HOSTILE, "5", "heap", "bounded"}}},
    {"empty", {.is_empty = 1}},
};

static const char *kind, *path;

static void write_record(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        if (strcmp(plans[i].kind, kind) == 0) {
            struct synthetic_run plan = plans[i].plan;
            struct synthetic_truth truth;
            plan.record_path = path;
            synthetic_run_write(&plan, &truth);
            return;
        }
    fail_msg("no kind %s", kind);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(write_record)};
    if (argc != 3) {
        fputs("usage: write-record KIND PATH\n", stderr);
        return 2;
    }
    kind = argv[1];
    path = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
