/* text_style.h - how text reports look: width, wrapping, colours. Internal to the renderers. */
#pragma once

#include <stdio.h>

/* Columns of a paragraph, unless it goes to a terminal that has fewer. */
enum { SM_TEXT_WIDTH = 100 };

enum sm_style {
    SM_STYLE_PLAIN,
    SM_STYLE_BOLD,
    SM_STYLE_DIM,
    SM_STYLE_GOOD,
    SM_STYLE_BAD,
    SM_STYLE_DOUBT,
};

struct sm_text {
    FILE *to;
    int has_colour;
    int width;
};

/* Colours only when `to` is a terminal, TERM is not "dumb" and NO_COLOR is not set. */
struct sm_text sm_text_open(FILE *to);

/* Prints text that may come from a foreign program: control characters become '?'. Padded with
 * blanks to `width` columns (negative: to the left, as printf has it), cut with "..." when longer
 * and width is not 0. */
void sm_text_put(const struct sm_text *text, enum sm_style style, int width, const char *words);

/* printf in a style. */
void sm_text_print(const struct sm_text *text, enum sm_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints words as a paragraph wrapped at the text's width, every line indented by `indent`; the
 * first begins at column `column` (already printed). Ends with a newline. */
void sm_text_wrap(const struct sm_text *text, enum sm_style style, int indent, int column,
                  const char *words);

/* A section's heading. */
void sm_text_heading(const struct sm_text *text, const char *words);
