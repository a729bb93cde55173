/* own.h - telling the probe's own code from the program's. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool smp_is_own(uintptr_t address);
