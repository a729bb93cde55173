#include "allocator.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>

#include "clock.h"
#include "home.h"
#include "raw.h"
#include "self.h"

struct figures {
    uint64_t held_bytes, slack_bytes;
};

/* One way to ask. `ask` is false when the allocator would not say. */
struct allocator_ops {
    bool (*find)(void);
    bool (*ask)(struct figures *ret_figures);
    void (*give_back)(void);
    bool (*tell)(const uint64_t **ret_alloc, const uint64_t **ret_free);
};

/* ---- glibc ---- */

static struct mallinfo2 (*glibc_mallinfo2)(void);
static int (*glibc_malloc_trim)(size_t);

static bool glibc_find(void) {
    glibc_mallinfo2 = (struct mallinfo2(*)(void))dlsym(RTLD_DEFAULT, "mallinfo2");
    glibc_malloc_trim = (int (*)(size_t))dlsym(RTLD_DEFAULT, "malloc_trim");
    return glibc_mallinfo2 != NULL && glibc_malloc_trim != NULL;
}

/* Over all arenas. What a thread keeps in its own cache counts as in use there. */
static bool glibc_ask(struct figures *ret_figures) {
    struct mallinfo2 info = glibc_mallinfo2();
    *ret_figures = (struct figures){info.arena + info.hblkhd, info.fordblks};
    return true;
}

static void glibc_give_back(void) {
    glibc_malloc_trim(0);
}

/* ---- gperftools' tcmalloc ---- */

static int (*tcmalloc_property)(const char *, size_t *);
static void (*tcmalloc_release)(void);

static bool tcmalloc_find(void) {
    tcmalloc_property =
        (int (*)(const char *, size_t *))dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty");
    tcmalloc_release = (void (*)(void))dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
    return tcmalloc_property != NULL && tcmalloc_release != NULL;
}

/* Its heap counts pages that were given back; its own tables are not in it. */
static bool tcmalloc_ask(struct figures *ret_figures) {
    size_t heap, used, unmapped;
    if (!tcmalloc_property("generic.heap_size", &heap) ||
        !tcmalloc_property("generic.current_allocated_bytes", &used) ||
        !tcmalloc_property("tcmalloc.pageheap_unmapped_bytes", &unmapped) || unmapped > heap) {
        return false;
    }
    size_t held = heap - unmapped;
    *ret_figures = (struct figures){held, held > used ? held - used : 0};
    return true;
}

static void tcmalloc_give_back(void) {
    tcmalloc_release();
}

/* ---- jemalloc ---- */

static int (*jemalloc_mallctl)(const char *, void *, size_t *, void *, size_t);

static bool jemalloc_find(void) {
    jemalloc_mallctl =
        (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");
    return jemalloc_mallctl != NULL;
}

static bool jemalloc_read(const char *name, size_t *ret_value) {
    size_t bytes = sizeof *ret_value;
    return jemalloc_mallctl(name, ret_value, &bytes, NULL, 0) == 0;
}

/* Figures are as of the last epoch. `resident` counts the allocator's own tables too, and pages
 * that are free and not yet given back. */
static bool jemalloc_ask(struct figures *ret_figures) {
    uint64_t epoch = 1;
    size_t resident, allocated;
    if (jemalloc_mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) != 0 ||
        !jemalloc_read("stats.resident", &resident) ||
        !jemalloc_read("stats.allocated", &allocated)) {
        return false;
    }
    *ret_figures = (struct figures){resident, resident > allocated ? resident - allocated : 0};
    return true;
}

static bool jemalloc_tell(const uint64_t **ret_alloc, const uint64_t **ret_free) {
    size_t bytes = sizeof *ret_alloc;
    return jemalloc_mallctl("thread.allocatedp", ret_alloc, &bytes, NULL, 0) == 0 &&
           jemalloc_mallctl("thread.deallocatedp", ret_free, &bytes, NULL, 0) == 0;
}

/* 4096 is MALLCTL_ARENAS_ALL. */
static void jemalloc_give_back(void) {
    jemalloc_mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
}

/* By slot.allocator. mimalloc tells no figures of its own heap. */
static const struct allocator_ops all_ops[] = {
    [SPILLMARK_ALLOCATOR_GLIBC] = {glibc_find, glibc_ask, glibc_give_back, NULL},
    [SPILLMARK_ALLOCATOR_TCMALLOC] = {tcmalloc_find, tcmalloc_ask, tcmalloc_give_back, NULL},
    [SPILLMARK_ALLOCATOR_JEMALLOC] = {jemalloc_find, jemalloc_ask, jemalloc_give_back,
                                      jemalloc_tell},
    [SPILLMARK_ALLOCATOR_MIMALLOC] = {NULL, NULL, NULL, NULL},
};

static const struct allocator_ops *ops; /* NULL: cannot be asked */

void smp_allocator_boot(void) {
    const struct allocator_ops *found = &all_ops[smp_process.allocator];
    ops = NULL;
    if (smp_feature(SPILLMARK_FEATURE_HEAP) && found->find != NULL && found->find()) {
        ops = found;
    }
    const uint64_t *alloc, *freed;
    smp_process.extra_bytes = smp_allocator_told(&alloc, &freed) ? 0 : SPILLMARK_CHUNK_EXTRA_BYTES;
}

bool smp_allocator_told(const uint64_t **ret_alloc, const uint64_t **ret_free) {
    return ops != NULL && ops->tell != NULL && ops->tell(ret_alloc, ret_free);
}

bool smp_allocator_used(uint64_t *ret_bytes) {
    struct figures figures;
    if (ops == NULL || !ops->ask(&figures)) {
        return false;
    }
    *ret_bytes = figures.held_bytes - figures.slack_bytes;
    return true;
}

/* ---- may it be asked now ---- */

/* As the kernel has it. */
struct kernel_action {
    uintptr_t handler;
    uint64_t flags;
    uintptr_t restorer;
    uint64_t mask;
};
enum { SIGNALS = 64, NODEFER = 0x40000000, RESETHAND = (int)0x80000000u };

/* A handler at work blocks its own signal; one that does not (SA_NODEFER) cannot be told. A thread
 * that blocks the signal for other reasons leaves the answer to the next one. */
static bool may_be_in_handler(uint64_t blocked) {
    for (int signal = 1; signal <= SIGNALS; signal++) {
        struct kernel_action action;
        if (smp_raw6(SYS_rt_sigaction, signal, 0, (long)&action, sizeof action.mask, 0, 0) != 0) {
            continue;
        }
        bool once = (action.flags & (uint32_t)RESETHAND) != 0; /* reads as default when at work */
        bool hides = (action.flags & NODEFER) != 0;
        bool is_blocked = (blocked >> (signal - 1) & 1) != 0;
        if ((action.handler > 1 || once) && (hides || is_blocked)) {
            return true;
        }
    }
    return false;
}

static void answer(struct spillmark_slot *slot, uint32_t asked) {
    uint64_t began_ns = smp_clock_ns();
    if (__atomic_load_n(&slot->give_back, __ATOMIC_RELAXED) != 0 && slot->gave_back != asked) {
        ops->give_back();
        slot->gave_back = asked;
    }
    struct figures figures;
    if (ops->ask(&figures)) {
        slot->held_bytes = figures.held_bytes;
        slot->slack_bytes = figures.slack_bytes;
        slot->answered_ns = smp_clock_ns();
        slot->answer_took_ns = slot->answered_ns - began_ns;
        __atomic_store_n(&slot->answered, asked, __ATOMIC_RELEASE);
    }
}

/* One thread at a time: the process that holds it, so that a forked child is not locked out by a
 * thread it does not have. */
static _Atomic uint32_t serving_pid;

void smp_allocator_serve(void) {
    struct smp_guard guard;
    uint32_t pid = smp_home->pid, seen = serving_pid;
    bool is_asked = ops != NULL || smp_control_due(smp_process.slot);
    if (!is_asked || smp_phase() != SMP_ON || seen == pid || !smp_guard_enter(&guard)) {
        return;
    }
    if (atomic_compare_exchange_strong(&serving_pid, &seen, pid)) {
        /* No handler may run while this thread has the allocator's locks. */
        uint64_t all = ~UINT64_C(0), blocked = all;
        long failed = smp_raw6(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, (long)&all, (long)&blocked,
                               sizeof all, 0, 0);
        struct spillmark_slot *slot = smp_process.slot;
        uint32_t asked = __atomic_load_n(&slot->asked, __ATOMIC_ACQUIRE);
        if (failed == 0 && !may_be_in_handler(blocked)) {
            if (ops != NULL && asked != slot->answered) {
                answer(slot, asked);
            }
            spillmark_positive_control(&guard);
        }
        if (failed == 0) {
            smp_raw6(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&blocked, 0, sizeof all, 0, 0);
        }
        serving_pid = 0;
    }
    smp_guard_leave(&guard);
}
