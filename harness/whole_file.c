#include "whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const struct sm_whole_file *file, struct sm_error *err) {
    return sm_error_errno(err, -(errno ? errno : EIO), file->path,
                          file->path ? "give a writable place with -o" : NULL,
                          "the report cannot be written");
}

int sm_whole_file_open(const char *path, struct sm_whole_file *file, struct sm_error *err) {
    file->path = path;
    file->to = stdout;
    if (!path)
        return 0;
    if ((size_t)snprintf(file->temporary, sizeof file->temporary, "%s.XXXXXX", path) >=
        sizeof file->temporary)
        return sm_error_set(err, -ENAMETOOLONG, path, NULL, "the name is too long");
    int fd = mkstemp(file->temporary);
    mode_t mask = umask(0);
    umask(mask);
    if (fd >= 0)
        fchmod(fd, 0666 & ~mask); /* as any other program would have made it */
    file->to = fd < 0 ? NULL : fdopen(fd, "w");
    return file->to ? 0 : failed(file, err);
}

int sm_whole_file_close(struct sm_whole_file *file, int rc, struct sm_error *err) {
    if (rc == 0 && (fflush(file->to) || ferror(file->to)))
        rc = failed(file, err);
    if (!file->path)
        return rc;
    if (fclose(file->to) && rc == 0)
        rc = failed(file, err);
    if (rc == 0 && rename(file->temporary, file->path))
        rc = failed(file, err);
    if (rc)
        unlink(file->temporary);
    return rc;
}
