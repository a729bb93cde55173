#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "clock.h"
#include "environment.h"
#include "pool_layout.h"
#include "raw.h"

/* For a pool of the probe's own: itself and what it forks. */
enum { OWN_SLOTS = 64, DEFAULT_INTERVAL_BYTES = 512 * 1024 };

static int valid(const struct spillmark_pool *pool) {
    return pool->magic == SPILLMARK_MAGIC && pool->abi_major == SPILLMARK_ABI_MAJOR &&
           pool->slot_count > 0 && pool->slot_count <= 65536 &&
           pool->slot_bytes >= SPILLMARK_SLOT_BYTES_MIN && pool->slot_bytes <= UINT64_C(1) << 40 &&
           pool->slot_bytes % SPILLMARK_PAGE_BYTES == 0 &&
           pool->header_bytes % SPILLMARK_PAGE_BYTES == 0 && pool->claims_offset >= sizeof *pool &&
           pool->claims_offset % 8 == 0 &&
           pool->claims_offset + pool->slot_count * (uint64_t)sizeof(struct spillmark_claim) <=
               pool->header_bytes;
}

static int make_own(void) {
    char *path = smp_process.pool_path;
    size_t size = sizeof smp_process.pool_path;
    if (!smp_environment(SPILLMARK_ENV_OUT, path, size) || path[0] == '\0') {
        smp_append(path, size, ".");
    }
    smp_append(path, size, "/spillmark-probe.");
    smp_append_number(path, size, smp_raw_getpid());
    smp_append(path, size, ".pool");
    int fd = smp_raw_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd == -EEXIST) { /* this process, before an exec */
        return smp_raw_open(path, O_RDWR | O_CLOEXEC, 0);
    }
    if (fd < 0) {
        return fd;
    }
    uint64_t interval = smp_environment_number(SPILLMARK_ENV_SAMPLE, DEFAULT_INTERVAL_BYTES);
    struct spillmark_pool header = spillmark_pool_header(
        OWN_SLOTS, spillmark_slot_bytes(interval), interval, smp_clock_ns(),
        SPILLMARK_FEATURE_HEAP | SPILLMARK_FEATURE_STACKS | SPILLMARK_FEATURE_FDS |
            SPILLMARK_FEATURE_IO | SPILLMARK_FEATURE_MAPS);
    long failed = smp_raw_ftruncate(fd, spillmark_pool_bytes(OWN_SLOTS, header.slot_bytes));
    if (failed == 0 && smp_raw_pwrite(fd, &header, sizeof header, 0) != sizeof header) {
        failed = -EIO;
    }
    if (failed < 0) {
        smp_raw_close(fd);
        return (int)failed;
    }
    return fd;
}

static int map_header(int fd) {
    long at = smp_raw_mmap(NULL, SPILLMARK_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (smp_raw_failed(at)) {
        return (int)at;
    }
    struct spillmark_pool pool = *(const struct spillmark_pool *)at;
    smp_raw_munmap((void *)at, SPILLMARK_PAGE_BYTES);
    if (!valid(&pool)) {
        return -EPROTO;
    }
    at = smp_raw_mmap(NULL, pool.header_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (smp_raw_failed(at)) {
        return (int)at;
    }
    smp_process.pool = (struct spillmark_pool *)at;
    smp_process.header_bytes = pool.header_bytes;
    smp_process.slot_count = pool.slot_count;
    smp_process.slot_bytes = pool.slot_bytes;
    smp_process.sample_interval_bytes = pool.sample_interval_bytes;
    smp_process.seed = pool.seed;
    smp_process.features = pool.wanted;
    return 0;
}

/* A file too short would kill the target by SIGBUS at the first touch. */
static int map_checked(int fd) {
    struct stat status;
    long failed = smp_raw6(SYS_fstat, fd, (long)&status, 0, 0, 0, 0);
    if (failed < 0) {
        return (int)failed;
    }
    if (status.st_size < SPILLMARK_PAGE_BYTES) {
        return -EPROTO;
    }
    smp_process.pool_device = status.st_dev;
    smp_process.pool_inode = status.st_ino;
    failed = map_header(fd);
    if (failed == 0 &&
        (uint64_t)status.st_size <
            smp_process.header_bytes + smp_process.slot_count * smp_process.slot_bytes) {
        failed = -EPROTO;
    }
    return (int)failed;
}

int smp_pool_open(enum spillmark_off_reason *ret_reason) {
    char *path = smp_process.pool_path;
    bool is_given = smp_process.keeper_pid != 0; /* then the path was, too */
    bool named =
        is_given || (smp_environment(SPILLMARK_ENV_REGION, path, sizeof smp_process.pool_path) &&
                     path[0] != '\0');
    int fd = named ? smp_raw_open(path, O_RDWR | O_CLOEXEC, 0) : make_own();
    int failed = fd < 0 ? fd : map_checked(fd);
    if (fd >= 0) {
        smp_raw_close(fd);
    }
    *ret_reason = failed == -EPROTO ? SPILLMARK_OFF_ABI : SPILLMARK_OFF_MAP;
    return failed;
}

static struct spillmark_claim *all_claims(void) {
    return (struct spillmark_claim *)((char *)smp_process.pool + smp_process.pool->claims_offset);
}

void smp_pool_release(uint32_t index) {
    __atomic_store_n(&all_claims()[index].pid, 0, __ATOMIC_RELEASE);
}

int smp_pool_claim(uint32_t *ret_index) {
    struct spillmark_claim *claims = all_claims();
    uint32_t pid = smp_raw_getpid();
    for (uint32_t i = 0; i < smp_process.slot_count; i++) {
        uint32_t nobody = 0;
        if (__atomic_load_n(&claims[i].pid, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(&claims[i].pid, &nobody, pid, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            *ret_index = i;
            return 0;
        }
    }
    __atomic_fetch_add(&smp_process.pool->slots_exhausted, 1, __ATOMIC_RELAXED);
    return -ENOSPC;
}

static uint64_t slot_offset(uint32_t index) {
    return smp_process.header_bytes + index * smp_process.slot_bytes;
}

/* mremap with an old size of 0 makes a second mapping of a shared one, as long as wanted. */
static void *map_through(void *mapping, uint64_t mapping_offset, uint64_t offset) {
    uint64_t before = offset - mapping_offset;
    long at = smp_raw_mremap(mapping, 0, before + smp_process.slot_bytes, MREMAP_MAYMOVE, NULL);
    if (smp_raw_failed(at)) {
        return NULL;
    }
    if (before > 0) {
        smp_raw_munmap((void *)at, before);
    }
    return (char *)at + before;
}

static bool is_this_pool(int fd) {
    struct stat status;
    return smp_raw6(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) == 0 &&
           status.st_dev == smp_process.pool_device && status.st_ino == smp_process.pool_inode;
}

/* Tried first for its smaller need of address space. What the path leads to must still be this
 * pool: another process may have been given the harness's number. */
static void *map_by_path(uint64_t offset) {
    int fd = smp_raw_open(smp_process.pool_path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) {
        return NULL;
    }
    long at = is_this_pool(fd) ? smp_raw_mmap(NULL, smp_process.slot_bytes, PROT_READ | PROT_WRITE,
                                              MAP_SHARED, fd, offset)
                               : -EINVAL;
    smp_raw_close(fd);
    return smp_raw_failed(at) ? NULL : (void *)at;
}

void *smp_pool_map_slot(uint32_t index) {
    uint64_t offset = slot_offset(index);
    void *slot = map_by_path(offset);
    if (slot == NULL && smp_process.has_slot && index >= smp_process.slot_index) {
        slot = map_through(smp_process.slot, slot_offset(smp_process.slot_index), offset);
    }
    return slot != NULL ? slot : map_through(smp_process.pool, 0, offset);
}
