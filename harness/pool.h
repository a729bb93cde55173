/* pool.h - makes the memory that probes write (probes/spillmark_abi.h) and reads it back.
 *
 * What is in a slot was written by a program that may have died between any two stores, or may
 * have scribbled over it: offsets, indices and counts are checked against the slot's size and the
 * capacities found when the slot was opened, and every text is terminated. Nothing here follows a
 * pointer out of the slot. Copies are returned; a view stays valid until the pool is freed or the
 * slot recycled. Thread rule: one thread, while any number of processes write. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "../probes/spillmark_abi.h"
#include "../reports/error.h"

struct sm_pool;

struct sm_pool_options {
    uint32_t slot_count;
    uint64_t sample_interval_bytes; /* 1 = every allocation */
    uint64_t seed;
    uint32_t wanted; /* SPILLMARK_FEATURE_ bits */
};

/* Makes an empty pool in a memfd that cannot be shrunk under the readers. */
int sm_pool_create(const struct sm_pool_options *options, struct sm_pool **ret_pool,
                   struct sm_error *err);

/* Opens a pool that a probe made without a harness; the file is not changed. */
int sm_pool_open(const char *path, struct sm_pool **ret_pool, struct sm_error *err);
void sm_pool_free(struct sm_pool *pool); /* NULL is allowed */

int sm_pool_fd(const struct sm_pool *pool);
uint32_t sm_pool_slot_count(const struct sm_pool *pool);
uint64_t sm_pool_sample_interval(const struct sm_pool *pool);
uint32_t sm_pool_exhausted(const struct sm_pool *pool);    /* processes that found no slot */
uint64_t sm_pool_memory_bytes(const struct sm_pool *pool); /* really taken */

/* Takes the memory of the first slot in advance, so that it counts as ours and not as that of the
 * first program; a control group charges whoever touches a page first. 0 or a negative errno. */
int sm_pool_populate(struct sm_pool *pool);
uint64_t sm_pool_charged_bytes(const struct sm_pool *pool); /* taken since, by programs */

/* The process that claimed a slot, 0 = none. */
pid_t sm_pool_claimed_by(const struct sm_pool *pool, uint32_t index);

/* Clears the slot of a process that is gone and offers it again. Views of it are void. 0, or a
 * negative errno and it stays taken. */
int sm_pool_recycle(struct sm_pool *pool, uint32_t index);

/* A checked view of one slot. */
struct sm_slot {
    uint8_t *base;
    uint32_t index;
    struct {
        uint64_t offset;
        uint32_t entry_bytes, capacity;
    } sections[SPILLMARK_SECTIONS];
};

/* 0; -EAGAIN when the slot is not ready yet, -EPROTO when it is of another version, -EBADMSG when
 * its section table does not fit the slot. */
int sm_slot_open(struct sm_pool *pool, uint32_t index, struct sm_slot *ret_slot);

struct sm_slot_head {
    pid_t pid, parent_pid;
    uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    enum spillmark_state state;
    enum spillmark_off_reason off_reason;
    uint32_t features, allocator;
    uint64_t drops; /* entries of all sections, sampled objects and mappings that found no room */
    uint64_t stack_failures;
    int is_late;     /* the probe was loaded while the program ran */
    int lacks_count; /* its base line is in bytes alone */
    char executable[SPILLMARK_MODULE_PATH];
    char command[SPILLMARK_MODULE_PATH];
};
void sm_slot_read_head(const struct sm_slot *slot, struct sm_slot_head *ret_head);
const char *sm_off_reason_text(enum spillmark_off_reason reason);

/* State alone, start alone: cheap. */
enum spillmark_state sm_slot_state(const struct sm_slot *slot);
uint64_t sm_slot_start_ns(const struct sm_slot *slot);

/* Asks the program's allocator for its figures, and before that to give free pages back when
 * `give_back` is set. Returns the request's number, from 1. One request at a time: ask again when
 * it was answered, or to replace it. */
uint32_t sm_slot_ask(const struct sm_slot *slot, int give_back);

/* The positive control (probes/control.h): asks for `bytes` more than was asked for so far. */
void sm_slot_want_control(const struct sm_slot *slot, uint64_t bytes);
struct sm_slot_control {
    uint64_t bytes, count; /* kept so far */
};
void sm_slot_read_control(const struct sm_slot *slot, struct sm_slot_control *ret_control);

/* The newest answer. */
struct sm_slot_answer {
    uint32_t number;         /* of the request it answers; 0 = none yet */
    uint32_t gave_back;      /* of the last request that gave pages back */
    uint64_t at_ns, took_ns; /* CLOCK_MONOTONIC */
    uint64_t slack_bytes;
};
void sm_slot_read_answer(const struct sm_slot *slot, struct sm_slot_answer *ret_answer);

/* The name of enum spillmark_allocator; "unknown" for any other number. */
const char *sm_allocator_name(uint32_t allocator);

/* Sums over all thread blocks. */
struct sm_slot_totals {
    uint64_t alloc_bytes, alloc_count, free_bytes, free_count;
    uint64_t map_bytes, unmap_bytes;
    uint64_t read_bytes[SPILLMARK_FD_CLASSES], write_bytes[SPILLMARK_FD_CLASSES];
};
void sm_slot_read_totals(const struct sm_slot *slot, struct sm_slot_totals *ret_totals);

/* The water marks of the live heap since the last call; starts a new interval. */
void sm_slot_take_marks(const struct sm_slot *slot, int64_t *ret_low_bytes,
                        int64_t *ret_high_bytes);

/* How many entries of a section to look at; never above its capacity. */
uint32_t sm_slot_used(const struct sm_slot *slot, enum spillmark_section_id section);

/* One entry each: 1 and a copy when it is published and makes sense, else 0. A stack's first_frame
 * and depth lie within FRAMES; stacks named by others lie within STACKS. */
int sm_slot_stack(const struct sm_slot *slot, uint32_t index, struct spillmark_stack *ret_stack);
int sm_slot_live(const struct sm_slot *slot, uint32_t index, struct spillmark_live *ret_live);
int sm_slot_free_pair(const struct sm_slot *slot, uint32_t index,
                      struct spillmark_free_pair *ret_pair);
int sm_slot_descriptor(const struct sm_slot *slot, uint32_t index,
                       struct spillmark_descriptor *ret_descriptor);
int sm_slot_module(const struct sm_slot *slot, uint32_t index, struct spillmark_module *ret_module);
int sm_slot_mark(const struct sm_slot *slot, uint32_t index, struct spillmark_mark *ret_mark);

/* The high marks of a declared work since the last call, as with the heap's. */
void sm_slot_take_mark_highs(const struct sm_slot *slot, uint32_t index, int64_t *ret_bytes,
                             int64_t *ret_count);

/* Copies the return addresses of a stack that sm_slot_stack gave; returns how many. */
uint32_t sm_slot_frames(const struct sm_slot *slot, const struct spillmark_stack *stack,
                        uint64_t ret_frames[SPILLMARK_FRAMES_MAX]);
