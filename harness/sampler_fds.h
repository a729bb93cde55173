/* sampler_fds.h - what a process's descriptors are, by following their links. A microsecond a
 * descriptor, so at a slower pace than the count. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Kinds of target, as in "fds:NAME". `deleted` is a file without a name left. */
#define SM_FDS_TABLE(X)                                                                            \
    X(FILE, "file")                                                                                \
    X(DELETED, "deleted")                                                                          \
    X(SOCKET, "socket")                                                                            \
    X(PIPE, "pipe")                                                                                \
    X(PROC, "proc")                                                                                \
    X(DEVICE, "device") X(EVENT, "event") X(EPOLL, "epoll") X(MEMORY, "memory") X(OTHER, "other")
enum sm_fds_kind {
#define X(id, name) SM_FDS_##id,
    SM_FDS_TABLE(X)
#undef X
        SM_FDS_KINDS
};
extern const char *const sm_fds_series[SM_FDS_KINDS]; /* "fds:file", ... */

/* The kind of a link's text ("socket:[123]", "/tmp/x (deleted)"). Sets *ret_inode for sockets. */
enum sm_fds_kind sm_fds_kind_of(const char *link, uint64_t *ret_inode);

struct sm_fds {
    uint64_t counts[SM_FDS_KINDS];
    uint64_t *socket_inodes; /* sorted */
    size_t socket_count, socket_capacity;
};

/* Reads /proc/PID/fd below dir_fd into *fds, whose memory is used again. 0 or a negative errno. */
int sm_fds_read(int dir_fd, struct sm_fds *fds);
void sm_fds_free(struct sm_fds *fds);
