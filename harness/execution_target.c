/* execution_target.c - the target: what it is started with, and starting it. */
#include "execution_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "preflight.h"

static const char *const *probe_environment(struct sm_execution *execution) {
    return execution->is_preload_refused ? NULL : sm_sampler_environment(execution->sampler);
}

/* The program's own environment settings behind the probe's. NULL-terminated; free the array. */
static const char **join_environment(struct sm_execution *execution) {
    size_t own_count = 0, probe_count = 0, used = 0;
    const char *const *own = sm_block_texts(execution->target.block, "env", &own_count);
    const char *const *probe = probe_environment(execution);
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

static int spawn_target(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_block *block = execution->target.block;
    const char **env = join_environment(execution);
    if (!env)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    struct sm_spawn spawn = {
        .argv = sm_block_texts(block, "command", NULL), /* NULL-terminated */
        .env = env,
        .cwd = sm_block_text(block, "cwd"),
        .output_path = execution->dir->log,
        .supervisor = execution->needs_supervisor ? execution->supervisor : NULL,
        .address_space_bytes = (uint64_t)sm_block_quantity(block, "address_space"),
    };
    if (execution->limit)
        sm_limit_apply(execution->limit, &spawn);
    if (execution->throttle)
        spawn.disk_cgroup = sm_throttle_dir(execution->throttle);
    int rc = sm_execution_spawn(execution, &execution->target, &spawn, err);
    free(env);
    return rc;
}

static int spawn_command(struct sm_execution *execution, struct sm_error *err) {
    struct sm_spawn spawn = {
        .argv = execution->options->command,
        .env = probe_environment(execution),
        .inherit_stdio = 1,
    };
    return sm_execution_spawn(execution, &execution->target, &spawn, err);
}

int sm_execution_start_target(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    int rc = scenario ? spawn_target(execution, err) : spawn_command(execution, err);
    if (rc)
        return rc;
    sm_sampler_follow(execution->sampler, execution->target.pid);
    if (!scenario)
        return 0;
    rc = sm_execution_wait_ready(execution, &execution->target, err);
    if (rc == 0)
        sm_execution_event(execution, "target", "ready");
    return rc;
}

void sm_execution_look_before(struct sm_execution *execution) {
    char file[PATH_MAX];
    struct sm_preflight look;
    const char *path = getenv("PATH");
    const char *program = execution->scenario
                              ? sm_block_texts(execution->target.block, "command", NULL)[0]
                              : execution->options->command[0];
    if (sm_preflight_find(program, path ? path : "", file) || sm_preflight(file, &look, NULL) ||
        look.note[0] == '\0')
        return;
    fprintf(stderr, "spillmark: %s\n", look.note);
    sm_sampler_expect(execution->sampler, look.note);
    /* Loaders of other systems refuse to start a program with our library, or complain of it. */
    execution->is_preload_refused = look.kind == SM_PREFLIGHT_MUSL ||
                                    look.kind == SM_PREFLIGHT_OTHER_CLASS ||
                                    look.kind == SM_PREFLIGHT_OTHER_MACHINE;
    sm_execution_event(execution, "probe", "%s", look.note);
}
