/* options.h - what the daemon's command line says. */
#pragma once

#include <stdint.h>

#include "daemon_options.h"

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

/* Fills *ret_options, as daemon_options_parse does. */
enum daemon_options_result mi_options_parse(int argc, char **argv, struct mi_options *ret_options);
