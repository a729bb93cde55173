/* execution_live.c - the page of the run while it goes on. */
#include "execution_internal.h"

#include <stdio.h>

int sm_execution_start_live(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_execution_options *options = execution->options;
    char title[256];
    if (!options->is_live || options->is_trial)
        return 0;
    snprintf(title, sizeof title, "running %s", options->scenario->name);
    int rc =
        sm_live_start(options->live_port, title, execution->dir->record, &execution->live, err);
    if (rc == 0)
        fprintf(stderr, "spillmark: live at http://127.0.0.1:%d/\n", sm_live_port(execution->live));
    return rc;
}
