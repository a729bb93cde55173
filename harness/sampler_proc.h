/* sampler_proc.h - one process seen from outside, through descriptors that stay open: they name
 * this process and no later one of the same number, and an open file costs a microsecond to read
 * again where a path costs ten. One thread. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct sm_outside {
    pid_t pid;
    int dir_fd; /* /proc/PID; -1 = closed */
    int statm_fd;
    int pid_fd;             /* -1 where the kernel has none */
    int counts_fds_by_size; /* st_size of /proc/PID/fd is the count (Linux 6.2) */
};

/* 0, or a negative errno when there is no such process. Close with sm_outside_close. */
int sm_outside_open(pid_t pid, struct sm_outside *ret_outside);
void sm_outside_close(struct sm_outside *outside); /* closed ones are allowed */

/* Cheap figures: about five microseconds. */
struct sm_outside_figures {
    uint64_t rss_bytes, shared_bytes; /* shared: file pages and shared memory */
    uint64_t fds, threads;
    double cpu_s;
};
/* 0, or -ESRCH when the process has gone (a zombie has gone). */
int sm_outside_read(struct sm_outside *outside, struct sm_outside_figures *ret_figures);

/* RSS that is not anonymous, by kind, from /proc/PID/status. 0, or -ESRCH as above. */
struct sm_outside_kinds {
    uint64_t file_bytes, shmem_bytes;
};
int sm_outside_read_kinds(struct sm_outside *outside, struct sm_outside_kinds *ret_kinds);

/* Anonymous memory from smaps_rollup: exact, but holds the process's memory lock (milliseconds on
 * a large one), so at checkpoints only. */
int sm_outside_read_rollup(struct sm_outside *outside, uint64_t *ret_anon_bytes);

/* The command line, arguments joined by spaces, or "[name]". */
void sm_outside_command(struct sm_outside *outside, char *command, size_t command_bytes);

/* How a process that has gone ended, as by waitpid; -ENODATA where the kernel does not tell
 * (before Linux 6.15) or it has not been reaped. */
int sm_outside_exit_status(struct sm_outside *outside, int *ret_status);
