/* host_estimates.c - what sampling says of known sites, one for each size and one at which all
 * sizes are mixed: the 95 % intervals of its estimates of bytes and counts must hold the truth in
 * 95 % of the cases, and their errors cancel out. */
#include <malloc.h>
#include <math.h>

#include "own_frame.h"
#include "pool_view.h"

enum { SIZES = 6, MIXED = SIZES, SITES, ROUNDS = 100, OBJECTS = 4000 };

static const size_t sizes[SIZES] = {24, 120, 504, 2040, 16376, 100000};

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
static OWN_FRAME void *at6(size_t n) {
    void *p = malloc(n);
    __asm__("" : "+r"(p));
    return p;
}

static void *(*const sites[SITES])(size_t) = {at0, at1, at2, at3, at4, at5, at6};

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

/* What was really allocated, and how far an estimate of it lies from that: each object is in with
 * p and weighs 1/p. */
struct truth {
    double count, bytes, count_variance, bytes_variance;
};

static void add(struct truth *truth, double bytes, double interval) {
    double p = -expm1(-bytes / interval), variance = (1 - p) / p;
    truth->count++;
    truth->bytes += bytes;
    truth->count_variance += variance;
    truth->bytes_variance += bytes * bytes * variance;
}

static uint64_t dice = 1;

static size_t size_at(int site) {
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return sizes[site == MIXED ? (int)((dice >> 33) % SIZES) : site];
}

static struct truth allocate_and_free(int site, double interval) {
    static void *blocks[OBJECTS];
    struct truth truth = {0};
    for (int i = 0; i < OBJECTS; i++) {
        blocks[i] = sites[site](size_at(site));
        add(&truth, (double)malloc_usable_size(blocks[i]), interval);
    }
    for (int i = 0; i < OBJECTS; i++) {
        free(blocks[i]);
    }
    return truth;
}

struct tally {
    int cases, held;
    double bias;
};

static void judge(struct tally *tally, double error, double variance, double rounding) {
    double sigma = sqrt(variance);
    tally->held += fabs(error) <= 1.96 * sigma + rounding;
    tally->bias += error / sigma;
    tally->cases++;
}

static void check(const struct tally *tally) {
    HOST_CHECK(tally->held >= tally->cases * 92 / 100 && tally->held <= tally->cases * 98 / 100);
    HOST_CHECK(fabs(tally->bias) / sqrt(tally->cases) < 3.5);
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    const double interval = 65536; /* as the test asks for */
    struct tally counts = {0}, bytes = {0};
    for (int round = 0; round < ROUNDS; round++) {
        for (int site = 0; site < SITES; site++) {
            struct estimate before = estimate_of(slot, site);
            struct truth truth = allocate_and_free(site, interval);
            struct estimate after = estimate_of(slot, site);
            HOST_CHECK(after.bytes == after.freed); /* what was sampled and freed cancels out */
            judge(&counts, after.count - before.count - truth.count, truth.count_variance, 1);
            judge(&bytes, after.bytes - before.bytes - truth.bytes, truth.bytes_variance, 100);
        }
    }
    check(&counts);
    check(&bytes);
    return 0;
}
