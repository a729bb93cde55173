/* handler.h - what the server does with an upload: one file a way, one row in handler_table.c. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "wire.h"

/* Why an upload is refused. */
struct br_refusal {
    grpc_status_code status;
    char details[160];
};

/* Thread rule: all on the server's one thread. */
struct br_handler {
    const char *name;
    const char *help;
    /* The state of one upload. NULL when there is no memory. */
    void *(*begin)(void);
    /* The next message of the upload, whole. It owns the slice's bytes from here on, in which
     * chunk lies. False: refused, *ret_refusal says why. */
    bool (*take)(void *upload, grpc_slice message, const struct br_chunk *chunk,
                 struct br_refusal *ret_refusal);
    /* All has come. The answer, which the caller owns; NULL: refused. */
    grpc_byte_buffer *(*answer)(void *upload, bool is_echo, struct br_refusal *ret_refusal);
    /* The call is over, however it ended: frees the state, or does not. */
    void (*end)(void *upload);
};

extern const struct br_handler br_handler_accumulate;
extern const struct br_handler br_handler_retain;
extern const struct br_handler br_handler_records;
extern const struct br_handler br_handler_reserve;
extern const struct br_handler br_handler_stream;

/* Ends with NULL. */
extern const struct br_handler *const br_handlers[];

/* NULL when there is none of this name. */
const struct br_handler *br_handler_find(const char *name);

/* Fills *ret_refusal for want of memory; returns false. */
bool br_refuse_no_memory(struct br_refusal *ret_refusal);

/* A Reply without an echo. */
grpc_byte_buffer *br_summary_reply(uint64_t bytes, uint32_t crc32);

/* Contexts that br_handler_retain has kept, since the start. */
unsigned long br_retained_contexts(void);
