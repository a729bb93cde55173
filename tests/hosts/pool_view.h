/* pool_view.h - a second, small reader of the probe's pool, for tests: shares no code with the
 * harness's. Header-only, because hostile hosts use it from inside the target as well. It
 * allocates nothing. */
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../probes/spillmark_abi.h"

/* Mapped to be read, until the process ends. */
struct pool_view {
    const char *base;
    uint64_t bytes;
};

static inline const struct spillmark_pool *view_header(const struct pool_view *view) {
    return (const struct spillmark_pool *)view->base;
}

/* 0, or -1 when there is nothing to see. */
static inline int view_open_fd(struct pool_view *view, int fd) {
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return -1;
    }
    void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    view->base = (const char *)at;
    view->bytes = (uint64_t)status.st_size;
    return at == MAP_FAILED ? -1 : 0;
}

static inline int view_open(struct pool_view *view, const char *path) {
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    int failed = view_open_fd(view, fd);
    if (fd >= 0) {
        close(fd);
    }
    return failed;
}

static inline const struct spillmark_claim *view_claims(const struct pool_view *view) {
    return (const struct spillmark_claim *)(view->base + view_header(view)->claims_offset);
}

static inline const struct spillmark_slot *view_slot(const struct pool_view *view, uint32_t index) {
    const struct spillmark_pool *header = view_header(view);
    return (const struct spillmark_slot *)(view->base + header->header_bytes +
                                           index * header->slot_bytes);
}

/* The newest slot of this process, or NULL. */
static __attribute__((noinline, unused)) const struct spillmark_slot *
view_own(const struct pool_view *view) {
    const struct spillmark_slot *found = NULL;
    for (uint32_t i = 0; i < view_header(view)->slot_count; i++) {
        if (view_claims(view)[i].pid == (uint32_t)getpid()) {
            found = view_slot(view, i);
        }
    }
    return found;
}

static inline const void *view_entries(const struct spillmark_slot *slot,
                                       enum spillmark_section_id id) {
    return (const char *)slot + slot->sections[id].offset;
}

struct view_sums {
    uint64_t alloc_bytes, alloc_count, free_bytes, free_count;
    uint64_t read_bytes, write_bytes;
};

static inline struct view_sums view_totals(const struct spillmark_slot *slot) {
    struct view_sums totals;
    memset(&totals, 0, sizeof totals);
    const struct spillmark_thread *threads =
        (const struct spillmark_thread *)view_entries(slot, SPILLMARK_SECTION_THREADS);
    for (int i = 0; i < SPILLMARK_THREADS; i++) {
        totals.alloc_bytes +=
            spillmark_usable_bytes(threads[i].alloc_chunk_bytes, threads[i].alloc_count);
        totals.alloc_count += threads[i].alloc_count;
        totals.free_bytes +=
            spillmark_usable_bytes(threads[i].free_chunk_bytes, threads[i].free_count);
        totals.free_count += threads[i].free_count;
        for (int c = 0; c < SPILLMARK_FD_CLASSES; c++) {
            totals.read_bytes += threads[i].read_bytes[c];
            totals.write_bytes += threads[i].write_bytes[c];
        }
    }
    return totals;
}

static inline int64_t view_live_bytes(const struct spillmark_slot *slot) {
    struct view_sums totals = view_totals(slot);
    return (int64_t)(totals.alloc_bytes - totals.free_bytes);
}

static inline int64_t view_live_count(const struct spillmark_slot *slot) {
    struct view_sums totals = view_totals(slot);
    return (int64_t)(totals.alloc_count - totals.free_count);
}

/* For hosts: the pool by the environment, or exit status 77 (skipped) without one. */
static inline const struct pool_view *host_view(void) {
    static struct pool_view view;
    if (view.base == NULL && view_open(&view, getenv(SPILLMARK_ENV_REGION)) != 0) {
        _exit(77);
    }
    return &view;
}

/* For hosts: this process's slot. */
static inline const struct spillmark_slot *host_slot(void) {
    const struct spillmark_slot *slot = view_own(host_view());
    if (slot == NULL) {
        _exit(78);
    }
    return slot;
}

/* For hosts: ends with a status that tells the line. */
#define HOST_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            static const char check_text[] = "check failed: " #condition "\n";                     \
            (void)!write(2, check_text, sizeof check_text - 1);                                    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* For hosts: this process's slot as the harness has it, to be written. */
static inline struct spillmark_slot *host_slot_writable(void) {
    uint64_t offset = (uint64_t)((const char *)host_slot() - host_view()->base);
    int fd = open(getenv(SPILLMARK_ENV_REGION), O_RDWR | O_CLOEXEC);
    HOST_CHECK(fd >= 0);
    void *at = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    HOST_CHECK(at != MAP_FAILED);
    close(fd);
    return (struct spillmark_slot *)at;
}
