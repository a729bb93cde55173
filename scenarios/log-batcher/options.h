/* options.h - what the daemon's command line says. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon_options.h"

enum lb_sysmon_mode { LB_SYSMON_OFF, LB_SYSMON_RETAIN, LB_SYSMON_RELEASE };

/* Texts belong to argv. */
struct lb_options {
    const char *socket_path;
    const char *database_path;
    bool is_bounded;       /* the channel has a capacity */
    size_t capacity;       /* entries */
    size_t body_max_bytes; /* of one request */
    unsigned thread_count; /* of the HTTP server */
    enum lb_sysmon_mode sysmon;
    unsigned sysmon_interval_ms;
    bool unlinks_stale_socket;
};

/* Fills *ret_options, as daemon_options_parse does. */
enum daemon_options_result lb_options_parse(int argc, char **argv, struct lb_options *ret_options);
