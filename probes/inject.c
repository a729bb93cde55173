/* inject.c - being brought into a program that runs already, and switching off again.
 *
 * The harness calls these on a stack of its own, on a thread that it has stopped where it holds
 * neither the loader's locks nor the allocator's. All other threads run on. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "allocator.h"
#include "clock.h"
#include "environment.h"
#include "inject.h"
#include "injection.h"
#include "patch.h"
#include "process.h"
#include "raw.h"
#include "real.h"
#include "self.h"
#include "slot.h"

/* One that has ended stays there until its parent has waited for it: the letter behind the name
 * in its stat says so. */
static bool is_gone(uint32_t pid) {
    char text[128] = "/proc/";
    smp_append_number(text, sizeof text, pid);
    smp_append(text, sizeof text, "/stat");
    int fd = smp_raw_open(text, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) {
        return smp_raw6(SYS_kill, pid, 0, 0, 0, 0, 0) == -ESRCH;
    }
    long got = smp_raw_read(fd, text, sizeof text - 1);
    smp_raw_close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *end = strrchr(text, ')');
    return got < 0 || (end != NULL && (end[2] == 'Z' || end[2] == 'X'));
}

/* Of the second and third number of statm, in pages. 0 if it cannot be read. */
static uint64_t private_resident_bytes(void) {
    char text[128] = "";
    uint64_t numbers[3] = {0};
    int fd = smp_raw_open("/proc/self/statm", O_RDONLY | O_CLOEXEC, 0);
    long got = fd < 0 ? 0 : smp_raw_read(fd, text, sizeof text - 1);
    int field = 0;
    if (fd >= 0) {
        smp_raw_close(fd);
    }
    for (long i = 0; i < got && field < 3; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            numbers[field] = numbers[field] * 10 + (uint64_t)(text[i] - '0');
        } else {
            field++;
        }
    }
    return numbers[1] > numbers[2] ? (numbers[1] - numbers[2]) * 4096 : 0;
}

/* What was live before, so that the totals are the heap's and what is freed of it is subtracted
 * from it. Asked for when counting has begun: what was counted since is taken off again. */
static void take_base(struct spillmark_injection *request) {
    uint64_t used, counted_bytes, counted_count;
    request->base_from = SPILLMARK_BASE_ALLOCATOR;
    if (!smp_allocator_used(&used)) {
        request->base_from = SPILLMARK_BASE_RESIDENT;
        used = private_resident_bytes();
    }
    smp_slot_counted(&counted_bytes, &counted_count);
    uint64_t base = used - counted_bytes;
    request->base_bytes = (int64_t)base > 0 ? base : 0;
    smp_slot_take_base(request->base_bytes, SPILLMARK_COUNT_UNKNOWN);
}

static enum spillmark_injected bring_up(struct spillmark_injection *request) {
    enum spillmark_off_reason reason;
    smp_process.keeper_pid = request->keeper_pid;
    smp_process.pool_path[0] = '\0';
    smp_append(smp_process.pool_path, sizeof smp_process.pool_path, request->pool_path);
    if (!smp_boot_late(&reason)) {
        return reason == SPILLMARK_OFF_MAP || reason == SPILLMARK_OFF_ABI
                   ? SPILLMARK_INJECTED_NO_POOL
                   : SPILLMARK_INJECTED_FAILED;
    }
    if (!smp_feature(SPILLMARK_FEATURE_HEAP)) {
        smp_turn_off(SPILLMARK_OFF_HIDDEN_ALLOCATOR);
        return SPILLMARK_INJECTED_HIDDEN_ALLOCATOR;
    }
    if (smp_process.is_late) { /* else the hooks are found by all who call */
        smp_patch_all();
    }
    return SPILLMARK_INJECTED_ON;
}

/* A probe that was there from the start, with a pool of its own or of a harness that is gone, is
 * taken over: its totals are the base line. */
static enum spillmark_injected take_over(struct spillmark_injection *request) {
    uint64_t bytes, count;
    smp_slot_counted(&bytes, &count);
    if (!smp_switch_off()) {
        return SPILLMARK_INJECTED_NOT_NOW;
    }
    enum spillmark_injected result = bring_up(request);
    if (result == SPILLMARK_INJECTED_ON) {
        request->base_from = SPILLMARK_BASE_COUNTED;
        request->base_bytes = bytes;
        smp_slot_take_base(bytes, count);
    }
    return result;
}

/* The harness that the pool belongs to; 0 if the probe made it itself. "/proc/PID/fd/N". */
static uint32_t pool_owner(void) {
    const char *path = smp_process.pool_path;
    uint32_t pid = 0;
    if (strncmp(path, "/proc/", 6) == 0) {
        for (const char *at = path + 6; *at >= '0' && *at <= '9'; at++) {
            pid = pid * 10 + (uint32_t)(*at - '0');
        }
    }
    return pid;
}

static enum spillmark_injected inject(struct spillmark_injection *request) {
    if (smp_phase() != SMP_ON) {
        enum spillmark_injected result = bring_up(request);
        if (result == SPILLMARK_INJECTED_ON) {
            take_base(request);
        }
        return result;
    }
    uint32_t owner = pool_owner();
    if (owner != 0 && !is_gone(owner)) {
        return SPILLMARK_INJECTED_BUSY;
    }
    return take_over(request);
}

SMP_EXPORT void spillmark_inject(struct spillmark_injection *request) {
    int saved_errno = errno;
    if (request->bytes != sizeof *request) {
        return;
    }
    request->result = inject(request);
    request->patched = smp_patch_count();
    dlerror();
    errno = saved_errno;
}

/* ---- off again ---- */

bool smp_switch_off(void) {
    if (smp_phase() != SMP_ON) {
        return true;
    }
    if (!smp_patch_undo()) {
        return false;
    }
    smp_turn_off(SPILLMARK_OFF_NONE);
    smp_self_release();
    smp_slot_leave();
    return true;
}

SMP_EXPORT void spillmark_withdraw(struct spillmark_injection *request) {
    if (request->bytes == sizeof *request) {
        request->result =
            smp_switch_off() ? SPILLMARK_INJECTED_WITHDRAWN : SPILLMARK_INJECTED_NOT_NOW;
        request->patched = smp_patch_count();
    }
}

/* Not more than once a second: three system calls. */
static uint64_t next_check_ns;

void smp_keeper_check(void) {
    uint64_t now_ns = smp_clock_coarse_ns();
    uint64_t due_ns = __atomic_load_n(&next_check_ns, __ATOMIC_RELAXED);
    if (now_ns < due_ns ||
        !__atomic_compare_exchange_n(&next_check_ns, &due_ns, now_ns + UINT64_C(1000000000), false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        return;
    }
    if (is_gone(smp_process.keeper_pid)) {
        smp_switch_off();
    }
}
