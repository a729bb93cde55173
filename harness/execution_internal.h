/* execution_internal.h - the state that the files of one execution share. */
#pragma once

#include "../reports/record.h"
#include "condition.h"
#include "execution.h"
#include "fault.h"
#include "keeper.h"
#include "limit.h"
#include "live.h"
#include "load.h"
#include "progress.h"
#include "relay.h"
#include "run_dir.h"
#include "sampler.h"
#include "settler.h"
#include "throttle.h"
#include "watcher.h"

enum { SM_EXECUTION_LOADS = 16, SM_EXECUTION_FAULTS = 32, SM_EXECUTION_SERVICES = 16 };

struct sm_execution_load {
    const struct sm_load_ops *ops;
    const struct sm_block *block;
    void *driver;
    char name[64];
    struct sm_histogram *latency_ns, *slip_ns; /* of the interval now open */
    struct sm_load_counts counts, counts_written;
    int running;
    bool is_on; /* in this phase */
};

/* The target, or a service. */
struct sm_execution_actor {
    const char *name;                 /* "target", or the service's */
    const struct sm_block *block;     /* NULL: a command without a scenario */
    const struct sm_service *service; /* NULL: the target */
    const char *log;
    pid_t pid;
    bool is_running, is_stopped_by_us;
    int status;             /* as by waitpid, once it is not running */
    int lives;              /* begun */
    struct sm_relay *relay; /* NULL = none */
};

struct sm_execution_fault {
    const struct sm_fault_ops *ops;
    const struct sm_block *block;
    void *fault;
    bool has_condition;
    struct sm_condition condition;
    /* Times since the start of the run, of the phase that has it. */
    bool is_waiting; /* for due_ns, then for its condition until give_up_ns */
    int64_t due_ns, give_up_ns;
    int64_t begun_ns; /* -1 while not at work */
    int64_t end_ns;
    struct sm_receipt at_begin;
};

struct sm_execution {
    const struct sm_execution_options *options;
    const struct sm_scenario *scenario; /* may be NULL */
    struct sm_run_dir *dir;
    struct sm_supervisor_shared *supervisor;
    bool needs_supervisor;
    struct sm_keeper *keeper;
    struct sm_limit *limit;       /* NULL = none */
    uint64_t limit_kills_told;    /* processes */
    struct sm_throttle *throttle; /* NULL unless the faults on files are done by it */
    struct sm_record *record;
    struct sm_sampler *sampler;
    bool is_preload_refused; /* the target would not start with the probe */
    struct sm_watcher *watcher;
    struct sm_settler *settler; /* NULL unless the run goes on until it is sure */
    size_t last_new_phase;      /* those after it repeat what has been */
    struct {
        double load_factor, per_s; /* per_s is 0 until it is known */
        double due_bytes, loaded_s;
        int64_t at_ns; /* CLOCK_MONOTONIC */
    } control;
    struct sm_progress progress;
    struct sm_live *live; /* NULL unless asked for */
    struct sm_execution_load loads[SM_EXECUTION_LOADS];
    size_t load_count;
    struct sm_execution_fault faults[SM_EXECUTION_FAULTS];
    size_t fault_count;
    struct sm_execution_actor services[SM_EXECUTION_SERVICES];
    size_t service_count;
    struct sm_execution_actor target;
    bool is_keeper_lost;
    bool is_up;       /* the phases have begun: who waits, goes on sampling */
    bool is_stopping; /* what ticks now, waits for something to end, also when interrupted */
    int64_t start_ns; /* CLOCK_MONOTONIC of the run's zero */
    int64_t next_tick_ns, next_second_ns;
    int64_t load_written_ns;
    int64_t watch_failures_told;
    struct sm_execution_end *end;
};

/* Since the run's zero. */
int64_t sm_execution_now(const struct sm_execution *execution);
/* Adds a line to the record's events. */
void sm_execution_event(struct sm_execution *execution, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* execution_actors.c: target and services alike. */
int sm_execution_spawn(struct sm_execution *execution, struct sm_execution_actor *actor,
                       const struct sm_spawn *spawn, struct sm_error *err);
/* Notes all that has ended; waits up to timeout_s for the first. */
void sm_execution_reap(struct sm_execution *execution, double timeout_s);
int sm_execution_wait_ready(struct sm_execution *execution, struct sm_execution_actor *actor,
                            struct sm_error *err);
/* Asks it to stop as its block says, then kills it, sampling meanwhile. Nothing when it has
 * ended. */
void sm_execution_stop(struct sm_execution *execution, struct sm_execution_actor *actor);
void sm_execution_kill(struct sm_execution *execution, struct sm_execution_actor *actor);
/* The error that says it has ended, with the last line it wrote; returns its code. */
int sm_execution_died_early(struct sm_execution *execution, const struct sm_execution_actor *actor,
                            struct sm_error *err);
/* sm_exit_text for one of ours, which its limit may have ended. */
char *sm_execution_actor_end(const struct sm_execution *execution,
                             const struct sm_execution_actor *actor, char *buffer,
                             size_t buffer_bytes);

/* execution_services.c */
/* Makes target and services known by their names; nothing is started. */
void sm_execution_open_actors(struct sm_execution *execution);
void sm_execution_close_actors(struct sm_execution *execution);
int sm_execution_start_services(struct sm_execution *execution, struct sm_error *err);
/* Once more, of one that has ended; waits until it is ready. */
int sm_execution_start_service(struct sm_execution *execution, struct sm_execution_actor *actor,
                               struct sm_error *err);
void sm_execution_stop_services(struct sm_execution *execution);

/* execution_target.c */
/* What is said before the start about which series will be missing. */
void sm_execution_look_before(struct sm_execution *execution);
/* Starts it, also once more; waits until it is ready. */
int sm_execution_start_target(struct sm_execution *execution, struct sm_error *err);

/* execution_limit.c: the target's limit on memory, when the scenario has one. */
int sm_execution_make_limit(struct sm_execution *execution, struct sm_error *err);
void sm_execution_watch_limit(struct sm_execution *execution);
void sm_execution_write_limit(struct sm_execution *execution);

/* execution_load.c */
int sm_execution_open_loads(struct sm_execution *execution, struct sm_error *err);
/* Those that the target connects to, before it starts; the others when it is ready. */
int sm_execution_start_loads(struct sm_execution *execution, bool serving, struct sm_error *err);
/* Turns each load on or off as the phase says. */
void sm_execution_set_load(struct sm_execution *execution, double factor, const char *phase);
/* A load that is on has no more to do, and ends the phase. */
bool sm_execution_load_is_over(const struct sm_execution *execution);
/* A process has ended: true, when it was a load's. */
bool sm_execution_load_exited(struct sm_execution *execution, pid_t pid, int status);
void sm_execution_read_loads(struct sm_execution *execution);
void sm_execution_write_loads(struct sm_execution *execution);
void sm_execution_stop_loads(struct sm_execution *execution, double grace_s);
void sm_execution_write_ledger(struct sm_execution *execution);
/* The newest value of what a condition can name; NAN when it is not known. */
double sm_execution_figure(struct sm_execution *execution, const char *series);
void sm_execution_close_loads(struct sm_execution *execution);

/* execution_control.c: the positive control, when one was asked for. */
void sm_execution_keep_control(struct sm_execution *execution, int64_t now_ns);
void sm_execution_write_control(struct sm_execution *execution);

/* execution_faults.c */
int sm_execution_open_faults(struct sm_execution *execution, struct sm_error *err);
/* execution_way.c: by which way, once all faults are open. */
int sm_execution_choose_way(struct sm_execution *execution, struct sm_error *err);
/* Those of a phase that begins at from_ns and lasts until until_ns. */
void sm_execution_plan_faults(struct sm_execution *execution, const struct sm_scenario_phase *phase,
                              int64_t from_ns, int64_t until_ns);
/* Begins and ends what is due. */
int sm_execution_run_faults(struct sm_execution *execution, struct sm_error *err);
/* Ends all that are at work, and gives up those that wait for their condition. */
int sm_execution_end_faults(struct sm_execution *execution, struct sm_error *err);
void sm_execution_close_faults(struct sm_execution *execution);

/* execution_sure.c; all do nothing without --until-sure. Phases count from 0. */
int sm_execution_start_settler(struct sm_execution *execution, struct sm_error *err);
void sm_execution_phase_done(struct sm_execution *execution, size_t index);
/* 1 when the outcome is sure and the run may end here: not within a rest, which would leave a mark
 * unlike the others. */
int sm_execution_is_sure(struct sm_execution *execution, const struct sm_scenario_phase *phase,
                         char *why, size_t why_bytes);
void sm_execution_stop_settler(struct sm_execution *execution);

/* execution_variables.c: the names of the environment variables that the scenario sets for the
 * target, into the record; their values only when asked for, since they hold secrets. */
void sm_execution_write_variables(struct sm_execution *execution);

/* execution_live.c: does nothing unless asked for. */
int sm_execution_start_live(struct sm_execution *execution, struct sm_error *err);

/* execution_phases.c. A tick returns 0 to go on, 1 when the run is to end early: then ended_by is
 * set, as it is by the other two. */
int sm_execution_tick(struct sm_execution *execution);
void sm_execution_tell_watch_failures(struct sm_execution *execution, int is_end);
void sm_execution_run_phases(struct sm_execution *execution);
void sm_execution_run_command(struct sm_execution *execution);
/* Ticks on until at_ns (since the zero) or until the actor is gone. */
void sm_execution_tick_until(struct sm_execution *execution, const struct sm_execution_actor *actor,
                             int64_t at_ns);
