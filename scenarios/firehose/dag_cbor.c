#include "dag_cbor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINK_TAG = 42,
    DEPTH_MAX = 64,
};

/* What libcbor would reserve for a container is what it announces; more items than there are
 * bytes left are an attack or garbage. */
struct survey {
    size_t left; /* bytes from here to the end */
    bool is_sane;
};

static void survey_container(void *context, uint64_t items) {
    struct survey *survey = context;
    if (items > survey->left)
        survey->is_sane = false;
}

static bool is_sane(struct fh_bytes bytes) {
    struct cbor_callbacks callbacks = cbor_empty_callbacks;
    callbacks.array_start = survey_container;
    callbacks.map_start = survey_container;
    struct survey survey = {.is_sane = true};
    size_t at = 0;
    while (survey.is_sane && at < bytes.count) {
        survey.left = bytes.count - at;
        struct cbor_decoder_result result =
            cbor_stream_decode(bytes.at + at, survey.left, &callbacks, &survey);
        if (result.status != CBOR_DECODER_FINISHED || result.read == 0)
            return survey.is_sane; /* the loader says what is wrong with the rest */
        at += result.read;
    }
    return survey.is_sane;
}

cbor_item_t *fh_cbor_load(struct fh_bytes bytes, size_t *ret_used) {
    struct cbor_load_result result;
    if (!is_sane(bytes))
        return NULL;
    cbor_item_t *item = cbor_load(bytes.at, bytes.count, &result);
    *ret_used = result.read;
    return item;
}

static bool is_text(const cbor_item_t *item) {
    return item && cbor_isa_string(item) && cbor_string_is_definite(item);
}

static bool is_bytes(const cbor_item_t *item) {
    return item && cbor_isa_bytestring(item) && cbor_bytestring_is_definite(item);
}

cbor_item_t *fh_cbor_get(const cbor_item_t *map, const char *key) {
    if (!map || !cbor_isa_map(map))
        return NULL;
    const struct cbor_pair *pairs = cbor_map_handle(map);
    size_t length = strlen(key);
    for (size_t i = 0; i < cbor_map_size(map); i++) {
        if (is_text(pairs[i].key) && cbor_string_length(pairs[i].key) == length &&
            memcmp(cbor_string_handle(pairs[i].key), key, length) == 0)
            return pairs[i].value;
    }
    return NULL;
}

struct fh_bytes fh_cbor_get_text(const cbor_item_t *map, const char *key) {
    const cbor_item_t *item = fh_cbor_get(map, key);
    if (!is_text(item))
        return (struct fh_bytes){0};
    return (struct fh_bytes){cbor_string_handle(item), cbor_string_length(item)};
}

struct fh_bytes fh_cbor_get_bytes(const cbor_item_t *map, const char *key) {
    const cbor_item_t *item = fh_cbor_get(map, key);
    if (!is_bytes(item))
        return (struct fh_bytes){0};
    return (struct fh_bytes){cbor_bytestring_handle(item), cbor_bytestring_length(item)};
}

static bool to_integer(const cbor_item_t *item, int64_t *ret_value) {
    if (!item || !cbor_is_int(item) || cbor_get_int(item) > INT64_MAX)
        return false;
    int64_t value = (int64_t)cbor_get_int(item);
    *ret_value = cbor_isa_negint(item) ? -1 - value : value;
    return true;
}

bool fh_cbor_get_integer(const cbor_item_t *map, const char *key, int64_t *ret_value) {
    return to_integer(fh_cbor_get(map, key), ret_value);
}

struct fh_bytes fh_cbor_link(const cbor_item_t *item) {
    struct fh_bytes none = {0};
    if (!item || !cbor_isa_tag(item) || cbor_tag_value(item) != LINK_TAG)
        return none;
    cbor_item_t *content = cbor_tag_item(item); /* a reference of its own */
    struct fh_bytes link = none;
    /* A zero goes before the CID: the prefix of "binary" in a multibase. */
    if (is_bytes(content) && cbor_bytestring_length(content) > 1)
        link = (struct fh_bytes){cbor_bytestring_handle(content) + 1,
                                 cbor_bytestring_length(content) - 1};
    cbor_decref(&content);
    return link;
}

/* Groups of `bits` bits as the letters of an alphabet, without padding. The caller frees it. */
static char *encode(struct fh_bytes bytes, const char *prefix, const char *alphabet,
                    unsigned bits) {
    size_t used = strlen(prefix);
    char *text = malloc(used + (bytes.count * 8 + bits - 1) / bits + 1);
    if (!text)
        return NULL;
    memcpy(text, prefix, used);
    uint32_t pending = 0;
    unsigned pending_bits = 0;
    for (size_t i = 0; i < bytes.count; i++) {
        pending = pending << 8 | bytes.at[i];
        for (pending_bits += 8; pending_bits >= bits; pending_bits -= bits)
            text[used++] = alphabet[pending >> (pending_bits - bits) & ((1u << bits) - 1)];
    }
    if (pending_bits)
        text[used++] = alphabet[pending << (bits - pending_bits) & ((1u << bits) - 1)];
    text[used] = '\0';
    return text;
}

static json_t *encoded_object(const char *key, char *text) {
    json_t *object = text ? json_pack("{s:s}", key, text) : NULL;
    free(text);
    return object;
}

static json_t *bytes_to_json(struct fh_bytes bytes) {
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return encoded_object("$bytes", encode(bytes, "", base64, 6));
}

static json_t *link_to_json(struct fh_bytes cid) {
    return encoded_object("$link", encode(cid, "b", "abcdefghijklmnopqrstuvwxyz234567", 5));
}

/* A text that is not UTF-8 becomes bytes: nothing of it is lost. */
static json_t *text_to_json(const cbor_item_t *item) {
    struct fh_bytes text = {cbor_string_handle(item), cbor_string_length(item)};
    json_t *string = json_stringn((const char *)text.at, text.count);
    return string ? string : bytes_to_json(text);
}

static json_t *to_json(const cbor_item_t *item, unsigned depth);

static json_t *array_to_json(const cbor_item_t *item, unsigned depth) {
    json_t *array = json_array();
    cbor_item_t **items = cbor_array_handle(item);
    for (size_t i = 0; array && i < cbor_array_size(item); i++) {
        if (json_array_append_new(array, to_json(items[i], depth + 1)) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static json_t *map_to_json(const cbor_item_t *item, unsigned depth) {
    json_t *object = json_object();
    const struct cbor_pair *pairs = cbor_map_handle(item);
    for (size_t i = 0; object && i < cbor_map_size(item); i++) {
        json_t *key = is_text(pairs[i].key) ? text_to_json(pairs[i].key) : NULL;
        /* DAG-CBOR has text keys only; whatever else comes is left out. */
        if (json_is_string(key) && json_object_set_new(object, json_string_value(key),
                                                       to_json(pairs[i].value, depth + 1)) < 0) {
            json_decref(object);
            object = NULL;
        }
        json_decref(key);
    }
    return object;
}

static json_t *simple_to_json(const cbor_item_t *item) {
    if (cbor_is_float(item) && isfinite(cbor_float_get_float(item)))
        return json_real(cbor_float_get_float(item));
    if (cbor_is_bool(item))
        return json_boolean(cbor_get_bool(item));
    return json_null();
}

static json_t *to_json(const cbor_item_t *item, unsigned depth) {
    int64_t integer;
    if (depth > DEPTH_MAX)
        return NULL;
    if (fh_cbor_link(item).count)
        return link_to_json(fh_cbor_link(item));
    if (is_text(item))
        return text_to_json(item);
    if (is_bytes(item))
        return bytes_to_json(
            (struct fh_bytes){cbor_bytestring_handle(item), cbor_bytestring_length(item)});
    if (to_integer(item, &integer))
        return json_integer(integer);
    switch (cbor_typeof(item)) {
    case CBOR_TYPE_ARRAY:
        return array_to_json(item, depth);
    case CBOR_TYPE_MAP:
        return map_to_json(item, depth);
    case CBOR_TYPE_FLOAT_CTRL:
        return simple_to_json(item);
    default:
        return json_null(); /* indefinite strings, other tags: not DAG-CBOR */
    }
}

json_t *fh_cbor_to_json(const cbor_item_t *item) {
    return to_json(item, 0);
}
