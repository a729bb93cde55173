/* What a screen can show of a series: all its samples, or the last, lowest and highest of as many
 * equal spans of time. */
#include "page_data.h"

#include <math.h>

#include "json_values.h"
#include "timeline.h"

enum { SPANS = 3000, SAMPLES_KEPT = 2 * SPANS };

struct points {
    json_t *times_ms, *values, *lows, *highs;
    int64_t before_ms; /* the last time written: times are differences */
    int has_extremes;
};

static void add_point(struct points *points, const struct sm_sample *point) {
    int64_t t_ms = (point->t_ns + 500000) / 1000000;
    json_array_append_new(points->times_ms, json_integer(t_ms - points->before_ms));
    json_array_append_new(points->values, sm_json_number(point->value));
    json_array_append_new(points->lows, sm_json_number(point->low));
    json_array_append_new(points->highs, sm_json_number(point->high));
    points->before_ms = t_ms;
    points->has_extremes |= point->low < point->value || point->high > point->value;
}

static void add_spans(struct points *points, const struct sm_sample *samples, size_t count) {
    double from_ns = (double)samples[0].t_ns;
    double per_ns = SPANS / fmax((double)samples[count - 1].t_ns - from_ns, 1);
    for (size_t i = 0; i < count;) {
        struct sm_sample point = samples[i];
        double span = floor(((double)point.t_ns - from_ns) * per_ns);
        for (i++; i < count && floor(((double)samples[i].t_ns - from_ns) * per_ns) <= span; i++) {
            point.t_ns = samples[i].t_ns;
            point.value = samples[i].value;
            point.low = fmin(point.low, samples[i].low);
            point.high = fmax(point.high, samples[i].high);
        }
        add_point(points, &point);
    }
}

static json_t *series_object(const struct sm_run *run, const struct sm_series *series) {
    size_t count = 0;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    struct points points = {json_array(), json_array(), json_array(), json_array(), 0, 0};
    if (count > SAMPLES_KEPT)
        add_spans(&points, samples, count);
    else
        for (size_t i = 0; i < count; i++)
            add_point(&points, &samples[i]);
    json_t *object =
        json_pack("{so si si so so}", "name", sm_json_text(series->name), "unit", series->unit,
                  "process", series->process_id, "t", points.times_ms, "value", points.values);
    if (points.has_extremes) {
        json_object_set(object, "low", points.lows);
        json_object_set(object, "high", points.highs);
    }
    json_decref(points.lows);
    json_decref(points.highs);
    return object;
}

json_t *sm_page_series(const struct sm_run *run) {
    json_t *array = json_array();
    for (size_t i = 0; i < run->series_count; i++)
        if (run->series[i].process_id == 0)
            json_array_append_new(array, series_object(run, &run->series[i]));
    return array;
}
