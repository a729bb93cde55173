/* json_values.h - values as JSON. Any thread.
 *
 * Each returns a new reference, owned by the caller; NULL when out of memory, which jansson's
 * "_new" functions and json_pack pass on. */
#pragma once

#include <jansson.h>
#include <stdint.h>

/* null when unknown (NAN), an integer when whole. */
json_t *sm_json_number(double value);

/* Seconds since the run began; null when negative. */
json_t *sm_json_seconds(int64_t t_ns);

/* A text of a foreign program, cleaned as in utf8.h. */
json_t *sm_json_text(const char *bytes);

/* A JSON object that the record holds as text; {} when it is none. */
json_t *sm_json_stored(const char *source);

/* Sets a member under a foreign key, written as sm_json_text writes it; takes over the value.
 * Without memory the member is left out. */
void sm_json_set(json_t *object, const char *key, json_t *value);
