/* car.h - reads a CAR file, version 1: a header, then blocks, each with the CID that names it.
 * Format: https://ipld.io/specs/transport/car/carv1/ */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fh_bytes {
    const uint8_t *at;
    size_t count;
};

/* Where a reader stands; the bytes belong to the caller and outlive it. */
struct fh_car {
    struct fh_bytes rest;
};

struct fh_car_block {
    struct fh_bytes cid; /* in binary form */
    struct fh_bytes data;
};

/* Reads past the header. False when the bytes are not a CAR file. */
bool fh_car_open(struct fh_car *car, struct fh_bytes bytes);

/* 1 with a block that points into the bytes, 0 at the end, -1 when what follows is no block. */
int fh_car_next(struct fh_car *car, struct fh_car_block *ret_block);

/* All blocks of a file, copied, to be found by their CIDs. */
struct fh_car_table;

/* NULL when the bytes are not a CAR file, or there is no memory. */
struct fh_car_table *fh_car_table_read(struct fh_bytes bytes);
void fh_car_table_free(struct fh_car_table *table); /* NULL is allowed */

/* False when there is none of this name. *ret_data belongs to the table. */
bool fh_car_table_find(const struct fh_car_table *table, struct fh_bytes cid,
                       struct fh_bytes *ret_data);
