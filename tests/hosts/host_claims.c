/* host_claims.c - a rival takes the slot that a process is about to claim, between any two
 * instructions of the claim. Each must have one for itself. */
#include <sys/syscall.h>
#include <sys/wait.h>

#include "stepping.h"

enum { RIVAL = 0x7ffffff0, CAME_TOO_LATE = 10, STEPS_MAX = 100000 };

static struct spillmark_claim *claims;
static uint32_t claim_count;
static struct code_range probe;
static uint32_t step_count, rival_step, rival_claim;

static void on_step(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    if (!in_code(probe, context) || step_count++ != rival_step) {
        return;
    }
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG; /* the rest at full speed */
    for (uint32_t i = 0; i < claim_count; i++) {
        uint32_t nobody = 0;
        if (__atomic_compare_exchange_n(&claims[i].pid, &nobody, RIVAL, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            rival_claim = i;
            return;
        }
    }
}

/* A raw clone runs none of libc's fork handlers: the first allocation makes the claim. */
static void claim_against(uint32_t at_step) {
    rival_step = at_step;
    rival_claim = UINT32_MAX;
    step(true);
    void *block = malloc(100);
    step(false);
    const struct spillmark_slot *slot = host_slot();
    HOST_CHECK(slot->pid == (uint32_t)getpid() && slot->state == SPILLMARK_STATE_ON);
    HOST_CHECK(view_live_count(slot) > 0 && block != NULL);
    if (rival_claim == UINT32_MAX) {
        _exit(CAME_TOO_LATE);
    }
    HOST_CHECK(claims[rival_claim].pid == RIVAL);
    bool is_late = view_slot(host_view(), rival_claim) > slot;
    claims[rival_claim].pid = 0; /* for the next to come */
    _exit(is_late ? CAME_TOO_LATE : 0);
}

static void map_claims(void) {
    const struct spillmark_pool *header = view_header(host_view());
    int fd = open(getenv(SPILLMARK_ENV_REGION), O_RDWR | O_CLOEXEC);
    HOST_CHECK(fd >= 0);
    char *at = mmap(NULL, header->header_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    HOST_CHECK(at != MAP_FAILED);
    close(fd);
    claims = (struct spillmark_claim *)(at + header->claims_offset);
    claim_count = header->slot_count;
}

int main(void) {
    map_claims();
    probe = probe_code(host_slot());
    on_each_step(on_step);
    int status = 0;
    uint32_t tries = 0;
    for (; status == 0 && tries < STEPS_MAX; tries++) {
        pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            claim_against(tries);
        }
        HOST_CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    }
    HOST_CHECK(WEXITSTATUS(status) == CAME_TOO_LATE && tries > 10);
    return 0;
}
