#include "live.h"

#include <string.h>
#include <sys/single_threaded.h>

#include "process.h"

enum {
    PATIENCE = 20000,
    FILTER_FULL = 255, /* more than it can count: stays for good */
};

uint8_t smp_filter[SMP_FILTER_BYTES] __attribute__((aligned(64)));

void smp_filter_reset(void) {
    memset(smp_filter, smp_process.record_all ? FILTER_FULL : 0, sizeof smp_filter);
}

static __attribute__((noinline)) bool hold_locked(_Atomic uint32_t *head, uint32_t *ret_first) {
    for (int i = 0; i < PATIENCE; i++) {
        uint32_t first = atomic_load_explicit(head, memory_order_relaxed);
        if ((first & SMP_LIVE_HELD) == 0 &&
            atomic_compare_exchange_weak_explicit(head, &first, first | SMP_LIVE_HELD,
                                                  memory_order_acquire, memory_order_relaxed)) {
            *ret_first = first;
            return true;
        }
        __builtin_ia32_pause();
    }
    __atomic_fetch_add(&smp_process.slot->unsampled_drops, 1, __ATOMIC_RELAXED);
    return false;
}

static inline bool hold(_Atomic uint32_t *head, uint32_t *ret_first) {
    if (__libc_single_threaded) { /* the guard keeps signal handlers away */
        *ret_first = atomic_load_explicit(head, memory_order_relaxed) & ~SMP_LIVE_HELD;
        return true;
    }
    return hold_locked(head, ret_first);
}

static void let_go(_Atomic uint32_t *head, uint32_t first) {
    atomic_store_explicit(head, first, memory_order_release);
}

static void filter_add(uintptr_t address, int change) {
    uint8_t *count = &smp_filter[smp_filter_slot(address)];
    uint8_t seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (seen != FILTER_FULL &&
           !__atomic_compare_exchange_n(count, &seen, (uint8_t)(seen + change), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static uint32_t pop_shared(void) {
    uint64_t top = atomic_load_explicit(&smp_home->live_free, memory_order_acquire);
    while ((uint32_t)top != 0) {
        uint64_t next = ((top >> 32) + 1) << 32 | smp_process.live[(uint32_t)top].next;
        if (atomic_compare_exchange_weak(&smp_home->live_free, &top, next)) {
            return (uint32_t)top;
        }
    }
    return 0;
}

static void push_shared(uint32_t entry) {
    uint64_t top = atomic_load_explicit(&smp_home->live_free, memory_order_relaxed);
    uint64_t next;
    do {
        smp_process.live[entry].next = (uint32_t)top;
        next = ((top >> 32) + 1) << 32 | entry;
    } while (!atomic_compare_exchange_weak(&smp_home->live_free, &top, next));
}

static uint32_t take_entry(struct smp_self *self) {
    uint32_t entry = self->live_free;
    if (entry != 0) {
        self->live_free = smp_process.live[entry].next;
        self->live_free_count--;
        return entry;
    }
    entry = pop_shared();
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_LIVE);
    if (entry == 0 && __atomic_load_n(&section->used, __ATOMIC_RELAXED) < section->capacity) {
        entry = __atomic_fetch_add(&section->used, 1, __ATOMIC_RELAXED);
        if (entry >= section->capacity) {
            __atomic_fetch_sub(&section->used, 1, __ATOMIC_RELAXED);
            entry = 0;
        }
    }
    if (entry == 0) {
        __atomic_fetch_add(&section->dropped, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&smp_process.slot->unsampled_drops, 1, __ATOMIC_RELAXED);
    }
    return entry;
}

static void give_entry(struct smp_self *self, uint32_t entry) {
    if (self == &smp_everybody || self->live_free_count >= SMP_LIVE_LOCAL) {
        push_shared(entry);
        return;
    }
    smp_process.live[entry].next = self->live_free;
    self->live_free = entry;
    self->live_free_count++;
}

bool smp_live_insert(const struct smp_guard *guard, struct smp_self *self,
                     const struct spillmark_live *object) {
    (void)guard;
    uint32_t entry = take_entry(self);
    if (entry == 0) {
        return false;
    }
    struct spillmark_live *live = &smp_process.live[entry];
    live->bytes_of_stack = object->bytes_of_stack;
    live->born_ms = object->born_ms;
    _Atomic uint32_t *head = smp_live_chain(object->address);
    if (!hold(head, &live->next)) {
        give_entry(self, entry);
        return false;
    }
    __atomic_store_n(&live->address, object->address, __ATOMIC_RELEASE);
    let_go(head, entry);
    filter_add(object->address, 1);
    return true;
}

bool smp_live_remove(const struct smp_guard *guard, struct smp_self *self, uintptr_t address,
                     struct spillmark_live *ret_object) {
    (void)guard;
    uint32_t first;
    _Atomic uint32_t *head = smp_live_chain(address);
    if ((atomic_load_explicit(head, memory_order_relaxed) & ~SMP_LIVE_HELD) == 0 ||
        !hold(head, &first)) {
        return false;
    }
    uint32_t *link = &first;
    struct spillmark_live *live = NULL;
    while (*link != 0 && (live = &smp_process.live[*link])->address != address) {
        link = &live->next;
    }
    uint32_t entry = *link;
    if (entry == 0) {
        let_go(head, first);
        return false;
    }
    /* One by one, as they were written: loads of two words at once would wait for the stores. */
    ret_object->address = address;
    ret_object->bytes_of_stack = __atomic_load_n(&live->bytes_of_stack, __ATOMIC_RELAXED);
    ret_object->born_ms = live->born_ms;
    *link = live->next;
    __atomic_store_n(&live->address, 0, __ATOMIC_RELEASE);
    let_go(head, first);
    filter_add(address, -1);
    give_entry(self, entry);
    return true;
}

void smp_live_give_back(const struct smp_guard *guard, struct smp_self *self) {
    (void)guard;
    while (self->live_free != 0) {
        uint32_t entry = self->live_free;
        self->live_free = smp_process.live[entry].next;
        push_shared(entry);
    }
    self->live_free_count = 0;
}
