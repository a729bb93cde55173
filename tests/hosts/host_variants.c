/* host_variants.c - the other names of calls that make a descriptor or move bytes: the 64-bit ones,
 * those that _FORTIFY_SOURCE calls, the aliases that libc exports; and mappings. */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "pool_view.h"

int __open(const char *path, int flags, ...);
int __open64(const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);
int __close(int fd);
ssize_t __read(int fd, void *bytes, size_t count);
ssize_t __write(int fd, const void *bytes, size_t count);
ssize_t __read_chk(int fd, void *bytes, size_t count, size_t room);
ssize_t __pread_chk(int fd, void *bytes, size_t count, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void *bytes, size_t count, off64_t at, size_t room);
ssize_t __recv_chk(int fd, void *bytes, size_t count, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *bytes, size_t count, size_t room, int flags,
                       struct sockaddr *from, socklen_t *from_bytes);

enum { COUNT = 30, ROOM = 100 };

static const struct spillmark_slot *slot;
static const struct spillmark_descriptor *table;
static char buffer[ROOM];
static char directory[] = "/tmp/spillmark-host-XXXXXX", name[64];

static void open_close(int fd) {
    HOST_CHECK(fd >= 0 && table[fd].open == 1 && table[fd].stack != 0);
    HOST_CHECK(__close(fd) == 0 && table[fd].open == 0);
}

static char *named(const char *last) {
    snprintf(name, sizeof name, "%s/%s", directory, last);
    return name;
}

static void made(int fd) {
    open_close(fd);
    HOST_CHECK(unlink(name) == 0);
}

static void paths(void) {
    const char *path = "/dev/null";
    open_close(open64(path, O_RDONLY));
    open_close(__open(path, O_RDONLY));
    open_close(__open64(path, O_RDONLY));
    open_close(openat64(AT_FDCWD, path, O_RDONLY));
    open_close(__open_2(path, O_RDONLY));
    open_close(__open64_2(path, O_RDONLY));
    open_close(__openat_2(AT_FDCWD, path, O_RDONLY));
    open_close(__openat64_2(AT_FDCWD, path, O_RDONLY));
    made(creat(named("a"), 0600));
    made(creat64(named("a"), 0600));
    made(mkstemp64(named("XXXXXX")));
    made(mkostemp(named("XXXXXX"), O_CLOEXEC));
    made(mkostemp64(named("XXXXXX"), O_CLOEXEC));
    made(mkstemps(named("XXXXXX.a"), 2));
    made(mkstemps64(named("XXXXXX.a"), 2));
    made(mkostemps(named("XXXXXX.a"), 2, O_CLOEXEC));
    made(mkostemps64(named("XXXXXX.a"), 2, O_CLOEXEC));
    snprintf(name, sizeof name, "/spillmark-host-%d", (int)getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    HOST_CHECK(shm_unlink(name) == 0);
    open_close(fd);
}

static void others(void) {
    int ends[2], fd = open("/dev/null", O_RDONLY);
    open_close(epoll_create(1));
    open_close(inotify_init1(0));
    open_close(fcntl64(fd, F_DUPFD, 50));
    open_close(fd);
    HOST_CHECK(pipe2(ends, O_CLOEXEC) == 0);
    open_close(ends[0]);
    open_close(ends[1]);
    FILE *streams[] = {fopen64("/dev/null", "r"), tmpfile(), tmpfile64()};
    for (int i = 0; i < 3; i++) {
        fd = fileno(streams[i]);
        HOST_CHECK(table[fd].open == 1 && table[fd].stack != 0);
        HOST_CHECK(fclose(streams[i]) == 0 && table[fd].open == 0);
    }
    FILE *again = freopen64("/dev/zero", "r", fopen("/proc/self/stat", "r"));
    HOST_CHECK(table[fileno(again)].fd_class == SPILLMARK_FD_DEVICE);
    HOST_CHECK(table[fileno(again)].open == 1 && fclose(again) == 0);
}

static void accepted(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", named("s"));
    HOST_CHECK(bind(server, (struct sockaddr *)&address, sizeof address) == 0);
    HOST_CHECK(listen(server, 2) == 0);
    for (int i = 0; i < 2; i++) {
        int client = socket(AF_UNIX, SOCK_STREAM, 0);
        HOST_CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
        open_close(i == 0 ? accept(server, NULL, NULL) : accept4(server, NULL, NULL, 0));
        close(client);
    }
    close(server);
    HOST_CHECK(unlink(name) == 0);
}

/* The call moves COUNT bytes, and they are counted once. */
#define READS(call)                                                                                \
    do {                                                                                           \
        uint64_t before = view_totals(slot).read_bytes;                                            \
        HOST_CHECK((call) == COUNT && view_totals(slot).read_bytes == before + COUNT);             \
    } while (0)
#define WRITES(call)                                                                               \
    do {                                                                                           \
        uint64_t before = view_totals(slot).write_bytes;                                           \
        HOST_CHECK((call) == COUNT && view_totals(slot).write_bytes == before + COUNT);            \
    } while (0)

static void files(void) {
    struct iovec part = {buffer, COUNT};
    int fd = open(".", O_TMPFILE | O_RDWR, 0600), other = open(".", O_TMPFILE | O_RDWR, 0600);
    WRITES(__write(fd, buffer, COUNT));
    WRITES(pwrite64(fd, buffer, COUNT, COUNT));
    WRITES(pwritev64(fd, &part, 1, 2 * COUNT));
    WRITES(pwritev2(fd, &part, 1, 3 * COUNT, 0));
    WRITES(pwritev64v2(fd, &part, 1, 4 * COUNT, 0));
    HOST_CHECK(lseek(fd, 0, SEEK_SET) == 0);
    READS(__read(fd, buffer, COUNT));
    READS(__read_chk(fd, buffer, COUNT, ROOM));
    READS(readv(fd, &part, 1));
    READS(pread64(fd, buffer, COUNT, 0));
    READS(__pread_chk(fd, buffer, COUNT, 0, ROOM));
    READS(__pread64_chk(fd, buffer, COUNT, 0, ROOM));
    READS(preadv64(fd, &part, 1, 0));
    READS(preadv2(fd, &part, 1, 0, 0));
    READS(preadv64v2(fd, &part, 1, 0, 0));
    off64_t from = 0, to = 0;
    READS(sendfile64(other, fd, &from, COUNT));
    from = 0;
    WRITES(sendfile64(other, fd, &from, COUNT));
    from = 0;
    WRITES(copy_file_range(fd, &from, other, &to, COUNT, 0));
    close(fd);
    close(other);
}

static void messages(void) {
    int pair[2], ends[2];
    struct iovec part = {buffer, COUNT};
    struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
    HOST_CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && pipe(ends) == 0);
    WRITES(send(pair[0], buffer, COUNT, 0));
    READS(recv(pair[1], buffer, ROOM, 0));
    WRITES(sendto(pair[0], buffer, COUNT, 0, NULL, 0));
    READS(recvfrom(pair[1], buffer, ROOM, 0, NULL, NULL));
    WRITES(sendmsg(pair[0], &message.msg_hdr, 0));
    READS(__recv_chk(pair[1], buffer, ROOM, ROOM, 0));
    WRITES(sendmmsg(pair[0], &message, 1, 0) == 1 ? COUNT : -1);
    READS(__recvfrom_chk(pair[1], buffer, ROOM, ROOM, 0, NULL, NULL));
    WRITES(send(pair[0], buffer, COUNT, 0));
    READS(recvmsg(pair[1], &message.msg_hdr, 0));
    WRITES(send(pair[0], buffer, COUNT, 0));
    READS(recvmmsg(pair[1], &message, 1, 0, NULL) == 1 ? COUNT : -1);
    close(pair[0]);
    close(pair[1]);
    int zero = open("/dev/zero", O_RDONLY);
    READS(splice(zero, NULL, ends[1], NULL, COUNT, 0));
    close(zero);
    close(ends[0]);
    close(ends[1]);
}

static struct spillmark_thread own_block(void) {
    return *(const struct spillmark_thread *)view_entries(slot, SPILLMARK_SECTION_THREADS);
}

/* The call succeeds, and maps and unmaps as many bytes. */
#define MAPS(call, mapped, unmapped)                                                               \
    do {                                                                                           \
        struct spillmark_thread before = own_block();                                              \
        HOST_CHECK(call);                                                                          \
        HOST_CHECK(own_block().map_bytes == before.map_bytes + (mapped));                          \
        HOST_CHECK(own_block().unmap_bytes == before.unmap_bytes + (unmapped));                    \
    } while (0)

static void mappings(void) {
    enum { PAGE = 4096 };
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *at;
    MAPS((at = mmap(NULL, 100, PROT_READ, flags, -1, 0)) != MAP_FAILED, PAGE, 0);
    MAPS((at = mremap(at, PAGE, 3 * PAGE, MREMAP_MAYMOVE)) != MAP_FAILED, 3 * PAGE, PAGE);
    MAPS(munmap(at, 3 * PAGE) == 0, 0, 3 * PAGE);
    MAPS((at = mmap64(NULL, PAGE, PROT_READ, flags, -1, 0)) != MAP_FAILED, PAGE, 0);
    MAPS(munmap(at, PAGE) == 0, 0, PAGE);
    MAPS((at = sbrk(2 * PAGE)) != (void *)-1, 2 * PAGE, 0);
    MAPS(brk(at + PAGE) == 0, 0, PAGE);
    MAPS(brk(at) == 0, 0, PAGE);
}

int main(void) {
    slot = host_slot();
    table = view_entries(slot, SPILLMARK_SECTION_DESCRIPTORS);
    HOST_CHECK(mkdtemp(directory) != NULL);
    paths();
    others();
    accepted();
    files();
    messages();
    mappings();
    HOST_CHECK(rmdir(directory) == 0);
    return 0;
}
