/* sampler_process.c - one process image from its first sight to its end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "paths.h"
#include "preflight.h"
#include "proc.h"
#include "sampler_internal.h"

/* A program that has not claimed a slot by then has no probe. */
static const int64_t probe_patience_ns = 1000000000;

struct sm_followed *sm_followed_find(const struct sm_sampler *sampler, pid_t pid) {
    for (size_t i = sampler->followed_count; i-- > 0;)
        if (sampler->followed[i]->pid == pid && sampler->followed[i]->alive)
            return sampler->followed[i];
    return NULL;
}

void sm_followed_write_row(struct sm_sampler *sampler, const struct sm_followed *process) {
    const struct sm_process row = {.id = process->id,
                                   .pid = process->pid,
                                   .parent_pid = process->parent,
                                   .command = (char *)(uintptr_t)process->command,
                                   .from_ns = process->from_ns,
                                   .to_ns = process->to_ns,
                                   .exit = (char *)(uintptr_t)process->exit,
                                   .probe = (char *)(uintptr_t)process->probe,
                                   .probe_drops = process->drops};
    sm_sampler_note(sampler, sm_record_add_process(sampler->record, &row));
}

static struct sm_followed *append(struct sm_sampler *sampler) {
    if (sampler->followed_count == sampler->followed_capacity) {
        size_t capacity = sampler->followed_capacity ? sampler->followed_capacity * 2 : 16;
        struct sm_followed **followed =
            realloc(sampler->followed, capacity * sizeof(struct sm_followed *));
        if (!followed)
            return NULL;
        sampler->followed = followed;
        sampler->followed_capacity = capacity;
    }
    struct sm_followed *process = calloc(1, sizeof *process);
    if (process)
        sampler->followed[sampler->followed_count++] = process;
    return process;
}

struct sm_followed *sm_followed_add_unseen(struct sm_sampler *sampler, pid_t pid, int64_t now_ns) {
    struct sm_followed *process = append(sampler);
    if (!process) {
        sm_sampler_note(sampler, -ENOMEM);
        return NULL;
    }
    process->id = ++sampler->last_id;
    process->pid = pid;
    process->alive = 1;
    process->seen_ns = now_ns;
    process->from_ns = sm_run_ns(sampler, now_ns);
    process->to_ns = -1;
    process->series.process_id = process->id;
    process->outside.dir_fd = process->outside.statm_fd = process->outside.pid_fd = -1;
    snprintf(process->probe, sizeof process->probe, "none: not started yet");
    return process;
}

struct sm_followed *sm_followed_add(struct sm_sampler *sampler, pid_t pid, int64_t now_ns) {
    struct sm_proc_stat stat;
    struct sm_followed *process = sm_followed_add_unseen(sampler, pid, now_ns);
    if (!process)
        return NULL;
    if (sm_outside_open(pid, &process->outside) == 0)
        sm_outside_command(&process->outside, process->command, sizeof process->command);
    if (sm_proc_stat(pid, &stat) == 0)
        process->parent = stat.parent;
    sm_followed_write_row(sampler, process);
    return process;
}

/* What the slot says of its owner, into the row. */
static void read_head(struct sm_sampler *sampler, struct sm_followed *process) {
    struct sm_slot_head head;
    sm_slot_read_head(&process->slot, &head);
    process->features = head.features;
    if (head.features & SPILLMARK_FEATURE_HEAP && head.allocator < SPILLMARK_ALLOCATORS)
        sampler->allocators |= 1u << head.allocator;
    process->drops = head.drops < INT64_MAX ? (int64_t)head.drops : INT64_MAX;
    if (head.command[0])
        snprintf(process->command, sizeof process->command, "%s", head.command);
    if (head.parent_pid)
        process->parent = head.parent_pid;
    if (head.start_ns && head.start_ns < INT64_MAX)
        process->from_ns = sm_run_ns(sampler, (int64_t)head.start_ns);
    if (head.state == SPILLMARK_STATE_OFF || head.off_reason != SPILLMARK_OFF_NONE)
        snprintf(process->probe, sizeof process->probe, "off: %s",
                 sm_off_reason_text(head.off_reason));
    else
        snprintf(process->probe, sizeof process->probe, "%s",
                 head.is_late ? "on (loaded while it ran: experimental)" : "on");
    process->lacks_count = head.lacks_count;
    process->probe_known = 1;
}

static void tell_probe(struct sm_sampler *sampler, const struct sm_followed *process,
                       int64_t now_ns) {
    char text[640];
    if (strncmp(process->probe, "on", 2) == 0)
        return;
    snprintf(text, sizeof text, "process %d (%.200s): %s", (int)process->pid, process->command,
             process->probe);
    const struct sm_event event = {
        .t_ns = sm_run_ns(sampler, now_ns), .kind = (char[]){"probe"}, .text = text};
    sm_sampler_note(sampler, sm_record_add_event(sampler->record, &event));
}

void sm_followed_take_slot(struct sm_sampler *sampler, struct sm_followed *process, uint32_t index,
                           int64_t now_ns) {
    int rc = sm_slot_open(sampler->pool, index, &process->slot);
    if (rc == -EAGAIN)
        return;
    sampler->slot_owner[index] = process;
    if (rc) {
        snprintf(process->probe, sizeof process->probe, "off: %s",
                 rc == -EPROTO ? sm_off_reason_text(SPILLMARK_OFF_ABI) : "its slot is damaged");
        process->probe_known = 1;
    } else {
        process->has_slot = 1;
        sm_sampler_note(sampler, sm_sites_new(&process->slot, process->id, &process->sites));
        read_head(sampler, process);
    }
    tell_probe(sampler, process, now_ns);
    sm_followed_write_row(sampler, process);
}

/* A forked child claims its slot when it first allocates. */
static int maps_probe(pid_t pid) {
    char path[64], line[4352];
    int found = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = strstr(line, sm_path_probe()) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

static void settle_probe(struct sm_sampler *sampler, struct sm_followed *process,
                         const char *reason, int64_t now_ns) {
    process->probe_known = 1;
    snprintf(process->probe, sizeof process->probe, "none: %s", reason);
    tell_probe(sampler, process, now_ns);
    sm_followed_write_row(sampler, process);
}

/* A program that the probe cannot be loaded into is told at the second look: it may end before the
 * patience does. */
static int never_loads(struct sm_followed *process, struct sm_preflight *ret_preflight) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process->pid);
    if (process->examined || !process->alive)
        return 0;
    process->examined = 1;
    return sm_preflight(path, ret_preflight, NULL) == 0 && !ret_preflight->probe_loads;
}

void sm_followed_settle_probe(struct sm_sampler *sampler, struct sm_followed *process,
                              int64_t now_ns) {
    char path[64];
    struct sm_preflight preflight;
    if (process->probe_known)
        return;
    if (process->alive && sampler->options.want_probe &&
        now_ns - process->seen_ns < probe_patience_ns) {
        if (now_ns > process->seen_ns && never_loads(process, &preflight))
            settle_probe(sampler, process, preflight.note, now_ns);
        return;
    }
    const char *reason = "ended before it could be looked at";
    snprintf(path, sizeof path, "/proc/%d/exe", (int)process->pid);
    if (!sampler->options.want_probe)
        reason = "measured from outside only";
    else if (!process->alive && process->pid == sampler->target && sampler->expected[0])
        reason = sampler->expected;
    else if (process->alive && maps_probe(process->pid))
        reason = "a forked child that has used no memory functions yet";
    else if (process->alive && sm_preflight(path, &preflight, NULL) == 0)
        reason = preflight.kind == SM_PREFLIGHT_OK ? "the probe was not loaded" : preflight.note;
    settle_probe(sampler, process, reason, now_ns);
}

static void add_gone(struct sm_figures *gone, const struct sm_figures *last) {
    gone->has_io |= last->has_io;
    gone->read += last->read;
    gone->written += last->written;
    gone->in_flight_io += last->in_flight_io;
    gone->cpu += last->cpu;
    gone->give_back_asked += last->give_back_asked;
    gone->give_back_done += last->give_back_done;
}

/* Everything that is still to be had of an image that is no more. */
static void finish(struct sm_sampler *sampler, struct sm_followed *process, int64_t now_ns) {
    process->alive = 0;
    process->gone_ns = now_ns;
    process->to_ns = sm_run_ns(sampler, now_ns);
    sm_followed_settle_probe(sampler, process, now_ns);
    if (process->has_slot) {
        struct sm_slot_head head;
        read_head(sampler, process);
        sm_slot_read_head(&process->slot, &head);
        if (head.end_ns && head.end_ns < INT64_MAX &&
            sm_run_ns(sampler, (int64_t)head.end_ns) < process->to_ns)
            process->to_ns = sm_run_ns(sampler, (int64_t)head.end_ns);
        sampler->drops += head.drops;
        sampler->stack_failures += head.stack_failures;
        sm_sampler_last_figures(sampler, process, now_ns);
        sm_sampler_read_sites(sampler, process, now_ns, 1, 1);
        sm_sites_free(process->sites);
        process->sites = NULL;
    }
    add_gone(&sampler->gone, &process->now);
    sm_series_finish(&sampler->writer, &process->series);
    sm_fds_free(&process->fds);
}

/* A program may claim a slot and end between two looks. */
static void take_late_slot(struct sm_sampler *sampler, struct sm_followed *process,
                           int64_t now_ns) {
    uint32_t slots = sampler->pool ? sm_pool_slot_count(sampler->pool) : 0;
    for (uint32_t i = 0; !process->has_slot && i < slots; i++)
        if (!sampler->slot_owner[i] && sm_pool_claimed_by(sampler->pool, i) == process->pid)
            sm_followed_take_slot(sampler, process, i, now_ns);
}

void sm_followed_gone(struct sm_sampler *sampler, struct sm_followed *process, int64_t now_ns) {
    int status;
    take_late_slot(sampler, process, now_ns);
    finish(sampler, process, now_ns);
    if (process->has_slot && sm_slot_state(&process->slot) == SPILLMARK_STATE_EXEC)
        snprintf(process->exit, sizeof process->exit, "exec");
    else if (sm_outside_exit_status(&process->outside, &status) == 0)
        sm_followed_set_exit(sampler, process, status);
    else
        snprintf(process->exit, sizeof process->exit, "ended");
    sm_followed_write_row(sampler, process);
}

struct sm_followed *sm_followed_exec(struct sm_sampler *sampler, struct sm_followed *process,
                                     int64_t now_ns) {
    struct sm_outside none = {.dir_fd = -1, .statm_fd = -1, .pid_fd = -1};
    double cpu_s = process->now.cpu;
    finish(sampler, process, now_ns);
    sampler->gone.cpu -= cpu_s; /* the new image goes on with the process's clock */
    snprintf(process->exit, sizeof process->exit, "exec");
    sm_followed_write_row(sampler, process);
    sm_outside_close(&process->outside);
    process->outside = none;
    return sm_followed_add(sampler, process->pid, now_ns);
}

uint64_t sm_oom_kills(const struct sm_sampler *sampler) {
    char line[128];
    uint64_t count = 0;
    if (sampler->options.limit)
        return sm_limit_kills(sampler->options.limit);
    FILE *file = fopen("/proc/vmstat", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "oom_kill ", 9) == 0)
            count = strtoull(line + 9, NULL, 10);
    if (file)
        fclose(file);
    return count;
}

void sm_followed_set_exit(struct sm_sampler *sampler, struct sm_followed *process, int status) {
    if (strcmp(process->exit, "oom-killed") == 0)
        return; /* found gone before it was reaped: the same end, told twice */
    if (WIFSIGNALED(status)) {
        uint64_t kills = WTERMSIG(status) == SIGKILL ? sm_oom_kills(sampler) : 0;
        int by_oom = kills > sampler->oom_kills;
        if (by_oom)
            snprintf(process->exit, sizeof process->exit, "oom-killed");
        else
            snprintf(process->exit, sizeof process->exit, "signal %d (%s)", WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
        /* A limit's count is of the target's own: one kill for each of its processes. */
        if (by_oom)
            sampler->oom_kills = sampler->options.limit ? sampler->oom_kills + 1 : kills;
    } else {
        snprintf(process->exit, sizeof process->exit, "exit %d", WEXITSTATUS(status));
    }
}

void sm_followed_free(struct sm_sampler *sampler, struct sm_followed *process) {
    uint32_t slots = sampler->pool ? sm_pool_slot_count(sampler->pool) : 0;
    for (uint32_t i = 0; i < slots; i++)
        if (sampler->slot_owner[i] == process)
            sampler->slot_owner[i] = NULL;
    sm_series_finish(&sampler->writer, &process->series);
    sm_sites_free(process->sites);
    sm_fds_free(&process->fds);
    sm_outside_close(&process->outside);
    free(process);
}
