/* live_look.c - one look at a record that is being written: opened, analysed, named, packed. */
#include "live_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../reports/analysis.h"
#include "../reports/page_data.h"
#include "../reports/symbols.h"

static const double names_time_limit_s = 5;
enum { DIGITS = 7 };

static int keep_name(void *context, const struct sm_symbol *found) {
    struct sm_live_names *names = context;
    if (names->count == names->room) {
        size_t room = names->room * 2 + 64;
        struct sm_symbol *grown = reallocarray(names->symbols, room, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        names->symbols = grown;
        names->room = room;
    }
    struct sm_symbol symbol = *found;
    symbol.function = strdup(found->function);
    symbol.file = strdup(found->file);
    if (!symbol.function || !symbol.file) {
        free(symbol.function);
        free(symbol.file);
        return -ENOMEM;
    }
    names->symbols[names->count++] = symbol;
    return 0;
}

/* As the record orders them. */
static int compare_symbols(const void *a, const void *b) {
    const struct sm_symbol *x = a, *y = b;
    if (x->module_id != y->module_id)
        return x->module_id < y->module_id ? -1 : 1;
    if (x->address != y->address)
        return (int64_t)x->address < (int64_t)y->address ? -1 : 1;
    return (x->inline_depth > y->inline_depth) - (x->inline_depth < y->inline_depth);
}

/* Gives the run copies of the names: it owns what it has. */
static int lend_names(const struct sm_live_names *names, struct sm_run *run) {
    struct sm_live_names copies = {0};
    for (size_t i = 0; i < names->count; i++) {
        int rc = keep_name(&copies, &names->symbols[i]);
        if (rc) {
            sm_live_names_free(&copies);
            return rc;
        }
    }
    run->symbols = copies.symbols;
    run->symbols_count = copies.count;
    return 0;
}

/* A record that is whole has its own names. */
static int name_frames(struct sm_live_names *names, struct sm_run *run, struct sm_error *err) {
    const struct sm_symbols_options options = {.time_limit_s = names_time_limit_s};
    if (run->symbols_count)
        return 0;
    if (run->frames_count > names->frames_seen) {
        struct sm_live_names found = *names;
        int rc = lend_names(names, run); /* so that only new addresses are looked for */
        if (rc == 0)
            rc = sm_symbols_resolve(run, &options, keep_name, &found, NULL, err);
        *names = found;
        qsort(names->symbols, names->count, sizeof *names->symbols, compare_symbols);
        names->frames_seen = run->frames_count;
        for (size_t i = 0; i < run->symbols_count; i++) {
            free(run->symbols[i].function);
            free(run->symbols[i].file);
        }
        free(run->symbols);
        run->symbols = NULL;
        run->symbols_count = 0;
        if (rc)
            return rc;
    }
    return lend_names(names, run);
}

static int pack(json_t *data, void **ret_bytes, size_t *ret_length) {
    char *text = data ? json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;
    uLong length = text ? strlen(text) : 0;
    uLongf packed_length = compressBound(length);
    unsigned char *packed = malloc(packed_length);
    int rc = -ENOMEM;
    if (text && packed &&
        compress2(packed, &packed_length, (const Bytef *)text, length, Z_BEST_SPEED) == Z_OK) {
        *ret_bytes = packed;
        *ret_length = packed_length;
        packed = NULL;
        rc = 0;
    }
    free(packed);
    free(text);
    return rc;
}

int sm_live_look(const char *record_path, int is_over, struct sm_live_names *names,
                 void **ret_bytes, size_t *ret_length, struct sm_error *err) {
    struct sm_run *run = NULL;
    struct sm_analysis *analysis = NULL;
    int rc = sm_run_open(record_path, &run, err);
    if (rc == 0)
        rc = name_frames(names, run, err);
    if (rc == 0)
        rc = sm_analysis_make(run, &analysis, err);
    if (rc == 0) {
        json_t *data = json_pack("{ss sb s[o]}", "mode", "live", "is_over", is_over, "runs",
                                 sm_page_run(run, analysis));
        rc = pack(data, ret_bytes, ret_length);
        json_decref(data);
    }
    sm_analysis_free(analysis);
    sm_run_free(run);
    return rc;
}

void sm_live_names_free(struct sm_live_names *names) {
    for (size_t i = 0; i < names->count; i++) {
        free(names->symbols[i].function);
        free(names->symbols[i].file);
    }
    free(names->symbols);
    *names = (struct sm_live_names){0};
}
