#include "run_dir.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_parents(const char *path) {
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return 0;
}

static int absolute(const char *path, char *buffer, size_t buffer_bytes) {
    char cwd[PATH_MAX];
    int used;
    if (path[0] == '/') {
        used = snprintf(buffer, buffer_bytes, "%s", path);
    } else {
        if (!getcwd(cwd, sizeof cwd))
            return -errno;
        used = snprintf(buffer, buffer_bytes, "%s/%s", cwd, path);
    }
    if (used < 0 || (size_t)used >= buffer_bytes)
        return -ENAMETOOLONG;
    while (used > 1 && buffer[used - 1] == '/')
        buffer[--used] = '\0';
    return 0;
}

/* "log-batcher/slow-disk" becomes "log-batcher-slow-disk". */
static void file_name(const char *name, char *buffer, size_t buffer_bytes) {
    size_t used = 0;
    for (; *name && used + 1 < buffer_bytes; name++) {
        int plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                    (*name >= '0' && *name <= '9') || *name == '.' || *name == '_';
        buffer[used++] = plain ? *name : '-';
    }
    buffer[used] = '\0';
}

static int choose_path(const char *out, const char *name, char *path, size_t path_bytes) {
    char base[128], candidate[256];
    if (out)
        return absolute(out, path, path_bytes);
    file_name(name, base, sizeof base);
    for (int n = 1; n < 100000; n++) {
        snprintf(candidate, sizeof candidate, "spillmark-runs/%s.%d", base, n);
        if (access(candidate, F_OK))
            return absolute(candidate, path, path_bytes);
    }
    return -EEXIST;
}

int sm_run_dir_plan(const char *out, const char *name, struct sm_run_dir *ret_dir,
                    struct sm_error *err) {
    struct sm_run_dir dir = {0};
    int rc = choose_path(out, name, dir.path, sizeof dir.path);
    if (rc)
        return sm_error_errno(err, rc, out ? out : "spillmark-runs", "give a run directory with -o",
                              "no run directory can be named here");
    snprintf(dir.data, sizeof dir.data, "%s/data", dir.path);
    snprintf(dir.record, sizeof dir.record, "%s/run.db", dir.path);
    snprintf(dir.log, sizeof dir.log, "%s/target.log", dir.path);
    snprintf(dir.services, sizeof dir.services, "%s/services", dir.path);
    if (access(dir.record, F_OK) == 0)
        return sm_error_set(err, -EEXIST, dir.path, "choose another directory with -o",
                            "already holds the record of a run");
    if (access(dir.data, F_OK) == 0)
        return sm_error_set(err, -EEXIST, dir.data, "choose another directory with -o",
                            "exists, and a run would remove it");
    if (access(dir.services, F_OK) == 0)
        return sm_error_set(err, -EEXIST, dir.services, "choose another directory with -o",
                            "exists, and a run would mix its logs with what is there");
    /* Only a name so far; sm_run_dir_make takes it, or another when somebody was faster. */
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > 32 || tmp[0] != '/')
        tmp = "/tmp";
    unsigned seed = (unsigned)getpid();
    do {
        snprintf(dir.scratch, sizeof dir.scratch, "%s/spillmark-%d-%u", tmp, (int)getpid(),
                 rand_r(&seed) % 100000u);
    } while (access(dir.scratch, F_OK) == 0);
    *ret_dir = dir;
    return 0;
}

int sm_run_dir_make_bare(struct sm_run_dir *dir, struct sm_error *err) {
    int rc = make_parents(dir->path);
    if (rc)
        return sm_error_errno(err, rc, dir->path, "give a writable directory with -o",
                              "the run directory cannot be made");
    dir->made_path = mkdir(dir->path, 0777) == 0;
    if (!dir->made_path && errno != EEXIST)
        return sm_error_errno(err, -errno, dir->path, "give a writable directory with -o",
                              "the run directory cannot be made");
    dir->made = 1;
    return 0;
}

int sm_run_dir_make(struct sm_run_dir *dir, struct sm_error *err) {
    int rc = sm_run_dir_make_bare(dir, err);
    if (rc)
        return rc;
    if (mkdir(dir->data, 0777)) {
        rc = sm_error_errno(err, -errno, dir->data, "give a writable directory with -o",
                            "the data directory cannot be made");
        goto fail;
    }
    if (mkdir(dir->scratch, 0755)) {
        rc = sm_error_errno(err, -errno, dir->scratch, "set TMPDIR to a writable directory",
                            "the scratch directory cannot be made");
        goto fail;
    }
    return 0;
fail:
    sm_run_dir_clean(dir, 1);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path) && errno != ENOENT ? -errno : 0;
}

int sm_remove_tree(const char *path) {
    struct stat st;
    if (lstat(path, &st))
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISDIR(st.st_mode))
        return unlink(path) ? -errno : 0;
    int rc = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return rc == -1 ? -errno : rc;
}

/* With what SQLite keeps beside it. 0 or the negative errno of the record itself. */
static int remove_record(const char *record) {
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    char path[640];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(path, sizeof path, "%s%s", record, suffixes[i]);
        unlink(path);
    }
    return unlink(record) && errno != ENOENT ? -errno : 0;
}

int sm_run_dir_forget(const char *out, struct sm_error *err) {
    char path[600];
    snprintf(path, sizeof path, "%.500s/run.db", out);
    int rc = remove_record(path);
    snprintf(path, sizeof path, "%.500s/target.log", out);
    unlink(path);
    return rc ? sm_error_errno(err, rc, out, NULL, "the former run cannot be removed") : 0;
}

void sm_run_dir_clean(struct sm_run_dir *dir, int everything) {
    if (!dir->made)
        return;
    sm_remove_tree(dir->data);
    sm_remove_tree(dir->scratch);
    if (!everything)
        return;
    remove_record(dir->record);
    unlink(dir->log);
    for (int life = 1, code = 0; code == 0; life++) {
        char path[640];
        snprintf(path, sizeof path, "%s/target.%d.log", dir->path, life);
        code = unlink(path);
    }
    sm_remove_tree(dir->services);
    if (dir->made_path && rmdir(dir->path) == 0) {
        /* The parent only when it is ours and now empty. */
        char *slash = strrchr(dir->path, '/');
        static const char runs[] = "/spillmark-runs";
        size_t length = slash ? (size_t)(slash - dir->path) : 0;
        if (length >= sizeof runs - 1 &&
            strncmp(dir->path + length - (sizeof runs - 1), runs, sizeof runs - 1) == 0) {
            *slash = '\0';
            rmdir(dir->path);
            *slash = '/';
        }
    }
    dir->made = 0;
}
