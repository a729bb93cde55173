/* service.h - kinds of services that a scenario can start beside the target: one file each behind
 * this table (service_table.c lists them).
 *
 * A kind says how to prepare a directory, what to run, and how to tell that it is ready; starting,
 * stopping and what it prints are the execution's. All from the run's thread. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "config.h"

/* A service of a scenario and its places. Owned by the scenario. */
struct sm_service {
    const struct sm_block *block;
    const char *name;            /* as faults and ${NAME.port} call it */
    const char *directory;       /* its own; goes with the run */
    const char *log;             /* what it prints; stays */
    const char *unix_path;       /* where it puts a unix socket, if it does; short */
    uint16_t port;               /* where it listens */
    const char *front_unix_path; /* the same for those who connect: the relay's, when it has one */
    uint16_t front_port;
    bool has_relay;
};

/* What to run. Zero to begin with; texts are in the arena, which the caller frees. */
struct sm_service_command {
    struct sm_arena arena;
    const char *argv[80]; /* NULL-terminated */
    size_t count;
    bool is_too_long; /* or there was no memory */
    uid_t user_id;    /* to become; 0 = stay who we are */
    gid_t group_id;
};

/* Adds an argument as printf would write it, or those of a list that ends with NULL. */
void sm_service_add(struct sm_service_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sm_service_add_all(struct sm_service_command *command, const char *const *texts);

struct sm_service_ops {
    const char *name; /* "redis" */
    const char *help;
    const struct sm_key *keys;                                           /* with SM_SERVICE_KEYS */
    int (*validate)(const struct sm_block *block, struct sm_error *err); /* may be NULL */
    /* Writes what it needs into its directory, which is there. May be NULL. */
    int (*prepare)(const struct sm_service *service, struct sm_error *err);
    /* A program that must first end with status 0; may be NULL, may add nothing. */
    void (*setup)(const struct sm_service *service, struct sm_service_command *command);
    void (*command)(const struct sm_service *service, struct sm_service_command *command);
    /* 1 ready, 0 not yet with what was seen in *err, or a negative errno; within a second. */
    int (*check)(const struct sm_service *service, struct sm_error *err);
};

extern const struct sm_service_ops *const sm_service_table[]; /* NULL-terminated */

/* That of a checked block; never NULL. */
const struct sm_service_ops *sm_service_ops_of(const struct sm_block *block);

/* A "ready" block's test: as sm_service_ops.check. */
int sm_service_check_ready(const struct sm_block *ready, struct sm_error *err);

/* Whether its port accepts a connection: as sm_service_ops.check. */
int sm_service_check_port(const struct sm_service *service, struct sm_error *err);

/* The keys that every kind has. `signal` is what asks it to stop. */
extern const char *const sm_signal_names[];
#define SM_SERVICE_KEYS(signal)                                                                    \
    {.name = "name",                                                                               \
     .type = SM_KEY_TEXT,                                                                          \
     .help = "what faults and ${NAME.port} call it; if not given, its kind or its program"},       \
        {.name = "relay",                                                                          \
         .type = SM_KEY_BOOL,                                                                      \
         .fallback = "false",                                                                      \
         .help = "connections to it go through spillmark, so that cut and slow_reads can act on "  \
                 "them"},                                                                          \
        {.name = "env", .type = SM_KEY_SETTINGS, .help = "variables of its environment"},          \
        {.name = "ready_timeout",                                                                  \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_SECONDS,                                                                  \
         .fallback = "30s",                                                                        \
         .at_most = 3600,                                                                          \
         .help = "how long it may take to be ready"},                                              \
        {.name = "stop_signal",                                                                    \
         .type = SM_KEY_TEXT,                                                                      \
         .fallback = (signal),                                                                     \
         .choices = sm_signal_names,                                                               \
         .help = "what asks it to stop"},                                                          \
        {.name = "stop_timeout",                                                                   \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_SECONDS,                                                                  \
         .fallback = "10s",                                                                        \
         .at_most = 3600,                                                                          \
         .help = "how long it may take to stop before it is killed"},                              \
    {                                                                                              \
        .name = "address_space", .type = SM_KEY_QUANTITY, .unit = SM_UNIT_BYTES, .at_least = 1e6,  \
        .help = "limit on its address space (RLIMIT_AS)"                                           \
    }
