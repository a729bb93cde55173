/* sampler_slow.c - what costs more than a tick should: descriptors by kind, sockets, resident
 * memory by kind, sites. Each at a pace of its own, and slower when it turns out dear. */
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "sampler_internal.h"

static const int64_t kinds_period_ns = 500000000, fds_period_ns = 500000000,
                     sockets_period_ns = 100000000, sites_period_ns = 500000000,
                     frees_period_ns = 5000000000;

int64_t sm_next_time(int64_t now_ns, int64_t began_ns, int64_t period_ns) {
    enum { COST_SHARE = 50 };
    int64_t cost_ns = (sm_now_ns() - began_ns) * COST_SHARE;
    return now_ns + (cost_ns > period_ns ? cost_ns : period_ns);
}

static void read_kinds(struct sm_sampler *sampler, int64_t t_ns, int everything) {
    double file = 0, shmem = 0;
    int count = 0;
    for (size_t i = 0; i < sampler->followed_count; i++) {
        struct sm_followed *process = sampler->followed[i];
        struct sm_outside_kinds kinds;
        uint64_t anon_bytes;
        if (!process->alive || sm_outside_read_kinds(&process->outside, &kinds))
            continue;
        count++;
        file += (double)kinds.file_bytes;
        shmem += (double)kinds.shmem_bytes;
        sm_series_add(&sampler->writer, &process->series, SM_SERIES_RSS_FILE, t_ns,
                      (double)kinds.file_bytes, (double)kinds.file_bytes, (double)kinds.file_bytes,
                      0);
        sm_series_add(&sampler->writer, &process->series, SM_SERIES_RSS_SHMEM, t_ns,
                      (double)kinds.shmem_bytes, (double)kinds.shmem_bytes,
                      (double)kinds.shmem_bytes, 0);
        if (everything && sm_outside_read_rollup(&process->outside, &anon_bytes) == 0)
            sm_series_add(&sampler->writer, &process->series, SM_SERIES_RSS_ANON, t_ns,
                          (double)anon_bytes, (double)anon_bytes, (double)anon_bytes, 0);
    }
    if (!count)
        return;
    sm_series_add(&sampler->writer, &sampler->totals, SM_SERIES_RSS_FILE, t_ns, file, file, file,
                  0);
    sm_series_add(&sampler->writer, &sampler->totals, SM_SERIES_RSS_SHMEM, t_ns, shmem, shmem,
                  shmem, 0);
}

static void write_fds(struct sm_sampler *sampler, struct sm_series_set *set, const uint64_t *counts,
                      uint32_t *seen, int64_t t_ns) {
    for (int kind = 0; kind < SM_FDS_KINDS; kind++) {
        if (counts[kind])
            *seen |= 1u << kind;
        if (*seen & 1u << kind)
            sm_series_add_named(&sampler->writer, set, sm_fds_series[kind], SM_UNIT_COUNT, t_ns,
                                (double)counts[kind], (double)counts[kind]);
    }
}

static void read_fds(struct sm_sampler *sampler, int64_t t_ns) {
    uint64_t counts[SM_FDS_KINDS] = {0};
    int count = 0;
    for (size_t i = 0; i < sampler->followed_count; i++) {
        struct sm_followed *process = sampler->followed[i];
        if (!process->alive || sm_fds_read(process->outside.dir_fd, &process->fds))
            continue;
        count++;
        process->fds_classified = process->now.fds;
        write_fds(sampler, &process->series, process->fds.counts, &process->fds_seen, t_ns);
        for (int kind = 0; kind < SM_FDS_KINDS; kind++)
            counts[kind] += process->fds.counts[kind];
    }
    if (count)
        write_fds(sampler, &sampler->totals, counts, &sampler->fds_seen, t_ns);
}

static int by_number(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* The socket inodes of all processes, sorted, each once. */
static size_t gather_inodes(struct sm_sampler *sampler) {
    size_t count = 0, unique = 0;
    for (size_t i = 0; i < sampler->followed_count; i++)
        if (sampler->followed[i]->alive)
            count += sampler->followed[i]->fds.socket_count;
    if (count > sampler->inode_capacity) {
        uint64_t *inodes = realloc(sampler->inodes, count * sizeof *inodes);
        if (!inodes)
            return 0;
        sampler->inodes = inodes;
        sampler->inode_capacity = count;
    }
    count = 0;
    for (size_t i = 0; i < sampler->followed_count; i++) {
        const struct sm_fds *fds = &sampler->followed[i]->fds;
        for (size_t j = 0; sampler->followed[i]->alive && j < fds->socket_count; j++)
            sampler->inodes[count++] = fds->socket_inodes[j];
    }
    if (count > 1)
        qsort(sampler->inodes, count, sizeof *sampler->inodes, by_number);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || sampler->inodes[i] != sampler->inodes[i - 1])
            sampler->inodes[unique++] = sampler->inodes[i];
    return unique;
}

static void read_sockets(struct sm_sampler *sampler, int64_t t_ns) {
    struct sm_socket_queues queues;
    size_t count = gather_inodes(sampler);
    if (!sampler->sockets || (count == 0 && !sampler->totals.known[SM_SERIES_IN_FLIGHT_SOCKETS].id))
        return;
    if (sm_sockets_read(sampler->sockets, sampler->inodes, count, &queues)) {
        sm_sockets_close(sampler->sockets); /* not to be had here: the series just ends */
        sampler->sockets = NULL;
        return;
    }
    double bytes = (double)queues.receive_bytes + (double)queues.send_bytes;
    sm_series_add(&sampler->writer, &sampler->totals, SM_SERIES_IN_FLIGHT_SOCKETS, t_ns, bytes,
                  bytes, bytes, 0);
}

void sm_sampler_read_sites(struct sm_sampler *sampler, struct sm_followed *process, int64_t now_ns,
                           int everything, int final) {
    const struct sm_sites_out out = {.record = sampler->record,
                                     .intern = sampler->intern,
                                     .t_ns = sm_run_ns(sampler, now_ns),
                                     .now_ns = now_ns,
                                     .proc_fd = process->outside.dir_fd,
                                     .final = final};
    if (!process->sites)
        return;
    sm_sampler_note(sampler, sm_sites_sample(process->sites, &out, everything));
    if (everything || now_ns >= sampler->next_frees_ns)
        sm_sampler_note(sampler, sm_sites_sample_frees(process->sites, &out, everything));
}

/* New descriptors are looked at sooner: a socket that is not known yet has no queue. */
static int fds_changed(const struct sm_sampler *sampler) {
    for (size_t i = 0; i < sampler->followed_count; i++)
        if (sampler->followed[i]->alive &&
            sampler->followed[i]->now.fds != sampler->followed[i]->fds_classified)
            return 1;
    return 0;
}

void sm_sampler_read_slow(struct sm_sampler *sampler, int64_t now_ns, int everything) {
    int64_t t_ns = sm_run_ns(sampler, now_ns), began_ns = sm_now_ns();
    if (everything || now_ns >= sampler->next_kinds_ns) {
        read_kinds(sampler, t_ns, everything);
        sampler->next_kinds_ns = sm_next_time(now_ns, began_ns, kinds_period_ns);
    }
    began_ns = sm_now_ns();
    if (everything || now_ns >= sampler->next_fds_ns) {
        read_fds(sampler, t_ns);
        sampler->next_fds_ns = sm_next_time(
            now_ns, began_ns, fds_changed(sampler) ? sockets_period_ns : fds_period_ns);
    }
    began_ns = sm_now_ns();
    if (everything || now_ns >= sampler->next_sockets_ns) {
        read_sockets(sampler, t_ns);
        sampler->next_sockets_ns = sm_next_time(now_ns, began_ns, sockets_period_ns);
    }
    began_ns = sm_now_ns();
    if (everything || now_ns >= sampler->next_sites_ns) {
        for (size_t i = 0; i < sampler->followed_count; i++)
            if (sampler->followed[i]->alive && !sampler->followed[i]->exec_seen_ns)
                sm_sampler_read_sites(sampler, sampler->followed[i], now_ns, everything, 0);
        if (everything || now_ns >= sampler->next_frees_ns)
            sampler->next_frees_ns = now_ns + frees_period_ns;
        sampler->next_sites_ns = sm_next_time(now_ns, began_ns, sites_period_ns);
    }
}
