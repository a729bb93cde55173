#include "scenario_where.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_TEXT, TOKEN_SIGN, TOKEN_OTHER };

struct token {
    enum token_kind kind;
    const char *begin, *end; /* of a text: without its quotes */
    const char *start;       /* where it stands */
};

struct reader {
    const char *at, *end;
    struct token token; /* the one just read */
};

/* The number of = signs of a long bracket that opens at `at`, or -1. */
static int long_bracket(const struct reader *reader, const char *at) {
    int level = 0;
    if (at >= reader->end || *at != '[')
        return -1;
    for (at++; at < reader->end && *at == '='; at++)
        level++;
    return at < reader->end && *at == '[' ? level : -1;
}

/* Steps over a long text or comment whose bracket opens at reader->at; its inside. */
static void skip_long(struct reader *reader, int level) {
    reader->at += level + 2;
    reader->token.begin = reader->at;
    for (; reader->at < reader->end; reader->at++) {
        const char *close = reader->at;
        if (*close++ != ']')
            continue;
        int signs = 0;
        for (; close < reader->end && *close == '='; close++)
            signs++;
        if (signs == level && close < reader->end && *close == ']') {
            reader->token.end = reader->at;
            reader->at = close + 1;
            return;
        }
    }
    reader->token.end = reader->at;
}

static void skip_blank(struct reader *reader) {
    while (reader->at < reader->end) {
        if (isspace((unsigned char)*reader->at)) {
            reader->at++;
        } else if (reader->end - reader->at >= 2 && reader->at[0] == '-' && reader->at[1] == '-') {
            reader->at += 2;
            int level = long_bracket(reader, reader->at);
            if (level >= 0)
                skip_long(reader, level);
            else
                while (reader->at < reader->end && *reader->at != '\n')
                    reader->at++;
        } else {
            return;
        }
    }
}

static void read_quoted(struct reader *reader) {
    char quote = *reader->at++;
    reader->token.begin = reader->at;
    while (reader->at < reader->end && *reader->at != quote && *reader->at != '\n')
        reader->at += *reader->at == '\\' && reader->end - reader->at > 1 ? 2 : 1;
    reader->token.end = reader->at;
    if (reader->at < reader->end)
        reader->at++;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static void next(struct reader *reader) {
    skip_blank(reader);
    struct token *token = &reader->token;
    token->start = token->begin = reader->at;
    token->kind = TOKEN_END;
    if (reader->at >= reader->end)
        return;
    char c = *reader->at;
    int level = long_bracket(reader, reader->at);
    if (c == '"' || c == '\'') {
        read_quoted(reader);
        token->kind = TOKEN_TEXT;
        return;
    }
    if (level >= 0) {
        skip_long(reader, level);
        token->kind = TOKEN_TEXT;
        return;
    }
    if (is_word(c)) {
        token->kind = isdigit((unsigned char)c) ? TOKEN_OTHER : TOKEN_NAME;
        while (reader->at < reader->end &&
               (is_word(*reader->at) || (token->kind == TOKEN_OTHER && *reader->at == '.')))
            reader->at++;
    } else {
        token->kind = TOKEN_SIGN;
        reader->at++;
        /* == is no =, as a field's name is followed by. */
        if (c == '=' && reader->at < reader->end && *reader->at == '=') {
            token->kind = TOKEN_OTHER;
            reader->at++;
        }
    }
    token->end = reader->at;
}

static bool is_sign(const struct reader *reader, char sign) {
    return reader->token.kind == TOKEN_SIGN && *reader->token.begin == sign;
}

static bool is_text(const struct token *token, const char *text, size_t length) {
    return (size_t)(token->end - token->begin) == length && memcmp(token->begin, text, length) == 0;
}

/* Steps over the rest of a field, up to the sign after it: , or ; or what closes the table. */
static void skip_field(struct reader *reader) {
    int depth = 0;
    for (; reader->token.kind != TOKEN_END; next(reader)) {
        if (reader->token.kind == TOKEN_NAME) {
            /* The statements of a function within: its commas are not ours. */
            depth += is_text(&reader->token, "function", 8) || is_text(&reader->token, "do", 2) ||
                     is_text(&reader->token, "if", 2);
            depth -= is_text(&reader->token, "end", 3);
        }
        if (reader->token.kind != TOKEN_SIGN)
            continue;
        char sign = *reader->token.begin;
        if (depth == 0 && strchr(",;})", sign))
            return;
        depth += sign == '{' || sign == '(' || sign == '[';
        depth -= sign == '}' || sign == ')' || sign == ']';
    }
}

/* A step of a path: a name or an index. Returns what is left of the path. */
struct step {
    const char *name;
    size_t length;
    long index; /* 0: it is a name */
};

static const char *take_step(const char *path, struct step *step) {
    *step = (struct step){0};
    if (*path == '[') {
        char *end;
        step->index = strtol(path + 1, &end, 10);
        return *end == ']' ? end + 1 : end;
    }
    path += *path == '.';
    step->name = path;
    step->length = strcspn(path, ".[");
    return path + step->length;
}

/* Reads the beginning of a field, up to its value. Returns whether it is the one of the step. */
static bool read_field_name(struct reader *reader, const struct step *step, long *position) {
    struct token name = reader->token;
    struct reader back = *reader;
    bool is_bracket = is_sign(reader, '[');
    if (is_bracket) {
        next(reader);
        name = reader->token;
        next(reader);
    }
    if (is_bracket || name.kind == TOKEN_NAME) {
        next(reader);
        if (is_sign(reader, '=')) {
            next(reader);
            return step->index == 0 && is_text(&name, step->name, step->length);
        }
    }
    *reader = back;
    return ++*position == step->index && step->index > 0;
}

/* The reader stands on the { of a table; finds the field of the path in it. */
static size_t find_field(struct reader *reader, const char *source, const char *path) {
    struct step step;
    const char *rest = take_step(path, &step);
    long position = 0;
    next(reader);
    while (reader->token.kind != TOKEN_END && !is_sign(reader, '}')) {
        size_t offset = (size_t)(reader->token.start - source);
        if (read_field_name(reader, &step, &position)) {
            if (*rest == '\0' || !is_sign(reader, '{'))
                return offset;
            size_t inner = find_field(reader, source, rest);
            return inner == SM_WHERE_UNKNOWN ? offset : inner;
        }
        skip_field(reader);
        if (is_sign(reader, ',') || is_sign(reader, ';'))
            next(reader);
        else
            break;
    }
    return SM_WHERE_UNKNOWN;
}

static size_t find_in_call(struct reader reader, const char *source, const char *path) {
    struct reader again = reader;
    struct step step;
    size_t found = find_field(&reader, source, path);
    const char *rest = take_step(path, &step);
    /* A list without a name, "command[3]": its values stand in the table itself. */
    if (found == SM_WHERE_UNKNOWN && step.index == 0 && *rest == '[')
        found = find_field(&again, source, rest);
    return found;
}

size_t sm_where_find(const char *source, size_t length, int line, const char *type,
                     const char *path) {
    struct reader reader = {.at = source, .end = source + length};
    size_t type_length = strlen(type);
    const char *counted = source;
    int at_line = 1;
    if (*path == '\0')
        return SM_WHERE_UNKNOWN;
    /* From the beginning, so that a comment or text that opens above is seen as one. */
    for (next(&reader); reader.token.kind != TOKEN_END; next(&reader)) {
        if (reader.token.kind != TOKEN_NAME || !is_text(&reader.token, type, type_length))
            continue;
        for (; counted < reader.token.start; counted++)
            at_line += *counted == '\n';
        if (at_line > line)
            break;
        if (at_line < line)
            continue;
        struct reader call = reader;
        next(&call);
        if (is_sign(&call, '('))
            next(&call);
        size_t found = is_sign(&call, '{') ? find_in_call(call, source, path) : SM_WHERE_UNKNOWN;
        if (found != SM_WHERE_UNKNOWN)
            return found;
    }
    return SM_WHERE_UNKNOWN;
}

int sm_where_line(const char *source, size_t offset) {
    int line = 1;
    for (size_t i = 0; i < offset; i++)
        line += source[i] == '\n';
    return line;
}
