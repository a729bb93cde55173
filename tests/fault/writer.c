/* writer.c - a program that writes below watched/ in one particular way, named by its first
 * argument, and checks that the system calls behaved as they would without supervision. Ends
 * with 0, or with the line number of the check that failed on standard error. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/openat2.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "writer.c:%d: %s (errno %d)\n", __LINE__, #condition, errno);          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { SMALL = 500, MIDDLE = 1000, BIG = 1 << 20 };
static char bytes[BIG];

static int open_new(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    CHECK(fd >= 0);
    return fd;
}

static void put(int fd, size_t count) {
    CHECK(write(fd, bytes, count) == (ssize_t)count);
}

static void with_stdio(void) {
    FILE *file = fopen("watched/f", "w");
    CHECK(file);
    for (int i = 0; i < 20; i++)
        CHECK(fwrite(bytes, 1, MIDDLE, file) == MIDDLE);
    CHECK(fclose(file) == 0);
}

static void with_the_write_family(void) {
    struct iovec parts[2] = {{bytes, SMALL}, {bytes, SMALL}};
    int fd = open_new("watched/f"), source = open_new("beside/source"), ends[2];
    put(source, MIDDLE);
    put(fd, MIDDLE);
    CHECK(pwrite(fd, bytes, MIDDLE, 0) == MIDDLE);
    CHECK(writev(fd, parts, 2) == MIDDLE);
    CHECK(pwritev(fd, parts, 2, 0) == MIDDLE);
    CHECK(pwritev2(fd, parts, 2, 0, 0) == MIDDLE);
    off_t from = 0, to = 0;
    CHECK(sendfile(fd, source, &from, BIG) == MIDDLE); /* asked for more than there is */
    from = 0;
    CHECK(copy_file_range(source, &from, fd, &to, BIG, 0) == MIDDLE);
    CHECK(pipe(ends) == 0 && write(ends[1], bytes, MIDDLE) == MIDDLE);
    CHECK(splice(ends[0], NULL, fd, NULL, BIG, 0) == MIDDLE);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && sync_file_range(fd, 0, 0, 0) == 0);
    CHECK(fallocate(fd, 0, 0, 8192) == 0 && ftruncate(fd, 100) == 0);
    CHECK(lseek(fd, 0, SEEK_END) == 100);
}

static void by_path_and_through_readers(void) {
    int fd = open_new("watched/f");
    put(fd, MIDDLE);
    CHECK(close(fd) == 0);
    CHECK(truncate("watched/f", 10) == 0 && truncate("watched/../watched/f", 20) == 0);
    CHECK(truncate("beside/none", 10) == -1 && errno == ENOENT);
    CHECK(truncate("watched/none", 10) == -1 && errno == ENOENT);
    fd = open("watched/f", O_RDONLY);
    CHECK(fd >= 0 && lseek(fd, 0, SEEK_END) == 20);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
    CHECK(close(fd) == 0);
    int directory = open("watched", O_RDONLY | O_DIRECTORY), beside = open("beside", O_RDONLY);
    CHECK(fsync(directory) == 0 && fsync(beside) == 0);
}

static void *write_ten(void *name) {
    int fd = open_new(name);
    for (int i = 0; i < 10; i++)
        put(fd, SMALL);
    close(fd);
    return NULL;
}

static void with_threads(void) {
    static char *const names[] = {"watched/a", "watched/b", "watched/c", "watched/d"};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, write_ten, names[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void with_a_fork(void) {
    int fd = open_new("watched/f"), status;
    pid_t pid = fork();
    for (int i = 0; i < 10; i++)
        put(fd, SMALL);
    if (pid == 0) {
        write_ten("watched/child");
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 20 * SMALL); /* one open file, one offset */
}

static void with_duplicates(void) {
    int fd = open_new("watched/f");
    int copies[] = {dup(fd),        fcntl(fd, F_DUPFD, 3),     fcntl(fd, F_DUPFD_CLOEXEC, 960),
                    dup2(fd, 1000), dup3(fd, 1001, O_CLOEXEC), dup2(fd, fd)};
    CHECK(copies[2] >= 960 && copies[3] == 1000 && copies[4] == 1001 && copies[5] == fd);
    CHECK(fcntl(copies[0], F_GETFD) == 0 && fcntl(copies[1], F_GETFD) == 0);
    CHECK(fcntl(copies[2], F_GETFD) == FD_CLOEXEC && fcntl(copies[4], F_GETFD) == FD_CLOEXEC);
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++)
        put(copies[i], MIDDLE);
    CHECK(lseek(fd, 0, SEEK_CUR) == 6 * MIDDLE);
    CHECK(dup2(fd, 1) == 1 && close(fd) == 0); /* as a daemon does with its log */
    put(1, MIDDLE);
    CHECK(dup2(-1, 5) == -1 && errno == EBADF);
}

static void with_the_lowest_descriptor(void) {
    close(0);
    CHECK(open("watched/f", O_WRONLY | O_CREAT, 0666) == 0);
    put(0, MIDDLE);
    close(1);
    CHECK(dup(0) == 1);
    put(1, MIDDLE);
}

static volatile sig_atomic_t ticks;
static void on_tick(int signal_number) {
    (void)signal_number;
    ticks++;
}

static void under_a_timer(void) {
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 20000}, {0, 20000}};
    int fd = open_new("watched/f");
    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &every, NULL) == 0);
    for (int i = 0; i < 5; i++)
        put(fd, SMALL);
    CHECK(ticks > 0);
}

static void with_many_files(void) {
    char name[64];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "watched/%d", i);
        put(open_new(name), 1);
    }
}

static void with_many_sockets(void) {
    for (int i = 0; i < 1100; i++)
        CHECK(open("/dev/null", O_WRONLY) >= 0);
    int fd = open_new("watched/f"), null = open("/dev/null", O_WRONLY);
    CHECK(fd >= 900 && null >= 1000);
    put(fd, MIDDLE);
    put(null, MIDDLE); /* high, but not watched */
    put(1050, MIDDLE);
}

static void with_modes_and_errors(void) {
    struct stat status;
    umask(027);
    int fd = open_new("watched/f");
    CHECK(fstat(fd, &status) == 0 && (status.st_mode & 07777) == 0640);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(open("watched/f", O_WRONLY | O_CREAT | O_EXCL, 0666) == -1 && errno == EEXIST);
    CHECK(open("watched/none", O_WRONLY) == -1 && errno == ENOENT);
    CHECK(open("watched/none/f", O_WRONLY | O_CREAT, 0666) == -1 && errno == ENOENT);
    CHECK(open("watched", O_WRONLY) == -1 && errno == EISDIR);
    CHECK(open("watched/f/", O_WRONLY) == -1 && errno == ENOTDIR);
    CHECK(open("watched/new/", O_WRONLY | O_CREAT, 0666) == -1 && errno == EISDIR);
    CHECK(open((char *)8, O_WRONLY) == -1 && errno == EFAULT);
    CHECK(symlink("f", "watched/link") == 0);
    CHECK(open("watched/link", O_WRONLY | O_NOFOLLOW) == -1 && errno == ELOOP);
    int again = open("watched/f", O_WRONLY | O_EXCL, 0); /* O_EXCL alone means nothing */
    CHECK(again >= 900 && fcntl(again, F_GETFD) == 0);
    int tail = open("watched/f", O_WRONLY | O_APPEND);
    put(fd, SMALL);
    put(tail, SMALL);
    CHECK(fstat(fd, &status) == 0 && status.st_size == 2 * SMALL);
    CHECK((fcntl(tail, F_GETFL) & (O_APPEND | O_ACCMODE)) == (O_APPEND | O_WRONLY));
    CHECK(open("watched/f", O_RDONLY) < 900); /* reading is not its business */
}

static char *path_at_the_end_of_a_page(const char *path) {
    size_t length = strlen(path) + 1;
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && munmap(pages + 4096, 4096) == 0);
    return memcpy(pages + 4096 - length, path, length);
}

static void by_every_kind_of_path(void) {
    char absolute[256], cwd[200];
    struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = 0600};
    struct open_how beneath = {.flags = O_WRONLY, .resolve = RESOLVE_BENEATH};
    struct open_how in_root = {.flags = O_WRONLY, .resolve = RESOLVE_IN_ROOT};
    CHECK(getcwd(cwd, sizeof cwd));
    snprintf(absolute, sizeof absolute, "%s/beside/../watched/./f", cwd);
    CHECK(symlink("../watched", "beside/folder") == 0);
    CHECK(symlink("../watched/f", "beside/link") == 0);
    CHECK(symlink("made-through-a-link", "watched/dangling") == 0);
    int here = open("watched", O_PATH | O_DIRECTORY), template = -1;
    char temporary[] = "watched/tmp-XXXXXX";
    int fds[] = {
        open_new(absolute),
        open("beside/folder/f", O_WRONLY),
        open("beside/link", O_WRONLY),
        open("watched/dangling", O_WRONLY | O_CREAT, 0600),
        openat(here, "f", O_WRONLY),
        open("watched", O_TMPFILE | O_WRONLY, 0600),
        creat("watched/created", 0600),
        (int)syscall(SYS_openat2, here, "by-openat2", &how, sizeof how),
        (int)syscall(SYS_openat2, here, "f", &beneath, sizeof beneath),
        (int)syscall(SYS_openat2, here, "/../f", &in_root, sizeof in_root),
        template = mkstemp(temporary),
        open(path_at_the_end_of_a_page("watched/f"), O_WRONLY),
    };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        CHECK(fds[i] >= 900);
        put(fds[i], MIDDLE);
    }
    CHECK(syscall(SYS_openat2, here, "../watched/f", &beneath, sizeof beneath) == -1 &&
          errno == EXDEV);
    CHECK(dup2(template, 1) == 1);
    int again = open("/dev/stdout", O_WRONLY | O_APPEND);
    CHECK(again >= 900);
    put(again, MIDDLE);
    CHECK(access("watched/made-through-a-link", F_OK) == 0);
}

static void after_renames(void) {
    int fd = open_new("watched/a"), gone = open_new("watched/b");
    CHECK(rename("watched/a", "watched/c") == 0 && unlink("watched/b") == 0);
    put(fd, MIDDLE);
    put(gone, MIDDLE);
}

static void and_closes_all(void) {
    int fd = open_new("watched/f");
    put(fd, MIDDLE);
    CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
    CHECK(write(fd, bytes, 1) == -1 && errno == EBADF);
    CHECK(open_new("watched/g") == fd);
    put(fd, MIDDLE);
}

static void with_locks(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_new("watched/f"), status;
    CHECK(fcntl(fd, F_SETLK, &lock) == 0);
    put(fd, MIDDLE);
    open_new("watched/g"); /* the supervisor opens and closes: the lock must survive that */
    pid_t pid = fork();
    if (pid == 0) {
        int other = open("watched/f", O_RDWR);
        _exit(!(fcntl(other, F_SETLK, &lock) == -1 && (errno == EAGAIN || errno == EACCES)));
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void with_a_mapping(void) {
    int fd = open_new("watched/f");
    CHECK(ftruncate(fd, 4096) == 0);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
          MAP_FAILED);
}

static void with_rings(void) {
    char params[256] = {0};
    unsigned long context = 0;
    CHECK(syscall(SYS_io_uring_setup, 4, params) == -1 && errno == ENOSYS);
    CHECK(syscall(SYS_io_setup, 4, &context) == -1 && errno == ENOSYS);
}

static void by_spawning(void) {
    extern char **environ;
    posix_spawn_file_actions_t actions;
    char *const argv[] = {"head", "-c", "3000", "/dev/zero", NULL};
    pid_t pid;
    int status;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 1, "watched/f", O_WRONLY | O_CREAT, 0600) ==
          0);
    CHECK(posix_spawnp(&pid, "head", &actions, NULL, argv, environ) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    posix_spawn_file_actions_destroy(&actions);
}

static void in_a_root_of_its_own(void) {
    struct stat status;
    CHECK(symlink("/watched", "absolute") == 0); /* means the new root's */
    CHECK(chroot(".") == 0);
    int fds[] = {open_new("/watched/f"), open("watched/f", O_WRONLY),
                 open("/absolute/g", O_WRONLY | O_CREAT, 0600), open("absolute/g", O_WRONLY),
                 open("../../watched/f", O_WRONLY)};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        CHECK(fds[i] >= 900);
        put(fds[i], MIDDLE);
    }
    CHECK(stat("/watched/g", &status) == 0 && status.st_size == MIDDLE);
}

static void among_mounts_of_its_own(void) {
    struct stat status;
    char tmp[] = "watched";
    CHECK(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mount("none", tmp, "tmpfs", 0, NULL) == 0);
    put(open_new("watched/only-here"), MIDDLE);
    CHECK(stat("watched/only-here", &status) == 0 && status.st_size == MIDDLE);
    CHECK(umount(tmp) == 0 || errno == EBUSY);
}

static void as_another_user(void) {
    struct stat status;
    enum { NOBODY = 65534 };
    CHECK(chmod("watched", 0777) == 0 && mkdir("watched/closed", 0755) == 0);
    CHECK(syscall(SYS_setgroups, 0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0);
    CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
    int fd = open_new("watched/f");
    put(fd, MIDDLE);
    CHECK(fstat(fd, &status) == 0 && status.st_uid == NOBODY && status.st_gid == NOBODY);
    CHECK(open("watched/closed/f", O_WRONLY | O_CREAT, 0666) == -1 && errno == EACCES);
}

static void one_big_block(void) {
    put(open_new("watched/f"), BIG);
}

static void without_end(void) {
    int fd = open_new("watched/f");
    for (;;)
        put(fd, SMALL);
}

static void *churn(void *name) {
    for (;;) {
        int fd = open(name, O_RDWR | O_CREAT, 0666), copy = dup(fd);
        write(fd, bytes, SMALL);
        fsync(copy);
        unlink(name);
        close(copy);
        close(fd);
        pid_t pid = fork();
        if (pid == 0) {
            fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0666);
            write(fd, bytes, SMALL);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    return NULL;
}

static void in_turmoil(void) {
    static char *const names[] = {"watched/a", "watched/b", "beside/a"};
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&thread, NULL, churn, names[i]) == 0);
    pthread_join(thread, NULL);
}

static void to_descriptor_five(void) {
    put(5, MIDDLE);
    put(open_new("beside/f"), MIDDLE);
    put(open_new("watched/f"), MIDDLE);
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {
    {"stdio", with_stdio},
    {"family", with_the_write_family},
    {"by-path", by_path_and_through_readers},
    {"threads", with_threads},
    {"fork", with_a_fork},
    {"duplicates", with_duplicates},
    {"lowest", with_the_lowest_descriptor},
    {"timer", under_a_timer},
    {"many-files", with_many_files},
    {"many-sockets", with_many_sockets},
    {"errors", with_modes_and_errors},
    {"paths", by_every_kind_of_path},
    {"renames", after_renames},
    {"close-all", and_closes_all},
    {"locks", with_locks},
    {"mapping", with_a_mapping},
    {"rings", with_rings},
    {"spawn", by_spawning},
    {"chroot", in_a_root_of_its_own},
    {"mounts", among_mounts_of_its_own},
    {"user", as_another_user},
    {"big", one_big_block},
    {"without-end", without_end},
    {"turmoil", in_turmoil},
    {"five", to_descriptor_five},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[1], ways[i].name) == 0) {
            ways[i].run();
            return 0;
        }
    return 2;
}
