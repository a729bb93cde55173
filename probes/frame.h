/* frame.h - stepping from one frame to its caller's with every register, by the full rules. The
 * slow and complete way; unwind.c has the quick one for what compilers commonly write. */
#pragma once

#include "cfi.h"

struct smp_frame {
    uint64_t registers[SMP_REGISTERS];
    bool exact; /* rip is the interrupted instruction itself, not a return address */
};

/* Reads one word of the stack. False if it cannot be read. */
typedef bool smp_read_word(uint64_t address, uint64_t *ret_word, void *context);

/* False at the end of the stack, or where nothing is known. */
bool smp_frame_step(struct smp_frame *frame, smp_read_word *read, void *context);
