/* environment.h - what the record says of its own making. */
#pragma once

#include "../reports/record.h"

/* Begins a record: writes when, by which version and on which machine (kernel, cpus, memory, libc)
 * it is made. Values of environment variables are never in it. Errors show when the record is
 * committed. */
void sm_environment_write(struct sm_record *record);
