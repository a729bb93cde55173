/* doctor_cgroup.c - may we give a program limits that the kernel enforces, on its memory, on what
 * it writes? Makes a group with a limit, puts a process into it, and removes it again. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "limit_cgroup.h"
#include "limit_disk.h"

int sm_doctor_memory_cgroup(const char *dir, char *note) {
    (void)dir;
    struct sm_cgroup group;
    char name[64];
    int rc = sm_cgroup_own(SM_CGROUP_MEMORY, &group);
    if (rc) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "no memory control group is mounted");
        return rc;
    }
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "version %d, %.120s", group.version, group.dir);
    snprintf(name, sizeof name, "spillmark-doctor-%d", (int)getpid());
    rc = sm_cgroup_make(SM_CGROUP_MEMORY, name, NULL, NULL, &group);
    if (rc)
        return rc;
    rc = sm_cgroup_set_limit(&group, 64 << 20);
    int removed = sm_cgroup_remove(group.dir);
    return rc ? rc : removed;
}

/* ---- limits on what is written to disks ---- */

enum { SYNCED_BYTES = 1 << 20 };

/* In a child: into the group, and so much to the disk. */
static _Noreturn void write_synced(const struct sm_cgroup *group, const char *path) {
    static char bytes[SYNCED_BYTES];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    _exit(fd < 0 || sm_cgroup_enter(group->dir) || write(fd, bytes, sizeof bytes) != sizeof bytes ||
          fdatasync(fd));
}

static int write_under_limit(const struct sm_cgroup *group, const struct sm_disk *disk,
                             const char *path, char *note) {
    static const uint64_t rate = 10 * SYNCED_BYTES;
    struct sm_disk_counts counts = {0};
    int status = -1;
    int rc = sm_disk_set_limit(group, disk, rate);
    if (rc)
        return rc;
    int64_t start_ns = sm_now_ns();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        write_synced(group, path);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -errno;
    double took_s = (double)(sm_now_ns() - start_ns) / 1e9;
    if (status || (rc = sm_disk_read(group, disk, &counts)))
        return status ? -EIO : rc;
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "version %d, %.1f MB to disk %u:%u took %.0f ms%s",
             group->version, (double)counts.bytes / 1e6, disk->major, disk->minor, took_s * 1e3,
             group->version == 1 ? "; only synced and direct writes wait" : "");
    return counts.bytes >= SYNCED_BYTES && took_s >= 0.5 * SYNCED_BYTES / (double)rate ? 0 : -EIO;
}

int sm_doctor_disk_cgroup(const char *dir, char *note) {
    struct sm_cgroup group;
    struct sm_disk disk;
    char name[64], path[PATH_MAX];
    int rc = sm_disk_below(dir, &disk);
    if (rc) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "%.120s lies on no disk", dir);
        return rc;
    }
    if ((rc = sm_cgroup_own(SM_CGROUP_DISK, &group))) {
        snprintf(note, SM_DOCTOR_NOTE_BYTES, "no such control group is mounted");
        return rc;
    }
    snprintf(note, SM_DOCTOR_NOTE_BYTES, "version %d, %.120s", group.version, group.dir);
    snprintf(name, sizeof name, "spillmark-doctor-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/synced", dir);
    rc = sm_cgroup_make(SM_CGROUP_DISK, name, NULL, NULL, &group);
    if (rc)
        return rc;
    rc = write_under_limit(&group, &disk, path, note);
    unlink(path);
    sm_disk_lift_all(group.dir);
    int removed = sm_cgroup_remove(group.dir);
    return rc ? rc : removed;
}
