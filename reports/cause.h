/* cause.h - why something grew, was lost or swelled: one finder per cause, listed in causes.c.
 * Internal to the analysis.
 *
 * A finder looks at the facts, adds a cause when its rule holds, and is silent otherwise; several
 * may find something in the same run. Each rule stands at the top of its file. */
#pragma once

#include "analysis.h"

/* What finders look at. Figures that are not known are NAN. */
struct sm_facts {
    const struct sm_run *run;
    const struct sm_analysis *analysis; /* series, sites, ledger, window are filled */
    int64_t from_ns, to_ns;             /* the measured part of the run */
    const struct sm_series *memory;     /* heap, or RSS where no probe sees the heap; or NULL */
    const struct sm_series_result *memory_result; /* its verdict; NULL without one */
    const struct sm_phase *fault;  /* the phase with a fault in which memory rose most */
    const struct sm_phase *settle; /* the last rest after load; NULL when there is none */
    double memory_before;          /* at the start of the first phase */
    double memory_after;           /* at the end of the rest, or of the run */
    double memory_peak;
    int was_scheduled; /* the run went to its planned end, or was sure before */
};

struct sm_cause_list {
    struct sm_cause *causes;
    size_t count, capacity;
    int failed; /* -ENOMEM once an addition failed */
};

typedef void sm_cause_finder(const struct sm_facts *facts, struct sm_cause_list *list);

sm_cause_finder sm_cause_find_fds, sm_cause_find_backlog, sm_cause_find_leak, sm_cause_find_kept,
    sm_cause_find_loss, sm_cause_find_discards, sm_cause_find_retention,
    sm_cause_find_amplification, sm_cause_find_accounting, sm_cause_find_accounts,
    sm_cause_find_bound, sm_cause_find_mapped, sm_cause_find_process;

/* Runs every finder. 0 and the causes, gravest first (free the array), or -ENOMEM. */
int sm_causes_find(const struct sm_facts *facts, struct sm_cause **ret_causes, size_t *ret_count);

/* For finders. Adds a cause; the pointer is good until the next addition. NULL when out of memory:
 * the finder returns, the list remembers. */
struct sm_cause *sm_cause_add(struct sm_cause_list *list, enum sm_cause_kind kind,
                              const char *series);
/* Appends a sentence to the text or the advice. */
void sm_cause_say(struct sm_cause *cause, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sm_cause_advise(struct sm_cause *cause, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Adds a figure unless it is unknown. */
void sm_cause_show(struct sm_cause *cause, const char *name, enum sm_unit unit, double value);
/* Adds a yes or no. */
void sm_cause_flag(struct sm_cause *cause, const char *name, int is_set);
/* Adds up to `most` growing sites of a kind, in their rank. */
void sm_cause_blame(struct sm_cause *cause, const struct sm_facts *facts, enum sm_site_kind kind,
                    size_t most);

/* The increase of a whole-target series over a phase; NAN when unknown. */
double sm_facts_increase(const struct sm_facts *facts, const char *series,
                         const struct sm_phase *phase);
/* Seconds that a phase lasted. */
double sm_facts_seconds(const struct sm_facts *facts, const struct sm_phase *phase);
