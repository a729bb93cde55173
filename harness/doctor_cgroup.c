/* doctor_cgroup.c - may we give a program a memory limit that the kernel enforces? Makes a group
 * with a limit, puts a process into it, and removes it again. */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "limit_cgroup.h"

int sm_doctor_memory_cgroup(const char *dir, char *note) {
    (void)dir;
    struct sm_cgroup group;
    char name[64];
    int rc = sm_cgroup_own(&group);
    if (rc) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "no memory control group is mounted");
        return rc;
    }
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "version %d, %.120s", group.version, group.dir);
    snprintf(name, sizeof name, "spillmark-doctor-%d", (int)getpid());
    rc = sm_cgroup_make(name, 64 << 20, NULL, NULL, &group);
    return rc ? rc : sm_cgroup_remove(group.dir);
}
