/* supervisor_filter.h - the seccomp program that sends file calls to the supervisor. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

#include "supervisor.h"

enum { SM_FILTER_MAX = 160 };

/* Writes the program for a way into ret_program (SM_FILTER_MAX instructions at most) and returns
 * its length. `first_high` counts for SM_WAY_HIGH_DESCRIPTORS only. Async-signal-safe. */
size_t sm_filter_build(enum sm_supervisor_way way, uint32_t first_high,
                       struct sock_filter *ret_program);
