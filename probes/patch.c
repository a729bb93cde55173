#include "patch.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "exports.h"
#include "object.h"
#include "process.h"
#include "raw.h"
#include "real.h"
#include "tables.h"

enum { PATCHES_MAX = 65536, PAGE = 4096 };

struct patch {
    void **at;
    void *original;
    void *hook;
};

static struct patch *patches;
static uint32_t patch_count;

/* The wishes to patch that were not fulfilled yet; nobody else may come in while one does. */
static _Atomic uint32_t busy;
static _Atomic uint32_t wishes;

uint32_t smp_patch_count(void) {
    return patch_count;
}

static bool store(const struct smp_tables *object, void **word, void *expected, void *value) {
    void *page = (void *)((uintptr_t)word & ~(uintptr_t)(PAGE - 1));
    bool read_only = (uintptr_t)word >= object->relro_low && (uintptr_t)word < object->relro_high;
    if (read_only &&
        smp_raw6(SYS_mprotect, (long)page, PAGE, PROT_READ | PROT_WRITE, 0, 0, 0) != 0) {
        return false;
    }
    bool stored = __atomic_compare_exchange_n(word, &expected, value, false, __ATOMIC_SEQ_CST,
                                              __ATOMIC_RELAXED);
    if (read_only) {
        smp_raw6(SYS_mprotect, (long)page, PAGE, PROT_READ, 0, 0, 0);
    }
    return stored;
}

enum state { OTHERS, REAL, UNBOUND };

/* A word that is bound at the first call leads into its object's own PLT until then. */
static enum state state_of(const struct smp_tables *object, const ElfW(Rela) * relocation,
                           const ElfW(Sym) * symbol, const struct smp_export *export) {
    uintptr_t bias = object->info->dlpi_addr;
    uintptr_t value = *(const uintptr_t *)(bias + relocation->r_offset);
    if (value == (uintptr_t) export->real) {
        return REAL;
    }
    bool is_own = symbol->st_shndx != SHN_UNDEF && value == bias + symbol->st_value;
    return ELF64_R_TYPE(relocation->r_info) == R_X86_64_JUMP_SLOT && !is_own &&
                   smp_tables_hold(object, value)
               ? UNBOUND
               : OTHERS;
}

/* Calls act(…) for each word that is for a function with a hook. */
typedef void act_on(const struct smp_tables *object, void **word, enum state state,
                    const struct smp_export *export, bool *flag);

static void each_word(const struct smp_tables *object, act_on *act, bool *flag) {
    for (int table = 0; table < 2; table++) {
        const ElfW(Rela) *relocation = object->relocations[table];
        size_t count = relocation != NULL ? object->relocation_counts[table] : 0;
        for (size_t i = 0; i < count; i++, relocation++) {
            uint64_t type = ELF64_R_TYPE(relocation->r_info);
            if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64) ||
                (type == R_X86_64_64 && relocation->r_addend != 0)) {
                continue;
            }
            const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(relocation->r_info)];
            const struct smp_export *export = smp_export_of(object->names + symbol->st_name);
            if (export != NULL) {
                act((const struct smp_tables *)object,
                    (void **)(object->info->dlpi_addr + relocation->r_offset),
                    state_of(object, relocation, symbol, export), export, flag);
            }
        }
    }
}

/* An object that is bound to another allocator (by RTLD_DEEPBIND, say) would find that one for
 * what is not bound yet, too. */
static void find_others(const struct smp_tables *object, void **word, enum state state,
                        const struct smp_export *export, bool *flag) {
    (void)object;
    *flag |= export->is_heap && state == OTHERS && *word != export->hook;
}

static void patch_word(const struct smp_tables *object, void **word, enum state state,
                       const struct smp_export *export, bool *flag) {
    if (state == OTHERS || (state == UNBOUND && export->is_heap && *flag) ||
        patch_count == PATCHES_MAX) {
        return;
    }
    void *original = *word;
    if (original != export->hook && store(object, word, original, export->hook)) {
        patches[patch_count] = (struct patch){word, original, export->hook};
        __atomic_store_n(&patch_count, patch_count + 1, __ATOMIC_RELEASE);
    }
}

/* What the allocator calls itself is its own business, as it is when operators.c finds out. The C
 * library has strdup and the like besides. */
static bool is_left_out(const struct smp_tables *object) {
    return smp_tables_hold(object, (uintptr_t)smp_patch_all) ||
           (smp_process.allocator != SPILLMARK_ALLOCATOR_GLIBC &&
            smp_tables_hold(object, (uintptr_t)smp_real.malloc));
}

static int patch_object(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    (void)argument;
    struct smp_tables object;
    bool others = false;
    smp_tables_read(info, &object);
    if (object.symbols != NULL && !is_left_out(&object)) {
        each_word(&object, find_others, &others);
        each_word(&object, patch_word, &others);
    }
    return 0;
}

static bool make_room(void) {
    if (patches == NULL) {
        long at = smp_raw_mmap(NULL, PATCHES_MAX * sizeof *patches, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        patches = smp_raw_failed(at) ? NULL : (struct patch *)at;
    }
    return patches != NULL;
}

void smp_patch_all(void) {
    int saved_errno = errno;
    atomic_fetch_add(&wishes, 1);
    uint32_t nobody = 0;
    while (atomic_load(&wishes) != 0 && atomic_compare_exchange_strong(&busy, &nobody, 1)) {
        atomic_store(&wishes, 0);
        if (make_room()) {
            smp_exports_find();
            dl_iterate_phdr(patch_object, NULL);
        }
        atomic_store(&busy, 0);
        nobody = 0;
    }
    errno = saved_errno;
}

/* The object may have been closed since, by a call that was not seen, and something else be there:
 * the kernel is asked whether the word can be read at all. */
static bool still_leads(const struct patch *patch, struct dl_phdr_info *ret_info) {
    return smp_object_of((uintptr_t)patch->at, ret_info) &&
           smp_raw6(SYS_rt_sigprocmask, ~0L, (long)patch->at, 0, 8, 0, 0) != -EFAULT &&
           *patch->at == patch->hook;
}

bool smp_patch_undo(void) {
    uint32_t nobody = 0;
    if (!atomic_compare_exchange_strong(&busy, &nobody, 1)) {
        return false;
    }
    /* The newest first: the same address may have been patched in an object that is gone. */
    while (patch_count > 0) {
        const struct patch *patch = &patches[patch_count - 1];
        struct dl_phdr_info info;
        struct smp_tables object;
        if (still_leads(patch, &info)) {
            smp_tables_read(&info, &object);
            store(&object, patch->at, patch->hook, patch->original);
        }
        patch_count--;
    }
    atomic_store(&busy, 0);
    return true;
}
