#include "sampler_series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t quiet_ns = 1000000000;

static const struct {
    const char *name;
    enum sm_unit unit;
} known_series[] = {
#define X(id, name, unit, title) {name, SM_UNIT_##unit},
    SM_SERIES_TABLE(X)
#undef X
};

static void note(struct sm_series_writer *writer, int rc) {
    if (rc && !writer->failed)
        writer->failed = rc;
}

static void enrol(struct sm_series_writer *writer, struct sm_series_set *set,
                  struct sm_series_out *out, const char *name, enum sm_unit unit) {
    if (out->id)
        return;
    out->id = ++writer->last_id;
    const struct sm_series series = {.id = out->id,
                                     .process_id = set->process_id,
                                     .name = (char *)(uintptr_t)name,
                                     .unit = unit};
    note(writer, sm_record_add_series(writer->record, &series));
}

static void write_sample(struct sm_series_writer *writer, struct sm_series_out *out) {
    const struct sm_sample sample = {.series_id = out->id,
                                     .t_ns = out->t_ns,
                                     .value = out->value,
                                     .low = out->low,
                                     .high = out->high};
    note(writer, sm_record_add_sample(writer->record, &sample));
    out->written = 1;
    out->written_ns = out->t_ns;
    out->written_value = out->value;
    out->held = 0;
}

static void add(struct sm_series_writer *writer, struct sm_series_out *out, int64_t t_ns,
                double value, double low, double high, int hold) {
    int flat = low == value && high == value && out->written && value == out->written_value;
    if (out->held && !hold && !flat && out->value == out->written_value && out->low == out->value &&
        out->high == out->value)
        write_sample(writer, out); /* the end of a flat stretch */
    if (out->held) {
        low = low < out->low ? low : out->low;
        high = high > out->high ? high : out->high;
        flat = flat && low == value && high == value;
    }
    out->t_ns = t_ns;
    out->value = value;
    out->low = low;
    out->high = high;
    out->held = 1;
    if (!hold && (!flat || t_ns - out->written_ns >= quiet_ns))
        write_sample(writer, out);
}

void sm_series_add(struct sm_series_writer *writer, struct sm_series_set *set,
                   enum sm_series_kind kind, int64_t t_ns, double value, double low, double high,
                   int hold) {
    struct sm_series_out *out = &set->known[kind];
    enrol(writer, set, out, known_series[kind].name, known_series[kind].unit);
    add(writer, out, t_ns, value, low < value ? low : value, high > value ? high : value, hold);
}

static struct sm_series_named *find_named(struct sm_series_set *set, const char *name) {
    for (size_t i = 0; i < set->named_count; i++)
        if (strcmp(set->named[i].name, name) == 0)
            return &set->named[i];
    if (set->named_count == set->named_capacity) {
        size_t capacity = set->named_capacity ? set->named_capacity * 2 : 16;
        struct sm_series_named *named = realloc(set->named, capacity * sizeof *named);
        if (!named)
            return NULL;
        set->named = named;
        set->named_capacity = capacity;
    }
    struct sm_series_named *series = &set->named[set->named_count++];
    *series = (struct sm_series_named){{0}, {0}};
    snprintf(series->name, sizeof series->name, "%s", name);
    return series;
}

void sm_series_add_named(struct sm_series_writer *writer, struct sm_series_set *set,
                         const char *name, enum sm_unit unit, int64_t t_ns, double value,
                         double high) {
    struct sm_series_named *series = find_named(set, name);
    if (!series) {
        note(writer, -ENOMEM);
        return;
    }
    enrol(writer, set, &series->out, series->name, unit);
    add(writer, &series->out, t_ns, value, value, high > value ? high : value, 0);
}

void sm_series_finish(struct sm_series_writer *writer, struct sm_series_set *set) {
    for (int i = 0; i < SM_SERIES_OTHER; i++)
        if (set->known[i].held)
            write_sample(writer, &set->known[i]);
    for (size_t i = 0; i < set->named_count; i++)
        if (set->named[i].out.held)
            write_sample(writer, &set->named[i].out);
    free(set->named);
    int32_t process_id = set->process_id;
    *set = (struct sm_series_set){.process_id = process_id};
}
