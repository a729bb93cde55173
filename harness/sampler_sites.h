/* sampler_sites.h - the sites of one slot: what was allocated and freed by call stack, how old
 * what is live is, and who frees it. Reads the slot, writes rows. One thread. */
#pragma once

#include "pool.h"
#include "sampler_intern.h"

struct sm_sites;

/* For the slot of one process image. `slot` must stay valid until the sites are freed. */
int sm_sites_new(const struct sm_slot *slot, int32_t process_id, struct sm_sites **ret_sites);
void sm_sites_free(struct sm_sites *sites); /* NULL is allowed */

/* Where the rows go and when: t_ns since the run's zero, now_ns on CLOCK_MONOTONIC. */
struct sm_sites_out {
    struct sm_record *record;
    struct sm_intern *intern;
    int64_t t_ns, now_ns;
    int proc_fd; /* /proc/PID of the process, -1 when it has gone */
    int final;   /* nothing more will come: resolve what can be resolved */
};

/* Reads all sites and writes those that changed: all of them with `everything`, else the few
 * hundred that changed most. 0 or a negative errno of the record. */
int sm_sites_sample(struct sm_sites *sites, const struct sm_sites_out *out, int everything);

/* Writes who freed what since the last call, and after how long: for all pairs with `everything`,
 * else for the hundred that freed most. 0 or a negative errno of the record. */
int sm_sites_sample_frees(struct sm_sites *sites, const struct sm_sites_out *out, int everything);
