/* execution_services.c - services: prepared, started in the order of the scenario, each when the
 * one before is ready; stopped in the reverse order. */
#include "execution_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const double setup_timeout_s = 120;

static int make_directory(struct sm_execution *execution, const struct sm_service *service,
                          struct sm_error *err) {
    int rc = sm_keeper_own_path(execution->keeper, service->directory);
    if (rc)
        return sm_error_errno(err, rc, service->directory, NULL,
                              "the process that keeps the others takes no directory");
    if ((mkdir(execution->dir->services, 0777) && errno != EEXIST) ||
        mkdir(service->directory, 0777))
        return sm_error_errno(err, -errno, service->directory, "give a writable directory with -o",
                              "the directory of a service cannot be made");
    return 0;
}

static int spawn(struct sm_execution *execution, struct sm_execution_actor *actor,
                 const struct sm_service_command *command, struct sm_error *err) {
    const struct sm_service *service = actor->service;
    int is_program = strcmp(service->block->type, "program") == 0;
    struct sm_spawn spawn = {
        .argv = command->argv,
        .env = sm_block_texts(service->block, "env", NULL),
        .cwd = is_program ? sm_block_text(service->block, "cwd") : service->directory,
        .output_path = service->log,
        .address_space_bytes = (uint64_t)sm_block_quantity(service->block, "address_space"),
        .user_id = command->user_id,
        .group_id = command->group_id,
    };
    if (command->is_too_long)
        return sm_error_set(err, -E2BIG, service->block->where, NULL, "too many arguments");
    return sm_execution_spawn(execution, actor, &spawn, err);
}

/* Runs what must be done before the service can start; most have nothing of the kind. */
static int set_up(struct sm_execution *execution, struct sm_execution_actor *actor,
                  struct sm_error *err) {
    struct sm_service_command command = {0};
    const struct sm_service_ops *ops = sm_service_ops_of(actor->block);
    int64_t until_ns = sm_execution_now(execution) + (int64_t)(setup_timeout_s * 1e9);
    int rc = 0;
    if (ops->setup)
        ops->setup(actor->service, &command);
    if (command.count > 0)
        rc = spawn(execution, actor, &command, err);
    while (rc == 0 && actor->is_running && sm_execution_now(execution) < until_ns)
        sm_execution_reap(execution, 0.05);
    if (rc == 0 && command.count > 0 &&
        (actor->is_running || !WIFEXITED(actor->status) || WEXITSTATUS(actor->status) != 0))
        rc = sm_execution_died_early(execution, actor, err);
    if (rc == 0 && command.count > 0)
        actor->lives = 0; /* what it printed belongs to the service's first */
    sm_arena_free(&command.arena);
    return rc;
}

int sm_execution_start_service(struct sm_execution *execution, struct sm_execution_actor *actor,
                               struct sm_error *err) {
    struct sm_service_command command = {0};
    const struct sm_service_ops *ops = sm_service_ops_of(actor->block);
    int rc = ops->prepare ? ops->prepare(actor->service, err) : 0;
    if (rc == 0)
        rc = set_up(execution, actor, err);
    if (rc)
        return rc;
    ops->command(actor->service, &command);
    rc = spawn(execution, actor, &command, err);
    sm_arena_free(&command.arena);
    if (rc == 0)
        rc = sm_execution_wait_ready(execution, actor, err);
    if (rc == 0)
        sm_execution_event(execution, "service", "%s: ready on port %u", actor->name,
                           actor->service->port);
    return rc;
}

void sm_execution_open_actors(struct sm_execution *execution) {
    const struct sm_scenario *scenario = execution->scenario;
    execution->target = (struct sm_execution_actor){
        .name = "target", .block = scenario ? scenario->target : NULL, .log = execution->dir->log};
    for (size_t i = 0; scenario && i < scenario->service_count; i++) {
        const struct sm_service *service = &scenario->services[i];
        execution->services[execution->service_count++] =
            (struct sm_execution_actor){.name = service->name,
                                        .block = service->block,
                                        .service = service,
                                        .log = service->log};
    }
}

static int open_relay(struct sm_execution_actor *actor, struct sm_error *err) {
    const struct sm_service *service = actor->service;
    const struct sm_relay_places places = {.front_port = service->front_port,
                                           .back_port = service->port,
                                           .front_unix_path = service->front_unix_path,
                                           .back_unix_path = service->unix_path};
    return service->has_relay ? sm_relay_open(&places, &actor->relay, err) : 0;
}

int sm_execution_start_services(struct sm_execution *execution, struct sm_error *err) {
    for (size_t i = 0; i < execution->service_count; i++) {
        struct sm_execution_actor *actor = &execution->services[i];
        int rc = make_directory(execution, actor->service, err);
        if (rc == 0)
            rc = sm_execution_start_service(execution, actor, err);
        if (rc == 0)
            rc = open_relay(actor, err);
        if (rc)
            return rc;
    }
    return 0;
}

void sm_execution_stop_services(struct sm_execution *execution) {
    for (size_t i = execution->service_count; i-- > 0;)
        sm_execution_stop(execution, &execution->services[i]);
}

void sm_execution_close_actors(struct sm_execution *execution) {
    for (size_t i = 0; i < execution->service_count; i++) {
        sm_relay_close(execution->services[i].relay);
        execution->services[i].relay = NULL;
    }
}
