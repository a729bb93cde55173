#include "stats.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>

struct mi_stats *mi_stats_new(int worker_count) {
    struct mi_stats *stats =
        mmap(NULL, sizeof *stats, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (stats == MAP_FAILED)
        return NULL;
    stats->worker_count = worker_count;
    return stats;
}

static void put(json_t *object, const char *name, long value) {
    json_object_set_new(object, name, json_integer(value));
}

static void add(json_t *object, const char *name, long value) {
    put(object, name, (long)json_integer_value(json_object_get(object, name)) + value);
}

#define COUNTERS(X)                                                                                \
    X("total_records_buffered", buffered)                                                          \
    X("total_records_written", written)                                                            \
    X("total_records_dropped", dropped)                                                            \
    X("total_records_refused", refused)                                                            \
    X("total_records_retried", retried)                                                            \
    X("total_errors", errors)                                                                      \
    X("total_flushes", flushes)                                                                    \
    X("held_records", held_rows)                                                                   \
    X("held_bytes", held_bytes)                                                                    \
    X("late_bytes", late_bytes)

static json_t *worker_json(const struct mi_worker_stats *worker) {
    json_t *json = json_object();
    put(json, "pid", worker->pid);
    put(json, "held_records", worker->held_rows);
    put(json, "held_bytes", worker->held_bytes);
    put(json, "total_records_written", worker->written);
    return json;
}

/* A measurement may be buffered in several workers: its rows are summed. */
static void add_measurements(const struct mi_worker_stats *worker, json_t *sizes, json_t *retries) {
    for (int i = 0; i < worker->measurement_count; i++) {
        const struct mi_measurement_stats *measurement = &worker->measurements[i];
        add(sizes, measurement->name, measurement->rows);
        if (measurement->retries > 0)
            add(retries, measurement->name, measurement->retries);
    }
}

char *mi_stats_json(const struct mi_stats *stats) {
    json_t *decoder = json_object(), *buffer = json_object(), *workers = json_object();
    json_t *sizes = json_object(), *retries = json_object();
    for (int i = 0; i < stats->worker_count; i++) {
        const struct mi_worker_stats *worker = &stats->workers[i];
        char name[12];
        snprintf(name, sizeof name, "%d", i);
        add(decoder, "total_requests", worker->requests);
        add(decoder, "total_rejected", worker->rejected);
#define X(name, field) add(buffer, name, worker->field);
        COUNTERS(X)
#undef X
        json_object_set_new(workers, name, worker_json(worker));
        add_measurements(worker, sizes, retries);
    }
    json_object_set_new(buffer, "current_buffer_sizes", sizes);
    json_object_set_new(buffer, "retry_counts", retries);
    json_t *all =
        json_pack("{s:o, s:o, s:o}", "decoder", decoder, "workers", workers, "buffer", buffer);
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}
