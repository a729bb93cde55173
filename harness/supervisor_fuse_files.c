#define FUSE_USE_VERSION 312
#include "supervisor_fuse_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { THREADS_MOST = 256 };

static struct sm_fuse_tree *tree_here(void) {
    return fuse_get_context()->private_data;
}

static int root_fd(void) {
    return tree_here()->root_fd;
}

static const char *below(const char *path) {
    return path[1] ? path + 1 : ".";
}

static int code_of(long result) {
    return result < 0 ? -errno : 0;
}

/* 0, a negative errno, or 1: cut short. */
static int turn(const char *path, enum sm_disk_call kind, uint64_t bytes) {
    char whole[PATH_MAX];
    struct sm_fuse_tree *tree = tree_here();
    snprintf(whole, sizeof whole, "%s%s", tree->path, path && path[1] ? path : "");
    int rc = sm_turns_take(tree->turns, whole, kind, bytes);
    return rc < 0 ? 1 : -rc;
}

/* What another user makes is that user's; we are root. */
static int give(const char *path, long result) {
    const struct fuse_context *context = fuse_get_context();
    if (result >= 0 && (context->uid || context->gid) &&
        fchownat(root_fd(), below(path), context->uid, context->gid, AT_SYMLINK_NOFOLLOW))
        return -errno;
    return code_of(result);
}

static void *on_init(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->use_ino = 1;
    config->hard_remove = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    return tree_here();
}

static int on_getattr(const char *path, struct stat *status, struct fuse_file_info *file) {
    return code_of(file && file->fh ? fstat((int)file->fh, status)
                                    : fstatat(root_fd(), below(path), status, AT_SYMLINK_NOFOLLOW));
}

static int on_readlink(const char *path, char *buffer, size_t size) {
    ssize_t length = readlinkat(root_fd(), below(path), buffer, size - 1);
    if (length >= 0)
        buffer[length] = '\0';
    return code_of(length);
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *file, enum fuse_readdir_flags flags) {
    (void)offset, (void)file, (void)flags;
    const struct dirent *entry;
    int fd = openat(root_fd(), below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory)
        return -errno;
    while ((entry = readdir(directory))) {
        const struct stat status = {.st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type)};
        if (fill(buffer, entry->d_name, &status, 0, 0))
            break;
    }
    closedir(directory);
    return 0;
}

static int on_mknod(const char *path, mode_t mode, dev_t device) {
    return give(path, mknodat(root_fd(), below(path), mode, device));
}

static int on_mkdir(const char *path, mode_t mode) {
    return give(path, mkdirat(root_fd(), below(path), mode));
}

static int on_unlink(const char *path) {
    return code_of(unlinkat(root_fd(), below(path), 0));
}

static int on_rmdir(const char *path) {
    return code_of(unlinkat(root_fd(), below(path), AT_REMOVEDIR));
}

static int on_symlink(const char *to, const char *path) {
    return give(path, symlinkat(to, root_fd(), below(path)));
}

static int on_rename(const char *from, const char *to, unsigned flags) {
    return code_of(renameat2(root_fd(), below(from), root_fd(), below(to), flags));
}

static int on_link(const char *from, const char *to) {
    return code_of(linkat(root_fd(), below(from), root_fd(), below(to), 0));
}

static int on_chmod(const char *path, mode_t mode, struct fuse_file_info *file) {
    return code_of(file && file->fh ? fchmod((int)file->fh, mode)
                                    : fchmodat(root_fd(), below(path), mode, 0));
}

static int on_chown(const char *path, uid_t user, gid_t group, struct fuse_file_info *file) {
    (void)file;
    return code_of(fchownat(root_fd(), below(path), user, group, AT_SYMLINK_NOFOLLOW));
}

static int on_utimens(const char *path, const struct timespec times[2],
                      struct fuse_file_info *file) {
    (void)file;
    return code_of(utimensat(root_fd(), below(path), times, AT_SYMLINK_NOFOLLOW));
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *file) {
    int rc = turn(path, SM_CALL_TRUNCATE, 0);
    if (rc)
        return rc < 0 ? rc : 0;
    if (file && file->fh)
        return code_of(ftruncate((int)file->fh, size));
    int fd = openat(root_fd(), below(path), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = code_of(ftruncate(fd, size));
    close(fd);
    return rc;
}

static int open_file(const char *path, struct fuse_file_info *file, mode_t mode) {
    int rc = (file->flags & O_ACCMODE) == O_RDONLY ? 0 : turn(path, SM_CALL_OPEN, 0);
    if (rc < 0)
        return rc;
    int fd = openat(root_fd(), below(path), (file->flags & ~O_NOFOLLOW) | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    file->fh = (uint64_t)fd;
    return 0;
}

static int on_open(const char *path, struct fuse_file_info *file) {
    return open_file(path, file, 0);
}

static int on_create(const char *path, mode_t mode, struct fuse_file_info *file) {
    file->flags |= O_CREAT;
    int rc = open_file(path, file, mode);
    return rc ? rc : give(path, 0);
}

static int on_read(const char *path, char *buffer, size_t size, off_t offset,
                   struct fuse_file_info *file) {
    (void)path;
    ssize_t got = pread((int)file->fh, buffer, size, offset);
    return got < 0 ? -errno : (int)got;
}

static int on_write(const char *path, const char *buffer, size_t size, off_t offset,
                    struct fuse_file_info *file) {
    int rc = turn(path, SM_CALL_WRITE, size);
    if (rc < 0)
        return rc;
    ssize_t put = pwrite((int)file->fh, buffer, rc > 0 ? size / 2 : size, offset);
    return put < 0 ? -errno : (int)put;
}

static int on_fsync(const char *path, int only_data, struct fuse_file_info *file) {
    int rc = turn(path, SM_CALL_SYNC, 0);
    if (rc < 0)
        return rc;
    return code_of(only_data ? fdatasync((int)file->fh) : fsync((int)file->fh));
}

static int on_fallocate(const char *path, int mode, off_t offset, off_t length,
                        struct fuse_file_info *file) {
    int rc = turn(path, SM_CALL_TRUNCATE, 0);
    return rc < 0 ? rc : code_of(fallocate((int)file->fh, mode, offset, length));
}

static int on_release(const char *path, struct fuse_file_info *file) {
    (void)path;
    return code_of(close((int)file->fh));
}

static int on_statfs(const char *path, struct statvfs *status) {
    (void)path;
    return code_of(fstatvfs(root_fd(), status));
}

static const struct fuse_operations operations = {
    .init = on_init,
    .getattr = on_getattr,
    .readlink = on_readlink,
    .readdir = on_readdir,
    .mknod = on_mknod,
    .mkdir = on_mkdir,
    .unlink = on_unlink,
    .rmdir = on_rmdir,
    .symlink = on_symlink,
    .rename = on_rename,
    .link = on_link,
    .chmod = on_chmod,
    .chown = on_chown,
    .utimens = on_utimens,
    .truncate = on_truncate,
    .open = on_open,
    .create = on_create,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
    .fallocate = on_fallocate,
    .release = on_release,
    .statfs = on_statfs,
};

int sm_fuse_tree_serve(struct sm_fuse_tree *tree) {
    char name[] = "spillmark", place[32];
    char *arguments[] = {name, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, tree);
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    int rc = -ENOMEM;
    snprintf(place, sizeof place, "/dev/fd/%d", tree->fuse_fd);
    if (fuse && config && fuse_mount(fuse, place) == 0) {
        fuse_loop_cfg_set_max_threads(config, THREADS_MOST);
        rc = fuse_loop_mt(fuse, config);
        rc = rc > 0 ? 0 : rc;
    }
    fuse_loop_cfg_destroy(config);
    fuse_opt_free_args(&args);
    return rc;
}
