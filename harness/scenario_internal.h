/* scenario_internal.h - what the files of the scenario loader share.
 *
 * scenario.c           loads: the file, the script, the checks, in order
 * scenario_file.c      finds and reads scenario files
 * scenario_lua.c       the Lua state: its limits, running a script
 * scenario_library.c   what a script may use
 * scenario_raise.c     mistakes, and how they end the load
 * scenario_where.c     the line of a key, found in the text
 * scenario_make.c      the constructors a script calls; each makes a tagged table
 * scenario_families.c  which constructors fit where, and their keys
 * scenario_check.c     a tagged table against its keys: a struct sm_block
 * scenario_value.c     one value: functions of the parameters, texts with ${name}, quantities
 * scenario_list.c      lists of texts and of blocks
 * scenario_params.c    parameters and -p
 * scenario_ports.c     free ports, by name
 * scenario_fixes.c     the flags of a build
 * scenario_services.c  services: their names, their places, ${NAME.port}
 * scenario_body*.c     what a request carries; scenario_rope.c, its bytes
 * scenario_replay.c    bodies from files
 * scenario_phases.c    phases and cycles
 * scenario_experiments.c  doses and stalls: their keys and their phases
 * scenario_limits.c    budget and declared bounds
 *
 * All of it runs inside one protected call of Lua: whatever finds a mistake calls sm_raise, which
 * does not return. So nothing between two calls may own anything but through the arena, the Lua
 * state or the loader. */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <lua.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "config_value.h"
#include "scenario.h"
#include "scenario_families.h"
#include "scenario_where.h"

enum {
    SM_PLACE_FILE = 64,
    SM_PLACE_PATH = 160,
    SM_FAULTS = 32,
    SM_SOURCES = 16,
    SM_PORTS = 16,
    SM_SERVICES = 64 /* that can be read; the key of the scenario says how many there may be */
};

/* Where in the scenario the loader is, for messages. */
struct sm_place {
    char file[SM_PLACE_FILE];
    int line;                 /* of the constructor; 0 = not known */
    const char *type;         /* the constructor; NULL = none */
    size_t base;              /* where in the path the keys of the constructor begin */
    char path[SM_PLACE_PATH]; /* "phases[2].faults[1].rate" */
};

/* What a constructor makes: a userdata whose user value 1 is a copy of its table. */
struct sm_tag {
    const char *type; /* static: the constructor's name */
    char file[SM_PLACE_FILE];
    int line;
};

struct sm_loader {
    lua_State *lua;
    struct sm_scenario *scenario;
    struct sm_arena *arena;
    const struct sm_scenario_dirs *dirs;
    const struct sm_setting *settings;
    size_t setting_count;
    double time_scale;
    char directory[PATH_MAX]; /* of the scenario file, for its parts */
    struct sm_place at;
    struct {
        char file[SM_PLACE_FILE];
        const char *text;
        size_t length;
    } sources[SM_SOURCES]; /* the scenario and its parts, to find lines in */
    size_t source_count;
    struct sm_error error;
    int values_ref;                   /* of the table of parameters' values in the registry */
    int cycle;                        /* that is being made; 0 outside of cycles */
    int last_cycle;                   /* the highest number so far */
    const struct sm_service *service; /* whose keys are being checked; NULL = none */
    json_t *json;                     /* being built; here so that a raise cannot lose it */
    const struct sm_block *faults[SM_FAULTS]; /* all so far, each once */
    size_t fault_count;
    struct {
        char name[32];
        const char *port;
    } ports[SM_PORTS]; /* of ${port:NAME}, so far */
    size_t port_count;
    /* Limits of the script. */
    size_t memory_bytes;
    int64_t cpu_end_ns;
    bool is_out_of_memory, is_out_of_time;
};

/* scenario_library.c. Fills the state with what a script may use, inside a protected call. In the
 * registry: the function require. */
#define SM_LUA_REQUIRE "spillmark.require"
void sm_library_fill(struct sm_loader *loader);

/* scenario_lua.c */
struct sm_loader *sm_loader_of(lua_State *lua);
int sm_lua_open(struct sm_loader *loader); /* 0 or -ENOMEM */
void sm_lua_close(struct sm_loader *loader);
/* Runs main(loader) as a protected call: 0, or a negative errno, and what went wrong is in
 * loader->error. */
int sm_lua_protect(struct sm_loader *loader, void (*main)(struct sm_loader *loader));
/* The thread's processor time, which limits a script. Work that the loader does for it is not
 * counted: whoever does much of it moves cpu_end_ns. */
int64_t sm_cpu_ns(void);
/* Runs a source text as the file `name` and leaves its one result on the stack. */
void sm_lua_run(struct sm_loader *loader, const char *source, size_t length, const char *name);
/* Sets at.file and at.line to where the running script called from and clears at.path; when no
 * script is running all stays. */
void sm_lua_locate(struct sm_loader *loader);

/* scenario_raise.c: the message is put at loader->at. */
noreturn void sm_raise(struct sm_loader *loader, const char *todo, const char *what_format, ...)
    __attribute__((format(printf, 3, 4)));
/* "slow-disk.lua:22: phases[2].faults[1]", of where the loader is. */
void sm_place_text(struct sm_loader *loader, char *where, size_t where_bytes);
/* Puts the loader where no file is: at what -p sets. */
void sm_place_setting(struct sm_loader *loader, const char *name);
/* The offset in its source of the key that the loader is at; SM_WHERE_UNKNOWN when it cannot be
 * found. *ret_source may be NULL. */
size_t sm_place_offset(const struct sm_loader *loader, const char **ret_source);
noreturn void sm_raise_memory(struct sm_loader *loader);
/* `name` is not among `names`: with the nearest one, or all of them when they are few. */
noreturn void sm_raise_unknown(struct sm_loader *loader, const char *name, const char *const *names,
                               size_t count, const char *what_format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same of what -p sets, at `setting`: with all of them, for they are this scenario's alone. */
noreturn void sm_raise_setting(struct sm_loader *loader, const char *setting, const char *name,
                               const char *const *names, size_t count, const char *what_format, ...)
    __attribute__((format(printf, 6, 7)));

/* Memory of the scenario; they raise instead of returning NULL. */
void *sm_alloc(struct sm_loader *loader, size_t bytes);
const char *sm_alloc_text(struct sm_loader *loader, const char *text, size_t length);

/* scenario_file.c. A source is in the arena; at most 1 MB, text without NUL bytes. */
int sm_scenario_find(const char *name, char *path, size_t path_bytes, struct sm_error *err);
int sm_scenario_read(const char *path, struct sm_arena *arena, const char **ret_source,
                     size_t *ret_length, struct sm_error *err);
const char *sm_base_name(const char *path);

/* scenario_make.c */
void sm_make_constructors(struct sm_loader *loader);
const struct sm_tag *sm_tag_at(struct sm_loader *loader, int index); /* NULL when it is none */
/* "a text", "slow_disk {...}": what a value is, for messages. In the caller's buffer. */
const char *sm_describe(struct sm_loader *loader, int index, char *buffer, size_t buffer_bytes);

/* scenario_check.c. Indexes are absolute; the stack is left as it was. */
const struct sm_block *sm_check_block(struct sm_loader *loader, int index, const char *family);
/* Adds to at.path; the caller puts the length it had back with sm_path_cut. */
size_t sm_path_add(struct sm_loader *loader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sm_path_cut(struct sm_loader *loader, size_t length);
/* Makes tag's place the current one (keeping the path); returns the place before. */
struct sm_place sm_place_enter(struct sm_loader *loader, const struct sm_tag *tag);

/* scenario_value.c. A function at index is replaced by what it gives for the parameters. */
void sm_resolve(struct sm_loader *loader, int index);
bool sm_is_place_name(const char *name); /* ${bin}, ${run}, ... */
/* Pushes a text or a number as a text, whole numbers without a fraction; raises for the rest. */
const char *sm_push_text(struct sm_loader *loader, int index, size_t *ret_length);
const char *sm_value_text(struct sm_loader *loader, int index);
double sm_value_quantity(struct sm_loader *loader, int index, const struct sm_key *key);
double sm_text_quantity(struct sm_loader *loader, const char *text, const struct sm_key *key);

/* scenario_list.c */
void sm_value_texts(struct sm_loader *loader, int index, struct sm_value *value);
void sm_value_settings(struct sm_loader *loader, int index, struct sm_value *value);
void sm_value_blocks(struct sm_loader *loader, int index, const char *family,
                     struct sm_value *value);
/* The number of values without names in the table at index; raises when one is missing. */
lua_Integer sm_list_length(struct sm_loader *loader, int index);
/* The same of a table that may have nothing but a list in it. */
lua_Integer sm_check_list(struct sm_loader *loader, int index, const char *of_what);
/* Hands every item of the list at index to `take`, by its index on the stack and with its place in
 * the path: functions replaced by what they give, lists within the list joined, nil passed over. */
typedef void sm_item_fn(struct sm_loader *loader, int item, void *context);
void sm_each_item(struct sm_loader *loader, int index, const char *of_what, sm_item_fn *take,
                  void *context);

/* scenario_params.c */
void sm_params_load(struct sm_loader *loader, int index);
const struct sm_param *sm_param_find(const struct sm_loader *loader, const char *name);

/* scenario_ports.c: a port that no other run takes as long as the scenario lives; raises when there
 * is none. */
uint16_t sm_take_port(struct sm_loader *loader);
/* The port of ${port:NAME}, the same for the same name. */
const char *sm_port(struct sm_loader *loader, const char *name);

/* scenario_fixes.c: replaces the fixes {...} at index by its list of flags. */
void sm_fixes_expand(struct sm_loader *loader, int index);

/* scenario_services.c. Adds the service whose table of keys is at `table` to the scenario; its
 * block is for the caller to fill in. Its place in the scenario stays. */
struct sm_service *sm_service_begin(struct sm_loader *loader, int table, const char *kind);
/* What stands for ${NAME.port}, or within a service for ${port}; NULL when the name is neither.
 * Raises when there is no such service. */
const char *sm_service_variable(struct sm_loader *loader, const char *name);

/* scenario_body.c; its parts share scenario_body.h */
const struct sm_body *sm_value_body(struct sm_loader *loader, int index);

/* scenario_replay.c: the body of the replay {...} at index. */
const struct sm_body *sm_replay_body(struct sm_loader *loader, int index);

/* scenario_phases.c */
void sm_phases_load(struct sm_loader *loader, int index);

/* scenario_limits.c */
void sm_budget_load(struct sm_loader *loader, int index);
void sm_declared_load(struct sm_loader *loader, int index);
