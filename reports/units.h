/* units.h - the one place that parses and prints quantities with their units.
 *
 * Decimal prefixes are powers of 1000 (KB, MB, GB), binary ones powers of 1024 (KiB, MiB, GiB);
 * case does not matter. All functions are pure and thread-safe; the format functions write
 * into the caller's buffer (SM_UNIT_TEXT_BYTES are always enough) and return it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SM_UNIT_TEXT_BYTES = 32 };

enum sm_unit {
    SM_UNIT_NONE,        /* a plain number */
    SM_UNIT_BYTES,       /* "64MB", "1.5GiB", "512" (bytes) */
    SM_UNIT_COUNT,       /* "20000", "20k" */
    SM_UNIT_SECONDS,     /* "250us", "5ms", "20s", "2m", "1h" */
    SM_UNIT_BYTES_PER_S, /* "64KB/s" */
    SM_UNIT_COUNT_PER_S, /* "2000/s", "60/m" */
};

/* Parses text as a quantity of the given unit. Returns 0 and the value in the base unit (bytes,
 * seconds, ...), or -EINVAL and leaves *ret_value alone: text that is empty, negative, not
 * finite, without a unit where one is needed (durations and rates), or with a wrong one. */
int sm_unit_parse(enum sm_unit unit, const char *text, double *ret_value);

/* An example of a right value, for error messages: "20s". Static storage. */
const char *sm_unit_example(enum sm_unit unit);

/* Prints with three significant digits and the fitting prefix: "12.4 MB", "3.33 MB/s",
 * "20000" (counts below a million in full), "1.25 s", "840 ms". */
char *sm_unit_format(enum sm_unit unit, double value, char *buffer);

/* The same in a buffer on the caller's stack, good to the end of the enclosing block. */
#define SM_UNIT_TEXT(unit, value) sm_unit_format(unit, value, (char[SM_UNIT_TEXT_BYTES]){0})

/* The unit of a rate of change: bytes per second for bytes, counts per second otherwise. */
enum sm_unit sm_unit_per_second(enum sm_unit unit);
