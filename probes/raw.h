/* raw.h - system calls made directly: no errno, no cancellation point, no hook in between.
 *
 * All return a negative errno on failure. Callable at any time, from signal handlers too. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef __x86_64__
#error "the probe knows x86-64 only"
#endif

static inline long smp_raw6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static inline int smp_raw_open(const char *path, int flags, int mode) {
    return (int)smp_raw6(SYS_openat, -100 /* AT_FDCWD */, (long)path, flags, mode, 0, 0);
}

static inline void smp_raw_close(int fd) {
    smp_raw6(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline long smp_raw_read(int fd, void *buffer, size_t bytes) {
    return smp_raw6(SYS_read, fd, (long)buffer, (long)bytes, 0, 0, 0);
}

static inline long smp_raw_ftruncate(int fd, uint64_t bytes) {
    return smp_raw6(SYS_ftruncate, fd, (long)bytes, 0, 0, 0, 0);
}

static inline long smp_raw_pwrite(int fd, const void *data, size_t bytes, uint64_t offset) {
    return smp_raw6(SYS_pwrite64, fd, (long)data, (long)bytes, (long)offset, 0, 0);
}

/* Address or a negative errno, as a long: test with smp_raw_failed. */
static inline long smp_raw_mmap(void *at, size_t bytes, int prot, int flags, int fd,
                                uint64_t offset) {
    return smp_raw6(SYS_mmap, (long)at, (long)bytes, prot, flags, fd, (long)offset);
}

static inline long smp_raw_munmap(void *at, size_t bytes) {
    return smp_raw6(SYS_munmap, (long)at, (long)bytes, 0, 0, 0, 0);
}

static inline long smp_raw_mremap(void *at, size_t old_bytes, size_t new_bytes, int flags,
                                  void *to) {
    return smp_raw6(SYS_mremap, (long)at, (long)old_bytes, (long)new_bytes, flags, (long)to, 0);
}

static inline long smp_raw_madvise(void *at, size_t bytes, int advice) {
    return smp_raw6(SYS_madvise, (long)at, (long)bytes, advice, 0, 0, 0);
}

static inline int smp_raw_failed(long result) {
    return result < 0 && result > -4096;
}

static inline uint32_t smp_raw_getpid(void) {
    return (uint32_t)smp_raw6(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t smp_raw_getppid(void) {
    return (uint32_t)smp_raw6(SYS_getppid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t smp_raw_gettid(void) {
    return (uint32_t)smp_raw6(SYS_gettid, 0, 0, 0, 0, 0, 0);
}
