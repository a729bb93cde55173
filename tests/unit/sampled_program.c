/* A program to be sampled: does what it is told over one named pipe, answers over another. Takes
 * no memory and no descriptor but those asked for. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/spillmark_mark.h"

enum { KEPT_MAX = 4096 };
static void *kept[KEPT_MAX];
static int kept_count, command_fd, answer_fd;

SPILLMARK_MARK(declared, "work");

static long __attribute__((noinline)) keep(long count, long bytes) {
    long usable = 0;
    for (long i = 0; i < count && kept_count < KEPT_MAX; i++) {
        void *block = malloc((size_t)bytes);
        memset(block, 1, (size_t)bytes);
        usable += (long)malloc_usable_size(block);
        kept[kept_count++] = block;
    }
    return usable;
}

static long __attribute__((noinline)) drop(long count) {
    long usable = 0;
    while (count-- > 0 && kept_count > 0) {
        void *block = kept[--kept_count];
        usable += (long)malloc_usable_size(block);
        free(block);
    }
    return usable;
}

/* Of `count` mappings every other is given back; what stays. */
static long __attribute__((noinline)) map(long count, long bytes) {
    void *before = NULL;
    for (long i = 0; i < count; i++) {
        void *at = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (i % 2 && munmap(before, (size_t)bytes))
            return -1;
        before = at;
    }
    return (count + 1) / 2 * bytes;
}

static long open_many(long count) {
    for (long i = 0; i < count; i++)
        if (open("/proc/self/stat", O_RDONLY) < 0)
            return -1;
    return count;
}

/* Bytes written and never read: into a pair of unix sockets, then over TCP. */
static long fill_unix(long bytes) {
    static char buffer[1 << 16];
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return -1;
    return (long)write(pair[0], buffer, (size_t)bytes);
}

static long fill_tcp(long bytes) {
    static char buffer[1 << 16];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4) ||
        getsockname(listener, (struct sockaddr *)&address, &length) ||
        connect(client, (struct sockaddr *)&address, sizeof address) ||
        accept(listener, NULL, NULL) < 0)
        return -1;
    return (long)write(client, buffer, (size_t)bytes);
}

/* A child, or a daemon that nobody waits for, with memory of its own. */
static long start(int as_daemon, long bytes) {
    int done[2];
    char byte;
    if (pipe(done))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        if (as_daemon) {
            setsid();
            if (fork())
                _exit(0);
        }
        keep(1, bytes);
        byte = (char)(getpid() != 0);
        if (write(done[1], &byte, 1) != 1)
            _exit(1);
        close(command_fd);
        close(answer_fd);
        for (;;)
            pause();
    }
    long rc = read(done[0], &byte, 1) == 1 ? (long)pid : -1;
    close(done[0]);
    close(done[1]);
    return rc;
}

static long brief_children(long count) {
    for (long i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            keep(1, 1000);
            _exit(0);
        }
        int status;
        while (waitpid(pid, &status, 0) != pid)
            ;
    }
    return count;
}

/* The same program, linked statically, lies beside this one. */
static void exec_static(char **argv) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 8);
    if (length > 0) {
        memcpy(path + length, "-static", 8);
        execv(path, argv);
    }
}

static long obey(const char *command, long first, long second, char **argv) {
    if (strcmp(command, "keep") == 0)
        return keep(first, second);
    if (strcmp(command, "drop") == 0)
        return drop(first);
    if (strcmp(command, "map") == 0)
        return map(first, second);
    if (strcmp(command, "open") == 0)
        return open_many(first);
    if (strcmp(command, "unix") == 0)
        return fill_unix(first);
    if (strcmp(command, "tcp") == 0)
        return fill_tcp(first);
    if (strcmp(command, "fork") == 0)
        return start(0, first);
    if (strcmp(command, "daemon") == 0)
        return start(1, first);
    if (strcmp(command, "brief") == 0)
        return brief_children(first);
    if (strcmp(command, "mark") == 0) {
        spillmark_mark_add(&declared, (uint64_t)first, (uint64_t)second);
        return 0;
    }
    if (strcmp(command, "exec") == 0)
        execv("/proc/self/exe", argv);
    if (strcmp(command, "static") == 0)
        exec_static(argv);
    if (strcmp(command, "exit") == 0)
        _exit((int)first);
    return -1;
}

int main(int argc, char **argv) {
    char line[128], word[32];
    if (argc != 3 || (command_fd = open(argv[1], O_RDWR | O_CLOEXEC)) < 0 ||
        (answer_fd = open(argv[2], O_RDWR | O_CLOEXEC)) < 0)
        return 2;
    int64_t answer = 0;
    for (;;) {
        if (write(answer_fd, &answer, sizeof answer) != (ssize_t)sizeof answer ||
            read(command_fd, line, sizeof line) != (ssize_t)sizeof line)
            return 2;
        long first = 0, second = 0;
        sscanf(line, "%31s %ld %ld", word, &first, &second);
        answer = obey(word, first, second, argv);
    }
}
