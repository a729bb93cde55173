/* execution_variables.c - which environment variables a scenario sets for its target. */
#include "execution_internal.h"

#include <stdlib.h>
#include <string.h>

#include "../reports/json_values.h"

void sm_execution_write_variables(struct sm_execution *execution) {
    size_t count = 0;
    const char *const *settings = sm_block_texts(execution->scenario->target, "env", &count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *equals = strchr(settings[i], '=');
        char *name = equals ? strndup(settings[i], (size_t)(equals - settings[i])) : NULL;
        if (name)
            sm_json_set(object, name,
                        execution->options->is_env_recorded ? sm_json_text(equals + 1)
                                                            : json_null());
        free(name);
    }
    char *text = count ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text)
        sm_record_set_meta(execution->record, SM_META_VARIABLES, text);
    free(text);
    json_decref(object);
}
