/* symbols_job.h - what the parts of the symbol search share: the addresses wanted of a module. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model.h"

/* How far a module may be trusted: it goes down a step each time it breaks the child. */
enum sm_symbols_depth { SM_SYMBOLS_DWARF, SM_SYMBOLS_TABLE, SM_SYMBOLS_GIVEN_UP };

struct sm_symbols_job {
    const struct sm_module *module; /* NULL: code without a file */
    int fd;                         /* the module's file, -1 = only its path is known */
    enum sm_symbols_depth depth;
    uint64_t *calls; /* sorted; one less than the return addresses, so inside the call */
    size_t count;
};

/* A function at calls[index], told innermost first. file NULL = not known. */
struct sm_symbols_found {
    size_t index;
    int inline_depth;
    const char *function, *file;
    int line;
};

/* Where the search tells what it finds. Texts are copied. */
typedef void sm_symbols_emit(void *context, const struct sm_symbols_found *found);

/* The first index whose call is not below `address`. */
static inline size_t sm_symbols_lower_bound(const uint64_t *calls, size_t count, uint64_t address) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (calls[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
