/* relay.h - a place to connect to, TCP and unix, that hands everything on to a service: so its
 * connections can be cut and its reading slowed, which the kernel lets nobody else do without root.
 * A thread of its own; every function may be called from the run's thread. */
#pragma once

#include <stdint.h>

#include "../reports/error.h"

struct sm_relay;

/* Where it listens and where it connects to, on 127.0.0.1. A connection to either of the front's
 * places is answered by one to the back's of the same kind. */
struct sm_relay_places {
    uint16_t front_port, back_port;
    const char *front_unix_path, *back_unix_path;
};

/* What it did since it was opened. */
struct sm_relay_counts {
    int64_t cut, refused; /* reset while open; reset as they came */
    int64_t slowed_reads; /* from clients, that had to wait or were made smaller */
    int64_t slowed_bytes; /* to the service while it was slowed */
    double held_s;        /* time that something waited to be read, summed over connections */
};

/* Listens and starts the thread. 0 or a negative errno with *err; on success a relay for
 * sm_relay_close. */
int sm_relay_open(const struct sm_relay_places *places, struct sm_relay **ret_relay,
                  struct sm_error *err);

/* Resets every connection; while `refuse` stays set, new ones too, as they come. */
void sm_relay_cut(struct sm_relay *relay, int refuse);
/* Lets new connections come through again. */
void sm_relay_restore(struct sm_relay *relay);

/* So many bytes per second are taken from all clients together; 0 = none at all. */
void sm_relay_slow(struct sm_relay *relay, double bytes_per_s);
/* Takes them as fast as they come again. */
void sm_relay_unslow(struct sm_relay *relay);

/* A copy of the counts as of now. */
void sm_relay_counts(struct sm_relay *relay, struct sm_relay_counts *ret_counts);

/* Ends the thread and all connections. NULL is allowed. */
void sm_relay_close(struct sm_relay *relay);
