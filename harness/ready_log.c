/* Readiness: a text has been printed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sources.h"

enum { CHUNK_BYTES = 1 << 16, LOOK_MAX_BYTES = 64 << 20, TEXT_MAX_BYTES = 1024 };

static const struct sm_key keys[] = {{.name = "text",
                                      .type = SM_KEY_TEXT,
                                      .required = true,
                                      .help = "what is printed once it is ready"},
                                     {.name = "path",
                                      .type = SM_KEY_TEXT,
                                      .fallback = "${log}",
                                      .help = "another file to look into than its output"},
                                     {.name = NULL}};

static int validate(const struct sm_block *config, struct sm_error *err) {
    size_t length = strlen(sm_block_text(config, "text"));
    if (length > 0 && length <= TEXT_MAX_BYTES)
        return 0;
    return sm_error_set(err, -EINVAL, config->where, NULL, "text has 1 to %d bytes",
                        TEXT_MAX_BYTES);
}

/* Chunks overlap by what a text cut by their border needs. */
static int look(FILE *file, const char *text) {
    size_t length = strlen(text), kept = 0, got, seen = 0;
    char *chunk = malloc(TEXT_MAX_BYTES + CHUNK_BYTES);
    int found = 0;
    if (!chunk)
        return -ENOMEM;
    while (!found && seen < LOOK_MAX_BYTES &&
           (got = fread(chunk + kept, 1, CHUNK_BYTES, file)) > 0) {
        size_t held = kept + got;
        seen += got;
        found = memmem(chunk, held, text, length) != NULL;
        kept = held < length - 1 ? held : length - 1;
        memmove(chunk, chunk + held - kept, kept);
    }
    free(chunk);
    return found;
}

static int check(const struct sm_block *config, struct sm_error *err) {
    const char *path = sm_block_text(config, "path"), *text = sm_block_text(config, "text");
    FILE *file = fopen(path, "re");
    if (!file) {
        int code = errno;
        sm_error_errno(err, -code, config->where, NULL, "%s", path);
        return code == ENOENT ? 0 : -code;
    }
    int found = look(file, text);
    fclose(file);
    if (found == 0)
        sm_error_set(err, -EAGAIN, config->where, NULL, "\"%s\" has not been printed", text);
    return found;
}

const struct sm_ready_ops sm_log_ready = {
    .name = "log",
    .help = "a text stands in what the target or the service prints",
    .keys = keys,
    .validate = validate,
    .check = check,
};
