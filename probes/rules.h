/* rules.h - rows of call frame information, packed and kept by address.
 *
 * Tables of two words an entry, without locks: the second word is the rule, the first the
 * address xor the rule, so that a torn entry is no entry. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hidden.h"

enum smp_rule_kind {
    SMP_RULE_RSP,    /* CFA = rsp + cfa_offset */
    SMP_RULE_RBP,    /* CFA = rbp + cfa_offset */
    SMP_RULE_SIGNAL, /* the kernel's frame of a signal */
    SMP_RULE_NONE,   /* nothing describes this code */
    SMP_RULE_END,    /* the outermost frame */
    SMP_RULE_OTHER,  /* something that does not fit here */
};

struct smp_rule {
    int32_t cfa_offset;
    int16_t bp_offset; /* rbp is saved at CFA + this; 0 = untouched */
    uint16_t kind;     /* enum smp_rule_kind */
};

/* Any thread, signal handlers too. */
struct smp_rule smp_rule_of(uintptr_t address);

/* Drops all rules: code may have been unloaded. */
void smp_rules_forget(void);

extern SMP_HIDDEN _Atomic uint32_t smp_rules_drops;

/* Changes whenever rules were dropped. */
static inline uint32_t smp_rules_generation(void) {
    return atomic_load_explicit(&smp_rules_drops, memory_order_relaxed);
}

/* True if the address lies in a loaded object. */
bool smp_is_code(uintptr_t address);
