/* execution.c - the order of things: what is brought up, and taken down in reverse. */
#include "execution_internal.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "allocator_library.h"
#include "clock.h"
#include "environment.h"
#include "interrupt.h"
#include "symbolize.h"

static const double load_grace_s = 2, watch_period_s = 0.5, keeper_grace_s = 1;

int64_t sm_execution_now(const struct sm_execution *execution) {
    return sm_now_ns() - execution->start_ns;
}

void sm_execution_event(struct sm_execution *execution, const char *kind, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct sm_event row = {.t_ns = sm_execution_now(execution), .kind = (char *)kind, .text = text};
    sm_record_add_event(execution->record, &row);
}

/* The budget and the bounds that the scenario declares: the analysis reads them from the record,
 * so that a later `report` judges by the same lines. */
static void write_scenario(struct sm_execution *execution) {
    const struct sm_scenario *scenario = execution->scenario;
    sm_record_set_meta(execution->record, SM_META_SCENARIO, scenario ? scenario->name : "probe");
    if (!scenario) {
        const struct sm_execution_options *options = execution->options;
        sm_record_set_meta(execution->record, SM_META_TITLE, options->command[0]);
        for (size_t i = 0; i < options->budget_count; i++)
            sm_record_add_budget_item(execution->record, &options->budget[i]);
        return;
    }
    sm_record_set_meta(execution->record, SM_META_TITLE, scenario->title);
    char *params = sm_scenario_params_json(scenario);
    sm_record_set_meta(execution->record, SM_META_PARAMS, params ? params : "{}");
    free(params);
    for (size_t i = 0; i < scenario->budget_count; i++)
        sm_record_add_budget_item(execution->record, &scenario->budget[i]);
    for (size_t i = 0; i < scenario->declared_count; i++)
        sm_record_add_declared_bound(execution->record, &scenario->declared[i]);
    sm_execution_write_variables(execution);
}

static void write_shard(struct sm_execution *execution) {
    const struct sm_shard *shard = &execution->options->shard;
    char text[32];
    if (shard->count == 0)
        return;
    snprintf(text, sizeof text, "%d/%d", shard->index + 1, shard->count);
    sm_record_set_meta(execution->record, SM_META_SHARD, text);
    if (execution->options->load_only)
        sm_record_set_meta(execution->record, SM_META_LOAD_ONLY, "1");
}

static int open_record(struct sm_execution *execution, struct sm_error *err) {
    int rc = sm_record_create(execution->dir->record, &execution->record, err);
    if (rc)
        return rc;
    sm_environment_write(execution->record);
    write_scenario(execution);
    write_shard(execution);
    return sm_record_commit(execution->record);
}

static int open_sampler(struct sm_execution *execution, struct sm_error *err) {
    const char *allocator = execution->options->allocator;
    char library[PATH_MAX] = "";
    if (!allocator && execution->scenario)
        allocator = sm_block_text(execution->scenario->target, "allocator");
    int rc = allocator ? sm_allocator_library(allocator, library, sizeof library, err) : 0;
    if (rc)
        return rc;
    const struct sm_sampler_options options = {
        .rate_hz = execution->options->sample_rate_hz,
        .sample_interval_bytes = execution->options->sample_interval_bytes,
        .seed = execution->options->seed,
        .want_probe = !execution->options->is_without_probe,
        .preload = library[0] ? library : NULL,
        .limit = execution->limit,
    };
    return sm_sampler_create(&options, execution->record, execution->start_ns, &execution->sampler,
                             err);
}

static int start_watcher(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    size_t count = 0;
    if (!scenario)
        return 0;
    const struct sm_block *const *gauges = sm_block_blocks(scenario->target, "gauges", &count);
    if (count == 0 && !scenario->delivered)
        return 0;
    return sm_watcher_start(gauges, count, scenario->delivered, watch_period_s, &execution->watcher,
                            err);
}

/* Another shard has the target: all there is to do is to wait until it is ready. */
static int await_target(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_block *program = execution->scenario->target;
    const struct sm_block *ready = sm_block_block(program, "ready");
    execution->target.is_stopped_by_us = true;
    bool is_seen_from_here = ready && strcmp(ready->type, "log") != 0;
    return is_seen_from_here ? sm_execution_wait_ready(execution, &execution->target, err) : 0;
}

static int bring_up_actors(struct sm_execution *execution, struct sm_error *err) {
    int rc = 0;
    if (execution->options->load_only)
        return await_target(execution, err);
    if ((rc = sm_execution_start_services(execution, err)) ||
        (rc = sm_execution_start_loads(execution, true, err)) ||
        (sm_execution_look_before(execution), rc = sm_execution_start_target(execution, err)) ||
        (rc = start_watcher(execution, err)) || (rc = sm_execution_start_settler(execution, err)))
        return rc;
    return 0;
}

/* All shards may begin together, if their clocks agree. */
static int await_start(struct sm_execution *execution, struct sm_error *err) {
    double start_s = execution->options->start_at_unix_s;
    for (;;) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        double left_s = start_s - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
        if (left_s <= 0)
            return 0;
        if (sm_interrupt_pending()) {
            if (err)
                err->status = SM_STATUS_INCONCLUSIVE;
            return sm_error_set(err, -EINTR, NULL, NULL, "interrupted before the start");
        }
        sm_sleep_until_ns(sm_now_ns() + (int64_t)(fmin(left_s, 0.1) * 1e9));
    }
}

/* Everything that can fail before the first phase, in order. */
static int bring_up(struct sm_execution *execution, struct sm_error *err) {
    int rc = 0;
    execution->supervisor = sm_supervisor_share();
    if (!execution->supervisor)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    if ((rc = sm_keeper_start(&execution->keeper, err)))
        return rc;
    /* Handed over before they exist: a kill in between leaves nothing. */
    if ((rc = sm_keeper_own_path(execution->keeper, execution->dir->scratch)) ||
        (rc = sm_keeper_own_path(execution->keeper, execution->dir->data)))
        return sm_error_errno(err, rc, NULL, NULL,
                              "the process that keeps the others takes no directory");
    if ((rc = sm_run_dir_make(execution->dir, err)))
        return rc;
    execution->start_ns = sm_now_ns();
    execution->next_tick_ns = execution->next_second_ns = execution->start_ns;
    sm_execution_open_actors(execution);
    if ((rc = open_record(execution, err)) || (rc = sm_execution_make_limit(execution, err)) ||
        (rc = open_sampler(execution, err)) || (rc = sm_execution_open_faults(execution, err)) ||
        (rc = sm_execution_open_loads(execution, err)) || (rc = bring_up_actors(execution, err)) ||
        (rc = await_start(execution, err)) || (rc = sm_execution_start_live(execution, err)) ||
        (rc = sm_execution_start_loads(execution, false, err)))
        return rc;
    return 0;
}

/* The end of a run that had a beginning: drain the load, stop the target while still watching
 * it, count what was delivered. */
static void wind_up(struct sm_execution *execution) {
    char duration[32];
    bool is_interrupted = sm_interrupt_pending();
    if (is_interrupted)
        sm_interrupt_hurry();
    sm_execution_stop_loads(execution, is_interrupted ? 0 : load_grace_s);
    if (execution->watcher && execution->target.is_running)
        sm_watcher_ask_now(execution->watcher);
    sm_execution_stop(execution, &execution->target);
    sm_sampler_checkpoint(execution->sampler, sm_now_ns());
    sm_execution_tell_watch_failures(execution, 1);
    sm_execution_write_ledger(execution);
    sm_execution_stop_services(execution);
    sm_progress_end(&execution->progress);
    if (is_interrupted && execution->scenario)
        fprintf(stderr, "load and target have stopped; the report follows\n");
    sm_execution_write_limit(execution);
    sm_execution_write_control(execution);
    snprintf(duration, sizeof duration, "%lld", (long long)sm_execution_now(execution));
    sm_record_set_meta(execution->record, SM_META_DURATION, duration);
    if (execution->end->ended_by[0] == '\0')
        snprintf(execution->end->ended_by, sizeof execution->end->ended_by, "schedule");
    sm_record_set_meta(execution->record, SM_META_ENDED_BY, execution->end->ended_by);
}

/* NULL-safe, in the reverse order of bring_up. The keeper ends every process still alive. */
static void take_down(struct sm_execution *execution, int keep) {
    struct sm_module_file *files = NULL;
    size_t file_count = 0;
    sm_watcher_stop(execution->watcher);
    sm_execution_stop_settler(execution);
    sm_execution_stop_loads(execution, 0);
    sm_execution_close_loads(execution);
    sm_execution_close_faults(execution);
    sm_execution_close_actors(execution);
    if (execution->sampler) {
        files = sm_sampler_take_module_files(execution->sampler, &file_count);
        sm_sampler_close(execution->sampler);
    }
    sm_record_close(execution->record, 1);
    if (keep)
        sm_symbolize(execution->dir->record, files, file_count);
    sm_live_finish(execution->live);
    sm_module_files_close(files, file_count);
    sm_keeper_stop(execution->keeper, keeper_grace_s);
    sm_throttle_free(execution->throttle);
    sm_limit_free(execution->limit);
    sm_supervisor_unshare(execution->supervisor);
}

int sm_execute(const struct sm_execution_options *options, struct sm_execution_end *ret_end,
               struct sm_error *err) {
    struct sm_execution_end end = {0};
    struct sm_execution *execution = calloc(1, sizeof *execution);
    if (!execution)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    execution->options = options;
    execution->scenario = options->scenario;
    execution->dir = options->dir;
    execution->end = &end;
    sm_progress_init(&execution->progress, options->scenario == NULL || options->is_trial);
    sm_interrupt_install();
    int rc = bring_up(execution, err);
    if (rc == 0) {
        execution->is_up = true;
        if (execution->scenario)
            sm_execution_run_phases(execution);
        else
            sm_execution_run_command(execution);
        wind_up(execution);
    }
    take_down(execution, rc == 0 && !options->is_trial);
    sm_run_dir_clean(execution->dir, rc != 0);
    free(execution);
    if (rc == 0)
        *ret_end = end;
    return rc;
}
