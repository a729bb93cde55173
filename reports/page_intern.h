/* page_intern.h - equal keys to equal small numbers, in order of first sight. Internal to the page.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sm_page_intern {
    struct sm_page_intern_key *keys; /* by number */
    size_t count;
    int32_t *slots; /* hash table of numbers, -1 = free */
    size_t slot_count;
};

struct sm_page_intern_key {
    void *bytes;
    size_t length;
    uint64_t hash;
};

/* The number of a key, which is copied when it is new. -ENOMEM on failure. A zeroed struct is an
 * empty one. */
int32_t sm_page_intern(struct sm_page_intern *intern, const void *bytes, size_t length);

void sm_page_intern_free(struct sm_page_intern *intern);
