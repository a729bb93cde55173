/* Readiness: a GET is answered with a 2xx status. */
#include <errno.h>
#include <stdlib.h>

#include "http_get.h"
#include "sources.h"

static const double timeout_s = 1;

static int check(const struct sm_block *config, struct sm_error *err) {
    struct sm_http_reply reply;
    if (sm_http_get(config, timeout_s, &reply, err))
        return 0; /* nobody listens yet, or too busy to say more */
    free(reply.body);
    if (reply.status / 100 == 2)
        return 1;
    sm_error_set(err, -EAGAIN, config->where, NULL, "it answers %ld", reply.status);
    return 0;
}

const struct sm_ready_ops sm_http_ready = {
    .name = "http",
    .help = "a GET is answered with a status of 200 to 299",
    .keys = sm_http_get_keys,
    .validate = sm_http_get_validate,
    .check = check,
};
