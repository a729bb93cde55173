/* supervisor_resolve.h - which file a path of the target means, without opening it for use. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sm_open_request {
    pid_t tid;
    int directory; /* of the target; AT_FDCWD */
    char path[PATH_MAX];
    uint32_t flags;
    mode_t mode;
    uint64_t resolve; /* of openat2 */
};

struct sm_resolved {
    bool exists;
    int fd; /* O_PATH, the caller closes: the file, or the directory it goes into */
    char name[NAME_MAX + 1]; /* in that directory, when it doesn't exist yet */
    char full[PATH_MAX];     /* as the kernel prints it */
};

/* Negative errno when the path leads nowhere, or when it can't be followed from here. */
int sm_resolve_path(const struct sm_open_request *request, struct sm_resolved *ret_resolved);
