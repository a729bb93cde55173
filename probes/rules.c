#include "rules.h"

#include <stdatomic.h>
#include <string.h>

#include "cfi.h"
#include "object.h"

enum { ENTRIES = 1 << 14 };

struct entry {
    _Atomic uint64_t check, rule;
};

static struct entry table[ENTRIES] __attribute__((aligned(64)));
static _Atomic uint64_t generation; /* in the 16 bits above an address */
SMP_TOGETHER _Atomic uint32_t smp_rules_drops;

static uint64_t key_of(uintptr_t address) {
    return address | atomic_load_explicit(&generation, memory_order_relaxed) << 48;
}

static struct entry *entry_of(uint64_t key) {
    return &table[key * UINT64_C(0x9e3779b97f4a7c15) >> 50];
}

static struct smp_rule pack(uintptr_t address) {
    struct smp_cfi_row row;
    if (!smp_cfi_find(address, &row)) {
        return (struct smp_rule){.kind = SMP_RULE_NONE};
    }
    const struct smp_cfi_rule *rip = &row.rules[SMP_RIP], *rbp = &row.rules[SMP_RBP];
    if (rip->kind == SMP_CFI_UNDEFINED) {
        return (struct smp_rule){.kind = SMP_RULE_END};
    }
    if (row.signal_frame) {
        return (struct smp_rule){.kind = SMP_RULE_SIGNAL};
    }
    bool bp_saved = rbp->kind == SMP_CFI_OFFSET && rbp->value < 0 && rbp->value >= INT16_MIN;
    bool bp_same = rbp->kind == SMP_CFI_SAME || rbp->kind == SMP_CFI_UNDEFINED;
    if (row.cfa_expression != NULL ||
        (row.cfa_register != SMP_RSP && row.cfa_register != SMP_RBP) ||
        row.cfa_offset < -(1 << 30) || row.cfa_offset > 1 << 30 || rip->kind != SMP_CFI_OFFSET ||
        rip->value != -8 || (!bp_saved && !bp_same) || row.rules[SMP_RSP].kind != SMP_CFI_SAME) {
        return (struct smp_rule){.kind = SMP_RULE_OTHER};
    }
    return (struct smp_rule){
        .cfa_offset = (int32_t)row.cfa_offset,
        .bp_offset = bp_saved ? (int16_t)rbp->value : 0,
        .kind = row.cfa_register == SMP_RSP ? SMP_RULE_RSP : SMP_RULE_RBP,
    };
}

struct smp_rule smp_rule_of(uintptr_t address) {
    uint64_t key = key_of(address);
    struct entry *entry = entry_of(key);
    uint64_t word = atomic_load_explicit(&entry->rule, memory_order_relaxed);
    struct smp_rule rule;
    if ((atomic_load_explicit(&entry->check, memory_order_relaxed) ^ word) == key) {
        memcpy(&rule, &word, sizeof rule);
        return rule;
    }
    rule = pack(address);
    memcpy(&word, &rule, sizeof word);
    atomic_store_explicit(&entry->rule, word, memory_order_relaxed);
    atomic_store_explicit(&entry->check, key ^ word, memory_order_relaxed);
    return rule;
}

void smp_rules_forget(void) {
    atomic_fetch_add_explicit(&smp_rules_drops, 1, memory_order_relaxed);
    uint64_t next = atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed) + 1;
    if (next == 1u << 15) { /* long before a generation could come back */
        memset(table, 0, sizeof table);
        atomic_store_explicit(&generation, 0, memory_order_relaxed);
    }
}

bool smp_is_code(uintptr_t address) {
    struct dl_phdr_info info;
    return smp_object_of(address, &info);
}
