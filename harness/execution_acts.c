/* execution_acts.c - what faults do to target and services: pause, end, start again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../reports/suggest.h"
#include "actors.h"
#include "clock.h"
#include "execution_internal.h"
#include "interrupt.h"
#include "proc.h"

static const int64_t pause_patience_ns = 2000000000, poll_ns = 1000000;

static void collect_names(const struct sm_execution *execution, const char **names,
                          size_t *ret_count) {
    names[0] = "target";
    for (size_t i = 0; i < execution->service_count; i++)
        names[i + 1] = execution->services[i].name;
    *ret_count = execution->service_count + 1;
}

int sm_actor_find(struct sm_execution *execution, const struct sm_block *config,
                  struct sm_execution_actor **ret_actor, struct sm_error *err) {
    const char *name = sm_block_text(config, "name");
    const char *names[SM_EXECUTION_SERVICES + 1];
    char todo[128] = "";
    size_t count;
    collect_names(execution, names, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) {
            *ret_actor = i == 0 ? &execution->target : &execution->services[i - 1];
            return 0;
        }
    const char *near = sm_suggest(name, names, count);
    if (near)
        snprintf(todo, sizeof todo, "did you mean \"%s\"?", near);
    if (err)
        err->status = SM_STATUS_USAGE;
    return sm_error_set(err, -ENOENT, config->where, near ? todo : "name a service, or target",
                        "there is no service \"%.60s\"", name);
}

static void list_tree(const struct sm_execution_actor *actor, struct sm_pid_list *list) {
    list->count = 0;
    if (actor->is_running && sm_pid_list_add(list, actor->pid) == 0)
        sm_proc_descendants(actor->pid, NULL, list);
}

static bool stands_still(pid_t pid) {
    struct sm_proc_stat stat;
    return sm_proc_stat(pid, &stat) || strchr("TtZX", stat.state) != NULL;
}

/* Those that had forked just before are met in the next round. */
int sm_actor_pause(struct sm_execution_actor *actor, size_t *ret_count, struct sm_error *err) {
    struct sm_pid_list list = {0};
    int64_t deadline_ns = sm_now_ns() + pause_patience_ns;
    bool all_still = false;
    while (!all_still && sm_now_ns() < deadline_ns) {
        list_tree(actor, &list);
        all_still = true;
        for (size_t i = 0; i < list.count; i++)
            if (!stands_still(list.pids[i])) {
                kill(list.pids[i], SIGSTOP);
                all_still = false;
            }
        if (!all_still)
            sm_sleep_until_ns(sm_now_ns() + poll_ns);
    }
    size_t count = list.count;
    sm_pid_list_free(&list);
    if (!all_still)
        return sm_error_set(err, -ETIMEDOUT, actor->name, NULL,
                            "it does not stand still after SIGSTOP");
    *ret_count = count;
    return 0;
}

void sm_actor_resume(struct sm_execution_actor *actor) {
    struct sm_pid_list list = {0};
    list_tree(actor, &list);
    for (size_t i = list.count; i-- > 0;)
        kill(list.pids[i], SIGCONT);
    sm_pid_list_free(&list);
}

/* At once and with all below it, also those in groups of their own. */
static void kill_tree(struct sm_execution *execution, struct sm_execution_actor *actor) {
    struct sm_pid_list list = {0};
    list_tree(actor, &list);
    actor->is_stopped_by_us = true;
    for (size_t i = 0; i < list.count; i++)
        kill(list.pids[i], SIGKILL);
    sm_pid_list_free(&list);
    sm_execution_kill(execution, actor);
}

int sm_actor_end(struct sm_execution *execution, struct sm_execution_actor *actor, bool by_kill,
                 char *how, size_t how_bytes, struct sm_error *err) {
    if (!actor->is_running)
        return sm_error_set(err, -ESRCH, actor->name, NULL, "it has ended already");
    if (by_kill)
        kill_tree(execution, actor);
    else
        sm_execution_stop(execution, actor);
    if (actor->is_running)
        return sm_error_set(err, -ETIMEDOUT, actor->name, NULL, "it does not end");
    sm_exit_text(actor->status, how, how_bytes);
    return 0;
}

int sm_actor_start(struct sm_execution *execution, struct sm_execution_actor *actor,
                   struct sm_error *err) {
    return actor->service ? sm_execution_start_service(execution, actor, err)
                          : sm_execution_start_target(execution, err);
}

void sm_actor_wait(struct sm_execution *execution, double seconds) {
    int64_t until_ns = sm_execution_now(execution) + (int64_t)(seconds * 1e9);
    while (!sm_interrupt_pending() && sm_execution_now(execution) < until_ns)
        sm_execution_tick(execution);
}

bool sm_actor_has_relay(const struct sm_execution_actor *actor) {
    return actor->service && actor->service->has_relay;
}

struct sm_relay *sm_actor_relay(const struct sm_execution_actor *actor) {
    return actor->relay;
}
