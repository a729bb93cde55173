/* hooks_fd.c - calls that make a descriptor of no path, copy one, or close some. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "descriptors.h"
#include "real.h"

int __close(int fd);

#define MAKES(name, fd_class, parameters, arguments)                                               \
    SMP_EXPORT int name parameters {                                                               \
        return smp_fd_opened(SMP_REAL(name) arguments, fd_class);                                  \
    }

MAKES(accept, SPILLMARK_FD_UNKNOWN, (int fd, struct sockaddr *address, socklen_t *length),
      (fd, address, length))
MAKES(accept4, SPILLMARK_FD_UNKNOWN,
      (int fd, struct sockaddr *address, socklen_t *length, int flags),
      (fd, address, length, flags))
MAKES(dup, SPILLMARK_FD_UNKNOWN, (int fd), (fd))
MAKES(eventfd, SPILLMARK_FD_EVENT, (unsigned count, int flags), (count, flags))
MAKES(epoll_create, SPILLMARK_FD_EPOLL, (int size), (size))
MAKES(epoll_create1, SPILLMARK_FD_EPOLL, (int flags), (flags))
MAKES(timerfd_create, SPILLMARK_FD_EVENT, (clockid_t clock, int flags), (clock, flags))
MAKES(inotify_init, SPILLMARK_FD_EVENT, (void), ())
MAKES(inotify_init1, SPILLMARK_FD_EVENT, (int flags), (flags))
MAKES(memfd_create, SPILLMARK_FD_MEMORY, (const char *name, unsigned flags), (name, flags))

SMP_EXPORT int socket(int domain, int type, int protocol) {
    return smp_fd_opened(SMP_REAL(socket)(domain, type, protocol),
                         domain == AF_UNIX ? SPILLMARK_FD_UNIX : SPILLMARK_FD_SOCKET);
}

/* With a descriptor given it only changes that one's mask. */
SMP_EXPORT int signalfd(int fd, const sigset_t *mask, int flags) {
    int made = SMP_REAL(signalfd)(fd, mask, flags);
    return fd == -1 ? smp_fd_opened(made, SPILLMARK_FD_EVENT) : made;
}

static int opened_pair(int failed, const int pair[2], enum spillmark_fd_class fd_class) {
    if (failed == 0) {
        smp_fd_opened(pair[0], fd_class);
        smp_fd_opened(pair[1], fd_class);
    }
    return failed;
}

SMP_EXPORT int pipe(int pair[2]) {
    return opened_pair(SMP_REAL(pipe)(pair), pair, SPILLMARK_FD_PIPE);
}

SMP_EXPORT int pipe2(int pair[2], int flags) {
    return opened_pair(SMP_REAL(pipe2)(pair, flags), pair, SPILLMARK_FD_PIPE);
}

SMP_EXPORT int socketpair(int domain, int type, int protocol, int pair[2]) {
    return opened_pair(SMP_REAL(socketpair)(domain, type, protocol, pair), pair,
                       domain == AF_UNIX ? SPILLMARK_FD_UNIX : SPILLMARK_FD_SOCKET);
}

/* What was open under the new number is closed by the call; smp_fd_opened forgets it. */
SMP_EXPORT int dup2(int fd, int to) {
    int made = SMP_REAL(dup2)(fd, to);
    return fd == to ? made : smp_fd_opened(made, SPILLMARK_FD_UNKNOWN);
}

SMP_EXPORT int dup3(int fd, int to, int flags) {
    return smp_fd_opened(SMP_REAL(dup3)(fd, to, flags), SPILLMARK_FD_UNKNOWN);
}

/* The third argument is an int, a pointer or nothing; as a pointer it passes through whole. */
#define FCNTL(name)                                                                                \
    SMP_EXPORT int name(int fd, int command, ...) {                                                \
        va_list more;                                                                              \
        va_start(more, command);                                                                   \
        void *argument = va_arg(more, void *);                                                     \
        va_end(more);                                                                              \
        int result = SMP_REAL(name)(fd, command, argument);                                        \
        return command == F_DUPFD || command == F_DUPFD_CLOEXEC                                    \
                   ? smp_fd_opened(result, SPILLMARK_FD_UNKNOWN)                                   \
                   : result;                                                                       \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

SMP_EXPORT int close(int fd) {
    smp_fd_closing(fd);
    return SMP_REAL(close)(fd);
}

SMP_EXPORT int __close(int fd) {
    smp_fd_closing(fd);
    return SMP_REAL(__close)(fd);
}

SMP_EXPORT int close_range(unsigned first, unsigned last, int flags) {
    __typeof__(&close_range) real = SMP_REAL(close_range);
    if (real == NULL) {
        errno = ENOSYS;
        return -1;
    }
    int failed = real(first, last, flags);
    if (failed == 0 && (flags & (int)CLOSE_RANGE_CLOEXEC) == 0) {
        smp_fd_closing_range(first, last);
    }
    return failed;
}

SMP_EXPORT void closefrom(int first) {
    __typeof__(&closefrom) real = SMP_REAL(closefrom);
    if (real != NULL) {
        smp_fd_closing_range(first < 0 ? 0 : (unsigned)first, ~0u);
        real(first);
    }
}
