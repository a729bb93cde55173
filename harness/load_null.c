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

static int open_load(void *driver, const struct sm_block *config, struct sm_error *err) {
    struct null_load *load = driver;
    int rc = sm_engine_open(config, &null_engine_ops, load, 0, &load->engine, err);
    if (rc == 0)
        load->taken_outcome = sm_tally_outcome(sm_engine_tally(load->engine), "taken");
    return rc;
}

static int null_open(const struct sm_block *config, void **ret_driver, struct sm_error *err) {
    return sm_driver_open(config, sizeof(struct null_load), open_load, null_close, ret_driver, err);
}

static const struct sm_key null_keys[] = {SM_LOAD_KEYS, {.name = NULL}};

const struct sm_load_ops sm_null_load = {
    .name = "null_load",
    .help = "counts units that go nowhere",
    .keys = null_keys,
    .open = null_open,
    .set_shard = sm_driver_set_shard,
    SM_DRIVER_OPS,
    .close = null_close,
};
