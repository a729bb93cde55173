/* schedule.h - when units are due: a deterministic arrival schedule that nobody can delay.
 *
 * A schedule says how many units are due by each moment; a cursor walks through it unit by unit.
 * The same options give the same times on any machine. Cursors are plain values, so that a driver
 * can hold one at the units that are due and another at the unit it sends next: what lies between
 * is its queue, however long, in no memory at all. Times are CLOCK_MONOTONIC in nanoseconds.
 * Thread rule: one thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How units follow each other. */
#define SM_ARRIVALS_TABLE(X)                                                                       \
    X(POISSON, "poisson") /* as independent clients do */                                          \
    X(UNIFORM, "uniform") /* evenly spaced */
enum sm_arrivals {
#define X(id, name) SM_ARRIVALS_##id,
    SM_ARRIVALS_TABLE(X)
#undef X
};

extern const char *const sm_arrivals_names[]; /* by enum sm_arrivals; NULL-terminated */

#define SM_NEVER_NS INT64_MAX

struct sm_schedule_options {
    enum sm_arrivals arrivals;
    double rate_per_s;    /* at the start; 0 = the whole count is due at once */
    double rate_to_per_s; /* reached after ramp_s, kept from then on; unused when ramp_s is 0 */
    double ramp_s;
    int64_t burst; /* units that arrive together (the rate counts units); at least 1 */
    int64_t count; /* units in all; 0 = without end */
    uint64_t seed;
};

struct sm_schedule;

/* begin_ns: the moment from which the rate counts. NULL when out of memory. */
struct sm_schedule *sm_schedule_new(const struct sm_schedule_options *options, int64_t begin_ns);
void sm_schedule_free(struct sm_schedule *schedule); /* NULL is allowed */

/* From at_ns on the rate is `factor` times what the options say (0 pauses: what was due after is
 * due after the pause). at_ns must not be before an earlier change or before a unit that a cursor
 * has passed. Returns 0 or -ENOMEM (then nothing has changed). */
int sm_schedule_set_factor(struct sm_schedule *schedule, int64_t at_ns, double factor);

struct sm_cursor {
    const struct sm_schedule *schedule;
    int64_t number; /* of the next unit, from 0 */
    int64_t due_ns; /* when it is due as things stand; SM_NEVER_NS: not before a change */
    /* private */
    uint64_t random;
    int64_t in_burst;
    double mark; /* the integral of the rate at which the unit is due */
    struct sm_cursor_place {
        size_t span;
        double passed; /* the integral up to the start of the span */
    } before, at;      /* of the unit stepped over last, of this one */
};

/* A cursor at the first unit. */
void sm_cursor_begin(struct sm_cursor *cursor, const struct sm_schedule *schedule);
/* Steps over the unit at due_ns, which must not be SM_NEVER_NS. */
void sm_cursor_next(struct sm_cursor *cursor);
/* Works due_ns out again: to be called after sm_schedule_set_factor. */
void sm_cursor_refresh(struct sm_cursor *cursor);
