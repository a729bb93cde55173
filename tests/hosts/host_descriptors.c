/* host_descriptors.c - every call that makes or closes a descriptor, against a list of one's own;
 * bytes by class. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "pool_view.h"

static const struct spillmark_descriptor *table;

static void is_open(int fd, enum spillmark_fd_class fd_class) {
    HOST_CHECK(fd >= 0 && table[fd].open == 1);
    HOST_CHECK(table[fd].stack != 0 && table[fd].opened_ns != 0);
    HOST_CHECK(table[fd].fd_class == fd_class);
}

static void open_close(int fd, enum spillmark_fd_class fd_class) {
    is_open(fd, fd_class);
    HOST_CHECK(close(fd) == 0 && table[fd].open == 0);
}

static void paths(void) {
    open_close(open("/dev/null", O_RDONLY), SPILLMARK_FD_DEVICE);
    open_close(open("/proc/self/stat", O_RDONLY), SPILLMARK_FD_PROC);
    open_close(open("/", O_RDONLY), SPILLMARK_FD_DIRECTORY);
    open_close(openat(AT_FDCWD, "/etc/passwd", O_RDONLY), SPILLMARK_FD_FILE);
    open_close(open(".", O_TMPFILE | O_RDWR, 0600), SPILLMARK_FD_FILE);
    char name[] = "/tmp/spillmark-host-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    open_close(fd, SPILLMARK_FD_FILE);
}

static void sockets(void) {
    int pair[2];
    open_close(socket(AF_INET, SOCK_STREAM, 0), SPILLMARK_FD_SOCKET);
    open_close(socket(AF_UNIX, SOCK_STREAM, 0), SPILLMARK_FD_UNIX);
    HOST_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    open_close(pair[0], SPILLMARK_FD_UNIX);
    open_close(pair[1], SPILLMARK_FD_UNIX);
    HOST_CHECK(pipe(pair) == 0);
    open_close(pair[0], SPILLMARK_FD_PIPE);
    open_close(pair[1], SPILLMARK_FD_PIPE);
}

static void events(void) {
    sigset_t none;
    sigemptyset(&none);
    open_close(eventfd(0, 0), SPILLMARK_FD_EVENT);
    open_close(epoll_create1(0), SPILLMARK_FD_EPOLL);
    open_close(timerfd_create(CLOCK_MONOTONIC, 0), SPILLMARK_FD_EVENT);
    open_close(signalfd(-1, &none, 0), SPILLMARK_FD_EVENT);
    open_close(inotify_init(), SPILLMARK_FD_EVENT);
    open_close(memfd_create("x", 0), SPILLMARK_FD_MEMORY);
}

static void copies(void) {
    int fd = open("/dev/null", O_RDONLY);
    is_open(fcntl(fd, F_DUPFD, 100), SPILLMARK_FD_DEVICE);
    is_open(fcntl(fd, F_DUPFD_CLOEXEC, 110), SPILLMARK_FD_DEVICE);
    is_open(dup2(fd, 120), SPILLMARK_FD_DEVICE);
    is_open(dup3(fd, 121, O_CLOEXEC), SPILLMARK_FD_DEVICE);
    open_close(dup(fd), SPILLMARK_FD_DEVICE);
    HOST_CHECK(close_range(115, 130, 0) == 0);
    HOST_CHECK(table[120].open == 0 && table[121].open == 0 && table[100].open == 1);
    closefrom(100);
    HOST_CHECK(table[100].open == 0 && table[110].open == 0);
    close(fd);
}

static void streams(void) {
    FILE *file = fopen("/etc/passwd", "r");
    int fd = fileno(file);
    is_open(fd, SPILLMARK_FD_FILE);
    file = freopen("/proc/self/stat", "r", file);
    is_open(fileno(file), SPILLMARK_FD_PROC);
    fd = fileno(file);
    fclose(file);
    HOST_CHECK(table[fd].open == 0);
    DIR *directory = opendir("/proc");
    fd = dirfd(directory);
    is_open(fd, SPILLMARK_FD_PROC);
    closedir(directory);
    HOST_CHECK(table[fd].open == 0);
    file = popen("exit 0", "r");
    fd = fileno(file);
    is_open(fd, SPILLMARK_FD_PIPE);
    pclose(file);
    HOST_CHECK(table[fd].open == 0);
}

/* A descriptor that arrives in a message. */
static void passed(void) {
    int pair[2], sent = open("/dev/null", O_RDONLY);
    char control[CMSG_SPACE(sizeof sent)] = {0}, byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    HOST_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof sent);
    memcpy(CMSG_DATA(header), &sent, sizeof sent);
    HOST_CHECK(sendmsg(pair[0], &message, 0) == 1 && recvmsg(pair[1], &message, 0) == 1);
    int got;
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
    open_close(got, SPILLMARK_FD_DEVICE);
    close(sent);
    close(pair[0]);
    close(pair[1]);
}

static struct spillmark_thread own_block(const struct spillmark_slot *slot) {
    return *(const struct spillmark_thread *)view_entries(slot, SPILLMARK_SECTION_THREADS);
}

static void bytes(const struct spillmark_slot *slot) {
    struct spillmark_thread before = own_block(slot);
    char buffer[1000];
    int ends[2], file = open(".", O_TMPFILE | O_RDWR, 0600);
    struct iovec parts[2] = {{buffer, 100}, {buffer, 200}};
    HOST_CHECK(pipe(ends) == 0);
    HOST_CHECK(write(file, buffer, 1000) == 1000 && pwrite(file, buffer, 500, 0) == 500);
    HOST_CHECK(writev(file, parts, 2) == 300 && pwritev(file, parts, 2, 0) == 300);
    HOST_CHECK(pread(file, buffer, 700, 0) == 700 && preadv(file, parts, 2, 0) == 300);
    HOST_CHECK(write(ends[1], buffer, 50) == 50 && read(ends[0], buffer, 1000) == 50);
    off_t offset = 0;
    HOST_CHECK(sendfile(ends[1], file, &offset, 123) == 123);
    HOST_CHECK(read(file, buffer, 10) == 0 && write(-1, buffer, 1) == -1);
    struct spillmark_thread after = own_block(slot);
    HOST_CHECK(after.write_bytes[SPILLMARK_FD_FILE] - before.write_bytes[SPILLMARK_FD_FILE] ==
               2100);
    HOST_CHECK(after.read_bytes[SPILLMARK_FD_FILE] - before.read_bytes[SPILLMARK_FD_FILE] == 1123);
    HOST_CHECK(after.write_bytes[SPILLMARK_FD_PIPE] - before.write_bytes[SPILLMARK_FD_PIPE] == 173);
    HOST_CHECK(after.read_bytes[SPILLMARK_FD_PIPE] - before.read_bytes[SPILLMARK_FD_PIPE] == 50);
    close(file);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    table = view_entries(slot, SPILLMARK_SECTION_DESCRIPTORS);
    paths();
    sockets();
    events();
    copies();
    streams();
    passed();
    bytes(slot);
    return 0;
}
