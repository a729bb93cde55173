#include "load_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Writes a scenario around one load into a file that is gone with its descriptor. */
static int write_scenario(const char *type, const struct load_setting *settings) {
    int fd = memfd_create("scenario", MFD_CLOEXEC);
    FILE *file = fdopen(dup(fd), "w");
    assert_non_null(file);
    fprintf(file,
            "return scenario { title = 't', target = program { 'true' },"
            " phases = { phase { 'p', '1s' } }, load = %s {",
            type);
    for (const struct load_setting *s = settings; s->key; s++) {
        bool is_lua = strcmp(s->key, "body") == 0 || strcmp(s->key, "headers") == 0 ||
                      strcmp(s->key, "insecure") == 0 || strcmp(s->key, "awake") == 0 ||
                      strcmp(s->key, "tls") == 0;
        fprintf(file, is_lua ? " %s = %s," : " %s = '%s',", s->key, s->text);
    }
    fprintf(file, " } }\n");
    fclose(file);
    return fd;
}

static int load_scenario(const char *type, const struct load_setting *settings,
                         struct sm_scenario **ret_scenario, struct sm_error *err) {
    static const struct sm_scenario_dirs dirs = {
        .bin = "/B", .run = "/R", .data = "/D", .log = "/L"};
    char path[64];
    int fd = write_scenario(type, settings);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = sm_scenario_load(path, &dirs, NULL, 0, 1, ret_scenario, err);
    close(fd);
    return rc;
}

static const struct sm_load_ops *find_ops(const char *type) {
    size_t i = 0;
    while (sm_load_table[i] && strcmp(sm_load_table[i]->name, type) != 0)
        i++;
    assert_non_null(sm_load_table[i]);
    return sm_load_table[i];
}

void load_run_open(struct load_run *run, const char *type, const struct load_setting *settings) {
    struct sm_error err = {0};
    char line[1200];
    *run = (struct load_run){.ops = find_ops(type)};
    run->latency_ns = sm_histogram_new();
    run->slip_ns = sm_histogram_new();
    if (load_scenario(type, settings, &run->scenario, &err) != 0 ||
        run->ops->open(run->scenario->loads[0], &run->driver, &err) != 0)
        fail_msg("%s", sm_error_format(&err, line, sizeof line));
}

int load_run_refused(const char *type, const struct load_setting *settings, struct sm_error *err) {
    struct sm_scenario *scenario = NULL;
    void *driver = NULL;
    *err = (struct sm_error){0};
    int rc = load_scenario(type, settings, &scenario, err);
    if (rc == 0)
        rc = find_ops(type)->open(scenario->loads[0], &driver, err);
    assert_null(driver);
    sm_scenario_free(scenario);
    return rc;
}

void load_run_start(struct load_run *run) {
    struct sm_error err = {0};
    if (run->ops->start(run->driver, &err) != 0)
        fail_msg("%s", err.what);
}

void load_run_look(struct load_run *run) {
    struct sm_load_snapshot snapshot = {.latency_ns = run->latency_ns, .slip_ns = run->slip_ns};
    run->ops->snapshot(run->driver, &snapshot);
    struct sm_load_counts c = run->counts = snapshot.counts;
    assert_int_equal(c.offered, c.accepted + c.refused + c.unanswered + c.in_flight);
    assert_true(c.in_flight >= 0);
    assert_int_equal(sm_histogram_count(run->latency_ns), c.accepted + c.refused);
}

/* The test's own time-out is what ends a wait that never does. */
void load_run_until_done(struct load_run *run, int64_t offered) {
    do {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        load_run_look(run);
    } while (run->counts.offered < offered || run->counts.in_flight > 0);
}

int64_t load_run_outcome(struct load_run *run, const char *outcome) {
    struct sm_load_outcome_count outcomes[64];
    size_t count = run->ops->outcomes(run->driver, outcomes, 64);
    for (size_t i = 0; i < count; i++)
        if (strcmp(outcomes[i].outcome, outcome) == 0)
            return outcomes[i].count;
    return 0;
}

void load_run_print(struct load_run *run, const char *expected) {
    struct sm_load_outcome_count outcomes[64];
    size_t count = run->ops->outcomes(run->driver, outcomes, 64);
    print_message("expected \"%s\"\n", expected);
    for (size_t i = 0; i < count; i++)
        print_message("%8lld \"%s\"\n", (long long)outcomes[i].count, outcomes[i].outcome);
}

void load_run_stop(struct load_run *run, double grace_s) {
    run->ops->stop(run->driver, grace_s);
    load_run_look(run);
    assert_int_equal(run->counts.in_flight, 0);
}

void load_run_close(struct load_run *run) {
    run->ops->close(run->driver);
    sm_histogram_free(run->latency_ns);
    sm_histogram_free(run->slip_ns);
    sm_scenario_free(run->scenario);
}
