/* ledger.h - what became of every unit that was offered. Internal to the analysis. */
#pragma once

#include "analysis.h"

/* Fills the ledger from the totals of the record; what is not known stays unknown and the note
 * says why. */
void sm_ledger_make(const struct sm_run *run, struct sm_ledger *ret_ledger);
