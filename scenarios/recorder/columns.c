#include "columns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_PART = 10 }; /* adaptive batches are a tenth of the limit that the server announces */

static struct rc_answer refuse(struct rc_figures *figures, const struct rc_columns *columns,
                               size_t bytes, size_t most_bytes) {
    struct rc_answer answer = {.result = -EMSGSIZE};
    size_t most_rows = most_bytes / columns->row_bytes;
    rc_figure_add(figures, RC_SDK_REFUSED_ROWS, (int64_t)columns->rows);
    if (most_rows)
        snprintf(answer.text, sizeof answer.text,
                 "chunk size (%.1f MB, %" PRIu64 " rows) exceeds the maximum (%.1f MB): send it in "
                 "batches of at most %zu rows",
                 (double)bytes / 1e6, columns->rows, (double)most_bytes / 1e6, most_rows);
    else
        snprintf(answer.text, sizeof answer.text,
                 "one row (%.1f MB) exceeds the maximum (%.1f MB): raise the server's limit",
                 (double)columns->row_bytes / 1e6, (double)most_bytes / 1e6);
    return answer;
}

static uint64_t rows_in_batch(const struct rc_sender *sender, const struct rc_options *options,
                              const struct rc_columns *columns) {
    uint64_t most_bytes = (uint64_t)options->chunk_max_bytes;
    if (options->batching == RC_BATCHING_NONE)
        return columns->rows;
    uint64_t part_bytes = rc_sender_server_limit(sender) / LIMIT_PART;
    if (options->batching == RC_BATCHING_ADAPTIVE && part_bytes < most_bytes)
        most_bytes = part_bytes;
    uint64_t rows = most_bytes / columns->row_bytes;
    return rows == 0 ? 1 : rows < columns->rows ? rows : columns->rows;
}

/* One chunk, encoded into a message of its own. */
static int send_chunk(struct rc_sender *sender, const struct rc_options *options,
                      const struct rc_columns *columns, const uint8_t *data, struct rc_run run,
                      uint64_t *ret_limit_bytes) {
    struct rc_message fields = {.kind = columns->kind, .runs = &run, .run_count = 1};
    fields.payload_bytes = (size_t)run.count * columns->row_bytes;
    uint8_t *payload = malloc(fields.payload_bytes ? fields.payload_bytes : 1);
    if (!payload)
        return -ENOMEM;
    memcpy(payload, data + (size_t)(run.first - columns->first_row) * columns->row_bytes,
           fields.payload_bytes);
    bool waits =
        options->batching == RC_BATCHING_ADAPTIVE || options->pressure == RC_PRESSURE_SIGNAL;
    return rc_sender_submit(sender, &fields, payload, waits, ret_limit_bytes);
}

static struct rc_answer send_batches(struct rc_sender *sender, const struct rc_options *options,
                                     struct rc_figures *figures, const struct rc_columns *columns,
                                     const uint8_t *data) {
    uint64_t batch_rows = rows_in_batch(sender, options, columns), limit_bytes = 0;
    uint64_t batches = (columns->rows + batch_rows - 1) / batch_rows;
    struct rc_answer answer = {.result = 0};
    for (uint64_t i = 0; i < batches && answer.result == 0; i++) {
        uint64_t done = i * batch_rows, left = columns->rows - done;
        struct rc_run run = {columns->first_row + done, left < batch_rows ? left : batch_rows};
        if (options->batching == RC_BATCHING_ADAPTIVE && batches > 1)
            printf("recorder: sdk: sending batch %" PRIu64 "/%" PRIu64 "\n", i + 1, batches);
        answer.result = send_chunk(sender, options, columns, data, run, &limit_bytes);
    }
    size_t batch_bytes = (size_t)batch_rows * columns->row_bytes;
    if (answer.result == -EMSGSIZE)
        return refuse(figures, columns, batch_bytes, (size_t)limit_bytes);
    if (answer.result)
        snprintf(answer.text, sizeof answer.text, "%s",
                 answer.result == -ENOMEM ? "no memory" : "the server is gone");
    return answer;
}

struct rc_answer rc_send_columns(struct rc_sender *sender, const struct rc_options *options,
                                 struct rc_figures *figures, const struct rc_columns *columns) {
    size_t bytes = (size_t)columns->rows * columns->row_bytes;
    size_t most_bytes = (size_t)options->chunk_max_bytes;
    size_t chunk_bytes = (size_t)rows_in_batch(sender, options, columns) * columns->row_bytes;
    rc_figure_add(figures, RC_SDK_CALLS, 1);
    if (options->chunk_limit == RC_CHUNK_REFUSE && chunk_bytes > most_bytes)
        return refuse(figures, columns, chunk_bytes, most_bytes);
    /* The caller's own arrays, which are there for as long as the call. */
    uint8_t *data = malloc(bytes ? bytes : 1);
    if (!data)
        return (struct rc_answer){-ENOMEM, "no memory"};
    memset(data, (int)(columns->first_row % 251), bytes);
    rc_figure_add(figures, RC_ACCOUNT_SDK_BYTES, (int64_t)bytes);
    struct rc_answer answer = send_batches(sender, options, figures, columns, data);
    rc_figure_add(figures, RC_ACCOUNT_SDK_BYTES, -(int64_t)bytes);
    free(data);
    return answer;
}
