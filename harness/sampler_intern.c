#include "sampler_intern.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_BUCKETS = 1024 };

struct module {
    char path[SPILLMARK_MODULE_PATH];
    uint32_t build_id_bytes;
    uint8_t build_id[32];
    int fd;
};

struct stack {
    uint64_t hash;
    size_t first; /* in frames */
    uint32_t depth;
};

struct frame {
    int32_t module_id;
    uint64_t address;
};

struct sm_intern {
    struct sm_record *record;
    int failed;
    struct module *modules; /* [id - 1] */
    size_t module_count, module_capacity;
    struct stack *stacks; /* [id - 1] */
    size_t stack_count, stack_capacity;
    struct frame *frames;
    size_t frame_count, frame_capacity;
    int32_t *buckets; /* stack ids, open addressing */
    size_t bucket_count;
};

int sm_intern_new(struct sm_record *record, struct sm_intern **ret_intern) {
    struct sm_intern *intern = calloc(1, sizeof *intern);
    if (!intern)
        return -ENOMEM;
    intern->record = record;
    intern->bucket_count = FIRST_BUCKETS;
    intern->buckets = calloc(intern->bucket_count, sizeof *intern->buckets);
    if (!intern->buckets) {
        free(intern);
        return -ENOMEM;
    }
    *ret_intern = intern;
    return 0;
}

void sm_intern_free(struct sm_intern *intern) {
    if (!intern)
        return;
    for (size_t i = 0; i < intern->module_count; i++)
        if (intern->modules[i].fd >= 0)
            close(intern->modules[i].fd);
    free(intern->modules);
    free(intern->stacks);
    free(intern->frames);
    free(intern->buckets);
    free(intern);
}

int sm_intern_failed(const struct sm_intern *intern) {
    return intern->failed;
}

static void note(struct sm_intern *intern, int rc) {
    if (rc && !intern->failed)
        intern->failed = rc;
}

/* Room for `more` entries at the end of an array. */
static int reserve(void **array, size_t *capacity, size_t count, size_t more, size_t entry_bytes) {
    if (count + more <= *capacity)
        return 0;
    size_t wanted = *capacity ? *capacity * 2 : 64;
    while (wanted < count + more)
        wanted *= 2;
    void *grown = realloc(*array, wanted * entry_bytes);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *capacity = wanted;
    return 0;
}

static int is_regular(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* A hostile name may lead to a pipe or a device: only regular files are kept. */
static int open_file(int dir_fd, const char *path) {
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && !is_regular(fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_module(const char *path, int proc_fd) {
    char link[PATH_MAX], below[PATH_MAX];
    if (path[0] != '/')
        return -1;
    if (proc_fd < 0)
        return open_file(AT_FDCWD, path);
    ssize_t length = readlinkat(proc_fd, "exe", link, sizeof link - 1);
    if (length > 0) {
        link[length] = '\0';
        size_t path_length = strlen(path);
        /* "exe" opens the program even when its name is gone ("... (deleted)"). */
        if (strncmp(link, path, path_length) == 0 &&
            (link[path_length] == '\0' || link[path_length] == ' '))
            return open_file(proc_fd, "exe");
    }
    snprintf(below, sizeof below, "root%s", path);
    int fd = open_file(proc_fd, below);
    return fd >= 0 ? fd : open_file(AT_FDCWD, path);
}

static void write_module(struct sm_intern *intern, int32_t id, const struct module *module) {
    char build_id[2 * sizeof module->build_id + 1] = "";
    for (uint32_t i = 0; i < module->build_id_bytes; i++)
        snprintf(build_id + (size_t)i * 2, 3, "%02x", module->build_id[i]);
    const struct sm_module row = {
        .id = id, .path = (char *)(uintptr_t)module->path, .build_id = build_id};
    note(intern, sm_record_add_module(intern->record, &row));
}

int32_t sm_intern_module(struct sm_intern *intern, const struct spillmark_module *module,
                         int proc_fd) {
    for (size_t i = 0; i < intern->module_count; i++) {
        const struct module *known = &intern->modules[i];
        if (strcmp(known->path, module->path) == 0 &&
            known->build_id_bytes == module->build_id_bytes &&
            memcmp(known->build_id, module->build_id, module->build_id_bytes) == 0)
            return (int32_t)i + 1;
    }
    if (reserve((void **)&intern->modules, &intern->module_capacity, intern->module_count, 1,
                sizeof *intern->modules))
        return 0;
    struct module *added = &intern->modules[intern->module_count++];
    memset(added, 0, sizeof *added);
    memcpy(added->path, module->path, sizeof added->path);
    memcpy(added->build_id, module->build_id, module->build_id_bytes);
    added->build_id_bytes = module->build_id_bytes;
    added->fd = open_module(added->path, proc_fd);
    int32_t id = (int32_t)intern->module_count;
    write_module(intern, id, added);
    return id;
}

size_t sm_intern_module_count(const struct sm_intern *intern) {
    return intern->module_count;
}

int sm_intern_take_module_fd(struct sm_intern *intern, int32_t module_id) {
    if (module_id < 1 || (size_t)module_id > intern->module_count)
        return -1;
    int fd = intern->modules[module_id - 1].fd;
    intern->modules[module_id - 1].fd = -1;
    return fd;
}

static uint64_t hash_of(const struct sm_frame *frames, uint32_t depth) {
    uint64_t hash = depth;
    for (uint32_t i = 0; i < depth; i++) {
        hash = (hash ^ frames[i].address) * UINT64_C(0x9e3779b97f4a7c15);
        hash = (hash ^ (hash >> 29) ^ (uint32_t)frames[i].module_id) * UINT64_C(0xbf58476d1ce4e5b9);
    }
    return hash ^ hash >> 32;
}

static int is_same(const struct sm_intern *intern, const struct stack *stack, uint64_t hash,
                   const struct sm_frame *frames, uint32_t depth) {
    if (stack->hash != hash || stack->depth != depth)
        return 0;
    for (uint32_t i = 0; i < depth; i++) {
        const struct frame *known = &intern->frames[stack->first + i];
        if (known->module_id != frames[i].module_id || known->address != frames[i].address)
            return 0;
    }
    return 1;
}

static int grow_buckets(struct sm_intern *intern) {
    size_t count = intern->bucket_count * 2;
    int32_t *buckets = calloc(count, sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    for (size_t i = 0; i < intern->stack_count; i++) {
        size_t at = intern->stacks[i].hash & (count - 1);
        while (buckets[at])
            at = (at + 1) & (count - 1);
        buckets[at] = (int32_t)i + 1;
    }
    free(intern->buckets);
    intern->buckets = buckets;
    intern->bucket_count = count;
    return 0;
}

static void write_stack(struct sm_intern *intern, int32_t id, const struct sm_frame *frames,
                        uint32_t depth, int truncated) {
    const struct sm_stack row = {.id = id, .truncated = truncated};
    note(intern, sm_record_add_stack(intern->record, &row));
    for (uint32_t i = 0; i < depth; i++) {
        const struct sm_frame frame = {.stack_id = id,
                                       .depth = (int32_t)i,
                                       .module_id = frames[i].module_id,
                                       .address = frames[i].address};
        note(intern, sm_record_add_frame(intern->record, &frame));
    }
}

int32_t sm_intern_stack(struct sm_intern *intern, const struct sm_frame *frames, uint32_t depth,
                        int truncated) {
    uint64_t hash = hash_of(frames, depth);
    if (intern->stack_count * 2 >= intern->bucket_count && grow_buckets(intern))
        return 0;
    size_t at = hash & (intern->bucket_count - 1);
    for (; intern->buckets[at]; at = (at + 1) & (intern->bucket_count - 1))
        if (is_same(intern, &intern->stacks[intern->buckets[at] - 1], hash, frames, depth))
            return intern->buckets[at];
    if (reserve((void **)&intern->stacks, &intern->stack_capacity, intern->stack_count, 1,
                sizeof *intern->stacks) ||
        reserve((void **)&intern->frames, &intern->frame_capacity, intern->frame_count, depth,
                sizeof *intern->frames))
        return 0;
    intern->stacks[intern->stack_count++] =
        (struct stack){.hash = hash, .first = intern->frame_count, .depth = depth};
    for (uint32_t i = 0; i < depth; i++)
        intern->frames[intern->frame_count++] =
            (struct frame){.module_id = frames[i].module_id, .address = frames[i].address};
    int32_t id = (int32_t)intern->stack_count;
    intern->buckets[at] = id;
    write_stack(intern, id, frames, depth, truncated);
    return id;
}
