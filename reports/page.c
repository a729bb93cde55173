#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "json_values.h"

/* page.html is made from reports/html when the program is built. */
__asm__(".pushsection .rodata\n"
        ".global sm_page_template\n"
        "sm_page_template:\n"
        ".incbin \"" SM_PAGE_TEMPLATE "\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char sm_page_template[] __attribute__((visibility("hidden")));

/* The figures of a page are looked at, not computed with. */
enum { DIGITS = 7 };

/* Text between tags or within a quoted attribute. Controls are shown as U+FFFD, as browsers do. */
static void put_text(const char *text, FILE *to) {
    json_t *clean = sm_json_text(text);
    for (const char *c = clean ? json_string_value(clean) : ""; *c; c++) {
        if (strchr("<>&\"'", *c))
            fprintf(to, "&#%d;", *c);
        else if ((unsigned char)*c < 0x20 && *c != '\n')
            fputs("&#xfffd;", to);
        else
            fputc(*c, to);
    }
    json_decref(clean);
}

static void put_base64(const unsigned char *bytes, size_t length, FILE *to) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned long bits = (unsigned long)bytes[i] << 16 |
                             (left > 1 ? (unsigned long)bytes[i + 1] << 8 : 0) |
                             (left > 2 ? bytes[i + 2] : 0);
        char quad[4] = {digits[bits >> 18 & 63], digits[bits >> 12 & 63],
                        left > 1 ? digits[bits >> 6 & 63] : '=',
                        left > 2 ? digits[bits & 63] : '='};
        fwrite(quad, 1, sizeof quad, to);
    }
}

/* Compressed, and in letters none of which can end a script. */
static int put_data(json_t *data, FILE *to) {
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    uLong length = text ? strlen(text) : 0;
    uLongf packed_length = compressBound(length);
    unsigned char *packed = malloc(packed_length);
    int r = -ENOMEM;
    if (text && packed &&
        compress2(packed, &packed_length, (const Bytef *)text, length, Z_DEFAULT_COMPRESSION) ==
            Z_OK) {
        put_base64(packed, packed_length, to);
        r = 0;
    }
    free(packed);
    free(text);
    return r;
}

/* The template up to a mark; *at moves behind it. Every mark is there: the build sees to it. */
static void put_until(const char **at, const char *mark, FILE *to) {
    const char *end = strstr(*at, mark);
    if (!end)
        return;
    fwrite(*at, 1, (size_t)(end - *at), to);
    *at = end + strlen(mark);
}

int sm_page_write(json_t *data, const char *title, const char *summary, FILE *to,
                  struct sm_error *err) {
    const char *at = sm_page_template;
    put_until(&at, "@TITLE@", to);
    put_text(title, to);
    put_until(&at, "@HEADING@", to);
    put_text(title, to);
    put_until(&at, "@SUMMARY@", to);
    put_text(summary, to);
    put_until(&at, "@DATA@", to);
    int r = data ? put_data(data, to) : -ENOMEM;
    if (r)
        return sm_error_errno(err, r, NULL, NULL, "the page cannot be made");
    fputs(at, to);
    return ferror(to) ? sm_error_errno(err, errno ? -errno : -EIO, NULL, NULL,
                                       "the page cannot be written")
                      : 0;
}
