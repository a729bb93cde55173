/* supervised.h - runs one program under a supervisor of its own, the way the keeper does, in a
 * temporary directory with two folders: watched/ (under the rule) and beside/ (not). */
#pragma once

#include <sys/types.h>

#include "harness/launch_supervisor.h"

struct supervised {
    char dir[64]; /* the program's working directory */
    struct sm_supervisor_shared *shared;
    struct sm_disk_rule *rule; /* the first rule, on watched/, not active yet */
    struct sm_launch_supervisor supervisor;
    pid_t pid;
    int inherited_fd;          /* kept open as this very number in the program; -1 = none */
    unsigned descriptor_limit; /* RLIMIT_NOFILE of the program; 0 = as here */
};

/* cmocka set-up and tear-down: *state is the struct supervised. */
int supervised_setup(void **state);
int supervised_teardown(void **state);

/* Names the program under test that SPILLMARK_FAULT_WRITER or _STATIC stands for. */
const char *writer_program(void);
const char *static_writer_program(void);

void supervised_start(struct supervised *run, const char *const *argv);
/* Waits for the program and the supervisor; the program's wait status. */
int supervised_finish(struct supervised *run);
/* Both, and fails the test unless the program ended with 0. */
void supervised_run(struct supervised *run, const char *const *argv);

/* Activates the rule as it is then; call before start or while it runs. */
void supervised_activate(struct supervised *run);

/* Waits (without bound: CTest has the bound) until a counter of shared memory, or the number of
 * calls that the rule makes wait, reaches `least`. */
void wait_for_counter(const uint64_t *counter, uint64_t least);
void wait_for_waiting(const struct sm_disk_rule *rule, uint32_t least);

/* The delay must be at least what the bytes take at the rate, less the supervisor's credit. */
void assert_throttled(const struct sm_disk_rule *rule, uint64_t least_bytes);
