/* process_load: a program of the user's own as the load. It is started with the phase and stopped
 * with it, or ends the phase by its own end. What it sends only it knows: it prints that, and what
 * it prints is kept. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "load.h"
#include "load_engine.h"
#include "preflight.h"
#include "proc.h"

enum { ENDINGS = 16, SHARD_BYTES = 48 };
static const double kill_wait_s = 2;

struct process_load {
    const struct sm_block *config;
    struct sm_load_process process; /* private to it, given by attach */
    const char **env;
    char shard[SHARD_BYTES];
    int64_t stop_ns; /* when it was asked to stop; 0: it was not */
    bool ends_phase, is_over;
    bool again; /* the load came on while the one before was still stopping */
    struct sm_load_outcome_count endings[ENDINGS];
    size_t ending_count;
};

static int process_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    char file[PATH_MAX];
    const char *path = getenv("PATH"), *program = sm_block_texts(config, "command", NULL)[0];
    int rc = sm_preflight_find(program, path ? path : "", file);
    if (rc == 0 && access(file, X_OK) < 0)
        rc = -errno;
    if (rc < 0)
        return sm_error_set(err, -EINVAL, config->where, NULL, "%s %s", program,
                            rc == -ENOENT ? "is not there" : "cannot be executed");
    struct process_load *load = calloc(1, sizeof *load);
    size_t count = 0;
    const char *const *own = sm_block_texts(config, "env", &count);
    if (load)
        load->env = calloc(count + 2, sizeof *load->env);
    if (!load || !load->env) {
        free(load);
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
    }
    for (size_t i = 0; i < count; i++)
        load->env[i] = own[i];
    load->config = config;
    load->ends_phase = sm_block_bool(config, "ends_phase");
    *ret_driver = load;
    return 0;
}

static void process_attach(void *driver, const struct sm_load_process *process) {
    struct process_load *load = driver;
    load->process = *process;
}

/* The program is to know its part. */
static void process_set_shard(void *driver, const struct sm_shard *shard) {
    struct process_load *load = driver;
    size_t count = 0;
    sm_block_texts(load->config, "env", &count);
    snprintf(load->shard, sizeof load->shard, "SPILLMARK_SHARD=%d/%d", shard->index + 1,
             shard->count);
    load->env[count] = load->shard;
}

static void count_ending(struct process_load *load, const char *text) {
    char outcome[SM_LOAD_OUTCOME_BYTES];
    const char *slash = strrchr(load->process.log, '/');
    size_t i = 0;
    snprintf(outcome, sizeof outcome, "%.70s (it printed %.30s)", text,
             slash ? slash + 1 : load->process.log);
    while (i < load->ending_count && strcmp(load->endings[i].outcome, outcome) != 0)
        i++;
    if (i == ENDINGS)
        return;
    if (i == load->ending_count)
        snprintf(load->endings[load->ending_count++].outcome, sizeof load->endings[i].outcome, "%s",
                 outcome);
    load->endings[i].count++;
}

static void spawn(struct process_load *load) {
    const struct sm_spawn spawn = {
        .argv = sm_block_texts(load->config, "command", NULL),
        .env = load->env,
        .cwd = sm_block_text(load->config, "cwd"),
        .output_path = load->process.log,
    };
    struct sm_error err = {0};
    load->stop_ns = 0;
    load->is_over = load->again = false;
    int rc = sm_keeper_spawn(load->process.keeper, &spawn, &load->process.pid, &err);
    if (rc == 0)
        return;
    load->process.pid = 0;
    load->is_over = true;
    count_ending(load, err.what);
}

static void ask_to_stop(struct process_load *load) {
    if (!load->process.pid || load->stop_ns)
        return;
    load->stop_ns = sm_now_ns();
    sm_keeper_signal(load->process.keeper, load->process.pid, SIGTERM, 1);
}

static int process_start(void *driver, struct sm_error *err) {
    (void)driver, (void)err;
    return 0;
}

static void process_set_factor(void *driver, double factor) {
    struct process_load *load = driver;
    if (factor <= 0)
        ask_to_stop(load);
    else if (!load->process.pid)
        spawn(load);
    else
        load->again = load->stop_ns != 0;
}

static bool process_exited(void *driver, pid_t pid, int status) {
    struct process_load *load = driver;
    char text[96];
    if (pid != load->process.pid)
        return false;
    load->process.pid = 0;
    load->is_over = !load->stop_ns;
    bool by_us = load->stop_ns && WIFSIGNALED(status);
    count_ending(load, by_us ? "stopped with its phase" : sm_exit_text(status, text, sizeof text));
    if (load->again)
        spawn(load);
    return true;
}

static bool process_is_over(const void *driver) {
    const struct process_load *load = driver;
    return load->ends_phase && load->is_over;
}

/* Called with every tick: whoever does not stop when asked is made to. */
static void process_snapshot(void *driver, struct sm_load_snapshot *snapshot) {
    struct process_load *load = driver;
    double grace_s = sm_block_quantity(load->config, "stop_timeout");
    if (load->process.pid && load->stop_ns &&
        sm_now_ns() - load->stop_ns > (int64_t)(grace_s * 1e9))
        sm_keeper_signal(load->process.keeper, load->process.pid, SIGKILL, 1);
    snapshot->counts = (struct sm_load_counts){0};
}

static size_t process_outcomes(void *driver, struct sm_load_outcome_count *outcomes,
                               size_t capacity) {
    struct process_load *load = driver;
    size_t count = load->ending_count < capacity ? load->ending_count : capacity;
    memcpy(outcomes, load->endings, count * sizeof *outcomes);
    return count;
}

static void await_exit(struct process_load *load, double seconds) {
    int64_t until_ns = sm_now_ns() + (int64_t)(seconds * 1e9);
    while (load->process.pid && sm_now_ns() < until_ns)
        load->process.reap(load->process.owner, 0.02);
}

static void process_stop(void *driver, double grace_s) {
    struct process_load *load = driver;
    load->again = false;
    ask_to_stop(load);
    await_exit(load, grace_s);
    if (load->process.pid) {
        sm_keeper_signal(load->process.keeper, load->process.pid, SIGKILL, 1);
        await_exit(load, kill_wait_s);
    }
}

static void process_close(void *driver) {
    struct process_load *load = driver;
    if (!load)
        return;
    free(load->env);
    free(load);
}

static const struct sm_key process_keys[] = {
    {.name = "command",
     .type = SM_KEY_TEXTS,
     .required = true,
     .help = "the program and its arguments, the target's address among them"},
    {.name = "env", .type = SM_KEY_SETTINGS, .help = "variables of its environment"},
    {.name = "cwd", .type = SM_KEY_TEXT, .help = "the directory it is started in"},
    {.name = "ends_phase",
     .type = SM_KEY_BOOL,
     .fallback = "true",
     .help = "its end is the end of the phase, which then need not last its time"},
    {.name = "stop_timeout",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .fallback = "2s",
     .at_most = 3600,
     .help = "how long it may take to stop, with the phase, before it is killed"},
    SM_LOAD_COMMON_KEYS,
    {.name = NULL}};

const struct sm_load_ops sm_process_load = {
    .name = "process_load",
    .help = "a program of your own: k6, wrk, a script",
    .keys = process_keys,
    .open = process_open,
    .attach = process_attach,
    .set_shard = process_set_shard,
    .start = process_start,
    .set_factor = process_set_factor,
    .exited = process_exited,
    .is_over = process_is_over,
    .snapshot = process_snapshot,
    .outcomes = process_outcomes,
    .stop = process_stop,
    .close = process_close,
};
