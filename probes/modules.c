#include "modules.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "clock.h"
#include "environment.h"
#include "home.h"
#include "object.h"

struct range {
    uint64_t low, high;
};

static struct range range_of(const struct dl_phdr_info *info) {
    struct range range = {UINT64_MAX, 0};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD) {
            continue;
        }
        uint64_t low = (info->dlpi_addr + header->p_vaddr) & ~(uint64_t)4095;
        uint64_t high =
            (info->dlpi_addr + header->p_vaddr + header->p_memsz + 4095) & ~(uint64_t)4095;
        range.low = low < range.low ? low : range.low;
        range.high = high > range.high ? high : range.high;
    }
    return range;
}

static void read_notes(struct spillmark_module *module, const char *at, size_t bytes) {
    while (bytes >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        size_t name = (note->n_namesz + 3u) & ~3u;
        size_t whole = sizeof *note + name + ((note->n_descsz + 3u) & ~3u);
        if (whole > bytes) {
            return;
        }
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            memcmp(at + sizeof *note, "GNU", 4) == 0) {
            size_t length =
                note->n_descsz < sizeof module->build_id ? note->n_descsz : sizeof module->build_id;
            memcpy(module->build_id, at + sizeof *note + name, length);
            module->build_id_bytes = (uint32_t)length;
            return;
        }
        at += whole;
        bytes -= whole;
    }
}

static void read_build_id(struct spillmark_module *module, const struct dl_phdr_info *info) {
    for (int i = 0; i < info->dlpi_phnum && module->build_id_bytes == 0; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_NOTE) {
            read_notes(module, (const char *)(info->dlpi_addr + header->p_vaddr), header->p_memsz);
        }
    }
}

static bool is_same(const struct spillmark_module *module, const struct dl_phdr_info *info) {
    return module->bias == info->dlpi_addr &&
           (info->dlpi_name[0] == '\0' ||
            strncmp(module->path, info->dlpi_name, sizeof module->path - 1) == 0);
}

/* The module that is loaded at `low`. */
static struct spillmark_module *find(uint64_t low) {
    uint32_t used = smp_section(SPILLMARK_SECTION_MODULES)->used;
    for (uint32_t i = 0; i < used; i++) {
        struct spillmark_module *module = &smp_process.modules[i];
        if (module->low == low && module->unloaded_ns == 0) {
            return module;
        }
    }
    return NULL;
}

/* The same file at the same place, as plugins are that come and go: its entry serves again. Built
 * anew it is another. */
static bool revive(const struct dl_phdr_info *info, struct range range) {
    struct spillmark_module now = {0};
    read_build_id(&now, info);
    uint32_t used = smp_section(SPILLMARK_SECTION_MODULES)->used;
    for (uint32_t i = 0; i < used; i++) {
        struct spillmark_module *module = &smp_process.modules[i];
        if (module->low == range.low && module->high == range.high && is_same(module, info) &&
            memcmp(module->build_id, now.build_id, sizeof now.build_id) == 0) {
            module->unloaded_ns = 0;
            return true;
        }
    }
    return false;
}

static void add(const struct dl_phdr_info *info, struct range range) {
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_MODULES);
    if (section->used >= section->capacity) {
        section->dropped++;
        return;
    }
    struct spillmark_module *module = &smp_process.modules[section->used];
    module->low = range.low;
    module->high = range.high;
    module->bias = info->dlpi_addr;
    module->loaded_ns = smp_clock_ns();
    /* The executable is the one without a name. */
    smp_append(module->path, sizeof module->path,
               info->dlpi_name[0] != '\0' ? info->dlpi_name : smp_process.slot->executable);
    read_build_id(module, info);
    __atomic_store_n(&module->ready, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&section->used, section->used + 1, __ATOMIC_RELEASE);
}

static void list(const struct dl_phdr_info *info) {
    struct range range = range_of(info);
    struct spillmark_module *module = find(range.low);
    if (module != NULL && !is_same(module, info)) {
        module->unloaded_ns = smp_clock_ns(); /* closed by a call that was not seen */
        module = NULL;
    }
    if (module == NULL && range.high != 0 && !revive(info, range)) {
        add(info, range);
    }
}

static int visit(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    (void)argument;
    list(info);
    return 0;
}

void smp_modules_boot(void) {
    dl_iterate_phdr(visit, NULL);
}

/* Held for microseconds; whoever finds it held too long does without. */
enum { PATIENCE = 1000000 };

static bool hold(void) {
    for (int i = 0; i < PATIENCE; i++) {
        uint32_t nobody = 0;
        if (atomic_compare_exchange_strong(&smp_home->modules_busy, &nobody, 1)) {
            return true;
        }
        __builtin_ia32_pause();
    }
    return false;
}

static void let_go(void) {
    atomic_store(&smp_home->modules_busy, 0);
}

void smp_modules_cover(const uintptr_t *frames, uint32_t depth) {
    uint64_t last_low = 0, last_high = 0;
    for (uint32_t i = 0; i < depth; i++) {
        struct dl_phdr_info info;
        if ((frames[i] >= last_low && frames[i] < last_high) || !smp_object_of(frames[i], &info)) {
            continue;
        }
        struct range range = range_of(&info);
        last_low = range.low;
        last_high = range.high;
        const struct spillmark_module *module = find(range.low);
        if ((module == NULL || !is_same(module, &info)) && hold()) {
            list(&info);
            let_go();
        }
    }
}

void smp_modules_check(void) {
    uint32_t used = smp_section(SPILLMARK_SECTION_MODULES)->used;
    for (uint32_t i = 0; i < used; i++) {
        struct spillmark_module *module = &smp_process.modules[i];
        struct dl_phdr_info info;
        if (module->unloaded_ns == 0 &&
            (!smp_object_of(module->low, &info) || !is_same(module, &info))) {
            module->unloaded_ns = smp_clock_ns();
        }
    }
}

void smp_modules_inherit(struct spillmark_slot *child) {
    const struct spillmark_section *from = smp_section(SPILLMARK_SECTION_MODULES);
    struct spillmark_section *to = &child->sections[SPILLMARK_SECTION_MODULES];
    memcpy((char *)child + to->offset, smp_process.modules,
           from->used * sizeof(struct spillmark_module));
    to->used = from->used;
}
