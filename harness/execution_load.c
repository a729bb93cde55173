/* execution_load.c - the drivers of a run: opened, started, read once a tick, written once a
 * second, stopped, and added up into the ledger's totals. */
#include "execution_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static const struct sm_load_ops *find_ops(const char *name) {
    for (const struct sm_load_ops *const *ops = sm_load_table; *ops; ops++)
        if (strcmp((*ops)->name, name) == 0)
            return *ops;
    return NULL;
}

/* What the target connects to belongs to the shard with the target, which drives it whole. */
static bool is_elsewhere(const struct sm_execution *execution, const struct sm_load_ops *ops) {
    return ops->serves && execution->options->load_only;
}

/* Something of the load must be for more than one shard. */
static int check_shards(const struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    const struct sm_load_ops *ops = NULL;
    for (size_t i = 0; execution->options->shard.count && i < scenario->load_count; i++) {
        ops = find_ops(scenario->loads[i]->type);
        if (!ops || !ops->serves)
            return 0;
    }
    if (!ops)
        return 0;
    if (err)
        err->status = SM_STATUS_USAGE;
    return sm_error_set(err, -EINVAL, scenario->loads[0]->where, "run it without --shard",
                        "%s is driven whole by the shard with the target, which connects to it, "
                        "and there is no other load",
                        ops->name);
}

/* Of a run in parts this is one. */
static int share(const struct sm_execution *execution, const struct sm_execution_load *load,
                 struct sm_error *err) {
    const struct sm_shard *shard = &execution->options->shard;
    if (shard->count == 0 || load->ops->serves)
        return 0;
    if (!load->ops->set_shard) {
        if (err)
            err->status = SM_STATUS_USAGE;
        return sm_error_set(err, -EINVAL, load->block->where, "run it without --shard",
                            "%s cannot be driven in shards", load->ops->name);
    }
    load->ops->set_shard(load->driver, shard);
    return 0;
}

static void reap(void *owner, double timeout_s) {
    sm_execution_reap(owner, timeout_s);
}

static void attach(struct sm_execution *execution, const struct sm_execution_load *load) {
    struct sm_load_process process = {
        .keeper = execution->keeper, .reap = reap, .owner = execution};
    snprintf(process.log, sizeof process.log, "%.500s/load-%zu.log", execution->dir->path,
             execution->load_count);
    if (load->ops->attach)
        load->ops->attach(load->driver, &process);
}

/* A load that is on in certain phases only names some that there are. */
static int check_phases(const struct sm_execution *execution, const struct sm_block *block,
                        struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    size_t count = 0, p;
    const char *const *names = sm_block_texts(block, "phases", &count);
    for (size_t i = 0; i < count; i++) {
        for (p = 0; p < scenario->phase_count; p++)
            if (strcmp(scenario->phases[p].name, names[i]) == 0)
                break;
        if (p < scenario->phase_count)
            continue;
        if (err)
            err->status = SM_STATUS_USAGE;
        return sm_error_set(err, -EINVAL, block->where, NULL, "no phase is called \"%s\"",
                            names[i]);
    }
    return 0;
}

/* Opens the load that is number `index` in the scenario. */
static int open_load(struct sm_execution *execution, const struct sm_load_ops *ops, size_t index,
                     struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    const struct sm_block *block = scenario->loads[index];
    if (execution->load_count == SM_EXECUTION_LOADS)
        return sm_error_set(err, -E2BIG, block->where, "use fewer", "more than %d loads",
                            SM_EXECUTION_LOADS);
    struct sm_execution_load *load = &execution->loads[execution->load_count];
    load->ops = ops;
    load->block = block;
    if (scenario->load_count > 1)
        snprintf(load->name, sizeof load->name, "%s[%zu]", ops->name, index + 1);
    else
        snprintf(load->name, sizeof load->name, "%s", ops->name);
    load->latency_ns = sm_histogram_new();
    load->slip_ns = sm_histogram_new();
    execution->load_count++;
    if (!load->latency_ns || !load->slip_ns)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    int rc = check_phases(execution, block, err);
    if (rc == 0)
        rc = ops->open(block, &load->driver, err);
    if (rc == -EINVAL && err && !err->status)
        err->status = SM_STATUS_USAGE; /* keys that do not go together */
    if (rc == 0)
        rc = share(execution, load, err);
    if (rc == 0)
        attach(execution, load);
    return rc;
}

int sm_execution_open_loads(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    int rc = scenario ? check_shards(execution, err) : 0;
    for (size_t i = 0; rc == 0 && scenario && i < scenario->load_count; i++) {
        const struct sm_block *block = scenario->loads[i];
        const struct sm_load_ops *ops = find_ops(block->type);
        if (!ops)
            return sm_error_set(err, -ENOENT, block->where, NULL, "no load driver \"%s\"",
                                block->type);
        if (!is_elsewhere(execution, ops))
            rc = open_load(execution, ops, i, err);
    }
    return rc;
}

int sm_execution_start_loads(struct sm_execution *execution, bool serving, struct sm_error *err) {
    for (size_t i = 0; i < execution->load_count; i++) {
        struct sm_execution_load *load = &execution->loads[i];
        if (load->ops->serves != serving)
            continue;
        load->ops->set_factor(load->driver, 0);
        int rc = load->ops->start(load->driver, err);
        if (rc)
            return rc;
        load->running = 1;
    }
    execution->load_written_ns = sm_execution_now(execution);
    return 0;
}

static bool is_on_in(const struct sm_block *block, const char *phase) {
    size_t count = 0;
    const char *const *names = sm_block_texts(block, "phases", &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], phase) == 0)
            return true;
    return count == 0;
}

void sm_execution_set_load(struct sm_execution *execution, double factor, const char *phase) {
    execution->control.load_factor = factor;
    for (size_t i = 0; i < execution->load_count; i++) {
        struct sm_execution_load *load = &execution->loads[i];
        load->is_on = factor > 0 && is_on_in(load->block, phase);
        load->ops->set_factor(load->driver, load->is_on ? factor : 0);
    }
}

bool sm_execution_load_is_over(const struct sm_execution *execution) {
    for (size_t i = 0; i < execution->load_count; i++) {
        const struct sm_execution_load *load = &execution->loads[i];
        if (load->is_on && load->ops->is_over && load->ops->is_over(load->driver))
            return true;
    }
    return false;
}

bool sm_execution_load_exited(struct sm_execution *execution, pid_t pid, int status) {
    for (size_t i = 0; i < execution->load_count; i++) {
        const struct sm_execution_load *load = &execution->loads[i];
        if (load->ops->exited && load->ops->exited(load->driver, pid, status))
            return true;
    }
    return false;
}

/* From the driver's units to those of the ledger. Bytes are bytes either way. */
static void weigh(struct sm_load_counts *counts, int64_t weight) {
    counts->offered *= weight;
    counts->accepted *= weight;
    counts->refused *= weight;
    counts->unanswered *= weight;
    counts->in_flight *= weight;
}

static void add_counts(struct sm_load_counts *to, const struct sm_load_counts *from) {
    to->offered += from->offered;
    to->accepted += from->accepted;
    to->refused += from->refused;
    to->unanswered += from->unanswered;
    to->in_flight += from->in_flight;
    to->bytes_offered += from->bytes_offered;
    to->bytes_in_flight += from->bytes_in_flight;
}

/* What a program of the user's own sends only it knows. */
static bool knows_units(const struct sm_execution *execution) {
    for (size_t i = 0; i < execution->load_count; i++)
        if (execution->loads[i].ops->exited)
            return false;
    return execution->load_count > 0;
}

void sm_execution_read_loads(struct sm_execution *execution) {
    struct sm_load_counts sum = {0};
    if (execution->load_count == 0)
        return;
    for (size_t i = 0; i < execution->load_count; i++) {
        struct sm_execution_load *load = &execution->loads[i];
        struct sm_load_snapshot snapshot = {.latency_ns = load->latency_ns,
                                            .slip_ns = load->slip_ns};
        load->ops->snapshot(load->driver, &snapshot);
        load->counts = snapshot.counts;
        weigh(&load->counts, (int64_t)sm_block_quantity(load->block, "weight"));
        add_counts(&sum, &load->counts);
    }
    if (!knows_units(execution))
        return;
    int64_t now_ns = sm_now_ns();
    const struct {
        const char *series;
        double value;
    } puts[] = {{"offered", (double)sum.offered},
                {"accepted", (double)sum.accepted},
                {"refused", (double)sum.refused},
                {"unanswered", (double)sum.unanswered},
                {"in_flight:driver", (double)sum.in_flight}};
    for (size_t i = 0; i < sizeof puts / sizeof *puts; i++)
        sm_sampler_put(execution->sampler, puts[i].series, SM_UNIT_COUNT, now_ns, puts[i].value);
}

static void write_interval(struct sm_execution *execution, struct sm_execution_load *load,
                           int64_t now_ns) {
    const struct sm_histogram *latency = load->latency_ns;
    struct sm_load_interval row = {
        .load = load->name,
        .from_ns = execution->load_written_ns,
        .to_ns = now_ns,
        .offered = load->counts.offered - load->counts_written.offered,
        .accepted = load->counts.accepted - load->counts_written.accepted,
        .refused = load->counts.refused - load->counts_written.refused,
        .unanswered = load->counts.unanswered - load->counts_written.unanswered,
        .bytes_offered = load->counts.bytes_offered - load->counts_written.bytes_offered,
        .latency_p50_s = (double)sm_histogram_quantile(latency, 0.5) / 1e9,
        .latency_p90_s = (double)sm_histogram_quantile(latency, 0.9) / 1e9,
        .latency_p99_s = (double)sm_histogram_quantile(latency, 0.99) / 1e9,
        .latency_max_s = (double)sm_histogram_max(latency) / 1e9,
        .slip_p99_s = (double)sm_histogram_quantile(load->slip_ns, 0.99) / 1e9,
    };
    row.histogram = sm_histogram_encode(latency, &row.histogram_bytes);
    sm_record_add_load_interval(execution->record, &row);
    free(row.histogram);
    load->counts_written = load->counts;
    sm_histogram_reset(load->latency_ns);
    sm_histogram_reset(load->slip_ns);
}

void sm_execution_write_loads(struct sm_execution *execution) {
    int64_t now_ns = sm_execution_now(execution);
    if (now_ns <= execution->load_written_ns)
        return;
    for (size_t i = 0; i < execution->load_count; i++)
        write_interval(execution, &execution->loads[i], now_ns);
    execution->load_written_ns = now_ns;
}

enum { LOST_BYTES = 512, LOST_WORDS = 80 };

/* Adds which unit was the first to be left unanswered, of each way that it was. */
static void add_lost(char *lost, size_t room, const struct sm_load_outcome_count *outcome) {
    size_t used = strlen(lost);
    if (outcome->first_lost >= 0)
        snprintf(lost + used, room - used, "%s%s %lld (%.*s)", used ? ", " : "",
                 outcome->count > 1 ? "from unit" : "unit", (long long)outcome->first_lost,
                 LOST_WORDS, outcome->outcome);
}

void sm_execution_stop_loads(struct sm_execution *execution, double grace_s) {
    struct sm_load_outcome_count outcomes[64];
    char lost[LOST_BYTES] = "";
    int64_t until_ns = sm_now_ns() + (int64_t)(grace_s * 1e9);
    size_t stopped = 0;
    for (size_t i = 0; i < execution->load_count; i++) {
        struct sm_execution_load *load = &execution->loads[i];
        if (!load->running)
            continue;
        load->running = 0;
        stopped++;
        load->ops->stop(load->driver, fmax((double)(until_ns - sm_now_ns()) / 1e9, 0));
        size_t count = load->ops->outcomes(load->driver, outcomes, 64);
        for (size_t k = 0; k < count; k++) {
            struct sm_load_outcome row = {
                .load = load->name, .outcome = outcomes[k].outcome, .count = outcomes[k].count};
            sm_record_add_load_outcome(execution->record, &row);
            add_lost(lost, sizeof lost, &outcomes[k]);
        }
    }
    if (lost[0])
        sm_record_set_meta(execution->record, SM_META_LOST_UNITS, lost);
    if (stopped > 0) {
        sm_execution_read_loads(execution);
        sm_execution_write_loads(execution);
    }
}

static int64_t dropped_total(const struct sm_execution *execution) {
    const struct sm_block *dropped = execution->scenario->dropped;
    if (!dropped || !execution->watcher)
        return -1;
    return (int64_t)sm_watcher_newest_gauge(execution->watcher, sm_block_text(dropped, "name"));
}

/* Asked after the target has ended, so that nothing can still arrive; a gauge has told its last. */
static int64_t delivered_total(struct sm_execution *execution) {
    const struct sm_block *delivered = execution->scenario->delivered;
    double value = -1;
    struct sm_error err = {0};
    if (!delivered || execution->options->load_only)
        return -1;
    const struct sm_delivered_ops *ops = sm_delivered_ops(delivered);
    if (!ops->read)
        value = sm_watcher_newest_gauge(execution->watcher, sm_block_text(delivered, "name"));
    else if (ops->read(delivered, &value, &err) != 0)
        sm_execution_event(execution, "error", "delivered units cannot be counted: %s", err.what);
    if (value >= 0)
        sm_sampler_put(execution->sampler, "delivered", SM_UNIT_COUNT, sm_now_ns(), value);
    return value < 0 ? -1 : (int64_t)value;
}

void sm_execution_write_ledger(struct sm_execution *execution) {
    struct sm_ledger_totals ledger = {-1, -1, -1, -1, -1, -1, -1, 0};
    struct sm_load_counts sum = {0};
    if (knows_units(execution)) {
        for (size_t i = 0; i < execution->load_count; i++)
            add_counts(&sum, &execution->loads[i].counts);
        ledger = (struct sm_ledger_totals){
            .offered = sum.offered,
            .accepted = sum.accepted,
            .refused = sum.refused,
            .unanswered = sum.unanswered + sum.in_flight,
            .delivered = delivered_total(execution),
            .dropped = dropped_total(execution),
            /* A target that has ended holds nothing any more. */
            .in_flight = execution->target.is_running || execution->options->load_only ? -1 : 0,
            .unit_bytes = sum.offered > 0 ? (double)sum.bytes_offered / (double)sum.offered : 0,
        };
    }
    sm_record_set_ledger(execution->record, &ledger);
}

double sm_execution_figure(struct sm_execution *execution, const char *series) {
    struct sm_load_counts sum = {0};
    struct sm_sampler_now now;
    sm_sampler_now(execution->sampler, &now);
    for (size_t i = 0; i < execution->load_count; i++)
        add_counts(&sum, &execution->loads[i].counts);
    const struct {
        const char *name;
        double value;
    } figures[] = {{"heap", now.heap_bytes},
                   {"rss", now.rss_bytes},
                   {"fds", now.fds},
                   {"offered", (double)sum.offered},
                   {"accepted", (double)sum.accepted},
                   {"refused", (double)sum.refused},
                   {"unanswered", (double)sum.unanswered}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (strcmp(figures[i].name, series) == 0)
            return figures[i].value;
    double newest = execution->watcher ? sm_watcher_newest(execution->watcher, series) : -1;
    return newest < 0 ? NAN : newest;
}

void sm_execution_close_loads(struct sm_execution *execution) {
    for (size_t i = 0; i < execution->load_count; i++) {
        struct sm_execution_load *load = &execution->loads[i];
        load->ops->close(load->driver);
        sm_histogram_free(load->latency_ns);
        sm_histogram_free(load->slip_ns);
    }
    execution->load_count = 0;
}
