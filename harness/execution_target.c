/* execution_target.c - services and the target: started, waited for until ready, reaped,
 * stopped. */
#include "execution_internal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "interrupt.h"
#include "preflight.h"

static const double ready_poll_s = 0.02, kill_grace_s = 2, command_grace_s = 10;

char *sm_exit_text(int wait_status, char *buffer, size_t buffer_bytes) {
    if (WIFSIGNALED(wait_status))
        snprintf(buffer, buffer_bytes, "killed by signal %d (%s)", WTERMSIG(wait_status),
                 strsignal(WTERMSIG(wait_status)));
    else
        snprintf(buffer, buffer_bytes, "exit status %d", WEXITSTATUS(wait_status));
    return buffer;
}

char *sm_execution_target_end(const struct sm_execution *execution, char *buffer,
                              size_t buffer_bytes) {
    char line[300];
    if (!execution->limit_kills_told || !WIFSIGNALED(execution->target_status) ||
        WTERMSIG(execution->target_status) != SIGKILL)
        return sm_exit_text(execution->target_status, buffer, buffer_bytes);
    snprintf(buffer, buffer_bytes, "oom-killed, by its limit of %s",
             sm_limit_text(execution->limit, line, sizeof line));
    return buffer;
}

void sm_execution_reap(struct sm_execution *execution, double timeout_s) {
    struct sm_exit ended;
    char text[96];
    while (sm_keeper_next_exit(execution->keeper, timeout_s, &ended) == 1) {
        timeout_s = 0;
        sm_sampler_exited(execution->sampler, ended.pid, ended.status, sm_now_ns());
        if (ended.pid != execution->target) {
            sm_execution_event(execution, "service", "process %d ended: %s", (int)ended.pid,
                               sm_exit_text(ended.status, text, sizeof text));
            continue;
        }
        execution->target_running = 0;
        execution->target_status = ended.status;
        sm_execution_event(execution, "target", "%s",
                           sm_exit_text(ended.status, text, sizeof text));
    }
    sm_execution_watch_limit(execution);
}

/* The last line the target wrote, for the one line the user sees. */
static void last_log_line(const char *path, char *line, size_t line_bytes) {
    char tail[1024];
    line[0] = '\0';
    FILE *log = fopen(path, "re");
    if (!log)
        return;
    if (fseek(log, -(long)(sizeof tail - 1), SEEK_END))
        rewind(log);
    size_t length = fread(tail, 1, sizeof tail - 1, log);
    fclose(log);
    while (length > 0 && (tail[length - 1] == '\n' || tail[length - 1] == ' '))
        length--;
    tail[length] = '\0';
    const char *start = strrchr(tail, '\n');
    snprintf(line, line_bytes, "%.*s", (int)line_bytes - 1, start ? start + 1 : tail);
}

static int died_early(struct sm_execution *execution, struct sm_error *err) {
    char text[300], line[300], todo[256];
    last_log_line(execution->dir->log, line, sizeof line);
    sm_execution_target_end(execution, text, sizeof text);
    snprintf(todo, sizeof todo, line[0] ? "its last line was: %s" : "it wrote nothing%s", line);
    if (err)
        err->status = SM_STATUS_BROKEN;
    return sm_error_set(err, -ECHILD, "target", todo, "ended before it was ready (%s)", text);
}

static int not_ready(struct sm_execution *execution, double timeout_s, const struct sm_error *last,
                     struct sm_error *err) {
    char line[300], todo[256];
    last_log_line(execution->dir->log, line, sizeof line);
    snprintf(todo, sizeof todo,
             line[0] ? "its last line was: %s" : "it wrote nothing; is `ready` right?%s", line);
    if (err)
        err->status = SM_STATUS_BROKEN;
    return sm_error_set(err, -ETIMEDOUT, "target", todo, "not ready after %g s%s%s", timeout_s,
                        last->what[0] ? ": " : "", last->what);
}

static int wait_ready(struct sm_execution *execution, const struct sm_block *program,
                      struct sm_error *err) {
    const struct sm_block *ready = sm_block_block(program, "ready");
    if (!ready)
        return 0;
    const struct sm_ready_ops *const *ops = sm_ready_table;
    while (*ops && strcmp((*ops)->name, ready->type) != 0)
        ops++;
    if (!*ops)
        return sm_error_set(err, -ENOENT, ready->where, NULL, "no readiness test \"%s\"",
                            ready->type);
    double timeout_s = sm_block_quantity(program, "ready_timeout");
    int64_t deadline_ns = sm_now_ns() + (int64_t)(timeout_s * 1e9);
    for (;;) {
        struct sm_error last = {0};
        int rc = (*ops)->check(ready, &last);
        if (rc == 1)
            return 0;
        sm_execution_reap(execution, ready_poll_s);
        if (execution->target && !execution->target_running)
            return died_early(execution, err);
        if (sm_interrupt_pending()) {
            if (err)
                err->status = SM_STATUS_INCONCLUSIVE;
            return sm_error_set(err, -EINTR, NULL, NULL, "interrupted before the target was ready");
        }
        if (sm_now_ns() > deadline_ns)
            return not_ready(execution, timeout_s, &last, err);
    }
}

/* The program's own environment settings behind the probe's. NULL-terminated; free the array. */
static const char **join_environment(struct sm_execution *execution,
                                     const struct sm_block *program, int with_probe) {
    size_t own_count = 0, probe_count = 0, used = 0;
    const char *const *own = sm_block_texts(program, "env", &own_count);
    const char *const *probe = with_probe ? sm_sampler_environment(execution->sampler) : NULL;
    while (probe && probe[probe_count])
        probe_count++;
    const char **joined = calloc(own_count + probe_count + 1, sizeof *joined);
    if (!joined)
        return NULL;
    for (size_t i = 0; i < own_count; i++)
        joined[used++] = own[i];
    for (size_t i = 0; i < probe_count; i++)
        joined[used++] = probe[i];
    return joined;
}

static int spawn_program(struct sm_execution *execution, const struct sm_block *program,
                         int is_target, pid_t *ret_pid, struct sm_error *err) {
    size_t count = 0;
    const char **env = join_environment(execution, program, is_target);
    if (!env)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    struct sm_spawn spawn = {
        .argv = sm_block_texts(program, "command", &count), /* NULL-terminated */
        .env = env,
        .cwd = sm_block_text(program, "cwd"),
        .output_path = execution->dir->log,
        .supervisor = is_target && execution->needs_supervisor ? execution->supervisor : NULL,
        .address_space_bytes = (uint64_t)sm_block_quantity(program, "address_space"),
    };
    if (is_target && execution->limit)
        sm_limit_apply(execution->limit, &spawn);
    int rc = sm_keeper_spawn(execution->keeper, &spawn, ret_pid, err);
    free(env);
    return rc;
}

static int start_command(struct sm_execution *execution, struct sm_error *err) {
    struct sm_spawn spawn = {
        .argv = execution->options->command,
        .env = sm_sampler_environment(execution->sampler),
        .inherit_stdio = 1,
    };
    int rc = sm_keeper_spawn(execution->keeper, &spawn, &execution->target, err);
    if (rc)
        return rc;
    execution->target_running = 1;
    sm_sampler_follow(execution->sampler, execution->target);
    return 0;
}

/* Says before the start which series will be missing, and goes on. */
static void look_before(struct sm_execution *execution, const char *program) {
    char file[PATH_MAX];
    struct sm_preflight look;
    const char *path = getenv("PATH");
    if (sm_preflight_find(program, path ? path : "", file) ||
        sm_preflight(file, &look, NULL) || look.note[0] == '\0')
        return;
    fprintf(stderr, "spillmark: %s\n", look.note);
    sm_execution_event(execution, "probe", "%s", look.note);
}

int sm_execution_start_target(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    look_before(execution, scenario ? sm_block_texts(scenario->target, "command", NULL)[0]
                                    : execution->options->command[0]);
    if (!scenario)
        return start_command(execution, err);
    for (size_t i = 0; i < scenario->service_count && i < SM_EXECUTION_SERVICES; i++) {
        int rc = spawn_program(execution, scenario->services[i], 0, &execution->services[i], err);
        if (rc)
            return rc;
        execution->service_count++;
        rc = wait_ready(execution, scenario->services[i], err);
        if (rc)
            return rc;
    }
    int rc = spawn_program(execution, scenario->target, 1, &execution->target, err);
    if (rc)
        return rc;
    execution->target_running = 1;
    sm_sampler_follow(execution->sampler, execution->target);
    rc = wait_ready(execution, scenario->target, err);
    if (rc == 0)
        sm_execution_event(execution, "target", "ready");
    return rc;
}

static int stop_signal(const struct sm_scenario *scenario) {
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"INT", SIGINT}, {"HUP", SIGHUP}, {"QUIT", SIGQUIT}, {"USR1", SIGUSR1},
                   {"USR2", SIGUSR2}};
    for (size_t i = 0; scenario && i < sizeof signals / sizeof *signals; i++)
        if (strcmp(signals[i].name, sm_block_text(scenario->target, "stop_signal")) == 0)
            return signals[i].number;
    return SIGTERM;
}

/* Ticks while the target takes its time to stop: what it writes and frees then is evidence. */
static void await_exit(struct sm_execution *execution, double grace_s) {
    sm_execution_tick_until(execution, sm_execution_now(execution) + (int64_t)(grace_s * 1e9));
}

void sm_execution_stop_target(struct sm_execution *execution) {
    if (!execution->target_running)
        return;
    double grace_s = execution->scenario
                         ? sm_block_quantity(execution->scenario->target, "stop_timeout")
                         : command_grace_s;
    execution->target_stopped_by_us = 1;
    sm_execution_event(execution, "target", "asked to stop");
    sm_keeper_signal(execution->keeper, execution->target, stop_signal(execution->scenario), 0);
    await_exit(execution, grace_s);
    if (!execution->target_running)
        return;
    sm_execution_event(execution, "target", "did not stop within %g s and was killed", grace_s);
    sm_keeper_signal(execution->keeper, execution->target, SIGKILL, 1);
    await_exit(execution, kill_grace_s);
}
