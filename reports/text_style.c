#include "text_style.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const codes[] = {
    [SM_STYLE_PLAIN] = "",          [SM_STYLE_BOLD] = "\033[1m",   [SM_STYLE_DIM] = "\033[2m",
    [SM_STYLE_GOOD] = "\033[1;32m", [SM_STYLE_BAD] = "\033[1;31m", [SM_STYLE_DOUBT] = "\033[1;33m",
};

static int width_of(FILE *to) {
    static const int least = 40;
    struct winsize size;
    if (ioctl(fileno(to), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
        size.ws_col >= SM_TEXT_WIDTH)
        return SM_TEXT_WIDTH;
    return size.ws_col < least ? least : size.ws_col;
}

struct sm_text sm_text_open(FILE *to) {
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    int is_plain = (none && none[0]) || !term || strcmp(term, "dumb") == 0;
    return (struct sm_text){to, !is_plain && isatty(fileno(to)), width_of(to)};
}

static void begin(const struct sm_text *text, enum sm_style style) {
    if (text->has_colour && style != SM_STYLE_PLAIN)
        fputs(codes[style], text->to);
}

static void end(const struct sm_text *text, enum sm_style style) {
    if (text->has_colour && style != SM_STYLE_PLAIN)
        fputs("\033[0m", text->to);
}

/* Columns that UTF-8 text takes: continuation bytes take none. */
static int columns_of(const char *words) {
    int columns = 0;
    for (; *words; words++)
        columns += ((unsigned char)*words & 0xc0) != 0x80;
    return columns;
}

static void put_char(const struct sm_text *text, char c) {
    unsigned char byte = (unsigned char)c;
    fputc(byte < 0x20 || byte == 0x7f ? '?' : c, text->to);
}

static void put_some(const struct sm_text *text, const char *words, int columns) {
    for (; *words && columns >= 0; words++) {
        if (((unsigned char)*words & 0xc0) != 0x80 && --columns < 0)
            return;
        put_char(text, *words);
    }
}

static void put_blanks(const struct sm_text *text, int count) {
    while (count-- > 0)
        fputc(' ', text->to);
}

void sm_text_put(const struct sm_text *text, enum sm_style style, int width, const char *words) {
    int columns = columns_of(words), wanted = abs(width);
    int is_cut = wanted > 0 && columns > wanted;
    int shown = is_cut ? (wanted > 3 ? wanted - 3 : wanted) : columns;
    if (width > 0)
        put_blanks(text, wanted - columns);
    begin(text, style);
    put_some(text, words, shown);
    if (is_cut && wanted > 3)
        fputs("...", text->to);
    end(text, style);
    if (width < 0)
        put_blanks(text, wanted - columns);
}

void sm_text_print(const struct sm_text *text, enum sm_style style, const char *format, ...) {
    va_list args;
    begin(text, style);
    va_start(args, format);
    vfprintf(text->to, format, args);
    va_end(args);
    end(text, style);
}

void sm_text_wrap(const struct sm_text *text, enum sm_style style, int indent, int column,
                  const char *words) {
    int at = column, is_line_empty = 1;
    if (column == 0) {
        put_blanks(text, indent);
        at = indent;
    }
    begin(text, style);
    while (*(words += strspn(words, " "))) {
        size_t length = strcspn(words, " ");
        int columns = 0;
        for (size_t i = 0; i < length; i++)
            columns += ((unsigned char)words[i] & 0xc0) != 0x80;
        if (!is_line_empty && at + 1 + columns > text->width) {
            fputc('\n', text->to);
            put_blanks(text, indent);
            at = indent;
            is_line_empty = 1;
        }
        if (!is_line_empty) {
            fputc(' ', text->to);
            at++;
        }
        for (size_t i = 0; i < length; i++)
            put_char(text, words[i]);
        at += columns;
        is_line_empty = 0;
        words += length;
    }
    end(text, style);
    fputc('\n', text->to);
}

void sm_text_heading(const struct sm_text *text, const char *words) {
    fputc('\n', text->to);
    sm_text_print(text, SM_STYLE_BOLD, "%s", words);
    fputc('\n', text->to);
}
