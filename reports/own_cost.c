#include "own_cost.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <jansson.h>

/* Student's t for 95 % of both sides, by degrees of freedom from 1; beyond, the normal's. */
static double student(size_t freedom) {
    static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                               2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                               2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                               2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
    size_t count = sizeof t / sizeof *t;
    return freedom <= count ? t[freedom - 1] : 1.98;
}

struct sm_ratio sm_ratio_of_pairs(const double *with, const double *without, size_t count) {
    double sum = 0, squares = 0;
    if (count < 2)
        return (struct sm_ratio){NAN, NAN, NAN};
    for (size_t i = 0; i < count; i++)
        sum += log(with[i] / without[i]);
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double off = log(with[i] / without[i]) - mean;
        squares += off * off;
    }
    double error = sqrt(squares / (double)(count - 1) / (double)count) * student(count - 1);
    return (struct sm_ratio){exp(mean), exp(mean - error), exp(mean + error)};
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *ratio_object(const struct sm_ratio *ratio) {
    return json_pack("{so so so}", "value", number(ratio->value), "low", number(ratio->low), "high",
                     number(ratio->high));
}

char *sm_own_cost_json(const struct sm_own_cost *cost) {
    json_t *object =
        json_pack("{si so si so so so so so ss}", "pairs", cost->pairs, "cycle_s",
                  number(cost->cycle_s), "confidence_percent", SM_OWN_COST_CONFIDENCE,
                  "cpu_per_unit_with_s", number(cost->cpu_with_s), "cpu_per_unit_without_s",
                  number(cost->cpu_without_s), "cpu_ratio", ratio_object(&cost->cpu),
                  "latency_p50_ratio", ratio_object(&cost->latency_p50), "latency_p99_ratio",
                  ratio_object(&cost->latency_p99), "note", cost->note);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static struct sm_ratio ratio_of(const json_t *object, const char *key) {
    const json_t *ratio = json_object_get(object, key);
    return (struct sm_ratio){number_of(ratio, "value"), number_of(ratio, "low"),
                             number_of(ratio, "high")};
}

int sm_own_cost_of_run(const struct sm_run *run, struct sm_own_cost *ret_cost) {
    json_t *object = json_loads(sm_run_meta(run, SM_META_OWN_COST), 0, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return -ENOENT;
    }
    const char *note = json_string_value(json_object_get(object, "note"));
    *ret_cost = (struct sm_own_cost){
        .pairs = (int)json_integer_value(json_object_get(object, "pairs")),
        .cycle_s = number_of(object, "cycle_s"),
        .cpu_with_s = number_of(object, "cpu_per_unit_with_s"),
        .cpu_without_s = number_of(object, "cpu_per_unit_without_s"),
        .cpu = ratio_of(object, "cpu_ratio"),
        .latency_p50 = ratio_of(object, "latency_p50_ratio"),
        .latency_p99 = ratio_of(object, "latency_p99_ratio"),
    };
    snprintf(ret_cost->note, sizeof ret_cost->note, "%s", note ? note : "");
    json_decref(object);
    return 0;
}
