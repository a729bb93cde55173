#include "utf8.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes follow the first, and its part of the character; -1 for no first byte. */
static int following(unsigned char first, uint32_t *ret_bits) {
    int count = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    *ret_bits = count <= 0 ? first : first & (0x3fu >> count);
    return first > 0xf4 ? -1 : count;
}

static int is_allowed(uint32_t c) {
    return (c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0) && c != 0xfffe && c != 0xffff) ||
           c == '\t' || c == '\n';
}

uint32_t sm_utf8_next(const char **text) {
    static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)*text;
    uint32_t c;
    if (!*bytes)
        return 0;
    int more = following(*bytes, &c);
    ++*text;
    for (int i = 1; i <= more; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return SM_UTF8_REPLACEMENT;
        c = c << 6 | (bytes[i] & 0x3f);
    }
    if (more < 0 || c < lowest[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return SM_UTF8_REPLACEMENT;
    *text += more;
    return is_allowed(c) ? c : SM_UTF8_REPLACEMENT;
}

size_t sm_utf8_put(uint32_t c, char *buffer) {
    size_t more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char marks[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--, c >>= 6)
        buffer[i] = (char)(0x80 | (c & 0x3f));
    buffer[0] = (char)(marks[more] | c);
    return more + 1;
}

char *sm_utf8_clean(const char *text) {
    char *clean = malloc(strlen(text) * 3 + 1); /* the replacement takes three bytes */
    size_t used = 0;
    for (uint32_t c; clean && (c = sm_utf8_next(&text)) != 0;)
        used += sm_utf8_put(c, clean + used);
    if (clean)
        clean[used] = '\0';
    return clean;
}
