/* One walk over the DIEs of each unit that holds a wanted call, for all its calls at once: asking
 * libdw address by address decodes the same unit again and again. */
#include "symbols_dwarf.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"

enum { INLINE_MAX = 128, NESTING_MAX = 200 };

/* The functions around one call, outermost first. */
struct chain {
    Dwarf_Die *functions;
    size_t count, capacity;
};

struct walk {
    const struct sm_symbols_job *job;
    struct chain *chains; /* one per call of the job */
    bool is_thorough;     /* looks into everything, not only where functions usually are */
};

/* A part of the job's calls. */
struct span {
    size_t from, to;
};

/* Where a walk is: DIEs and functions around it. */
struct place {
    unsigned nesting;
    size_t level;
};

/* `level` functions are around the one that is added. Where it is not that many, the call lies in
 * another of two functions that share their code (aliases in assembly), or is not in the parent. */
static void push(struct chain *chain, const Dwarf_Die *die, size_t level) {
    if (chain->count != level || level == INLINE_MAX)
        return;
    if (chain->count == chain->capacity) {
        size_t capacity = chain->capacity ? chain->capacity * 2 : 8;
        Dwarf_Die *functions = realloc(chain->functions, capacity * sizeof *functions);
        if (!functions)
            return;
        chain->functions = functions;
        chain->capacity = capacity;
    }
    chain->functions[chain->count++] = *die;
}

/* The calls within a DIE's code, as the span from the first to the last of them. Each gets the
 * DIE as its next function if it is one. */
static struct span calls_within(struct walk *walk, Dwarf_Die *die, struct span within,
                                bool is_function, size_t level) {
    const struct sm_symbols_job *job = walk->job;
    struct span hull = {within.to, within.from};
    Dwarf_Addr base, low, high;
    ptrdiff_t offset = 0;
    while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
        size_t i = within.from +
                   sm_symbols_lower_bound(job->calls + within.from, within.to - within.from, low);
        if (i < within.to && job->calls[i] < high && i < hull.from)
            hull.from = i;
        for (; i < within.to && job->calls[i] < high; i++) {
            if (is_function)
                push(&walk->chains[i], die, level);
            if (i >= hull.to)
                hull.to = i + 1;
        }
    }
    return hull;
}

static void walk_children(struct walk *walk, Dwarf_Die *parent, struct span within,
                          struct place place);

static void walk_die(struct walk *walk, Dwarf_Die *die, struct span within, struct place place) {
    int tag = dwarf_tag(die);
    struct span calls = within;
    bool is_function = false;
    switch (tag) {
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
    case DW_TAG_entry_point:
        is_function = true;
        __attribute__((fallthrough));
    case DW_TAG_lexical_block:
        calls = calls_within(walk, die, within, is_function, place.level);
        if (calls.from < calls.to || !walk->is_thorough)
            break;
        /* A nested function lies outside the code of the one around it. */
        calls = within;
        is_function = false;
        break;
    case DW_TAG_namespace:
    case DW_TAG_module:
        break;
    default:
        if (!walk->is_thorough)
            return;
    }
    if (calls.from < calls.to)
        walk_children(walk, die, calls,
                      (struct place){place.nesting + 1, place.level + is_function});
}

static void walk_children(struct walk *walk, Dwarf_Die *parent, struct span within,
                          struct place place) {
    Dwarf_Die child;
    if (place.nesting > NESTING_MAX || dwarf_child(parent, &child))
        return;
    do
        walk_die(walk, &child, within, place);
    while (dwarf_siblingof(&child, &child) == 0);
}

/* C++ and Rust compilers leave the linkage name out where nobody links: of functions in unnamed
 * namespaces. The symbol table has it. */
static bool is_mangled(const char *symbol) {
    return symbol && symbol[0] == '_' && (symbol[1] == 'Z' || symbol[1] == 'R');
}

/* The function's name as its author wrote it; malloc'd, NULL when it has none. `symbol` is what
 * the symbol table calls it, NULL = unknown. */
static char *function_name(Dwarf_Die *die, const char *symbol) {
    static const unsigned linkage[] = {DW_AT_linkage_name, DW_AT_MIPS_linkage_name};
    Dwarf_Attribute attribute;
    for (size_t i = 0; i < sizeof linkage / sizeof *linkage; i++) {
        const char *name = dwarf_formstring(dwarf_attr_integrate(die, linkage[i], &attribute));
        if (name)
            return sm_demangle(name);
    }
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
    if (is_mangled(symbol) || !name)
        return symbol ? sm_demangle(symbol) : NULL;
    return strdup(name);
}

static Dwarf_Word number_of(Dwarf_Die *die, unsigned name) {
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) ? 0 : value;
}

/* Where an inlined function was called. */
static void call_site(Dwarf_Die *unit, Dwarf_Die *inlined, struct sm_symbols_found *found) {
    Dwarf_Files *files;
    size_t file_count;
    Dwarf_Word file = number_of(inlined, DW_AT_call_file);
    found->line = (int)number_of(inlined, DW_AT_call_line);
    found->file = NULL;
    if (dwarf_getsrcfiles(unit, &files, &file_count) == 0 && file < file_count)
        found->file = dwarf_filesrc(files, file, NULL, NULL);
}

static void line_of(Dwarf_Die *unit, uint64_t address, struct sm_symbols_found *found) {
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);
    if (!line)
        return;
    found->file = dwarf_linesrc(line, NULL, NULL);
    dwarf_lineno(line, &found->line);
}

/* Tells the functions around calls[index], innermost first. */
static void tell(const struct walk *walk, Dwarf_Die *line_unit, Dwarf_Die *unit, size_t index,
                 const char *symbol, sm_symbols_emit *emit, void *context) {
    const struct chain *chain = &walk->chains[index];
    struct sm_symbols_found found = {.index = index};
    line_of(line_unit, walk->job->calls[index], &found);
    if (!chain->count) {
        char *name = symbol ? sm_demangle(symbol) : NULL;
        found.function = name ? name : "";
        emit(context, &found);
        free(name);
        return;
    }
    for (size_t i = chain->count; i-- > 0; found.inline_depth++) {
        char *name = function_name(&chain->functions[i], i == 0 ? symbol : NULL);
        found.function = name ? name : "";
        emit(context, &found);
        free(name);
        if (i > 0)
            call_site(unit, &chain->functions[i], &found);
    }
}

/* True when a call of the span has a line but no function yet. */
static bool lacks_functions(const struct walk *walk, struct span calls,
                            const unsigned char *is_mine) {
    for (size_t i = calls.from; i < calls.to; i++) {
        if (is_mine[i] && !walk->chains[i].count)
            return true;
    }
    return false;
}

/* Marks in is_mine the calls that a unit covers and nobody has told; their span. */
static struct span calls_of_unit(Dwarf_Die *unit, const struct sm_symbols_job *job,
                                 const unsigned char *is_told, unsigned char *is_mine) {
    struct span hull = {job->count, 0};
    Dwarf_Addr base, low, high;
    ptrdiff_t offset = 0;
    while ((offset = dwarf_ranges(unit, offset, &base, &low, &high)) > 0) {
        size_t i = sm_symbols_lower_bound(job->calls, job->count, low);
        for (; i < job->count && job->calls[i] < high; i++) {
            if (is_told[i])
                continue;
            is_mine[i] = 1;
            hull.from = i < hull.from ? i : hull.from;
            hull.to = i >= hull.to ? i + 1 : hull.to;
        }
    }
    return hull;
}

/* `line_unit` has the ranges and the lines; `unit` the functions (another one where the debug
 * information is split into .dwo files). */
static void walk_unit(struct walk *walk, Dwarf_Die *line_unit, Dwarf_Die *unit,
                      const char *const *names, unsigned char *is_told, unsigned char *is_mine,
                      sm_symbols_emit *emit, void *context) {
    struct span calls = calls_of_unit(line_unit, walk->job, is_told, is_mine);
    if (calls.from >= calls.to)
        return;
    walk->is_thorough = false;
    walk_children(walk, unit, calls, (struct place){0, 0});
    if (lacks_functions(walk, calls, is_mine)) {
        for (size_t i = calls.from; i < calls.to; i++)
            walk->chains[i].count = 0;
        walk->is_thorough = true;
        walk_children(walk, unit, calls, (struct place){0, 0});
    }
    for (size_t i = calls.from; i < calls.to; i++) {
        if (is_mine[i])
            tell(walk, line_unit, unit, i, names[i], emit, context);
        is_told[i] |= is_mine[i];
        is_mine[i] = 0;
        walk->chains[i].count = 0;
    }
}

void sm_symbols_dwarf(Dwarf *dwarf, const struct sm_symbols_job *job, const char *const *names,
                      unsigned char *is_told, sm_symbols_emit *emit, void *context) {
    struct walk walk = {.job = job, .chains = calloc(job->count, sizeof *walk.chains)};
    unsigned char *is_mine = calloc(job->count, 1);
    Dwarf_CU *unit = NULL;
    Dwarf_Die unit_die, split_die;
    uint8_t type;
    while (walk.chains && is_mine &&
           dwarf_get_units(dwarf, unit, &unit, NULL, &type, &unit_die, &split_die) == 0) {
        bool has_split = type == DW_UT_skeleton && dwarf_tag(&split_die) != DW_TAG_invalid;
        if (type == DW_UT_compile || type == DW_UT_skeleton)
            walk_unit(&walk, &unit_die, has_split ? &split_die : &unit_die, names, is_told, is_mine,
                      emit, context);
    }
    for (size_t i = 0; walk.chains && i < job->count; i++)
        free(walk.chains[i].functions);
    free(walk.chains);
    free(is_mine);
}
