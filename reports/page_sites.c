/* Sites come as columns, their stacks as one tree from the outermost frame inwards: ten thousand
 * stacks share most of their frames. */
#include "page_data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json_values.h"
#include "page_intern.h"
#include "stacks.h"

enum { FRAMES = 128, SITES_MAX = 20000 };

struct frame_key {
    int32_t function, file, module, line;
};

struct node_key {
    int32_t parent, frame;
};

struct tree {
    const struct sm_run *run;
    struct sm_page_intern texts, frames, nodes;
    int is_out_of_memory;
};

static int32_t text_number(struct tree *tree, const char *text) {
    int32_t number = sm_page_intern(&tree->texts, text, strlen(text));
    tree->is_out_of_memory |= number < 0;
    return number;
}

static int32_t frame_number(struct tree *tree, const struct sm_stack_frame *frame) {
    char address[32];
    snprintf(address, sizeof address, "+0x%llx", (unsigned long long)frame->address);
    struct frame_key key = {
        .function = text_number(tree, frame->function[0] ? frame->function : address),
        .file = text_number(tree, frame->file),
        .module = text_number(tree, frame->module),
        .line = frame->line,
    };
    int32_t number = sm_page_intern(&tree->frames, &key, sizeof key);
    tree->is_out_of_memory |= number < 0;
    return number;
}

/* The node of a stack's innermost frame, -1 for none. */
static int32_t leaf_of(struct tree *tree, int32_t stack_id) {
    struct sm_stack_frame frames[FRAMES];
    size_t count = stack_id ? sm_stack_frames(tree->run, stack_id, frames, FRAMES) : 0;
    int32_t node = -1;
    for (size_t i = count < FRAMES ? count : FRAMES; i > 0; i--) {
        struct node_key key = {node, frame_number(tree, &frames[i - 1])};
        node = sm_page_intern(&tree->nodes, &key, sizeof key);
        if (node < 0) {
            tree->is_out_of_memory = 1;
            return -1;
        }
    }
    return node;
}

static void append(json_t *object, const char *column, json_t *value) {
    json_t *array = json_object_get(object, column);
    if (!array) {
        array = json_array();
        json_object_set_new(object, column, array);
    }
    json_array_append_new(array, value);
}

static json_t *tree_object(const struct tree *tree) {
    json_t *texts = json_array(), *frames = json_object(), *nodes = json_object();
    for (size_t i = 0; i < tree->texts.count; i++) {
        char *text = strndup(tree->texts.keys[i].bytes, tree->texts.keys[i].length);
        json_array_append_new(texts, text ? sm_json_text(text) : NULL);
        free(text);
    }
    for (size_t i = 0; i < tree->frames.count; i++) {
        const struct frame_key *key = tree->frames.keys[i].bytes;
        append(frames, "function", json_integer(key->function));
        append(frames, "file", json_integer(key->file));
        append(frames, "module", json_integer(key->module));
        append(frames, "line", json_integer(key->line));
    }
    for (size_t i = 0; i < tree->nodes.count; i++) {
        const struct node_key *key = tree->nodes.keys[i].bytes;
        append(nodes, "parent", json_integer(key->parent));
        append(nodes, "frame", json_integer(key->frame));
    }
    return json_pack("{so so so}", "texts", texts, "frames", frames, "nodes", nodes);
}

static void append_interval(json_t *columns, const char *name, const struct sm_interval *interval) {
    char column[40];
    append(columns, name, sm_json_number(interval->value));
    snprintf(column, sizeof column, "%s_low", name);
    append(columns, column, sm_json_number(interval->low));
    snprintf(column, sizeof column, "%s_high", name);
    append(columns, column, sm_json_number(interval->high));
}

static void append_site(struct tree *tree, json_t *columns, const struct sm_site_result *site) {
    append(columns, "kind", json_integer(site->kind));
    append(columns, "node", json_integer(leaf_of(tree, site->stack_id)));
    append(columns, "freed_by", json_integer(leaf_of(tree, site->freed_by_stack_id)));
    append_interval(columns, "rate_per_s", &site->rate_per_s);
    append_interval(columns, "rate_per_unit", &site->rate_per_unit);
    append(columns, "growing", json_integer(site->is_growing));
    append(columns, "verdict",
           site->is_judged ? json_string(sm_verdict_name(site->verdict.kind)) : json_null());
    append(columns, "why", sm_json_text(site->is_judged ? site->verdict.why : ""));
#define FIGURE(name) append(columns, #name, sm_json_number(site->name));
    FIGURE(live_bytes)
    FIGURE(live_count)
    FIGURE(growth_bytes)
    FIGURE(growth_count)
    FIGURE(peak_bytes)
    FIGURE(peak_count)
    FIGURE(kept_bytes)
    FIGURE(kept_count)
    FIGURE(end_bytes)
    FIGURE(end_count)
    FIGURE(freed_share)
    FIGURE(residence_before_s)
    FIGURE(residence_now_s)
    FIGURE(residence_p50_s)
    FIGURE(residence_p99_s)
#undef FIGURE
}

json_t *sm_page_sites(const struct sm_run *run, const struct sm_analysis *analysis) {
    struct tree tree = {.run = run};
    json_t *columns = json_object(), *object = NULL;
    size_t shown = analysis->site_count < SITES_MAX ? analysis->site_count : SITES_MAX;
    for (size_t i = 0; i < shown; i++)
        append_site(&tree, columns, &analysis->sites[i]);
    if (!tree.is_out_of_memory)
        object = json_pack("{sI sI so so}", "count", (json_int_t)shown, "left_out",
                           (json_int_t)(analysis->site_count - shown), "columns",
                           json_incref(columns), "stacks", tree_object(&tree));
    json_decref(columns);
    sm_page_intern_free(&tree.texts);
    sm_page_intern_free(&tree.frames);
    sm_page_intern_free(&tree.nodes);
    return object;
}
