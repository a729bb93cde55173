#include "handler.h"

#include <stdio.h>
#include <string.h>

const struct br_handler *const br_handlers[] = {
    &br_handler_accumulate, &br_handler_retain, &br_handler_records,
    &br_handler_reserve,    &br_handler_stream, NULL,
};

const struct br_handler *br_handler_find(const char *name) {
    for (const struct br_handler *const *handler = br_handlers; *handler; handler++) {
        if (strcmp((*handler)->name, name) == 0)
            return *handler;
    }
    return NULL;
}

bool br_refuse_no_memory(struct br_refusal *ret_refusal) {
    ret_refusal->status = GRPC_STATUS_RESOURCE_EXHAUSTED;
    snprintf(ret_refusal->details, sizeof ret_refusal->details, "no memory for this upload");
    return false;
}

grpc_byte_buffer *br_summary_reply(uint64_t bytes, uint32_t crc32) {
    uint8_t head[BR_REPLY_HEAD_MAX];
    size_t length = br_wire_write_reply_head(head, bytes, crc32, 0);
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)head, length);
    grpc_byte_buffer *reply = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return reply;
}
