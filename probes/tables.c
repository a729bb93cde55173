#include "tables.h"

#include <elf.h>
#include <string.h>

enum { PAGE = 4096, HIDDEN_VERSION = 0x8000 };

/* glibc has made addresses of these; not so the kernel's own object. */
static const void *at(const struct dl_phdr_info *info, uintptr_t address) {
    return (const void *)(address < info->dlpi_addr ? address + info->dlpi_addr : address);
}

static void take(struct smp_tables *tables, const ElfW(Dyn) * entry) {
    const void *address = at(tables->info, entry->d_un.d_ptr);
    switch (entry->d_tag) {
    case DT_SYMTAB:
        tables->symbols = address;
        break;
    case DT_STRTAB:
        tables->names = address;
        break;
    case DT_GNU_HASH:
        tables->hash = address;
        break;
    case DT_VERSYM:
        tables->versions = address;
        break;
    case DT_JMPREL:
        tables->relocations[0] = address;
        break;
    case DT_PLTRELSZ:
        tables->relocation_counts[0] = entry->d_un.d_val / sizeof(ElfW(Rela));
        break;
    case DT_RELA:
        tables->relocations[1] = address;
        break;
    case DT_RELASZ:
        tables->relocation_counts[1] = entry->d_un.d_val / sizeof(ElfW(Rela));
        break;
    default:
        break;
    }
}

void smp_tables_read(const struct dl_phdr_info *info, struct smp_tables *ret_tables) {
    memset(ret_tables, 0, sizeof *ret_tables);
    ret_tables->info = info;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_DYNAMIC) {
            for (const ElfW(Dyn) *entry = (const ElfW(Dyn) *)low; entry->d_tag != DT_NULL;
                 entry++) {
                take(ret_tables, entry);
            }
        } else if (header->p_type == PT_GNU_RELRO) {
            ret_tables->relro_low = low & ~(uintptr_t)(PAGE - 1);
            ret_tables->relro_high = (low + header->p_memsz) & ~(uintptr_t)(PAGE - 1);
        }
    }
    if (ret_tables->names == NULL) {
        ret_tables->symbols = NULL;
    }
}

/* Of the hash table: bucket count, first symbol, words of the filter, its shift; the filter; the
 * buckets; a hash for each symbol from the first on, whose lowest bit ends a chain. */
static const uint32_t *buckets_of(const uint32_t *hash) {
    return hash + 4 + hash[2] * 2;
}

uint32_t smp_tables_symbol_count(const struct smp_tables *tables) {
    const uint32_t *hash = tables->hash;
    if (tables->symbols == NULL || hash == NULL) {
        return 0;
    }
    uint32_t last = 0;
    const uint32_t *chains = buckets_of(hash) + hash[0];
    for (uint32_t i = 0; i < hash[0]; i++) {
        uint32_t first = buckets_of(hash)[i];
        last = first > last ? first : last;
    }
    if (last < hash[1]) {
        return 0;
    }
    while ((chains[last - hash[1]] & 1) == 0) {
        last++;
    }
    return last + 1;
}

static uint32_t hash_of(const char *name) {
    uint32_t hash = 5381;
    for (const unsigned char *byte = (const unsigned char *)name; *byte != '\0'; byte++) {
        hash = hash * 33 + *byte;
    }
    return hash;
}

static bool is_it(const struct smp_tables *tables, uint32_t index, const char *name) {
    const ElfW(Sym) *symbol = &tables->symbols[index];
    return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_UNDEF &&
           strcmp(tables->names + symbol->st_name, name) == 0 &&
           (tables->versions == NULL || (tables->versions[index] & HIDDEN_VERSION) == 0);
}

void *smp_tables_function(const struct smp_tables *tables, const char *name) {
    const uint32_t *hash = tables->hash;
    if (tables->symbols == NULL || hash == NULL || hash[0] == 0) {
        return NULL;
    }
    uint32_t wanted = hash_of(name);
    uint32_t index = buckets_of(hash)[wanted % hash[0]];
    const uint32_t *chains = buckets_of(hash) + hash[0];
    if (index < hash[1]) {
        return NULL;
    }
    for (;; index++) {
        uint32_t link = chains[index - hash[1]];
        if ((link | 1) == (wanted | 1) && is_it(tables, index, name)) {
            return (void *)(tables->info->dlpi_addr + tables->symbols[index].st_value);
        }
        if ((link & 1) != 0) {
            return NULL;
        }
    }
}

bool smp_tables_hold(const struct smp_tables *tables, uintptr_t address) {
    const struct dl_phdr_info *info = tables->info;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD &&
            address - info->dlpi_addr - header->p_vaddr < header->p_memsz) {
            return true;
        }
    }
    return false;
}
