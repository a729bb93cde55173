/* Parses the body into small records, counts them by their first byte, frees them, and leaves a
 * summary behind. Of the summaries the last few stay: each lies above the freed records in the
 * allocator's arena, so that the arena cannot shrink. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "buffer.h"
#include "handler.h"

enum {
    RECORD_BYTES = 128,
    SUMMARIES_KEPT = 64,
    KINDS = 256,
};

struct record {
    struct record *next;
    size_t bytes;
    uint8_t text[];
};

struct summary {
    uint64_t records;
    uint32_t by_kind[KINDS];
};

struct parse {
    struct record *records; /* newest first */
    uint64_t count, bytes;
    uint32_t crc32;
};

static struct summary *summaries[SUMMARIES_KEPT];
static unsigned long summaries_made;

static void *begin(void) {
    return calloc(1, sizeof(struct parse));
}

static bool add_record(struct parse *parse, const uint8_t *text, size_t bytes) {
    struct record *record = malloc(sizeof *record + bytes);
    if (!record)
        return false;
    memcpy(record->text, text, bytes);
    record->bytes = bytes;
    record->next = parse->records;
    parse->records = record;
    parse->count++;
    br_held_change((int64_t)(sizeof *record + bytes));
    return true;
}

static bool take(void *upload, grpc_slice message, const struct br_chunk *chunk,
                 struct br_refusal *ret_refusal) {
    struct parse *parse = upload;
    bool is_ok = true;
    for (size_t at = 0; is_ok && at < chunk->bytes; at += RECORD_BYTES) {
        size_t left = chunk->bytes - at;
        is_ok = add_record(parse, chunk->data + at, left < RECORD_BYTES ? left : RECORD_BYTES);
    }
    parse->bytes += chunk->bytes;
    parse->crc32 =
        chunk->bytes ? (uint32_t)crc32_z(parse->crc32, chunk->data, chunk->bytes) : parse->crc32;
    grpc_slice_unref(message);
    return is_ok || br_refuse_no_memory(ret_refusal);
}

static void summarize(const struct parse *parse) {
    struct summary *summary = calloc(1, sizeof *summary);
    if (!summary)
        return; /* nothing depends on it */
    summary->records = parse->count;
    for (const struct record *record = parse->records; record; record = record->next)
        summary->by_kind[record->bytes ? record->text[0] : 0]++;
    struct summary **slot = &summaries[summaries_made++ % SUMMARIES_KEPT];
    free(*slot);
    *slot = summary;
}

static grpc_byte_buffer *answer(void *upload, bool is_echo, struct br_refusal *ret_refusal) {
    (void)is_echo; /* what was parsed is not put together again */
    (void)ret_refusal;
    const struct parse *parse = upload;
    summarize(parse);
    return br_summary_reply(parse->bytes, parse->crc32);
}

static void end(void *upload) {
    struct parse *parse = upload;
    while (parse->records) {
        struct record *record = parse->records;
        parse->records = record->next;
        br_held_change(-(int64_t)(sizeof *record + record->bytes));
        free(record);
    }
    free(parse);
}

const struct br_handler br_handler_records = {
    .name = "records",
    .help = "parse it into many small objects, which are freed; a summary stays",
    .begin = begin,
    .take = take,
    .answer = answer,
    .end = end,
};
