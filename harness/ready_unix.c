/* Readiness: a unix socket accepts connections. */
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "ready_socket.h"
#include "sources.h"

static const struct sm_key keys[] = {
    {.name = "path", .type = SM_KEY_TEXT, .required = true, .help = "the path of the socket"},
    {.name = NULL}};

static int validate(const struct sm_block *config, struct sm_error *err) {
    struct sockaddr_un address;
    const char *path = sm_block_text(config, "path");
    if (strlen(path) < sizeof address.sun_path)
        return 0;
    return sm_error_set(err, -ENAMETOOLONG, config->where, "use ${run}, which is short",
                        "the path of a unix socket has at most %zu bytes: \"%s\"",
                        sizeof address.sun_path - 1, path);
}

static int check(const struct sm_block *config, struct sm_error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = sm_block_text(config, "path");
    int rc = validate(config, err);
    if (rc)
        return rc;
    memcpy(address.sun_path, path, strlen(path));
    return sm_ready_connect((const struct sockaddr *)&address, sizeof address, config, path, err);
}

const struct sm_ready_ops sm_unix_ready = {
    .name = "unix",
    .help = "a unix socket accepts connections",
    .keys = keys,
    .validate = validate,
    .check = check,
};
