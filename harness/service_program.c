/* service_program.c - any program as a service: the scenario says all about it. */
#include "service.h"

static const struct sm_key keys[] = {
    {.name = "command",
     .type = SM_KEY_TEXTS,
     .required = true,
     .help = "the program and its arguments"},
    SM_SERVICE_KEYS("TERM"),
    {.name = "cwd", .type = SM_KEY_TEXT, .help = "the directory it is started in"},
    {.name = "ready",
     .type = SM_KEY_BLOCK,
     .family = "ready",
     .help = "how to tell that it is ready"},
    {.name = NULL}};

static void command(const struct sm_service *service, struct sm_service_command *command) {
    sm_service_add_all(command, sm_block_texts(service->block, "command", NULL));
}

static int check(const struct sm_service *service, struct sm_error *err) {
    const struct sm_block *ready = sm_block_block(service->block, "ready");
    return ready ? sm_service_check_ready(ready, err) : 1;
}

const struct sm_service_ops sm_program_service = {
    .name = "program",
    .help = "any program, found in PATH unless its name has a slash",
    .keys = keys,
    .command = command,
    .check = check,
};
