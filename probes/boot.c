#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "arena.h"
#include "clock.h"
#include "early.h"
#include "environment.h"
#include "heap.h"
#include "modules.h"
#include "object.h"
#include "operators.h"
#include "self.h"
#include "size.h"
#include "slot.h"
#include "unwind.h"

SMP_TOGETHER struct smp_process smp_process __attribute__((aligned(64)));

SMP_TOGETHER _Atomic int smp_phase_now = SMP_COLD;

void smp_turn_off(enum spillmark_off_reason reason) {
    if (smp_process.slot != NULL) {
        smp_process.slot->off_reason = reason;
        smp_process.slot->features = 0;
        __atomic_store_n(&smp_process.slot->state, SPILLMARK_STATE_OFF, __ATOMIC_RELEASE);
    }
    smp_process.features = 0;
    smp_process.io_life = 0;
    smp_process.record_all = false;
    atomic_store_explicit(&smp_phase_now, SMP_OFF, memory_order_release);
}

static uint32_t which_allocator(const struct smp_real_heap *heap) {
    static const struct {
        const char *part;
        uint32_t allocator;
    } names[] = {{"tcmalloc", SPILLMARK_ALLOCATOR_TCMALLOC},
                 {"jemalloc", SPILLMARK_ALLOCATOR_JEMALLOC},
                 {"mimalloc", SPILLMARK_ALLOCATOR_MIMALLOC},
                 {"libc.so", SPILLMARK_ALLOCATOR_GLIBC},
                 {"libc-2", SPILLMARK_ALLOCATOR_GLIBC}};
    const struct link_map *library = smp_library_of((const void *)heap->malloc);
    if (library == NULL) {
        return SPILLMARK_ALLOCATOR_UNKNOWN;
    }
    const char *slash = strrchr(library->l_name, '/');
    const char *file = slash != NULL ? slash + 1 : library->l_name;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strstr(file, names[i].part) != NULL) {
            return names[i].allocator;
        }
    }
    return SPILLMARK_ALLOCATOR_UNKNOWN;
}

/* Reading sizes from chunk headers rests on glibc's layout: tried out on this very libc, on
 * blocks small, large and mapped by themselves. Freed as large as it is, a mapped one would raise
 * the threshold from which the program's blocks are mapped (mallopt(3)); realloc leaves it a page.
 */
static bool headers_agree(const struct smp_real_heap *heap) {
    static const size_t sizes[] = {1, 24, 25, 100, 1000, 5000, 70000, 300000, 1 << 20};
    bool agree = true;
    for (size_t i = 0; agree && i < sizeof sizes / sizeof sizes[0]; i++) {
        void *block = heap->malloc(sizes[i]);
        if (block != NULL) {
            agree = smp_chunk_bytes(block) == heap->malloc_usable_size(block);
            void *rest = heap->realloc(block, 1);
            heap->free(rest != NULL ? rest : block);
        }
    }
    return agree;
}

/* With an allocator linked into the executable, calls never come here. An executable that only
 * takes malloc's address has a symbol for it too, undefined, whose value is its PLT entry. */
static bool hidden_allocator(const struct smp_real_heap *heap) {
    if (smp_process.is_late) {
        const struct link_map *library = smp_library_of((const void *)heap->malloc);
        return library == NULL || library->l_prev == NULL;
    }
    void *visible = dlsym(RTLD_DEFAULT, "malloc");
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    if (visible == (void *)malloc ||
        dladdr1(visible, &info, (void **)&symbol, RTLD_DL_SYMENT) == 0 || symbol == NULL) {
        return false;
    }
    return symbol->st_shndx != SHN_UNDEF;
}

/* tcmalloc makes an object of its own, by operator new, when it is first asked for a size: that
 * is to happen here, where nothing is counted, and not in the middle of counting. */
static void warm_up(const struct smp_real_heap *heap) {
    void *block = heap->malloc(1);
    if (block != NULL) {
        heap->malloc_usable_size(block);
        heap->free(block);
    }
}

/* Whatever threshold it is: who sets one by the environment wants it to be another. */
static bool small_maps_wanted(void) {
    char text[512];
    return smp_environment("MALLOC_MMAP_THRESHOLD_", text, sizeof text) ||
           (smp_environment("GLIBC_TUNABLES", text, sizeof text) &&
            strstr(text, "mmap_threshold") != NULL);
}

static void find_allocator(struct smp_real_heap *heap) {
    smp_process.allocator = which_allocator(heap);
    smp_process.chunk_headers =
        smp_process.allocator == SPILLMARK_ALLOCATOR_GLIBC && headers_agree(heap);
    smp_process.has_small_maps = smp_process.has_small_maps || small_maps_wanted();
    smp_process.slot->allocator = smp_process.allocator;
    if (smp_process.allocator > SPILLMARK_ALLOCATOR_GLIBC) {
        smp_real_find_foreign(heap);
    }
    if (hidden_allocator(heap)) {
        smp_process.features &= ~(uint32_t)(SPILLMARK_FEATURE_HEAP | SPILLMARK_FEATURE_STACKS);
        smp_process.slot->off_reason = SPILLMARK_OFF_HIDDEN_ALLOCATOR;
        smp_real_no_plain();
    }
}

/* Children inherit the preload, and a dynamic program of musl's would not start if a symbol were
 * missing: what glibc alone has is weak. There the probe only passes calls on. */
#pragma weak dladdr1
int __register_atfork(void (*prepare)(void), void (*in_parent)(void), void (*in_child)(void),
                      void *library) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden")));

static bool is_glibc(void) {
    return &__libc_single_threaded != NULL && _dl_find_object != NULL && dladdr1 != NULL &&
           __register_atfork != NULL;
}

static void after_fork(void) {
    if (smp_phase() == SMP_ON) {
        smp_attach();
    }
}

/* The functions beneath, and what is done once in the life of a process. */
static bool find_functions(struct smp_real_heap *heap, enum spillmark_off_reason *ret_reason) {
    *ret_reason = SPILLMARK_OFF_SYMBOLS;
    if (!smp_real_find(heap)) {
        return false;
    }
    *ret_reason = SPILLMARK_OFF_INTERNAL;
    if (!is_glibc()) {
        return false;
    }
    warm_up(heap);
    smp_clock_find();
    smp_real_find_all();
    smp_operators_find(heap);
    /* Only so that the child moves at once; any event would make it. */
    __register_atfork(NULL, NULL, after_fork, __dso_handle);
    return true;
}

/* A slot and the tables beside it. */
static bool take_place(struct smp_real_heap *heap, enum spillmark_off_reason *ret_reason) {
    if (smp_slot_open(ret_reason) < 0) {
        return false;
    }
    find_allocator(heap);
    smp_allocator_boot();
    smp_process.record_all =
        smp_feature(SPILLMARK_FEATURE_STACKS) && smp_process.sample_interval_bytes == 1;
    if (smp_home_create() < 0) {
        *ret_reason = SPILLMARK_OFF_INTERNAL;
        return false;
    }
    smp_modules_boot();
    smp_self_boot();
    smp_unwind_forget(); /* walks that were kept name stacks of an earlier slot */
    if (smp_process.sample_interval_bytes == 0) {
        smp_process.features &= ~(uint32_t)SPILLMARK_FEATURE_STACKS;
    }
    return true;
}

static void use(const struct smp_real_heap *heap) {
    smp_real = *heap;
    smp_arena_close();
    if (!smp_arena_is_used) {
        smp_usable_size = heap->malloc_usable_size;
    }
}

static void settle(bool is_up, enum spillmark_off_reason reason) {
    if (is_up) {
        atomic_store(&smp_home->ready, SMP_ON);
        smp_slot_ready();
        atomic_store_explicit(&smp_phase_now, SMP_ON, memory_order_release);
        smp_process.io_life = smp_feature(SPILLMARK_FEATURE_IO) ? smp_life : 0;
    } else {
        smp_turn_off(reason);
    }
}

void smp_boot(void) {
    int cold = SMP_COLD;
    if (!atomic_compare_exchange_strong(&smp_phase_now, &cold, SMP_BOOTING)) {
        return;
    }
    int saved_errno = errno;
    struct smp_real_heap heap;
    enum spillmark_off_reason reason;
    bool up = find_functions(&heap, &reason) && take_place(&heap, &reason);
    dlerror(); /* of what was not found the program need not hear */
    dlerror(); /* frees what the first one gave */
    if (reason != SPILLMARK_OFF_SYMBOLS || up) {
        use(&heap);
    }
    settle(up, reason);
    errno = saved_errno;
}

bool smp_boot_late(enum spillmark_off_reason *ret_reason) {
    int before = atomic_load(&smp_phase_now);
    *ret_reason = SPILLMARK_OFF_INTERNAL;
    if ((before != SMP_COLD && before != SMP_OFF) ||
        !atomic_compare_exchange_strong(&smp_phase_now, &before, SMP_BOOTING)) {
        return false;
    }
    struct smp_real_heap heap = smp_real;
    bool is_known = smp_real.malloc != smp_early_malloc;
    bool up = is_known || find_functions(&heap, ret_reason);
    smp_life++;
    if (up) {
        use(&heap);
        up = take_place(&heap, ret_reason);
    }
    settle(up, *ret_reason);
    return up;
}

/* Objects that are there from the start come before the C library, or are it; what a running
 * program opens comes after it. */
static bool was_opened_late(void) {
    static const char name[] = "/libc.so.6";
    for (const struct link_map *map = smp_library_of((const void *)smp_boot); map != NULL;
         map = map->l_prev) {
        size_t length = strlen(map->l_name);
        if (length >= sizeof name - 1 &&
            strcmp(map->l_name + length - (sizeof name - 1), name) == 0) {
            return true;
        }
    }
    return false;
}

__attribute__((constructor(101))) static void start(void) {
    smp_process.is_late = was_opened_late();
    if (!smp_process.is_late) { /* else when spillmark_inject is called */
        smp_boot();
        smp_attach();
    }
}

__attribute__((destructor(101))) static void finish(void) {
    smp_slot_exit();
}
