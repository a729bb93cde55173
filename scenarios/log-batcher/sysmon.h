/* sysmon.h - the system monitor: reads /proc/PID/stat of every process and the same of every
 * task, again and again, as a supervisor does to show who uses the processor.
 *
 * Retaining, it keeps each file open to read it again at the next refresh, up to half of the
 * descriptors it may have, and forgets to close those of processes that have ended. Releasing, it
 * keeps none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lb_sysmon_stats {
    uint64_t fds;              /* kept open now */
    uint64_t refreshes;        /* completed */
    uint64_t processes, tasks; /* seen by the last refresh */
    uint64_t cpu_ticks;        /* that they have used together */
};

struct lb_sysmon;

/* Starts the thread. NULL, having printed why, when it cannot. */
struct lb_sysmon *lb_sysmon_start(bool retains, unsigned interval_ms);

/* Any thread; NULL gives zeros. */
struct lb_sysmon_stats lb_sysmon_stats(struct lb_sysmon *sysmon);

/* Stops the thread and closes everything. NULL is allowed. */
void lb_sysmon_stop(struct lb_sysmon *sysmon);
