#include "home.h"

#include <errno.h>
#include <sys/mman.h>

#include "live.h"
#include "process.h"
#include "raw.h"
#include "regions.h"

SMP_TOGETHER struct smp_home *smp_home;

static uint32_t power_of_two(uint32_t at_least) {
    uint32_t size = 1024;
    while (size < at_least && size < 1u << 30) {
        size *= 2;
    }
    return size;
}

struct sizes {
    uint32_t stack_words, free_words, live_heads, live_units;
};

static struct sizes home_sizes(void) {
    uint32_t blocks = smp_section(SPILLMARK_SECTION_LIVE)->capacity / smp_block_words[0];
    uint32_t regions = blocks < SMP_REGIONS_MAX ? blocks : SMP_REGIONS_MAX;
    return (struct sizes){
        .stack_words = power_of_two(smp_section(SPILLMARK_SECTION_STACKS)->capacity / 2 * 3),
        .free_words = power_of_two(smp_section(SPILLMARK_SECTION_FREES)->capacity / 2 * 3),
        .live_heads = power_of_two(regions / 2),
        .live_units = regions * (sizeof(struct smp_region) / sizeof(struct smp_unit)),
    };
}

int smp_home_create(void) {
    struct sizes sizes = home_sizes();
    size_t bytes = sizeof(struct smp_home) +
                   8ul * (sizes.stack_words + sizes.free_words + 2 * SMP_INDEX_NEAR) +
                   sizeof(struct smp_unit) * sizes.live_units + 4ul * sizes.live_heads;
    bytes = (bytes + 4095) & ~4095ul;
    long at = smp_raw_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (smp_raw_failed(at)) {
        return (int)at;
    }
    long advised = smp_raw_madvise((void *)at, bytes, MADV_WIPEONFORK);
    if (advised < 0) { /* before Linux 4.14: a forked child would count into its parent's slot */
        smp_raw_munmap((void *)at, bytes);
        return (int)advised;
    }
    smp_home = (struct smp_home *)at;
    smp_process.fd_class = smp_home->fd_class;
    smp_home_arrange();
    return 0;
}

void smp_home_arrange(void) {
    struct sizes sizes = home_sizes();
    struct smp_home *home = smp_home;
    _Atomic uint64_t *words = (_Atomic uint64_t *)(home + 1);
    home->stack_index = (struct smp_index){words, sizes.stack_words - 1};
    words += SMP_INDEX_NEAR + sizes.stack_words;
    home->free_index = (struct smp_index){words, sizes.free_words - 1};
    words += SMP_INDEX_NEAR + sizes.free_words;
    home->live_regions = (struct smp_unit *)words;
    home->free_regions.fresh = (uint64_t)sizes.live_units << 32 | 1;
    home->live_heads = (_Atomic uint32_t *)(home->live_regions + sizes.live_units);
    home->live_mask = sizes.live_heads - 1;
    home->pid = smp_raw_getpid();
    smp_filter_reset();
}

/* Long enough for a table at two thirds; a bound, so that a full one costs no more. */
enum { PROBES_MAX = 256, PROBES_NEAR = 8 };

static inline _Atomic uint64_t *word_at(const struct smp_index *index, uint64_t hash, uint32_t i) {
    uint32_t at = (uint32_t)hash + i;
    return &index->words[i < PROBES_NEAR ? at & (SMP_INDEX_NEAR - 1)
                                         : SMP_INDEX_NEAR + (at & index->mask)];
}

uint32_t smp_index_find(const struct smp_index *index, uint64_t hash, smp_index_same *same,
                        const void *key) {
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        uint64_t word = atomic_load_explicit(word_at(index, hash, i), memory_order_acquire);
        if (word == 0) {
            return 0;
        }
        if (word >> 32 == hash >> 32 && same((uint32_t)word, key)) {
            return (uint32_t)word;
        }
    }
    return 0;
}

uint32_t smp_index_add(const struct smp_index *index, uint64_t hash, uint32_t entry,
                       smp_index_same *same, const void *key) {
    uint64_t mine = (hash >> 32 << 32) | entry;
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        _Atomic uint64_t *at = word_at(index, hash, i);
        uint64_t word = atomic_load_explicit(at, memory_order_acquire);
        if (word == 0 && atomic_compare_exchange_strong(at, &word, mine)) {
            return entry;
        }
        if (word >> 32 == hash >> 32 && same((uint32_t)word, key)) {
            return (uint32_t)word;
        }
    }
    return 0;
}
