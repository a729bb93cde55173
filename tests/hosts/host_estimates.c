/* host_estimates.c - what sampling says of known sites: the 95 % intervals of its estimates must
 * hold the truth in 95 % of the cases. */
#include <math.h>

#include "own_frame.h"
#include "pool_view.h"

enum { SITES = 6, ROUNDS = 100, OBJECTS = 4000 };

static const size_t sizes[SITES] = {24, 120, 504, 2040, 16376, 100000};

/* One call stack for each size: the site is told by the return address into main's loop. */
OWN_FRAME static void *at0(size_t n) {
    void *p = malloc(n);
    __asm__("" : "+r"(p));
    return p;
}
OWN_FRAME static void *at1(size_t n) {
    void *p = malloc(n);
    __asm__("" : "+r"(p));
    return p;
}
OWN_FRAME static void *at2(size_t n) {
    void *p = malloc(n);
    __asm__("" : "+r"(p));
    return p;
}
OWN_FRAME static void *at3(size_t n) {
    void *p = malloc(n);
    __asm__("" : "+r"(p));
    return p;
}
OWN_FRAME static void *at4(size_t n) {
    void *p = malloc(n);
    __asm__("" : "+r"(p));
    return p;
}
OWN_FRAME static void *at5(size_t n) {
    void *p = malloc(n);
    __asm__("" : "+r"(p));
    return p;
}

static void *(*const sites[SITES])(size_t) = {at0, at1, at2, at3, at4, at5};

struct estimate {
    double bytes, freed, count;
};

/* Sums over the stacks whose innermost frame lies in the site's function. */
static struct estimate estimate_of(const struct spillmark_slot *slot, int site) {
    struct estimate sum = {0};
    const struct spillmark_stack *stacks =
        (const struct spillmark_stack *)view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = (const uint64_t *)view_entries(slot, SPILLMARK_SECTION_FRAMES);
    uint64_t start = (uint64_t)(uintptr_t)sites[site];
    for (uint32_t i = 1; i < slot->sections[SPILLMARK_SECTION_STACKS].used; i++) {
        uint64_t frame = frames[stacks[i].first_frame];
        if (stacks[i].depth != 0 && frame > start && frame < start + 32) {
            sum.bytes += (double)stacks[i].alloc_bytes;
            sum.freed += (double)stacks[i].free_bytes;
            sum.count += (double)stacks[i].alloc_count_q10 / 1024;
        }
    }
    return sum;
}

/* Variance of the estimate of the count: each object is in with p and weighs 1/p. */
static double deviation(double objects, double bytes, double interval) {
    double p = -expm1(-bytes / interval);
    return sqrt(objects * (1 - p) / p);
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    const double interval = 65536; /* as the test asks for */
    static void *blocks[OBJECTS];
    int cases = 0, held = 0;
    double bias = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int site = 0; site < SITES; site++) {
            struct estimate before = estimate_of(slot, site);
            double usable = (double)sizes[site];
            for (int i = 0; i < OBJECTS; i++) {
                blocks[i] = sites[site](sizes[site]);
                usable = (double)((((size_t *)blocks[i])[-1] & ~(size_t)7) - 8);
            }
            for (int i = 0; i < OBJECTS; i++) {
                free(blocks[i]);
            }
            struct estimate after = estimate_of(slot, site);
            double error = after.count - before.count - OBJECTS;
            double sigma = deviation(OBJECTS, usable, interval);
            HOST_CHECK(after.bytes == after.freed); /* what was sampled and freed cancels out */
            held += fabs(error) <= 1.96 * sigma + 1;
            bias += error / sigma / sqrt(SITES * ROUNDS);
            cases++;
        }
    }
    HOST_CHECK(held >= cases * 92 / 100 && held <= cases * 98 / 100);
    HOST_CHECK(fabs(bias) < 3.5);
    return 0;
}
