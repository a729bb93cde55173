/* hooks_io.c - bytes in and out, by the class of the descriptor. */
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "descriptors.h"
#include "real.h"

ssize_t __read(int fd, void *buffer, size_t bytes);
ssize_t __write(int fd, const void *data, size_t bytes);
ssize_t __read_chk(int fd, void *buffer, size_t bytes, size_t size);
ssize_t __pread_chk(int fd, void *buffer, size_t bytes, off_t offset, size_t size);
ssize_t __pread64_chk(int fd, void *buffer, size_t bytes, off64_t offset, size_t size);
ssize_t __recv_chk(int fd, void *buffer, size_t bytes, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buffer, size_t bytes, size_t size, int flags,
                       struct sockaddr *address, socklen_t *length);

#define IN(name, parameters, arguments)                                                            \
    SMP_EXPORT ssize_t name parameters {                                                           \
        return smp_fd_read(fd, SMP_REAL(name) arguments);                                          \
    }
#define OUT(name, parameters, arguments)                                                           \
    SMP_EXPORT ssize_t name parameters {                                                           \
        return smp_fd_written(fd, SMP_REAL(name) arguments);                                       \
    }

IN(read, (int fd, void *buffer, size_t bytes), (fd, buffer, bytes))
IN(__read, (int fd, void *buffer, size_t bytes), (fd, buffer, bytes))
IN(__read_chk, (int fd, void *buffer, size_t bytes, size_t size), (fd, buffer, bytes, size))
IN(pread, (int fd, void *buffer, size_t bytes, off_t offset), (fd, buffer, bytes, offset))
IN(pread64, (int fd, void *buffer, size_t bytes, off64_t offset), (fd, buffer, bytes, offset))
IN(__pread_chk, (int fd, void *buffer, size_t bytes, off_t offset, size_t size),
   (fd, buffer, bytes, offset, size))
IN(__pread64_chk, (int fd, void *buffer, size_t bytes, off64_t offset, size_t size),
   (fd, buffer, bytes, offset, size))
IN(readv, (int fd, const struct iovec *parts, int count), (fd, parts, count))
IN(preadv, (int fd, const struct iovec *parts, int count, off_t offset), (fd, parts, count, offset))
IN(preadv64, (int fd, const struct iovec *parts, int count, off64_t offset),
   (fd, parts, count, offset))
IN(preadv2, (int fd, const struct iovec *parts, int count, off_t offset, int flags),
   (fd, parts, count, offset, flags))
IN(preadv64v2, (int fd, const struct iovec *parts, int count, off64_t offset, int flags),
   (fd, parts, count, offset, flags))
IN(recv, (int fd, void *buffer, size_t bytes, int flags), (fd, buffer, bytes, flags))
IN(__recv_chk, (int fd, void *buffer, size_t bytes, size_t size, int flags),
   (fd, buffer, bytes, size, flags))
IN(recvfrom,
   (int fd, void *buffer, size_t bytes, int flags, struct sockaddr *address, socklen_t *length),
   (fd, buffer, bytes, flags, address, length))
IN(__recvfrom_chk,
   (int fd, void *buffer, size_t bytes, size_t size, int flags, struct sockaddr *address,
    socklen_t *length),
   (fd, buffer, bytes, size, flags, address, length))

OUT(write, (int fd, const void *data, size_t bytes), (fd, data, bytes))
OUT(__write, (int fd, const void *data, size_t bytes), (fd, data, bytes))
OUT(pwrite, (int fd, const void *data, size_t bytes, off_t offset), (fd, data, bytes, offset))
OUT(pwrite64, (int fd, const void *data, size_t bytes, off64_t offset), (fd, data, bytes, offset))
OUT(writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
OUT(pwritev, (int fd, const struct iovec *parts, int count, off_t offset),
    (fd, parts, count, offset))
OUT(pwritev64, (int fd, const struct iovec *parts, int count, off64_t offset),
    (fd, parts, count, offset))
OUT(pwritev2, (int fd, const struct iovec *parts, int count, off_t offset, int flags),
    (fd, parts, count, offset, flags))
OUT(pwritev64v2, (int fd, const struct iovec *parts, int count, off64_t offset, int flags),
    (fd, parts, count, offset, flags))
OUT(send, (int fd, const void *data, size_t bytes, int flags), (fd, data, bytes, flags))
OUT(sendto,
    (int fd, const void *data, size_t bytes, int flags, const struct sockaddr *address,
     socklen_t length),
    (fd, data, bytes, flags, address, length))
OUT(sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))

/* Descriptors that came along in the message. */
static void note_passed(struct msghdr *message) {
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            smp_fd_opened(fd, SPILLMARK_FD_UNKNOWN);
        }
    }
}

SMP_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    ssize_t got = SMP_REAL(recvmsg)(fd, message, flags);
    if (got >= 0 && message->msg_controllen >= CMSG_LEN(sizeof(int))) {
        note_passed(message);
    }
    return smp_fd_read(fd, got);
}

SMP_EXPORT int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                        struct timespec *timeout) {
    int got = SMP_REAL(recvmmsg)(fd, messages, count, flags, timeout);
    for (int i = 0; i < got; i++) {
        note_passed(&messages[i].msg_hdr);
        smp_fd_read(fd, (long)messages[i].msg_len);
    }
    return got;
}

SMP_EXPORT int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    int sent = SMP_REAL(sendmmsg)(fd, messages, count, flags);
    for (int i = 0; i < sent; i++) {
        smp_fd_written(fd, (long)messages[i].msg_len);
    }
    return sent;
}

static ssize_t moved(int from, int to, ssize_t bytes) {
    smp_fd_read(from, bytes);
    return smp_fd_written(to, bytes);
}

SMP_EXPORT ssize_t sendfile(int to, int from, off_t *offset, size_t bytes) {
    return moved(from, to, SMP_REAL(sendfile)(to, from, offset, bytes));
}

SMP_EXPORT ssize_t sendfile64(int to, int from, off64_t *offset, size_t bytes) {
    return moved(from, to, SMP_REAL(sendfile64)(to, from, offset, bytes));
}

SMP_EXPORT ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset,
                                   size_t bytes, unsigned flags) {
    return moved(from, to,
                 SMP_REAL(copy_file_range)(from, from_offset, to, to_offset, bytes, flags));
}

SMP_EXPORT ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t bytes,
                          unsigned flags) {
    return moved(from, to, SMP_REAL(splice)(from, from_offset, to, to_offset, bytes, flags));
}
