#include "stacks.h"

#include <stdio.h>
#include <string.h>

enum { CULPRIT_FRAMES = 64 };

static size_t first_frame(const struct sm_run *run, int stack_id) {
    size_t low = 0, high = run->frames_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (run->frames[middle].stack_id < stack_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t first_symbol(const struct sm_run *run, int module_id, uint64_t address) {
    size_t low = 0, high = run->symbols_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct sm_symbol *symbol = &run->symbols[middle];
        /* The record orders addresses as signed integers. */
        if (symbol->module_id < module_id ||
            (symbol->module_id == module_id && (int64_t)symbol->address < (int64_t)address))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const char *module_path(const struct sm_run *run, int module_id) {
    for (size_t i = 0; i < run->modules_count; i++)
        if (run->modules[i].id == module_id)
            return run->modules[i].path;
    return "";
}

static int is_symbol_of(const struct sm_run *run, size_t at, const struct sm_frame *frame) {
    return at < run->symbols_count && run->symbols[at].module_id == frame->module_id &&
           run->symbols[at].address == frame->address;
}

size_t sm_stack_frames(const struct sm_run *run, int stack_id, struct sm_stack_frame *frames,
                       size_t capacity) {
    size_t count = 0;
    for (size_t i = first_frame(run, stack_id);
         i < run->frames_count && run->frames[i].stack_id == stack_id; i++) {
        const struct sm_frame *frame = &run->frames[i];
        size_t symbol = first_symbol(run, frame->module_id, frame->address);
        struct sm_stack_frame out = {
            "", "", module_path(run, frame->module_id), 0, frame->address, frame->module_id, 0};
        int named = is_symbol_of(run, symbol, frame);
        do {
            if (named) {
                out.function = run->symbols[symbol].function;
                out.file = run->symbols[symbol].file;
                out.line = run->symbols[symbol].line;
            }
            symbol++;
            out.is_inlined = named && is_symbol_of(run, symbol, frame);
            if (count < capacity)
                frames[count] = out;
            count++;
        } while (out.is_inlined);
    }
    return count;
}

static const char *last_component(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int begins_with_any(const char *text, const char *const *starts) {
    for (; *starts; starts++)
        if (strncmp(text, *starts, strlen(*starts)) == 0)
            return 1;
    return 0;
}

static int contains_any(const char *text, const char *const *parts) {
    for (; *parts; parts++)
        if (strstr(text, *parts))
            return 1;
    return 0;
}

static int is_any(const char *text, const char *const *names) {
    for (; *names; names++)
        if (strcmp(text, *names) == 0)
            return 1;
    return 0;
}

/* Past the type that a C++ template returns: "void std::vector<...>::push_back(...)". */
static const char *past_return_type(const char *function) {
    const char *name = function;
    int depth = 0;
    for (const char *at = function; *at && !(*at == '(' && depth == 0); at++) {
        depth += (*at == '<' || *at == '(') - (*at == '>' || *at == ')');
        if (*at == ' ' && depth == 0)
            name = at + 1;
    }
    return name;
}

/* Allocators, the C library and what languages put between them and the program. */
static int is_runtime(const struct sm_stack_frame *frame) {
    static const char *const modules[] = {
        "libc.so",     "libc-",       "ld-linux",    "libpthread",   "libgcc_s.so", "libstdc++.so",
        "libtcmalloc", "libjemalloc", "libmimalloc", "libspillmark", "[vdso]",      NULL};
    static const char *const names[] = {"malloc",   "calloc",    "realloc",       "reallocarray",
                                        "strdup",   "strndup",   "memalign",      "posix_memalign",
                                        "asprintf", "vasprintf", "aligned_alloc", "xmalloc",
                                        "xcalloc",  "xrealloc",  "xstrdup",       NULL};
    static const char *const prefixes[] = {"operator new",    "_Zn",
                                           "std::",           "__gnu_cxx::",
                                           "alloc::",         "core::",
                                           "__rust_",         "__rdl_",
                                           "<std::",          "<alloc::",
                                           "<core::",         "hashbrown::",
                                           "<hashbrown::",    "_PyObject_Malloc",
                                           "_PyMem_",         "PyMem_",
                                           "PyObject_Malloc", NULL};
    /* Rust: what its libraries do on behalf of a type, "<u8 as alloc::vec::...>". */
    static const char *const within[] = {" as alloc::", " as core::", " as std::", NULL};
    static const char *const headers[] = {"/include/c++/", NULL};
    return begins_with_any(last_component(frame->module), modules) ||
           is_any(frame->function, names) || begins_with_any(frame->function, prefixes) ||
           begins_with_any(past_return_type(frame->function), prefixes) ||
           contains_any(frame->function, within) || contains_any(frame->file, headers);
}

/* A function of the program's script, by a map of run-time code: "JS:^keep /home/me/keep.js:2:21",
 * "py::keep:/home/me/keep.py"; not one of the interpreter's own library. */
static int is_script(const struct sm_stack_frame *frame) {
    static const char *const starts[] = {"JS:", "py::", NULL};
    static const char *const own[] = {" node:", ":<frozen ", NULL};
    return !frame->module_id && begins_with_any(frame->function, starts) &&
           !contains_any(frame->function, own);
}

size_t sm_stack_culprit(const struct sm_stack_frame *frames, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (is_script(&frames[i]))
            return i;
    for (size_t i = 0; i < count; i++)
        if (!is_runtime(&frames[i]))
            return i;
    return 0;
}

char *sm_stack_frame_text(const struct sm_stack_frame *frame, char *buffer, size_t buffer_bytes) {
    const char *module = last_component(frame->module);
    if (!frame->function[0])
        snprintf(buffer, buffer_bytes, "%s+0x%llx", module[0] ? module : "?",
                 (unsigned long long)frame->address);
    else if (!frame->file[0])
        snprintf(buffer, buffer_bytes, "%s (%s)", frame->function, module);
    else if (frame->line <= 0)
        snprintf(buffer, buffer_bytes, "%s (%s)", frame->function, last_component(frame->file));
    else
        snprintf(buffer, buffer_bytes, "%s (%s:%d)", frame->function, last_component(frame->file),
                 frame->line);
    return buffer;
}

char *sm_stack_text(const struct sm_run *run, int stack_id, char *buffer, size_t buffer_bytes) {
    struct sm_stack_frame frames[CULPRIT_FRAMES];
    size_t count = sm_stack_frames(run, stack_id, frames, CULPRIT_FRAMES);
    if (count > CULPRIT_FRAMES)
        count = CULPRIT_FRAMES;
    if (count == 0) {
        snprintf(buffer, buffer_bytes, "an unknown stack");
        return buffer;
    }
    return sm_stack_frame_text(&frames[sm_stack_culprit(frames, count)], buffer, buffer_bytes);
}
