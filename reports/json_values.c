#include "json_values.h"

#include <math.h>
#include <stdlib.h>

#include "timeline.h"
#include "utf8.h"

json_t *sm_json_number(double value) {
    if (!isfinite(value))
        return json_null();
    if (value == floor(value) && fabs(value) < 9e15)
        return json_integer((json_int_t)value);
    return json_real(value);
}

json_t *sm_json_seconds(int64_t t_ns) {
    return t_ns < 0 ? json_null() : json_real(sm_timeline_seconds(t_ns));
}

json_t *sm_json_text(const char *bytes) {
    char *clean = sm_utf8_clean(bytes);
    json_t *value = clean ? json_string(clean) : NULL;
    free(clean);
    return value;
}

json_t *sm_json_stored(const char *source) {
    json_t *value = json_loads(source, 0, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return json_object();
}

void sm_json_set(json_t *object, const char *key, json_t *value) {
    json_t *name = sm_json_text(key);
    json_object_set_new(object, name ? json_string_value(name) : "?", value);
    json_decref(name);
}
