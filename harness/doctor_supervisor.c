/* doctor_supervisor.c - is the slow disk possible here? A child of ours writes a file under a
 * rule, and the receipt must say so. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "launch_supervisor.h"

enum { WRITTEN_BYTES = 4096, CANNOT_ENTER = 100, FEW_DESCRIPTORS = 32 };

static _Noreturn void write_supervised(const struct sm_launch_supervisor *supervisor,
                                       const char *path) {
    static const char bytes[WRITTEN_BYTES];
    int rc = sm_launch_supervisor_enter(supervisor);
    if (rc)
        _exit(rc == -EACCES || rc == -EPERM ? CANNOT_ENTER + 1 : CANNOT_ENTER);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    _exit(fd < 0 || write(fd, bytes, sizeof bytes) != sizeof bytes);
}

/* The kernel looks at the flags first: with ones it knows it misses the program. */
static bool knows_killable_waits(void) {
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                   SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                   NULL) < 0 &&
           errno == EFAULT;
}

static int judge(int status, const struct sm_supervisor_shared *shared, char *note) {
    const struct sm_disk_rule *rule = &shared->rules[0];
    if (WIFEXITED(status) && WEXITSTATUS(status) >= CANNOT_ENTER) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "the program cannot be put under it");
        return WEXITSTATUS(status) == CANNOT_ENTER ? -ENOSYS : -EPERM;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "a supervised write failed");
        return -EIO;
    }
    if (shared->unreadable) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "the program's memory can't be read");
        return -EPERM;
    }
    if (shared->escaped || rule->bytes != WRITTEN_BYTES) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "a descriptor can't be handed over");
        return -ENOSYS;
    }
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "%d bytes delayed by %.1f ms%s", WRITTEN_BYTES,
             (double)rule->delay_ns / 1e6,
             knows_killable_waits() ? ""
                                    : "; before Linux 5.19 a program's timers can make it longer");
    return rule->delay_ns ? 0 : -EIO;
}

static int run_supervised(struct sm_supervisor_shared *shared, const char *path, rlim_t descriptors,
                          int *ret_status) {
    const struct rlimit few = {descriptors, descriptors};
    struct sm_launch_supervisor supervisor;
    int rc = sm_launch_supervisor_start(shared, &supervisor);
    if (rc)
        return rc;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0 && descriptors && setrlimit(RLIMIT_NOFILE, &few))
        _exit(CANNOT_ENTER);
    if (pid == 0)
        write_supervised(&supervisor, path);
    sm_launch_supervisor_settle(&supervisor, pid > 0);
    if (pid < 0)
        return -errno;
    if (waitpid(pid, ret_status, 0) < 0)
        return -errno;
    if (WIFEXITED(*ret_status) && WEXITSTATUS(*ret_status) >= CANNOT_ENTER)
        kill(supervisor.pid, SIGKILL); /* it may never have got a listener */
    waitpid(supervisor.pid, NULL, 0);
    return 0;
}

/* `way` is the one that must come out of it; SM_WAY_FUSE is asked for, the others are chosen. */
static int try_slowing(const char *dir, rlim_t descriptors, enum sm_supervisor_way way,
                       char *note) {
    char path[SM_RULE_PATH_BYTES];
    int status = 0;
    struct sm_supervisor_shared *shared = sm_supervisor_share();
    if (!shared)
        return -ENOMEM;
    struct sm_disk_rule *rule = &shared->rules[0];
    snprintf(rule->path, sizeof rule->path, "%s", dir);
    snprintf(path, sizeof path, "%s/slow", dir);
    rule->latency_ns = 2 * 1000 * 1000;
    rule->used = rule->active = 1;
    shared->wanted = way == SM_WAY_FUSE ? way : SM_WAY_NONE;
    int rc = run_supervised(shared, path, descriptors, &status);
    if (rc == 0)
        rc = judge(status, shared, note);
    if (rc == 0 && shared->way != way)
        rc = -ENOTSUP;
    sm_supervisor_unshare(shared);
    return rc;
}

int sm_doctor_slow_disk(const char *dir, char *note) {
    return try_slowing(dir, 0, SM_WAY_HIGH_DESCRIPTORS, note);
}

/* With a limit on descriptors that leaves no high ones. */
int sm_doctor_all_writes(const char *dir, char *note) {
    return try_slowing(dir, FEW_DESCRIPTORS, SM_WAY_ALL_WRITES, note);
}

int sm_doctor_fuse(const char *dir, char *note) {
    return try_slowing(dir, 0, SM_WAY_FUSE, note);
}

/* One child tries to read the memory of another, as the supervisor does with the target. */
int sm_doctor_read_process(const char *dir, char *note) {
    (void)dir;
    static volatile int word = 42;
    int status = 0, gate[2];
    if (pipe(gate))
        return -errno;
    pid_t read_from = fork();
    if (read_from == 0) {
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) != 0);
    }
    pid_t reader = read_from < 0 ? -1 : fork();
    if (reader == 0) {
        int copy = 0;
        struct iovec here = {&copy, sizeof copy}, there = {(void *)&word, sizeof word};
        ssize_t got = process_vm_readv(read_from, &here, 1, &there, 1, 0);
        _exit(got == sizeof copy && copy == 42 ? 0 : 1);
    }
    if (reader > 0)
        waitpid(reader, &status, 0);
    close(gate[0]);
    close(gate[1]);
    if (read_from > 0)
        waitpid(read_from, NULL, 0);
    if (reader < 0)
        return -EAGAIN;
    if (status == 0)
        return 0;
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "only ancestors may read a process here");
    return -EPERM;
}
