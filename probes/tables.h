/* tables.h - the symbols and relocations of a loaded object, as its dynamic section has them. Pure;
 * what is read must not be unloaded meanwhile. */
#pragma once

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct smp_tables {
    const struct dl_phdr_info *info;
    const ElfW(Sym) * symbols; /* NULL: it has no tables */
    const char *names;
    const uint32_t *hash;     /* DT_GNU_HASH, or NULL */
    const uint16_t *versions; /* or NULL */
    const ElfW(Rela) * relocations[2];
    size_t relocation_counts[2];
    uintptr_t relro_low, relro_high; /* pages that the loader made read-only */
};

/* Points into the object: good as long as it is loaded. */
void smp_tables_read(const struct dl_phdr_info *info, struct smp_tables *ret_tables);

/* A function that the object defines and lets out under this name, its default version; or NULL. */
void *smp_tables_function(const struct smp_tables *tables, const char *name);

/* How many symbols there are; 0 without a hash table. */
uint32_t smp_tables_symbol_count(const struct smp_tables *tables);

/* Whether an address lies in a segment of the object. */
bool smp_tables_hold(const struct smp_tables *tables, uintptr_t address);
