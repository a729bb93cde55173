/* Every readiness test, source of gauges and count of delivered units there is; a new one is a
 * line here. */
#include "sources.h"

#include <string.h>

extern const struct sm_ready_ops sm_http_ready, sm_tcp_ready, sm_unix_ready, sm_log_ready;
extern const struct sm_gauge_ops sm_http_gauge;
extern const struct sm_delivered_ops sm_sqlite_delivered, sm_redis_delivered, sm_command_delivered,
    sm_gauge_delivered;

const struct sm_ready_ops *const sm_ready_table[] = {&sm_http_ready, &sm_tcp_ready, &sm_unix_ready,
                                                     &sm_log_ready, NULL};
const struct sm_gauge_ops *const sm_gauge_table[] = {&sm_http_gauge, NULL};
const struct sm_delivered_ops *const sm_delivered_table[] = {
    &sm_sqlite_delivered, &sm_redis_delivered, &sm_command_delivered, &sm_gauge_delivered, NULL};

const struct sm_delivered_ops *sm_delivered_ops(const struct sm_block *config) {
    size_t i = 0;
    while (strcmp(sm_delivered_table[i]->name, config->type) != 0)
        i++;
    return sm_delivered_table[i];
}

enum sm_unit sm_gauge_unit(const char *name) {
    static const char suffix[] = "_bytes";
    size_t length = strlen(name), suffix_length = sizeof suffix - 1;
    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0
               ? SM_UNIT_BYTES
               : SM_UNIT_COUNT;
}
