/* options.h - what the daemon's command line says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts belong to argv. Choices are numbers of their words, in the order of --help. */
struct mi_options {
    const char *socket_path;
    const char *data_directory;
    int64_t workers, threads, flush_threads;
    int64_t decompression, retry, release, body_check; /* 0 = as it was, 1 = mended */
    int64_t max_rows, age_ms, tick_ms;
    int64_t compressed_max_bytes, decompressed_max_bytes;
    int64_t held_max_bytes; /* 0 = no limit */
};

enum mi_options_result { MI_OPTIONS_RUN, MI_OPTIONS_HELP, MI_OPTIONS_BAD };

/* Fills *ret_options. Prints the help on standard output, or one line about what is wrong on
 * standard error, when it does not return MI_OPTIONS_RUN. */
enum mi_options_result mi_options_parse(int argc, char **argv, struct mi_options *ret_options);
