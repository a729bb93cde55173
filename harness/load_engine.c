#include "load_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "give_back.h"
#include "interrupt.h"

enum {
    /* Taken from the kernel at once: few, so that what the kernel holds of a connection is still in
     * the processor's cache when the next unit is sent on it. */
    EVENTS = 16,
    SEND_BATCH = 256, /* units sent before replies are looked at again */
    OFFER_BATCH = 65536,
};

struct sm_engine {
    const struct sm_engine_ops *ops;
    void *driver;
    struct sm_schedule_options options;
    int64_t concurrency, timeout_ns, spin_ns;
    struct sm_shard shard;
    struct sm_tally *tally;
    int expired_outcome, stopped_outcome;
    int epoll_fd, wake_fd, awake_fd;
    pthread_t thread;
    bool started;

    /* What the run's thread asks for, under the lock; wake_fd says that something is new. */
    pthread_mutex_t lock;
    struct {
        bool has_factor, stop;
        double factor;
        int64_t factor_at_ns, stop_at_ns;
    } orders;

    /* The engine's thread only. Units from next.number to due.number wait to be sent. */
    struct sm_schedule *schedule;
    struct sm_cursor due, next;
    int64_t last_due_ns;
    double factor;
    bool stopping;
    int64_t stop_at_ns;
    int64_t sent; /* closed loop */
    int64_t ended;
    int64_t rest_from_ns, rest_to_ns; /* when it last had nothing to do */
};

static double quantity_or(const struct sm_block *config, const char *key, double otherwise) {
    return sm_block_has(config, key) ? sm_block_quantity(config, key) : otherwise;
}

/* What single keys must be, the table of keys says; here is what they must be together. */
static int check_model(const struct sm_block *config, struct sm_error *err) {
    bool has_rate = sm_block_has(config, "rate");
    bool has_ramp = sm_block_has(config, "ramp_to");
    bool is_closed = sm_block_has(config, "concurrency");
    if (has_rate && is_closed)
        return sm_error_set(err, -EINVAL, config->where,
                            "keep rate (open loop) or concurrency (closed loop)",
                            "both rate and concurrency are given");
    if (!has_rate && !is_closed && !sm_block_has(config, "count"))
        return sm_error_set(err, -EINVAL, config->where, "add rate = \"100/s\"",
                            "it says neither rate nor concurrency nor count");
    if (has_ramp != sm_block_has(config, "ramp_for") || (has_ramp && !has_rate))
        return sm_error_set(err, -EINVAL, config->where, NULL,
                            "a ramp needs all of rate, ramp_to and ramp_for");
    if (has_rate && !has_ramp && sm_block_quantity(config, "rate") <= 0)
        return sm_error_set(err, -EINVAL, config->where, "pause a load with load = off in a phase",
                            "rate must be more than 0");
    return 0;
}

static void read_model(struct sm_engine *engine, const struct sm_block *config) {
    struct sm_schedule_options *options = &engine->options;
    const char *arrivals = sm_block_text(config, "arrivals");
    for (int i = 0; sm_arrivals_names[i]; i++)
        if (strcmp(arrivals, sm_arrivals_names[i]) == 0)
            options->arrivals = (enum sm_arrivals)i;
    options->rate_per_s = quantity_or(config, "rate", 0);
    options->rate_to_per_s = quantity_or(config, "ramp_to", 0);
    options->ramp_s = quantity_or(config, "ramp_for", 0);
    options->burst = (int64_t)sm_block_quantity(config, "burst");
    options->count = (int64_t)quantity_or(config, "count", 0);
    options->seed = (uint64_t)sm_block_quantity(config, "seed");
    engine->concurrency = (int64_t)quantity_or(config, "concurrency", 0);
    engine->timeout_ns = (int64_t)(sm_block_quantity(config, "timeout") * 1e9);
    engine->spin_ns = (int64_t)(sm_block_quantity(config, "spin") * 1e9);
}

/* Where the kernel is told how late processors may wake; it holds while the descriptor is open. */
static int open_awake(struct sm_engine *engine, const struct sm_block *config,
                      struct sm_error *err) {
    if (!sm_block_bool(config, "awake"))
        return 0;
    engine->awake_fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
    if (engine->awake_fd < 0)
        return sm_error_errno(err, -errno, config->where, "run as root, or leave awake out",
                              "cannot open /dev/cpu_dma_latency");
    return 0;
}

static void sleep_again(struct sm_engine *engine) {
    if (engine->awake_fd >= 0)
        close(engine->awake_fd);
    engine->awake_fd = -1;
}

static int open_resources(struct sm_engine *engine, int64_t unit_bytes, struct sm_error *err) {
    engine->tally = sm_tally_new(unit_bytes);
    if (!engine->tally)
        return sm_error_errno(err, -ENOMEM, NULL, NULL, "cannot count");
    engine->expired_outcome = sm_tally_outcome(engine->tally, "time-out before it was sent");
    engine->stopped_outcome = sm_tally_outcome(engine->tally, "stopped before it was sent");
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = engine};
    if (engine->epoll_fd < 0 || engine->wake_fd < 0 ||
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, engine->wake_fd, &event) < 0)
        return sm_error_errno(err, -errno, NULL, NULL, "cannot wait for descriptors");
    return 0;
}

int sm_engine_open(const struct sm_block *config, const struct sm_engine_ops *ops, void *driver,
                   int64_t unit_bytes, struct sm_engine **ret_engine, struct sm_error *err) {
    struct sm_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
    engine->ops = ops;
    engine->driver = driver;
    engine->epoll_fd = engine->wake_fd = engine->awake_fd = -1;
    engine->shard.count = 1;
    engine->due.due_ns = engine->next.due_ns = SM_NEVER_NS;
    pthread_mutex_init(&engine->lock, NULL);
    int rc = check_model(config, err);
    if (rc == 0) {
        read_model(engine, config);
        rc = open_resources(engine, unit_bytes, err);
    }
    if (rc == 0)
        rc = open_awake(engine, config, err);
    if (rc < 0) {
        sm_engine_close(engine);
        return rc;
    }
    *ret_engine = engine;
    return 0;
}

int sm_engine_epoll(const struct sm_engine *engine) {
    return engine->epoll_fd;
}
struct sm_tally *sm_engine_tally(const struct sm_engine *engine) {
    return engine->tally;
}
int64_t sm_engine_timeout_ns(const struct sm_engine *engine) {
    return engine->timeout_ns;
}
int64_t sm_engine_concurrency(const struct sm_engine *engine) {
    return engine->concurrency;
}

void sm_engine_end(struct sm_engine *engine, const struct sm_load_unit *unit, enum sm_ending ending,
                   int outcome) {
    bool was_sent = outcome != engine->expired_outcome && outcome != engine->stopped_outcome;
    if (ending == SM_ENDING_UNANSWERED && was_sent)
        sm_tally_lost(engine->tally, outcome, unit->number);
    sm_engine_end_after(engine, ending, outcome, sm_now_ns() - unit->due_ns);
}

void sm_engine_end_after(struct sm_engine *engine, enum sm_ending ending, int outcome,
                         int64_t latency_ns) {
    sm_tally_end(engine->tally, ending, outcome, latency_ns);
    engine->ended++;
}

void sm_engine_waits(struct sm_engine *engine, const char *words) {
    char text[64];
    snprintf(text, sizeof text, "time-out: %s", words);
    engine->expired_outcome = sm_tally_outcome(engine->tally, text);
    snprintf(text, sizeof text, "stopped: %s", words);
    engine->stopped_outcome = sm_tally_outcome(engine->tally, text);
}

/* Of the whole schedule every shard has each so-manieth unit. */
static bool is_own(const struct sm_engine *engine, int64_t number) {
    return number % engine->shard.count == engine->shard.index;
}

static int64_t share_of(const struct sm_engine *engine, int64_t whole) {
    return whole / engine->shard.count + (engine->shard.index < whole % engine->shard.count);
}

/* The units of other shards are nobody's to wait for. */
static void skip_others(struct sm_engine *engine) {
    while (engine->next.number < engine->due.number && !is_own(engine, engine->next.number))
        sm_cursor_next(&engine->next);
}

static void offer_due(struct sm_engine *engine, int64_t now_ns) {
    int64_t offered = 0;
    for (int i = 0; i < OFFER_BATCH && engine->due.due_ns <= now_ns; i++) {
        engine->last_due_ns = engine->due.due_ns;
        offered += is_own(engine, engine->due.number);
        sm_cursor_next(&engine->due);
    }
    if (offered)
        sm_tally_offer(engine->tally, offered);
    skip_others(engine);
}

/* When the next unit of this shard is due. A cursor that has gone ahead could not turn back when
 * the rate changes, so a copy looks. */
static int64_t own_due_ns(const struct sm_engine *engine) {
    struct sm_cursor ahead = engine->due;
    while (ahead.due_ns != SM_NEVER_NS && !is_own(engine, ahead.number))
        sm_cursor_next(&ahead);
    return ahead.due_ns;
}

/* Steps over the next waiting unit and says how late that is by the driver's own fault: since it
 * was due, or, where it was waiting already when the driver last rested (for want of a free
 * connection, say), since that rest ended. */
static void step_over(struct sm_engine *engine, int64_t now_ns) {
    int64_t due_ns = engine->next.due_ns;
    int64_t since_ns = due_ns < engine->rest_from_ns ? engine->rest_to_ns : due_ns;
    sm_tally_slip(engine->tally, now_ns - since_ns);
    sm_cursor_next(&engine->next);
    skip_others(engine);
}

static void fail_next(struct sm_engine *engine, int64_t now_ns, int outcome) {
    struct sm_load_unit unit = {engine->next.number, engine->next.due_ns};
    step_over(engine, now_ns);
    sm_engine_end(engine, &unit, SM_ENDING_UNANSWERED, outcome);
}

static bool is_waiting(const struct sm_engine *engine) {
    return !engine->concurrency && engine->next.number < engine->due.number;
}

void sm_engine_fail_waiting(struct sm_engine *engine, int64_t at_ns, int outcome) {
    int64_t now_ns = sm_now_ns();
    while (is_waiting(engine) && engine->next.due_ns <= at_ns)
        fail_next(engine, now_ns, outcome);
}

/* The senders return true when the driver would have taken more. */
static bool send_waiting(struct sm_engine *engine) {
    for (int i = 0; i < SEND_BATCH; i++) {
        if (!is_waiting(engine))
            return false;
        int64_t now_ns = sm_now_ns();
        struct sm_load_unit unit = {engine->next.number, engine->next.due_ns};
        if (now_ns - unit.due_ns >= engine->timeout_ns) {
            fail_next(engine, now_ns, engine->expired_outcome);
            continue;
        }
        if (!engine->ops->send(engine->driver, &unit, now_ns))
            return false;
        step_over(engine, now_ns);
    }
    return true;
}

/* Closed loop: a unit is due when there is room for it. */
static bool send_concurrent(struct sm_engine *engine) {
    int64_t room = (int64_t)((double)share_of(engine, engine->concurrency) * engine->factor + 0.5);
    int64_t count = share_of(engine, engine->options.count);
    for (int i = 0; i < SEND_BATCH; i++) {
        if (engine->sent - engine->ended >= room ||
            (engine->options.count && engine->sent >= count))
            return false;
        struct sm_load_unit unit = {engine->sent * engine->shard.count + engine->shard.index,
                                    sm_now_ns()};
        sm_tally_offer(engine->tally, 1);
        engine->sent++;
        if (!engine->ops->send(engine->driver, &unit, unit.due_ns)) {
            engine->sent--;
            sm_tally_offer(engine->tally, -1);
            return false;
        }
    }
    return true;
}

/* When the engine itself must look again, whatever the driver is waiting for. */
static int64_t next_look_ns(const struct sm_engine *engine, int64_t now_ns) {
    int64_t look_ns = engine->stopping ? engine->stop_at_ns : own_due_ns(engine);
    if (is_waiting(engine)) {
        int64_t expiry_ns = engine->next.due_ns + engine->timeout_ns;
        if (expiry_ns < look_ns)
            look_ns = expiry_ns;
    }
    return look_ns > now_ns ? look_ns : now_ns;
}

/* The schedule begins when the load is first on, so that no ramp is spent on a pause before. */
static int change_factor(struct sm_engine *engine, int64_t at_ns, double factor) {
    if (engine->concurrency)
        return 0;
    if (!engine->schedule) {
        engine->schedule = factor > 0 ? sm_schedule_new(&engine->options, at_ns) : NULL;
        if (!engine->schedule)
            return factor > 0 ? -ENOMEM : 0;
        engine->last_due_ns = at_ns;
        sm_cursor_begin(&engine->due, engine->schedule);
        engine->next = engine->due;
    }
    if (at_ns < engine->last_due_ns)
        at_ns = engine->last_due_ns;
    int rc = sm_schedule_set_factor(engine->schedule, at_ns, factor);
    if (rc == 0) {
        sm_cursor_refresh(&engine->due);
        sm_cursor_refresh(&engine->next);
    }
    return rc;
}

static void take_orders(struct sm_engine *engine) {
    uint64_t ignored;
    if (read(engine->wake_fd, &ignored, sizeof ignored) < 0 && errno != EAGAIN)
        return;
    pthread_mutex_lock(&engine->lock);
    if (engine->orders.has_factor &&
        change_factor(engine, engine->orders.factor_at_ns, engine->orders.factor) == 0) {
        engine->orders.has_factor = false;
        engine->factor = engine->orders.factor;
    }
    bool stop = engine->orders.stop && !engine->stopping;
    if (stop)
        engine->stop_at_ns = engine->orders.stop_at_ns;
    pthread_mutex_unlock(&engine->lock);
    if (stop) {
        int64_t now_ns = sm_now_ns();
        while (engine->due.due_ns <= now_ns)
            offer_due(engine, now_ns);
        engine->stopping = true;
    }
}

/* Rests until an event or the time. A thread that sleeps is woken some tens of microseconds late:
 * for the last spin_ns it only looks. */
static int rest(struct sm_engine *engine, int64_t until_ns, struct epoll_event *events) {
    int64_t now_ns = sm_now_ns(), wake_ns = until_ns - engine->spin_ns;
    int count = 0;
    engine->rest_from_ns = now_ns;
    if (until_ns == SM_NEVER_NS) {
        count = epoll_pwait2(engine->epoll_fd, events, EVENTS, NULL, NULL);
    } else if (now_ns < wake_ns) {
        struct timespec timeout = {.tv_sec = (wake_ns - now_ns) / 1000000000,
                                   .tv_nsec = (wake_ns - now_ns) % 1000000000};
        count = epoll_pwait2(engine->epoll_fd, events, EVENTS, &timeout, NULL);
    }
    if (count < 0) /* valgrind knows no epoll_pwait2 */
        count = epoll_wait(engine->epoll_fd, events, EVENTS, 0);
    while (count == 0 && until_ns != SM_NEVER_NS && sm_now_ns() < until_ns)
        count = epoll_wait(engine->epoll_fd, events, EVENTS, 0);
    engine->rest_to_ns = sm_now_ns();
    return count;
}

static void wait_and_handle(struct sm_engine *engine, int64_t until_ns) {
    struct epoll_event events[EVENTS];
    /* Only where units can be late must it be known whether there was nothing to do. */
    bool may_rest = sm_now_ns() < until_ns, looks_first = !engine->concurrency || !may_rest;
    int count = looks_first ? epoll_wait(engine->epoll_fd, events, EVENTS, 0) : 0;
    if (count <= 0 && may_rest)
        count = rest(engine, until_ns, events);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == engine)
            take_orders(engine);
        else
            engine->ops->ready(engine->driver, events[i].data.ptr, events[i].events);
    }
}

static bool send_due(struct sm_engine *engine, int64_t now_ns) {
    if (engine->concurrency)
        return !engine->stopping && send_concurrent(engine);
    if (!engine->stopping)
        offer_due(engine, now_ns);
    return send_waiting(engine);
}

static void *engine_thread(void *argument) {
    struct sm_engine *engine = argument;
    /* The default lets the kernel come 50 us late to every unit. */
    prctl(PR_SET_TIMERSLACK, 1);
    take_orders(engine);
    for (;;) {
        int64_t now_ns = sm_now_ns();
        if (engine->stopping &&
            (now_ns >= engine->stop_at_ns || sm_tally_in_flight(engine->tally) == 0))
            break;
        bool has_more = send_due(engine, now_ns);
        int64_t ended = engine->ended;
        int64_t until_ns = engine->ops->tick(engine->driver, now_ns);
        has_more |= engine->ended != ended; /* what timed out has made room */
        int64_t look_ns = has_more ? now_ns : next_look_ns(engine, now_ns);
        wait_and_handle(engine, look_ns < until_ns ? look_ns : until_ns);
    }
    sm_engine_fail_waiting(engine, SM_NEVER_NS, engine->stopped_outcome);
    engine->ops->abandon(engine->driver);
    sleep_again(engine);
    return NULL;
}

static struct sm_engine *engine_of(void *driver) {
    return *(struct sm_engine **)driver;
}

int sm_driver_open(const struct sm_block *config, size_t driver_bytes,
                   int (*open_load)(void *driver, const struct sm_block *config,
                                    struct sm_error *err),
                   void (*close)(void *driver), void **ret_driver, struct sm_error *err) {
    void *driver = calloc(1, driver_bytes);
    if (!driver)
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot open the load");
    int rc = open_load(driver, config, err);
    if (rc < 0)
        close(driver);
    else
        *ret_driver = driver;
    return rc < 0 ? rc : 0;
}

int sm_driver_start(void *driver, struct sm_error *err) {
    struct sm_engine *engine = engine_of(driver);
    if (!engine->orders.has_factor) {
        engine->orders.has_factor = true;
        engine->orders.factor = 1;
    }
    int32_t latency_us = 0;
    if (engine->awake_fd >= 0 &&
        write(engine->awake_fd, &latency_us, sizeof latency_us) != sizeof latency_us)
        return sm_error_errno(err, -errno, NULL, "leave awake out",
                              "cannot write to /dev/cpu_dma_latency");
    sm_give_back_code();
    engine->orders.factor_at_ns = sm_now_ns();
    int rc = sm_interrupt_start_thread(&engine->thread, engine_thread, engine);
    if (rc < 0)
        return sm_error_errno(err, rc, NULL, NULL, "cannot start a thread for the load");
    engine->started = true;
    return 0;
}

static void wake(struct sm_engine *engine) {
    uint64_t one = 1;
    /* Fails only when the count is at its end already, and then it wakes all the same. */
    if (write(engine->wake_fd, &one, sizeof one) < 0)
        return;
}

void sm_driver_set_shard(void *driver, const struct sm_shard *shard) {
    engine_of(driver)->shard = *shard;
}

void sm_driver_set_factor(void *driver, double factor) {
    struct sm_engine *engine = engine_of(driver);
    pthread_mutex_lock(&engine->lock);
    engine->orders.has_factor = true;
    engine->orders.factor = factor;
    engine->orders.factor_at_ns = sm_now_ns();
    pthread_mutex_unlock(&engine->lock);
    wake(engine);
}

void sm_driver_snapshot(void *driver, struct sm_load_snapshot *snapshot) {
    sm_tally_snapshot(engine_of(driver)->tally, snapshot);
}

size_t sm_driver_outcomes(void *driver, struct sm_load_outcome_count *outcomes, size_t capacity) {
    return sm_tally_outcomes(engine_of(driver)->tally, outcomes, capacity);
}

void sm_driver_stop(void *driver, double grace_s) {
    struct sm_engine *engine = engine_of(driver);
    if (!engine->started)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->orders.stop = true;
    engine->orders.stop_at_ns = sm_now_ns() + (int64_t)(grace_s * 1e9);
    pthread_mutex_unlock(&engine->lock);
    wake(engine);
    pthread_join(engine->thread, NULL);
    engine->started = false;
}

void sm_engine_close(struct sm_engine *engine) {
    if (!engine)
        return;
    sm_driver_stop(&engine, 0);
    sm_schedule_free(engine->schedule);
    sm_tally_free(engine->tally);
    sleep_again(engine);
    if (engine->wake_fd >= 0)
        close(engine->wake_fd);
    if (engine->epoll_fd >= 0)
        close(engine->epoll_fd);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}
