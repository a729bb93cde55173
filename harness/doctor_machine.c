/* doctor_machine.c - what measuring needs of the machine. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include "clock.h"

/* A child of ours must see what we write into memory that it opened through /proc. */
int sm_doctor_memfd(const char *dir, char *note) {
    (void)dir;
    (void)note;
    static const char token[] = "spillmark";
    char path[64], seen[sizeof token];
    int rc = 0, fd = memfd_create("spillmark-doctor", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fd);
    void *memory = MAP_FAILED;
    if (ftruncate(fd, 4096) == 0)
        memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        rc = -errno;
        close(fd);
        return rc;
    }
    memcpy(memory, token, sizeof token);
    pid_t pid = fork();
    if (pid == 0) {
        int again = open(path, O_RDWR | O_CLOEXEC);
        _exit(again < 0 || read(again, seen, sizeof seen) != sizeof seen ||
              memcmp(seen, token, sizeof token) != 0);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        rc = -errno;
    else if (status != 0)
        rc = -EACCES;
    munmap(memory, 4096);
    close(fd);
    return rc;
}

/* What the sampler reads of a process. */
int sm_doctor_process_files(const char *dir, char *note) {
    (void)dir;
    static const char *const names[] = {"statm", "status", "smaps_rollup", "maps"};
    char path[64], byte;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", names[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? -1 : read(fd, &byte, 1);
        int code = errno;
        if (fd >= 0)
            close(fd);
        if (got != 1) {
            snprintf(note, SM_DOCTOR_NOTE_BYTES, "%s can't be read", path);
            return got < 0 ? -code : -EIO;
        }
    }
    struct stat descriptors;
    if (stat("/proc/self/fd", &descriptors))
        return -errno;
    if (descriptors.st_size == 0)
        snprintf(note, SM_DOCTOR_NOTE_BYTES,
                 "descriptors are counted one by one (before Linux 6.2)");
    return 0;
}

static int ask_for_unix_sockets(int fd) {
    struct {
        struct nlmsghdr header;
        struct unix_diag_req question;
    } request = {
        .header = {.nlmsg_len = sizeof request,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .question = {.sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_show = UDIAG_SHOW_RQLEN},
    };
    struct timeval patience = {.tv_sec = 5};
    _Alignas(struct nlmsghdr) char reply[8192];
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(fd, &request, sizeof request, 0) < 0)
        return -errno;
    ssize_t got = recv(fd, reply, sizeof reply, 0);
    if (got < (ssize_t)sizeof(struct nlmsghdr))
        return got < 0 ? -errno : -EPROTO;
    const struct nlmsghdr *first = (const void *)reply;
    if (first->nlmsg_type != NLMSG_ERROR)
        return 0;
    const struct nlmsgerr *error = NLMSG_DATA(first);
    return error->error < 0 ? error->error : -EPROTO;
}

int sm_doctor_sock_diag(const char *dir, char *note) {
    (void)dir;
    (void)note;
    int pair[2];
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -errno;
    int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ? -errno : 0;
    if (rc == 0) {
        rc = ask_for_unix_sockets(fd);
        close(pair[0]);
        close(pair[1]);
    }
    close(fd);
    return rc;
}

/* The best of several bursts: the machine may be busy. */
int sm_doctor_clock(const char *dir, char *note) {
    (void)dir;
    enum { BURSTS = 20, READINGS = 1000 };
    static const double dear_ns = 500; /* a system call each: no vDSO */
    double best_ns = 1e9;
    for (int burst = 0; burst < BURSTS; burst++) {
        int64_t start_ns = sm_now_ns(), last_ns = start_ns;
        for (int i = 0; i < READINGS; i++) {
            int64_t now_ns = sm_now_ns();
            if (now_ns < last_ns)
                return -ERANGE;
            last_ns = now_ns;
        }
        double each_ns = (double)(last_ns - start_ns) / READINGS;
        best_ns = each_ns < best_ns ? each_ns : best_ns;
    }
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "%.0f ns per reading%s", best_ns,
             best_ns > dear_ns ? ": slow, latencies cost more to measure" : "");
    return 0;
}
