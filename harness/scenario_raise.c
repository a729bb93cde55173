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

noreturn void sm_raise_unknown(struct sm_loader *loader, const char *name, const char *const *names,
                               size_t count, const char *what_format, ...) {
    char what[512], todo[256] = "";
    va_list args;
    va_start(args, what_format);
    vsnprintf(what, sizeof what, what_format, args);
    va_end(args);
    const char *near = sm_suggest(name, names, count);
    if (near) {
        snprintf(todo, sizeof todo, "did you mean \"%s\"?", near);
    } else if (count > 0 && count <= 12) {
        size_t used = (size_t)snprintf(todo, sizeof todo, "known: ");
        for (size_t i = 0; i < count && used < sizeof todo; i++)
            used +=
                (size_t)snprintf(todo + used, sizeof todo - used, "%s%s", i ? ", " : "", names[i]);
    }
    sm_raise(loader, todo, "%s", what);
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
