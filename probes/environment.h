/* environment.h - the environment without getenv, which may not be set up yet when the first
 * allocation comes. Under the boot only; smp_append and smp_append_number are pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Copies the value of `name` into buffer, cut at its size. Returns 0 when it is not set. */
int smp_environment(const char *name, char *buffer, size_t buffer_bytes);

/* Decimal number, or fallback when it is not one. */
uint64_t smp_environment_number(const char *name, uint64_t fallback);

/* Appends text to the NUL-terminated buffer, cut at its size. */
void smp_append(char *buffer, size_t buffer_bytes, const char *text);
void smp_append_number(char *buffer, size_t buffer_bytes, uint64_t number);
