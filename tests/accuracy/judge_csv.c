/* judge-csv [--every SECONDS] FILE...: the verdicts on each trace as one line of JSON, in order.
 * With --every, what a live run knew: one line after 5 s of trace, and one whenever so many seconds
 * more have passed, the last at its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "known_after.h"
#include "render_verdicts.h"

static const double FIRST_LOOK_S = 5;

static int judge_looks(const struct sm_trace *trace, double every_s, struct sm_error *err) {
    double end_s = (double)trace->count / trace->rate_hz;
    int rc = 0;
    for (double at_s = FIRST_LOOK_S; every_s > 0 && at_s < end_s && rc == 0; at_s += every_s) {
        struct sm_trace known = known_after(trace, at_s);
        rc = sm_render_verdicts(&known, stdout, err);
    }
    return rc == 0 ? sm_render_verdicts(trace, stdout, err) : rc;
}

static int judge(const char *path, double every_s) {
    struct sm_trace *trace;
    struct sm_error err = {0};
    char text[1200];
    int rc = sm_trace_read_csv(path, &trace, &err);
    if (rc == 0) {
        rc = judge_looks(trace, every_s, &err);
        sm_trace_free(trace);
    }
    if (rc < 0)
        fprintf(stderr, "judge-csv: %s\n", sm_error_format(&err, text, sizeof text));
    return rc < 0 ? 3 : 0;
}

int main(int argc, char **argv) {
    int first = 1, status = 0;
    double every_s = 0;
    if (argc > 2 && strcmp(argv[1], "--every") == 0) {
        every_s = strtod(argv[2], NULL);
        first = 3;
    }
    for (int i = first; i < argc; i++)
        if (judge(argv[i], every_s) != 0)
            status = 3;
    return status;
}
