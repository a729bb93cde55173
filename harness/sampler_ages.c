/* sampler_ages.c - how long what is live has been so, per site: the median and the oldest. */
#include <errno.h>
#include <stdlib.h>

#include "sampler_sites_internal.h"

/* Beyond this many live objects a regular part of them stands for all in the medians; the oldest
 * is looked for among all. */
enum { MEDIAN_OBJECTS = 1 << 16, AGE_BITS = 40 };
static const uint64_t age_us_max = (UINT64_C(1) << AGE_BITS) - 1;

static uint64_t age_us(int64_t now_ns, uint64_t since_ns) {
    if ((uint64_t)now_ns <= since_ns)
        return 0;
    uint64_t age = ((uint64_t)now_ns - since_ns) / 1000;
    return age < age_us_max ? age : age_us_max;
}

static int by_key(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* A key sorts by site, then by age. */
static void note_age(struct sm_sites *sites, const struct sm_site *site, uint64_t age,
                     size_t *used) {
    if (*used < sites->age_capacity)
        sites->ages[(*used)++] = (uint64_t)(site - sites->sites) << AGE_BITS | age;
}

static void look_at(struct sm_sites *sites, uint32_t slot_stack, uint64_t age, int for_median,
                    size_t *used) {
    struct sm_site *site = sm_sites_at(sites, slot_stack);
    if (!site)
        return;
    double seconds = (double)age / 1e6;
    if (seconds > site->age_max_s)
        site->age_max_s = seconds;
    if (for_median)
        note_age(sites, site, age, used);
}

static void take_medians(struct sm_sites *sites, size_t used) {
    qsort(sites->ages, used, sizeof *sites->ages, by_key);
    for (size_t from = 0, to; from < used; from = to) {
        uint64_t site = sites->ages[from] >> AGE_BITS;
        for (to = from; to < used && sites->ages[to] >> AGE_BITS == site;)
            to++;
        sites->sites[site].age_p50_s =
            (double)(sites->ages[from + (to - from) / 2] & age_us_max) / 1e6;
    }
}

int sm_sites_measure_ages(struct sm_sites *sites, int64_t now_ns) {
    uint32_t lives = sm_slot_used(sites->slot, SPILLMARK_SECTION_LIVE);
    uint32_t descriptors = sm_slot_used(sites->slot, SPILLMARK_SECTION_DESCRIPTORS);
    uint32_t stride = lives / MEDIAN_OBJECTS + 1;
    size_t wanted = (size_t)lives / stride + 1 + descriptors, used = 0;
    if (wanted > sites->age_capacity) {
        uint64_t *ages = realloc(sites->ages, wanted * sizeof *ages);
        if (!ages)
            return -ENOMEM;
        sites->ages = ages;
        sites->age_capacity = wanted;
    }
    for (size_t i = 0; i < sites->site_count; i++)
        sites->sites[i].age_p50_s = sites->sites[i].age_max_s = sites->sites[i].open_now = 0;
    uint64_t start_ns = sm_slot_start_ns(sites->slot);
    for (uint32_t i = 1; i < lives; i++) {
        struct spillmark_live live;
        if (sm_slot_live(sites->slot, i, &live))
            look_at(
                sites, spillmark_live_stack(live.word),
                age_us(now_ns, start_ns + spillmark_live_born_ms(live.word) * UINT64_C(1000000)),
                i % stride == 0, &used);
    }
    for (uint32_t i = 0; i < descriptors; i++) {
        struct spillmark_descriptor descriptor;
        struct sm_site *site;
        if (!sm_slot_descriptor(sites->slot, i, &descriptor) ||
            !(site = sm_sites_at(sites, descriptor.stack)))
            continue;
        site->open_now++;
        look_at(sites, descriptor.stack, age_us(now_ns, descriptor.opened_ns), 1, &used);
    }
    take_medians(sites, used);
    return 0;
}
