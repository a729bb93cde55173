/* load_relay_script.h - what a relay does to its consumer besides pushing events: step {...} in a
 * scenario, and when each is due. Engine's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

#define SM_LOAD_RELAY_ACTION_TABLE(X)                                                              \
    X(MESSAGE, "message")     /* one without a number: an error frame, garbage */                  \
    X(CLOSE, "close")         /* in order, with a status; after a message where there is one */    \
    X(RESET, "reset")         /* the connection is gone at once */                                 \
    X(TORN, "torn")           /* half an event, then the end */                                    \
    X(BAD_FRAME, "bad_frame") /* bytes that are no frame */
enum sm_load_relay_action {
#define X(id, name) SM_LOAD_RELAY_##id,
    SM_LOAD_RELAY_ACTION_TABLE(X)
#undef X
};

extern const struct sm_key sm_load_relay_step_keys[];

/* Body and reason are the config's. */
struct sm_load_relay_step {
    enum sm_load_relay_action action;
    const struct sm_body *body; /* NULL: none */
    int code;                   /* to close with */
    const char *reason;
    int64_t away_ns; /* so long connections are reset afterwards */
    /* private */
    int64_t at, every, waiting; /* in events; 0: not by that */
    bool is_done;
};

struct sm_load_relay_script {
    struct sm_load_relay_step *steps;
    size_t count;
    int64_t next_at; /* no step is due by pushes before; INT64_MAX: none is left */
    bool looks_at_waiting;
};

/* Reads the steps of a relay. Returns 0, and the caller frees with sm_load_relay_script_free, or a
 * negative errno and *err. */
int sm_load_relay_script_read(const struct sm_block *config,
                              struct sm_load_relay_script *ret_script, struct sm_error *err);
void sm_load_relay_script_free(struct sm_load_relay_script *script);

/* The next step that is due after so many events were pushed; it is then behind us. NULL: none. */
const struct sm_load_relay_step *sm_load_relay_script_due(struct sm_load_relay_script *script,
                                                          int64_t pushed);
/* The same by the events that wait for this consumer. */
const struct sm_load_relay_step *sm_load_relay_script_waiting(struct sm_load_relay_script *script,
                                                              int64_t waiting);
/* A new consumer may be found slow again. */
void sm_load_relay_script_connected(struct sm_load_relay_script *script);
