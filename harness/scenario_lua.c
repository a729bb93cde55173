/* scenario_lua.c - the Lua state of one scenario: its limits, how a script is run, what becomes of
 * its errors. */
#include "scenario_internal.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MEMORY_MAX_BYTES = 64 << 20, HOOK_INSTRUCTIONS = 100, LARGE_BYTES = 1 << 16 };
static const int64_t cpu_max_ns = SPILLMARK_SLOWNESS * INT64_C(1000000000);

struct sm_loader *sm_loader_of(lua_State *lua) {
    return *(struct sm_loader **)lua_getextraspace(lua);
}

int64_t sm_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool is_late(struct sm_loader *loader) {
    if (sm_cpu_ns() > loader->cpu_end_ns)
        loader->is_out_of_time = true;
    return loader->is_out_of_time;
}

static void *allocate(void *context, void *old, size_t old_bytes, size_t bytes) {
    struct sm_loader *loader = context;
    if (!old)
        old_bytes = 0; /* then it says what kind of object is wanted */
    if (bytes == 0) {
        loader->memory_bytes -= old_bytes;
        free(old);
        return NULL;
    }
    if (bytes > old_bytes) {
        /* Instructions that copy megabytes would outrun a limit looked at between instructions. */
        if (bytes > LARGE_BYTES && is_late(loader))
            return NULL;
        if (loader->memory_bytes - old_bytes + bytes > MEMORY_MAX_BYTES) {
            loader->is_out_of_memory = true;
            return NULL;
        }
    }
    void *memory = realloc(old, bytes);
    if (memory)
        loader->memory_bytes += bytes - old_bytes;
    return memory;
}

static void on_instructions(lua_State *lua, lua_Debug *activation) {
    (void)activation;
    if (is_late(sm_loader_of(lua)))
        luaL_error(lua, "too long");
}

int sm_lua_open(struct sm_loader *loader) {
    loader->cpu_end_ns = sm_cpu_ns() + cpu_max_ns;
    loader->lua = lua_newstate(allocate, loader);
    if (!loader->lua)
        return -ENOMEM;
    *(struct sm_loader **)lua_getextraspace(loader->lua) = loader;
    lua_sethook(loader->lua, on_instructions, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    return 0;
}

void sm_lua_close(struct sm_loader *loader) {
    if (loader->lua)
        lua_close(loader->lua);
    loader->lua = NULL;
}

void sm_lua_locate(struct sm_loader *loader) {
    lua_Debug activation;
    for (int level = 0; lua_getstack(loader->lua, level, &activation); level++) {
        lua_getinfo(loader->lua, "Sl", &activation);
        if (activation.currentline > 0) {
            loader->at = (struct sm_place){0};
            snprintf(loader->at.file, sizeof loader->at.file, "%s", activation.source + 1);
            loader->at.line = activation.currentline;
            return;
        }
    }
}

void sm_lua_run(struct sm_loader *loader, const char *source, size_t length, const char *name) {
    char chunk_name[SM_PLACE_FILE + 1];
    snprintf(chunk_name, sizeof chunk_name, "@%s", name);
    if (loader->source_count < SM_SOURCES) {
        size_t i = loader->source_count++;
        loader->sources[i].text = source;
        loader->sources[i].length = length;
        snprintf(loader->sources[i].file, sizeof loader->sources[i].file, "%s", name);
    }
    if (luaL_loadbufferx(loader->lua, source, length, chunk_name, "t"))
        lua_error(loader->lua);
    lua_call(loader->lua, 0, 1);
}

/* Lua's own message, "file:line: text", taken apart; some have no place. */
static void take_message(struct sm_loader *loader, const char *file, const char *message) {
    char where[SM_PLACE_FILE + 24];
    snprintf(where, sizeof where, "%.*s", SM_PLACE_FILE, file);
    const char *colon = strchr(message, ':'), *what = message;
    if (colon && (size_t)(colon - message) < sizeof where - 16) {
        size_t digits = strspn(colon + 1, "0123456789");
        if (digits > 0 && digits < 10 && strncmp(colon + 1 + digits, ": ", 2) == 0) {
            snprintf(where, sizeof where, "%.*s", (int)(colon + 1 + digits - message), message);
            what = colon + digits + 3;
        }
    }
    const char *todo = strstr(what, "expected (to close") ? "is a comma missing before it?" : NULL;
    sm_error_set(&loader->error, -EINVAL, where, todo, "%.*s", (int)strcspn(what, "\n"), what);
}

static void take_error(struct sm_loader *loader, int status) {
    const char *file = sm_base_name(loader->scenario->path);
    if (loader->error.code)
        return;
    if (loader->is_out_of_time)
        sm_error_set(&loader->error, -ETIMEDOUT, file, "does it loop for ever?",
                     "still not loaded after %d s of computing", (int)(cpu_max_ns / 1000000000));
    else if (loader->is_out_of_memory)
        sm_error_set(&loader->error, -ENOMEM, file, "text(n) makes large bodies without it",
                     "needs more than %d MB of memory while it is loaded", MEMORY_MAX_BYTES >> 20);
    else if (status == LUA_ERRMEM)
        sm_error_set(&loader->error, -ENOMEM, file, NULL, "out of memory");
    else if (lua_type(loader->lua, -1) == LUA_TSTRING)
        take_message(loader, file, lua_tostring(loader->lua, -1));
    else
        sm_error_set(&loader->error, -EINVAL, file, NULL,
                     "the script ended with an error value "
                     "that is no text");
}

static int protected_main(lua_State *lua) {
    void (*main)(struct sm_loader *) = *(void (**)(struct sm_loader *))lua_touserdata(lua, 1);
    main(sm_loader_of(lua));
    return 0;
}

int sm_lua_protect(struct sm_loader *loader, void (*main)(struct sm_loader *loader)) {
    lua_pushcfunction(loader->lua, protected_main);
    lua_pushlightuserdata(loader->lua, &main);
    int status = lua_pcall(loader->lua, 1, 0, 0);
    if (status == LUA_OK)
        return 0;
    take_error(loader, status);
    lua_settop(loader->lua, 0);
    return loader->error.code;
}
