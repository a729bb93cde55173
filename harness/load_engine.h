/* load_engine.h - what every load driver shares: its thread, its schedule, its counts.
 *
 * A driver is four functions that the engine calls from one thread: send a unit, look at a
 * descriptor that is ready, look at the clock, drop everything. The engine decides when a unit is
 * due and never waits for a reply: units that cannot be sent yet stay in the schedule, offered and
 * in flight, and their latency counts from when they were due.
 *
 * A new driver: copy load_null.c, put its name into load_table.c. Its struct begins with
 * `struct sm_engine *engine`, which the ready-made functions below rely on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load.h"
#include "load_tally.h"
#include "schedule.h"

/* Far beyond what can be sent, and little enough for the schedule alone to be kept up with. */
#define SM_HIGHEST_RATE_PER_S 1e7

/* Rows of every load's table of keys, which the run reads. */
#define SM_LOAD_COMMON_KEYS                                                                        \
    {.name = "phases",                                                                             \
     .type = SM_KEY_TEXTS,                                                                         \
     .help = "the names of the phases in which it is on, in place of all"},                        \
    {                                                                                              \
        .name = "weight", .type = SM_KEY_QUANTITY, .unit = SM_UNIT_COUNT, .fallback = "1",         \
        .at_least = 1, .at_most = 1e9,                                                             \
        .help = "what each counts for in the ledger and in its rates, such as the rows in its "    \
                "body"                                                                             \
    }

/* Rows that every driver's table of keys begins with. */
#define SM_LOAD_KEYS SM_LOAD_KEYS_WITH_TIMEOUT("30s")
#define SM_LOAD_KEYS_WITH_TIMEOUT(timeout_fallback)                                                \
    {.name = "rate",                                                                               \
     .type = SM_KEY_QUANTITY,                                                                      \
     .unit = SM_UNIT_COUNT_PER_S,                                                                  \
     .at_most = SM_HIGHEST_RATE_PER_S,                                                             \
     .help = "units per second, whether or not the target keeps up"},                              \
        {.name = "ramp_to",                                                                        \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_COUNT_PER_S,                                                              \
         .at_most = SM_HIGHEST_RATE_PER_S,                                                         \
         .help = "the rate after ramp_for, reached evenly"},                                       \
        {.name = "ramp_for",                                                                       \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_SECONDS,                                                                  \
         .at_least = 1e-3,                                                                         \
         .help = "how long the rate takes to get there"},                                          \
        {.name = "arrivals",                                                                       \
         .type = SM_KEY_TEXT,                                                                      \
         .fallback = "poisson",                                                                    \
         .choices = sm_arrivals_names,                                                             \
         .help = "poisson, as of independent clients, or uniform, evenly spaced"},                 \
        {.name = "burst",                                                                          \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_COUNT,                                                                    \
         .fallback = "1",                                                                          \
         .at_least = 1,                                                                            \
         .at_most = 1e9,                                                                           \
         .help = "units that come at the same moment"},                                            \
        {.name = "count",                                                                          \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_COUNT,                                                                    \
         .at_least = 1,                                                                            \
         .at_most = 1e15,                                                                          \
         .help = "units in all; without rate or concurrency all at once"},                         \
        {.name = "concurrency",                                                                    \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_COUNT,                                                                    \
         .at_least = 1,                                                                            \
         .at_most = 1e6,                                                                           \
         .help = "closed loop: so many in flight, the next one when one has ended"},               \
        {.name = "timeout",                                                                        \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_SECONDS,                                                                  \
         .fallback = (timeout_fallback),                                                           \
         .at_least = 1e-3,                                                                         \
         .at_most = 1e6,                                                                           \
         .help = "from when a unit was due to the end of its reply"},                              \
        {.name = "spin",                                                                           \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_SECONDS,                                                                  \
         .fallback = "0s",                                                                         \
         .at_most = 0.01,                                                                          \
         .help = "for so long before a unit is due the driver does not sleep, to be on time to "   \
                 "some microseconds, at the price of processor time: 100us"},                      \
        {.name = "awake",                                                                          \
         .type = SM_KEY_BOOL,                                                                      \
         .fallback = "false",                                                                      \
         .help = "the machine's idle processors wait in a loop rather than sleep while the load "  \
                 "runs, so that units go out sooner; the target wakes sooner as well. Needs "      \
                 "/dev/cpu_dma_latency, which is root's"},                                         \
        {.name = "seed",                                                                           \
         .type = SM_KEY_QUANTITY,                                                                  \
         .unit = SM_UNIT_COUNT,                                                                    \
         .fallback = "1",                                                                          \
         .at_most = 1e15,                                                                          \
         .help = "of the arrivals"},                                                               \
        SM_LOAD_COMMON_KEYS

struct sm_engine;

struct sm_load_unit {
    int64_t number; /* from 0 */
    int64_t due_ns; /* CLOCK_MONOTONIC */
};

/* A driver's part. All are called in the engine's thread. */
struct sm_engine_ops {
    /* Takes the unit on (it must end in sm_engine_end, now or later) and returns true; or returns
     * false when it can take none now, to be asked again after the next event. */
    bool (*send)(void *driver, const struct sm_load_unit *unit, int64_t now_ns);
    /* A descriptor that the driver put into sm_engine_epoll is ready; what = its data.ptr. */
    void (*ready)(void *driver, void *what, uint32_t events);
    /* Does what is due by the driver's own clock and returns when it wants to be called next. */
    int64_t (*tick)(void *driver, int64_t now_ns);
    /* The end: ends every unit it has taken as unanswered. */
    void (*abandon)(void *driver);
};

/* Reads SM_LOAD_KEYS from the block. unit_bytes: payload of one unit. Returns 0 and an engine for
 * sm_engine_close, or a negative errno and *err. */
int sm_engine_open(const struct sm_block *config, const struct sm_engine_ops *ops, void *driver,
                   int64_t unit_bytes, struct sm_engine **ret_engine, struct sm_error *err);

/* Ends a unit that the driver has taken. Engine's thread. */
void sm_engine_end(struct sm_engine *engine, const struct sm_load_unit *unit, enum sm_ending ending,
                   int outcome);

/* The same, where the latency is not that of the end. */
void sm_engine_end_after(struct sm_engine *engine, enum sm_ending ending, int outcome,
                         int64_t latency_ns);

/* Why units wait to be sent from now on, for the outcomes of those that never are: "time-out:
 * WORDS", "stopped: WORDS". Engine's thread, or before the start. */
void sm_engine_waits(struct sm_engine *engine, const char *words);

/* Ends all units that were due by at_ns but not sent, as unanswered with this outcome: what became
 * of one of them would have become of all. Engine's thread. */
void sm_engine_fail_waiting(struct sm_engine *engine, int64_t at_ns, int outcome);

/* The engine's epoll descriptor, for the driver's own; data.ptr must not be NULL. */
int sm_engine_epoll(const struct sm_engine *engine);
struct sm_tally *sm_engine_tally(const struct sm_engine *engine);
int64_t sm_engine_timeout_ns(const struct sm_engine *engine);
/* Units in flight at once at the most in a closed loop; 0 = open loop. */
int64_t sm_engine_concurrency(const struct sm_engine *engine);

/* Makes a driver: `driver_bytes` of zeros, which open_load fills. Where that fails, what it has
 * made so far is closed and *ret_driver stays as it was. Returns as open of struct sm_load_ops
 * does. */
int sm_driver_open(const struct sm_block *config, size_t driver_bytes,
                   int (*open_load)(void *driver, const struct sm_block *config,
                                    struct sm_error *err),
                   void (*close)(void *driver), void **ret_driver, struct sm_error *err);

/* For struct sm_load_ops of any driver whose struct begins with its engine. */
#define SM_DRIVER_OPS                                                                              \
    .start = sm_driver_start, .set_factor = sm_driver_set_factor, .snapshot = sm_driver_snapshot,  \
    .outcomes = sm_driver_outcomes, .stop = sm_driver_stop
int sm_driver_start(void *driver, struct sm_error *err);
void sm_driver_set_shard(void *driver, const struct sm_shard *shard);
void sm_driver_set_factor(void *driver, double factor);
void sm_driver_snapshot(void *driver, struct sm_load_snapshot *snapshot);
size_t sm_driver_outcomes(void *driver, struct sm_load_outcome_count *outcomes, size_t capacity);
void sm_driver_stop(void *driver, double grace_s);

/* Stops at once if still running. NULL is allowed. */
void sm_engine_close(struct sm_engine *engine);
