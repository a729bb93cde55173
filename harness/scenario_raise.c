/* scenario_raise.c - mistakes in a scenario: put at their place, and out of the load by way of
 * Lua's own error mechanism. */
#include "scenario_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/suggest.h"

size_t sm_place_offset(const struct sm_loader *loader, const char **ret_source) {
    const struct sm_place *at = &loader->at;
    for (size_t i = 0; at->type && i < loader->source_count; i++) {
        if (strcmp(loader->sources[i].file, at->file) != 0)
            continue;
        if (ret_source)
            *ret_source = loader->sources[i].text;
        return sm_where_find(loader->sources[i].text, loader->sources[i].length, at->line, at->type,
                             at->path + at->base);
    }
    return SM_WHERE_UNKNOWN;
}

void sm_place_text(struct sm_loader *loader, char *where, size_t where_bytes) {
    const struct sm_place *at = &loader->at;
    const char *source = NULL;
    char line[16] = "";
    size_t offset = sm_place_offset(loader, &source);
    if (at->line > 0)
        snprintf(line, sizeof line, ":%d",
                 offset == SM_WHERE_UNKNOWN ? at->line : sm_where_line(source, offset));
    snprintf(where, where_bytes, "%s%s%s%s", at->file, line, at->path[0] && at->file[0] ? ": " : "",
             at->path);
}

void sm_place_setting(struct sm_loader *loader, const char *name) {
    loader->at = (struct sm_place){0};
    snprintf(loader->at.path, sizeof loader->at.path, "-p %.60s", name);
}

noreturn static void raise(struct sm_loader *loader) {
    lua_pushnil(loader->lua);
    lua_error(loader->lua);
    abort(); /* lua_error is not declared as what it is */
}

noreturn void sm_raise(struct sm_loader *loader, const char *todo, const char *what_format, ...) {
    char where[256], what[512];
    va_list args;
    va_start(args, what_format);
    vsnprintf(what, sizeof what, what_format, args);
    va_end(args);
    sm_place_text(loader, where, sizeof where);
    sm_error_set(&loader->error, -EINVAL, where, todo, "%s", what);
    raise(loader);
}

noreturn void sm_raise_memory(struct sm_loader *loader) {
    sm_error_set(&loader->error, -ENOMEM, NULL, NULL, "out of memory");
    raise(loader);
}

/* Adds the names, as many as fit, and dots for the rest. */
static void add_names(char *todo, size_t todo_bytes, const char *const *names, size_t count) {
    static const char dots[] = ", ...";
    size_t used = strlen(todo);
    for (size_t i = 0; i < count; i++) {
        size_t left = todo_bytes - used, after = i + 1 < count ? sizeof dots : 1;
        const char *before = i ? ", " : used ? " known: " : "known: ";
        if (strlen(before) + strlen(names[i]) + after > left) {
            snprintf(todo + used, left, "%s", i ? dots : "");
            return;
        }
        used += (size_t)snprintf(todo + used, left, "%s%s", before, names[i]);
    }
}

enum { FEW_NAMES = 12 };

__attribute__((format(printf, 6, 0))) static noreturn void
raise_unknown(struct sm_loader *loader, const char *name, const char *const *names, size_t count,
              bool are_all_told, const char *what_format, va_list args) {
    char what[512], todo[sizeof loader->error.todo] = "";
    vsnprintf(what, sizeof what, what_format, args);
    const char *near = sm_suggest(name, names, count);
    if (near)
        snprintf(todo, sizeof todo, "did you mean \"%s\"?", near);
    if (are_all_told || (!near && count <= FEW_NAMES))
        add_names(todo, sizeof todo, names, count);
    sm_raise(loader, todo, "%s", what);
}

noreturn void sm_raise_unknown(struct sm_loader *loader, const char *name, const char *const *names,
                               size_t count, const char *what_format, ...) {
    va_list args;
    va_start(args, what_format);
    raise_unknown(loader, name, names, count, false, what_format, args);
}

noreturn void sm_raise_setting(struct sm_loader *loader, const char *setting, const char *name,
                               const char *const *names, size_t count, const char *what_format,
                               ...) {
    va_list args;
    va_start(args, what_format);
    sm_place_setting(loader, setting);
    raise_unknown(loader, name, names, count, true, what_format, args);
}

void *sm_alloc(struct sm_loader *loader, size_t bytes) {
    void *memory = sm_arena_alloc(loader->arena, bytes);
    if (!memory)
        sm_raise_memory(loader);
    return memory;
}

const char *sm_alloc_text(struct sm_loader *loader, const char *text, size_t length) {
    const char *copy = sm_arena_text(loader->arena, text, length);
    if (!copy)
        sm_raise_memory(loader);
    return copy;
}
