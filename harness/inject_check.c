/* inject_check.c - what can be told from /proc before a program is touched. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "inject_process.h"
#include "paths.h"
#include "preflight.h"
#include "proc.h"

/* The number behind a name of /proc/PID/status; 0 when there is none. */
static long status_number(pid_t pid, const char *name) {
    char path[64], text[8192];
    long number = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (sm_proc_read(path, text, sizeof text) >= 0)
        sm_proc_status_number(text, name, 0, 10, &number);
    return number;
}

static int is_same_link(pid_t pid, const char *name) {
    char path[64], ours[PATH_MAX], theirs[PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/%s", name);
    ssize_t our_bytes = readlink(path, ours, sizeof ours);
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    ssize_t their_bytes = readlink(path, theirs, sizeof theirs);
    return their_bytes >= 0 && our_bytes == their_bytes &&
           memcmp(ours, theirs, (size_t)our_bytes) == 0;
}

static int check_state(pid_t pid, struct sm_error *err) {
    struct sm_proc_stat stat;
    if (sm_proc_stat(pid, &stat) || stat.state == 'Z' || stat.state == 'X')
        return sm_error_set(err, -ESRCH, NULL, NULL, "it has ended");
    if (stat.state == 'T' || stat.state == 't')
        return sm_error_set(err, -EBUSY, NULL, "let it go on first", "it is stopped");
    long tracer = status_number(pid, "\nTracerPid:");
    if (tracer > 0)
        return sm_error_set(err, -EBUSY, NULL, NULL, "process %ld traces it already", tracer);
    return 0;
}

/* A filter may kill the program for a system call that is not its own. */
static int check_confinement(pid_t pid, struct sm_error *err) {
    static const char *const spaces[] = {"ns/user", "ns/pid", "ns/mnt", "root"};
    if (kill(pid, 0) && errno == EPERM)
        return sm_error_set(err, -EPERM, NULL, "attach as its user, or as root",
                            "it is another user's");
    if (status_number(pid, "\nSeccomp:") > 0)
        return sm_error_set(err, -EPERM, NULL, NULL,
                            "its system calls are filtered (seccomp), which the probe's are not");
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (!is_same_link(pid, spaces[i]))
            return sm_error_set(err, -EPERM, NULL, "attach from where it runs",
                                i == 3 ? "it runs in another root directory"
                                       : "it runs in other namespaces, as in a container");
    return 0;
}

/* The program's loader opens the probe with the program's rights. */
static int check_reading(pid_t pid, struct sm_error *err) {
    uid_t uid = (uid_t)status_number(pid, "\nUid:");
    gid_t gid = (gid_t)status_number(pid, "\nGid:");
    if (geteuid() != 0 || uid == 0)
        return 0;
    int own_gid = setfsgid(gid), own_uid = setfsuid(uid);
    int fd = open(sm_path_probe(), O_RDONLY | O_CLOEXEC);
    setfsuid((uid_t)own_uid);
    setfsgid((gid_t)own_gid);
    if (fd < 0)
        return sm_error_set(err, -EACCES, NULL, "install spillmark where every user can",
                            "its user cannot read %s", sm_path_probe());
    close(fd);
    return 0;
}

int sm_inject_check(pid_t pid, struct sm_error *err) {
    struct sm_preflight preflight;
    char path[64];
    int rc = check_state(pid, err);
    if (rc == 0)
        rc = check_confinement(pid, err);
    if (rc == 0)
        rc = check_reading(pid, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    rc = sm_preflight(path, &preflight, err);
    if (rc)
        return rc;
    /* What the loader would have ignored at the start does not matter any more. */
    if (preflight.kind != SM_PREFLIGHT_OK && preflight.kind != SM_PREFLIGHT_SETUID)
        return sm_error_set(err, -ENOEXEC, NULL, NULL, "%s", preflight.note);
    return 0;
}
