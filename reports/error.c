#include "error.h"

#include <stdio.h>
#include <string.h>

static void copy_text(char *to, size_t to_bytes, const char *from) {
    snprintf(to, to_bytes, "%s", from ? from : "");
}

int sm_error_set(struct sm_error *err, int code, const char *where, const char *todo,
                 const char *what_format, ...) {
    if (!err || err->code)
        return code;
    va_list args;
    va_start(args, what_format);
    vsnprintf(err->what, sizeof err->what, what_format, args);
    va_end(args);
    err->code = code;
    copy_text(err->where, sizeof err->where, where);
    copy_text(err->todo, sizeof err->todo, todo);
    return code;
}

int sm_error_errno(struct sm_error *err, int code, const char *where, const char *todo,
                   const char *what_format, ...) {
    if (!err || err->code)
        return code;
    va_list args;
    va_start(args, what_format);
    int used = vsnprintf(err->what, sizeof err->what, what_format, args);
    va_end(args);
    if (used > 0 && (size_t)used < sizeof err->what)
        snprintf(err->what + used, sizeof err->what - (size_t)used, ": %s", strerror(-code));
    err->code = code;
    copy_text(err->where, sizeof err->where, where);
    copy_text(err->todo, sizeof err->todo, todo);
    return code;
}

/* Appends text, with control characters escaped, and returns the new length. */
static size_t append(char *buffer, size_t buffer_bytes, size_t used, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        int plain = c >= 0x20 && c != 0x7f;
        if (used + (plain ? 1 : 4) >= buffer_bytes)
            break;
        if (plain)
            buffer[used++] = (char)c;
        else
            used += (size_t)snprintf(buffer + used, buffer_bytes - used, "\\x%02x", c);
    }
    buffer[used] = '\0';
    return used;
}

char *sm_error_format(const struct sm_error *err, char *buffer, unsigned long buffer_bytes) {
    size_t used = 0;
    buffer[0] = '\0';
    if (err->where[0]) {
        used = append(buffer, buffer_bytes, used, err->where);
        used = append(buffer, buffer_bytes, used, ": ");
    }
    used = append(buffer, buffer_bytes, used, err->what);
    if (err->todo[0]) {
        used = append(buffer, buffer_bytes, used, "; ");
        append(buffer, buffer_bytes, used, err->todo);
    }
    return buffer;
}
