/* host_jit.c - code made at run time, in two places further apart than any program is large, with
 * frame pointers and without: stacks go through it and on into the program. */
#include <stdbool.h>
#include <string.h>

#include "own_frame.h"
#include "pool_view.h"

enum { CODE_BYTES = 4096, REACH = 64 };
#define FAR ((uintptr_t)3 << 30)

typedef void *made_function(void *callee, void *argument);

/* Calls its first argument with its second. */
static const unsigned char code[] = {
    0x55,             /* push %rbp */
    0x48, 0x89, 0xe5, /* mov  %rsp, %rbp */
    0x48, 0x89, 0xf8, /* mov  %rdi, %rax */
    0x48, 0x89, 0xf7, /* mov  %rsi, %rdi */
    0xff, 0xd0,       /* call *%rax */
    0x5d,             /* pop  %rbp */
    0xc3,             /* ret */
};

/* The same, keeping no frame: rbp is anything. */
static const unsigned char bare_code[] = {
    0x55,                         /* push %rbp */
    0xbd, 0x01, 0x00, 0x00, 0x00, /* mov  $1, %ebp */
    0x48, 0x89, 0xf8,             /* mov  %rdi, %rax */
    0x48, 0x89, 0xf7,             /* mov  %rsi, %rdi */
    0xff, 0xd0,                   /* call *%rax */
    0x5d,                         /* pop  %rbp */
    0xc3,                         /* ret */
};

static made_function *make(uintptr_t near, const void *instructions, size_t bytes) {
    void *at = mmap((void *)near, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HOST_CHECK(at != MAP_FAILED);
    memcpy(at, instructions, bytes);
    return (made_function *)(uintptr_t)at;
}

static OWN_FRAME void *leaf(void *unused) {
    void *block = malloc(4321);
    __asm__ volatile("" : "+r"(block) : "r"(unused));
    return block;
}

static bool is_in(uint64_t frame, const void *function) {
    return frame > (uint64_t)(uintptr_t)function && frame < (uint64_t)(uintptr_t)function + REACH;
}

static OWN_FRAME void *outermost(made_function *first, made_function *second) {
    void *block = first((void *)(uintptr_t)second, (void *)(uintptr_t)leaf);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static OWN_FRAME void *outermost_bare(made_function *first, void *callee) {
    void *block = first(callee, NULL);
    __asm__ volatile("" : "+r"(block));
    return block;
}

/* Whether some stack begins with these functions. */
static bool is_there(const struct spillmark_slot *slot, const void *const *functions, int count) {
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = view_entries(slot, SPILLMARK_SECTION_FRAMES);
    for (uint32_t i = 1; i < slot->sections[SPILLMARK_SECTION_STACKS].used; i++) {
        int same = 0;
        while ((int)stacks[i].depth >= count && same < count &&
               is_in(frames[stacks[i].first_frame + (uint32_t)same], functions[same])) {
            same++;
        }
        if (same == count) {
            return true;
        }
    }
    return false;
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    made_function *second = make(0x7e0000000000, code, sizeof code),
                  *first = make((uintptr_t)second - FAR, code, sizeof code),
                  *bare = make(0, bare_code, sizeof bare_code);
    HOST_CHECK((uintptr_t)second - (uintptr_t)first >= FAR);
    free(outermost(first, second));
    const void *far_apart[] = {(const void *)(uintptr_t)leaf, (const void *)(uintptr_t)second,
                               (const void *)(uintptr_t)first, (const void *)(uintptr_t)outermost};
    HOST_CHECK(is_there(slot, far_apart, 4));
    free(outermost_bare(bare, (void *)(uintptr_t)leaf));
    const void *without_frame[] = {(const void *)(uintptr_t)leaf, (const void *)(uintptr_t)bare,
                                   (const void *)(uintptr_t)outermost_bare};
    HOST_CHECK(is_there(slot, without_frame, 3));
    return 0;
}
