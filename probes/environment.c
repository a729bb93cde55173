#include "environment.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "raw.h"

void smp_append(char *buffer, size_t buffer_bytes, const char *text) {
    size_t length = strlen(buffer);
    while (*text != '\0' && length + 1 < buffer_bytes) {
        buffer[length++] = *text++;
    }
    buffer[length] = '\0';
}

void smp_append_number(char *buffer, size_t buffer_bytes, uint64_t number) {
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    smp_append(buffer, buffer_bytes, digits + at);
}

static int matches(const char *entry, const char *name, size_t length) {
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* Reads /proc/self/environ through a small window: entries longer than it are cut. */
static int from_proc(const char *name, char *buffer, size_t buffer_bytes) {
    int fd = smp_raw_open("/proc/self/environ", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) {
        return 0;
    }
    char entry[512];
    size_t used = 0;
    int found = 0;
    size_t length = strlen(name);
    char chunk[1024];
    long got;
    while (!found && (got = smp_raw_read(fd, chunk, sizeof chunk)) > 0) {
        for (long i = 0; i < got && !found; i++) {
            if (used < sizeof entry) {
                entry[used++] = chunk[i];
            }
            if (chunk[i] == '\0') {
                entry[sizeof entry - 1] = '\0';
                found = matches(entry, name, length);
                used = 0;
            }
        }
    }
    smp_raw_close(fd);
    if (found) {
        smp_append(buffer, buffer_bytes, entry + length + 1);
    }
    return found;
}

int smp_environment(const char *name, char *buffer, size_t buffer_bytes) {
    buffer[0] = '\0';
    if (environ == NULL) {
        return from_proc(name, buffer, buffer_bytes);
    }
    size_t length = strlen(name);
    for (char **at = environ; *at != NULL; at++) {
        if (matches(*at, name, length)) {
            smp_append(buffer, buffer_bytes, *at + length + 1);
            return 1;
        }
    }
    return 0;
}

uint64_t smp_environment_number(const char *name, uint64_t fallback) {
    char text[24];
    if (!smp_environment(name, text, sizeof text) || text[0] == '\0') {
        return fallback;
    }
    uint64_t number = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || number > UINT64_MAX / 10 - 1) {
            return fallback;
        }
        number = number * 10 + (uint64_t)(*at - '0');
    }
    return number;
}
