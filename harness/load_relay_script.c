#include "load_relay_script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const action_names[] = {
#define X(id, name) name,
    SM_LOAD_RELAY_ACTION_TABLE(X)
#undef X
        NULL};

const struct sm_key sm_load_relay_step_keys[] = {
    {.name = "action",
     .type = SM_KEY_TEXT,
     .required = true,
     .choices = action_names,
     .help = "message sends body without a number; close closes in order, after body if there is "
             "one; reset drops the connection; torn drops it in the middle of an event; bad_frame "
             "sends what is no frame"},
    {.name = "after",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .help = "done once, after so many events were pushed"},
    {.name = "every",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_least = 1,
     .help = "done each time so many were pushed"},
    {.name = "waiting",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_least = 1,
     .help = "done once for each consumer, when so many events wait for it"},
    {.name = "body", .type = SM_KEY_BODY, .help = "a message, sent as it is"},
    {.name = "code",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .fallback = "1000",
     .at_least = 1000,
     .at_most = 4999,
     .help = "the status of closing"},
    {.name = "reason", .type = SM_KEY_TEXT, .fallback = "", .help = "its words"},
    {.name = "away",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .fallback = "0s",
     .at_most = 86400,
     .help = "how long connections are reset after it"},
    {.name = NULL}};

static int read_step(const struct sm_block *block, struct sm_load_relay_step *step,
                     struct sm_error *err) {
    const char *action = sm_block_text(block, "action");
    for (int i = 0; action_names[i]; i++)
        if (strcmp(action_names[i], action) == 0)
            step->action = (enum sm_load_relay_action)i;
    step->body = sm_block_body(block, "body");
    step->code = (int)sm_block_quantity(block, "code");
    step->reason = sm_block_text(block, "reason");
    step->away_ns = (int64_t)(sm_block_quantity(block, "away") * 1e9);
    step->every = (int64_t)sm_block_quantity(block, "every");
    step->waiting = (int64_t)sm_block_quantity(block, "waiting");
    step->at = step->every ? step->every : (int64_t)sm_block_quantity(block, "after");
    int given = sm_block_has(block, "after") + sm_block_has(block, "every") +
                sm_block_has(block, "waiting");
    if (given != 1)
        return sm_error_set(err, -EINVAL, block->where, "write after = 10000",
                            "a step has one of after, every and waiting");
    if (step->action == SM_LOAD_RELAY_MESSAGE && !step->body)
        return sm_error_set(err, -EINVAL, block->where, "add body = \"...\"",
                            "a message needs a body");
    return 0;
}

static void find_next(struct sm_load_relay_script *script) {
    script->next_at = INT64_MAX;
    for (size_t i = 0; i < script->count; i++) {
        const struct sm_load_relay_step *step = &script->steps[i];
        if (!step->waiting && !step->is_done && step->at < script->next_at)
            script->next_at = step->at;
    }
}

int sm_load_relay_script_read(const struct sm_block *config,
                              struct sm_load_relay_script *ret_script, struct sm_error *err) {
    struct sm_load_relay_script script = {0};
    const struct sm_block *const *blocks = sm_block_blocks(config, "script", &script.count);
    script.steps = calloc(script.count + 1, sizeof *script.steps);
    int rc = script.steps
                 ? 0
                 : sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot read the script");
    for (size_t i = 0; rc == 0 && i < script.count; i++) {
        rc = read_step(blocks[i], &script.steps[i], err);
        script.looks_at_waiting |= script.steps[i].waiting > 0;
    }
    if (rc < 0) {
        free(script.steps);
        return rc;
    }
    find_next(&script);
    *ret_script = script;
    return 0;
}

void sm_load_relay_script_free(struct sm_load_relay_script *script) {
    free(script->steps);
    script->steps = NULL;
}

const struct sm_load_relay_step *sm_load_relay_script_due(struct sm_load_relay_script *script,
                                                          int64_t pushed) {
    if (pushed < script->next_at)
        return NULL;
    struct sm_load_relay_step *step = script->steps;
    while (step->waiting || step->is_done || step->at > pushed)
        step++;
    if (step->every)
        step->at = pushed + step->every;
    else
        step->is_done = true;
    find_next(script);
    return step;
}

const struct sm_load_relay_step *sm_load_relay_script_waiting(struct sm_load_relay_script *script,
                                                              int64_t waiting) {
    for (size_t i = 0; i < script->count; i++) {
        struct sm_load_relay_step *step = &script->steps[i];
        if (!step->waiting || step->is_done || step->waiting > waiting)
            continue;
        step->is_done = true;
        return step;
    }
    return NULL;
}

void sm_load_relay_script_connected(struct sm_load_relay_script *script) {
    for (size_t i = 0; i < script->count; i++)
        if (script->steps[i].waiting)
            script->steps[i].is_done = false;
}
