/* sampler_discover.c - which processes belong to the target: those that claimed a slot of the
 * pool, and those in /proc below the root, or that carry its environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "proc.h"
#include "sampler_internal.h"

static const int64_t discover_period_ns = 200000000, keep_ns = 2000000000;

static void look_at_claim(struct sm_sampler *sampler, uint32_t index, int64_t now_ns) {
    pid_t pid = sm_pool_claimed_by(sampler->pool, index);
    if (pid == 0 || sampler->slot_owner[index])
        return;
    struct sm_slot slot;
    if (sm_slot_open(sampler->pool, index, &slot) == -EAGAIN)
        return; /* claimed a moment ago; or its claimer died then, and no harm is done */
    struct sm_followed *process = sm_followed_find(sampler, pid);
    /* A process with a slot that claims another has replaced its image. */
    if (process && process->has_slot)
        process = sm_followed_exec(sampler, process, now_ns);
    else if (!process)
        process = sm_followed_add(sampler, pid, now_ns);
    if (!process)
        return;
    sm_followed_take_slot(sampler, process, index, now_ns);
    if (process->outside.dir_fd < 0) /* it has ended already; its slot is all there is */
        sm_followed_gone(sampler, process, now_ns);
}

/* A daemon that forked twice is a child of the subreaper, like other programs of the run; the
 * pool's name in its environment says that it is the target's. */
static int carries_environment(const struct sm_sampler *sampler, pid_t pid) {
    char path[64], text[65536];
    const char *wanted = sampler->environment[0];
    size_t used = 0, wanted_bytes = wanted ? strlen(wanted) + 1 : 0;
    if (!wanted)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got;
    while (used < sizeof text && (got = read(fd, text + used, sizeof text - used)) > 0)
        used += (size_t)got;
    close(fd);
    for (size_t at = 0; at + wanted_bytes <= used;) {
        if (memcmp(text + at, wanted, wanted_bytes) == 0)
            return 1;
        const char *end = memchr(text + at, '\0', used - at);
        if (!end)
            return 0;
        at = (size_t)(end - text) + 1;
    }
    return 0;
}

static void add_new(struct sm_sampler *sampler, const struct sm_pid_list *pids, int orphans,
                    int64_t now_ns) {
    for (size_t i = 0; i < pids->count; i++) {
        pid_t pid = pids->pids[i];
        if (sm_followed_find(sampler, pid) || !sm_proc_is_alive(pid) ||
            (orphans && !carries_environment(sampler, pid)))
            continue;
        sm_followed_add(sampler, pid, now_ns);
    }
}

static void scan_proc(struct sm_sampler *sampler, int64_t now_ns) {
    struct sm_pid_list pids = {0};
    for (size_t i = 0; i < sampler->followed_count; i++)
        if (sampler->followed[i]->alive)
            sm_proc_children(sampler->followed[i]->pid, &pids);
    add_new(sampler, &pids, 0, now_ns);
    pids.count = 0;
    struct sm_followed *root = sampler->followed_count ? sampler->followed[0] : NULL;
    if (root && root->parent > 1 && sm_proc_children(root->parent, &pids) == 0)
        add_new(sampler, &pids, 1, now_ns);
    sm_pid_list_free(&pids);
}

/* Gives slots of the dead back when they get few, and forgets who has long gone. */
static void recycle(struct sm_sampler *sampler, int64_t now_ns) {
    enum { FOLLOWED_MANY = 1024 };
    uint32_t owned = 0, slots = sampler->pool ? sm_pool_slot_count(sampler->pool) : 0;
    for (uint32_t i = 0; i < slots; i++)
        owned += sampler->slot_owner[i] != NULL;
    if (owned <= slots - slots / 4 && sampler->followed_count < FOLLOWED_MANY)
        return;
    size_t kept = 0;
    for (size_t i = 0; i < sampler->followed_count; i++) {
        struct sm_followed *process = sampler->followed[i];
        /* The first is the root, whose parent is asked for orphans. */
        if (i == 0 || process->alive || now_ns - process->gone_ns < keep_ns) {
            sampler->followed[kept++] = process;
            continue;
        }
        uint32_t index = process->slot.index;
        int has_slot = process->has_slot;
        sm_followed_free(sampler, process);
        if (has_slot)
            sm_sampler_note(sampler, sm_pool_recycle(sampler->pool, index));
    }
    sampler->followed_count = kept;
}

void sm_sampler_discover(struct sm_sampler *sampler, int64_t now_ns) {
    uint32_t slots = sampler->pool ? sm_pool_slot_count(sampler->pool) : 0;
    for (uint32_t i = 0; i < slots; i++)
        look_at_claim(sampler, i, now_ns);
    if (now_ns < sampler->next_discover_ns)
        return;
    int64_t began_ns = sm_now_ns();
    scan_proc(sampler, now_ns);
    sampler->next_discover_ns = sm_next_time(now_ns, began_ns, discover_period_ns);
    for (size_t i = 0; i < sampler->followed_count; i++)
        if (sampler->followed[i]->alive)
            sm_followed_settle_probe(sampler, sampler->followed[i], now_ns);
    recycle(sampler, now_ns);
}
