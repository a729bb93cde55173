/* execution_way.c - by which way the faults on files are done: by what spillmark doctor would find,
 * notification, else FUSE, else a control group's throttle. Where none works, the start of the
 * target says so. */
#include "execution_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "doctor.h"
#include "supervisor_fuse.h"

static int use_fuse(struct sm_execution *execution, const char *scratch, struct sm_error *err) {
    int rc = 0;
    struct sm_fuse_places *places = calloc(1, sizeof *places);
    if (!places)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    sm_fuse_find_places(execution->supervisor, places);
    /* Its sockets would be the target's alone. */
    for (size_t i = 0; i < places->count && rc == 0; i++)
        if (sm_fuse_is_within(scratch, places->paths[i]))
            rc = sm_error_set(err, -EXDEV, places->paths[i],
                              "put what the faults are about into a directory of its own",
                              "faults are done by FUSE here, and ${run} lies in the directory");
    free(places);
    execution->supervisor->wanted = SM_WAY_FUSE;
    sm_execution_event(execution, "fault", "by FUSE, as there is no seccomp notification here");
    return rc;
}

static int own(void *context, const char *dir) {
    return sm_keeper_own_path(context, dir);
}

static void try_throttle(struct sm_execution *execution) {
    if (!sm_throttle_suits(execution->supervisor) ||
        sm_throttle_make(execution->supervisor, sm_limit_group(execution->limit), own,
                         execution->keeper, &execution->throttle))
        return;
    execution->needs_supervisor = false;
    sm_execution_event(
        execution, "fault",
        "by a control group, as there is neither seccomp notification nor FUSE here");
}

int sm_execution_choose_way(struct sm_execution *execution, struct sm_error *err) {
    char note[SM_DOCTOR_NOTE_BYTES] = "", scratch[PATH_MAX];
    if (!execution->needs_supervisor || !realpath(execution->dir->scratch, scratch) ||
        sm_doctor_slow_disk(scratch, note) == 0)
        return 0;
    if (sm_doctor_fuse(scratch, note) == 0)
        return use_fuse(execution, scratch, err);
    try_throttle(execution);
    return 0;
}

struct sm_throttle *sm_execution_throttle(const struct sm_execution *execution) {
    return execution->throttle;
}
