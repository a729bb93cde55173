/* sampler_series.h - the series of one process (or of the whole target) on their way into the
 * record: registered at their first value, thinned where nothing changes. */
#pragma once

#include "../reports/record.h"

struct sm_series_out {
    int32_t id;   /* 0 = not registered yet */
    int written;  /* a sample of it is in the record */
    double value; /* the newest */
    double low, high;
    int64_t t_ns, written_ns;
    double written_value;
    int held; /* the newest is not in the record */
};

struct sm_series_named {
    char name[80];
    struct sm_series_out out;
};

/* All series of one owner. {0} but for process_id is empty. */
struct sm_series_set {
    int32_t process_id;
    struct sm_series_out known[SM_SERIES_OTHER];
    struct sm_series_named *named;
    size_t named_count, named_capacity;
};

/* Where they go; ids are unique over all sets of one writer. */
struct sm_series_writer {
    struct sm_record *record;
    int32_t last_id;
    int failed; /* the first error of the record */
};

/* A value at t_ns with its extremes since the value before. `hold` keeps it (and its extremes) for
 * the next value of the series instead of writing it. Equal values are written once a second, and
 * the last of them right before a change, so that the record says what was seen. */
void sm_series_add(struct sm_series_writer *writer, struct sm_series_set *set,
                   enum sm_series_kind kind, int64_t t_ns, double value, double low, double high,
                   int hold);
void sm_series_add_named(struct sm_series_writer *writer, struct sm_series_set *set,
                         const char *name, enum sm_unit unit, int64_t t_ns, double value,
                         double high);

/* Writes what is held, then forgets the set's memory. */
void sm_series_finish(struct sm_series_writer *writer, struct sm_series_set *set);
