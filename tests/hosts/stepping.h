/* stepping.h - for hosts: a signal after each instruction, by the processor's trap flag. The flag
 * is off within the handler. Header-only. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>

#include "pool_view.h"

enum { TRAP_FLAG = 0x100 };

struct code_range {
    uint64_t low, high;
};

/* Where the probe lies in this process. */
static inline struct code_range probe_code(const struct spillmark_slot *slot) {
    const struct spillmark_module *modules =
        (const struct spillmark_module *)view_entries(slot, SPILLMARK_SECTION_MODULES);
    for (uint32_t i = 0; i < slot->sections[SPILLMARK_SECTION_MODULES].used; i++) {
        if (strstr(modules[i].path, "spillmark-probe") != NULL) {
            return (struct code_range){modules[i].low, modules[i].high};
        }
    }
    _exit(79);
}

static inline bool in_code(struct code_range code, const void *context) {
    uint64_t at = (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    return at >= code.low && at < code.high;
}

static inline void on_each_step(void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    HOST_CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
}

/* Past the red zone, which is the caller's. */
static __attribute__((noinline)) void step(bool on) {
    if (on) {
        __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\t"
                         "leaq 128(%%rsp), %%rsp"
                         :
                         : "i"(TRAP_FLAG)
                         : "memory", "cc");
    } else {
        __asm__ volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\t"
                         "leaq 128(%%rsp), %%rsp"
                         :
                         : "i"(~TRAP_FLAG)
                         : "memory", "cc");
    }
}
