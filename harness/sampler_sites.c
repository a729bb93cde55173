#include "sampler_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sampler_sites_internal.h"

/* Rows of one look between checkpoints: a program with ten thousand busy sites would fill the
 * record with them. */
enum { ROWS_BETWEEN_CHECKPOINTS = 200 };

int sm_sites_new(const struct sm_slot *slot, int32_t process_id, struct sm_sites **ret_sites) {
    struct sm_sites *sites = calloc(1, sizeof *sites);
    if (!sites)
        return -ENOMEM;
    sites->slot = slot;
    sites->process_id = process_id;
    *ret_sites = sites;
    return 0;
}

void sm_sites_free(struct sm_sites *sites) {
    if (!sites)
        return;
    free(sites->stacks);
    free(sites->sites);
    free(sites->site_of);
    free(sites->modules);
    free(sites->ages);
    free(sites->residence);
    free(sites);
}

static void sum_stacks(struct sm_sites *sites) {
    for (size_t i = 0; i < sites->site_count; i++)
        sites->sites[i].now = (struct sm_site_totals){0};
    for (uint32_t i = 1; i < sites->stack_count; i++) {
        struct spillmark_stack stack;
        struct sm_site *site = sm_sites_at(sites, i);
        if (!site || !sm_slot_stack(sites->slot, i, &stack))
            continue;
        site->now.alloc_bytes += (double)stack.alloc_bytes;
        site->now.alloc_count += (double)stack.alloc_count_q10 / 1024;
        site->now.free_bytes += (double)stack.free_bytes;
        site->now.free_count += (double)stack.free_count_q10 / 1024;
    }
}

/* Descriptors are known one by one: what the table shows open is what is open. */
static void settle_descriptors(struct sm_site *site) {
    if (site->now.alloc_count < site->open_now)
        site->now.alloc_count = site->open_now;
    site->now.free_count = site->now.alloc_count - site->open_now;
    site->now.alloc_bytes = site->now.free_bytes = 0;
}

static double live_bytes(const struct sm_site_totals *totals) {
    return totals->alloc_bytes - totals->free_bytes;
}

static double distance(double a, double b) {
    return a > b ? a - b : b - a;
}

/* In bytes; a descriptor counts as a page. */
static int is_same(const struct sm_site_totals *a, const struct sm_site_totals *b) {
    return a->alloc_bytes == b->alloc_bytes && a->alloc_count == b->alloc_count &&
           a->free_bytes == b->free_bytes && a->free_count == b->free_count;
}

static double change_of(const struct sm_site *site) {
    static const double descriptor_bytes = 4096;
    const struct sm_site_totals *now = &site->now, *written = &site->written;
    if (!site->has_row)
        return now->alloc_bytes + now->alloc_count * descriptor_bytes;
    if (site->kind == SM_SITE_FD)
        return (now->alloc_count - written->alloc_count + now->free_count - written->free_count) *
               descriptor_bytes;
    /* What changes the live bytes first; turnover alone weighs less. */
    return distance(live_bytes(now), live_bytes(written)) +
           (now->alloc_bytes - written->alloc_bytes) / 64;
}

static int write_row(struct sm_sites *sites, const struct sm_sites_out *out, struct sm_site *site) {
    const struct sm_site_sample row = {.process_id = sites->process_id,
                                       .stack_id = site->stack_id,
                                       .kind = site->kind,
                                       .t_ns = out->t_ns,
                                       .alloc_bytes = site->now.alloc_bytes,
                                       .alloc_count = site->now.alloc_count,
                                       .free_bytes = site->now.free_bytes,
                                       .free_count = site->now.free_count,
                                       .age_p50_s = site->age_p50_s,
                                       .age_max_s = site->age_max_s};
    site->written = site->now;
    site->has_row = 1;
    return sm_record_add_site_sample(out->record, &row);
}

static int by_change_down(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a < b) - (a > b);
}

/* The least change that still gets a row. */
static int choose_threshold(const struct sm_sites *sites, double *ret_threshold) {
    *ret_threshold = 0;
    if (sites->site_count <= ROWS_BETWEEN_CHECKPOINTS)
        return 0;
    double *changes = malloc(sites->site_count * sizeof *changes);
    if (!changes)
        return -ENOMEM;
    for (size_t i = 0; i < sites->site_count; i++)
        changes[i] = sites->sites[i].change;
    qsort(changes, sites->site_count, sizeof *changes, by_change_down);
    *ret_threshold = changes[ROWS_BETWEEN_CHECKPOINTS];
    free(changes);
    return 0;
}

int sm_sites_sample(struct sm_sites *sites, const struct sm_sites_out *out, int everything) {
    double threshold = 0;
    int rc = sm_sites_resolve(sites, out);
    if (rc == 0)
        rc = sm_sites_measure_ages(sites, out->now_ns);
    if (rc)
        return rc;
    sum_stacks(sites);
    for (size_t i = 0; i < sites->site_count; i++) {
        struct sm_site *site = &sites->sites[i];
        if (site->kind == SM_SITE_FD)
            settle_descriptors(site);
        site->change = is_same(&site->now, &site->written) ? -1 : change_of(site);
    }
    if (!everything)
        rc = choose_threshold(sites, &threshold);
    for (size_t i = 0; rc == 0 && i < sites->site_count; i++) {
        double change = sites->sites[i].change;
        if (change > threshold || (everything && change >= 0))
            rc = write_row(sites, out, &sites->sites[i]);
    }
    return rc ? rc : sm_intern_failed(out->intern);
}
