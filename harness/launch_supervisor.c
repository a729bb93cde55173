#include "launch_supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "supervisor_fuse.h"

static int send_listener(int channel_fd, int listener_fd) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    char byte = 1;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof listener_fd);
    memcpy(CMSG_DATA(header), &listener_fd, sizeof listener_fd);
    return sendmsg(channel_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int receive_listener(int channel_fd) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    char byte;
    int listener_fd;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    if (recvmsg(channel_fd, &message, MSG_CMSG_CLOEXEC) != 1)
        return -EPIPE;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof listener_fd))
        return -EBADMSG;
    memcpy(&listener_fd, CMSG_DATA(header), sizeof listener_fd);
    return listener_fd;
}

static void leave_the_keepers_things(int channel_fd) {
    /* No PR_SET_PDEATHSIG: a supervised call fails with ENOSYS once its supervisor is gone, so
     * this process goes after the program, never before. */
    setpgid(0, 0);
    prctl(PR_SET_NAME, "spillmark-sv");
    sm_interrupt_ignore();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++)
        if (null_fd < 0 || dup2(null_fd, fd) < 0)
            close(fd);
    if (channel_fd > 3)
        close_range(3, (unsigned)channel_fd - 1, 0);
    close_range((unsigned)channel_fd + 1, ~0u, 0);
}

static void say_ready(void *context) {
    char byte = 1;
    int channel_fd = *(const int *)context;
    if (send(channel_fd, &byte, 1, MSG_NOSIGNAL) != 1)
        _exit(1);
    close(channel_fd);
}

static _Noreturn void supervise_files(int channel_fd, struct sm_supervisor_shared *shared) {
    static struct sm_fuse_places places;
    int fds[SM_SUPERVISOR_RULES];
    sm_fuse_find_places(shared, &places);
    for (size_t i = 0; i < places.count; i++)
        if ((fds[i] = receive_listener(channel_fd)) < 0)
            _exit(1);
    _exit(sm_fuse_serve(shared, &places, fds, say_ready, &channel_fd) == 0 ? 0 : 1);
}

static _Noreturn void supervise(int channel_fd, struct sm_supervisor_shared *shared) {
    leave_the_keepers_things(channel_fd);
    if (shared->wanted == SM_WAY_FUSE)
        supervise_files(channel_fd, shared);
    int listener_fd = receive_listener(channel_fd);
    if (listener_fd < 0)
        _exit(1);
    say_ready(&channel_fd);
    _exit(sm_supervisor_serve(listener_fd, shared) == 0 ? 0 : 1);
}

int sm_launch_supervisor_start(struct sm_supervisor_shared *shared,
                               struct sm_launch_supervisor *ret_supervisor) {
    int channel[2];
    /* Memory that was shared after the keeper started is not here: say so instead of dying. */
    uintptr_t page = (uintptr_t)shared & ~(uintptr_t)(sysconf(_SC_PAGESIZE) - 1);
    if (msync((void *)page, (uintptr_t)shared - page + sizeof *shared, MS_ASYNC))
        return -EFAULT;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
        return -errno;
    pid_t pid = fork();
    int rc = pid < 0 ? -errno : 0;
    if (pid == 0)
        supervise(channel[0], shared);
    close(channel[0]);
    if (rc) {
        close(channel[1]);
        return rc;
    }
    *ret_supervisor =
        (struct sm_launch_supervisor){.pid = pid, .channel_fd = channel[1], .shared = shared};
    return 0;
}

static int await_ready(const struct sm_launch_supervisor *supervisor) {
    char byte;
    return recv(supervisor->channel_fd, &byte, 1, 0) == 1 ? 0 : -EPIPE;
}

static int enter_files(const struct sm_launch_supervisor *supervisor) {
    static struct sm_fuse_places places;
    int fds[SM_SUPERVISOR_RULES];
    sm_fuse_find_places(supervisor->shared, &places);
    int rc = sm_fuse_enter(supervisor->shared, &places, fds);
    for (size_t i = 0; rc == 0 && i < places.count; i++) {
        rc = send_listener(supervisor->channel_fd, fds[i]);
        close(fds[i]);
    }
    return rc ? rc : await_ready(supervisor);
}

int sm_launch_supervisor_enter(const struct sm_launch_supervisor *supervisor) {
    if (supervisor->shared->wanted == SM_WAY_FUSE)
        return enter_files(supervisor);
    /* Where Yama restricts ptrace, the supervisor may read this process's memory all the same. */
    prctl(PR_SET_PTRACER, supervisor->pid);
    int listener_fd = sm_supervisor_install(supervisor->shared);
    if (listener_fd < 0)
        return listener_fd;
    int rc = send_listener(supervisor->channel_fd, listener_fd);
    if (rc == 0)
        rc = await_ready(supervisor);
    close(listener_fd);
    return rc;
}

void sm_launch_supervisor_settle(struct sm_launch_supervisor *supervisor, int started) {
    if (supervisor->channel_fd >= 0)
        close(supervisor->channel_fd);
    supervisor->channel_fd = -1;
    if (started || supervisor->pid == 0)
        return;
    kill(supervisor->pid, SIGKILL);
    while (waitpid(supervisor->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    supervisor->pid = 0;
}
