/* limit.c - which way a limit is kept, and what it did. */
#include "limit.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../reports/units.h"
#include "limit_cgroup.h"

struct sm_limit {
    uint64_t bytes, allowed_bytes; /* asked for; on top of it for the probe */
    struct sm_cgroup group;        /* version 0 = RLIMIT_DATA */
    int why_not;                   /* errno of the group that could not be made */
};

static int own(void *context, const char *dir) {
    return sm_keeper_own_path(context, dir);
}

int sm_limit_make(uint64_t bytes, struct sm_keeper *keeper, struct sm_limit **ret_limit) {
    char name[64];
    struct sm_limit *limit = calloc(1, sizeof *limit);
    if (!limit)
        return -ENOMEM;
    limit->bytes = bytes;
    snprintf(name, sizeof name, "spillmark-%d", (int)getpid());
    limit->why_not = -sm_cgroup_make(SM_CGROUP_MEMORY, name, own, keeper, &limit->group);
    if (!limit->why_not && (limit->why_not = -sm_cgroup_set_limit(&limit->group, bytes))) {
        sm_cgroup_remove(limit->group.dir);
        limit->group.version = 0;
    }
    *ret_limit = limit;
    return 0;
}

static const char *way_of(const struct sm_limit *limit) {
    static const char *const ways[] = {"rlimit", "cgroup v1", "cgroup v2"};
    return ways[limit->group.version];
}

const struct sm_cgroup *sm_limit_group(const struct sm_limit *limit) {
    return limit && limit->group.version ? &limit->group : NULL;
}

void sm_limit_apply(const struct sm_limit *limit, struct sm_spawn *spawn) {
    if (limit->group.version)
        spawn->cgroup = limit->group.dir;
    else
        spawn->data_bytes = limit->bytes;
}

void sm_limit_allow(struct sm_limit *limit, uint64_t probe_bytes) {
    if (limit->group.version == 0 || probe_bytes <= limit->allowed_bytes)
        return;
    if (sm_cgroup_set_limit(&limit->group, limit->bytes + probe_bytes) == 0)
        limit->allowed_bytes = probe_bytes;
}

static struct sm_cgroup_counts counts_of(const struct sm_limit *limit) {
    struct sm_cgroup_counts counts = {0};
    if (limit->group.version)
        sm_cgroup_read(&limit->group, &counts);
    return counts;
}

uint64_t sm_limit_kills(const struct sm_limit *limit) {
    return counts_of(limit).kills;
}

char *sm_limit_text(const struct sm_limit *limit, char *buffer, size_t buffer_bytes) {
    struct sm_cgroup_counts counts = counts_of(limit);
    size_t used =
        (size_t)snprintf(buffer, buffer_bytes, "%s of memory, by %s",
                         SM_UNIT_TEXT(SM_UNIT_BYTES, (double)limit->bytes), way_of(limit));
    if (used >= buffer_bytes)
        return buffer;
    if (limit->group.version == 0)
        snprintf(buffer + used, buffer_bytes - used,
                 " (RLIMIT_DATA) for each process alone: beyond it allocations fail and nothing is "
                 "killed (no control group: %s)",
                 strerror(limit->why_not));
    else
        snprintf(buffer + used, buffer_bytes - used, ", peak %s; %llu process%s oom-killed",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, (double)counts.peak_bytes),
                 (unsigned long long)counts.kills, counts.kills == 1 ? "" : "es");
    return buffer;
}

char *sm_limit_json(const struct sm_limit *limit) {
    char line[400];
    struct sm_cgroup_counts counts = counts_of(limit);
    json_t *object =
        json_pack("{sI ss sI sI sI ss}", "bytes", (json_int_t)limit->bytes, "limit_way",
                  way_of(limit), "oom_kills", (json_int_t)counts.kills, "peak_bytes",
                  (json_int_t)counts.peak_bytes, "probe_bytes", (json_int_t)limit->allowed_bytes,
                  "text", sm_limit_text(limit, line, sizeof line));
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

void sm_limit_free(struct sm_limit *limit) {
    if (limit && limit->group.version)
        sm_cgroup_remove(limit->group.dir);
    free(limit);
}
