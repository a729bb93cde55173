/* verb_attach.c - spillmark attach: a program that runs already, watched from outside, where it is
 * not touched; or with --inject from inside, by the probe that is loaded into it and switched off
 * in the end. Either way it goes on when the watching ends. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../reports/record.h"
#include "budget_file.h"
#include "clock.h"
#include "environment.h"
#include "execution.h"
#include "inject.h"
#include "interrupt.h"
#include "outcome.h"
#include "proc.h"
#include "run_dir.h"
#include "sampler.h"
#include "symbolize.h"
#include "verb_table.h"
#include "verbs.h"

static const double patience_s = 5;
static const int64_t second_ns = 1000000000;

struct attach_arguments {
    const char *out;
    double duration_s; /* 0: until the program or the user ends it */
    double interval_bytes;
    struct sm_budget_list budget;
    pid_t pid;
    int is_injecting;
};

static int take_option(int option, char **argv, struct attach_arguments *arguments) {
    struct sm_error err = {0};
    int rc = 0;
    if (option == 'o')
        arguments->out = optarg;
    else if (option == 'l')
        rc = sm_budget_list_add(&arguments->budget, optarg, &err);
    else if (option == 'b')
        rc = sm_budget_list_read(&arguments->budget, optarg, &err);
    else if (option == 'i')
        arguments->is_injecting = 1;
    else if (option == 's')
        return sm_verb_sample_bytes("attach", optarg, &arguments->interval_bytes);
    else if (option == 'F')
        return sm_verb_duration("attach", optarg, &arguments->duration_s);
    else
        return sm_verb_bad_option("attach", option, argv);
    return rc ? sm_verb_fail("attach", &err, SM_STATUS_USAGE) : 0;
}

static int parse_arguments(int argc, char **argv, struct attach_arguments *arguments) {
    const struct sm_verb_getopt known = sm_verb_getopt("attach");
    int option, status = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, known.letters, known.options, NULL)) != -1)
        if ((status = take_option(option, argv, arguments)) != 0)
            return status;
    if (optind != argc - 1)
        return sm_verb_usage("attach", optind == argc ? "no PID given" : "too many arguments");
    char *end;
    long pid = strtol(argv[optind], &end, 10);
    if (*end || pid < 1 || pid > INT32_MAX)
        return sm_verb_usage("attach", "%s is not a process number", argv[optind]);
    arguments->pid = (pid_t)pid;
    if (kill(arguments->pid, 0) && errno == ESRCH)
        return sm_verb_usage("attach", "no process %ld runs", pid);
    return 0;
}

static void write_head(struct sm_record *record, const struct attach_arguments *arguments) {
    char text[64];
    sm_record_set_meta(record, SM_META_SCENARIO, "attach");
    snprintf(text, sizeof text, "process %d", (int)arguments->pid);
    sm_record_set_meta(record, SM_META_TITLE, text);
    sm_environment_write(record);
    for (size_t i = 0; i < arguments->budget.count; i++)
        sm_record_add_budget_item(record, &arguments->budget.items[i]);
    sm_record_commit(record);
}

/* Until the time is up, the program ends, or the user has seen enough. */
static int watch(struct sm_record *record, struct sm_sampler *sampler,
                 const struct attach_arguments *arguments, int64_t start_ns) {
    int64_t next_ns = start_ns, committed_ns = start_ns;
    int64_t until_ns =
        arguments->duration_s > 0 ? start_ns + (int64_t)(arguments->duration_s * 1e9) : INT64_MAX;
    int rc = 0;
    while (rc == 0 && next_ns < until_ns && !sm_interrupt_pending() &&
           sm_proc_is_alive(arguments->pid)) {
        rc = sm_sampler_tick(sampler, sm_now_ns());
        if (sm_now_ns() - committed_ns > second_ns) {
            sm_record_commit(record);
            committed_ns = sm_now_ns();
        }
        next_ns += (int64_t)(1e9 / SM_VERB_RATE_HZ);
        if (next_ns < sm_now_ns())
            next_ns = sm_now_ns(); /* a busy machine: no hurry to catch up */
        sm_sleep_until_ns(next_ns < until_ns ? next_ns : until_ns);
    }
    sm_sampler_checkpoint(sampler, sm_now_ns());
    return rc;
}

static int writers(void *context, struct sm_pid_list *list) {
    return sm_sampler_writers(context, list);
}

/* What became of one process, on standard error and in the record. */
static void tell(struct sm_record *record, const struct sm_inject_outcome *outcome, int64_t t_ns) {
    char text[768];
    if (outcome->is_in)
        snprintf(text, sizeof text,
                 "process %d: the probe was loaded into it (experimental); heap is counted from a "
                 "base line of %s on, %s; stacks of what is allocated from now on",
                 (int)outcome->pid, SM_UNIT_TEXT(SM_UNIT_BYTES, (double)outcome->base_bytes),
                 outcome->text);
    else
        snprintf(text, sizeof text, "process %d: watched from outside only: %s", (int)outcome->pid,
                 outcome->text);
    fprintf(stderr, "spillmark attach: %s\n", text);
    const struct sm_event event = {.t_ns = t_ns, .kind = (char[]){"probe"}, .text = text};
    sm_record_add_event(record, &event);
}

/* Where the probe does not get in the program is watched from outside all the same. */
static struct sm_injector *bring_in(const struct attach_arguments *arguments,
                                    struct sm_record *record, struct sm_sampler *sampler,
                                    int64_t start_ns) {
    enum { OUTCOMES = 256 };
    static struct sm_inject_outcome outcomes[OUTCOMES];
    struct sm_injector *injector = NULL;
    struct sm_error err = {0};
    size_t count = 0;
    const struct sm_inject_options options = {.pool_fd = sm_sampler_pool_fd(sampler),
                                              .patience_s = patience_s,
                                              .writers = writers,
                                              .context = sampler};
    if (!arguments->is_injecting)
        return NULL;
    int rc =
        sm_inject_start(arguments->pid, 1, &options, outcomes, OUTCOMES, &count, &injector, &err);
    for (size_t i = 0; i < count; i++)
        tell(record, &outcomes[i], sm_now_ns() - start_ns);
    if (rc && count == 0)
        sm_verb_fail("attach", &err, SM_STATUS_BROKEN);
    return injector;
}

static void switch_off(struct sm_injector *injector) {
    struct sm_error err = {0};
    if (sm_inject_stop(injector, &err))
        sm_verb_fail("attach", &err, SM_STATUS_BROKEN);
}

static int record_it(const struct attach_arguments *arguments, const struct sm_run_dir *dir,
                     struct sm_error *err) {
    struct sm_record *record = NULL;
    struct sm_sampler *sampler = NULL;
    struct sm_injector *injector = NULL;
    struct sm_module_file *files = NULL;
    size_t file_count = 0;
    const struct sm_sampler_options options = {.rate_hz = SM_VERB_RATE_HZ,
                                               .want_probe = arguments->is_injecting,
                                               .sample_interval_bytes =
                                                   (uint64_t)arguments->interval_bytes,
                                               .seed = SM_VERB_SEED};
    int64_t start_ns = sm_now_ns();
    struct sm_phase row = {.id = 1, .name = (char *)"watched", .to_ns = -1, .load_factor = 1};
    char duration[32];
    int rc = sm_record_create(dir->record, &record, err);
    if (rc)
        return rc;
    write_head(record, arguments);
    rc = sm_sampler_create(&options, record, start_ns, &sampler, err);
    if (rc == 0) {
        sm_record_add_phase(record, &row);
        sm_sampler_follow(sampler, arguments->pid);
        injector = bring_in(arguments, record, sampler, start_ns);
        rc = watch(record, sampler, arguments, start_ns);
        row.to_ns = sm_now_ns() - start_ns;
        sm_record_add_phase(record, &row);
        snprintf(duration, sizeof duration, "%lld", (long long)row.to_ns);
        sm_record_set_meta(record, SM_META_DURATION, duration);
        sm_record_set_meta(record, SM_META_ENDED_BY, "schedule");
        switch_off(injector);
        files = sm_sampler_take_module_files(sampler, &file_count);
        sm_sampler_close(sampler);
    }
    int closed = sm_record_close(record, rc == 0);
    if (arguments->is_injecting && rc == 0 && closed == 0)
        sm_symbolize(dir->record, files, file_count);
    sm_module_files_close(files, file_count);
    return rc || !closed
               ? rc
               : sm_error_errno(err, closed, dir->record, NULL, "the record cannot be written");
}

static int attach(const struct attach_arguments *arguments) {
    struct sm_error err = {0};
    struct sm_run_dir dir;
    const struct sm_execution_end end = {.ended_by = "schedule"};
    char name[32];
    snprintf(name, sizeof name, "attach-%d", (int)arguments->pid);
    if (sm_run_dir_plan(arguments->out, name, &dir, &err))
        return sm_verb_fail("attach", &err, SM_STATUS_USAGE);
    int rc = sm_run_dir_make_bare(&dir, &err);
    if (rc == 0) {
        sm_interrupt_install();
        rc = record_it(arguments, &dir, &err);
        sm_run_dir_clean(&dir, rc != 0);
    }
    return rc ? sm_verb_fail("attach", &err, SM_STATUS_BROKEN)
              : sm_outcome_report("attach", &dir, &end, stdout);
}

int sm_verb_attach(int argc, char **argv) {
    struct attach_arguments arguments = {.interval_bytes = SM_VERB_SAMPLE_BYTES};
    int status = parse_arguments(argc, argv, &arguments);
    if (status == 0)
        status = attach(&arguments);
    sm_budget_list_clear(&arguments.budget);
    return status;
}
