/* scenario.c - loading a scenario: the file, the script, the checks, in order. */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenario_internal.h"
#include "sources.h"

enum { FILES_MAX = 64 };

/* Leaves the table of the scenario {...} that the script returned on the stack. */
static int run_script(struct sm_loader *loader) {
    lua_State *lua = loader->lua;
    const char *source, *file = sm_base_name(loader->scenario->path);
    char found[96];
    size_t length;
    if (sm_scenario_read(loader->scenario->path, loader->arena, &source, &length, &loader->error))
        lua_error(lua);
    snprintf(loader->at.file, sizeof loader->at.file, "%s", file);
    sm_lua_run(loader, source, length, loader->at.file);
    loader->at = (struct sm_place){0};
    snprintf(loader->at.file, sizeof loader->at.file, "%s", file);
    const struct sm_tag *tag = sm_tag_at(loader, lua_gettop(lua));
    if (!tag || strcmp(tag->type, "scenario") != 0)
        sm_raise(loader, "write return scenario { ... }",
                 "the file does not return a scenario, but %s",
                 sm_describe(loader, lua_gettop(lua), found, sizeof found));
    sm_place_enter(loader, tag);
    return lua_gettop(lua);
}

static void take_open_key(struct sm_loader *loader, int table, const char *name,
                          void (*take)(struct sm_loader *loader, int index)) {
    lua_getfield(loader->lua, table, name);
    int index = lua_gettop(loader->lua);
    take(loader, index);
    lua_settop(loader->lua, index - 1);
}

static void check_gauges(struct sm_loader *loader) {
    size_t count = 0;
    sm_block_blocks(loader->scenario->target, "gauges", &count);
    const struct sm_block *delivered = loader->scenario->delivered;
    bool is_told = delivered && !sm_delivered_ops(delivered)->read;
    if ((loader->scenario->dropped || is_told) && count == 0) {
        sm_path_add(loader, is_told ? "delivered" : "dropped");
        sm_raise(loader, "add gauges = { http {...} } to the target", "the target tells no gauges");
    }
}

static void load(struct sm_loader *loader) {
    struct sm_scenario *scenario = loader->scenario;
    scenario->time_scale = loader->time_scale;
    sm_library_fill(loader);
    int index = run_script(loader);
    lua_getiuservalue(loader->lua, index, 1);
    int table = lua_gettop(loader->lua);
    take_open_key(loader, table, "params", sm_params_load);
    const struct sm_block *block = sm_check_block(loader, index, "scenario");
    scenario->title = (char *)sm_block_text(block, "title");
    scenario->target = sm_block_block(block, "target");
    scenario->loads = sm_block_blocks(block, "load", &scenario->load_count);
    scenario->delivered = sm_block_block(block, "delivered");
    scenario->dropped = sm_block_block(block, "dropped");
    take_open_key(loader, table, "phases", sm_phases_load);
    take_open_key(loader, table, "declared", sm_declared_load);
    take_open_key(loader, table, "budget", sm_budget_load);
    check_gauges(loader);
}

/* "log-batcher/slow-disk" as it was given, or the file's name without ".lua". */
static int name_scenario(struct sm_scenario *scenario, const char *given, const char *path) {
    const char *base = sm_base_name(given);
    size_t length = strlen(base);
    bool is_file = length > 4 && strcmp(base + length - 4, ".lua") == 0;
    scenario->path = sm_arena_text(&scenario->arena, path, strlen(path));
    scenario->name = is_file ? sm_arena_text(&scenario->arena, base, length - 4)
                             : sm_arena_text(&scenario->arena, given, strlen(given));
    return scenario->path && scenario->name ? 0 : -ENOMEM;
}

static struct sm_scenario *new_scenario(void) {
    struct sm_arena arena = {0};
    struct sm_scenario *scenario = sm_arena_alloc(&arena, sizeof *scenario);
    if (scenario)
        scenario->arena = arena;
    return scenario;
}

static int open_and_load(struct sm_loader *loader) {
    int rc = sm_lua_open(loader);
    if (rc)
        return sm_error_set(&loader->error, rc, NULL, NULL, "out of memory");
    rc = sm_lua_protect(loader, load);
    sm_lua_close(loader);
    json_decref(loader->json);
    return rc;
}

int sm_scenario_load(const char *path, const struct sm_scenario_dirs *dirs,
                     const struct sm_setting *settings, size_t setting_count, double time_scale,
                     struct sm_scenario **ret_scenario, struct sm_error *err) {
    struct sm_scenario *scenario = new_scenario();
    if (!scenario)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    struct sm_loader loader = {.scenario = scenario,
                               .arena = &scenario->arena,
                               .dirs = dirs,
                               .settings = settings,
                               .setting_count = setting_count,
                               .time_scale = time_scale,
                               .error.status = SM_STATUS_USAGE};
    int rc = sm_scenario_find(path, loader.directory, sizeof loader.directory, &loader.error);
    if (rc == 0 && name_scenario(scenario, path, loader.directory))
        rc = sm_error_set(&loader.error, -ENOMEM, NULL, NULL, "out of memory");
    if (rc == 0) {
        char *slash = strrchr(loader.directory, '/');
        snprintf(slash ? slash : loader.directory, 2, slash ? "" : ".");
        rc = open_and_load(&loader);
    }
    if (rc) {
        sm_scenario_free(scenario);
        if (err && !err->code)
            *err = loader.error;
        return rc;
    }
    *ret_scenario = scenario;
    return 0;
}

struct sm_scenario_file {
    char *path;
    int fd;
};

int sm_scenario_open_file(struct sm_scenario *scenario, const char *path) {
    for (size_t i = 0; i < scenario->file_count; i++)
        if (strcmp(scenario->files[i].path, path) == 0)
            return scenario->files[i].fd;
    if (!scenario->files)
        scenario->files = sm_arena_alloc(&scenario->arena, FILES_MAX * sizeof *scenario->files);
    char *kept = sm_arena_text(&scenario->arena, path, strlen(path));
    if (!scenario->files || !kept)
        return -ENOMEM;
    if (scenario->file_count == FILES_MAX)
        return -EMFILE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    scenario->files[scenario->file_count++] = (struct sm_scenario_file){kept, fd};
    return fd;
}

void sm_scenario_free(struct sm_scenario *scenario) {
    if (!scenario)
        return;
    for (size_t i = 0; i < scenario->port_lock_count; i++)
        close(scenario->port_locks[i]);
    for (size_t i = 0; i < scenario->file_count; i++)
        close(scenario->files[i].fd);
    struct sm_arena arena = scenario->arena; /* the scenario lies in it */
    sm_arena_free(&arena);
}

char *sm_scenario_params_json(const struct sm_scenario *scenario) {
    json_t *object = json_object();
    for (size_t i = 0; object && i < scenario->param_count; i++)
        json_object_set_new(object, scenario->params[i].name,
                            json_string(scenario->params[i].value));
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}
