/* whole_file.h - a file that appears whole or not at all. */
#pragma once

#include <stdio.h>

#include "../reports/error.h"

struct sm_whole_file {
    FILE *to; /* write here */
    const char *path;
    char temporary[4096];
};

/* Opens a file for `path`, or standard output when that is NULL. The path must outlive it. 0 or a
 * negative errno with *err. */
int sm_whole_file_open(const char *path, struct sm_whole_file *file, struct sm_error *err);

/* Puts the file in its place, or takes it away when `rc`, what writing it brought, is not 0.
 * Returns rc, or the error of the file itself with *err. */
int sm_whole_file_close(struct sm_whole_file *file, int rc, struct sm_error *err);
