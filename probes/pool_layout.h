/* pool_layout.h - how a pool is cut: what its maker must decide before the start.
 *
 * Shared by the harness, which makes pools, and by the probe, which makes one of its own when
 * there is no harness. Pure functions of sizes; the file itself is sparse. */
#pragma once

#include <stdint.h>

#include "spillmark_abi.h"

enum { SPILLMARK_PAGE_BYTES = 4096 };

/* The probe refuses less, and divides whatever it gets among its tables. */
#define SPILLMARK_SLOT_BYTES_MIN (UINT64_C(1) << 20)
/* Sampling at 64 KiB or more: 100 000 sites, 300 000 sampled objects alive at once. */
#define SPILLMARK_SLOT_BYTES_SAMPLED (UINT64_C(64) << 20)
/* Every allocation: 9 to 12 million objects alive at once. Only what is used takes memory: 10 to
 * 16 bytes an object, more where they are larger than a kilobyte. */
#define SPILLMARK_SLOT_BYTES_EXACT (UINT64_C(256) << 20)

static inline uint64_t spillmark_slot_bytes(uint64_t sample_interval_bytes) {
    return sample_interval_bytes > 0 && sample_interval_bytes < 65536
               ? SPILLMARK_SLOT_BYTES_EXACT
               : SPILLMARK_SLOT_BYTES_SAMPLED;
}

static inline uint32_t spillmark_header_bytes(uint32_t slot_count) {
    uint64_t bytes =
        sizeof(struct spillmark_pool) + slot_count * (uint64_t)sizeof(struct spillmark_claim);
    return (uint32_t)((bytes + SPILLMARK_PAGE_BYTES - 1) / SPILLMARK_PAGE_BYTES *
                      SPILLMARK_PAGE_BYTES);
}

/* What the file must be truncated to. */
static inline uint64_t spillmark_pool_bytes(uint32_t slot_count, uint64_t slot_bytes) {
    return spillmark_header_bytes(slot_count) + slot_count * slot_bytes;
}

/* The header of a fresh pool; the claim table behind it is all zeros. */
static inline struct spillmark_pool spillmark_pool_header(uint32_t slot_count, uint64_t slot_bytes,
                                                          uint64_t sample_interval_bytes,
                                                          uint64_t seed, uint32_t wanted) {
    return (struct spillmark_pool){
        .magic = SPILLMARK_MAGIC,
        .abi_major = SPILLMARK_ABI_MAJOR,
        .abi_minor = SPILLMARK_ABI_MINOR,
        .header_bytes = spillmark_header_bytes(slot_count),
        .slot_count = slot_count,
        .slot_bytes = slot_bytes,
        .sample_interval_bytes = sample_interval_bytes,
        .seed = seed,
        .wanted = wanted,
        .claims_offset = sizeof(struct spillmark_pool),
    };
}
