/* ledger.h - what became of every unit that was offered. Internal to the analysis. */
#pragma once

#include "analysis.h"

/* What the program declares to hold at a time by its marks, in units; -1 when none of them counts
 * units. */
double sm_ledger_declared_units(const struct sm_run *run, int64_t t_ns);

/* Fills the ledger from the totals of the record; what is not known stays unknown and the note
 * says why. */
void sm_ledger_make(const struct sm_run *run, struct sm_ledger *ret_ledger);
