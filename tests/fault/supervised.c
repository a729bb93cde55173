#include "supervised.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const double credit_s = 0.02; /* what the supervisor gives for its own lateness */

int supervised_setup(void **state) {
    struct supervised *run = calloc(1, sizeof *run);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_non_null(run);
    snprintf(run->dir, sizeof run->dir, "/tmp/spillmark-fault-XXXXXX");
    assert_non_null(mkdtemp(run->dir));
    run->shared = sm_supervisor_share();
    assert_non_null(run->shared);
    run->rule = &run->shared->rules[0];
    snprintf(run->rule->path, sizeof run->rule->path, "%s/watched", run->dir);
    assert_int_equal(mkdir(run->rule->path, 0777), 0);
    char beside[128];
    snprintf(beside, sizeof beside, "%s/beside", run->dir);
    assert_int_equal(mkdir(beside, 0777), 0);
    assert_int_equal(chmod(run->dir, 0755), 0);
    run->rule->used = 1;
    run->inherited_fd = -1;
    *state = run;
    return 0;
}

int supervised_teardown(void **state) {
    struct supervised *run = *state;
    char command[128];
    if (run->pid > 0) {
        kill(run->pid, SIGKILL);
        supervised_finish(run);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", run->dir);
    int status = system(command);
    sm_supervisor_unshare(run->shared);
    free(run);
    return status;
}

static const char *program_from(const char *variable) {
    const char *program = getenv(variable);
    assert_non_null(program);
    return program;
}

const char *writer_program(void) {
    return program_from("SPILLMARK_FAULT_WRITER");
}

const char *static_writer_program(void) {
    return program_from("SPILLMARK_FAULT_WRITER_STATIC");
}

static _Noreturn void become_program(const struct supervised *run, const char *const *argv) {
    struct rlimit limit = {run->descriptor_limit, run->descriptor_limit};
    if (run->inherited_fd >= 0)
        fcntl(run->inherited_fd, F_SETFD, 0);
    if (chdir(run->dir) || (run->descriptor_limit && setrlimit(RLIMIT_NOFILE, &limit)) ||
        sm_launch_supervisor_enter(&run->supervisor))
        _exit(126);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

void supervised_start(struct supervised *run, const char *const *argv) {
    assert_int_equal(sm_launch_supervisor_start(run->shared, &run->supervisor), 0);
    fflush(NULL);
    run->pid = fork();
    assert_true(run->pid >= 0);
    if (run->pid == 0)
        become_program(run, argv);
    sm_launch_supervisor_settle(&run->supervisor, 1);
}

int supervised_finish(struct supervised *run) {
    int status = -1, served = -1;
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
    run->pid = 0;
    /* It goes by itself once the last process under it is gone. */
    assert_int_equal(waitpid(run->supervisor.pid, &served, 0), run->supervisor.pid);
    assert_int_equal(served, 0);
    assert_int_equal(run->shared->failed, 0);
    while (waitpid(-1, NULL, 0) > 0) /* what a killed program left to us */
        ;
    return status;
}

void supervised_run(struct supervised *run, const char *const *argv) {
    supervised_start(run, argv);
    assert_int_equal(supervised_finish(run), 0);
}

void supervised_activate(struct supervised *run) {
    __atomic_add_fetch(&run->rule->epoch, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&run->rule->active, 1, __ATOMIC_RELEASE);
}

void wait_for_counter(const uint64_t *counter, uint64_t least) {
    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < least)
        usleep(1000);
}

void wait_for_waiting(const struct sm_disk_rule *rule, uint32_t least) {
    while (__atomic_load_n(&rule->waiting, __ATOMIC_ACQUIRE) < least)
        usleep(1000);
}

void assert_throttled(const struct sm_disk_rule *rule, uint64_t least_bytes) {
    double delay_s = (double)rule->delay_ns / 1e9;
    assert_true(rule->bytes >= least_bytes);
    assert_true(delay_s >= (double)rule->bytes / (double)rule->bytes_per_s - credit_s);
}
