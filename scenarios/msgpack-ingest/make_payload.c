/* make-payload - writes a MessagePack payload: made-up rows, or a table of real ones.
 *
 *     make-payload columnar MEASUREMENTS ROWS [TAGS [VALUES]] > FILE    rows of each measurement
 *     make-payload rows     MEASUREMENTS ROWS [TAGS [VALUES]] > FILE
 *     make-payload table    MEASUREMENT FILE > FILE       day, then numbers, in columns of a text
 *
 * The same arguments always give the same bytes. Tags are 36 characters of one of 500 names, as
 * identifiers of containers are; values are random doubles, which hardly compress: with six tags
 * and three values gzip makes a fifth of it. */
#include <errno.h>
#include <msgpack.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAMES = 500, TAG_BYTES = 36, FIELDS_MAX = 32, TABLE_ROWS_MAX = 100000, LINE_BYTES = 1024 };

struct shape {
    size_t measurements, rows, tags, values;
};

/* Marsaglia's xorshift64. */
static uint64_t next_random(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    return *random ^= *random << 17;
}

static int write_out(void *data, const char *bytes, size_t length) {
    return fwrite(bytes, 1, length, data) == length ? 0 : -1;
}

static void pack_text(msgpack_packer *packer, const char *text) {
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

static void pack_name(msgpack_packer *packer, const char *prefix, size_t number) {
    char name[32];
    snprintf(name, sizeof name, "%s%zu", prefix, number);
    pack_text(packer, name);
}

static void pack_tag(msgpack_packer *packer, uint64_t *random) {
    char tag[TAG_BYTES + 1];
    uint64_t name = next_random(random) % NAMES + 1;
    uint64_t letters = name * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < TAG_BYTES; i++)
        tag[i] = "0123456789abcdef"[next_random(&letters) >> 60];
    tag[TAG_BYTES] = '\0';
    pack_text(packer, tag);
}

static void pack_value(msgpack_packer *packer, uint64_t *random) {
    msgpack_pack_double(packer, (double)(next_random(random) >> 11) * 0x1p-53 * 100);
}

static void pack_time(msgpack_packer *packer, size_t row) {
    msgpack_pack_int64(packer, INT64_C(1762214400000) + (int64_t)row);
}

static void pack_columnar(msgpack_packer *packer, const struct shape *shape, size_t measurement,
                          uint64_t *random) {
    msgpack_pack_map(packer, 2);
    pack_text(packer, "m");
    pack_name(packer, "m", measurement);
    pack_text(packer, "columns");
    msgpack_pack_map(packer, 1 + shape->tags + shape->values);
    pack_text(packer, "time");
    msgpack_pack_array(packer, shape->rows);
    for (size_t row = 0; row < shape->rows; row++)
        pack_time(packer, row);
    for (size_t column = 0; column < shape->tags + shape->values; column++) {
        bool is_tag = column < shape->tags;
        pack_name(packer, is_tag ? "tag" : "value", is_tag ? column : column - shape->tags);
        msgpack_pack_array(packer, shape->rows);
        for (size_t row = 0; row < shape->rows; row++)
            (is_tag ? pack_tag : pack_value)(packer, random);
    }
}

static void pack_row(msgpack_packer *packer, const struct shape *shape, size_t measurement,
                     size_t row, uint64_t *random) {
    msgpack_pack_map(packer, 4);
    pack_text(packer, "m");
    pack_name(packer, "m", measurement);
    pack_text(packer, "t");
    pack_time(packer, row);
    pack_text(packer, "tags");
    msgpack_pack_map(packer, shape->tags);
    for (size_t i = 0; i < shape->tags; i++) {
        pack_name(packer, "tag", i);
        pack_tag(packer, random);
    }
    pack_text(packer, "fields");
    msgpack_pack_map(packer, shape->values);
    for (size_t i = 0; i < shape->values; i++) {
        pack_name(packer, "value", i);
        pack_value(packer, random);
    }
}

static void pack_made_up(msgpack_packer *packer, const struct shape *shape, bool is_columnar) {
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    size_t per_measurement = is_columnar ? 1 : shape->rows;
    msgpack_pack_array(packer, shape->measurements * per_measurement);
    for (size_t i = 0; i < shape->measurements; i++) {
        if (is_columnar)
            pack_columnar(packer, shape, i, &random);
        for (size_t row = 0; !is_columnar && row < shape->rows; row++)
            pack_row(packer, shape, i, row, &random);
    }
}

/* Milliseconds since 1970 of a day as month/day/year; -1 when it is none. */
static int64_t day_ms(const char *text) {
    struct tm day = {0};
    const char *end = strptime(text, "%m/%d/%Y", &day);
    return end && *end == '\0' ? (int64_t)timegm(&day) * 1000 : -1;
}

/* Splits a line at blanks into its fields. Returns their number. */
static size_t split(char *line, char **fields) {
    size_t count = 0;
    char *rest;
    for (char *field = strtok_r(line, " \t\r\n", &rest); field && count < FIELDS_MAX;
         field = strtok_r(NULL, " \t\r\n", &rest))
        fields[count++] = field;
    return count;
}

struct table {
    size_t rows, columns; /* columns: of numbers, beside the day */
    int64_t *times;
    double *numbers; /* FIELDS_MAX a row */
};

/* Every line that begins with a day; all of as many columns. */
static bool read_table(FILE *file, struct table *table) {
    char line[LINE_BYTES], *fields[FIELDS_MAX];
    while (fgets(line, sizeof line, file) && table->rows < TABLE_ROWS_MAX) {
        size_t count = split(line, fields);
        int64_t time_ms = count > 1 ? day_ms(fields[0]) : -1;
        if (time_ms < 0)
            continue;
        if (table->rows && count - 1 != table->columns)
            return false;
        table->columns = count - 1;
        table->times[table->rows] = time_ms;
        for (size_t i = 1; i < count; i++)
            table->numbers[table->rows * FIELDS_MAX + i - 1] = strtod(fields[i], NULL);
        table->rows++;
    }
    return table->rows > 0;
}

static void pack_table(msgpack_packer *packer, const char *measurement, const struct table *table) {
    msgpack_pack_map(packer, 2);
    pack_text(packer, "m");
    pack_text(packer, measurement);
    pack_text(packer, "columns");
    msgpack_pack_map(packer, 1 + table->columns);
    pack_text(packer, "time");
    msgpack_pack_array(packer, table->rows);
    for (size_t row = 0; row < table->rows; row++)
        msgpack_pack_int64(packer, table->times[row]);
    for (size_t column = 0; column < table->columns; column++) {
        pack_name(packer, "value", column);
        msgpack_pack_array(packer, table->rows);
        for (size_t row = 0; row < table->rows; row++)
            msgpack_pack_double(packer, table->numbers[row * FIELDS_MAX + column]);
    }
}

static bool table_payload(msgpack_packer *packer, const char *measurement, const char *path) {
    struct table table = {.times = calloc(TABLE_ROWS_MAX, sizeof *table.times),
                          .numbers = calloc(TABLE_ROWS_MAX * FIELDS_MAX, sizeof *table.numbers)};
    FILE *file = fopen(path, "re");
    bool is_good = file && table.times && table.numbers && read_table(file, &table);
    if (is_good)
        pack_table(packer, measurement, &table);
    else
        fprintf(stderr, "make-payload: %s: %s\n", path,
                file ? "no table of days and numbers" : strerror(errno));
    if (file)
        fclose(file);
    free(table.times);
    free(table.numbers);
    return is_good;
}

static bool parse_count(const char *text, size_t at_most, size_t *ret_count) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *ret_count = value;
    return end != text && *end == '\0' && value >= 1 && value <= at_most;
}

static bool made_up_payload(msgpack_packer *packer, int argc, char **argv) {
    struct shape shape = {.tags = 6, .values = 3};
    bool is_columnar = strcmp(argv[1], "columnar") == 0;
    if ((!is_columnar && strcmp(argv[1], "rows") != 0) ||
        !parse_count(argv[2], 1024, &shape.measurements) ||
        !parse_count(argv[3], 100000000, &shape.rows) ||
        (argc > 4 && !parse_count(argv[4], 100, &shape.tags)) ||
        (argc > 5 && !parse_count(argv[5], 100, &shape.values)))
        return false;
    pack_made_up(packer, &shape, is_columnar);
    return true;
}

int main(int argc, char **argv) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, stdout, write_out);
    bool is_good = argc >= 4 && argc <= 6;
    if (is_good && strcmp(argv[1], "table") == 0)
        is_good = argc == 4 && table_payload(&packer, argv[2], argv[3]);
    else if (is_good)
        is_good = made_up_payload(&packer, argc, argv);
    if (!is_good) {
        fprintf(stderr, "Usage: make-payload columnar|rows MEASUREMENTS ROWS [TAGS [VALUES]]\n"
                        "       make-payload table MEASUREMENT FILE\n");
        return 2;
    }
    return fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
