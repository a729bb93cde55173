/* host_jit.c - code made at run time, in two places further apart than any program is large: stacks
 * go through both and on into the program. */
#include <stdbool.h>
#include <string.h>

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

static made_function *make(uintptr_t near) {
    void *at = mmap((void *)near, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HOST_CHECK(at != MAP_FAILED);
    memcpy(at, code, sizeof code);
    return (made_function *)(uintptr_t)at;
}

static __attribute__((noipa)) void *leaf(void *unused) {
    void *block = malloc(4321);
    __asm__ volatile("" : "+r"(block) : "r"(unused));
    return block;
}

static bool is_in(uint64_t frame, const void *function) {
    return frame > (uint64_t)(uintptr_t)function && frame < (uint64_t)(uintptr_t)function + REACH;
}

static __attribute__((noipa)) void *outermost(made_function *first, made_function *second) {
    void *block = first((void *)(uintptr_t)second, (void *)(uintptr_t)leaf);
    __asm__ volatile("" : "+r"(block));
    return block;
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    made_function *second = make(0x7e0000000000), *first = make((uintptr_t)second - FAR);
    HOST_CHECK((uintptr_t)second - (uintptr_t)first >= FAR);
    free(outermost(first, second));
    const struct spillmark_stack *stacks = view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = view_entries(slot, SPILLMARK_SECTION_FRAMES);
    for (uint32_t i = 1; i < slot->sections[SPILLMARK_SECTION_STACKS].used; i++) {
        const uint64_t *frame = &frames[stacks[i].first_frame];
        if (stacks[i].depth > 5 && is_in(frame[0], (const void *)(uintptr_t)leaf)) {
            HOST_CHECK(is_in(frame[1], (const void *)(uintptr_t)second));
            HOST_CHECK(is_in(frame[2], (const void *)(uintptr_t)first));
            HOST_CHECK(is_in(frame[3], (const void *)(uintptr_t)outermost));
            return 0;
        }
    }
    return 1;
}
