/* host_jump.c - longjmp out of deep frames, and out of a signal handler that interrupted the
 * probe itself. Totals stay exact; stacks are taken again afterwards. */
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#include "own_frame.h"
#include "pool_view.h"

static jmp_buf back;
static sigjmp_buf out;
static volatile sig_atomic_t armed;

OWN_FRAME static void leave(void) {
    free(malloc(100));
    longjmp(back, 1);
}

static __attribute__((noinline)) void descend(int depth) {
    char padding[256];
    padding[0] = (char)depth;
    __asm__ volatile("" : : "r"(padding) : "memory");
    if (depth == 0) {
        leave();
        return; /* never, which the compiler need not know */
    }
    descend(depth - 1);
}

static void on_alarm(int number) {
    (void)number;
    if (armed) {
        armed = 0;
        siglongjmp(out, 1);
    }
}

/* Fills a table through the probe's own hook only: what the jump leaves behind is the probe's
 * state, not the allocator's, because the timer hits a thread that spends its time in stacks. */
static __attribute__((noinline)) void open_and_close(void) {
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
}

static void jump_out_of_handlers(void) {
    for (volatile int i = 0; i < 200; i++) {
        if (sigsetjmp(out, 1) == 0) {
            armed = 1;
            struct itimerval timer = {.it_value = {0, 200 + i}};
            setitimer(ITIMER_REAL, &timer, NULL);
            for (;;) {
                open_and_close();
            }
        }
    }
}

int main(void) {
    const struct spillmark_slot *slot = host_slot();
    int64_t bytes = view_live_bytes(slot), count = view_live_count(slot);
    for (volatile int i = 0; i < 2000; i++) {
        if (setjmp(back) == 0) {
            descend(i % 50);
        }
    }
    HOST_CHECK(view_live_bytes(slot) == bytes && view_live_count(slot) == count);
    signal(SIGALRM, on_alarm);
    jump_out_of_handlers();
    const struct spillmark_section *stacks = &slot->sections[SPILLMARK_SECTION_STACKS];
    uint32_t used = stacks->used;
    free(malloc(123)); /* a new site: its stack must be taken */
    HOST_CHECK(stacks->used > used);
    return 0;
}
