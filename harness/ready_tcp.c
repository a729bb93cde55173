/* Readiness: a TCP port accepts connections. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "ready_socket.h"
#include "sources.h"

static const struct sm_key keys[] = {{.name = "port",
                                      .type = SM_KEY_QUANTITY,
                                      .unit = SM_UNIT_COUNT,
                                      .required = true,
                                      .at_least = 1,
                                      .at_most = 65535,
                                      .help = "the port it listens on"},
                                     {.name = "address",
                                      .type = SM_KEY_TEXT,
                                      .fallback = "127.0.0.1",
                                      .help = "its address, in numbers"},
                                     {.name = NULL}};

static int parse(const struct sm_block *config, struct sockaddr_storage *address,
                 socklen_t *ret_bytes) {
    const char *text = sm_block_text(config, "address");
    in_port_t port = htons((uint16_t)sm_block_quantity(config, "port"));
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(address, &v4, sizeof v4);
        *ret_bytes = sizeof v4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(address, &v6, sizeof v6);
        *ret_bytes = sizeof v6;
        return 0;
    }
    return -EINVAL;
}

static int validate(const struct sm_block *config, struct sm_error *err) {
    struct sockaddr_storage address;
    socklen_t bytes;
    if (parse(config, &address, &bytes))
        return sm_error_set(err, -EINVAL, config->where, "write it like \"127.0.0.1\" or \"::1\"",
                            "\"%s\" is no address in numbers", sm_block_text(config, "address"));
    return 0;
}

static int check(const struct sm_block *config, struct sm_error *err) {
    struct sockaddr_storage address;
    socklen_t bytes;
    char name[96];
    int rc = parse(config, &address, &bytes);
    if (rc)
        return rc;
    snprintf(name, sizeof name, "port %g of %.64s", sm_block_quantity(config, "port"),
             sm_block_text(config, "address"));
    return sm_ready_connect((const struct sockaddr *)&address, bytes, config, name, err);
}

const struct sm_ready_ops sm_tcp_ready = {
    .name = "tcp",
    .help = "a TCP port accepts connections",
    .keys = keys,
    .validate = validate,
    .check = check,
};
