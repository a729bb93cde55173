#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trace_csv.h"
#include "utf8.h"

const char *const sm_trace_phase_names[] = {[SM_TRACE_IDLE] = "idle",
                                            [SM_TRACE_LOAD] = "load",
                                            [SM_TRACE_FAULT] = "fault",
                                            [SM_TRACE_RECOVER] = "recover",
                                            [SM_TRACE_SETTLE] = "settle"};
const char *const sm_trace_plan_names[] = {[SM_PLAN_PASSIVE] = "passive",
                                           [SM_PLAN_CYCLES] = "cycles",
                                           [SM_PLAN_FAULT] = "fault",
                                           [SM_PLAN_FAULT_CYCLES] = "faultcycles"};

/* A word without what parts cells, words and lines. */
static void put_word(FILE *to, const char *word) {
    char bytes[SM_UTF8_MAX];
    for (uint32_t c; (c = sm_utf8_next(&word)) != 0;)
        fwrite(bytes, 1, sm_utf8_put(c < 0x80 && strchr(" ,;\t\n\"'#=", (int)c) ? '_' : c, bytes),
               to);
}

static void put_number(FILE *to, double value) {
    char text[32];
    if (!isfinite(value))
        return;
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    fputs(text, to);
}

static void put_setting(FILE *to, const char *name, double value) {
    fprintf(to, " %s=", name);
    put_number(to, value);
}

void sm_trace_write_csv(const struct sm_trace *trace, const struct sm_trace_extra *extras,
                        size_t extra_count, FILE *to) {
    const struct {
        const char *name;
        const double *values;
    } columns[] = {
#define X(name) {#name, trace->name},
        SM_TRACE_COLUMNS(X)
#undef X
    };
    enum { COLUMNS = sizeof columns / sizeof *columns };
    fputs("# id=", to);
    put_word(to, trace->id);
    fprintf(to, " plan=%s fault_kind=", sm_trace_plan_names[trace->plan]);
    put_word(to, trace->fault_kind);
    put_setting(to, "fs", trace->rate_hz);
    put_setting(to, "payload", trace->payload_bytes);
    put_setting(to, "min_rate", trace->min_rate_bytes_per_s);
    put_setting(to, "min_rate_fd", trace->min_rate_fds_per_s);
    put_setting(to, "declared_cap", trace->declared_cap);
    put_setting(to, "budget", trace->budget);
    put_setting(to, "goes_on", trace->goes_on);
    fputs("\nt,phase", to);
    for (size_t c = 1; c < COLUMNS; c++)
        if (columns[c].values)
            fprintf(to, ",%s", columns[c].name);
    for (size_t e = 0; e < extra_count; e++) {
        fputc(',', to);
        put_word(to, extras[e].name);
    }
    for (size_t i = 0; i < trace->count; i++) {
        fputc('\n', to);
        put_number(to, trace->t[i]);
        fprintf(to, ",%s", sm_trace_phase_names[trace->phase[i]]);
        for (size_t c = 1; c < COLUMNS; c++)
            if (columns[c].values) {
                fputc(',', to);
                put_number(to, columns[c].values[i]);
            }
        for (size_t e = 0; e < extra_count; e++) {
            fputc(',', to);
            put_number(to, extras[e].values[i]);
        }
    }
    fputc('\n', to);
}
