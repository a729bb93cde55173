/* scenario_services.c - services: their names, their places, and ${NAME.port} in texts. */
#include "scenario_internal.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* ${NAME.x} of any service that is declared already, and plain ${x} within the service itself. */
static const char *const place_names[] = {"port", "unix", "dir", "log"};
enum { PLACES = sizeof place_names / sizeof *place_names, NAME_MAX_BYTES = 40 };

static bool is_name(const char *text) {
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return length > 0 && length <= NAME_MAX_BYTES && text[length] == '\0' &&
           !(text[0] >= '0' && text[0] <= '9') && text[0] != '-';
}

static struct sm_service *find(struct sm_loader *loader, const char *name) {
    for (size_t i = 0; i < loader->scenario->service_count; i++)
        if (strcmp(loader->scenario->services[i].name, name) == 0)
            return &loader->scenario->services[i];
    return NULL;
}

static const char *alloc_format(struct sm_loader *loader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *alloc_format(struct sm_loader *loader, const char *format, ...) {
    char text[PATH_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof text)
        sm_raise(loader, "give a shorter run directory with -o", "a path is too long");
    return sm_alloc_text(loader, text, (size_t)length);
}

/* The text at `key` of a table, resolved; NULL when there is none. */
static const char *peek_text(struct sm_loader *loader, int table, const char *key) {
    lua_State *lua = loader->lua;
    size_t before = sm_path_add(loader, "%s%s", loader->at.path[0] ? "." : "", key);
    lua_getfield(lua, table, key);
    int index = lua_gettop(lua);
    sm_resolve(loader, index);
    const char *text = lua_isnil(lua, index) ? NULL : sm_value_text(loader, index);
    lua_settop(lua, index - 1);
    sm_path_cut(loader, before);
    return text;
}

static bool peek_bool(struct sm_loader *loader, int table, const char *key) {
    lua_State *lua = loader->lua;
    lua_getfield(lua, table, key);
    int index = lua_gettop(lua);
    sm_resolve(loader, index);
    bool truth = lua_isboolean(lua, index) ? lua_toboolean(lua, index)
                                           : lua_type(lua, index) == LUA_TSTRING &&
                                                 strcmp(sm_value_text(loader, index), "true") == 0;
    lua_settop(lua, index - 1);
    return truth;
}

/* The first text of a program's command; "" when that takes more than a look. */
static const char *program_name(struct sm_loader *loader, int table) {
    lua_State *lua = loader->lua;
    int top = lua_gettop(lua);
    lua_getfield(lua, table, "command");
    if (lua_istable(lua, -1))
        lua_rawgeti(lua, -1, 1);
    const char *name = "";
    if (lua_type(lua, -1) == LUA_TSTRING)
        name = sm_base_name(sm_value_text(loader, lua_gettop(lua)));
    lua_settop(lua, top);
    return name;
}

/* Its kind or its program's name; where that is no name or one that is taken, its place in the
 * list. */
static const char *default_name(struct sm_loader *loader, int table, const char *kind) {
    const char *name = strcmp(kind, "program") == 0 ? program_name(loader, table) : kind;
    if (is_name(name) && !find(loader, name) && strcmp(name, "target") != 0)
        return name;
    return alloc_format(loader, "service%zu", loader->scenario->service_count + 1);
}

static const char *choose_name(struct sm_loader *loader, int table, const char *kind) {
    const char *name = peek_text(loader, table, "name");
    if (!name)
        return default_name(loader, table, kind);
    if (!is_name(name))
        sm_raise(loader, "use letters, digits, _ and -, at most 40",
                 "\"%.60s\" cannot be a service's name", name);
    if (strcmp(name, "target") == 0 || find(loader, name))
        sm_raise(loader, "choose another name", "there is a %s already", name);
    return name;
}

struct sm_service *sm_service_begin(struct sm_loader *loader, int table, const char *kind) {
    struct sm_scenario *scenario = loader->scenario;
    const struct sm_scenario_dirs *dirs = loader->dirs;
    const char *home = dirs->services ? dirs->services : dirs->data;
    if (!scenario->services)
        scenario->services = sm_alloc(loader, SM_SERVICES * sizeof *scenario->services);
    if (scenario->service_count == SM_SERVICES)
        sm_raise(loader, NULL, "more than %d services", SM_SERVICES);
    struct sm_service service = {.name = choose_name(loader, table, kind)};
    service.has_relay = peek_bool(loader, table, "relay");
    service.directory = alloc_format(loader, "%s/%s", home, service.name);
    service.log = alloc_format(loader, "%s/%s.log", home, service.name);
    service.front_unix_path = alloc_format(loader, "%s/%s.sock", dirs->run, service.name);
    service.unix_path = service.has_relay
                            ? alloc_format(loader, "%s/%s-own.sock", dirs->run, service.name)
                            : service.front_unix_path;
    service.front_port = sm_take_port(loader);
    service.port = service.has_relay ? sm_take_port(loader) : service.front_port;
    scenario->services[scenario->service_count] = service;
    return &scenario->services[scenario->service_count++];
}

static bool is_place(const char *name) {
    for (size_t i = 0; i < PLACES; i++)
        if (strcmp(place_names[i], name) == 0)
            return true;
    return false;
}

static const char *place_of(struct sm_loader *loader, const struct sm_service *service,
                            const char *place) {
    bool is_own = service == loader->service;
    if (strcmp(place, "port") == 0)
        return alloc_format(loader, "%u", is_own ? service->port : service->front_port);
    if (strcmp(place, "unix") == 0)
        return is_own ? service->unix_path : service->front_unix_path;
    return strcmp(place, "dir") == 0 ? service->directory : service->log;
}

static noreturn void refuse_service(struct sm_loader *loader, const char *name) {
    const char *names[SM_SERVICES];
    size_t count = 0;
    for (; count < loader->scenario->service_count; count++)
        names[count] = loader->scenario->services[count].name;
    sm_raise_unknown(loader, name, names, count,
                     "${%.40s...}: no service before this has that name", name);
}

const char *sm_service_variable(struct sm_loader *loader, const char *name) {
    const char *dot = strchr(name, '.');
    if (!dot)
        return loader->service && is_place(name) ? place_of(loader, loader->service, name) : NULL;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)(dot - name), name);
    const struct sm_service *service = find(loader, text);
    if (!service)
        refuse_service(loader, text);
    if (!is_place(dot + 1))
        sm_raise_unknown(loader, dot + 1, place_names, PLACES,
                         "${%.60s}: a service has no such place", name);
    return place_of(loader, service, dot + 1);
}
