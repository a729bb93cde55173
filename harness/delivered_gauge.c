/* Delivered units by the program's own word: one of its gauges. Where it may be wrong, count
 * outside of it instead. The watcher takes the gauge's newest reading, so nothing is asked here. */
#include "sources.h"

static const struct sm_key keys[] = {
    {.name = "name",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "a gauge of the target that counts what came through"},
    {.name = NULL}};

const struct sm_delivered_ops sm_gauge_delivered = {
    .name = "gauge",
    .help = "one of the target's gauges: its own word for it",
    .keys = keys,
};
