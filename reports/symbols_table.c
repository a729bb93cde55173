/* One pass over the table, in which each symbol looks for the addresses it holds: with far more
 * symbols than addresses that is cheaper than sorting the symbols. */
#include "symbols_table.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* The best symbol so far for one call. */
struct candidate {
    uint64_t start, end;
    unsigned rank; /* 0 = none */
    int is_sized;
    const char *name;
};

struct table {
    Elf *elf;
    Elf_Data *symbols;
    size_t count;
    size_t names_section;
};

/* Of several names for one start: global before weak before local, then the plainest. */
static unsigned rank_of(const GElf_Sym *symbol, const char *name) {
    unsigned binding = GELF_ST_BIND(symbol->st_info);
    unsigned rank = binding == STB_GLOBAL ? 300 : binding == STB_WEAK ? 200 : 100;
    size_t underscores = strspn(name, "_");
    return rank - (unsigned)(underscores < 50 ? underscores : 50);
}

static int is_code(const GElf_Sym *symbol) {
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    return symbol->st_shndx != SHN_UNDEF && symbol->st_value &&
           (type == STT_FUNC || type == STT_GNU_IFUNC);
}

static void offer(struct candidate *best, const struct candidate *other) {
    /* The innermost of nested symbols is the one that starts last. */
    if (!best->rank || other->start > best->start ||
        (other->start == best->start && other->rank > best->rank))
        *best = *other;
}

/* Assembly may leave its functions without a size: such a one reaches up to the next symbol, or
 * to the end of its section. */
static uint64_t end_of(Elf *elf, const GElf_Sym *symbol) {
    GElf_Shdr header;
    if (symbol->st_size)
        return symbol->st_value + symbol->st_size;
    Elf_Scn *section = elf_getscn(elf, symbol->st_shndx);
    return section && gelf_getshdr(section, &header) ? header.sh_addr + header.sh_size : 0;
}

/* `holding` are symbols that hold the call, `nearest` what starts last before it; of the latter
 * only the first call after a symbol is told. */
static void match(const struct table *table, const struct sm_symbols_job *job,
                  const GElf_Sym *symbol, struct candidate *holding, struct candidate *nearest) {
    size_t first = sm_symbols_lower_bound(job->calls, job->count, symbol->st_value);
    if (first == job->count)
        return;
    struct candidate candidate = {
        .start = symbol->st_value,
        .end = end_of(table->elf, symbol),
        .is_sized = symbol->st_size != 0,
        .name = elf_strptr(table->elf, table->names_section, symbol->st_name)};
    if (!candidate.name || !*candidate.name)
        return;
    candidate.rank = rank_of(symbol, candidate.name);
    offer(&nearest[first], &candidate);
    for (size_t i = first; candidate.is_sized && i < job->count && job->calls[i] < candidate.end;
         i++)
        offer(&holding[i], &candidate);
}

static int find_table(Elf *elf, GElf_Word type, struct table *ret_table) {
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || header.sh_type != type || !header.sh_entsize)
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        if (!data)
            continue;
        *ret_table = (struct table){.elf = elf,
                                    .symbols = data,
                                    .count = data->d_size / header.sh_entsize,
                                    .names_section = header.sh_link};
        return 1;
    }
    return 0;
}

void sm_symbols_table(Elf *elf, const struct sm_symbols_job *job, const char **names) {
    struct table table;
    if (!find_table(elf, SHT_SYMTAB, &table) && !find_table(elf, SHT_DYNSYM, &table))
        return;
    struct candidate *holding = calloc(job->count * 2, sizeof *holding);
    if (!holding)
        return;
    struct candidate *nearest = holding + job->count;
    for (size_t i = 0; i < table.count && i <= INT32_MAX; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(table.symbols, (int)i, &symbol) && is_code(&symbol))
            match(&table, job, &symbol, holding, nearest);
    }
    for (size_t i = 0; i < job->count; i++) {
        if (i && !nearest[i].name)
            nearest[i] = nearest[i - 1];
        int is_nearest = !nearest[i].is_sized && job->calls[i] < nearest[i].end;
        const char *name = is_nearest ? nearest[i].name : holding[i].name;
        if (!names[i])
            names[i] = name;
    }
    free(holding);
}
