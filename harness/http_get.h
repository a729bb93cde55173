/* http_get.h - one GET over TCP or a unix socket, with a small reply: what gauges and readiness
 * tests of the kind `http` stand on. */
#pragma once

#include <stddef.h>

#include "config.h"

struct sm_http_reply {
    long status; /* 200, ... */
    char *body;  /* malloc'd, terminated; the caller frees */
    size_t length;
};

/* The keys that say where to ask: url, unix, path. */
extern const struct sm_key sm_http_get_keys[];

/* One of url and unix is given, and they can be used. */
int sm_http_get_validate(const struct sm_block *config, struct sm_error *err);

/* Asks. Returns 0 with any status of HTTP, or a negative errno and *err: nobody answers, no answer
 * within timeout_s, a body of more than 1 MiB. Follows no redirection, uses no proxy. Any
 * thread. */
int sm_http_get(const struct sm_block *config, double timeout_s, struct sm_http_reply *ret_reply,
                struct sm_error *err);
