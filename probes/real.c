#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "early.h"
#include "object.h"
#include "process.h"
#include "tables.h"

struct smp_real_heap smp_real __attribute__((aligned(64))) = {
#define X(name, result, parameters) .name = smp_early_##name,
    SMP_REAL_HEAP_TABLE(X)
#undef X
};

struct query {
    const char *name;
    void *found;
};

static int ask(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    struct query *query = argument;
    struct smp_tables tables;
    smp_tables_read(info, &tables);
    query->found = smp_tables_hold(&tables, (uintptr_t)smp_real_lookup)
                       ? NULL
                       : smp_tables_function(&tables, query->name);
    return query->found != NULL;
}

/* Loaded into a running program, the probe is the last in the order of search and no object finds
 * it; what the objects find is the first definition in the order in which they were loaded. Not
 * asked of dlsym, which takes the PLT entry of an executable that takes the function's address for
 * one: that leads to where calls are patched. */
static void *visible(const char *name) {
    struct query query = {.name = name};
    dl_iterate_phdr(ask, &query);
    return query.found;
}

void *smp_real_lookup(const char *name) {
    return smp_process.is_late ? visible(name) : dlsym(RTLD_NEXT, name);
}

bool smp_real_find(struct smp_real_heap *ret_heap) {
    struct smp_real_heap found;
    memset(&found, 0, sizeof found);
#define X(name, result, parameters) found.name = (result(*) parameters)smp_real_lookup(#name);
    SMP_REAL_HEAP_TABLE(X)
#undef X
    if (found.malloc == NULL || found.calloc == NULL || found.realloc == NULL ||
        found.free == NULL || found.malloc_usable_size == NULL) {
        return false;
    }
    /* The rarer ones may be missing in an allocator of one's own; nobody can then call them. */
#define X(name, result, parameters)                                                                \
    if (found.name == NULL) {                                                                      \
        found.name = smp_early_##name;                                                             \
    }
    SMP_REAL_HEAP_TABLE(X)
#undef X
    *ret_heap = found;
    return true;
}

struct smp_foreign smp_foreign;

void smp_real_find_foreign(const struct smp_real_heap *heap) {
    const struct link_map *library = smp_library_of((const void *)heap->malloc);
#define X(name, result, parameters)                                                                \
    smp_foreign.name = smp_library_of((const void *)heap->name) != library;
    SMP_REAL_HEAP_TABLE(X)
#undef X
}

extern struct smp_real_slot __start_smp_real_slots[] __attribute__((visibility("hidden")));
extern struct smp_real_slot __stop_smp_real_slots[] __attribute__((visibility("hidden")));

static bool is_operator(const char *name) {
    return name[0] == '_' && name[1] == 'Z';
}

static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1"};

static bool may_be_plain = true;

static bool is_plain(const void *function) {
    const struct link_map *library = smp_library_of(function);
    return may_be_plain && library != NULL &&
           (strstr(library->l_name, libraries[0]) != NULL ||
            strstr(library->l_name, libraries[1]) != NULL);
}

/* A plugin that brings a C++ library of its own, opened with RTLD_LOCAL, still finds the probe's
 * operator new first; what it needs is not among the next definitions then. */
static void *out_of_sight(const char *name) {
    void *found = NULL;
    for (int i = 0; found == NULL && i < 2; i++) {
        void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
        if (library != NULL) {
            found = dlsym(library, name);
            dlclose(library);
        }
    }
    return found;
}

void *smp_real_slow(struct smp_real_slot *slot) {
    int saved_errno = errno;
    void *found = smp_real_lookup(slot->name);
    if (found == NULL && is_operator(slot->name)) {
        found = out_of_sight(slot->name);
    }
    slot->plain = is_operator(slot->name) && is_plain(found);
    __atomic_store_n(&slot->function, found, __ATOMIC_RELEASE);
    errno = saved_errno;
    return found;
}

void smp_real_find_all(void) {
    for (struct smp_real_slot *slot = __start_smp_real_slots; slot < __stop_smp_real_slots;
         slot++) {
        if (slot->function == NULL) {
            slot->function = smp_real_lookup(slot->name);
            slot->plain = is_operator(slot->name) && is_plain(slot->function);
        }
    }
}

void smp_real_no_plain(void) {
    may_be_plain = false;
    for (struct smp_real_slot *slot = __start_smp_real_slots; slot < __stop_smp_real_slots;
         slot++) {
        slot->plain = false;
    }
}

struct smp_real_slot *smp_real_slot_of(const char *name) {
    for (struct smp_real_slot *slot = __start_smp_real_slots; slot < __stop_smp_real_slots;
         slot++) {
        if (strcmp(slot->name, name) == 0) {
            return slot;
        }
    }
    return NULL;
}
