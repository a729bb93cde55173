/* unwind.c - the quick way up the stack.
 *
 * Nearly every row of call frame information says: the CFA is rsp or rbp plus a constant, the
 * return address lies below it, and rbp is saved at a constant place or untouched. Such rows are
 * kept, packed into a word, in a table by address; a frame then costs a look-up and two loads.
 * A stack with any other row in it is walked again by frame.c. */
#include "unwind.h"

#include <stdatomic.h>
#include <ucontext.h>

#include "frame.h"
#include "memo.h"
#include "own.h"
#include "raw.h"
#include "rules.h"

/* What of memory may be read: the stack from the walk's start to its end, and one page more that
 * was found to be readable. Bounds of a stack that is neither the main one nor under a thread's
 * control block (coroutines, alternate signal stacks) are not known. */
struct readable {
    uint64_t low, high;
    uint64_t page;
};

enum { PAGE = 4096, STEP_MAX = 1 << 20, CHAIN_MAX = 64, BARE_WORDS = 3 };
#define THREAD_STACK_MAX (UINT64_C(1) << 30)

/* Set by the loader: where the main thread's stack ends. */
extern void *__libc_stack_end __attribute__((weak));

static void set_bounds(struct readable *readable, uint64_t sp) {
    uint64_t control_block = (uint64_t)__builtin_thread_pointer();
    uint64_t main_end = &__libc_stack_end != NULL ? (uint64_t)__libc_stack_end : 0;
    readable->low = sp;
    readable->high = sp;
    if (sp < control_block && control_block - sp < THREAD_STACK_MAX) {
        readable->high = control_block;
    } else if (sp < main_end && main_end - sp < THREAD_STACK_MAX) {
        readable->high = main_end;
    }
}

/* Asks the kernel: rt_sigprocmask reads the set before it rejects the request. */
static bool page_readable(struct readable *readable, uint64_t address) {
    if ((address & 7) != 0) {
        return false;
    }
    if (address / PAGE != readable->page) {
        if (smp_raw6(SYS_rt_sigprocmask, ~0L, (long)address, 0, 8, 0, 0) == -EFAULT) {
            return false;
        }
        readable->page = address / PAGE;
    }
    return true;
}

static inline bool read_word(struct readable *readable, uint64_t address, uint64_t *ret_word) {
    if (__builtin_expect(address - readable->low > readable->high - readable->low - 8 ||
                             readable->high == readable->low,
                         0) &&
        !page_readable(readable, address)) {
        return false;
    }
    *ret_word = *(const uint64_t *)address;
    return true;
}

static bool read_for_frame(uint64_t address, uint64_t *ret_word, void *context) {
    return read_word(context, address, ret_word);
}

struct quick {
    uint64_t pc, sp, bp;
    bool exact;
    struct readable readable;
    struct smp_memo *memo; /* or NULL */
    uint64_t bp_at;        /* where bp was read from; 0 = it is the one of the start */
    bool bp_noted;
};

/* The walk goes by rbp: it rests on the word it came from. */
static inline void note_bp(struct quick *q) {
    if (q->bp_noted) {
        return;
    }
    q->bp_noted = true;
    if (q->bp_at == 0) {
        q->memo->by_bp = true;
    } else {
        smp_memo_note(q->memo, q->bp_at, q->bp);
    }
}

/* The kernel's frame of a signal: rsp is at its ucontext. */
static bool step_signal(struct quick *q) {
    if (q->memo != NULL) {
        q->memo->overflow = true;
    }
    const ucontext_t *interrupted = (const ucontext_t *)q->sp;
    uint64_t word;
    if (!page_readable(&q->readable, (uint64_t)&interrupted->uc_mcontext.gregs[REG_RBP]) ||
        !read_word(&q->readable, (uint64_t)&interrupted->uc_mcontext.gregs[REG_RIP], &word)) {
        return false;
    }
    q->pc = word;
    q->sp = (uint64_t)interrupted->uc_mcontext.gregs[REG_RSP];
    q->bp = (uint64_t)interrupted->uc_mcontext.gregs[REG_RBP];
    q->exact = true;
    set_bounds(&q->readable, q->sp);
    return true;
}

/* The saved rbp and the return address above it, if this rbp can be a frame pointer. */
static bool read_frame(struct readable *readable, uint64_t sp, uint64_t at, uint64_t *ret_bp,
                       uint64_t *ret_pc) {
    return at >= sp && at - sp <= STEP_MAX && page_readable(readable, at) &&
           page_readable(readable, at + 8) && read_word(readable, at, ret_bp) &&
           read_word(readable, at + 8, ret_pc);
}

/* From one function made at run time into another, far away: the frames lead back to known code. */
static bool leads_to_code(struct readable *readable, uint64_t sp, uint64_t bp) {
    uint64_t next, pc;
    for (int i = 0; i < CHAIN_MAX && read_frame(readable, sp, bp, &next, &pc); i++) {
        if (smp_is_code(pc - 1)) {
            return true;
        }
        sp = bp + 16;
        bp = next;
    }
    return false;
}

/* Code made at run time has no rows, but mostly a frame pointer. Where it has none, rbp holds
 * anything: each word is tried first, and what it leads to must be code that is known or near, or
 * lead to such. */
static bool step_frame_pointer(struct quick *q) {
    uint64_t bp, pc;
    if (q->memo != NULL) {
        q->memo->overflow = true;
    }
    if (!read_frame(&q->readable, q->sp, q->bp, &bp, &pc)) {
        return false;
    }
    uint64_t distance = pc > q->pc ? pc - q->pc : q->pc - pc;
    if (distance > UINT64_C(1) << 30 && !smp_is_code(pc - 1) &&
        !leads_to_code(&q->readable, q->bp + 16, bp)) {
        return false;
    }
    q->sp = q->bp + 16;
    q->bp = bp;
    q->pc = pc;
    q->exact = false;
    return true;
}

/* Whether a call ends just before: by its opcodes, of two to seven bytes. */
static bool follows_call(struct readable *readable, uint64_t pc) {
    static const int lengths[] = {2, 3, 4, 6, 7};
    if (!smp_is_code(pc - 8) || !page_readable(readable, (pc - 1) & ~UINT64_C(7)) ||
        !page_readable(readable, (pc - 8) & ~UINT64_C(7))) {
        return false;
    }
    const uint8_t *end = (const uint8_t *)pc;
    bool follows = end[-5] == 0xe8;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        follows |= end[-lengths[i]] == 0xff && (end[1 - lengths[i]] & 0x38) == 0x10;
    }
    return follows;
}

/* Nor has all of it a frame pointer: Python's trampolines only move rsp by a word. */
static bool step_bare(struct quick *q) {
    uint64_t pc;
    for (int i = 0; i < BARE_WORDS; i++) {
        uint64_t at = q->sp + (uint64_t)i * sizeof pc;
        if (page_readable(&q->readable, at) && read_word(&q->readable, at, &pc) && pc >= 2 * PAGE &&
            follows_call(&q->readable, pc)) {
            q->sp = at + sizeof pc;
            q->pc = pc;
            q->exact = false;
            return true;
        }
    }
    return false;
}

static inline bool step_rule(struct quick *q, struct smp_rule rule) {
    bool by_bp = rule.kind == SMP_RULE_RBP;
    uint64_t cfa = (by_bp ? q->bp : q->sp) + (uint64_t)(int64_t)rule.cfa_offset;
    if (__builtin_expect(cfa <= q->sp || cfa - q->sp > STEP_MAX, 0)) {
        return false;
    }
    if (q->memo != NULL && by_bp) {
        note_bp(q);
    }
    if (rule.bp_offset != 0) {
        q->bp_at = cfa + (uint64_t)(int64_t)rule.bp_offset;
        q->bp_noted = false;
        if (!read_word(&q->readable, q->bp_at, &q->bp)) {
            return false;
        }
    }
    if (!read_word(&q->readable, cfa - 8, &q->pc)) {
        return false;
    }
    if (q->memo != NULL) {
        smp_memo_note(q->memo, cfa - 8, q->pc);
    }
    q->sp = cfa;
    q->exact = false;
    return true;
}

enum result { DONE, NEEDS_FULL };

static enum result walk_quick(struct quick *q, uintptr_t *frames, uint32_t max,
                              uint32_t *ret_depth) {
    uint32_t depth = 0;
    bool further = true;
    while (further && q->pc >= PAGE) {
        if (depth != 0 || !smp_is_own(q->pc)) {
            frames[depth++] = q->pc + q->exact; /* as if it were a return address */
        }
        if (depth == max) {
            break;
        }
        struct smp_rule rule = smp_rule_of(q->pc - !q->exact);
        if (__builtin_expect(rule.kind <= SMP_RULE_RBP, 1)) {
            further = step_rule(q, rule);
        } else if (rule.kind == SMP_RULE_SIGNAL) {
            further = step_signal(q);
        } else if (rule.kind == SMP_RULE_NONE) {
            further = step_frame_pointer(q) || step_bare(q);
        } else if (rule.kind == SMP_RULE_END) {
            break;
        } else {
            return NEEDS_FULL;
        }
    }
    *ret_depth = depth;
    return DONE;
}

static uint32_t walk_full(struct smp_frame *frame, uintptr_t *frames, uint32_t max) {
    struct readable readable = {0};
    set_bounds(&readable, frame->registers[SMP_RSP]);
    uint32_t depth = 0;
    while (depth < max && smp_frame_step(frame, read_for_frame, &readable)) {
        if (frame->exact) {
            set_bounds(&readable, frame->registers[SMP_RSP]);
        }
        if (depth != 0 || !smp_is_own(frame->registers[SMP_RIP])) {
            frames[depth++] = frame->registers[SMP_RIP] + frame->exact;
        }
    }
    return depth;
}

/* The registers that a callee keeps, as they are here; the rest do not survive a call. */
static inline __attribute__((always_inline)) void capture(struct smp_frame *frame) {
    uint64_t *r = frame->registers;
    __asm__ volatile("movq %%rbx, 0x18(%0)\n\t"
                     "movq %%rbp, 0x30(%0)\n\t"
                     "movq %%rsp, 0x38(%0)\n\t"
                     "movq %%r12, 0x60(%0)\n\t"
                     "movq %%r13, 0x68(%0)\n\t"
                     "movq %%r14, 0x70(%0)\n\t"
                     "movq %%r15, 0x78(%0)\n\t"
                     "leaq 0f(%%rip), %%rax\n\t"
                     "movq %%rax, 0x80(%0)\n"
                     "0:"
                     :
                     : "r"(r)
                     : "rax", "memory");
    frame->exact = true;
}

/* Registers other than rsp and rbp are known here only, so the full walk starts here. */
static __attribute__((noinline)) uint32_t unwind_full(uintptr_t *frames, uint32_t max) {
    struct smp_frame here;
    capture(&here);
    return walk_full(&here, frames, max);
}

uint32_t smp_unwind(const struct smp_guard *guard, const struct smp_origin *origin,
                    struct smp_memo *memo, uintptr_t *frames, uint32_t max) {
    (void)guard;
    struct quick q = {.pc = origin->pc, .sp = origin->sp, .bp = origin->bp, .memo = memo};
    set_bounds(&q.readable, q.sp);
    if (memo != NULL && q.readable.high == q.readable.low) {
        memo->overflow = true; /* a stack of unknown bounds: it may be gone by the next time */
    }
    uint32_t depth;
    if (walk_quick(&q, frames, max, &depth) == NEEDS_FULL) {
        if (memo != NULL) {
            memo->overflow = true;
        }
        depth = unwind_full(frames, max);
    }
    return depth;
}

void smp_unwind_forget(void) {
    smp_rules_forget();
}
