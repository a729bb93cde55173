#include "units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct prefix {
    const char *text;
    double factor;
};

static const struct prefix byte_prefixes[] = {
    {"", 1},      {"B", 1},      {"KB", 1e3},      {"MB", 1e6},         {"GB", 1e9},
    {"TB", 1e12}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};
static const struct prefix count_prefixes[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
static const struct prefix second_prefixes[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},
                                                {"s", 1},     {"m", 60},    {"min", 60},
                                                {"h", 3600},  {NULL, 0}};

static const struct {
    const struct prefix *prefixes;
    int per_time; /* a "/s", "/m" or "/h" must follow */
    const char *example;
} unit_table[] = {
    [SM_UNIT_NONE] = {count_prefixes, 0, "10"},
    [SM_UNIT_BYTES] = {byte_prefixes, 0, "64MB"},
    [SM_UNIT_COUNT] = {count_prefixes, 0, "20000"},
    [SM_UNIT_SECONDS] = {second_prefixes, 0, "20s"},
    [SM_UNIT_BYTES_PER_S] = {byte_prefixes, 1, "64KB/s"},
    [SM_UNIT_COUNT_PER_S] = {count_prefixes, 1, "2000/s"},
};

static const struct prefix *find_prefix(const struct prefix *table, const char *text,
                                        size_t length) {
    for (; table->text; table++)
        if (strlen(table->text) == length && strncasecmp(table->text, text, length) == 0)
            return table;
    return NULL;
}

int sm_unit_parse(enum sm_unit unit, const char *text, double *ret_value) {
    char *end;
    if (!text || !(isdigit((unsigned char)text[0]) || text[0] == '.'))
        return -EINVAL;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return -EINVAL;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value))
        return -EINVAL;
    while (*end == ' ')
        end++;
    const char *slash = strchr(end, '/');
    size_t length = slash ? (size_t)(slash - end) : strlen(end);
    const struct prefix *p = find_prefix(unit_table[unit].prefixes, end, length);
    if (!p || (slash != NULL) != (unit_table[unit].per_time != 0))
        return -EINVAL;
    double divisor = 1;
    if (slash) {
        const struct prefix *per = find_prefix(second_prefixes, slash + 1, strlen(slash + 1));
        if (!per)
            return -EINVAL;
        divisor = per->factor;
    }
    value = value * p->factor / divisor;
    if (!isfinite(value))
        return -EINVAL;
    *ret_value = value;
    return 0;
}

const char *sm_unit_example(enum sm_unit unit) {
    return unit_table[unit].example;
}

static char *with_prefix(double value, const char *const *names, double step, const char *suffix,
                         char *buffer) {
    double size = fabs(value);
    int i = 0;
    while (size >= step * 0.9995 && names[i + 1]) {
        size /= step;
        value /= step;
        i++;
    }
    if (size < 0.005) /* neither "0.00 B" nor "-0.00 B" */
        value = 0;
    int digits = i == 0 && value == floor(value) ? 0 : size >= 100 ? 0 : size >= 10 ? 1 : 2;
    snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.*f %s%s", digits, value, names[i], suffix);
    return buffer;
}

static char *format_seconds(double value, char *buffer) {
    double size = fabs(value);
    if (size == 0)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "0 s");
    else if (size < 1e-3)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g us", value * 1e6);
    else if (size < 1)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g ms", value * 1e3);
    else if (size < 120)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g s", value);
    else if (size < 7200)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g min", value / 60);
    else
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g h", value / 3600);
    return buffer;
}

static char *format_count(double value, const char *suffix, char *buffer) {
    if (fabs(value) >= 1e9)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g billion%s", value / 1e9, suffix);
    else if (fabs(value) >= 1e6)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g million%s", value / 1e6, suffix);
    else if (value == floor(value) || fabs(value) >= 1000)
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.0f%s", value, suffix);
    else
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "%.3g%s", value, suffix);
    return buffer;
}

char *sm_unit_format(enum sm_unit unit, double value, char *buffer) {
    static const char *const byte_names[] = {"B", "KB", "MB", "GB", "TB", NULL};
    if (!isfinite(value)) {
        snprintf(buffer, SM_UNIT_TEXT_BYTES, "unknown");
        return buffer;
    }
    switch (unit) {
    case SM_UNIT_BYTES:
        return with_prefix(value, byte_names, 1000, "", buffer);
    case SM_UNIT_BYTES_PER_S:
        return with_prefix(value, byte_names, 1000, "/s", buffer);
    case SM_UNIT_SECONDS:
        return format_seconds(value, buffer);
    case SM_UNIT_COUNT_PER_S:
        return format_count(value, "/s", buffer);
    default:
        return format_count(value, "", buffer);
    }
}

enum sm_unit sm_unit_per_second(enum sm_unit unit) {
    return unit == SM_UNIT_BYTES ? SM_UNIT_BYTES_PER_S : SM_UNIT_COUNT_PER_S;
}
