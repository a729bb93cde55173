#include "exports.h"

#include <elf.h>
#include <stdint.h>
#include <string.h>

#include "object.h"
#include "real.h"
#include "reopen.h"
#include "tables.h"

enum { EXPORTS_MAX = 256, TABLE = 1024 };

static struct smp_export all[EXPORTS_MAX];
static uint32_t count;
static uint16_t table[TABLE]; /* entry + 1, by hash; 0 = empty */

static uint32_t hash_of(const char *name) {
    uint32_t hash = 5381;
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
        hash = hash * 33 + *at;
    }
    return hash;
}

static struct smp_export *find(const char *name) {
    for (uint32_t i = hash_of(name); table[i % TABLE] != 0; i++) {
        struct smp_export *export = &all[table[i % TABLE] - 1];
        if (strcmp(export->name, name) == 0) {
            return export;
        }
    }
    return NULL;
}

const struct smp_export *smp_export_of(const char *name) {
    const struct smp_export *export = find(name);
    return export != NULL && export->real != NULL ? export : NULL;
}

static bool is_of_the_heap(const char *name) {
#define X(function, result, parameters)                                                            \
    if (strcmp(name, #function) == 0) {                                                            \
        return true;                                                                               \
    }
    SMP_REAL_HEAP_TABLE(X)
#undef X
    return strcmp(name, "reallocarray") == 0 || strncmp(name, "_Z", 2) == 0;
}

static void add(const char *name, void *hook) {
    if (count < EXPORTS_MAX && find(name) == NULL) {
        all[count] =
            (struct smp_export){.name = name, .hook = hook, .is_heap = is_of_the_heap(name)};
        uint32_t i = hash_of(name);
        while (table[i % TABLE] != 0) {
            i++;
        }
        table[i % TABLE] = (uint16_t)++count;
    }
}

/* The library's own functions. */
static void list(void) {
    struct dl_phdr_info own;
    struct smp_tables tables;
    if (!smp_object_of((uintptr_t)smp_exports_find, &own)) {
        return;
    }
    smp_tables_read(&own, &tables);
    uint32_t symbols = smp_tables_symbol_count(&tables);
    for (uint32_t i = 1; i < symbols; i++) {
        const ElfW(Sym) *symbol = &tables.symbols[i];
        const char *name = tables.names + symbol->st_name;
        if (symbol->st_shndx != SHN_UNDEF && strncmp(name, "spillmark_", 10) != 0) {
            add(name, (void *)(own.dlpi_addr + symbol->st_value));
        }
    }
    add("dlopen", (void *)smp_reopen);
}

void smp_exports_find(void) {
    if (count == 0) {
        list();
    }
    smp_real_find_all();
    for (uint32_t i = 0; i < count; i++) {
        if (all[i].real == NULL) {
            all[i].real = smp_real_lookup(all[i].name);
        }
    }
}
