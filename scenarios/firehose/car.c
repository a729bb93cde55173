#include "car.h"

#include <stdlib.h>
#include <string.h>

enum {
    CID_V1 = 1,
    VARINT_MAX_BITS = 56,
};

static bool take_varint(struct fh_bytes *rest, uint64_t *ret_value) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift <= VARINT_MAX_BITS && rest->count; shift += 7) {
        uint8_t byte = *rest->at++;
        rest->count--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct fh_bytes *rest, uint64_t count, struct fh_bytes *ret_bytes) {
    if (count > rest->count)
        return false;
    *ret_bytes = (struct fh_bytes){rest->at, (size_t)count};
    rest->at += count;
    rest->count -= (size_t)count;
    return true;
}

/* A CID of version 1: version, codec, hash function, hash length, hash. */
static bool take_cid(struct fh_bytes *rest, struct fh_bytes *ret_cid) {
    const uint8_t *start = rest->at;
    uint64_t version, codec, function, length;
    struct fh_bytes hash;
    if (!take_varint(rest, &version) || version != CID_V1 || !take_varint(rest, &codec) ||
        !take_varint(rest, &function) || !take_varint(rest, &length) ||
        !take_bytes(rest, length, &hash))
        return false;
    *ret_cid = (struct fh_bytes){start, (size_t)(rest->at - start)};
    return true;
}

bool fh_car_open(struct fh_car *car, struct fh_bytes bytes) {
    uint64_t length;
    struct fh_bytes header;
    car->rest = bytes;
    return take_varint(&car->rest, &length) && take_bytes(&car->rest, length, &header);
}

int fh_car_next(struct fh_car *car, struct fh_car_block *ret_block) {
    uint64_t length;
    struct fh_bytes block;
    if (car->rest.count == 0)
        return 0;
    if (!take_varint(&car->rest, &length) || !take_bytes(&car->rest, length, &block) ||
        !take_cid(&block, &ret_block->cid))
        return -1;
    ret_block->data = block;
    return 1;
}

struct table_block {
    uint8_t *copy; /* the CID, then the data */
    size_t cid_bytes, data_bytes;
};

struct fh_car_table {
    struct table_block *blocks;
    size_t count, capacity;
};

static bool add_block(struct fh_car_table *table, const struct fh_car_block *block) {
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 8;
        struct table_block *blocks = realloc(table->blocks, capacity * sizeof *blocks);
        if (!blocks)
            return false;
        table->blocks = blocks;
        table->capacity = capacity;
    }
    uint8_t *copy = malloc(block->cid.count + block->data.count);
    if (!copy)
        return false;
    memcpy(copy, block->cid.at, block->cid.count);
    memcpy(copy + block->cid.count, block->data.at, block->data.count);
    table->blocks[table->count++] = (struct table_block){copy, block->cid.count, block->data.count};
    return true;
}

struct fh_car_table *fh_car_table_read(struct fh_bytes bytes) {
    struct fh_car car;
    struct fh_car_block block;
    struct fh_car_table *table = fh_car_open(&car, bytes) ? calloc(1, sizeof *table) : NULL;
    if (!table)
        return NULL;
    int more;
    while ((more = fh_car_next(&car, &block)) == 1 && add_block(table, &block))
        continue;
    if (more != 0) {
        fh_car_table_free(table);
        return NULL;
    }
    return table;
}

void fh_car_table_free(struct fh_car_table *table) {
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->blocks[i].copy);
    free(table->blocks);
    free(table);
}

bool fh_car_table_find(const struct fh_car_table *table, struct fh_bytes cid,
                       struct fh_bytes *ret_data) {
    for (size_t i = 0; i < table->count; i++) {
        const struct table_block *block = &table->blocks[i];
        if (block->cid_bytes == cid.count && memcmp(block->copy, cid.at, cid.count) == 0) {
            *ret_data = (struct fh_bytes){block->copy + block->cid_bytes, block->data_bytes};
            return true;
        }
    }
    return false;
}
