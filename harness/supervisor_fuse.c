#include "supervisor_fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor_fuse_files.h"

bool sm_fuse_is_within(const char *path, const char *directory) {
    size_t length = strlen(directory);
    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void add_place(struct sm_fuse_places *places, const char *path) {
    size_t kept = 0;
    for (size_t i = 0; i < places->count; i++)
        if (sm_fuse_is_within(path, places->paths[i]))
            return;
    for (size_t i = 0; i < places->count; i++)
        if (!sm_fuse_is_within(places->paths[i], path))
            memmove(places->paths[kept++], places->paths[i], sizeof places->paths[i]);
    snprintf(places->paths[kept], sizeof places->paths[kept], "%s", path);
    places->count = kept + 1;
}

void sm_fuse_find_places(const struct sm_supervisor_shared *shared, struct sm_fuse_places *places) {
    places->count = 0;
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++) {
        char path[SM_RULE_PATH_BYTES];
        struct stat status;
        if (!shared->rules[i].used)
            continue;
        snprintf(path, sizeof path, "%s", shared->rules[i].path);
        char *slash = strrchr(path, '/');
        if ((stat(path, &status) || !S_ISDIR(status.st_mode)) && slash && slash > path)
            *slash = '\0';
        add_place(places, path);
    }
}

int sm_fuse_enter(struct sm_supervisor_shared *shared, const struct sm_fuse_places *places,
                  int fds[SM_SUPERVISOR_RULES]) {
    char options[128];
    /* Mounts from outside still come in; ours do not go out. */
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
        return -errno;
    for (size_t i = 0; i < places->count; i++) {
        fds[i] = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        if (fds[i] < 0)
            return -errno;
        snprintf(options, sizeof options,
                 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions",
                 fds[i], geteuid(), getegid());
        if (mount("spillmark", places->paths[i], "fuse.spillmark", MS_NOSUID | MS_NODEV, options))
            return -errno;
    }
    __atomic_store_n(&shared->way, SM_WAY_FUSE, __ATOMIC_RELEASE);
    return 0;
}

static void *serve_tree(void *argument) {
    struct sm_fuse_tree *tree = argument;
    return (void *)(intptr_t)sm_fuse_tree_serve(tree);
}

static int open_trees(struct sm_supervisor_shared *shared, const struct sm_fuse_places *places,
                      const int *fds, struct sm_fuse_tree *trees) {
    struct sm_turns *turns = sm_turns_start(shared);
    if (!turns)
        return -ENOMEM;
    for (size_t i = 0; i < places->count; i++) {
        trees[i] = (struct sm_fuse_tree){
            .path = places->paths[i],
            .root_fd = open(places->paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC),
            .fuse_fd = fds[i],
            .turns = turns};
        if (trees[i].root_fd < 0)
            return -errno;
    }
    return 0;
}

int sm_fuse_serve(struct sm_supervisor_shared *shared, const struct sm_fuse_places *places,
                  const int *fds, void (*begun)(void *context), void *context) {
    static struct sm_fuse_tree trees[SM_SUPERVISOR_RULES];
    pthread_t threads[SM_SUPERVISOR_RULES];
    size_t started = 0;
    umask(0); /* the kernel has applied the target's */
    int rc = open_trees(shared, places, fds, trees);
    while (rc == 0 && started < places->count) {
        rc = -pthread_create(&threads[started], NULL, serve_tree, &trees[started]);
        started += rc == 0;
    }
    if (rc)
        return rc;
    __atomic_store_n(&shared->serving, (uint32_t)getpid(), __ATOMIC_RELEASE);
    begun(context);
    for (size_t i = 0; i < started; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        rc = rc ? rc : (int)(intptr_t)result;
    }
    if (rc)
        __atomic_store_n(&shared->failed, (uint32_t)-rc, __ATOMIC_RELEASE);
    __atomic_store_n(&shared->serving, 0, __ATOMIC_RELEASE);
    return rc;
}
