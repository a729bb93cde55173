/* Tables for spreadsheets and scripts. `csv` has the run on its regular clock and reads back:
 * `spillmark report FILE.csv` comes to the same verdicts. `csv-ledger` has what became of units. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "render.h"
#include "trace_csv.h"
#include "trace_record.h"

/* All series of the whole target that the trace has no column for, on its clock. */
static int add_series(const struct sm_run *run, const struct sm_trace *trace,
                      struct sm_trace_extra *extras, size_t *ret_count) {
    size_t count = 0;
    for (size_t i = 0; i < run->series_count && count < SM_TRACE_CSV_EXTRAS; i++) {
        const struct sm_series *series = &run->series[i];
        if (series->process_id != 0 || sm_trace_column(trace, series->name))
            continue;
        double *values = calloc(trace->count ? trace->count : 1, sizeof *values);
        if (!values)
            return -ENOMEM;
        sm_trace_resample(run, trace, series, values);
        extras[count++] = (struct sm_trace_extra){series->name, values};
        *ret_count = count;
    }
    return 0;
}

int sm_render_csv(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                  struct sm_error *err) {
    struct sm_trace_extra extras[SM_TRACE_CSV_EXTRAS] = {0};
    size_t count = 0;
    if (!analysis->trace)
        return sm_error_set(err, -ENODATA, run->path, "let it run for longer",
                            "the record holds no measured time");
    int rc = add_series(run, analysis->trace, extras, &count);
    if (rc == 0)
        sm_trace_write_csv(analysis->trace, extras, count, to);
    for (size_t i = 0; i < count; i++)
        free(extras[i].values);
    return rc ? sm_error_set(err, rc, run->path, NULL, "out of memory") : 0;
}

int sm_render_csv_ledger(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                         struct sm_error *err) {
    struct sm_ledger_row rows[SM_LEDGER_ROWS];
    sm_ledger_rows(&analysis->ledger, rows);
    (void)run;
    (void)err;
    fputs("what,units\n", to);
    for (size_t i = 0; i < SM_LEDGER_ROWS; i++) {
        fprintf(to, "%s,", rows[i].name);
        if (rows[i].is_known)
            fprintf(to, "%" PRId64, rows[i].units);
        fputc('\n', to);
    }
    return 0;
}
