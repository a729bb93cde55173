/* host_oracle.c - gperftools' heap profiler and the probe look at the same run: the same call
 * stacks, with the same live objects in each. */
#include <dlfcn.h>
#include <gperftools/heap-profiler.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "own_frame.h"
#include "pool_view.h"

enum { DEPTH = 12, ROUNDS = 200, STACKS_MAX = 4096, COMPARED = 6 };

static void *kept[ROUNDS * 3];
static int kept_count;

OWN_FRAME static void *leaf_a(size_t bytes) {
    void *block = malloc(bytes);
    __asm__("" : "+r"(block));
    return block;
}

OWN_FRAME static void *leaf_b(size_t bytes) {
    void *block = calloc(2, bytes / 2);
    __asm__("" : "+r"(block));
    return block;
}

OWN_FRAME static void *down(int depth, size_t bytes, bool left) {
    void *block = depth > 0 ? down(depth - 1, bytes, left) : left ? leaf_a(bytes) : leaf_b(bytes);
    __asm__("" : "+r"(block));
    return block;
}

static void work(void) {
    for (int i = 0; i < ROUNDS; i++) {
        kept[kept_count++] = down(i % DEPTH, (size_t)64 << i % 5, i % 2);
        kept[kept_count++] = down(i % 3, 1024, i % 3);
        free(down(i % 7, 256, i % 4));
        if (i % 4 == 0) {
            free(kept[kept_count - 2]);
            kept[kept_count - 2] = NULL;
        }
    }
}

struct site {
    uint64_t frames[COMPARED];
    int64_t count, bytes;
};

struct sites {
    struct site site[STACKS_MAX];
    int count;
};

static void enter(struct sites *sites, const uint64_t *frames, int depth, int64_t count,
                  int64_t bytes) {
    struct site key = {.count = 0};
    memcpy(key.frames, frames, sizeof frames[0] * (size_t)(depth < COMPARED ? depth : COMPARED));
    for (int i = 0; i < sites->count; i++) {
        if (memcmp(sites->site[i].frames, key.frames, sizeof key.frames) == 0) {
            sites->site[i].count += count;
            sites->site[i].bytes += bytes;
            return;
        }
    }
    HOST_CHECK(sites->count < STACKS_MAX);
    sites->site[sites->count] = key;
    sites->site[sites->count].count = count;
    sites->site[sites->count++].bytes = bytes;
}

/* Only this program's own stacks are compared: the probe's frames are on top of the profiler's,
 * and each looks into libraries in its own way. */
static bool in_program(uint64_t address) {
    Dl_info of_address, of_program;
    return dladdr((void *)(uintptr_t)(address - 1), &of_address) != 0 &&
           dladdr((void *)(uintptr_t)work, &of_program) != 0 &&
           of_address.dli_fbase == of_program.dli_fbase;
}

static void enter_program(struct sites *sites, const uint64_t *frames, int depth, int64_t count,
                          int64_t bytes) {
    int first = 0, last;
    while (first < depth && !in_program(frames[first])) {
        first++;
    }
    last = first;
    while (last < depth && in_program(frames[last])) {
        last++;
    }
    if (first < 4 && last - first >= 3) {
        enter(sites, frames + first, last - first, count, bytes);
    }
}

/* "   1:   1024 [   3:   3072] @ 0x1 0x2 ..." */
static void read_profile(const char *path, struct sites *sites) {
    FILE *file = fopen(path, "r");
    char line[4096];
    HOST_CHECK(file != NULL && fgets(line, sizeof line, file) != NULL);
    while (fgets(line, sizeof line, file) != NULL && strncmp(line, "\n", 1) != 0) {
        uint64_t frames[64];
        int depth = 0;
        char *at = strchr(line, '@'), *end;
        long count = strtol(line, &end, 10);
        long bytes = strtol(end + 1, NULL, 10);
        if (at == NULL) {
            break;
        }
        for (at++; depth < 64 && *at != '\n' && *at != '\0'; depth++) {
            frames[depth] = strtoull(at, &at, 16);
            at += strspn(at, " ");
        }
        enter_program(sites, frames, depth, count, bytes);
    }
    fclose(file);
}

static void read_slot(const struct spillmark_slot *slot, struct sites *sites) {
    const struct spillmark_stack *stacks =
        (const struct spillmark_stack *)view_entries(slot, SPILLMARK_SECTION_STACKS);
    const uint64_t *frames = (const uint64_t *)view_entries(slot, SPILLMARK_SECTION_FRAMES);
    for (uint32_t i = 1; i < slot->sections[SPILLMARK_SECTION_STACKS].used; i++) {
        const struct spillmark_stack *stack = &stacks[i];
        if (stack->depth != 0 && stack->kind == SPILLMARK_KIND_HEAP) {
            enter_program(sites, &frames[stack->first_frame], (int)stack->depth,
                          (int64_t)(stack->alloc_count_q10 - stack->free_count_q10) / 1024,
                          (int64_t)(stack->alloc_bytes - stack->free_bytes));
        }
    }
}

static int64_t total(const struct sites *sites) {
    int64_t count = 0;
    for (int i = 0; i < sites->count; i++) {
        count += sites->site[i].count;
    }
    return count;
}

int main(void) {
    static struct sites theirs, ours;
    const struct spillmark_slot *slot = host_slot();
    char prefix[] = "/tmp/spillmark-oracle-XXXXXX", path[64];
    int fd = mkstemp(prefix);
    HeapProfilerStart(prefix);
    work();
    HeapProfilerDump("done");
    read_slot(slot, &ours);
    HeapProfilerStop();
    snprintf(path, sizeof path, "%s.0001.heap", prefix);
    read_profile(path, &theirs);
    unlink(path);
    unlink(prefix);
    close(fd);
    HOST_CHECK(total(&theirs) == 350 && total(&ours) == 350);
    for (int i = 0; i < theirs.count; i++) {
        bool found = theirs.site[i].count == 0;
        for (int k = 0; k < ours.count && !found; k++) {
            found = memcmp(ours.site[k].frames, theirs.site[i].frames,
                           sizeof ours.site[k].frames) == 0 &&
                    ours.site[k].count == theirs.site[i].count &&
                    ours.site[k].bytes == theirs.site[i].bytes;
        }
        HOST_CHECK(found);
    }
    return 0;
}
