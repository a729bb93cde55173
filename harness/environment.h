/* environment.h - what machine this is, for the record. */
#pragma once

/* A JSON object: kernel, cpus, memory_bytes, libc, machine. malloc'd; the caller frees. NULL
 * when out of memory. Values of environment variables are never in it. */
char *sm_environment_json(void);
