/* supervisor_delay.h - how long each call is held back: token buckets and a heap of waiting
 * calls. Knows neither seccomp nor clocks: time comes in as CLOCK_MONOTONIC nanoseconds, so that
 * tests can make it. One thread. Fixed memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "supervisor_match.h"

enum { SM_DELAY_CALLS = 4096 };

/* What a call is answered with when its time has come; the heap only keeps it. */
struct sm_answer {
    int code; /* errno to fail with; 0 = the call goes on in the target */
    /* Not 0: only so many bytes are written, by the supervisor in the target's place. */
    uint64_t cut_bytes, cut_address;
    int64_t cut_offset; /* -1 = where the file stands */
    pid_t cut_tid;
    int cut_fd;
};

struct sm_waiting_call {
    uint64_t id; /* of the notification */
    int64_t due_ns;
    int64_t accounted_ns; /* up to here the delay is in the receipts */
    uint64_t bytes;
    sm_rule_set rules; /* those that were at work when it arrived */
    bool stalled;      /* not let at the buckets yet */
    struct sm_answer answer;
};

struct sm_bucket {
    int64_t free_ns;   /* the disk has done all it took on */
    int64_t credit_ns; /* by which our timers were late */
    uint32_t epoch;    /* of the rule's activation that this is about */
};

struct sm_delay {
    struct sm_supervisor_shared *shared;
    struct sm_bucket buckets[SM_SUPERVISOR_RULES];
    size_t count;
    struct sm_waiting_call heap[SM_DELAY_CALLS]; /* soonest due first */
};

/* Takes on a call that arrived now under those of the rules, all of which delay, that are at work,
 * and counts it in their receipts. Returns false when it need not wait (or too many do): answer it
 * at once. A call under several rules waits for the slowest, and goes as soon as one of their
 * faults ends. */
bool sm_delay_admit(struct sm_delay *delay, uint64_t id, sm_rule_set rules, uint64_t bytes,
                    const struct sm_answer *answer, int64_t now_ns);

/* Takes out one call that is to be answered now; false when there is none. */
bool sm_delay_take_due(struct sm_delay *delay, int64_t now_ns, struct sm_waiting_call *ret_call);

/* Looks at every waiting call again after the rules may have changed: those whose fault has
 * ended become due, those whose caller `is_gone` are dropped. Brings receipts up to date. */
void sm_delay_review(struct sm_delay *delay, int64_t now_ns,
                     bool (*is_gone)(void *context, uint64_t id), void *context);

/* When the next call is due; INT64_MAX when none waits. */
int64_t sm_delay_next_ns(const struct sm_delay *delay);
