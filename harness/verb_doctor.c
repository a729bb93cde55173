/* verb_doctor.c - `spillmark doctor`: tries every way of working on a small example and prints
 * what works, and what to do about what doesn't. */
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

static const struct sm_doctor_check checks[] = {
    {"slow disk", "faults on files, by seccomp notification",
     "Linux 5.14 or later; in a container: a seccomp profile that allows seccomp() and pidfd_getfd",
     true, sm_doctor_slow_disk},
    {"every write", "the same for programs that inherit a watched descriptor or may open few",
     "what the slow disk needs", false, sm_doctor_all_writes},
    {"file system", "faults on files by FUSE, where there is no seccomp notification",
     "run as root with /dev/fuse (modprobe fuse; in a container: --device /dev/fuse and"
     " --cap-add SYS_ADMIN)",
     false, sm_doctor_fuse},
    {"disk cgroup", "a slow disk's rate where there is neither: all that the target writes to it",
     "run as root; under systemd: systemd-run --scope -p IOAccounting=yes; TMPDIR on a disk", false,
     sm_doctor_disk_cgroup},
    {"reading processes", "faults on files of forked children",
     "sysctl kernel.yama.ptrace_scope=0, or run as root", true, sm_doctor_read_process},
    {"probe", "exact heap, descriptors and bytes of dynamically linked programs",
     "install spillmark whole, with lib/spillmark/libspillmark-probe.so, on a system with glibc",
     true, sm_doctor_probe},
    {"stacks", "who allocates and who frees",
     "install libunwind8; programs without unwind tables (.eh_frame) have short stacks", true,
     sm_doctor_stacks},
    {"shared memory", "evidence that outlives the program", "Linux 3.17 or later, /proc mounted",
     true, sm_doctor_memfd},
    {"process files", "memory and descriptors from outside", "mount /proc without hidepid", true,
     sm_doctor_process_files},
    {"socket queues", "in-flight bytes in the kernel",
     "the kernel modules unix_diag, tcp_diag and inet_diag", false, sm_doctor_sock_diag},
    {"memory cgroup", "memory limits with the kernel's own kill",
     "run as root, or under systemd-run --user --scope -p Delegate=yes; else RLIMIT_DATA is used",
     false, sm_doctor_memory_cgroup},
    {"data limit", "memory limits where there is no control group: allocations fail",
     "Linux 4.7 or later", true, sm_doctor_data_limit},
    {"pausing", "pause, outage and restart of services and of the target",
     "mount /proc, and let SIGSTOP through (in a container: its seccomp profile)", true,
     sm_doctor_pause},
    {"relay", "services on free ports, their connections cut or slowed",
     "ip link set lo up; a free port from 20000 to 32000", true, sm_doctor_relay},
    {"services", "the kinds of services a scenario can start",
     "apt-get install redis-server postgresql nginx, those that you want", false,
     sm_doctor_services},
    {"clock", "latencies and rates", "a kernel with a working vDSO clock", true, sm_doctor_clock},
    {NULL, NULL, NULL, false, NULL},
};

static void print_result(const struct sm_doctor_check *check, int rc, const char *note) {
    printf("%-18s %-4s %s", check->name, rc ? "no" : "yes", check->gives);
    if (note[0])
        printf(" (%s)", note);
    if (rc)
        printf(": %s\n%-23s %s: %s", strerror(-rc), "", check->essential ? "to do" : "to have it",
               check->todo);
    printf("\n");
}

static int examine(const char *dir) {
    bool works = true;
    for (const struct sm_doctor_check *check = checks; check->name; check++) {
        char note[SM_DOCTOR_NOTE_BYTES] = "";
        int rc = check->test(dir, note);
        print_result(check, rc, note);
        works &= rc == 0 || !check->essential;
    }
    if (ferror(stdout) || fflush(stdout))
        return SM_STATUS_BROKEN;
    return works ? SM_STATUS_OK : SM_STATUS_BROKEN;
}

int sm_verb_doctor(int argc, char **argv) {
    if (argc > 1)
        return sm_verb_usage(argv[0], "it takes no arguments, not even %s", argv[1]);
    const char *parent = getenv("TMPDIR");
    char dir[256], file[sizeof dir + 8];
    int length = snprintf(dir, sizeof dir, "%s/spillmark-doctor-XXXXXX",
                          parent && parent[0] == '/' ? parent : "/tmp");
    if (length >= (int)sizeof dir || !mkdtemp(dir)) {
        struct sm_error err = {0};
        sm_error_errno(&err, length >= (int)sizeof dir ? -ENAMETOOLONG : -errno, dir,
                       "set TMPDIR to a directory that can be written", "no temporary directory");
        return sm_verb_fail(argv[0], &err, SM_STATUS_BROKEN);
    }
    /* Rules compare paths as the kernel prints them. */
    char *real = realpath(dir, NULL);
    int status = examine(real ? real : dir);
    free(real);
    snprintf(file, sizeof file, "%s/slow", dir);
    unlink(file);
    rmdir(dir);
    return status;
}
