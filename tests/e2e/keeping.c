/* keeping.c - a server whose every request fills a place of a bounded cache and forgets a session:
 *
 *     keeping SOCKET */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ENTRIES = 300, ENTRY_BYTES = 40000, SESSION_BYTES = 5000 };

static char *cache[ENTRIES];
static unsigned requests;
static char *volatile forgotten;

static __attribute__((noinline)) void cache_put(void) {
    char **at = &cache[requests % ENTRIES];
    free(*at);
    *at = malloc(ENTRY_BYTES);
    memset(*at, 1, ENTRY_BYTES);
}

static __attribute__((noinline)) void session_open(void) {
    forgotten = malloc(SESSION_BYTES);
    memset(forgotten, 1, SESSION_BYTES);
}

static void answer(int connection) {
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char request[4096];
    if (read(connection, request, sizeof request) > 0) {
        requests++;
        cache_put();
        session_open();
        (void)!write(connection, reply, sizeof reply - 1);
    }
    close(connection);
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argc != 2)
        return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64))
        return 1;
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection >= 0)
            answer(connection);
    }
}
