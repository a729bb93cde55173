/* inject.h - the probe in a program that ran before it came (injection.h). */
#pragma once

#include <stdbool.h>

#include "process.h"

/* Puts the program's calls back to where they led, leaves the slot and passes on what still comes.
 * False while another thread is patching. No locks of others; any thread, signal handlers too. */
bool smp_switch_off(void);

/* Switches off when the keeper is gone. Looks once a second at most. */
void smp_keeper_check(void);

/* At events, outside of the probe's guard. */
static inline void smp_keeper_look(void) {
    if (__builtin_expect(smp_process.keeper_pid != 0, 0)) {
        smp_keeper_check();
    }
}
