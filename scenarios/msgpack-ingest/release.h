/* release.h - when the payload of a request that has been decoded is freed.
 *
 * late: by a collector that comes by once a tick. prompt: at once when it had more than 1000
 * records, by the collector otherwise. A columnar payload is one record, whatever its size. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "payload.h"
#include "stats.h"

struct mi_release {
    bool is_prompt;
    struct mi_worker_stats *stats;
    pthread_mutex_t lock;
    struct mi_payload *waiting;
};

void mi_release_init(struct mi_release *release, bool is_prompt, struct mi_worker_stats *stats);

/* Takes the payload over. Any thread. */
void mi_release_payload(struct mi_release *release, struct mi_payload *payload, size_t records);

/* Frees all that waits. Any thread. */
void mi_release_collect(struct mi_release *release);
