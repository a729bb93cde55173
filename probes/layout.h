/* layout.h - dividing a slot into its sections. At boot and after a fork, one thread. */
#pragma once

#include "spillmark_abi.h"

/* Fills the section table of a slot of this size; sections are page aligned, in table order. How
 * they share the room goes by the interval, as in pool_layout.h. */
void smp_layout_sections(struct spillmark_section sections[SPILLMARK_SECTIONS], uint64_t slot_bytes,
                         uint64_t sample_interval_bytes);

/* Points smp_process at the sections of smp_process.slot. */
void smp_layout_bind(void);
