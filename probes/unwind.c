#include "unwind.h"

#include <unwind.h>

struct walk {
    uintptr_t *frames;
    uint32_t depth, max;
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *argument) {
    struct walk *walk = argument;
    uintptr_t address = _Unwind_GetIP(context);
    if (address == 0 || walk->depth == walk->max) {
        return _URC_END_OF_STACK;
    }
    walk->frames[walk->depth++] = address;
    return _URC_NO_REASON;
}

uint32_t smp_unwind(const struct smp_guard *guard, uintptr_t *frames, uint32_t max) {
    (void)guard;
    struct walk walk = {frames, 0, max};
    _Unwind_Backtrace(step, &walk);
    return walk.depth;
}

void smp_unwind_forget(void) {}
