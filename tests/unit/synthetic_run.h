/* synthetic_run.h - writes records of runs that never were: an ingest program in front of a
 * consumer that a fault slows down, simulated tick by tick, so that the truth is known. */
#pragma once

#include "reports/record.h"

struct synthetic_run {
    const char *record_path;
    double offered_per_s;       /* default 4000 */
    double consumed_per_s;      /* without a fault; default 100000 */
    double consumed_slow_per_s; /* under the fault; default 100 */
    double bytes_per_unit;      /* on the heap; default 224 */
    double capacity;            /* units the queue holds, then it drops; 0 = unbounded */
    double declared_heap_bytes; /* 0 = none declared */
    double lost_per_s;          /* accepted, then gone without a word */
    double leaked_per_s;        /* bytes that every second of load leaves behind */
    double leak_freed_s;   /* what else is allocated there is freed after so long; 0 = nothing is */
    double mapped_per_s;   /* bytes that the program maps itself, every second of load */
    double mapped_swing;   /* bytes by which that goes up and down */
    double reserved_bytes; /* mapped at the start and never given back, by a stack of its own */
    int is_map_unseen;     /* no stacks are known of what is mapped */
    int is_map_untouched;  /* what is mapped never becomes resident */
    int is_map_shared;     /* it does, but not as private memory */
    double heap_unseen_s;  /* the heap is looked at so seldom; 0 = every tick */
    double touched_per_s;  /* bytes of its own data touched first, every second of load */
    double fds_per_s;      /* descriptors of class proc never closed */
    double kept_bytes;     /* filled in the first seconds of load, never freed */
    double retained_bytes; /* the same, freed before the rest: the allocator keeps it */
    double beside_bytes;   /* a second process whose heap swings by that much; 0 = there is none */
    double control_per_s;  /* bytes asked for as a positive control, and kept under load */
    int is_control_refused; /* asked for, but nothing was kept */
    double burst_bytes;     /* live for one tick in ten under load, beside the queue */
    double payload_bytes;   /* of one unit as offered; default 142 */
    int is_gauge_stale;     /* gauge:queued still counts what was lost */
    double counted_share;   /* of the queue and what is kept, by two gauges of accounts; 0 = none */
    double zombie_bytes;    /* a gauge says so from the load on, beside counted_share */
    const char *fault_kind; /* default "slow_disk" */
    double gap_s;           /* between one phase and the next */
    double kill_at_s;       /* the record ends there, incomplete; 0 = complete */
    int is_without_probe;   /* no heap, no sites */
    int is_without_fault;
    int is_fault_idle;        /* the fault's receipt shows nothing */
    int is_empty;             /* no phases, no samples */
    int is_without_delivered; /* nobody counts deliveries */
    int is_idle;              /* watched by probe, and uses no processor time */
    int is_unanswered;        /* nothing of the load reached anybody */
    double driver_late_s;     /* how late the driver came by its own doing, p99 */
    const char *budget[16];   /* "heap", "bounded", "heap_peak", "64MB", ..., NULL */
    const char *params;       /* JSON; default build=before, rate=4000 */
    const char *ended_by;     /* default "schedule" */
    const char *names;        /* of the program, its functions, files and one more gauge; NULL */
};

/* What really happened. */
struct synthetic_truth {
    double offered, delivered, dropped, lost;
    double rate_bytes_per_s; /* that the queue grows by in the fault */
};

enum {
    SYNTHETIC_ENQUEUE = 1,
    SYNTHETIC_FREE = 2,
    SYNTHETIC_CACHE = 3,
    SYNTHETIC_OPEN = 4,
    SYNTHETIC_CONTROL = 5,
    SYNTHETIC_MAP = 6,
    SYNTHETIC_RESERVE = 7
};

/* Writes the record (cmocka assertions inside) and tells the truth. */
void synthetic_run_write(const struct synthetic_run *run, struct synthetic_truth *ret_truth);
