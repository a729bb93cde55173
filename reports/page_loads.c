/* Loads by their intervals, as columns. */
#include "page_data.h"

#include <math.h>
#include <string.h>

#include "json_values.h"
#include "timeline.h"

enum { INTERVALS = 4000 }; /* of one load; neighbours are joined beyond */

/* What was counted adds up, the worst latency stays. */
static void join(struct sm_load_interval *to, const struct sm_load_interval *next) {
    to->to_ns = next->to_ns;
    to->offered += next->offered;
    to->accepted += next->accepted;
    to->refused += next->refused;
    to->unanswered += next->unanswered;
    to->latency_p50_s = fmax(to->latency_p50_s, next->latency_p50_s);
    to->latency_p90_s = fmax(to->latency_p90_s, next->latency_p90_s);
    to->latency_p99_s = fmax(to->latency_p99_s, next->latency_p99_s);
    to->latency_max_s = fmax(to->latency_max_s, next->latency_max_s);
}

static void append(json_t *object, const char *column, json_t *value) {
    json_t *array = json_object_get(object, column);
    if (!array)
        json_object_set_new(object, column, array = json_array());
    json_array_append_new(array, value);
}

static void append_interval(json_t *object, const struct sm_load_interval *row) {
    append(object, "from_s", sm_json_seconds(row->from_ns));
    append(object, "to_s", sm_json_seconds(row->to_ns));
    append(object, "offered", json_integer(row->offered));
    append(object, "accepted", json_integer(row->accepted));
    append(object, "refused", json_integer(row->refused));
    append(object, "unanswered", json_integer(row->unanswered));
    append(object, "p50", sm_json_number(row->latency_p50_s));
    append(object, "p90", sm_json_number(row->latency_p90_s));
    append(object, "p99", sm_json_number(row->latency_p99_s));
    append(object, "max", sm_json_number(row->latency_max_s));
}

static json_t *load_object(const struct sm_run *run, const char *name) {
    json_t *object = json_pack("{so}", "name", sm_json_text(name));
    struct sm_load_interval joined = {0};
    size_t count = 0, seen = 0;
    for (size_t i = 0; i < run->load_intervals_count; i++)
        count += strcmp(run->load_intervals[i].load, name) == 0;
    size_t each = count / INTERVALS + 1;
    for (size_t i = 0; object && i < run->load_intervals_count; i++) {
        const struct sm_load_interval *row = &run->load_intervals[i];
        if (strcmp(row->load, name) != 0)
            continue;
        if (seen++ % each == 0)
            joined = *row;
        else
            join(&joined, row);
        if (seen % each == 0 || seen == count)
            append_interval(object, &joined);
    }
    return object;
}

static int is_first_of_its_name(const struct sm_run *run, size_t at) {
    for (size_t i = 0; i < at; i++)
        if (strcmp(run->load_intervals[i].load, run->load_intervals[at].load) == 0)
            return 0;
    return 1;
}

json_t *sm_page_loads(const struct sm_run *run) {
    json_t *array = json_array();
    for (size_t i = 0; i < run->load_intervals_count; i++)
        if (is_first_of_its_name(run, i))
            json_array_append_new(array, load_object(run, run->load_intervals[i].load));
    return array;
}
