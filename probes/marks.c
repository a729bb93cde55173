#include "marks.h"

#include <stdatomic.h>
#include <string.h>

#include "environment.h"
#include "real.h"
#include "slot.h"
#include "spillmark_mark.h"

/* Entries are claimed by `claimed` going from 0 to 1, so that each is written by one thread. */
static bool claim(struct spillmark_mark *mark) {
    uint32_t unclaimed = 0;
    return __atomic_compare_exchange_n(&mark->claimed, &unclaimed, 1, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

/* Number of the mark plus one; 0 if there is no room. Two threads that first use the same name
 * at once may get an entry each: readers add entries of one name. */
static uint32_t number_of(const char *name) {
    struct spillmark_section *section = smp_section(SPILLMARK_SECTION_MARKS);
    for (uint32_t i = 0; i < section->capacity; i++) {
        struct spillmark_mark *mark = &smp_process.marks[i];
        if (claim(mark)) {
            smp_append(mark->name, sizeof mark->name, name);
            __atomic_store_n(&mark->ready, 1, __ATOMIC_RELEASE);
            __atomic_fetch_add(&section->used, 1, __ATOMIC_RELAXED);
            return i + 1;
        }
        if (__atomic_load_n(&mark->ready, __ATOMIC_ACQUIRE) != 0 &&
            strncmp(mark->name, name, sizeof mark->name - 1) == 0) {
            return i + 1;
        }
    }
    __atomic_fetch_add(&section->dropped, 1, __ATOMIC_RELAXED);
    return 0;
}

static void change(int64_t *level, int64_t *high, int64_t by) {
    int64_t now = __atomic_add_fetch(level, by, __ATOMIC_RELAXED);
    int64_t seen = __atomic_load_n(high, __ATOMIC_RELAXED);
    while (now > seen && !__atomic_compare_exchange_n(high, &seen, now, true, __ATOMIC_RELAXED,
                                                      __ATOMIC_RELAXED)) {
    }
}

SMP_EXPORT void spillmark_mark_change(struct spillmark_mark_handle *handle, int64_t bytes,
                                      int64_t count) {
    if (smp_phase() != SMP_ON || !smp_follow_fork()) {
        return;
    }
    uint32_t number = __atomic_load_n(&handle->number, __ATOMIC_RELAXED);
    if (number == 0) {
        number = number_of(handle->name);
        __atomic_store_n(&handle->number, number, __ATOMIC_RELAXED);
    }
    if (number == 0 || number > smp_section(SPILLMARK_SECTION_MARKS)->capacity) {
        return;
    }
    struct spillmark_mark *mark = &smp_process.marks[number - 1];
    change(&mark->bytes, &mark->bytes_high, bytes);
    change(&mark->count, &mark->count_high, count);
    if (count > 0) {
        __atomic_fetch_add(&mark->added, (uint64_t)count, __ATOMIC_RELAXED);
    }
}

void smp_marks_inherit(struct spillmark_slot *child) {
    const struct spillmark_section *from = smp_section(SPILLMARK_SECTION_MARKS);
    struct spillmark_section *to = &child->sections[SPILLMARK_SECTION_MARKS];
    struct spillmark_mark *marks = (struct spillmark_mark *)((char *)child + to->offset);
    for (uint32_t i = 0; i < from->used; i++) {
        const struct spillmark_mark *mark = &smp_process.marks[i];
        if (mark->ready != 0) {
            marks[i].claimed = 1;
            memcpy(marks[i].name, mark->name, sizeof mark->name);
            marks[i].ready = 1;
        }
    }
    to->used = from->used;
}
