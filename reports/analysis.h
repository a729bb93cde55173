/* analysis.h - what a run means: verdicts, sites, causes, ledger, memory, budget, status.
 *
 * Computed once from the record before any renderer runs; renderers decide nothing. A pure
 * function of the run: the same record gives the same analysis. The analysis points into its run
 * (names, stacks), which must outlive it. NAN stands for an unknown figure. */
#pragma once

#include "growth.h"
#include "model.h"
#include "trace.h"

struct sm_interval {
    double value, low, high; /* 99 %; NAN when unknown */
};

/* One series, of the whole target or of one process. */
struct sm_series_result {
    const struct sm_series *series;
    int is_judged;                    /* verdict is filled; counters and the like are only shown */
    struct sm_verdict verdict;        /* why and needs are clauses */
    double resolution_per_s;          /* growth slower than this may be called bounded */
    struct sm_interval rate_per_s;    /* of the growth, in the stretch that decided */
    struct sm_interval rate_per_unit; /* per offered unit */
    double start, peak, end;
    /* The least growth that would have been called so, had it been there; INFINITY: none of those
     * tried; NAN: not asked (it grows, or is not among heap, rss and fds of the whole target). */
    double least_seen_per_s;
    int is_blind; /* growth of several resolutions would have passed for bounded */
};

/* One call stack that allocates or opens, over all processes. */
struct sm_site_result {
    int32_t stack_id;
    enum sm_site_kind kind;
    double live_bytes, live_count;     /* at the end of the window */
    double growth_bytes, growth_count; /* in the window */
    struct sm_interval rate_per_s;     /* bytes or descriptors per second of the window */
    struct sm_interval rate_per_unit;
    int is_growing;                  /* the interval lies above 0 */
    int is_judged;                   /* verdict is filled: for the sites that grew most */
    struct sm_verdict verdict;       /* on what is live, over the whole run */
    double peak_bytes, peak_count;   /* live when the site held most */
    double alloc_bytes, alloc_count; /* ever allocated or opened */
    double held_bytes, held_count;   /* not freed by the end of the measured part of the run, by
                                        processes that had ended as well */
    double kept_bytes, kept_count;   /* never freed, by processes that have ended as well */
    double end_bytes, end_count;     /* live at the end of the run */
    double freed_share;              /* of what it ever allocated, freed by now: 0 .. 1 */
    int32_t freed_by_stack_id;       /* who frees most of it; 0 = nobody seen */
    double residence_before_s;       /* usual stay before the window; NAN */
    double residence_now_s;          /* usual stay at its end, or the age of what stays */
    double residence_freed_s;        /* the same of what is freed at its end; NAN: nothing is */
    double residence_p50_s, residence_p99_s; /* of what was freed over the run; NAN */
};

struct sm_site_words {
    const char *kind, *made_at, *gone_by;
};
extern const struct sm_site_words sm_site_words[SM_SITE_KINDS];

struct sm_evidence {
    char name[40];
    enum sm_unit unit;
    double value;
    int is_flag; /* yes or no: value is 1 or 0 */
};

enum { SM_CAUSE_EVIDENCE = 16, SM_CAUSE_SITES = 4 };

struct sm_cause {
    enum sm_cause_kind kind;
    int is_note;      /* reported, but within the program's design: does not fail the run */
    char series[64];  /* the series it shows in; "" = the ledger */
    char text[900];   /* one or two sentences with the figures */
    char advice[400]; /* what would mend it or settle it; may be empty */
    struct sm_evidence evidence[SM_CAUSE_EVIDENCE];
    size_t evidence_count;
    const struct sm_site_result *sites[SM_CAUSE_SITES]; /* the first is the one to look at */
    size_t site_count;
};

/* The ledger; -1 = unknown. unaccounted may be negative when more arrived than was accepted. */
struct sm_ledger {
    int64_t offered, accepted, refused, unanswered, delivered, dropped, in_flight;
    int64_t unaccounted;
    int is_unaccounted_known;
    int is_held_at_stop;      /* in_flight is what the program declared when it was stopped */
    int64_t unbalanced;       /* offered - accepted - refused - unanswered; 0 in a sound record */
    double unit_bytes;        /* 0 = unknown */
    char note[300];           /* what is not known, and why; may be empty */
    char in_flight_note[300]; /* the ways of measuring it, compared */
};

/* RSS = live heap + slack + other mappings + remainder, in bytes; NAN = unknown. */
struct sm_memory {
    int64_t t_ns;
    double rss, heap_live, slack, other_mappings, remainder;
    double slack_age_s; /* of the allocator's own account; NAN: slack is estimated from outside */
    char slack_source[160];
    char remainder_name[120];
};

/* What private resident memory rose by in the later half of the load, when it had warmed up, and
 * how much of that neither the live heap nor what the allocator keeps free explains: the program
 * mapped it itself. Bytes; NAN = unknown, as beyond_heap is where the allocator gave no account. */
struct sm_late_rise {
    double resident, beyond_heap;
};

/* The positive control: a known trickle that the probe kept in the target on request. */
struct sm_control {
    enum sm_control_state {
        SM_CONTROL_NONE,       /* not asked for */
        SM_CONTROL_IMPOSSIBLE, /* nothing could be kept */
        SM_CONTROL_NOT_NEEDED, /* the heap grows by itself */
        SM_CONTROL_FOUND,
        SM_CONTROL_MISSED,
    } state;
    double asked_per_s, kept_per_s; /* per second of load */
    double kept_bytes;
    struct sm_verdict verdict; /* on the heap with the trickle in it */
    char text[700];            /* one clause with the figures */
};

/* What came of asking the allocators to give free pages back; asked is 0 when nobody did. */
struct sm_give_back {
    int asked, done;              /* processes */
    int64_t asked_ns, done_ns;    /* done_ns is -1 when none did */
    double rss_before, rss_after; /* anonymous, of the whole target; NAN = unknown */
};

enum sm_holds { SM_HOLDS_NO, SM_HOLDS_YES, SM_HOLDS_UNKNOWN };

struct sm_budget_line {
    const struct sm_budget_item *item;
    enum sm_unit unit;
    double actual; /* NAN = unknown or not a figure */
    double margin; /* limit - actual; NAN */
    enum sm_holds holds;
    int is_settled; /* holds stays as it is whatever the rest of the run may bring */
    char why[400];  /* the figure that decided it, or why it could not be judged */
};

enum sm_run_verdict { SM_RUN_PASS, SM_RUN_FAIL, SM_RUN_INCONCLUSIVE };

struct sm_analysis {
    enum sm_run_verdict verdict;
    int exit_status; /* enum sm_status */
    char why[1600];  /* one paragraph for a newcomer, with the figure that decided */

    struct sm_series_result *series; /* whole target first, then per process */
    size_t series_count;
    struct sm_site_result *sites; /* ranked: heap sites by growth, then descriptor sites */
    size_t site_count;
    struct sm_cause *causes; /* gravest first */
    size_t cause_count;
    struct sm_ledger ledger;
    struct sm_memory memory, memory_at_peak; /* at the end of the run; at the highest RSS */
    struct sm_late_rise late_rise;
    struct sm_give_back give_back; /* the last time it was asked */
    struct sm_control control;
    struct sm_budget_line *budget;
    size_t budget_count;

    const struct sm_phase *window; /* where memory rose the most; NULL when nowhere */
    struct sm_trace *trace;        /* NULL when nothing was measured */
};

/* Analyses a run. 0 and an analysis to be freed, or -ENOMEM. A record that holds nothing gives an
 * inconclusive analysis, not an error. */
int sm_analysis_make(const struct sm_run *run, struct sm_analysis **ret_analysis,
                     struct sm_error *err);
void sm_analysis_free(struct sm_analysis *analysis);

/* "pass", "fail", "inconclusive". */
const char *sm_run_verdict_name(enum sm_run_verdict verdict);

/* Whether it was judged, and is growing. NULL is allowed. */
int sm_series_is_growing(const struct sm_series_result *result);

/* The result for a series; NULL when there is none. process_id 0 = whole target. */
const struct sm_series_result *sm_analysis_series(const struct sm_analysis *analysis,
                                                  int process_id, const char *name);
