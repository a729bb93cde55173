#include "sampler_sockets.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES = 64 << 10, LISTENING = TCP_LISTEN };

/* One established unix socket: its peer's queue is what it has sent. */
struct unix_end {
    uint64_t inode, peer;
    uint64_t receive_bytes;
};

struct sm_sockets {
    int fd;
    uint32_t sequence;
    struct unix_end *ends;
    size_t end_count, end_capacity;
    char *reply;
};

struct dump {
    struct sm_sockets *sockets;
    const uint64_t *inodes;
    size_t count;
    struct sm_socket_queues queues;
};

int sm_sockets_open(struct sm_sockets **ret_sockets) {
    struct sm_sockets *sockets = calloc(1, sizeof *sockets);
    if (!sockets)
        return -ENOMEM;
    sockets->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    sockets->reply = malloc(REPLY_BYTES);
    int rc = sockets->fd < 0 ? -errno : sockets->reply ? 0 : -ENOMEM;
    if (rc)
        sm_sockets_close(sockets);
    else
        *ret_sockets = sockets;
    return rc;
}

void sm_sockets_close(struct sm_sockets *sockets) {
    if (!sockets)
        return;
    if (sockets->fd >= 0)
        close(sockets->fd);
    free(sockets->ends);
    free(sockets->reply);
    free(sockets);
}

static int is_ours(const struct dump *dump, uint64_t inode) {
    size_t low = 0, high = dump->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dump->inodes[middle] == inode)
            return 1;
        if (dump->inodes[middle] < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static int on_tcp(struct dump *dump, const struct nlmsghdr *header) {
    const struct inet_diag_msg *message = NLMSG_DATA(header);
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *message) || !is_ours(dump, message->idiag_inode))
        return 0;
    if (message->idiag_state == LISTENING) {
        dump->queues.pending += message->idiag_rqueue;
        return 0;
    }
    dump->queues.receive_bytes += message->idiag_rqueue;
    dump->queues.send_bytes += message->idiag_wqueue;
    return 0;
}

static const void *attribute(const struct nlmsghdr *header, const struct unix_diag_msg *message,
                             int type, size_t bytes) {
    const struct rtattr *attr = (const void *)(message + 1);
    long left = (long)header->nlmsg_len - (long)NLMSG_LENGTH(sizeof *message);
    for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
        if (attr->rta_type == type && RTA_PAYLOAD(attr) >= bytes)
            return RTA_DATA(attr);
    return NULL;
}

static int on_unix(struct dump *dump, const struct nlmsghdr *header) {
    struct sm_sockets *sockets = dump->sockets;
    const struct unix_diag_msg *message = NLMSG_DATA(header);
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *message))
        return 0;
    const struct unix_diag_rqlen *queue =
        attribute(header, message, UNIX_DIAG_RQLEN, sizeof *queue);
    const uint32_t *peer = attribute(header, message, UNIX_DIAG_PEER, sizeof *peer);
    if (!queue)
        return 0;
    if (message->udiag_state == LISTENING) {
        if (is_ours(dump, message->udiag_ino))
            dump->queues.pending += queue->udiag_rqueue;
        return 0;
    }
    if (sockets->end_count == sockets->end_capacity) {
        size_t capacity = sockets->end_capacity ? sockets->end_capacity * 2 : 128;
        struct unix_end *ends = realloc(sockets->ends, capacity * sizeof *ends);
        if (!ends)
            return -ENOMEM;
        sockets->ends = ends;
        sockets->end_capacity = capacity;
    }
    sockets->ends[sockets->end_count++] = (struct unix_end){.inode = message->udiag_ino,
                                                            .peer = peer ? *peer : 0,
                                                            .receive_bytes = queue->udiag_rqueue};
    return 0;
}

/* A unix socket's own send figure counts buffers with their overhead; the peer's receive queue
 * has the bytes. */
static void sum_unix(struct dump *dump) {
    const struct sm_sockets *sockets = dump->sockets;
    for (size_t i = 0; i < sockets->end_count; i++) {
        const struct unix_end *end = &sockets->ends[i];
        if (is_ours(dump, end->inode))
            dump->queues.receive_bytes += end->receive_bytes;
        else if (end->peer && is_ours(dump, end->peer))
            dump->queues.send_bytes += end->receive_bytes;
    }
}

static int ask(struct dump *dump, const void *request, size_t bytes,
               int (*on_message)(struct dump *dump, const struct nlmsghdr *header)) {
    struct sm_sockets *sockets = dump->sockets;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct nlmsghdr head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes),
                            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                            .nlmsg_seq = ++sockets->sequence};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)(uintptr_t)request, bytes}};
    struct msghdr message = {
        .msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(sockets->fd, &message, 0) < 0)
        return -errno;
    for (;;) {
        ssize_t length = recv(sockets->fd, sockets->reply, REPLY_BYTES, 0);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return length ? -errno : -EPIPE;
        const struct nlmsghdr *header = (const void *)sockets->reply;
        for (uint32_t left = (uint32_t)length; NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_seq != sockets->sequence)
                continue;
            if (header->nlmsg_type == NLMSG_DONE)
                return 0;
            if (header->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = NLMSG_DATA(header);
                return error->error ? error->error : 0;
            }
            int rc = on_message(dump, header);
            if (rc)
                return rc;
        }
    }
}

int sm_sockets_read(struct sm_sockets *sockets, const uint64_t *inodes, size_t count,
                    struct sm_socket_queues *ret_queues) {
    struct dump dump = {.sockets = sockets, .inodes = inodes, .count = count};
    struct inet_diag_req_v2 tcp = {.sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u};
    const struct unix_diag_req local = {.sdiag_family = AF_UNIX,
                                        .udiag_states = ~0u,
                                        .udiag_show = UDIAG_SHOW_RQLEN | UDIAG_SHOW_PEER};
    int rc = 0;
    sockets->end_count = 0;
    for (int family = 0; rc == 0 && family < 2; family++) {
        tcp.sdiag_family = family ? AF_INET6 : AF_INET;
        rc = ask(&dump, &tcp, sizeof tcp, on_tcp);
        if (rc == -ENOENT) /* a machine without that family */
            rc = 0;
    }
    if (rc == 0)
        rc = ask(&dump, &local, sizeof local, on_unix);
    if (rc)
        return rc;
    sum_unix(&dump);
    *ret_queues = dump.queues;
    return 0;
}
