#include "sampler_fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const sm_fds_series[SM_FDS_KINDS] = {
#define X(id, name) "fds:" name,
    SM_FDS_TABLE(X)
#undef X
};

/* Beginnings of links that tell the kind. */
static const struct {
    const char *start;
    enum sm_fds_kind kind;
} starts[] = {
    {"socket:[", SM_FDS_SOCKET},
    {"pipe:[", SM_FDS_PIPE},
    {"anon_inode:[eventpoll]", SM_FDS_EPOLL},
    {"anon_inode:[eventfd", SM_FDS_EVENT},
    {"anon_inode:[timerfd", SM_FDS_EVENT},
    {"anon_inode:[signalfd", SM_FDS_EVENT},
    {"anon_inode:inotify", SM_FDS_EVENT},
    {"anon_inode:", SM_FDS_OTHER},
    {"/memfd:", SM_FDS_MEMORY},
    {"/dev/shm/", SM_FDS_MEMORY},
    {"/dev/", SM_FDS_DEVICE},
    {"/proc/", SM_FDS_PROC},
};

enum sm_fds_kind sm_fds_kind_of(const char *link, uint64_t *ret_inode) {
    static const char deleted[] = " (deleted)";
    size_t length = strlen(link), ending = sizeof deleted - 1;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t start = strlen(starts[i].start);
        if (strncmp(link, starts[i].start, start) != 0)
            continue;
        if (starts[i].kind == SM_FDS_SOCKET)
            *ret_inode = strtoull(link + start, NULL, 10);
        return starts[i].kind;
    }
    if (length > ending && strcmp(link + length - ending, deleted) == 0)
        return SM_FDS_DELETED;
    return link[0] == '/' ? SM_FDS_FILE : SM_FDS_OTHER;
}

static int add_socket(struct sm_fds *fds, uint64_t inode) {
    if (fds->socket_count == fds->socket_capacity) {
        size_t capacity = fds->socket_capacity ? fds->socket_capacity * 2 : 64;
        uint64_t *inodes = realloc(fds->socket_inodes, capacity * sizeof *inodes);
        if (!inodes)
            return -ENOMEM;
        fds->socket_inodes = inodes;
        fds->socket_capacity = capacity;
    }
    fds->socket_inodes[fds->socket_count++] = inode;
    return 0;
}

static int by_number(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

int sm_fds_read(int dir_fd, struct sm_fds *fds) {
    int fd = openat(dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int rc = -errno;
        if (fd >= 0)
            close(fd);
        return rc;
    }
    memset(fds->counts, 0, sizeof fds->counts);
    fds->socket_count = 0;
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
        char link[PATH_MAX];
        uint64_t inode = 0;
        if (entry->d_name[0] == '.')
            continue;
        ssize_t length = readlinkat(fd, entry->d_name, link, sizeof link - 1);
        if (length < 0) /* closed meanwhile */
            continue;
        link[length] = '\0';
        enum sm_fds_kind kind = sm_fds_kind_of(link, &inode);
        fds->counts[kind]++;
        if (kind == SM_FDS_SOCKET)
            rc = add_socket(fds, inode);
    }
    closedir(dir);
    if (fds->socket_count > 1)
        qsort(fds->socket_inodes, fds->socket_count, sizeof *fds->socket_inodes, by_number);
    return rc;
}

void sm_fds_free(struct sm_fds *fds) {
    free(fds->socket_inodes);
    *fds = (struct sm_fds){0};
}
