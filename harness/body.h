/* body.h - what a unit of load carries: a rope of parts that are made as they are sent.
 *
 * A body of any length takes no more memory than what its parts hold: a large part repeats itself
 * or is read from its file as it goes. A body may have several variants, which the units take in
 * turn. Bodies are owned by the scenario and read-only for everybody else; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How the number of a unit is written into its body. */
#define SM_BODY_NUMBER_TABLE(X)                                                                    \
    X(DECIMAL, 20) /* in spaces, on the right, as JSON and texts allow */                          \
    X(BIG_ENDIAN, 8)                                                                               \
    X(VARINT, 10) /* of protobuf, drawn out to its full length */
enum sm_body_number {
    SM_BODY_NUMBER_NONE,
#define X(id, bytes) SM_BODY_NUMBER_##id,
    SM_BODY_NUMBER_TABLE(X)
#undef X
};

/* Byte i is bytes[i % held]; or, where bytes is NULL, of a file or of the unit's number. */
struct sm_body_part {
    const char *bytes;
    size_t held;
    size_t length;
    enum sm_body_number number;
    int fd; /* of the file; the part begins at its start */
};

struct sm_body_variant {
    const struct sm_body_part *parts;
    size_t part_count;
    size_t length; /* in bytes, of all parts */
};

struct sm_body {
    const struct sm_body_variant *variants; /* at least one */
    size_t variant_count;
    const char *content_type;     /* static storage */
    const char *content_encoding; /* static storage; NULL: none */
    size_t payload_bytes;         /* of one unit: what text(n) made, else all; the variants' mean */
};

enum { SM_BODY_SCRATCH = 1 << 18 }; /* bytes that a reader lends for what is made on the way */

/* The bytes that a number takes when written so; 0 for none. */
size_t sm_body_number_bytes(enum sm_body_number number);

/* What the unit of this number carries. */
const struct sm_body_variant *sm_body_variant(const struct sm_body *body, int64_t unit_number);

/* Whether every unit carries the same bytes. */
bool sm_body_is_fixed(const struct sm_body *body);

/* The next bytes from an offset on, as many as lie together: in the body itself, or in scratch,
 * which has SM_BODY_SCRATCH bytes. Returns their number, 0 at the end, or -EIO or another negative
 * errno when a file cannot be read or has become shorter. */
ssize_t sm_body_piece(const struct sm_body_variant *variant, int64_t unit_number, size_t offset,
                      char *scratch, const char **ret_piece);

/* How many bytes from an offset on lie together in the body itself, and where; 0: none. */
size_t sm_body_held(const struct sm_body_variant *variant, size_t offset, const char **ret_bytes);

/* Copies `length` bytes, which must be there, from an offset on. Returns 0, or as above. */
int sm_body_copy(const struct sm_body_variant *variant, int64_t unit_number, size_t offset,
                 char *to, size_t length);

/* Whether both carry the same, part by part. */
bool sm_body_same(const struct sm_body *a, const struct sm_body *b);
