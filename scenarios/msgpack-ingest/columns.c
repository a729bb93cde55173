#include "columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mi_batch *mi_batch_new(const char *measurement, size_t length) {
    struct mi_batch *batch = calloc(1, sizeof *batch);
    if (!batch || !measurement)
        return batch;
    batch->measurement = strndup(measurement, length);
    if (batch->measurement)
        return batch;
    free(batch);
    return NULL;
}

static void free_column(struct mi_column *column) {
    free(column->name);
    free(column->values);
    free(column->absent);
    free(column->dictionary.bytes);
    free(column->dictionary.ends);
    free(column->dictionary.table);
}

void mi_batches_free(struct mi_batch *list) {
    while (list) {
        struct mi_batch *batch = list;
        list = batch->next;
        for (size_t i = 0; i < batch->column_count; i++)
            free_column(&batch->columns[i]);
        free(batch->columns);
        free(batch->measurement);
        free(batch);
    }
}

static size_t value_bytes(enum mi_type type) {
    return type == MI_TEXT ? sizeof(uint32_t) : sizeof(int64_t);
}

size_t mi_batch_bytes(const struct mi_batch *batch) {
    size_t bytes = sizeof *batch + batch->column_count * sizeof *batch->columns;
    for (size_t i = 0; i < batch->column_count; i++) {
        const struct mi_column *column = &batch->columns[i];
        const struct mi_texts *texts = &column->dictionary;
        bytes += column->type == MI_EMPTY ? 0 : column->capacity * value_bytes(column->type);
        bytes += column->absent ? column->capacity : 0;
        bytes += texts->byte_capacity + (texts->capacity + texts->table_size) * sizeof(uint32_t);
    }
    return bytes;
}

struct mi_column *mi_batch_column(struct mi_batch *batch, const char *name, size_t length) {
    for (size_t i = 0; i < batch->column_count; i++)
        if (strncmp(batch->columns[i].name, name, length) == 0 &&
            batch->columns[i].name[length] == '\0')
            return &batch->columns[i];
    struct mi_column *columns =
        realloc(batch->columns, (batch->column_count + 1) * sizeof *columns);
    if (!columns)
        return NULL;
    batch->columns = columns;
    struct mi_column *column = &columns[batch->column_count];
    *column = (struct mi_column){.name = strndup(name, length)};
    if (!column->name)
        return NULL;
    batch->column_count++;
    return column;
}

static int resize(struct mi_column *column, size_t capacity) {
    void *values = realloc(column->values, capacity * value_bytes(column->type));
    if (!values)
        return -ENOMEM;
    column->values = values;
    if (column->absent) {
        uint8_t *absent = realloc(column->absent, capacity);
        if (!absent)
            return -ENOMEM;
        column->absent = absent;
    }
    column->capacity = capacity;
    return 0;
}

/* The values so far were none: they become absent ones of this type. */
static int settle_type(struct mi_column *column, enum mi_type type, size_t capacity) {
    column->type = type;
    int rc = resize(column, capacity);
    if (rc == 0 && column->count) {
        column->absent = malloc(capacity);
        if (!column->absent)
            rc = -ENOMEM;
    }
    if (rc) {
        column->type = MI_EMPTY;
        return rc;
    }
    memset(column->values, 0, column->count * value_bytes(type));
    if (column->absent)
        memset(column->absent, 1, column->count);
    return 0;
}

int mi_column_reserve(struct mi_column *column, enum mi_type type, size_t count) {
    if (column->type == MI_EMPTY)
        return settle_type(column, type, count > column->count ? count : column->count + 1);
    return count > column->capacity ? resize(column, count) : 0;
}

static void ints_to_reals(struct mi_column *column) {
    for (size_t i = 0; i < column->count; i++)
        column->reals[i] = (double)column->ints[i];
    column->type = MI_REAL;
}

/* Makes room for one more value of this type. A whole number may stand among broken ones. */
static int make_room(struct mi_column *column, enum mi_type type) {
    if (column->type == MI_EMPTY) {
        int rc = settle_type(column, type, column->count + 16);
        if (rc)
            return rc;
    }
    if (column->type == MI_INT && type == MI_REAL)
        ints_to_reals(column);
    if (column->type != type && !(column->type == MI_REAL && type == MI_INT))
        return -EINVAL;
    if (column->count < column->capacity)
        return 0;
    return resize(column, column->capacity + column->capacity / 2 + 16);
}

static void count_value(struct mi_column *column) {
    if (column->absent)
        column->absent[column->count] = 0;
    column->count++;
}

int mi_column_add_int(struct mi_column *column, int64_t value) {
    int rc = make_room(column, MI_INT);
    if (rc)
        return rc;
    if (column->type == MI_REAL)
        column->reals[column->count] = (double)value;
    else
        column->ints[column->count] = value;
    count_value(column);
    return 0;
}

int mi_column_add_real(struct mi_column *column, double value) {
    int rc = make_room(column, MI_REAL);
    if (rc)
        return rc;
    column->reals[column->count] = value;
    count_value(column);
    return 0;
}

int mi_column_add_absent(struct mi_column *column, size_t count) {
    if (count == 0 || column->type == MI_EMPTY) {
        column->count += count;
        return 0;
    }
    if (column->count + count > column->capacity) {
        int rc = resize(column, column->count + count + column->count / 2);
        if (rc)
            return rc;
    }
    if (!column->absent) {
        column->absent = calloc(column->capacity, 1);
        if (!column->absent)
            return -ENOMEM;
    }
    size_t bytes = value_bytes(column->type);
    memset((char *)column->values + column->count * bytes, 0, count * bytes);
    memset(column->absent + column->count, 1, count);
    column->count += count;
    return 0;
}

bool mi_column_is_absent(const struct mi_column *column, size_t row) {
    return column->type == MI_EMPTY || (column->absent && column->absent[row]);
}

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
static uint32_t hash_of(const char *text, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

static const char *text_of(const struct mi_texts *texts, uint32_t number, size_t *ret_length) {
    uint32_t begin = number ? texts->ends[number - 1] : 0;
    *ret_length = texts->ends[number] - begin - 1;
    return texts->bytes + begin;
}

static bool is_text(const struct mi_texts *texts, uint32_t number, const char *text,
                    size_t length) {
    size_t held_length;
    const char *held = text_of(texts, number, &held_length);
    return held_length == length && memcmp(held, text, length) == 0;
}

/* Where the text is in the table, or where it belongs. */
static size_t place_of(const struct mi_texts *texts, const char *text, size_t length) {
    size_t place = hash_of(text, length) & (texts->table_size - 1);
    while (texts->table[place] && !is_text(texts, texts->table[place] - 1, text, length))
        place = (place + 1) & (texts->table_size - 1);
    return place;
}

static int widen_table(struct mi_texts *texts) {
    size_t size = texts->table_size ? texts->table_size * 2 : 16;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table)
        return -ENOMEM;
    free(texts->table);
    texts->table = table;
    texts->table_size = size;
    for (uint32_t i = 0; i < texts->count; i++) {
        size_t length;
        const char *text = text_of(texts, i, &length);
        table[place_of(texts, text, length)] = i + 1;
    }
    return 0;
}

static int keep_text(struct mi_texts *texts, const char *text, size_t length) {
    size_t end = texts->byte_count + length + 1;
    if (end > UINT32_MAX)
        return -EINVAL;
    if (end > texts->byte_capacity) {
        size_t capacity = end + end / 2;
        char *bytes = realloc(texts->bytes, capacity);
        if (!bytes)
            return -ENOMEM;
        texts->bytes = bytes;
        texts->byte_capacity = capacity;
    }
    if (texts->count == texts->capacity) {
        size_t capacity = texts->capacity + texts->capacity / 2 + 8;
        uint32_t *ends = realloc(texts->ends, capacity * sizeof *ends);
        if (!ends)
            return -ENOMEM;
        texts->ends = ends;
        texts->capacity = capacity;
    }
    if (length)
        memcpy(texts->bytes + texts->byte_count, text, length);
    texts->bytes[end - 1] = '\0';
    texts->byte_count = end;
    texts->ends[texts->count++] = (uint32_t)end;
    return 0;
}

static int number_of(struct mi_texts *texts, const char *text, size_t length,
                     uint32_t *ret_number) {
    if (texts->count * 2 >= texts->table_size) {
        int rc = widen_table(texts);
        if (rc)
            return rc;
    }
    size_t place = place_of(texts, text, length);
    if (!texts->table[place]) {
        int rc = keep_text(texts, text, length);
        if (rc)
            return rc;
        texts->table[place] = (uint32_t)texts->count;
    }
    *ret_number = texts->table[place] - 1;
    return 0;
}

int mi_column_add_text(struct mi_column *column, const char *text, size_t length) {
    uint32_t number = 0;
    int rc = make_room(column, MI_TEXT);
    if (rc == 0)
        rc = number_of(&column->dictionary, text, length, &number);
    if (rc)
        return rc;
    column->texts[column->count] = number;
    count_value(column);
    return 0;
}

const char *mi_column_text(const struct mi_column *column, size_t row, size_t *ret_length) {
    return text_of(&column->dictionary, column->texts[row], ret_length);
}

bool mi_batch_same_shape(const struct mi_batch *one, const struct mi_batch *other) {
    if (one->column_count != other->column_count)
        return false;
    for (size_t i = 0; i < one->column_count; i++)
        if (one->columns[i].type != other->columns[i].type ||
            strcmp(one->columns[i].name, other->columns[i].name) != 0)
            return false;
    return true;
}
