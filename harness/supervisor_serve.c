/* supervisor_serve.c - the supervisor's loop: receives calls, hands them to those who know them,
 * answers waiting ones when they are due. */
#include "supervisor_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "supervisor_target.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

/* While calls wait, changed rules are looked for this often. */
static const int64_t review_ns = 10 * 1000 * 1000;

static void respond(const struct sm_server *server, struct seccomp_notif_resp response) {
    while (ioctl(server->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) && errno == EINTR)
        ;
}

void sm_serve_continue(const struct sm_server *server, uint64_t id) {
    respond(server,
            (struct seccomp_notif_resp){.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE});
}

void sm_serve_fail(const struct sm_server *server, uint64_t id, int code) {
    respond(server, (struct seccomp_notif_resp){.id = id, .error = -code});
}

void sm_serve_return(const struct sm_server *server, uint64_t id, int64_t value) {
    respond(server, (struct seccomp_notif_resp){.id = id, .val = value});
}

bool sm_serve_is_waiting(const struct sm_server *server, uint64_t id) {
    return ioctl(server->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool sm_serve_give(const struct sm_server *server, uint64_t id, int ours, int fd,
                   int close_on_exec) {
    struct seccomp_notif_addfd gift = {
        .id = id,
        .flags = SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND,
        .srcfd = (uint32_t)ours,
        .newfd = (uint32_t)fd,
        .newfd_flags = close_on_exec ? O_CLOEXEC : 0,
    };
    return ioctl(server->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &gift) >= 0;
}

void sm_serve_count(uint32_t *counter) {
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void serve_mapping(struct sm_server *server, const struct seccomp_notif *call) {
    if (sm_serve_watched(server, (pid_t)call->pid, (int)call->data.args[4]))
        sm_serve_count(&server->shared->mapped);
    sm_serve_continue(server, call->id);
}

static void dispatch(struct sm_server *server, const struct seccomp_notif *call) {
    if (call->pid == 0) { /* in a pid namespace we can't see into */
        sm_serve_count(&server->shared->unreadable);
        sm_serve_continue(server, call->id);
        return;
    }
    switch (call->data.nr) {
    case __NR_io_uring_setup: /* their writes would pass unseen; programs fall back to write() */
    case __NR_io_setup:
        sm_serve_count(&server->shared->rings_refused);
        sm_serve_fail(server, call->id, ENOSYS);
        return;
    case __NR_mmap:
        serve_mapping(server, call);
        return;
#ifdef __NR_open
    case __NR_open:
    case __NR_creat:
#endif
    case __NR_openat:
    case __NR_openat2:
        sm_serve_open(server, call);
        return;
#ifdef __NR_dup2
    case __NR_dup2:
#endif
    case __NR_dup:
    case __NR_dup3:
    case __NR_fcntl:
        sm_serve_duplicate(server, call);
        return;
    case __NR_truncate:
        sm_serve_truncate(server, call);
        return;
    case __NR_close:
    case __NR_close_range:
        server->changes++;
        sm_serve_continue(server, call->id);
        return;
    default:
        sm_serve_write(server, call);
    }
}

/* Kernels may hand out more than our headers know of. */
union notification {
    struct seccomp_notif call;
    char room[512];
};

static int receive(struct sm_server *server) {
    union notification notification;
    memset(&notification, 0, sizeof notification);
    if (ioctl(server->listener, SECCOMP_IOCTL_NOTIF_RECV, &notification.call)) {
        /* ENOENT: the caller died between poll and here. */
        return errno == ENOENT || errno == EINTR ? 0 : -errno;
    }
    dispatch(server, &notification.call);
    return 0;
}

static bool is_gone(void *context, uint64_t id) {
    return !sm_serve_is_waiting(context, id);
}

static void answer_due(struct sm_server *server, int64_t *last_review_ns) {
    struct sm_waiting_call call;
    int64_t now_ns = sm_now_ns();
    if (server->delay.count && now_ns - *last_review_ns >= review_ns) {
        sm_delay_review(&server->delay, now_ns, is_gone, server);
        *last_review_ns = now_ns;
    }
    while (sm_delay_take_due(&server->delay, now_ns, &call))
        sm_serve_answer(server, call.id, &call.answer);
}

/* Timers wake us some tens of microseconds late. We set them earlier by what they usually are,
 * and poll without sleeping for what is left. */
static void learn_lead(struct sm_server *server, int64_t due_ns) {
    static const int64_t most_ns = 150 * 1000, share = 8;
    int64_t late_ns = sm_now_ns() - due_ns;
    late_ns = late_ns > most_ns ? most_ns : late_ns;
    server->lead_ns += late_ns / share;
    server->lead_ns = server->lead_ns > most_ns ? most_ns : server->lead_ns;
    server->lead_ns = server->lead_ns < 0 ? 0 : server->lead_ns;
}

/* Waits for the next call or the next thing to do. Returns poll's events, or a negative errno. */
static int wait_for_event(struct sm_server *server) {
    struct pollfd listener = {.fd = server->listener, .events = POLLIN};
    struct timespec timeout, *timeout_or_never = NULL;
    int64_t due_ns = sm_delay_next_ns(&server->delay), wait_ns = 0;
    if (server->delay.count) {
        wait_ns = due_ns - sm_now_ns() - server->lead_ns;
        wait_ns = wait_ns < 0 ? 0 : wait_ns > review_ns ? review_ns : wait_ns;
        timeout = (struct timespec){.tv_nsec = wait_ns};
        timeout_or_never = &timeout;
    }
    int ready = ppoll(&listener, 1, timeout_or_never, NULL);
    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    if (ready == 0 && wait_ns > 0 && wait_ns < review_ns)
        learn_lead(server, due_ns);
    return listener.revents;
}

static bool is_over(void *context, uint64_t id) {
    (void)context;
    (void)id;
    return true;
}

static int serve(struct sm_server *server) {
    int64_t last_review_ns = 0;
    for (;;) {
        int events = wait_for_event(server);
        if (events < 0)
            return events;
        int rc = events & POLLIN ? receive(server) : 0;
        if (rc)
            return rc;
        if ((events & (POLLHUP | POLLERR | POLLNVAL)) && !(events & POLLIN))
            return events & POLLNVAL ? -EBADF : 0;
        if (server->delay.count)
            answer_due(server, &last_review_ns);
    }
}

int sm_supervisor_serve(int listener_fd, struct sm_supervisor_shared *shared) {
    static struct sm_server server; /* too big for a stack, and malloc could fail */
    server = (struct sm_server){.listener = listener_fd, .shared = shared};
    server.delay.shared = server.fail.shared = shared;
    __atomic_store_n(&shared->serving, (uint32_t)getpid(), __ATOMIC_RELEASE);
    prctl(PR_SET_TIMERSLACK, 1);
    ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    int rc = serve(&server);
    sm_delay_review(&server.delay, sm_now_ns(), is_over, NULL);
    if (rc)
        __atomic_store_n(&shared->failed, (uint32_t)-rc, __ATOMIC_RELEASE);
    __atomic_store_n(&shared->serving, 0, __ATOMIC_RELEASE);
    return rc;
}
