/* options.h - what the server's command line says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon_options.h"
#include "handler.h"

/* Texts belong to argv. */
struct br_options {
    const char *listen;     /* as gRPC writes addresses */
    const char *stats_path; /* a unix socket; NULL = none */
    const char *handler_name;
    const struct br_handler *handler; /* of this name */
    bool is_echo;
    size_t receive_max_bytes; /* of one message; 0 = no limit */
    size_t upload_max_bytes;  /* of a whole upload; 0 = no limit */
};

/* Fills *ret_options, as daemon_options_parse does. */
enum daemon_options_result br_options_parse(int argc, char **argv, struct br_options *ret_options);
