/* host_coroutines.c - allocates on stacks that no thread library knows of: coroutines beside
 * unmapped memory, and an alternate signal stack. Then again below code made at run time in which
 * rbp is no frame pointer and leads beyond the stack. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "own_frame.h"
#include "pool_view.h"

enum { STACK = 65536, PAGE = 4096 };

static ucontext_t main_context, coroutine;

static __attribute__((noinline)) void body(void) {
    for (int i = 0; i < 100; i++) {
        void *block = malloc((size_t)i + 1);
        swapcontext(&coroutine, &main_context);
        free(block);
    }
}

/* A stack with holes on both sides: reading past either end is fatal. */
static char *guarded_stack(void) {
    char *at = mmap(NULL, STACK + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HOST_CHECK(at != MAP_FAILED && mprotect(at + PAGE, STACK, PROT_READ | PROT_WRITE) == 0);
    return at + PAGE;
}

/* Calls its first argument with its second as rbp. */
static const unsigned char code[] = {
    0x55,             /* push %rbp */
    0x48, 0x89, 0xf5, /* mov  %rsi, %rbp */
    0xff, 0xd7,       /* call *%rdi */
    0x5d,             /* pop  %rbp */
    0xc3,             /* ret */
};

static void (*with_rbp)(void (*callee)(void), void *rbp);
static char *beyond;

static OWN_FRAME void allocate(void) {
    free(malloc(300));
}

static void astray(void) {
    for (int i = -2; i <= 2; i++) {
        with_rbp(allocate, beyond + i * 8);
    }
}

static void go_astray(char *stack) {
    void *made =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HOST_CHECK(made != MAP_FAILED);
    memcpy(made, code, sizeof code);
    memcpy(&with_rbp, &made, sizeof made);
    beyond = stack + STACK;
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = STACK;
    coroutine.uc_link = &main_context;
    makecontext(&coroutine, astray, 0);
    swapcontext(&main_context, &coroutine);
}

static void on_signal(int number) {
    (void)number;
    free(malloc(200));
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    char *stack = guarded_stack();
    int64_t count = view_live_count(slot);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = STACK;
    coroutine.uc_link = &main_context;
    makecontext(&coroutine, body, 0);
    for (int i = 0; i < 101; i++) {
        swapcontext(&main_context, &coroutine);
    }
    stack_t alternate = {.ss_sp = guarded_stack(), .ss_size = STACK};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    HOST_CHECK(sigaltstack(&alternate, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    for (int i = 0; i < 100; i++) {
        raise(SIGUSR1);
    }
    go_astray(stack);
    HOST_CHECK(view_live_count(slot) == count);
    return 0;
}
