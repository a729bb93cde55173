/* judge-csv FILE...: the verdicts on each trace as one line of JSON, in order.
 * With --upto SECONDS only the first seconds of each are known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "growth.h"
#include "render_verdicts.h"

static int judge(const char *path, double upto_s) {
    struct sm_trace *trace;
    struct sm_error err = {0};
    char text[1200];
    int rc = sm_trace_read_csv(path, &trace, &err);
    if (rc == 0) {
        trace->count = sm_growth_prefix(trace, upto_s);
        rc = sm_render_verdicts(trace, stdout, &err);
        sm_trace_free(trace);
    }
    if (rc < 0)
        fprintf(stderr, "judge-csv: %s\n", sm_error_format(&err, text, sizeof text));
    return rc < 0 ? 3 : 0;
}

int main(int argc, char **argv) {
    int first = 1, status = 0;
    double upto_s = INFINITY;
    if (argc > 2 && strcmp(argv[1], "--upto") == 0) {
        upto_s = strtod(argv[2], NULL);
        first = 3;
    }
    for (int i = first; i < argc; i++)
        if (judge(argv[i], upto_s) != 0)
            status = 3;
    return status;
}
