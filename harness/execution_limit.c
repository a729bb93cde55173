/* execution_limit.c - the target's limit on memory: made before it, watched with every tick. */
#include "execution_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int sm_execution_make_limit(struct sm_execution *execution, struct sm_error *err) {
    const struct sm_scenario *scenario = execution->scenario;
    char line[400];
    if (!scenario || execution->options->load_only)
        return 0;
    double bytes = sm_block_quantity(scenario->target, "memory");
    if (bytes <= 0)
        return 0;
    int rc = sm_limit_make((uint64_t)bytes, execution->keeper, &execution->limit);
    if (rc)
        return sm_error_set(err, rc, NULL, NULL, "out of memory");
    sm_execution_event(execution, "limit", "%s",
                       sm_limit_text(execution->limit, line, sizeof line));
    sm_execution_write_limit(execution);
    return 0;
}

void sm_execution_watch_limit(struct sm_execution *execution) {
    char line[400];
    if (!execution->limit)
        return;
    sm_limit_allow(execution->limit, sm_sampler_charged_bytes(execution->sampler));
    uint64_t kills = sm_limit_kills(execution->limit);
    if (kills <= execution->limit_kills_told)
        return;
    execution->limit_kills_told = kills;
    sm_execution_event(execution, "limit", "%s",
                       sm_limit_text(execution->limit, line, sizeof line));
}

/* What the limit did so far: a harness that is killed leaves at least what was asked. */
void sm_execution_write_limit(struct sm_execution *execution) {
    char *text = execution->limit ? sm_limit_json(execution->limit) : NULL;
    if (text)
        sm_record_set_meta(execution->record, SM_META_LIMIT, text);
    free(text);
}
