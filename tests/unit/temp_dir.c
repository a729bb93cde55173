#include "temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

int test_temp_dir_make(void **state) {
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/spillmark-test.XXXXXX", base && *base ? base : "/tmp") < 0)
        return -1;
    if (!mkdtemp(path)) {
        free(path);
        return -1;
    }
    *state = path;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

int test_temp_dir_remove(void **state) {
    int r = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return r;
}
