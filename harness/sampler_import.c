/* sampler_import.c - a pool that was left behind, as a record. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clock.h"
#include "sampler_internal.h"

/* When the last thing happened to an image: its end, or, on a pool of this boot that has none, now:
 * one moment for all of them, or the later would be said to have outlived the earlier. */
static int64_t last_ns(const struct sm_slot_head *head, int64_t now_ns) {
    if (head->end_ns && head->end_ns < INT64_MAX)
        return (int64_t)head->end_ns;
    return head->start_ns < (uint64_t)now_ns ? now_ns : (int64_t)(head->start_ns & INT64_MAX);
}

static int read_head(struct sm_sampler *sampler, uint32_t index, struct sm_slot_head *ret_head) {
    struct sm_slot slot;
    if (sm_pool_claimed_by(sampler->pool, index) == 0 || sm_slot_open(sampler->pool, index, &slot))
        return 0;
    sm_slot_read_head(&slot, ret_head);
    return 1;
}

/* A process that goes on has the pool mapped; the number alone may be another's by now. */
static int is_running(const struct sm_sampler *sampler, const struct sm_slot_head *head) {
    char path[64], line[512];
    struct stat st;
    uint64_t inode;
    int found = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)head->pid);
    FILE *maps = head->state == SPILLMARK_STATE_ON ? fopen(path, "re") : NULL;
    if (!maps)
        return 0;
    if (fstat(sm_pool_fd(sampler->pool), &st) == 0)
        while (!found && fgets(line, sizeof line, maps))
            found = sscanf(line, "%*s %*s %*s %*s %" SCNu64, &inode) == 1 && inode == st.st_ino;
    fclose(maps);
    return found;
}

static void import_slot(struct sm_sampler *sampler, uint32_t index, const struct sm_slot_head *head,
                        int64_t end_ns) {
    struct sm_followed *process = sm_followed_add_unseen(sampler, head->pid, end_ns);
    if (!process)
        return;
    sm_followed_take_slot(sampler, process, index, end_ns);
    sm_followed_gone(sampler, process, end_ns);
    if (is_running(sampler, head)) {
        process->exit[0] = '\0';
        sm_followed_write_row(sampler, process);
    }
    if (head->state == SPILLMARK_STATE_EXEC)
        return; /* its memory went with the image */
    sampler->now.heap += process->now.heap;
    sampler->now.heap_count += process->now.heap_count;
    sampler->now.has_heap |= process->now.has_heap;
}

/* The earliest start is the zero of the record. 0 when no slot can be read. */
static uint32_t find_start(struct sm_sampler *sampler) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < sm_pool_slot_count(sampler->pool); i++) {
        struct sm_slot_head head;
        if (!read_head(sampler, i, &head) || head.start_ns > INT64_MAX)
            continue;
        if (!found++ || (int64_t)head.start_ns < sampler->start_ns)
            sampler->start_ns = (int64_t)head.start_ns;
    }
    return found;
}

static void import_slots(struct sm_sampler *sampler) {
    int64_t now_ns = sm_now_ns(), end_ns = sampler->start_ns;
    for (uint32_t i = 0; i < sm_pool_slot_count(sampler->pool); i++) {
        struct sm_slot_head head;
        if (!read_head(sampler, i, &head))
            continue;
        int64_t last = last_ns(&head, now_ns);
        import_slot(sampler, i, &head, last);
        end_ns = last > end_ns ? last : end_ns;
    }
    if (!sampler->now.has_heap)
        return;
    const struct sm_figures *now = &sampler->now;
    int64_t t_ns = sm_run_ns(sampler, end_ns);
    sm_series_add(&sampler->writer, &sampler->totals, SM_SERIES_HEAP, t_ns, now->heap, now->heap,
                  now->heap, 0);
    sm_series_add(&sampler->writer, &sampler->totals, SM_SERIES_HEAP_COUNT, t_ns, now->heap_count,
                  now->heap_count, now->heap_count, 0);
}

static int prepare(struct sm_sampler *sampler, const char *pool_path, struct sm_error *err) {
    int rc = sm_pool_open(pool_path, &sampler->pool, err);
    if (rc)
        return rc;
    sampler->options.want_probe = 1;
    sampler->options.sample_interval_bytes = sm_pool_sample_interval(sampler->pool);
    sampler->slot_owner = calloc(sm_pool_slot_count(sampler->pool), sizeof(struct sm_followed *));
    if (!sampler->slot_owner || sm_intern_new(sampler->record, &sampler->intern))
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    if (find_start(sampler) == 0)
        return sm_error_set(err, -ENODATA, pool_path, NULL, "the pool of no program");
    return 0;
}

int sm_sampler_import(const char *pool_path, struct sm_record *record, struct sm_error *err) {
    struct sm_sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    sampler->record = sampler->writer.record = record;
    int rc = prepare(sampler, pool_path, err);
    if (rc == 0) {
        import_slots(sampler);
        sm_sampler_note(sampler, sampler->writer.failed);
        if (sampler->failed)
            rc = sm_error_errno(err, sampler->failed, NULL, NULL, "the record cannot be written");
    }
    sm_sampler_close(sampler);
    return rc;
}
