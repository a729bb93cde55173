/* options.h - what the server's command line says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "handler.h"

/* Texts belong to argv. */
struct br_options {
    const char *listen;     /* as gRPC writes addresses */
    const char *stats_path; /* a unix socket; NULL = none */
    const struct br_handler *handler;
    bool is_echo;
    size_t receive_max_bytes; /* of one message; 0 = no limit */
    size_t upload_max_bytes;  /* of a whole upload; 0 = no limit */
};

enum br_options_result { BR_OPTIONS_RUN, BR_OPTIONS_HELP, BR_OPTIONS_BAD };

/* Fills *ret_options. Prints the help on standard output, or one line about what is wrong on
 * standard error, when it does not return BR_OPTIONS_RUN. */
enum br_options_result br_options_parse(int argc, char **argv, struct br_options *ret_options);
