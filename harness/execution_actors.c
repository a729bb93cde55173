/* execution_actors.c - what target and services have in common: how they end, whether they are
 * ready, being stopped. */
#include "execution_internal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "interrupt.h"
#include "proc.h"

static const double ready_poll_s = 0.02, kill_grace_s = 2, command_grace_s = 10;

static bool is_oom_kill(const struct sm_execution *execution,
                        const struct sm_execution_actor *actor) {
    return actor == &execution->target && execution->limit_kills_told &&
           WIFSIGNALED(actor->status) && WTERMSIG(actor->status) == SIGKILL;
}

char *sm_execution_actor_end(const struct sm_execution *execution,
                             const struct sm_execution_actor *actor, char *buffer,
                             size_t buffer_bytes) {
    char line[300];
    if (!is_oom_kill(execution, actor))
        return sm_exit_text(actor->status, buffer, buffer_bytes);
    snprintf(buffer, buffer_bytes, "oom-killed, by its limit of %s",
             sm_limit_text(execution->limit, line, sizeof line));
    return buffer;
}

static const char *event_kind(const struct sm_execution_actor *actor) {
    return actor->service ? "service" : "target";
}

static struct sm_execution_actor *actor_of(struct sm_execution *execution, pid_t pid) {
    if (execution->target.pid == pid)
        return &execution->target;
    for (size_t i = 0; i < execution->service_count; i++)
        if (execution->services[i].pid == pid)
            return &execution->services[i];
    return NULL;
}

/* What it kept, the guard has ended or is about to. */
static void keeper_is_lost(struct sm_execution *execution) {
    if (!execution->is_keeper_lost)
        sm_execution_event(execution, "error", "the process that keeps the others was killed");
    execution->is_keeper_lost = true;
    execution->target.is_running = false;
    for (size_t i = 0; i < execution->service_count; i++)
        execution->services[i].is_running = false;
}

void sm_execution_reap(struct sm_execution *execution, double timeout_s) {
    struct sm_exit ended;
    char text[96];
    int rc;
    while ((rc = sm_keeper_next_exit(execution->keeper, timeout_s, &ended)) == 1) {
        timeout_s = 0;
        sm_sampler_exited(execution->sampler, ended.pid, ended.status, sm_now_ns());
        struct sm_execution_actor *actor = actor_of(execution, ended.pid);
        if (!actor) {
            sm_execution_load_exited(execution, ended.pid, ended.status);
            continue;
        }
        actor->is_running = false;
        actor->status = ended.status;
        sm_execution_event(execution, event_kind(actor), "%s%s%s",
                           actor->service ? actor->name : "", actor->service ? ": " : "",
                           sm_exit_text(ended.status, text, sizeof text));
    }
    if (rc == -EPIPE)
        keeper_is_lost(execution);
    sm_execution_watch_limit(execution);
}

/* The last line that was written, for the one line the user sees. */
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

int sm_execution_died_early(struct sm_execution *execution, const struct sm_execution_actor *actor,
                            struct sm_error *err) {
    char text[300], line[300], todo[256];
    last_log_line(actor->log, line, sizeof line);
    sm_execution_actor_end(execution, actor, text, sizeof text);
    snprintf(todo, sizeof todo, line[0] ? "its last line was: %s" : "it wrote nothing%s", line);
    if (err)
        err->status = SM_STATUS_BROKEN;
    return sm_error_set(err, -ECHILD, actor->name, todo, "ended before it was ready (%s)", text);
}

static int not_ready(const struct sm_execution_actor *actor, double timeout_s,
                     const struct sm_error *last, struct sm_error *err) {
    char line[300], todo[256];
    last_log_line(actor->log, line, sizeof line);
    snprintf(todo, sizeof todo,
             line[0] ? "its last line was: %s" : "it wrote nothing; is `ready` right?%s", line);
    if (err)
        err->status = SM_STATUS_BROKEN;
    return sm_error_set(err, -ETIMEDOUT, actor->name, todo, "not ready after %g s%s%s", timeout_s,
                        last->what[0] ? ": " : "", last->what);
}

static int check_ready(const struct sm_execution_actor *actor, struct sm_error *err) {
    if (actor->service)
        return sm_service_ops_of(actor->block)->check(actor->service, err);
    const struct sm_block *ready = sm_block_block(actor->block, "ready");
    return ready ? sm_service_check_ready(ready, err) : 1;
}

int sm_execution_wait_ready(struct sm_execution *execution, struct sm_execution_actor *actor,
                            struct sm_error *err) {
    double timeout_s = sm_block_quantity(actor->block, "ready_timeout");
    int64_t deadline_ns = sm_now_ns() + (int64_t)(timeout_s * 1e9);
    for (;;) {
        struct sm_error last = {0};
        if (check_ready(actor, &last) == 1)
            return 0;
        if (execution->is_up)
            sm_execution_tick(execution);
        else
            sm_execution_reap(execution, ready_poll_s);
        if (!actor->is_running && !actor->is_stopped_by_us)
            return sm_execution_died_early(execution, actor, err);
        if (sm_interrupt_pending()) {
            if (err)
                err->status = SM_STATUS_INCONCLUSIVE;
            return sm_error_set(err, -EINTR, NULL, NULL, "interrupted before %s was ready",
                                actor->service ? actor->name : "the target");
        }
        if (sm_now_ns() > deadline_ns)
            return not_ready(actor, timeout_s, &last, err);
    }
}

/* What an earlier life printed goes to NAME.1.log, NAME.2.log: a text in the log that says "ready"
 * is then this life's. */
static void put_log_away(struct sm_execution_actor *actor) {
    char path[PATH_MAX];
    size_t length = strlen(actor->log);
    static const char suffix[] = ".log";
    if (length < sizeof suffix)
        return;
    snprintf(path, sizeof path, "%.*s.%d.log", (int)(length - (sizeof suffix - 1)), actor->log,
             actor->lives);
    if (rename(actor->log, path) && errno != ENOENT)
        fprintf(stderr, "spillmark: %s stays where it is: %s\n", actor->log, strerror(errno));
}

int sm_execution_spawn(struct sm_execution *execution, struct sm_execution_actor *actor,
                       const struct sm_spawn *spawn, struct sm_error *err) {
    if (actor->lives > 0 && spawn->output_path)
        put_log_away(actor);
    int rc = sm_keeper_spawn(execution->keeper, spawn, &actor->pid, err);
    if (rc)
        return rc;
    actor->lives++;
    actor->is_running = true;
    actor->is_stopped_by_us = false;
    actor->status = 0;
    return 0;
}

static int stop_signal(const struct sm_execution_actor *actor) {
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"INT", SIGINT},   {"HUP", SIGHUP},   {"QUIT", SIGQUIT},
                   {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"KILL", SIGKILL}};
    for (size_t i = 0; actor->block && i < sizeof signals / sizeof *signals; i++)
        if (strcmp(signals[i].name, sm_block_text(actor->block, "stop_signal")) == 0)
            return signals[i].number;
    return SIGTERM;
}

/* Ticks while it takes its time to stop: what it writes and frees then is evidence. */
static void await_exit(struct sm_execution *execution, struct sm_execution_actor *actor,
                       double grace_s) {
    sm_execution_tick_until(execution, actor,
                            sm_execution_now(execution) + (int64_t)(grace_s * 1e9));
}

void sm_execution_stop(struct sm_execution *execution, struct sm_execution_actor *actor) {
    const char *kind = event_kind(actor), *name = actor->service ? actor->name : "";
    const char *colon = actor->service ? ": " : "";
    if (!actor->is_running)
        return;
    double grace_s =
        actor->block ? sm_block_quantity(actor->block, "stop_timeout") : command_grace_s;
    actor->is_stopped_by_us = true;
    sm_execution_event(execution, kind, "%s%sasked to stop", name, colon);
    sm_keeper_signal(execution->keeper, actor->pid, stop_signal(actor), 0);
    await_exit(execution, actor, grace_s);
    if (!actor->is_running)
        return;
    sm_execution_event(execution, kind, "%s%sdid not stop within %g s and was killed", name, colon,
                       grace_s);
    sm_execution_kill(execution, actor);
}

void sm_execution_kill(struct sm_execution *execution, struct sm_execution_actor *actor) {
    if (!actor->is_running)
        return;
    actor->is_stopped_by_us = true;
    sm_keeper_signal(execution->keeper, actor->pid, SIGKILL, 1);
    await_exit(execution, actor, kill_grace_s);
}
