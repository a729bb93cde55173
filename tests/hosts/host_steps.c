/* host_steps.c - a signal after every single instruction of the probe, by the processor's trap
 * flag. The handler allocates, frees, maps, unmaps and reads, so that whatever the probe does in
 * several steps is interrupted between any two of them; and it looks at the slot as one would who
 * killed the program just there. No count may be lost, and all that is published must be whole. */
#include <errno.h>
#include <malloc.h>

#include "stepping.h"

enum { ROUNDS = 16, READ_BYTES = 3, KEPT = 5, PAGE = 4096 };

static const struct spillmark_slot *slot;
static struct code_range probe;
static int zero_fd;

/* What the handler did. */
static volatile uint64_t steps, own_count, own_bytes, own_read_bytes;
static void *own_blocks[KEPT]; /* freed in other calls than those that they were made in */

/* The newest entries of each table: those that are being written. */
static uint32_t newest(enum spillmark_section_id id, uint32_t *ret_end) {
    uint32_t used = slot->sections[id].used, capacity = slot->sections[id].capacity;
    *ret_end = used + 2 < capacity ? used + 2 : capacity;
    return used > 4 ? used - 4 : 1;
}

static void check_stacks(void) {
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = view_entries(slot, SPILLMARK_SECTION_FRAMES);
    uint32_t end, i = newest(SPILLMARK_SECTION_STACKS, &end);
    for (uint32_t last_end = 0; i < end; i++) {
        if (stacks[i].depth == 0) {
            continue;
        }
        HOST_CHECK(stacks[i].depth <= SPILLMARK_FRAMES_MAX && stacks[i].hash != 0);
        HOST_CHECK(stacks[i].first_frame >= last_end); /* this thread makes them one by one */
        last_end = stacks[i].first_frame + stacks[i].depth;
        HOST_CHECK(last_end <= slot->sections[SPILLMARK_SECTION_FRAMES].used);
        for (uint32_t f = stacks[i].first_frame; f < last_end; f++) {
            HOST_CHECK(frames[f] != 0);
        }
        uint64_t innermost = frames[stacks[i].first_frame];
        HOST_CHECK(innermost < probe.low || innermost >= probe.high);
    }
}

/* Nothing that is not whole is ever found. */
static void check_live(void) {
    const struct spillmark_live *live = view_entries(slot, SPILLMARK_SECTION_LIVE);
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    uint32_t used = slot->sections[SPILLMARK_SECTION_LIVE].used;
    for (uint32_t i = 0; i < used; i++) {
        uint32_t stack = spillmark_live_stack(live[i].word);
        if (spillmark_live_is_object(live[i].word)) {
            HOST_CHECK(stack != 0 && stack < slot->sections[SPILLMARK_SECTION_STACKS].used);
            HOST_CHECK(stacks[stack].depth != 0);
        }
    }
}

static void check_others(void) {
    uint32_t end;
    const struct spillmark_free_pair *pairs = view_entries(slot, SPILLMARK_SECTION_FREES);
    for (uint32_t i = newest(SPILLMARK_SECTION_FREES, &end); i < end; i++) {
        HOST_CHECK(pairs[i].alloc_stack == 0 || pairs[i].free_stack != 0);
    }
    const struct spillmark_module *modules = view_entries(slot, SPILLMARK_SECTION_MODULES);
    for (uint32_t i = newest(SPILLMARK_SECTION_MODULES, &end); i < end; i++) {
        HOST_CHECK(!modules[i].ready || (modules[i].high > modules[i].low && modules[i].path[0]));
    }
}

/* Outside the probe nothing is done: the program may be anywhere in the allocator. Within it, no
 * call of the allocator is under way. */
static void on_step(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    if (!in_code(probe, context)) {
        return;
    }
    char bytes[READ_BYTES];
    steps++;
    check_stacks();
    check_live();
    check_others();
    void **kept = &own_blocks[steps % KEPT], *oldest = *kept;
    *kept = malloc(steps % 500);
    free(oldest); /* after it, or the probe's tables would be found as they were left */
    own_count++;
    own_bytes += malloc_usable_size(*kept);
    own_read_bytes += (uint64_t)read(zero_fd, bytes, sizeof bytes);
    void *at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HOST_CHECK(at != MAP_FAILED && munmap(at, PAGE) == 0);
}

/* Each depth makes stacks of its own. */
static __attribute__((noinline)) void *at_depth(int depth, size_t bytes) {
    void *block = depth > 0 ? at_depth(depth - 1, bytes) : malloc(bytes);
    __asm__ volatile("" : : "r"(block) : "memory");
    return block;
}

static void round_of_work(int round, struct view_sums *expected) {
    char bytes[11];
    size_t wanted = (size_t)(round * 37 % 3000 + 1);
    errno = E2BIG;
    step(true);
    void *block = at_depth(round % 20, wanted);
    size_t usable = malloc_usable_size(block);
    void *moved = realloc(block, wanted * 2);
    size_t moved_usable = malloc_usable_size(moved);
    free(moved);
    ssize_t got = read(zero_fd, bytes, sizeof bytes);
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    char *at = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(at + PAGE, PAGE);
    munmap(at, 3 * PAGE);
    step(false);
    HOST_CHECK(errno == E2BIG);
    expected->alloc_bytes += usable + moved_usable;
    expected->alloc_count += 2;
    expected->read_bytes += (uint64_t)got;
}

int main(void) {
    slot = host_slot();
    probe = probe_code(slot);
    zero_fd = open("/dev/zero", O_RDONLY);
    HOST_CHECK(zero_fd >= 0);
    on_each_step(on_step);
    struct view_sums expected = view_totals(slot);
    const struct spillmark_thread *own = view_entries(slot, SPILLMARK_SECTION_THREADS);
    uint64_t mapped = own->map_bytes - own->unmap_bytes;
    for (int round = 0; round < ROUNDS; round++) {
        round_of_work(round, &expected);
    }
    for (int i = 0; i < KEPT; i++) {
        free(own_blocks[i]);
    }
    struct view_sums totals = view_totals(slot);
    HOST_CHECK(steps > ROUNDS * 100);
    HOST_CHECK(totals.alloc_count == expected.alloc_count + own_count);
    HOST_CHECK(totals.alloc_bytes == expected.alloc_bytes + own_bytes);
    HOST_CHECK(totals.alloc_count - totals.free_count ==
               expected.alloc_count - expected.free_count - 2 * ROUNDS);
    HOST_CHECK(totals.read_bytes == expected.read_bytes + own_read_bytes);
    HOST_CHECK(own->map_count > ROUNDS && own->map_bytes - own->unmap_bytes == mapped);
    HOST_CHECK(slot->sections[SPILLMARK_SECTION_STACKS].used > ROUNDS / 4);
    return 0;
}
