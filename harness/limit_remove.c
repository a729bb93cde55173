/* limit_remove.c - the end of a group. */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "limit_cgroup.h"

static const int64_t patience_ns = 5000000000;
enum { POLL_MS = 10 };

int sm_cgroup_is(const char *path) {
    struct statfs fs;
    return statfs(path, &fs) == 0 &&
           (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

static void kill_members(const char *dir) {
    char path[PATH_MAX], line[32];
    if (snprintf(path, sizeof path, "%s/cgroup.procs", dir) >= (int)sizeof path)
        return;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        long pid = strtol(line, NULL, 10);
        if (pid > 1 && pid != getpid()) /* 0: of another pid namespace */
            kill((pid_t)pid, SIGKILL);
    }
    if (file)
        fclose(file);
}

/* One attempt at a group and all below it. */
static int remove_once(const char *dir) {
    struct dirent *entry;
    if (rmdir(dir) == 0 || errno == ENOENT)
        return 0;
    int rc = -errno;
    kill_members(dir);
    DIR *stream = opendir(dir);
    while (stream && (entry = readdir(stream)) != NULL) {
        char below[PATH_MAX];
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
            snprintf(below, sizeof below, "%s/%s", dir, entry->d_name) >= (int)sizeof below)
            continue;
        remove_once(below);
    }
    if (stream)
        closedir(stream);
    return rc;
}

int sm_cgroup_remove(const char *dir) {
    int64_t deadline_ns = sm_now_ns() + patience_ns;
    int rc;
    while ((rc = remove_once(dir)) == -EBUSY && sm_now_ns() < deadline_ns)
        poll(NULL, 0, POLL_MS);
    return rc;
}
