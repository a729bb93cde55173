#include "rules.h"

#include <stdatomic.h>
#include <string.h>

#include "cfi.h"
#include "object.h"

/* The near entries, in sets that are a cache line each, are a few pages: most programs touch no
 * others. What finds its set full has its one place among the far ones. */
enum { NEAR_SETS_BITS = 8, WAYS = 4, FAR_BITS = 14 };

struct entry {
    _Atomic uint64_t check, rule;
};

static struct entry near[1 << NEAR_SETS_BITS][WAYS] __attribute__((aligned(4096)));
static struct entry far[1 << FAR_BITS] __attribute__((aligned(64)));
static _Atomic uint64_t generation; /* in the 16 bits above an address */
SMP_TOGETHER _Atomic uint32_t smp_rules_drops;

static uint64_t key_of(uintptr_t address) {
    return address | atomic_load_explicit(&generation, memory_order_relaxed) << 48;
}

/* Whose the entry is, and its rule; 0 = nobody's. Torn, it is of an address that there is not. */
static inline uint64_t read_entry(const struct entry *entry, uint64_t *ret_rule) {
    *ret_rule = atomic_load_explicit(&entry->rule, memory_order_relaxed);
    return atomic_load_explicit(&entry->check, memory_order_relaxed) ^ *ret_rule;
}

static bool is_of_now(uint64_t owner, uint64_t key) {
    return owner != 0 && (owner ^ key) >> 48 == 0;
}

/* The entry that is the key's, with its rule, or where it may be put. */
static inline struct entry *entry_of(uint64_t key, uint64_t *ret_rule, bool *ret_is_known) {
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    struct entry *set = near[hash >> (64 - NEAR_SETS_BITS)], *free_entry = NULL;
    *ret_is_known = true;
    for (int way = 0; way < WAYS; way++) {
        uint64_t owner = read_entry(&set[way], ret_rule);
        if (owner == key) {
            return &set[way];
        }
        if (!is_of_now(owner, key)) {
            free_entry = &set[way];
        }
    }
    struct entry *entry = free_entry != NULL ? free_entry : &far[hash >> (64 - FAR_BITS)];
    *ret_is_known = free_entry == NULL && read_entry(entry, ret_rule) == key;
    return entry;
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
    uint64_t key = key_of(address), word;
    bool is_known;
    struct entry *entry = entry_of(key, &word, &is_known);
    struct smp_rule rule;
    if (is_known) {
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
        memset(near, 0, sizeof near);
        memset(far, 0, sizeof far);
        atomic_store_explicit(&generation, 0, memory_order_relaxed);
    }
}

bool smp_is_code(uintptr_t address) {
    struct dl_phdr_info info;
    return smp_object_of(address, &info);
}
