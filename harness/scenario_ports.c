/* scenario_ports.c - free ports of 127.0.0.1, by name: ${port:relay}. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scenario_internal.h"

/* Below those that the kernel gives to connections, so that none takes one by chance before its
 * program listens. */
enum { LOWEST = 20000, HIGHEST = 32767, TRIES = 100 };

static bool is_free(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return free;
}

static int find_port(void) {
    for (int i = 0; i < TRIES; i++) {
        uint16_t random = 0;
        if (getrandom(&random, sizeof random, 0) != sizeof random)
            return -1;
        int port = LOWEST + random % (HIGHEST - LOWEST + 1);
        if (is_free(port))
            return port;
    }
    return -1;
}

const char *sm_port(struct sm_loader *loader, const char *name) {
    char text[8];
    size_t i = 0;
    if (name[0] == '\0' || strlen(name) >= sizeof loader->ports[0].name)
        sm_raise(loader, "write ${port:relay}", "${port:%.60s} has no proper name", name);
    while (i < loader->port_count && strcmp(loader->ports[i].name, name) != 0)
        i++;
    if (i < loader->port_count)
        return loader->ports[i].port;
    if (i == SM_PORTS)
        sm_raise(loader, NULL, "there are more than %d ports", SM_PORTS);
    int port = find_port();
    if (port < 0)
        sm_raise(loader, NULL, "no port of 127.0.0.1 is free");
    snprintf(text, sizeof text, "%d", port);
    snprintf(loader->ports[i].name, sizeof loader->ports[i].name, "%s", name);
    loader->ports[i].port = sm_alloc_text(loader, text, strlen(text));
    loader->port_count++;
    return loader->ports[i].port;
}
