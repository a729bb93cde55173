/* scenario_replay.c - bodies from files: one a line, one after its length, one a file; with the
 * number of the unit in the places of a mark. */
#include "scenario_replay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenario_internal.h"

enum {
    TOTAL_MAX_BYTES = 256 << 20,
    BODIES_MAX = 1 << 20,
    LENGTH_BYTES = 4,
    MARKS = 3,
};

static const char *const split_names[] = {"lines", "lengths", "files", NULL};

/* In the order of the keys below. */
static const struct {
    const char *key;
    enum sm_body_number number;
} marks[MARKS] = {{"decimal", SM_BODY_NUMBER_DECIMAL},
                  {"big_endian", SM_BODY_NUMBER_BIG_ENDIAN},
                  {"varint", SM_BODY_NUMBER_VARINT}};

const struct sm_key sm_replay_keys[] = {
    {.name = "path",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "the file or the directory, beside the scenario unless it begins with /"},
    {.name = "split",
     .type = SM_KEY_TEXT,
     .fallback = "lines",
     .choices = split_names,
     .help = "lines of a file, bodies of a file each behind its length (4 bytes, the highest "
             "first), or the files of a directory in the order of their names"},
    {.name = "decimal",
     .type = SM_KEY_TEXT,
     .help = "20 bytes, in whose place each unit's number is written in digits after spaces"},
    {.name = "big_endian",
     .type = SM_KEY_TEXT,
     .help = "8 bytes, in whose place it is written in 8 bytes, the highest first"},
    {.name = "varint",
     .type = SM_KEY_TEXT,
     .help = "10 bytes, in whose place it is written as protobuf does"},
    {.name = NULL}};

/* One replay being built; all memory is the scenario's. */
struct replay {
    struct sm_loader *loader;
    const char *marks[MARKS]; /* NULL: not looked for */
    bool found[MARKS];
    struct sm_body_variant *variants;
    size_t count, capacity, total_bytes;
};

static noreturn void refuse(struct replay *replay, const char *path, const char *what) {
    sm_raise(replay->loader, NULL, "%.200s: %s", path, what);
}

/* Reads a whole file. Whatever happens, nothing stays open. */
static const char *read_file(struct replay *replay, const char *path, size_t *ret_length) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), code = 0;
    if (fd < 0)
        refuse(replay, path, strerror(errno));
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size > TOTAL_MAX_BYTES - (off_t)replay->total_bytes) {
        close(fd);
        refuse(replay, path, S_ISREG(status.st_mode) ? "more than 256 MiB" : "not a file");
    }
    size_t length = (size_t)status.st_size, at = 0;
    char *bytes = sm_arena_alloc(replay->loader->arena, length + 1);
    while (bytes && at < length) {
        ssize_t got = read(fd, bytes + at, length - at);
        if (got <= 0 && errno != EINTR) {
            code = got < 0 ? errno : EIO;
            break;
        }
        at += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    if (!bytes)
        sm_raise_memory(replay->loader);
    if (code)
        refuse(replay, path, strerror(code));
    replay->total_bytes += length;
    *ret_length = length;
    return bytes;
}

/* The nearest mark from `at` on; NULL when there is none. */
static const char *find_mark(struct replay *replay, const char *at, const char *end,
                             int *ret_mark) {
    const char *nearest = NULL;
    for (int i = 0; i < MARKS; i++) {
        if (!replay->marks[i])
            continue;
        const char *found =
            memmem(at, (size_t)(end - at), replay->marks[i], strlen(replay->marks[i]));
        if (found && (!nearest || found < nearest)) {
            nearest = found;
            *ret_mark = i;
        }
    }
    return nearest;
}

static size_t count_parts(struct replay *replay, const char *bytes, const char *end) {
    size_t count = 1;
    int mark = 0;
    while ((bytes = find_mark(replay, bytes, end, &mark))) {
        bytes += strlen(replay->marks[mark]);
        count += 2;
    }
    return count;
}

static void add_body(struct replay *replay, const char *bytes, size_t length) {
    const char *end = bytes + length, *found;
    int mark = 0;
    if (replay->count == BODIES_MAX)
        sm_raise(replay->loader, NULL, "there are more than %d bodies", BODIES_MAX);
    if (replay->count == replay->capacity) {
        size_t capacity = replay->capacity ? 2 * replay->capacity : 64;
        struct sm_body_variant *variants =
            sm_alloc(replay->loader, capacity * sizeof *replay->variants);
        if (replay->count > 0)
            memcpy(variants, replay->variants, replay->count * sizeof *variants);
        replay->variants = variants;
        replay->capacity = capacity;
    }
    struct sm_body_part *parts =
        sm_alloc(replay->loader, count_parts(replay, bytes, end) * sizeof *parts);
    size_t count = 0;
    do {
        found = find_mark(replay, bytes, end, &mark);
        size_t plain = (size_t)((found ? found : end) - bytes);
        if (plain > 0)
            parts[count++] =
                (struct sm_body_part){.bytes = bytes, .held = plain, .length = plain, .fd = -1};
        if (found) {
            replay->found[mark] = true;
            parts[count++] = (struct sm_body_part){
                .number = marks[mark].number, .length = strlen(replay->marks[mark]), .fd = -1};
            bytes = found + strlen(replay->marks[mark]);
        }
    } while (found);
    replay->variants[replay->count++] = (struct sm_body_variant){parts, count, length};
}

static void split_lines(struct replay *replay, const char *bytes, size_t length) {
    const char *end = bytes + length;
    while (bytes < end) {
        const char *line_end = memchr(bytes, '\n', (size_t)(end - bytes));
        if (!line_end)
            line_end = end;
        add_body(replay, bytes, (size_t)(line_end - bytes));
        bytes = line_end + 1;
    }
}

static void split_lengths(struct replay *replay, const char *path, const char *bytes,
                          size_t length) {
    while (length > 0) {
        size_t body = 0;
        for (size_t i = 0; i < LENGTH_BYTES && length >= LENGTH_BYTES; i++)
            body = body << 8 | (unsigned char)bytes[i];
        if (length < LENGTH_BYTES || body > length - LENGTH_BYTES)
            refuse(replay, path, "its last body is shorter than the length before it says");
        add_body(replay, bytes + LENGTH_BYTES, body);
        bytes += LENGTH_BYTES + body;
        length -= LENGTH_BYTES + body;
    }
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* The names first, into the scenario's memory: what may raise comes after all is freed. */
static void take_files(struct replay *replay, const char *directory) {
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_shown, alphasort);
    if (count < 0)
        refuse(replay, directory, strerror(errno));
    char **names = sm_arena_alloc(replay->loader->arena, (size_t)count * sizeof *names + 1);
    bool whole = names != NULL;
    for (int i = 0; i < count; i++) {
        if (whole)
            names[i] = sm_arena_text(replay->loader->arena, entries[i]->d_name,
                                     strlen(entries[i]->d_name));
        whole = whole && names[i];
        free(entries[i]);
    }
    free(entries);
    if (!whole)
        sm_raise_memory(replay->loader);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        size_t length = 0;
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        const char *bytes = read_file(replay, path, &length);
        add_body(replay, bytes, length);
    }
}

static void take_marks(struct replay *replay, const struct sm_block *block) {
    for (int i = 0; i < MARKS; i++) {
        replay->marks[i] = sm_block_text(block, marks[i].key);
        size_t wanted = sm_body_number_bytes(marks[i].number);
        if (replay->marks[i] && strlen(replay->marks[i]) != wanted)
            sm_raise(replay->loader, NULL, "the mark %s must have %zu bytes, not %zu", marks[i].key,
                     wanted, strlen(replay->marks[i]));
    }
}

static const struct sm_body *finish(struct replay *replay, const char *path) {
    size_t bytes = 0;
    if (replay->count == 0)
        refuse(replay, path, "there is no body in it");
    for (int i = 0; i < MARKS; i++)
        if (replay->marks[i] && !replay->found[i])
            sm_raise(replay->loader, NULL, "the mark %s stands in no body", marks[i].key);
    for (size_t i = 0; i < replay->count; i++)
        bytes += replay->variants[i].length;
    struct sm_body *body = sm_alloc(replay->loader, sizeof *body);
    *body = (struct sm_body){.variants = replay->variants,
                             .variant_count = replay->count,
                             .content_type = "application/octet-stream",
                             .payload_bytes = bytes / replay->count};
    return body;
}

static const char *whole_path(struct sm_loader *loader, const char *path) {
    char whole[PATH_MAX];
    if (path[0] == '/')
        return path;
    int length = snprintf(whole, sizeof whole, "%s/%s", loader->directory, path);
    return sm_alloc_text(loader, whole, length < PATH_MAX ? (size_t)length : PATH_MAX - 1);
}

const struct sm_body *sm_replay_body(struct sm_loader *loader, int index) {
    const struct sm_block *block = sm_check_block(loader, index, "body");
    struct replay replay = {.loader = loader};
    const char *path = whole_path(loader, sm_block_text(block, "path"));
    const char *split = sm_block_text(block, "split");
    struct sm_place before = sm_place_enter(loader, sm_tag_at(loader, index));
    size_t length = 0;
    take_marks(&replay, block);
    if (strcmp(split, "files") == 0) {
        take_files(&replay, path);
    } else {
        const char *bytes = read_file(&replay, path, &length);
        if (strcmp(split, "lines") == 0)
            split_lines(&replay, bytes, length);
        else
            split_lengths(&replay, path, bytes, length);
    }
    const struct sm_body *body = finish(&replay, path);
    loader->at = before;
    return body;
}
