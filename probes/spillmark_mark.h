/* spillmark_mark.h - lets a program say what work it holds.
 *
 * Header-only; nothing to link. Without the probe in the process every call is a test of a
 * pointer. C and C++, any thread, signal handlers too.
 *
 *     SPILLMARK_MARK(queue, "queue of entries");
 *     spillmark_mark_add(&queue, entry_bytes, 1);    on the way in
 *     spillmark_mark_sub(&queue, entry_bytes, 1);    on the way out
 *
 * A mark has a level in bytes and one in units. Two marks of the same name are one. */
#pragma once

#include <stdint.h>

struct spillmark_mark_handle {
    const char *name; /* at most 47 bytes, which stay valid */
    uint32_t number;  /* the probe's; 0 = not known yet */
};

#ifdef __cplusplus
extern "C" {
#endif
/* Defined by the probe; stays NULL without it. */
__attribute__((weak)) void spillmark_mark_change(struct spillmark_mark_handle *handle,
                                                 int64_t bytes, int64_t count);
#ifdef __cplusplus
}
#endif

#define SPILLMARK_MARK(variable, text) static struct spillmark_mark_handle variable = {text, 0}

static inline void spillmark_mark_add(struct spillmark_mark_handle *handle, uint64_t bytes,
                                      uint64_t count) {
    if (spillmark_mark_change) {
        spillmark_mark_change(handle, (int64_t)bytes, (int64_t)count);
    }
}

static inline void spillmark_mark_sub(struct spillmark_mark_handle *handle, uint64_t bytes,
                                      uint64_t count) {
    if (spillmark_mark_change) {
        spillmark_mark_change(handle, -(int64_t)bytes, -(int64_t)count);
    }
}
