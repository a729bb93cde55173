/* options.h - what the ingester's environment and command line say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon_options.h"

/* Texts belong to argv or the environment. */
struct fh_options {
    const char *relay_hosts;   /* host:port or unix:PATH, several with commas */
    const char *labeler_hosts; /* the same; "" = none */
    const char *backfill_url;  /* "http://host:port"; NULL = none */
    const char *redis_url;     /* redis://host:port or unix:PATH */
    const char *stats_path;    /* a unix socket; NULL = none */
    size_t high_water_mark;    /* entries of the stream */
    size_t batch_size;         /* events */
    unsigned batch_timeout_ms;
    unsigned pressure_sleep_ms; /* how long the writer waits at the mark */
    bool is_bounded;            /* the channels have capacities */
    bool drops_under_pressure;  /* the batch in hand, when the stream is at the mark */
    bool counts_right;          /* dropped events are taken off the counter */
    bool retries_redis;         /* else the writer ends when Redis fails */
    bool parses_per_operation;
};

/* Fills *ret_options, as daemon_options_parse does. */
enum daemon_options_result fh_options_parse(int argc, char **argv, struct fh_options *ret_options);
