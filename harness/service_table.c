/* service_table.c - every kind of service, one line each, and what they share. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "local_socket.h"
#include "ready_socket.h"
#include "service.h"
#include "sources.h"

extern const struct sm_service_ops sm_nginx_service;
extern const struct sm_service_ops sm_postgres_service;
extern const struct sm_service_ops sm_program_service;
extern const struct sm_service_ops sm_redis_service;

const struct sm_service_ops *const sm_service_table[] = {
    &sm_program_service, &sm_redis_service, &sm_postgres_service, &sm_nginx_service, NULL,
};

const char *const sm_signal_names[] = {"TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "KILL", NULL};

const struct sm_service_ops *sm_service_ops_of(const struct sm_block *block) {
    size_t i = 0;
    while (sm_service_table[i + 1] && strcmp(sm_service_table[i]->name, block->type) != 0)
        i++;
    return sm_service_table[i];
}

enum { ARGUMENTS = sizeof(((struct sm_service_command *)0)->argv) / sizeof(char *) };

static void add_text(struct sm_service_command *command, const char *text) {
    char *copy = sm_arena_text(&command->arena, text, strlen(text));
    if (!copy || command->count + 1 >= ARGUMENTS) {
        command->is_too_long = true;
        return;
    }
    command->argv[command->count++] = copy;
}

void sm_service_add(struct sm_service_command *command, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof text)
        command->is_too_long = true;
    else
        add_text(command, text);
}

void sm_service_add_all(struct sm_service_command *command, const char *const *texts) {
    for (; texts && *texts; texts++)
        add_text(command, *texts);
}

int sm_service_check_ready(const struct sm_block *ready, struct sm_error *err) {
    size_t i = 0;
    while (sm_ready_table[i] && strcmp(sm_ready_table[i]->name, ready->type) != 0)
        i++;
    if (!sm_ready_table[i])
        return sm_error_set(err, -ENOENT, ready->where, NULL, "no readiness test \"%s\"",
                            ready->type);
    return sm_ready_table[i]->check(ready, err);
}

int sm_service_check_port(const struct sm_service *service, struct sm_error *err) {
    const struct sockaddr_in address = sm_loopback(service->port);
    char name[32];
    snprintf(name, sizeof name, "port %u", service->port);
    return sm_ready_connect((const struct sockaddr *)&address, sizeof address, service->block, name,
                            err);
}
