/* execution_phases.c - the timeline: phases in order, a tick at the sampling rate, a second's
 * work once a second. */
#include "execution_internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "interrupt.h"

static const int64_t second_ns = 1000000000;

static int end_early(struct sm_execution *execution, const char *by, const char *text) {
    struct sm_execution_end *end = execution->end;
    if (end->ended_by[0] == '\0') {
        snprintf(end->ended_by, sizeof end->ended_by, "%s", by);
        snprintf(end->text, sizeof end->text, "%s", text);
    }
    return 1;
}

/* Of readings that failed the first is told at once, the rest with their number in the end. */
void sm_execution_tell_watch_failures(struct sm_execution *execution, int is_end) {
    struct sm_error last = {0};
    char line[300];
    int64_t failures = execution->watcher ? sm_watcher_failures(execution->watcher, &last) : 0;
    int64_t told = execution->watch_failures_told;
    if (failures == told || (told > 0 && !is_end))
        return;
    sm_execution_event(execution, "gauge", "%lld reading%s of gauges or delivered units failed; %s",
                       (long long)failures, failures == 1 ? "" : "s",
                       sm_error_format(&last, line, sizeof line));
    execution->watch_failures_told = failures;
}

static void take_watched(struct sm_execution *execution) {
    struct sm_watch_value values[64];
    size_t count;
    if (!execution->watcher)
        return;
    do {
        count = sm_watcher_take(execution->watcher, values, 64);
        for (size_t i = 0; i < count; i++)
            sm_sampler_put(execution->sampler, values[i].series, sm_gauge_unit(values[i].series),
                           values[i].t_ns, values[i].value);
    } while (count == 64);
}

/* One that ends with status 0 had only so much to do. */
static const struct sm_execution_actor *failed_service(const struct sm_execution *execution) {
    for (size_t i = 0; i < execution->service_count; i++) {
        const struct sm_execution_actor *service = &execution->services[i];
        if (!service->is_running && !service->is_stopped_by_us && service->status != 0)
            return service;
    }
    return NULL;
}

static int check_ends(struct sm_execution *execution) {
    char text[200], line[256];
    if (sm_interrupt_pending())
        return end_early(execution, "interrupt",
                         execution->scenario
                             ? "interrupted; what was done so far is reported"
                             : "interrupted; what was done so far is reported, and proves no "
                               "bound (--for DURATION ends a server as planned)");
    if (sm_record_error(execution->record)->code) {
        sm_error_format(sm_record_error(execution->record), line, sizeof line);
        return end_early(execution, "record", line);
    }
    if (execution->is_keeper_lost)
        return end_early(execution, "error", "the process that keeps the others was killed");
    const struct sm_execution_actor *target = &execution->target;
    if (!target->is_running && !target->is_stopped_by_us && execution->scenario) {
        snprintf(line, sizeof line, "the target ended on its own: %s",
                 sm_execution_actor_end(execution, target, text, sizeof text));
        return end_early(execution, "target", line);
    }
    const struct sm_execution_actor *service = failed_service(execution);
    if (service) {
        snprintf(line, sizeof line, "the service %s failed: %s; see %.100s", service->name,
                 sm_exit_text(service->status, text, sizeof text), service->log);
        return end_early(execution, "service", line);
    }
    return 0;
}

int sm_execution_tick(struct sm_execution *execution) {
    int64_t period_ns = (int64_t)(1e9 / execution->options->sample_rate_hz);
    if (!sm_interrupt_pending() || execution->is_stopping)
        sm_sleep_until_ns(execution->next_tick_ns);
    int64_t now_ns = sm_now_ns();
    execution->next_tick_ns += period_ns;
    if (execution->next_tick_ns < now_ns)
        execution->next_tick_ns = now_ns + period_ns;
    sm_execution_reap(execution, 0);
    sm_execution_read_loads(execution);
    take_watched(execution);
    sm_sampler_tick(execution->sampler, now_ns);
    sm_execution_keep_control(execution, now_ns);
    if (now_ns >= execution->next_second_ns) {
        execution->next_second_ns = now_ns + second_ns;
        sm_execution_write_loads(execution);
        sm_execution_tell_watch_failures(execution, 0);
        sm_record_commit(execution->record);
    }
    return check_ends(execution);
}

static void show(struct sm_execution *execution, const char *phase, int64_t from_ns,
                 double length_s) {
    struct sm_sampler_now now;
    sm_sampler_now(execution->sampler, &now);
    struct sm_progress_figures figures = {
        .phase = phase,
        .phase_at_s = (double)(sm_execution_now(execution) - from_ns) / 1e9,
        .phase_length_s = length_s,
        .heap_bytes = now.heap_bytes,
        .rss_bytes = now.rss_bytes,
        .fds = now.fds,
        .has_load = execution->load_count > 0,
        .delivered = execution->watcher ? sm_watcher_newest(execution->watcher, "delivered") : -1,
    };
    for (size_t i = 0; i < execution->load_count; i++) {
        const struct sm_load_counts *counts = &execution->loads[i].counts;
        figures.offered += counts->offered;
        figures.accepted += counts->accepted;
        figures.refused += counts->refused;
        figures.unanswered += counts->unanswered;
    }
    sm_progress_show(&execution->progress, &figures, sm_now_ns());
    sm_live_show(execution->live, (double)sm_execution_now(execution) / 1e9, &figures);
}

void sm_execution_tick_until(struct sm_execution *execution, const struct sm_execution_actor *actor,
                             int64_t at_ns) {
    int64_t from_ns = sm_execution_now(execution);
    bool was_stopping = execution->is_stopping;
    execution->is_stopping = true;
    while (actor->is_running && sm_execution_now(execution) < at_ns) {
        sm_execution_tick(execution);
        show(execution, "stopping", from_ns, 0);
    }
    execution->is_stopping = was_stopping;
}

static void ask_to_give_back(struct sm_execution *execution) {
    int count = sm_sampler_give_back(execution->sampler, sm_now_ns());
    sm_execution_event(execution, "allocator", "%d asked to give free pages back", count);
}

static int run_faults(struct sm_execution *execution) {
    struct sm_error err = {0};
    char line[256];
    if (sm_execution_run_faults(execution, &err) == 0)
        return 0;
    if (sm_interrupt_pending())
        return check_ends(execution);
    return end_early(execution, "error", sm_error_format(&err, line, sizeof line));
}

static int run_phase(struct sm_execution *execution, const struct sm_scenario_phase *phase,
                     int32_t id) {
    struct sm_error err = {0};
    char line[256];
    int ended = 0;
    struct sm_phase row = {
        .id = id,
        .name = phase->name,
        .cycle = phase->cycle,
        .from_ns = sm_execution_now(execution),
        .to_ns = -1,
        .load_factor = phase->load_factor,
        .fault_count = (int32_t)phase->fault_count,
        .is_settle = phase->is_settle,
    };
    sm_record_add_phase(execution->record, &row);
    sm_execution_event(execution, "phase", "%s begins", phase->name);
    sm_execution_set_load(execution, phase->load_factor, phase->name);
    int64_t until_ns = row.from_ns + (int64_t)(phase->duration_s * 1e9);
    sm_execution_plan_faults(execution, phase, row.from_ns, until_ns);
    ended = run_faults(execution);
    int64_t give_back_ns = phase->give_back ? (row.from_ns + until_ns) / 2 : INT64_MAX;
    while (!ended && sm_execution_now(execution) < until_ns &&
           !sm_execution_load_is_over(execution)) {
        if (sm_execution_now(execution) >= give_back_ns) {
            ask_to_give_back(execution);
            give_back_ns = INT64_MAX;
        }
        ended = sm_execution_tick(execution) || run_faults(execution);
        show(execution, phase->name, row.from_ns, phase->duration_s);
        if (!ended && sm_execution_is_sure(execution, phase, line, sizeof line))
            ended = end_early(execution, "sure", line);
    }
    if (sm_execution_end_faults(execution, &err)) {
        sm_error_format(&err, line, sizeof line);
        ended = end_early(execution, "error", line);
    }
    row.to_ns = sm_execution_now(execution);
    sm_sampler_checkpoint(execution->sampler, sm_now_ns());
    sm_record_add_phase(execution->record, &row);
    sm_execution_write_loads(execution); /* so that no interval belongs to two phases */
    sm_execution_phase_done(execution, (size_t)id - 1);
    return ended;
}

void sm_execution_run_phases(struct sm_execution *execution) {
    const struct sm_scenario *scenario = execution->scenario;
    int ended = 0;
    for (size_t i = 0; i < scenario->phase_count && !ended; i++)
        ended = run_phase(execution, &scenario->phases[i], (int32_t)i + 1);
    sm_execution_set_load(execution, 0, "");
    sm_progress_end(&execution->progress);
}

/* A command that somebody told to end did not fail. */
static int has_failed(const struct sm_execution_actor *command) {
    if (!WIFSIGNALED(command->status))
        return WIFEXITED(command->status) && WEXITSTATUS(command->status) != 0;
    int signal = WTERMSIG(command->status);
    return signal != SIGTERM && signal != SIGINT && signal != SIGHUP && signal != SIGPIPE;
}

void sm_execution_run_command(struct sm_execution *execution) {
    struct sm_phase row = {.id = 1, .name = (char *)"run", .to_ns = -1, .load_factor = 1};
    int ended = 0;
    sm_record_add_phase(execution->record, &row);
    execution->control.load_factor = 1;
    int64_t length_ns = (int64_t)(execution->options->command_s * 1e9);
    while (!ended && execution->target.is_running &&
           (length_ns == 0 || sm_execution_now(execution) < length_ns))
        ended = sm_execution_tick(execution);
    row.to_ns = sm_execution_now(execution);
    sm_sampler_checkpoint(execution->sampler, sm_now_ns());
    sm_record_add_phase(execution->record, &row);
    if (!ended && !execution->target.is_running && has_failed(&execution->target)) {
        char how[64], line[100];
        snprintf(line, sizeof line, "the command failed: %s",
                 sm_exit_text(execution->target.status, how, sizeof how));
        end_early(execution, "target", line);
    }
}
