/* fault_table.c - every fault, one line each. */
#include "fault.h"

#include <stddef.h>

extern const struct sm_fault_ops sm_fault_disk_error;
extern const struct sm_fault_ops sm_fault_slow_disk;

const struct sm_fault_ops *const sm_fault_table[] = {
    &sm_fault_disk_error,
    &sm_fault_slow_disk,
    NULL,
};
