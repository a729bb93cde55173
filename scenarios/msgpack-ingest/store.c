#include "store.h"

#include <avro.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    GROUP_ROWS = 1024,
    PATH_BYTES = 4096,
    FILES_MAX = 64,    /* different shapes in one flush */
    NUMBER_BYTES = 11, /* a 64-bit number and the branch of its union, at the most */
};

/* One file while it is written. */
struct file {
    FILE *stream;
    avro_schema_t schema;
    avro_value_iface_t *class;
    avro_value_t value;
    avro_file_writer_t writer;
};

/* How far the batches have been written. */
struct cursor {
    const struct mi_batch *batch, *shape;
    size_t row;
};

static const struct mi_batch *next_of_shape(const struct mi_batch *batch,
                                            const struct mi_batch *shape) {
    while (batch && !mi_batch_same_shape(batch, shape))
        batch = batch->next;
    return batch;
}

static bool is_first_of_shape(const struct mi_batch *list, const struct mi_batch *batch) {
    return next_of_shape(list, batch) == batch;
}

static bool can_be_absent(const struct mi_batch *shape, size_t index) {
    for (const struct mi_batch *batch = shape; batch; batch = next_of_shape(batch->next, shape))
        if (batch->columns[index].type == MI_EMPTY || batch->columns[index].absent)
            return true;
    return false;
}

/* {"rows": n, "columns": {"time": [...], ...}} as a schema; to be freed. */
static char *schema_text(const struct mi_batch *shape) {
    static const char *const types[] = {"double", "long", "double", "string"};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fputs("{\"type\": \"record\", \"name\": \"row_group\", \"fields\": [{\"name\": \"rows\", "
          "\"type\": \"long\"}, {\"name\": \"columns\", \"type\": {\"type\": \"record\", "
          "\"name\": \"columns\", \"fields\": [",
          out);
    for (size_t i = 0; i < shape->column_count; i++) {
        const struct mi_column *column = &shape->columns[i];
        const char *type = types[column->type];
        fprintf(out,
                "%s{\"name\": \"%s\", \"type\": {\"type\": \"array\", \"items\": ", i ? ", " : "",
                column->name);
        if (can_be_absent(shape, i))
            fprintf(out, "[\"null\", \"%s\"]}}", type);
        else
            fprintf(out, "\"%s\"}}", type);
    }
    fputs("]}}]}", out);
    return fclose(out) ? NULL : text;
}

/* What the largest group can take: a block must hold a record whole. */
static size_t block_bytes(const struct mi_batch *shape) {
    size_t bytes = 4096 + shape->column_count * GROUP_ROWS * NUMBER_BYTES;
    for (size_t i = 0; i < shape->column_count; i++) {
        size_t longest = 0, length;
        for (const struct mi_batch *batch = shape; batch; batch = next_of_shape(batch->next, shape))
            for (size_t row = 0; batch->columns[i].type == MI_TEXT && row < batch->rows; row++) {
                mi_column_text(&batch->columns[i], row, &length);
                longest = length > longest ? length : longest;
            }
        bytes += longest * GROUP_ROWS;
    }
    return bytes;
}

static int add_value(avro_value_t *array, const struct mi_column *column, size_t row,
                     bool is_union) {
    avro_value_t item, branch;
    if (avro_value_append(array, &item, NULL))
        return -1;
    bool is_absent = mi_column_is_absent(column, row);
    if (is_union) {
        if (avro_value_set_branch(&item, is_absent ? 0 : 1, &branch))
            return -1;
        item = branch;
    }
    if (is_absent)
        return avro_value_set_null(&item);
    if (column->type == MI_INT)
        return avro_value_set_long(&item, column->ints[row]);
    if (column->type == MI_REAL)
        return avro_value_set_double(&item, column->reals[row]);
    size_t length;
    const char *text = mi_column_text(column, row, &length);
    return avro_value_set_string_len(&item, (char *)text, length + 1);
}

/* Adds rows of one batch to the group. */
static int add_rows(avro_value_t *columns, const struct cursor *at, size_t count,
                    const bool *unions) {
    for (size_t i = 0; i < at->batch->column_count; i++) {
        avro_value_t array;
        if (avro_value_get_by_index(columns, i, &array, NULL))
            return -1;
        for (size_t row = at->row; row < at->row + count; row++)
            if (add_value(&array, &at->batch->columns[i], row, unions[i]))
                return -1;
    }
    return 0;
}

static int write_group(struct file *file, struct cursor *at, const bool *unions) {
    avro_value_t rows, columns;
    size_t count = 0;
    if (avro_value_reset(&file->value) || avro_value_get_by_index(&file->value, 0, &rows, NULL) ||
        avro_value_get_by_index(&file->value, 1, &columns, NULL))
        return -1;
    while (at->batch && count < GROUP_ROWS) {
        size_t left = at->batch->rows - at->row;
        size_t now = left < GROUP_ROWS - count ? left : GROUP_ROWS - count;
        if (add_rows(&columns, at, now, unions))
            return -1;
        count += now;
        at->row += now;
        if (at->row == at->batch->rows) {
            at->batch = next_of_shape(at->batch->next, at->shape);
            at->row = 0;
        }
    }
    if (avro_value_set_long(&rows, (int64_t)count) ||
        avro_file_writer_append_value(file->writer, &file->value) ||
        avro_file_writer_flush(file->writer))
        return -1;
    /* The library does not look whether the last bytes reached the file. */
    return fflush(file->stream) || ferror(file->stream) ? -1 : 0;
}

static int open_file(struct file *file, const char *path, const struct mi_batch *shape) {
    char *schema = schema_text(shape);
    if (!schema)
        return -1;
    int rc = avro_schema_from_json_length(schema, strlen(schema), &file->schema);
    free(schema);
    if (rc)
        return -1;
    file->class = avro_generic_class_from_schema(file->schema);
    if (!file->class || avro_generic_value_new(file->class, &file->value))
        return -1;
    file->stream = fopen(path, "we");
    return file->stream
               ? avro_file_writer_create_with_codec_fp(file->stream, path, 0, file->schema,
                                                       &file->writer, "null", block_bytes(shape))
               : -1;
}

/* A writer that cannot write what it still holds is not freed by the library: what is left of a
 * file that failed goes where everything can be written. */
static int close_file(struct file *file, bool has_failed) {
    int rc = 0;
    if (has_failed && file->stream)
        file->stream = freopen("/dev/null", "we", file->stream);
    if (file->writer && avro_file_writer_close(file->writer))
        rc = -1;
    if (file->stream && fclose(file->stream))
        rc = -1;
    if (file->value.self)
        avro_value_decref(&file->value);
    if (file->class)
        avro_value_iface_decref(file->class);
    if (file->schema)
        avro_schema_decref(file->schema);
    return rc;
}

static int write_shape(const char *path, const struct mi_batch *shape) {
    struct file file = {0};
    struct cursor at = {.batch = shape, .shape = shape};
    bool *unions = calloc(shape->column_count, sizeof *unions);
    int rc = unions ? open_file(&file, path, shape) : -1;
    for (size_t i = 0; rc == 0 && i < shape->column_count; i++)
        unions[i] = can_be_absent(shape, i);
    while (rc == 0 && at.batch)
        rc = write_group(&file, &at, unions);
    int error = errno;
    if (close_file(&file, rc != 0))
        rc = -1;
    free(unions);
    if (rc)
        errno = error ? error : EIO;
    return rc;
}

/* PATH.part while it is written. */
static void part_path(char *path, const char *stem, size_t index) {
    snprintf(path, PATH_BYTES, "%s-%zu.avro.part", stem, index);
}

static int write_shapes(const char *stem, const struct mi_batch *batches, size_t *ret_count) {
    char path[PATH_BYTES];
    for (const struct mi_batch *batch = batches; batch; batch = batch->next) {
        if (!is_first_of_shape(batches, batch))
            continue;
        if (*ret_count == FILES_MAX) {
            errno = E2BIG;
            return -1;
        }
        part_path(path, stem, (*ret_count)++);
        if (write_shape(path, batch))
            return -1;
    }
    return 0;
}

/* Gives the files their names, or takes them away. */
static int end_files(const char *stem, size_t count, bool keeps) {
    char part[PATH_BYTES], path[PATH_BYTES];
    int rc = 0;
    for (size_t i = 0; i < count; i++) {
        part_path(part, stem, i);
        snprintf(path, sizeof path, "%.*s", (int)(strlen(part) - strlen(".part")), part);
        if (!keeps)
            unlink(part);
        else if (rename(part, path))
            rc = -1;
    }
    return rc;
}

int mi_store_write(struct mi_store *store, const char *measurement, const struct mi_batch *batches,
                   char *problem, size_t problem_bytes) {
    char stem[PATH_BYTES - 64], directory[PATH_BYTES - 256];
    struct timespec now;
    size_t count = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(directory, sizeof directory, "%s/%s", store->directory, measurement);
    errno = 0;
    int rc = mkdir(directory, 0755) && errno != EEXIST ? -1 : 0;
    snprintf(stem, sizeof stem, "%s/%lld-%d-%u", directory, (long long)now.tv_sec, store->worker,
             store->next_number++);
    if (rc == 0) {
        errno = 0;
        rc = write_shapes(stem, batches, &count);
    }
    int error = errno;
    if (rc)
        end_files(stem, count, false);
    else
        rc = end_files(stem, count, true);
    if (rc)
        snprintf(problem, problem_bytes, "%s: %s", measurement,
                 strerror(error   ? error
                          : errno ? errno
                                  : EIO));
    return rc;
}
