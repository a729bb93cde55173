#include "page_intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_AT_FIRST = 256 };

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static size_t find_slot(const struct sm_page_intern *intern, const struct sm_page_intern_key *key) {
    size_t at = (size_t)key->hash & (intern->slot_count - 1);
    for (; intern->slots[at] >= 0; at = (at + 1) & (intern->slot_count - 1)) {
        const struct sm_page_intern_key *other = &intern->keys[intern->slots[at]];
        if (other->hash == key->hash && other->length == key->length &&
            memcmp(other->bytes, key->bytes, key->length) == 0)
            break;
    }
    return at;
}

/* At most half full. */
static int make_room(struct sm_page_intern *intern) {
    if (intern->count * 2 < intern->slot_count)
        return 0;
    size_t slot_count = intern->slot_count ? intern->slot_count * 2 : SLOTS_AT_FIRST;
    int32_t *slots = malloc(slot_count * sizeof *slots);
    struct sm_page_intern_key *keys = reallocarray(intern->keys, slot_count, sizeof *keys);
    if (keys)
        intern->keys = keys;
    if (!slots || !keys) {
        free(slots);
        return -ENOMEM;
    }
    memset(slots, 0xff, slot_count * sizeof *slots);
    free(intern->slots);
    intern->slots = slots;
    intern->slot_count = slot_count;
    for (size_t i = 0; i < intern->count; i++)
        slots[find_slot(intern, &keys[i])] = (int32_t)i;
    return 0;
}

int32_t sm_page_intern(struct sm_page_intern *intern, const void *bytes, size_t length) {
    struct sm_page_intern_key key = {(void *)bytes, length, hash_of(bytes, length)};
    if (intern->count >= INT32_MAX / 2 || make_room(intern))
        return -ENOMEM;
    size_t slot = find_slot(intern, &key);
    if (intern->slots[slot] >= 0)
        return intern->slots[slot];
    key.bytes = malloc(length ? length : 1);
    if (!key.bytes)
        return -ENOMEM;
    memcpy(key.bytes, bytes, length);
    intern->keys[intern->count] = key;
    intern->slots[slot] = (int32_t)intern->count;
    return (int32_t)intern->count++;
}

void sm_page_intern_free(struct sm_page_intern *intern) {
    for (size_t i = 0; i < intern->count; i++)
        free(intern->keys[i].bytes);
    free(intern->keys);
    free(intern->slots);
    *intern = (struct sm_page_intern){0};
}
