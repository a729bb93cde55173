/* scenario_body_gzip.c - gzip(body): what is compressed is built once, and a large repeated part of
 * it stays one: between two full flushes of deflate, a block of bytes becomes the same bytes
 * wherever it stands. */
#include "scenario_body.h"

#include <lauxlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 65536, GZIP_WINDOW = -15, MEMORY_LEVEL = 8 };

/* RFC 1952: deflate, no name, no time, from a Unix. */
static const uint8_t gzip_head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

static void *allocate(void *opaque, unsigned count, unsigned bytes) {
    return sm_arena_alloc(opaque, (size_t)count * bytes);
}
static void keep(void *opaque, void *address) {
    (void)opaque, (void)address;
}

static void set_up(struct sm_body_build *build) {
    struct sm_loader *loader = build->loader;
    if (build->deflate) {
        deflateReset(build->deflate);
        return;
    }
    z_stream *deflate = sm_alloc(loader, sizeof *deflate);
    deflate->zalloc = allocate;
    deflate->zfree = keep;
    deflate->opaque = loader->arena;
    if (deflateInit2(deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        sm_raise_memory(loader);
    build->deflate = deflate;
}

static void add_compressed(struct sm_body_build *build, const char *bytes, size_t length,
                           int flush) {
    uint8_t out[CHUNK];
    z_stream *deflater = build->deflate;
    do {
        size_t now = length < CHUNK ? length : CHUNK;
        deflater->next_in = (Bytef *)bytes;
        deflater->avail_in = (uInt)now;
        bytes += now;
        length -= now;
        do {
            deflater->next_out = out;
            deflater->avail_out = CHUNK;
            deflate(deflater, length > 0 ? Z_NO_FLUSH : flush);
            sm_rope_add(&build->rope, out, CHUNK - deflater->avail_out);
        } while (deflater->avail_out == 0);
    } while (length > 0);
}

/* Compresses `times` times the same bytes, of which the first was compressed once. */
static uLong repeat(struct sm_body_build *build, const struct sm_body_part *part, uLong crc) {
    uLong block_crc = crc32_z(0, (const Bytef *)part->bytes, part->held);
    size_t times = part->length / part->held;
    add_compressed(build, "", 0, Z_FULL_FLUSH);
    struct sm_rope_mark mark = sm_rope_mark(&build->rope);
    add_compressed(build, part->bytes, part->held, Z_FULL_FLUSH);
    struct sm_body_variant once = sm_rope_take(&build->rope, mark);
    struct sm_body_part many = {
        .bytes = once.parts->bytes, .held = once.length, .length = once.length * times, .fd = -1};
    sm_rope_add_part(&build->rope, &many);
    for (size_t i = 0; i < times; i++)
        crc = crc32_combine(crc, block_crc, (z_off_t)part->held);
    return crc;
}

static uLong add_bytes(struct sm_body_build *build, const char *bytes, size_t length, uLong crc) {
    add_compressed(build, bytes, length, Z_NO_FLUSH);
    return crc32_z(crc, (const Bytef *)bytes, length);
}

static uLong add_file(struct sm_body_build *build, const struct sm_body_part *part, uLong crc) {
    char bytes[CHUNK];
    for (size_t at = 0; at < part->length;) {
        ssize_t got = pread(part->fd, bytes, sizeof bytes, (off_t)at);
        if (got <= 0)
            sm_raise(build->loader, NULL, "the file cannot be read");
        crc = add_bytes(build, bytes, (size_t)got, crc);
        at += (size_t)got;
    }
    return crc;
}

static uLong add_part(struct sm_body_build *build, const struct sm_body_part *part, uLong crc) {
    if (!part->bytes)
        return add_file(build, part, crc);
    if (part->length <= part->held)
        return add_bytes(build, part->bytes, part->length, crc);
    crc = repeat(build, part, crc);
    return add_bytes(build, part->bytes, part->length % part->held, crc);
}

static void add_little_endian(struct sm_body_build *build, uint64_t value) {
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++, value >>= 8)
        bytes[i] = (uint8_t)value;
    sm_rope_add(&build->rope, bytes, sizeof bytes);
}

void sm_body_add_gzip(struct sm_body_build *build, int index) {
    struct sm_loader *loader = build->loader;
    if (sm_list_length(loader, index) != 1)
        sm_raise(loader, "write gzip(json { ... })", "gzip takes one body");
    lua_rawgeti(loader->lua, index, 1);
    struct sm_rope_mark mark = sm_rope_mark(&build->rope);
    sm_body_add(build, index + 1);
    if (build->has_number)
        sm_raise(loader, NULL, "the unit's number cannot be written into what is compressed");
    if (build->content_encoding || mark.length > 0)
        sm_raise(loader, NULL, "gzip(...) compresses a whole body, once");
    struct sm_body_variant plain = sm_rope_take(&build->rope, mark);
    uLong crc = crc32(0, NULL, 0);
    set_up(build);
    sm_rope_add(&build->rope, gzip_head, sizeof gzip_head);
    for (size_t i = 0; i < plain.part_count; i++)
        crc = add_part(build, &plain.parts[i], crc);
    add_compressed(build, "", 0, Z_FINISH);
    add_little_endian(build, crc);
    add_little_endian(build, plain.length);
    build->content_encoding = "gzip";
}
