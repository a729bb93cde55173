/* utf8.h - texts of foreign programs on their way into a report. Pure, thread-safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SM_UTF8_REPLACEMENT = 0xfffd, SM_UTF8_MAX = 4 };

/* The next character of *text, which is moved past it; 0 at the end, where it stays. A byte that
 * begins no valid character is SM_UTF8_REPLACEMENT, and so is every control character but tab
 * and newline, and what XML forbids. */
uint32_t sm_utf8_next(const char **text);

/* Writes a character (no surrogate, at most 0x10ffff) to the buffer of SM_UTF8_MAX bytes and
 * returns how many it took. No zero byte is added. */
size_t sm_utf8_put(uint32_t character, char *buffer);

/* The text with nothing but valid, printable characters, malloc'd; NULL when out of memory. */
char *sm_utf8_clean(const char *text);
