/* doctor_probe.c - does the probe get into programs, and can it walk their stacks? `cat` of
 * nothing is run with every allocation recorded, and its slot is read. */
#include "doctor.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "paths.h"
#include "pool.h"

static _Noreturn void run_cat(int pool_fd, const char *probe) {
    char region[64];
    snprintf(region, sizeof region, "/proc/%d/fd/%d", getppid(), pool_fd);
    if (setenv(SPILLMARK_ENV_REGION, region, 1) || setenv("LD_PRELOAD", probe, 1))
        _exit(126);
    execlp("cat", "cat", "/dev/null", (char *)NULL);
    _exit(127);
}

/* Runs it to its end; 0 when the probe was in it to the end, and the pool to be freed. */
static int run_probed(struct sm_pool **ret_pool, struct sm_slot *ret_slot, char *note) {
    const struct sm_pool_options options = {.slot_count = 1,
                                            .sample_interval_bytes = 1,
                                            .seed = 1,
                                            .wanted =
                                                SPILLMARK_FEATURE_HEAP | SPILLMARK_FEATURE_STACKS};
    struct sm_pool *pool = NULL;
    int status = -1;
    int rc = access(sm_path_probe(), R_OK) ? -errno : sm_pool_create(&options, &pool, NULL);
    if (rc) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "%s", sm_path_probe());
        return rc;
    }
    pid_t pid = fork();
    if (pid == 0)
        run_cat(sm_pool_fd(pool), sm_path_probe());
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        rc = -errno;
    else if (status != 0)
        rc = -ECHILD;
    else if (sm_slot_open(pool, 0, ret_slot))
        rc = -ELIBACC;
    if (rc)
        sm_pool_free(pool);
    else
        *ret_pool = pool;
    return rc;
}

int sm_doctor_probe(const char *dir, char *note) {
    (void)dir;
    struct sm_pool *pool;
    struct sm_slot slot;
    struct sm_slot_head head;
    struct sm_slot_totals totals;
    int rc = run_probed(&pool, &slot, note);
    if (rc)
        return rc;
    sm_slot_read_head(&slot, &head);
    sm_slot_read_totals(&slot, &totals);
    if (head.off_reason != SPILLMARK_OFF_NONE) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "%s", sm_off_reason_text(head.off_reason));
        rc = -ENOTSUP;
    } else if (totals.alloc_count == 0) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "not one allocation was seen");
        rc = -ENODATA;
    }
    sm_pool_free(pool);
    return rc;
}

int sm_doctor_stacks(const char *dir, char *note) {
    (void)dir;
    struct sm_pool *pool;
    struct sm_slot slot;
    struct sm_slot_head head;
    struct spillmark_stack stack;
    uint32_t deepest = 0;
    int rc = run_probed(&pool, &slot, note);
    if (rc)
        return rc;
    sm_slot_read_head(&slot, &head);
    for (uint32_t i = 1; i < sm_slot_used(&slot, SPILLMARK_SECTION_STACKS); i++)
        if (sm_slot_stack(&slot, i, &stack) && stack.depth > deepest)
            deepest = stack.depth;
    if (deepest < 2) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "%llu stacks could not be walked",
                 (unsigned long long)head.stack_failures);
        rc = -ENODATA;
    }
    sm_pool_free(pool);
    return rc;
}
