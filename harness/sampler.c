#include "sampler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "paths.h"
#include "sampler_internal.h"

enum { SLOTS = 256 };

void sm_sampler_note(struct sm_sampler *sampler, int rc) {
    if (rc && !sampler->failed)
        sampler->failed = rc;
}

/* A few descriptors for every process followed and every module seen. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The probe, the allocator and what is there already, as far as there are any. */
static int make_preload(const struct sm_sampler *sampler, char **ret_setting) {
    const char *present = getenv("LD_PRELOAD");
    const char *parts[] = {sampler->pool ? sm_path_probe() : NULL, sampler->options.preload,
                           present && present[0] ? present : NULL};
    char *setting = strdup("LD_PRELOAD=");
    for (size_t i = 0; setting && i < sizeof parts / sizeof *parts; i++) {
        char *before = setting;
        if (!parts[i])
            continue;
        int is_first = before[strlen(before) - 1] == '=';
        if (asprintf(&setting, "%s%s%s", before, is_first ? "" : ":", parts[i]) < 0)
            setting = NULL;
        free(before);
    }
    *ret_setting = setting;
    return setting ? 0 : -ENOMEM;
}

/* NULL ends it: LD_PRELOAD first, which stands alone without a probe. */
static int make_environment(struct sm_sampler *sampler) {
    if (!sampler->pool && !sampler->options.preload)
        return 0;
    int rc = make_preload(sampler, &sampler->environment[0]);
    if (rc || !sampler->pool)
        return rc;
    if (asprintf(&sampler->environment[1], SPILLMARK_ENV_REGION "=/proc/%d/fd/%d", (int)getpid(),
                 sm_pool_fd(sampler->pool)) < 0) {
        sampler->environment[1] = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int make_pool(struct sm_sampler *sampler, struct sm_error *err) {
    const struct sm_pool_options options = {
        .slot_count = SLOTS,
        .sample_interval_bytes = sampler->options.sample_interval_bytes,
        .seed = sampler->options.seed,
        .wanted = SPILLMARK_FEATURE_HEAP | SPILLMARK_FEATURE_STACKS | SPILLMARK_FEATURE_FDS |
                  SPILLMARK_FEATURE_IO | SPILLMARK_FEATURE_MAPS,
    };
    int rc = sm_pool_create(&options, &sampler->pool, err);
    if (rc)
        return rc;
    if (sampler->options.limit && (rc = sm_pool_populate(sampler->pool)))
        return sm_error_errno(err, rc, NULL, NULL, "there is no memory for the probe");
    sampler->slot_owner = calloc(SLOTS, sizeof(struct sm_followed *));
    return sampler->slot_owner ? 0 : sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
}

int sm_sampler_create(const struct sm_sampler_options *options, struct sm_record *record,
                      int64_t start_ns, struct sm_sampler **ret_sampler, struct sm_error *err) {
    struct sm_sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    sampler->options = *options;
    sampler->record = record;
    sampler->writer.record = record;
    sampler->start_ns = start_ns;
    sampler->oom_kills = sm_oom_kills(sampler);
    raise_descriptor_limit();
    int rc = sm_intern_new(record, &sampler->intern);
    if (rc)
        rc = sm_error_set(err, rc, NULL, NULL, "out of memory");
    if (rc == 0 && options->want_probe)
        rc = make_pool(sampler, err);
    if (rc == 0 && make_environment(sampler))
        rc = sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    if (rc) {
        sm_sampler_close(sampler);
        return rc;
    }
    if (sm_sockets_open(&sampler->sockets)) /* the series is missing then */
        sampler->sockets = NULL;
    *ret_sampler = sampler;
    return 0;
}

const char *const *sm_sampler_environment(struct sm_sampler *sampler) {
    return (const char *const *)sampler->environment;
}

int sm_sampler_pool_fd(const struct sm_sampler *sampler) {
    return sampler->pool ? sm_pool_fd(sampler->pool) : -1;
}

int sm_sampler_writers(const struct sm_sampler *sampler, struct sm_pid_list *list) {
    uint32_t slots = sampler->pool ? sm_pool_slot_count(sampler->pool) : 0;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < slots; i++) {
        pid_t pid = sm_pool_claimed_by(sampler->pool, i);
        if (pid > 0 && !sm_pid_list_has(list, pid))
            rc = sm_pid_list_add(list, pid);
    }
    return rc;
}

void sm_sampler_expect(struct sm_sampler *sampler, const char *note) {
    snprintf(sampler->expected, sizeof sampler->expected, "%s", note);
}

void sm_sampler_follow(struct sm_sampler *sampler, pid_t root) {
    sampler->target = root;
    sampler->next_discover_ns = 0;
    if (!sm_followed_find(sampler, root))
        sm_followed_add(sampler, root, sm_now_ns());
}

static int failure(struct sm_sampler *sampler) {
    sm_sampler_note(sampler, sampler->writer.failed);
    return sampler->failed;
}

int sm_sampler_tick(struct sm_sampler *sampler, int64_t now_ns) {
    sm_sampler_discover(sampler, now_ns);
    sm_sampler_read_figures(sampler, now_ns);
    sm_sampler_read_slow(sampler, now_ns, 0);
    sampler->tick++;
    return failure(sampler);
}

int sm_sampler_checkpoint(struct sm_sampler *sampler, int64_t now_ns) {
    sampler->next_discover_ns = 0;
    sm_sampler_discover(sampler, now_ns);
    sm_sampler_read_figures(sampler, now_ns);
    sm_sampler_read_slow(sampler, now_ns, 1);
    return failure(sampler);
}

int sm_sampler_put(struct sm_sampler *sampler, const char *series, enum sm_unit unit,
                   int64_t now_ns, double value) {
    sm_series_add_named(&sampler->writer, &sampler->totals, series, unit,
                        sm_run_ns(sampler, now_ns), value, value);
    return failure(sampler);
}

uint64_t sm_sampler_charged_bytes(const struct sm_sampler *sampler) {
    return sampler->pool ? sm_pool_charged_bytes(sampler->pool) : 0;
}

void sm_sampler_exited(struct sm_sampler *sampler, pid_t pid, int wait_status, int64_t now_ns) {
    for (size_t i = sampler->followed_count; i-- > 0;) {
        struct sm_followed *process = sampler->followed[i];
        if (process->pid != pid)
            continue;
        if (process->alive)
            sm_followed_gone(sampler, process, now_ns);
        sm_followed_set_exit(sampler, process, wait_status);
        sm_followed_write_row(sampler, process);
        return;
    }
}

void sm_sampler_now(const struct sm_sampler *sampler, struct sm_sampler_now *ret_now) {
    *ret_now = (struct sm_sampler_now){
        .heap_bytes = sampler->now.heap, .rss_bytes = sampler->now.rss, .fds = sampler->now.fds};
}

struct sm_module_file *sm_sampler_take_module_files(struct sm_sampler *sampler, size_t *ret_count) {
    size_t capacity = sm_intern_module_count(sampler->intern);
    struct sm_module_file *files = capacity ? calloc(capacity, sizeof *files) : NULL;
    *ret_count = 0;
    for (size_t i = 0; files && i < capacity; i++) {
        int fd = sm_intern_take_module_fd(sampler->intern, (int32_t)i + 1);
        if (fd >= 0)
            files[(*ret_count)++] = (struct sm_module_file){.module_id = (int)i + 1, .fd = fd};
    }
    return files;
}

static void write_allocators(const struct sm_sampler *sampler) {
    char text[128] = "";
    for (uint32_t i = 0; i < SPILLMARK_ALLOCATORS; i++)
        if (sampler->allocators & 1u << i)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? ", " : "",
                     sm_allocator_name(i));
    sm_record_set_meta(sampler->record, SM_META_ALLOCATOR, text);
}

static void write_meta(struct sm_sampler *sampler) {
    char text[512];
    uint64_t drops = sampler->drops, failures = sampler->stack_failures;
    for (size_t i = 0; i < sampler->followed_count; i++) {
        struct sm_slot_head head;
        if (!sampler->followed[i]->alive || !sampler->followed[i]->has_slot)
            continue;
        sm_slot_read_head(&sampler->followed[i]->slot, &head);
        drops += head.drops;
        failures += head.stack_failures;
    }
    snprintf(text, sizeof text,
             "{\"abi\":\"%u.%u\",\"sample_interval_bytes\":%llu,\"rate_hz\":%g,\"processes\":%d,"
             "\"drops\":%llu,\"stack_failures\":%llu,\"slots_exhausted\":%u,"
             "\"memory_bytes\":%llu}",
             SPILLMARK_ABI_MAJOR, SPILLMARK_ABI_MINOR,
             (unsigned long long)sampler->options.sample_interval_bytes, sampler->options.rate_hz,
             (int)sampler->last_id, (unsigned long long)drops, (unsigned long long)failures,
             sampler->pool ? sm_pool_exhausted(sampler->pool) : 0,
             (unsigned long long)(sampler->pool ? sm_pool_memory_bytes(sampler->pool) : 0));
    sm_record_set_meta(sampler->record, SM_META_PROBE, text);
    write_allocators(sampler);
}

void sm_sampler_close(struct sm_sampler *sampler) {
    if (!sampler)
        return;
    if (sampler->record && sampler->last_id)
        write_meta(sampler);
    for (size_t i = 0; i < sampler->followed_count; i++)
        sm_followed_free(sampler, sampler->followed[i]);
    sm_series_finish(&sampler->writer, &sampler->totals);
    sm_sockets_close(sampler->sockets);
    sm_intern_free(sampler->intern);
    sm_pool_free(sampler->pool);
    for (size_t i = 0; i < sizeof sampler->environment / sizeof *sampler->environment; i++)
        free(sampler->environment[i]);
    free(sampler->inodes);
    free(sampler->slot_owner);
    free(sampler->followed);
    free(sampler);
}
