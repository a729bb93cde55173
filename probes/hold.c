#include "hold.h"

#include <time.h>

#include "raw.h"

enum { PAUSES = 200, NAPS = 1000, NAP_NS = 50000 };

static void wait_for_turn(int turn) {
    if (turn < PAUSES) {
        __builtin_ia32_pause();
    } else {
        static const struct timespec nap = {.tv_nsec = NAP_NS};
        smp_raw6(SYS_nanosleep, (long)&nap, 0, 0, 0, 0, 0);
    }
}

/* The holder may have lost its processor. One that nobody saw let go in all that time is given up,
 * until it does. */
bool smp_hold_patiently(_Atomic uint32_t *word) {
    for (int turn = 0; turn < PAUSES + NAPS; turn++) {
        uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);
        if ((seen & SMP_HELD) == 0 &&
            atomic_compare_exchange_weak_explicit(word, &seen, (seen & ~SMP_HELD_BITS) | SMP_HELD,
                                                  memory_order_acquire, memory_order_relaxed)) {
            return true;
        }
        if ((seen & SMP_HELD_BITS) == SMP_HELD_BITS) {
            break;
        }
        wait_for_turn(turn);
    }
    atomic_fetch_or_explicit(word, SMP_HELD_GIVEN_UP, memory_order_relaxed);
    return false;
}
