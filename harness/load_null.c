/* null_load: sends nothing and takes every unit as accepted at once. It tests the rest, and it
 * shows what a driver is: keys, four functions for the engine, a line in load_table.c. */
#include <errno.h>
#include <stdlib.h>

#include "load_engine.h"

struct null_load {
    struct sm_engine *engine;
    int taken_outcome;
};

static bool null_send(void *driver, const struct sm_load_unit *unit, int64_t now_ns) {
    struct null_load *load = driver;
    (void)now_ns;
    sm_engine_end(load->engine, unit, SM_ENDING_ACCEPTED, load->taken_outcome);
    return true;
}

static void null_ready(void *driver, void *what, uint32_t events) {
    (void)driver, (void)what, (void)events;
}

static int64_t null_tick(void *driver, int64_t now_ns) {
    (void)driver, (void)now_ns;
    return SM_NEVER_NS;
}

static void null_abandon(void *driver) {
    (void)driver;
}

static const struct sm_engine_ops null_engine_ops = {null_send, null_ready, null_tick,
                                                     null_abandon};

static void null_close(void *driver) {
    struct null_load *load = driver;
    if (!load)
        return;
    sm_engine_close(load->engine);
    free(load);
}

static int null_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    struct null_load *load = calloc(1, sizeof *load);
    if (!load)
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
    int rc = sm_engine_open(config, &null_engine_ops, load, 0, &load->engine, err);
    if (rc < 0) {
        null_close(load);
        return rc;
    }
    load->taken_outcome = sm_tally_outcome(sm_engine_tally(load->engine), "taken");
    *ret_driver = load;
    return 0;
}

static const struct sm_key null_keys[] = {SM_LOAD_KEYS, {.name = NULL}};

const struct sm_load_ops sm_null_load = {
    .name = "null_load",
    .help = "counts units that go nowhere",
    .keys = null_keys,
    .open = null_open,
    .set_shard = sm_driver_set_shard,
    .start = sm_driver_start,
    .set_factor = sm_driver_set_factor,
    .snapshot = sm_driver_snapshot,
    .outcomes = sm_driver_outcomes,
    .stop = sm_driver_stop,
    .close = null_close,
};
