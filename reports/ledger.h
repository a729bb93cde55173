/* ledger.h - what became of every unit that was offered. Pure functions, thread-safe. */
#pragma once

#include <stdbool.h>

#include "analysis.h"

/* What the program declares to hold at a time by its marks, in units; -1 when none of them counts
 * units. */
double sm_ledger_declared_units(const struct sm_run *run, int64_t t_ns);

/* Fills the ledger from the totals of the record; what is not known stays unknown and the note
 * says why. */
void sm_ledger_make(const struct sm_run *run, struct sm_ledger *ret_ledger);

/* A line of the ledger as renderers show it, in units; `units` says nothing where it is not
 * known. */
struct sm_ledger_row {
    const char *name; /* static: "offered", "accepted", ... "in_flight", "unaccounted" */
    int64_t units;
    bool is_known;
};

enum { SM_LEDGER_ROWS = 8 };

void sm_ledger_rows(const struct sm_ledger *ledger, struct sm_ledger_row ret_rows[SM_LEDGER_ROWS]);
