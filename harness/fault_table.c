/* fault_table.c - every fault, one line each. */
#include "fault.h"

#include <stddef.h>

extern const struct sm_fault_ops sm_fault_cut;
extern const struct sm_fault_ops sm_fault_disk_error;
extern const struct sm_fault_ops sm_fault_outage;
extern const struct sm_fault_ops sm_fault_pause;
extern const struct sm_fault_ops sm_fault_restart;
extern const struct sm_fault_ops sm_fault_slow_disk;
extern const struct sm_fault_ops sm_fault_slow_reads;

const struct sm_fault_ops *const sm_fault_table[] = {
    &sm_fault_disk_error, &sm_fault_slow_disk, &sm_fault_pause,      &sm_fault_restart,
    &sm_fault_outage,     &sm_fault_cut,       &sm_fault_slow_reads, NULL,
};
