/* scenario_file.c - scenario files: named by a path or as shipped, read with suspicion. */
#include "scenario_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../reports/suggest.h"
#include "paths.h"
#include "scenario_names.h"

enum { SOURCE_MAX_BYTES = 1 << 20 };

const char *sm_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool ends_in_lua(const char *name) {
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".lua") == 0;
}

static int unknown_name(const char *name, struct sm_error *err) {
    struct sm_scenario_names names = {0};
    char todo[256];
    const char *near = NULL;
    if (sm_scenario_names(&names, NULL) == 0)
        near = sm_suggest(name, (const char *const *)names.names, names.count);
    if (near)
        snprintf(todo, sizeof todo, "did you mean \"%s\"?", near);
    else
        snprintf(todo, sizeof todo, "`spillmark list` shows what is shipped; a file ends in .lua");
    sm_scenario_names_free(&names);
    return sm_error_set(err, -ENOENT, name, todo, "no shipped scenario has this name");
}

int sm_scenario_find(const char *name, char *path, size_t path_bytes, struct sm_error *err) {
    struct stat status;
    int length;
    if (ends_in_lua(name) || stat(name, &status) == 0)
        length = snprintf(path, path_bytes, "%s", name);
    else if (strstr(name, "..") || name[0] == '/' || name[0] == '\0')
        return unknown_name(name, err);
    else
        length = snprintf(path, path_bytes, "%s/%s.lua", sm_path_scenarios(), name);
    if (length < 0 || (size_t)length >= path_bytes)
        return sm_error_set(err, -ENAMETOOLONG, NULL, NULL, "the scenario's path is too long");
    if (!ends_in_lua(name) && stat(path, &status) != 0)
        return unknown_name(name, err);
    return 0;
}

static int read_all(int fd, char *buffer, size_t capacity, size_t *ret_length) {
    size_t length = 0;
    while (length < capacity) {
        ssize_t got = read(fd, buffer + length, capacity - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    *ret_length = length;
    return 0;
}

static int check_text(const char *path, const char *source, size_t length, struct sm_error *err) {
    const char *nul = memchr(source, '\0', length);
    char where[256];
    if (length > SOURCE_MAX_BYTES)
        return sm_error_set(err, -EFBIG, path, NULL, "is larger than a scenario may be (%d KiB)",
                            SOURCE_MAX_BYTES >> 10);
    if (length > 0 && source[0] == '\x1b')
        return sm_error_set(err, -EINVAL, path, "give the Lua text it was made from",
                            "is compiled Lua, not text");
    if (!nul)
        return 0;
    int line = 1;
    for (const char *c = source; c < nul; c++)
        line += *c == '\n';
    snprintf(where, sizeof where, "%.200s:%d", path, line);
    return sm_error_set(err, -EINVAL, where, NULL, "is no text: it has a NUL byte");
}

static int read_open(int fd, const char *path, struct sm_arena *arena, const char **ret_source,
                     size_t *ret_length, struct sm_error *err) {
    struct stat status;
    size_t length = 0;
    if (fstat(fd, &status))
        return sm_error_errno(err, -errno, path, NULL, "cannot be read");
    if (!S_ISREG(status.st_mode))
        return sm_error_set(err, -EINVAL, path, NULL, "is %s, not a scenario file",
                            S_ISDIR(status.st_mode) ? "a directory" : "no regular file");
    char *source = sm_arena_alloc(arena, SOURCE_MAX_BYTES + 2);
    if (!source)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    int rc = read_all(fd, source, SOURCE_MAX_BYTES + 1, &length);
    if (rc)
        return sm_error_errno(err, rc, path, NULL, "cannot be read");
    rc = check_text(path, source, length, err);
    if (rc)
        return rc;
    *ret_source = source;
    *ret_length = length;
    return 0;
}

int sm_scenario_read(const char *path, struct sm_arena *arena, const char **ret_source,
                     size_t *ret_length, struct sm_error *err) {
    /* O_NONBLOCK: a named pipe is refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return sm_error_errno(err, -errno, path, NULL, "cannot be read");
    int rc = read_open(fd, path, arena, ret_source, ret_length, err);
    close(fd);
    return rc;
}
