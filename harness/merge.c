#include "merge.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../reports/histogram.h"
#include "../reports/record.h"
#include "merge_load.h"

enum { SHARDS_MAX = 1024 };

/* Series of the whole run that add up over the shards. */
static const char *const summed[] = {"offered", "accepted", "refused", "unanswered",
                                     "in_flight:driver"};
enum { SUMMED = sizeof summed / sizeof *summed };

static int is_summed(const struct sm_series *series) {
    for (size_t i = 0; i < SUMMED; i++)
        if (series->process_id == 0 && strcmp(series->name, summed[i]) == 0)
            return 1;
    return 0;
}

static int check_shard(const struct sm_run *run, const struct sm_run *first, char *seen,
                       struct sm_error *err) {
    int index = 0, count = 0, whole = 0;
    const char *shard = sm_run_meta(run, SM_META_SHARD);
    sscanf(sm_run_meta(first, SM_META_SHARD), "%*d/%d", &whole);
    if (sscanf(shard, "%d/%d", &index, &count) != 2 || index < 1 || index > count ||
        count > SHARDS_MAX)
        return sm_error_set(err, -EINVAL, run->path, "run it with --shard 1/2",
                            "is no shard of a run");
    if (count != whole ||
        strcmp(sm_run_meta(run, SM_META_SCENARIO), sm_run_meta(first, SM_META_SCENARIO)) != 0)
        return sm_error_set(err, -EINVAL, run->path, NULL, "is shard %s of %s, not one of %d of %s",
                            shard, sm_run_meta(run, SM_META_SCENARIO), whole,
                            sm_run_meta(first, SM_META_SCENARIO));
    if (seen[index])
        return sm_error_set(err, -EINVAL, run->path, NULL, "shard %s is given twice", shard);
    seen[index] = 1;
    return 0;
}

static int check_shards(const struct sm_run *const *runs, size_t count, struct sm_error *err) {
    char seen[SHARDS_MAX + 1] = {0};
    int whole = 0;
    for (size_t i = 0; i < count; i++) {
        int rc = check_shard(runs[i], runs[0], seen, err);
        if (rc)
            return rc;
    }
    sscanf(sm_run_meta(runs[0], SM_META_SHARD), "%*d/%d", &whole);
    for (int index = 1; index <= whole; index++)
        if (!seen[index])
            return sm_error_set(err, -ENOENT, NULL, "give the runs of all shards",
                                "shard %d of %d is missing", index, whole);
    return 0;
}

static int has_target(const struct sm_run *run) {
    return sm_run_meta(run, SM_META_LOAD_ONLY)[0] == '\0';
}

/* What a record has of the shard with the target, but for what is joined. */
static void copy_base(struct sm_record *record, const struct sm_run *run) {
#define COPY(type, name)                                                                           \
    for (size_t i = 0; i < run->name##_count; i++)                                                 \
        sm_record_add_##type(record, &run->name[i]);
    COPY(phase, phases)
    COPY(process, processes)
    COPY(module, modules)
    COPY(stack, stacks)
    COPY(frame, frames)
    COPY(symbol, symbols)
    COPY(site_sample, site_samples)
    COPY(site_free, site_frees)
    COPY(fault, faults)
    COPY(budget_item, budget_items)
    COPY(declared_bound, declared_bounds)
    COPY(event, events)
#undef COPY
    for (size_t i = 0; i < run->metas_count; i++)
        if (strcmp(run->metas[i].key, SM_META_SHARD) != 0 &&
            strcmp(run->metas[i].key, SM_META_COMPLETE) != 0)
            sm_record_add_meta(record, &run->metas[i]);
}

/* Ids that are free in the joined record. */
struct ids {
    int32_t process, series;
};

static void copy_series(struct sm_record *record, const struct sm_run *run,
                        const struct sm_series *from, int32_t id, int32_t process_id,
                        int64_t shift_ns) {
    size_t count;
    const struct sm_sample *samples = sm_run_samples(run, from->id, &count);
    struct sm_series series = {id, process_id, from->name, from->unit};
    sm_record_add_series(record, &series);
    for (size_t i = 0; i < count; i++) {
        struct sm_sample sample = samples[i];
        sample.series_id = id;
        sample.t_ns += shift_ns;
        sm_record_add_sample(record, &sample);
    }
}

/* A process that stands for the whole of one shard: its series of the whole target become those
 * of this process; those of its processes follow it. */
static void add_shard(struct sm_record *record, const struct sm_run *run, int is_base,
                      int64_t shift_ns, struct ids *next) {
    char command[64];
    int32_t highest = 0, offset = next->process;
    snprintf(command, sizeof command, "shard %s%s", sm_run_meta(run, SM_META_SHARD),
             has_target(run) ? "" : ", load only");
    struct sm_process whole = {.id = offset,
                               .command = command,
                               .from_ns = shift_ns,
                               .to_ns =
                                   strtoll(sm_run_meta(run, SM_META_DURATION), NULL, 10) + shift_ns,
                               .exit = (char *)"ended",
                               .probe = (char *)"none: a shard"};
    sm_record_add_process(record, &whole);
    for (size_t i = 0; !is_base && i < run->processes_count; i++) {
        struct sm_process process = run->processes[i];
        highest = process.id > highest ? process.id : highest;
        process.id += offset;
        process.from_ns += shift_ns;
        process.to_ns += process.to_ns < 0 ? 0 : shift_ns;
        sm_record_add_process(record, &process);
    }
    for (size_t i = 0; i < run->series_count; i++) {
        const struct sm_series *series = &run->series[i];
        if (is_base && series->process_id != 0)
            continue;
        copy_series(record, run, series, next->series++, series->process_id + offset, shift_ns);
    }
    next->process = offset + highest + 1;
}

/* The base's own series, for the target as a whole; those that add up are made elsewhere. */
static void copy_base_series(struct sm_record *record, const struct sm_run *base,
                             struct ids *next) {
    next->process = next->series = 1;
    for (size_t i = 0; i < base->series_count; i++) {
        const struct sm_series *series = &base->series[i];
        if (!is_summed(series))
            copy_series(record, base, series, series->id, series->process_id, 0);
        next->series = series->id >= next->series ? series->id + 1 : next->series;
    }
    for (size_t i = 0; i < base->processes_count; i++)
        if (base->processes[i].id >= next->process)
            next->process = base->processes[i].id + 1;
}

/* The value at a time: that of the sample before. */
static double value_at(const struct sm_run *run, const char *name, int64_t t_ns) {
    const struct sm_series *series = sm_run_series(run, 0, name);
    size_t count = 0, low = 0;
    const struct sm_sample *samples = series ? sm_run_samples(run, series->id, &count) : NULL;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (samples[middle].t_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? samples[low - 1].value : 0;
}

/* At the times of the base. */
static void add_sum(struct sm_record *record, const struct sm_run *const *runs, size_t count,
                    const struct sm_run *base, const int64_t *shifts_ns, const char *name,
                    int32_t id) {
    size_t sample_count = 0;
    const struct sm_series *series = sm_run_series(base, 0, name);
    if (!series)
        return;
    const struct sm_sample *samples = sm_run_samples(base, series->id, &sample_count);
    struct sm_series row = {id, 0, series->name, series->unit};
    sm_record_add_series(record, &row);
    for (size_t i = 0; i < sample_count; i++) {
        struct sm_sample sample = {.series_id = id, .t_ns = samples[i].t_ns};
        for (size_t r = 0; r < count; r++)
            sample.value += value_at(runs[r], name, sample.t_ns - shifts_ns[r]);
        sample.low = sample.high = sample.value;
        sm_record_add_sample(record, &sample);
    }
}

static int64_t add_known(int64_t one, int64_t other) {
    return one < 0 || other < 0 ? -1 : one + other;
}

/* What only a shard with a target can know, the others need not. */
static void add_ledger(struct sm_ledger_totals *sum, const struct sm_run *run, int is_first) {
    const struct sm_ledger_totals *ledger = &run->ledger;
    double bytes =
        sum->unit_bytes * (double)sum->offered + ledger->unit_bytes * (double)ledger->offered;
    sum->offered = add_known(sum->offered, ledger->offered);
    sum->accepted = add_known(sum->accepted, ledger->accepted);
    sum->refused = add_known(sum->refused, ledger->refused);
    sum->unanswered = add_known(sum->unanswered, ledger->unanswered);
    sum->unit_bytes = sum->offered > 0 ? bytes / (double)sum->offered : 0;
    if (!has_target(run))
        return;
    sum->delivered = is_first ? ledger->delivered : add_known(sum->delivered, ledger->delivered);
    sum->dropped = is_first ? ledger->dropped : add_known(sum->dropped, ledger->dropped);
    sum->in_flight = is_first ? ledger->in_flight : add_known(sum->in_flight, ledger->in_flight);
}

static void write_ledger(struct sm_record *record, const struct sm_run *const *runs, size_t count) {
    struct sm_ledger_totals sum = {.delivered = -1, .dropped = -1, .in_flight = -1};
    int is_first = 1;
    for (size_t i = 0; i < count; i++) {
        add_ledger(&sum, runs[i], is_first);
        is_first = is_first && !has_target(runs[i]);
    }
    sm_record_set_ledger(record, &sum);
}

/* Clocks of the wall say when each began, to the second. */
static int64_t shift_of(const struct sm_run *run, const struct sm_run *base) {
    long long began = strtoll(sm_run_meta(run, SM_META_STARTED), NULL, 10);
    long long base_began = strtoll(sm_run_meta(base, SM_META_STARTED), NULL, 10);
    return (int64_t)(began - base_began) * 1000000000;
}

static int write_all(struct sm_record *record, const struct sm_run *const *runs, size_t count,
                     const struct sm_run *base, struct sm_error *err) {
    struct ids next;
    int64_t *shifts_ns = calloc(count, sizeof *shifts_ns);
    if (!shifts_ns)
        return sm_error_errno(err, -ENOMEM, NULL, NULL, "cannot merge");
    for (size_t i = 0; i < count; i++)
        shifts_ns[i] = shift_of(runs[i], base);
    copy_base(record, base);
    copy_base_series(record, base, &next);
    for (size_t i = 0; i < SUMMED; i++)
        add_sum(record, runs, count, base, shifts_ns, summed[i], next.series++);
    for (size_t i = 0; i < count; i++)
        add_shard(record, runs[i], runs[i] == base, shifts_ns[i], &next);
    write_ledger(record, runs, count);
    int rc = sm_merge_loads(record, runs, count, base, shifts_ns, err);
    free(shifts_ns);
    return rc;
}

int sm_merge(const struct sm_run *const *runs, size_t count, const char *path,
             struct sm_error *err) {
    struct sm_record *record;
    const struct sm_run *base = NULL;
    int complete = 1, rc = check_shards(runs, count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) {
        complete = complete && runs[i]->complete;
        if (!base && has_target(runs[i]))
            base = runs[i];
    }
    if ((rc = sm_record_create(path, &record, err)))
        return rc;
    rc = write_all(record, runs, count, base ? base : runs[0], err);
    if (rc == 0 && sm_record_error(record)->code && err)
        *err = *sm_record_error(record);
    int closed = sm_record_close(record, complete && rc == 0);
    if (rc || closed)
        unlink(path);
    return rc ? rc : closed;
}
