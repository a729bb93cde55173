/* Gauges: numbers in a JSON object that a GET is answered with. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_get.h"
#include "sources.h"

enum { DEPTH_MAX = 4 };

struct taken {
    struct sm_gauge_value *values;
    size_t capacity, count;
};

static void take_object(json_t *object, const char *prefix, int depth, struct taken *taken) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        char name[sizeof taken->values->name];
        int length = snprintf(name, sizeof name, "%s%s", prefix, key);
        if (length < 0 || (size_t)length >= sizeof name - 1)
            continue;
        if (json_is_object(value) && depth < DEPTH_MAX) {
            memcpy(name + length, ".", 2);
            take_object(value, name, depth + 1, taken);
        } else if (json_is_number(value) && taken->count < taken->capacity) {
            struct sm_gauge_value *out = &taken->values[taken->count++];
            memcpy(out->name, name, sizeof name);
            out->value = json_number_value(value);
        }
    }
}

static int parse(const struct sm_block *config, const struct sm_http_reply *reply,
                 struct taken *taken, struct sm_error *err) {
    json_error_t error;
    if (reply->status / 100 != 2)
        return sm_error_set(err, -EPROTO, config->where, NULL, "it answers %ld", reply->status);
    json_t *json = json_loadb(reply->body, reply->length, 0, &error);
    if (!json_is_object(json)) {
        int rc = sm_error_set(err, -EPROTO, config->where, NULL,
                              "the reply is no JSON object of numbers%s%s", json ? "" : ": ",
                              json ? "" : error.text);
        json_decref(json);
        return rc;
    }
    take_object(json, "", 1, taken);
    json_decref(json);
    return 0;
}

static int read_gauges(const struct sm_block *config, double timeout_s,
                       struct sm_gauge_value *values, size_t capacity, size_t *ret_count,
                       struct sm_error *err) {
    struct sm_http_reply reply;
    struct taken taken = {values, capacity, 0};
    int rc = sm_http_get(config, timeout_s, &reply, err);
    if (rc)
        return rc;
    rc = parse(config, &reply, &taken, err);
    free(reply.body);
    if (rc == 0)
        *ret_count = taken.count;
    return rc;
}

const struct sm_gauge_ops sm_http_gauge = {
    .name = "http",
    .help = "a GET is answered with a JSON object of numbers",
    .keys = sm_http_get_keys,
    .validate = sm_http_get_validate,
    .read = read_gauges,
};
