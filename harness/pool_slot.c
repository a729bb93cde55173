#include "pool_slot.h"

#include <errno.h>
#include <string.h>

#define LOAD(pointer)           __atomic_load_n(pointer, __ATOMIC_RELAXED)
#define LOAD_PUBLISHED(pointer) __atomic_load_n(pointer, __ATOMIC_ACQUIRE)

static const uint32_t entry_bytes_least[SPILLMARK_SECTIONS] = {
#define X(id, type) [SPILLMARK_SECTION_##id] = sizeof(type),
    SPILLMARK_SECTION_TABLE(X)
#undef X
};

static struct spillmark_slot *head_of(const struct sm_slot *slot) {
    return (struct spillmark_slot *)(void *)slot->base;
}

int sm_slot_check(struct sm_slot *slot, uint64_t slot_bytes) {
    const struct spillmark_slot *head = head_of(slot);
    uint64_t magic = LOAD_PUBLISHED(&head->magic);
    if (magic == 0)
        return -EAGAIN;
    if (magic != SPILLMARK_MAGIC || LOAD(&head->abi_major) != SPILLMARK_ABI_MAJOR)
        return -EPROTO;
    for (int i = 0; i < SPILLMARK_SECTIONS; i++) {
        uint64_t offset = LOAD(&head->sections[i].offset), bytes;
        uint32_t entry = LOAD(&head->sections[i].entry_bytes);
        uint32_t capacity = LOAD(&head->sections[i].capacity);
        /* A later minor version has longer entries, never shorter ones. */
        if (entry < entry_bytes_least[i] || entry % 8 || offset % 8 ||
            (i == SPILLMARK_SECTION_FRAMES && entry != sizeof(uint64_t)) || offset < sizeof *head ||
            offset > slot_bytes ||
            __builtin_mul_overflow((uint64_t)capacity, (uint64_t)entry, &bytes) ||
            bytes > slot_bytes - offset)
            return -EBADMSG;
        slot->sections[i].offset = offset;
        slot->sections[i].entry_bytes = entry;
        slot->sections[i].capacity = capacity;
    }
    return 0;
}

static void *entry_at(const struct sm_slot *slot, enum spillmark_section_id section,
                      uint32_t index) {
    return slot->base + slot->sections[section].offset +
           (uint64_t)index * slot->sections[section].entry_bytes;
}

static int is_within(const struct sm_slot *slot, enum spillmark_section_id section,
                     uint32_t index) {
    return index < slot->sections[section].capacity;
}

uint32_t sm_slot_used(const struct sm_slot *slot, enum spillmark_section_id section) {
    uint32_t used = LOAD(&head_of(slot)->sections[section].used);
    uint32_t capacity = slot->sections[section].capacity;
    return used < capacity ? used : capacity;
}

enum spillmark_state sm_slot_state(const struct sm_slot *slot) {
    uint32_t state = LOAD_PUBLISHED(&head_of(slot)->state);
    return state <= SPILLMARK_STATE_EXIT ? (enum spillmark_state)state : SPILLMARK_STATE_OFF;
}

uint64_t sm_slot_start_ns(const struct sm_slot *slot) {
    return LOAD(&head_of(slot)->start_ns);
}

const char *sm_off_reason_text(enum spillmark_off_reason reason) {
    static const char *const texts[] = {
#define X(id, text) text,
        SPILLMARK_OFF_REASON_TABLE(X)
#undef X
    };
    return texts[reason];
}

/* Another process may be writing it: the copy is terminated whatever it finds. */
static void copy_text(char *to, const char *from, size_t bytes) {
    for (size_t i = 0; i < bytes - 1; i++)
        to[i] = LOAD(&from[i]);
    to[bytes - 1] = '\0';
}

void sm_slot_read_head(const struct sm_slot *slot, struct sm_slot_head *ret_head) {
    const struct spillmark_slot *head = head_of(slot);
    uint32_t pid = LOAD(&head->pid), parent = LOAD(&head->parent_pid);
    uint32_t reason = LOAD(&head->off_reason);
    *ret_head = (struct sm_slot_head){
        .pid = pid <= INT32_MAX ? (pid_t)pid : 0,
        .parent_pid = parent <= INT32_MAX ? (pid_t)parent : 0,
        .start_ns = LOAD(&head->start_ns),
        .end_ns = LOAD(&head->end_ns),
        .state = sm_slot_state(slot),
        .off_reason = reason <= SPILLMARK_OFF_NO_SLOT ? (enum spillmark_off_reason)reason
                                                      : SPILLMARK_OFF_INTERNAL,
        .features = LOAD(&head->features),
        .allocator = LOAD(&head->allocator),
        .drops = LOAD(&head->unsampled_drops) + LOAD(&head->map_drops),
        .stack_failures = LOAD(&head->stack_failures),
        .is_late = LOAD(&head->loaded_late) != 0,
        .lacks_count = LOAD(&head->inherited_count) == SPILLMARK_COUNT_UNKNOWN,
    };
    for (int i = 0; i < SPILLMARK_SECTIONS; i++)
        ret_head->drops += LOAD(&head->sections[i].dropped);
    copy_text(ret_head->executable, head->executable, sizeof ret_head->executable);
    copy_text(ret_head->command, head->command, sizeof ret_head->command);
}

uint32_t sm_slot_ask(const struct sm_slot *slot, int give_back) {
    struct spillmark_slot *head = head_of(slot);
    __atomic_store_n(&head->give_back, give_back ? 1 : 0, __ATOMIC_RELAXED);
    return __atomic_add_fetch(&head->asked, 1, __ATOMIC_RELEASE);
}

void sm_slot_want_control(const struct sm_slot *slot, uint64_t bytes) {
    struct spillmark_slot *head = head_of(slot);
    uint64_t wanted = LOAD(&head->control_wanted_bytes), kept = LOAD(&head->control_bytes);
    /* What a forked child inherited was not asked of it. */
    __atomic_store_n(&head->control_wanted_bytes, (wanted ? wanted : kept) + bytes,
                     __ATOMIC_RELEASE);
}

void sm_slot_read_control(const struct sm_slot *slot, struct sm_slot_control *ret_control) {
    const struct spillmark_slot *head = head_of(slot);
    ret_control->bytes = LOAD_PUBLISHED(&head->control_bytes);
    ret_control->count = LOAD(&head->control_count);
}

void sm_slot_read_answer(const struct sm_slot *slot, struct sm_slot_answer *ret_answer) {
    const struct spillmark_slot *head = head_of(slot);
    *ret_answer = (struct sm_slot_answer){.number = LOAD_PUBLISHED(&head->answered)};
    ret_answer->gave_back = LOAD(&head->gave_back);
    ret_answer->at_ns = LOAD(&head->answered_ns);
    ret_answer->took_ns = LOAD(&head->answer_took_ns);
    ret_answer->slack_bytes = LOAD(&head->slack_bytes);
}

const char *sm_allocator_name(uint32_t allocator) {
    static const char *const names[] = {
#define X(id, text) text,
        SPILLMARK_ALLOCATOR_TABLE(X)
#undef X
    };
    return names[allocator < SPILLMARK_ALLOCATORS ? allocator : SPILLMARK_ALLOCATOR_UNKNOWN];
}

static void add_thread(const struct spillmark_thread *thread, struct sm_slot_totals *totals) {
    /* Frees first, and of what is allocated the bytes last: what is counted between the reads never
     * makes the live heap look smaller than it is. */
    uint64_t free_chunk_bytes = LOAD(&thread->free_chunk_bytes);
    uint64_t free_count = LOAD(&thread->free_count);
    uint64_t alloc_count = LOAD(&thread->alloc_count);
    totals->alloc_bytes += spillmark_usable_bytes(LOAD(&thread->alloc_chunk_bytes), alloc_count);
    totals->alloc_count += alloc_count;
    totals->free_bytes += spillmark_usable_bytes(free_chunk_bytes, free_count);
    totals->free_count += free_count;
    totals->unmap_bytes += LOAD(&thread->unmap_bytes);
    totals->map_bytes += LOAD(&thread->map_bytes);
    for (int i = 0; i < SPILLMARK_FD_CLASSES; i++) {
        totals->write_bytes[i] += LOAD(&thread->write_bytes[i]);
        totals->read_bytes[i] += LOAD(&thread->read_bytes[i]);
    }
}

void sm_slot_read_totals(const struct sm_slot *slot, struct sm_slot_totals *ret_totals) {
    uint32_t used = sm_slot_used(slot, SPILLMARK_SECTION_THREADS);
    uint32_t capacity = slot->sections[SPILLMARK_SECTION_THREADS].capacity;
    struct sm_slot_totals totals = {0};
    for (uint32_t i = 0; i < used; i++)
        add_thread(entry_at(slot, SPILLMARK_SECTION_THREADS, i), &totals);
    /* The last block is shared by threads beyond the others, and holds what a forked child
     * inherited; `used` need not reach it. */
    if (used < capacity)
        add_thread(entry_at(slot, SPILLMARK_SECTION_THREADS, capacity - 1), &totals);
    *ret_totals = totals;
}

void sm_slot_take_marks(const struct sm_slot *slot, int64_t *ret_low_bytes,
                        int64_t *ret_high_bytes) {
    struct spillmark_slot *head = head_of(slot);
    int64_t level = LOAD(&head->heap_live_bytes);
    *ret_low_bytes = __atomic_exchange_n(&head->heap_low_bytes, level, __ATOMIC_RELAXED);
    *ret_high_bytes = __atomic_exchange_n(&head->heap_high_bytes, level, __ATOMIC_RELAXED);
}

int sm_slot_stack(const struct sm_slot *slot, uint32_t index, struct spillmark_stack *ret_stack) {
    if (index == 0 || !is_within(slot, SPILLMARK_SECTION_STACKS, index))
        return 0;
    const struct spillmark_stack *stack = entry_at(slot, SPILLMARK_SECTION_STACKS, index);
    uint32_t depth = LOAD_PUBLISHED(&stack->depth);
    uint32_t frames = slot->sections[SPILLMARK_SECTION_FRAMES].capacity;
    uint32_t first = LOAD(&stack->first_frame), kind = LOAD(&stack->kind);
    if (depth == 0 || depth > SPILLMARK_FRAMES_MAX || kind > SPILLMARK_KIND_MAP || first > frames ||
        depth > frames - first)
        return 0;
    *ret_stack = (struct spillmark_stack){
        .hash = LOAD(&stack->hash),
        .first_frame = first,
        .depth = depth,
        .kind = kind,
        .truncated = LOAD(&stack->truncated),
        .samples = LOAD(&stack->samples),
        .free_bytes = LOAD(&stack->free_bytes),
        .free_count_q10 = LOAD(&stack->free_count_q10),
        .alloc_bytes = LOAD(&stack->alloc_bytes),
        .alloc_count_q10 = LOAD(&stack->alloc_count_q10),
    };
    return 1;
}

uint32_t sm_slot_frames(const struct sm_slot *slot, const struct spillmark_stack *stack,
                        uint64_t ret_frames[SPILLMARK_FRAMES_MAX]) {
    const uint64_t *frames = entry_at(slot, SPILLMARK_SECTION_FRAMES, stack->first_frame);
    for (uint32_t i = 0; i < stack->depth; i++)
        ret_frames[i] = LOAD(&frames[i]);
    return stack->depth;
}

int sm_slot_live(const struct sm_slot *slot, uint32_t index, struct spillmark_live *ret_live) {
    if (index == 0 || !is_within(slot, SPILLMARK_SECTION_LIVE, index))
        return 0;
    const struct spillmark_live *live = entry_at(slot, SPILLMARK_SECTION_LIVE, index);
    uint64_t word = LOAD_PUBLISHED(&live->word);
    uint32_t stack = spillmark_live_stack(word);
    if (!spillmark_live_is_object(word) || stack == 0 ||
        !is_within(slot, SPILLMARK_SECTION_STACKS, stack))
        return 0;
    ret_live->word = word;
    return 1;
}

int sm_slot_free_pair(const struct sm_slot *slot, uint32_t index,
                      struct spillmark_free_pair *ret_pair) {
    if (index == 0 || !is_within(slot, SPILLMARK_SECTION_FREES, index))
        return 0;
    const struct spillmark_free_pair *pair = entry_at(slot, SPILLMARK_SECTION_FREES, index);
    uint32_t alloc_stack = LOAD_PUBLISHED(&pair->alloc_stack);
    uint32_t free_stack = LOAD(&pair->free_stack);
    if (alloc_stack == 0 || !is_within(slot, SPILLMARK_SECTION_STACKS, alloc_stack) ||
        !is_within(slot, SPILLMARK_SECTION_STACKS, free_stack))
        return 0;
    ret_pair->alloc_stack = alloc_stack;
    ret_pair->free_stack = free_stack;
    ret_pair->bytes = LOAD(&pair->bytes);
    ret_pair->count_q10 = LOAD(&pair->count_q10);
    ret_pair->samples = LOAD(&pair->samples);
    ret_pair->residence_us_sum = LOAD(&pair->residence_us_sum);
    for (int i = 0; i < SPILLMARK_RESIDENCE_BUCKETS; i++)
        ret_pair->residence[i] = LOAD(&pair->residence[i]);
    return 1;
}

int sm_slot_descriptor(const struct sm_slot *slot, uint32_t index,
                       struct spillmark_descriptor *ret_descriptor) {
    if (!is_within(slot, SPILLMARK_SECTION_DESCRIPTORS, index))
        return 0;
    const struct spillmark_descriptor *entry = entry_at(slot, SPILLMARK_SECTION_DESCRIPTORS, index);
    uint32_t open = LOAD_PUBLISHED(&entry->open), stack = LOAD(&entry->stack);
    if (open == 0 || !is_within(slot, SPILLMARK_SECTION_STACKS, stack))
        return 0;
    uint32_t fd_class = LOAD(&entry->fd_class);
    *ret_descriptor = (struct spillmark_descriptor){
        .open = open,
        .fd_class = fd_class < SPILLMARK_FD_CLASSES ? fd_class : SPILLMARK_FD_UNKNOWN,
        .stack = stack,
        .opened_ns = LOAD(&entry->opened_ns)};
    return 1;
}

int sm_slot_module(const struct sm_slot *slot, uint32_t index,
                   struct spillmark_module *ret_module) {
    if (!is_within(slot, SPILLMARK_SECTION_MODULES, index))
        return 0;
    const struct spillmark_module *module = entry_at(slot, SPILLMARK_SECTION_MODULES, index);
    uint32_t ready = LOAD_PUBLISHED(&module->ready), build_id = LOAD(&module->build_id_bytes);
    uint64_t low = LOAD(&module->low), high = LOAD(&module->high);
    if (!ready || low >= high)
        return 0;
    *ret_module = (struct spillmark_module){.low = low,
                                            .high = high,
                                            .bias = LOAD(&module->bias),
                                            .loaded_ns = LOAD(&module->loaded_ns),
                                            .unloaded_ns = LOAD(&module->unloaded_ns),
                                            .ready = ready,
                                            .build_id_bytes =
                                                build_id <= sizeof module->build_id ? build_id : 0};
    for (size_t i = 0; i < sizeof module->build_id; i++)
        ret_module->build_id[i] = LOAD(&module->build_id[i]);
    copy_text(ret_module->path, module->path, sizeof ret_module->path);
    return 1;
}

int sm_slot_mark(const struct sm_slot *slot, uint32_t index, struct spillmark_mark *ret_mark) {
    if (!is_within(slot, SPILLMARK_SECTION_MARKS, index))
        return 0;
    const struct spillmark_mark *mark = entry_at(slot, SPILLMARK_SECTION_MARKS, index);
    uint32_t ready = LOAD_PUBLISHED(&mark->ready);
    if (!ready)
        return 0;
    *ret_mark = (struct spillmark_mark){.ready = ready,
                                        .bytes = LOAD(&mark->bytes),
                                        .count = LOAD(&mark->count),
                                        .bytes_high = LOAD(&mark->bytes_high),
                                        .count_high = LOAD(&mark->count_high),
                                        .added = LOAD(&mark->added)};
    copy_text(ret_mark->name, mark->name, sizeof ret_mark->name);
    return 1;
}

void sm_slot_take_mark_highs(const struct sm_slot *slot, uint32_t index, int64_t *ret_bytes,
                             int64_t *ret_count) {
    struct spillmark_mark *mark = entry_at(slot, SPILLMARK_SECTION_MARKS, index);
    *ret_bytes = __atomic_exchange_n(&mark->bytes_high, LOAD(&mark->bytes), __ATOMIC_RELAXED);
    *ret_count = __atomic_exchange_n(&mark->count_high, LOAD(&mark->count), __ATOMIC_RELAXED);
}
