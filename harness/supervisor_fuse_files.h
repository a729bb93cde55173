/* supervisor_fuse_files.h - the files of one watched directory, handed through, each write, sync
 * and truncation in its turn. Private to supervisor_fuse*.c. */
#pragma once

#include "supervisor.h"
#include "supervisor_turn.h"

struct sm_fuse_tree {
    const char *path; /* of the directory, as rules name it */
    int root_fd;      /* the directory itself, below the mount */
    int fuse_fd;
    struct sm_turns *turns;
};

/* Serves it until it is unmounted; any number may run in threads of their own. 0 or a negative
 * errno. */
int sm_fuse_tree_serve(struct sm_fuse_tree *tree);
