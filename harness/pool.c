#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../probes/pool_layout.h"
#include "pool_slot.h"

enum { SLOTS_MAX = 65536 };
static const uint64_t slot_bytes_max = UINT64_C(1) << 40;

struct sm_pool {
    int fd;
    int writable;
    struct spillmark_pool *header;
    uint32_t header_bytes, slot_count, claims_offset;
    uint64_t slot_bytes, sample_interval_bytes, file_bytes;
    uint64_t populated_bytes; /* from the start of the file, 0 = nothing was */
    uint8_t **slots;          /* mappings, made when first looked at */
};

/* Reading a water mark resets it: in somebody's file that stays between us. */
static int map_flags(const struct sm_pool *pool) {
    return pool->writable ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE;
}

static int map_header(struct sm_pool *pool) {
    void *map =
        mmap(NULL, pool->header_bytes, PROT_READ | PROT_WRITE, map_flags(pool), pool->fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    pool->header = map;
    pool->slots = calloc(pool->slot_count, sizeof *pool->slots);
    return pool->slots ? 0 : -ENOMEM;
}

static void take_geometry(struct sm_pool *pool, const struct spillmark_pool *header) {
    pool->header_bytes = header->header_bytes;
    pool->slot_count = header->slot_count;
    pool->claims_offset = header->claims_offset;
    pool->slot_bytes = header->slot_bytes;
    pool->sample_interval_bytes = header->sample_interval_bytes;
}

static int make_file(struct sm_pool *pool, const struct spillmark_pool *header) {
    pool->fd = memfd_create("spillmark-pool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (pool->fd < 0)
        return -errno;
    pool->file_bytes = spillmark_pool_bytes(header->slot_count, header->slot_bytes);
    if (ftruncate(pool->fd, (off_t)pool->file_bytes) ||
        pwrite(pool->fd, header, sizeof *header, 0) != (ssize_t)sizeof *header ||
        fcntl(pool->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return -errno;
    return 0;
}

int sm_pool_create(const struct sm_pool_options *options, struct sm_pool **ret_pool,
                   struct sm_error *err) {
    struct spillmark_pool header = spillmark_pool_header(
        options->slot_count, spillmark_slot_bytes(options->sample_interval_bytes),
        options->sample_interval_bytes, options->seed, options->wanted);
    struct sm_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    pool->fd = -1;
    pool->writable = 1;
    take_geometry(pool, &header);
    int rc = make_file(pool, &header);
    if (rc == 0)
        rc = map_header(pool);
    if (rc) {
        sm_pool_free(pool);
        return sm_error_errno(err, rc, NULL, "raise ulimit -f and -v, or measure from outside",
                              "the memory that the probe writes cannot be made");
    }
    *ret_pool = pool;
    return 0;
}

static int check_header(const struct spillmark_pool *header, uint64_t file_bytes) {
    if (header->magic != SPILLMARK_MAGIC)
        return -EBADMSG;
    if (header->abi_major != SPILLMARK_ABI_MAJOR)
        return -EPROTO;
    if (header->slot_count == 0 || header->slot_count > SLOTS_MAX ||
        header->slot_bytes < SPILLMARK_SLOT_BYTES_MIN || header->slot_bytes > slot_bytes_max ||
        header->slot_bytes % SPILLMARK_PAGE_BYTES || header->header_bytes % SPILLMARK_PAGE_BYTES ||
        header->claims_offset < sizeof *header || header->claims_offset % 8 ||
        header->claims_offset + header->slot_count * (uint64_t)sizeof(struct spillmark_claim) >
            header->header_bytes ||
        header->header_bytes + header->slot_count * header->slot_bytes > file_bytes)
        return -EBADMSG;
    return 0;
}

static int open_file(struct sm_pool *pool, const char *path) {
    struct spillmark_pool header;
    struct stat st;
    pool->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (pool->fd < 0 || fstat(pool->fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    pool->file_bytes = (uint64_t)st.st_size;
    ssize_t got = pread(pool->fd, &header, sizeof header, 0);
    if (got < 0)
        return -errno;
    int rc = got == (ssize_t)sizeof header ? check_header(&header, pool->file_bytes) : -EBADMSG;
    if (rc)
        return rc;
    take_geometry(pool, &header);
    return map_header(pool);
}

int sm_pool_open(const char *path, struct sm_pool **ret_pool, struct sm_error *err) {
    struct sm_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    pool->fd = -1;
    int rc = open_file(pool, path);
    if (rc == 0) {
        *ret_pool = pool;
        return 0;
    }
    sm_pool_free(pool);
    if (rc == -EBADMSG)
        return sm_error_set(err, rc, path, NULL, "not the pool of a probe, or cut short");
    if (rc == -EPROTO)
        return sm_error_set(err, rc, path, "read it with the version that wrote it",
                            "the pool of another version");
    return sm_error_errno(err, rc, path, NULL, "the pool cannot be read");
}

void sm_pool_free(struct sm_pool *pool) {
    if (!pool)
        return;
    for (uint32_t i = 0; pool->slots && i < pool->slot_count; i++)
        if (pool->slots[i])
            munmap(pool->slots[i], pool->slot_bytes);
    free(pool->slots);
    if (pool->header)
        munmap(pool->header, pool->header_bytes);
    if (pool->fd >= 0)
        close(pool->fd);
    free(pool);
}

int sm_pool_fd(const struct sm_pool *pool) {
    return pool->fd;
}
uint32_t sm_pool_slot_count(const struct sm_pool *pool) {
    return pool->slot_count;
}
uint64_t sm_pool_sample_interval(const struct sm_pool *pool) {
    return pool->sample_interval_bytes;
}

uint32_t sm_pool_exhausted(const struct sm_pool *pool) {
    return __atomic_load_n(&pool->header->slots_exhausted, __ATOMIC_RELAXED);
}

uint64_t sm_pool_memory_bytes(const struct sm_pool *pool) {
    struct stat st;
    return fstat(pool->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

int sm_pool_populate(struct sm_pool *pool) {
    uint64_t bytes = pool->header_bytes + pool->slot_bytes;
    if (fallocate(pool->fd, 0, 0, (off_t)bytes))
        return -errno;
    pool->populated_bytes = bytes;
    return 0;
}

uint64_t sm_pool_charged_bytes(const struct sm_pool *pool) {
    uint64_t bytes = sm_pool_memory_bytes(pool);
    return bytes > pool->populated_bytes ? bytes - pool->populated_bytes : 0;
}

static struct spillmark_claim *claim_of(const struct sm_pool *pool, uint32_t index) {
    uint8_t *claims = (uint8_t *)pool->header + pool->claims_offset;
    return (struct spillmark_claim *)(void *)claims + index;
}

pid_t sm_pool_claimed_by(const struct sm_pool *pool, uint32_t index) {
    uint32_t pid = __atomic_load_n(&claim_of(pool, index)->pid, __ATOMIC_ACQUIRE);
    return pid <= INT32_MAX ? (pid_t)pid : 0;
}

static off_t slot_offset(const struct sm_pool *pool, uint32_t index) {
    return (off_t)(pool->header_bytes + index * pool->slot_bytes);
}

int sm_pool_recycle(struct sm_pool *pool, uint32_t index) {
    struct spillmark_claim *claim = claim_of(pool, index);
    if (fallocate(pool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, slot_offset(pool, index),
                  (off_t)pool->slot_bytes))
        return -errno;
    if (index == 0 && pool->populated_bytes && sm_pool_populate(pool))
        return -errno;
    __atomic_add_fetch(&claim->generation, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&claim->pid, 0, __ATOMIC_RELEASE);
    return 0;
}

static int map_slot(struct sm_pool *pool, uint32_t index) {
    if (pool->slots[index])
        return 0;
    void *map = mmap(NULL, pool->slot_bytes, PROT_READ | PROT_WRITE, map_flags(pool), pool->fd,
                     slot_offset(pool, index));
    if (map == MAP_FAILED)
        return -errno;
    pool->slots[index] = map;
    return 0;
}

int sm_slot_open(struct sm_pool *pool, uint32_t index, struct sm_slot *ret_slot) {
    if (index >= pool->slot_count)
        return -EINVAL;
    int rc = map_slot(pool, index);
    if (rc)
        return rc;
    struct sm_slot slot = {.base = pool->slots[index], .index = index};
    rc = sm_slot_check(&slot, pool->slot_bytes);
    if (rc == 0)
        *ret_slot = slot;
    return rc;
}
