/* keeper.h - the process that owns every other process and every temporary thing of a run.
 *
 * The harness forks one keeper before it has threads. The keeper is a child subreaper: it starts
 * the target and the services, reaps them and all that they leave behind, and when the harness
 * ends in any way (exit, Ctrl-C, kill -9) it kills what is left (SIGTERM, grace, SIGKILL; stopped
 * processes are continued), removes the paths given to it, and goes. The harness and the keeper
 * speak over a socket pair. Thread rule: one thread at a time. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "../reports/error.h"
#include "supervisor.h"

struct sm_keeper;

struct sm_spawn {
    const char *const *argv; /* argv[0] is looked up in PATH */
    const char *const *env;  /* "NAME=VALUE" added to or replacing the harness's own */
    const char *cwd;         /* NULL = as the harness */
    const char *output_path; /* stdout and stderr are appended here; NULL = inherited */
    int inherit_stdio;       /* keep stdin, stdout and stderr (spillmark probe) */
    struct sm_supervisor_shared *supervisor; /* not NULL: run under a supervisor of its own */
    uint64_t address_space_bytes;            /* RLIMIT_AS, 0 = none */
    uint64_t data_bytes;                     /* RLIMIT_DATA, 0 = none */
    const char *cgroup;                      /* a control group to start in; NULL = ours */
    const char *disk_cgroup;                 /* another one, of another controller */
    uint32_t user_id, group_id;              /* to become before exec; 0 = stay who we are */
};

struct sm_exit {
    pid_t pid;
    int status; /* as by waitpid */
};

/* What returns an int: 0 where nothing else is said, or a negative errno (-EPIPE: the keeper is
 * gone), with *err where there is one. To be started before threads. */
int sm_keeper_start(struct sm_keeper **ret_keeper, struct sm_error *err);

/* Starts a program in a process group of its own. exec failures come back here as an error
 * (status SM_STATUS_USAGE when the program is missing or not executable). */
int sm_keeper_spawn(struct sm_keeper *keeper, const struct sm_spawn *spawn, pid_t *ret_pid,
                    struct sm_error *err);

/* Sends a signal to a spawned process group (to_group) or to the one process. */
int sm_keeper_signal(struct sm_keeper *keeper, pid_t pid, int signal, int to_group);

/* Waits up to timeout_s for the next exit of a spawned process; 1 = one came, 0 = none, or a
 * negative errno. */
int sm_keeper_next_exit(struct sm_keeper *keeper, double timeout_s, struct sm_exit *ret_exit);

/* Hands over a path (file, socket, directory tree, control group) to be removed at the end. */
int sm_keeper_own_path(struct sm_keeper *keeper, const char *path);

/* Ends everything still alive, removes owned paths, reaps the keeper. NULL is allowed. */
void sm_keeper_stop(struct sm_keeper *keeper, double grace_s);
