/* Traces from CSV files: labelled ones ("# id=.. fs=.." and named columns) and plain series of
 * any other monitor ("time,value[,offered]", irregular times). */
#include "trace_csv.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "growth_stats.h"

enum { MAX_ROWS = 20000000, MIN_ROWS = 2 };

struct csv_reader {
    const char *path;
    FILE *file;
    char *line;
    size_t line_bytes;
    int line_number;
    char *cells[SM_TRACE_CSV_CELLS];
    int cell_count;
    struct sm_error *err;
};

static int fail(struct csv_reader *in, const char *todo, const char *what, const char *detail) {
    char where[sizeof((struct sm_error *)0)->where];
    snprintf(where, sizeof where, "%s:%d", in->path, in->line_number);
    return sm_error_set(in->err, -EINVAL, where, todo, "%s%s%.60s%s", what, detail ? " '" : "",
                        detail ? detail : "", detail ? "'" : "");
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = 0;
    return text;
}

/* Reads the next line that is not blank: 1 = read, 0 = end of file, or a negative errno. */
static int next_line(struct csv_reader *in) {
    for (;;) {
        ssize_t length = getline(&in->line, &in->line_bytes, in->file);
        if (length < 0)
            return ferror(in->file) ? sm_error_errno(in->err, -EIO, in->path, NULL, "cannot read")
                                    : 0;
        in->line_number++;
        if (memchr(in->line, 0, (size_t)length))
            return fail(in, "give a text file of comma-separated values", "a zero byte", NULL);
        char *text = trim(in->line);
        if (*text)
            return 1;
    }
}

static int split_cells(struct csv_reader *in) {
    in->cell_count = 0;
    char *rest = trim(in->line);
    for (char *cell; (cell = strsep(&rest, ",;\t")) != NULL;) {
        if (in->cell_count == SM_TRACE_CSV_CELLS)
            return fail(in, NULL, "more than 256 columns", NULL);
        cell = trim(cell);
        size_t length = strlen(cell);
        if (length >= 2 && cell[0] == '"' && cell[length - 1] == '"') {
            cell[length - 1] = 0;
            cell = trim(cell + 1);
        }
        in->cells[in->cell_count++] = cell;
    }
    return 0;
}

/* A number; an empty cell or "nan" is a value the monitor missed. */
static int parse_number(struct csv_reader *in, const char *text, double *ret_value) {
    if (!*text || strcasecmp(text, "nan") == 0 || strcasecmp(text, "null") == 0) {
        *ret_value = NAN;
        return 0;
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || fabs(value) > 1e18)
        return fail(in, "write plain numbers: seconds, bytes or counts without a unit",
                    "not a number:", text);
    *ret_value = value;
    return 0;
}

static int index_of(const char *text, const char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -1;
}

/* ---- the rows as they are in the file ---- */

struct table {
    int columns;
    size_t rows, room;
    double *values; /* rows x columns */
};

static int add_row(struct csv_reader *in, struct table *table, int phase_column) {
    if (in->cell_count != table->columns) {
        char text[64];
        snprintf(text, sizeof text, "%d cells in a table of %d", in->cell_count, table->columns);
        return fail(in, "give every row the columns of the first", text, NULL);
    }
    if (table->rows == MAX_ROWS)
        return fail(in, "thin the series out", "more than 20 million rows", NULL);
    if (table->rows == table->room) {
        size_t room = table->room ? table->room * 2 : 1024;
        double *values = reallocarray(table->values, room, (size_t)table->columns * sizeof *values);
        if (!values)
            return sm_error_set(in->err, -ENOMEM, in->path, NULL, "out of memory");
        table->values = values;
        table->room = room;
    }
    double *row = table->values + table->rows * (size_t)table->columns;
    for (int i = 0; i < table->columns; i++) {
        if (i == phase_column) {
            int phase = index_of(in->cells[i], sm_trace_phase_names, SM_TRACE_PHASES);
            if (phase < 0)
                return fail(in, "phases are idle, load, fault, recover and settle", "unknown phase",
                            in->cells[i]);
            row[i] = phase;
        } else {
            int rc = parse_number(in, in->cells[i], &row[i]);
            if (rc < 0)
                return rc;
        }
    }
    if (!isfinite(row[0]))
        return fail(in, NULL, "a row without a time", NULL);
    if (table->rows > 0 && row[0] <= row[-table->columns])
        return fail(in, "sort the rows by time", "time does not go forward at", in->cells[0]);
    table->rows++;
    return 0;
}

static int read_rows(struct csv_reader *in, struct table *table, int phase_column) {
    int more;
    while ((more = next_line(in)) > 0) {
        if (trim(in->line)[0] == '#')
            continue;
        int rc = split_cells(in);
        if (rc < 0 || (rc = add_row(in, table, phase_column)) < 0)
            return rc;
    }
    if (more == 0 && table->rows < MIN_ROWS)
        return fail(in, "give a series of at least a few seconds", "fewer than two samples", NULL);
    return more;
}

/* ---- labelled traces ---- */

struct header {
    char id[128], fault_kind[32];
    double rate_hz, payload, min_rate, min_rate_fd, declared_cap, budget, goes_on;
    int plan;
};

static int parse_header_number(struct csv_reader *in, const char *text, double *ret_value) {
    if (strcmp(text, "none") == 0) {
        *ret_value = 0;
        return 0;
    }
    return parse_number(in, text, ret_value);
}

static int parse_header(struct csv_reader *in, struct header *header) {
    const struct {
        const char *key;
        double *value;
    } numbers[] = {{"fs", &header->rate_hz},
                   {"payload", &header->payload},
                   {"min_rate", &header->min_rate},
                   {"min_rate_fd", &header->min_rate_fd},
                   {"declared_cap", &header->declared_cap},
                   {"budget", &header->budget},
                   {"goes_on", &header->goes_on}};
    char *rest = trim(in->line) + 1;
    for (char *word; (word = strsep(&rest, " \t")) != NULL;) {
        char *value = strchr(word, '=');
        if (!value)
            continue;
        *value++ = 0;
        if (strcmp(word, "id") == 0)
            snprintf(header->id, sizeof header->id, "%s", value);
        else if (strcmp(word, "fault_kind") == 0)
            snprintf(header->fault_kind, sizeof header->fault_kind, "%s", value);
        else if (strcmp(word, "plan") == 0) {
            header->plan = index_of(value, sm_trace_plan_names, SM_TRACE_PLANS);
            if (header->plan < 0)
                return fail(in, "plans are passive, cycles, fault and faultcycles", "unknown plan",
                            value);
        }
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            if (strcmp(word, numbers[i].key) == 0) {
                int rc = parse_header_number(in, value, numbers[i].value);
                if (rc < 0)
                    return rc;
            }
    }
    return 0;
}

/* Half the typical distance between samples tells the clock when the header does not. */
static double clock_hz(const struct table *table) {
    double *steps = malloc(table->rows * sizeof *steps);
    if (!steps)
        return 0;
    for (size_t i = 1; i < table->rows; i++)
        steps[i - 1] = table->values[i * (size_t)table->columns] -
                       table->values[(i - 1) * (size_t)table->columns];
    double step = sm_stats_median(steps, table->rows - 1);
    free(steps);
    return step > 0 ? 1 / step : 0;
}

static int fill_labelled(struct csv_reader *in, const struct table *table, char *const *names,
                         const struct header *header, struct sm_trace **ret_trace) {
    struct sm_trace *trace = sm_trace_new(table->rows);
    if (!trace)
        return sm_error_set(in->err, -ENOMEM, in->path, NULL, "out of memory");
    for (int c = 0; c < table->columns; c++) {
        const double *cell = table->values + c;
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): every column has a name. */
        if (strcmp(names[c], "phase") == 0) {
            for (size_t i = 0; i < table->rows; i++, cell += table->columns)
                trace->phase[i] = (uint8_t)*cell;
            continue;
        }
        double *column = sm_trace_add_column(trace, names[c]);
        for (size_t i = 0; column && i < table->rows; i++, cell += table->columns)
            column[i] = *cell;
    }
    memcpy(trace->id, header->id, sizeof trace->id);
    memcpy(trace->fault_kind, header->fault_kind, sizeof trace->fault_kind);
    trace->rate_hz = header->rate_hz > 0 ? header->rate_hz : clock_hz(table);
    trace->payload_bytes = header->payload;
    trace->min_rate_bytes_per_s = header->min_rate;
    trace->min_rate_fds_per_s = header->min_rate_fd;
    trace->declared_cap = header->declared_cap;
    trace->budget = header->budget;
    trace->goes_on = header->goes_on > 0;
    trace->plan = (enum sm_trace_plan)header->plan;
    *ret_trace = trace;
    return 0;
}

static void free_names(char **names, int count) {
    for (int i = 0; i < count; i++)
        free(names[i]);
}

/* in->cells holds the line of column names. */
static int read_labelled(struct csv_reader *in, const struct header *header,
                         struct sm_trace **ret_trace) {
    struct table table = {.columns = in->cell_count};
    char *names[SM_TRACE_CSV_CELLS] = {NULL};
    int phase_column = -1, rc = 0;
    for (int i = 0; i < table.columns; i++) {
        names[i] = strdup(in->cells[i]);
        if (!names[i])
            rc = sm_error_set(in->err, -ENOMEM, in->path, NULL, "out of memory");
        else if (strcmp(names[i], "phase") == 0)
            phase_column = i;
    }
    if (rc == 0 && (table.columns <= 0 || strcmp(names[0], "t") != 0))
        rc = fail(in, NULL, "the first column of a labelled trace must be t, not",
                  names[0] ? names[0] : "");
    if (rc == 0)
        rc = read_rows(in, &table, phase_column);
    if (rc == 0)
        rc = fill_labelled(in, &table, names, header, ret_trace);
    free_names(names, table.columns);
    free(table.values);
    return rc;
}

/* ---- plain series ---- */

/* The value at a time between two rows; NAN inside a gap of the monitor. */
static double value_between(const double *before, const double *after, int column, double at,
                            double longest_step) {
    double step = after[0] - before[0];
    if (step > longest_step)
        return NAN;
    double part = (at - before[0]) / step;
    return before[column] + (after[column] - before[column]) * part;
}

static void resample(const struct table *table, double step, int column, double *out,
                     size_t count) {
    size_t row = 0, width = (size_t)table->columns;
    for (size_t i = 0; i < count; i++) {
        double at = table->values[0] + (double)i * step;
        while (row + 2 < table->rows && table->values[(row + 1) * width] <= at)
            row++;
        const double *before = table->values + row * width, *after = before + width;
        if (at > after[0])
            at = after[0];
        out[i] = value_between(before, after, column, at, 10 * step);
    }
}

/* Load is on while units are offered. Four rests or more make it an experiment of cycles. */
static void phases_from_offered(struct sm_trace *trace) {
    size_t smooth = (size_t)fmax(1, trace->rate_hz);
    int loaded = 0, rests = 0;
    for (size_t i = 0; i < trace->count; i++) {
        size_t from = i > smooth / 2 ? i - smooth / 2 : 0;
        size_t to = i + (smooth + 1) / 2 < trace->count ? i + (smooth + 1) / 2 : trace->count - 1;
        int on = trace->sent[to] > trace->sent[from];
        trace->phase[i] = on ? SM_TRACE_LOAD : loaded ? SM_TRACE_SETTLE : SM_TRACE_IDLE;
        rests += loaded && !on && trace->phase[i - 1] == SM_TRACE_LOAD;
        loaded |= on;
    }
    if (!loaded)
        memset(trace->phase, SM_TRACE_LOAD, trace->count);
    trace->plan = rests >= 4 ? SM_PLAN_CYCLES : SM_PLAN_PASSIVE;
}

static int fill_plain(struct csv_reader *in, const struct table *table,
                      struct sm_trace **ret_trace) {
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a table without rows was refused. */
    double hz = clock_hz(table), first = table->values[0];
    double span = table->values[(table->rows - 1) * (size_t)table->columns] - first;
    if (!(hz > 0) || !(span > 0))
        return sm_error_set(in->err, -ENOMEM, in->path, NULL, "out of memory");
    if (span * hz > MAX_ROWS)
        return fail(in, "look for a wrong time stamp", "the times span too much for their step",
                    NULL);
    struct sm_trace *trace = sm_trace_new((size_t)(span * hz + 1e-6) + 1);
    double *t = trace ? sm_trace_add_column(trace, "t") : NULL;
    double *value = trace ? sm_trace_add_column(trace, "heap") : NULL;
    double *offered = trace && table->columns > 2 ? sm_trace_add_column(trace, "sent") : NULL;
    if (!t || !value || (table->columns > 2 && !offered)) {
        sm_trace_free(trace);
        return sm_error_set(in->err, -ENOMEM, in->path, NULL, "out of memory");
    }
    trace->rate_hz = hz;
    for (size_t i = 0; i < trace->count; i++)
        t[i] = (double)(i + 1) / hz;
    resample(table, 1 / hz, 1, value, trace->count);
    memset(trace->phase, SM_TRACE_LOAD, trace->count);
    if (offered) {
        resample(table, 1 / hz, 2, offered, trace->count);
        sm_stats_close_gaps(offered, trace->count);
        phases_from_offered(trace);
    }
    *ret_trace = trace;
    return 0;
}

/* Growth that matters, when nobody said: 1 % of the usual level in a minute. */
static void default_resolution(struct sm_trace *trace) {
    double *copy = malloc(trace->count * sizeof *copy);
    if (!copy)
        return;
    memcpy(copy, trace->heap, trace->count * sizeof *copy);
    sm_stats_close_gaps(copy, trace->count);
    trace->min_rate_bytes_per_s = fmax(1e-9, fabs(sm_stats_median(copy, trace->count)) * .01 / 60);
    free(copy);
}

static int is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && !*end;
}

/* in->cells holds the first line: column names or the first row. */
static int read_plain(struct csv_reader *in, struct sm_trace **ret_trace) {
    struct table table = {.columns = in->cell_count};
    if (table.columns < 2 || table.columns > 3)
        return fail(in, "give rows of time,value or time,value,offered",
                    "a plain series has two or three columns", NULL);
    int rc = is_number(in->cells[0]) ? add_row(in, &table, -1) : 0;
    if (rc == 0)
        rc = read_rows(in, &table, -1);
    if (rc == 0)
        rc = fill_plain(in, &table, ret_trace);
    if (rc == 0)
        default_resolution(*ret_trace);
    free(table.values);
    return rc;
}

static int read_file(struct csv_reader *in, struct sm_trace **ret_trace) {
    struct header header = {.fault_kind = "none"};
    int labelled = 0, more, rc;
    while ((more = next_line(in)) > 0 && trim(in->line)[0] == '#') {
        if (strstr(in->line, "fs=")) {
            labelled = 1;
            if ((rc = parse_header(in, &header)) < 0)
                return rc;
        }
    }
    if (more < 0)
        return more;
    if (more == 0)
        return fail(in, "give rows of time,value", "no data", NULL);
    rc = split_cells(in);
    if (rc < 0)
        return rc;
    return labelled ? read_labelled(in, &header, ret_trace) : read_plain(in, ret_trace);
}

int sm_trace_read_csv(const char *path, struct sm_trace **ret_trace, struct sm_error *err) {
    struct csv_reader in = {.path = path, .err = err};
    in.file = fopen(path, "re");
    if (!in.file)
        return sm_error_errno(err, -errno, path, NULL, "cannot open the series");
    int rc = read_file(&in, ret_trace);
    free(in.line);
    fclose(in.file);
    return rc;
}
