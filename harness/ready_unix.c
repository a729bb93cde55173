/* Readiness: a unix socket accepts connections. */
#include "local_socket.h"
#include "ready_socket.h"
#include "sources.h"

static const struct sm_key keys[] = {
    {.name = "path", .type = SM_KEY_TEXT, .required = true, .help = "the path of the socket"},
    {.name = NULL}};

static int validate(const struct sm_block *config, struct sm_error *err) {
    return sm_unix_path_check(sm_block_text(config, "path"), config->where, err);
}

static int check(const struct sm_block *config, struct sm_error *err) {
    struct sockaddr_un address;
    const char *path = sm_block_text(config, "path");
    int rc = sm_unix_address(path, &address); /* validate has said what is wrong with it */
    return rc ? rc
              : sm_ready_connect((const struct sockaddr *)&address, sizeof address, config, path,
                                 err);
}

const struct sm_ready_ops sm_unix_ready = {
    .name = "unix",
    .help = "a unix socket accepts connections",
    .keys = keys,
    .validate = validate,
    .check = check,
};
