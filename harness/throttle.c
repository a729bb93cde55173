/* throttle.c - rules of the supervisor, kept by a control group. */
#include "throttle.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sm_throttle {
    struct sm_supervisor_shared *shared;
    struct sm_cgroup group;
    bool is_own;
    struct {
        struct sm_disk disk;
        struct sm_disk_counts counted;
    } rules[SM_SUPERVISOR_RULES];
};

static bool is_active(const struct sm_disk_rule *rule) {
    return rule->used && __atomic_load_n(&rule->active, __ATOMIC_ACQUIRE);
}

bool sm_throttle_suits(const struct sm_supervisor_shared *shared) {
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++) {
        const struct sm_disk_rule *rule = &shared->rules[i];
        if (rule->used &&
            (!rule->bytes_per_s || rule->latency_ns || rule->will_stall || rule->fail_on))
            return false;
    }
    return true;
}

static int find_disks(struct sm_throttle *throttle) {
    int rc = 0;
    for (int i = 0; i < SM_SUPERVISOR_RULES && rc == 0; i++)
        if (throttle->shared->rules[i].used)
            rc = sm_disk_below(throttle->shared->rules[i].path, &throttle->rules[i].disk);
    return rc;
}

/* The group, and whether it knows the disks. */
static int make_group(struct sm_throttle *throttle, const struct sm_cgroup *beside,
                      int (*announce)(void *context, const char *dir), void *context) {
    char name[64];
    int rc = 0;
    if (beside && beside->version == 2) {
        throttle->group = *beside;
        rc = sm_cgroup_has(beside, SM_CGROUP_DISK) ? 0 : -ENOENT;
    } else {
        snprintf(name, sizeof name, "spillmark-disk-%d", (int)getpid());
        rc = sm_cgroup_make(SM_CGROUP_DISK, name, announce, context, &throttle->group);
        throttle->is_own = rc == 0;
    }
    for (int i = 0; i < SM_SUPERVISOR_RULES && rc == 0; i++)
        if (throttle->shared->rules[i].used)
            rc = sm_disk_set_limit(&throttle->group, &throttle->rules[i].disk, 0);
    return rc;
}

int sm_throttle_make(struct sm_supervisor_shared *shared, const struct sm_cgroup *beside,
                     int (*announce)(void *context, const char *dir), void *context,
                     struct sm_throttle **ret_throttle) {
    struct sm_throttle *throttle = calloc(1, sizeof *throttle);
    if (!throttle)
        return -ENOMEM;
    throttle->shared = shared;
    int rc = find_disks(throttle);
    if (rc == 0)
        rc = make_group(throttle, beside, announce, context);
    if (rc) {
        sm_throttle_free(throttle);
        return rc;
    }
    __atomic_store_n(&shared->way, SM_WAY_CGROUP, __ATOMIC_RELEASE);
    *ret_throttle = throttle;
    return 0;
}

const char *sm_throttle_dir(const struct sm_throttle *throttle) {
    return throttle->is_own ? throttle->group.dir : NULL;
}

static bool is_same(const struct sm_disk *a, const struct sm_disk *b) {
    return a->major == b->major && a->minor == b->minor;
}

/* The lowest rate that is asked for on a disk now; 0 = none. */
static uint64_t rate_on(const struct sm_throttle *throttle, const struct sm_disk *disk) {
    uint64_t lowest = 0;
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++) {
        const struct sm_disk_rule *rule = &throttle->shared->rules[i];
        if (is_active(rule) && is_same(&throttle->rules[i].disk, disk) &&
            (lowest == 0 || rule->bytes_per_s < lowest))
            lowest = rule->bytes_per_s;
    }
    return lowest;
}

int sm_throttle_apply(struct sm_throttle *throttle) {
    int rc = 0;
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++) {
        const struct sm_disk *disk = &throttle->rules[i].disk;
        if (!throttle->shared->rules[i].used)
            continue;
        int one = sm_disk_set_limit(&throttle->group, disk, rate_on(throttle, disk));
        rc = rc ? rc : one;
    }
    return rc;
}

void sm_throttle_count(struct sm_throttle *throttle) {
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++) {
        struct sm_disk_rule *rule = &throttle->shared->rules[i];
        struct sm_disk_counts now, *last = &throttle->rules[i].counted;
        if (!rule->used || sm_disk_read(&throttle->group, &throttle->rules[i].disk, &now))
            continue;
        uint64_t bytes = now.bytes - last->bytes;
        if (is_active(rule)) {
            rule->calls += now.writes - last->writes;
            rule->bytes += bytes;
            rule->delay_ns += (uint64_t)((double)bytes * 1e9 / (double)rule->bytes_per_s);
        }
        *last = now;
    }
}

void sm_throttle_free(struct sm_throttle *throttle) {
    if (throttle && throttle->group.version)
        sm_disk_lift_all(throttle->group.dir);
    if (throttle && throttle->is_own)
        sm_cgroup_remove(throttle->group.dir);
    free(throttle);
}
