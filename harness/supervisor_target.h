/* supervisor_target.h - what the supervisor asks the kernel about a thread of the target. All of
 * it can fail at any moment, since the target may die: negative errno, and the caller lets the
 * target's call go on as it is. `tid` is what the notification carries. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SM_TARGET_GROUPS = 256 };

struct sm_target_status {
    pid_t process; /* the thread's group leader */
    mode_t umask;
    uid_t fsuid;
    gid_t fsgid;
    gid_t groups[SM_TARGET_GROUPS];
    size_t group_count;
};

/* "/proc/TID/what" into buffer, which it always fits. */
enum { SM_PROC_PATH_BYTES = 64 };
const char *sm_target_proc(char *buffer, pid_t tid, const char *what);
const char *sm_target_proc_fd(char *buffer, pid_t tid, int fd);

/* Copies memory of the target; all or -EFAULT, -EPERM, -ESRCH. */
int sm_target_read(pid_t tid, uint64_t address, void *ret_bytes, size_t length);

/* Copies a path of the target, terminated, into a buffer of PATH_MAX. */
int sm_target_read_path(pid_t tid, uint64_t address, char *ret_path);

int sm_target_status(pid_t tid, struct sm_target_status *ret_status);

/* The path a magic link of /proc stands for, into a buffer of PATH_MAX. */
int sm_target_link(const char *proc_path, char *ret_path);

/* The target's own open file (same offset, same locks) as a descriptor of ours. */
int sm_target_descriptor(pid_t tid, int fd);

/* A free descriptor of the target at least `least` high, chosen so that no other thread of it can
 * be given the same number by the kernel meanwhile; -EMFILE when there is none. */
int sm_target_free_descriptor(pid_t tid, unsigned least);

/* Whether 0, 1 or 2 is closed: then the next descriptor must be that very number, by an idiom as
 * old as Unix. */
bool sm_target_lacks_stdio(pid_t tid);

/* Whether it is gone, or killed and on its way: what cannot be done for it then is no failure. */
bool sm_target_is_dying(pid_t tid);

/* Acts as the target towards file systems (umask, fsuid, fsgid, groups) until sm_target_unbecome.
 * The process must have one thread. Without the privilege to change, it stays as it is, which is
 * right when both are of one user. */
void sm_target_become(const struct sm_target_status *status);
void sm_target_unbecome(void);
