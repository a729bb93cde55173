/* inspect.h - what must hold of every slot, whatever the program did. */
#pragma once

#include <stdbool.h>

#include "pool_view.h"

struct inspect_options {
    uint64_t interval_bytes; /* of the pool */
    bool exact;              /* interval 1: the live table must equal the totals */
    bool drops;              /* records may have been dropped */
    bool foreign;            /* frames may lie outside every module (code made at run time) */
    bool torn;               /* the process was killed: counts may be off by what was under way */
};

/* Prints what is wrong on standard error. Number of faults. */
int inspect_slot(const struct spillmark_slot *slot, uint64_t slot_bytes,
                 const struct inspect_options *options);
