#include "environment.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

static char *environment_json(void) {
    struct utsname name;
    if (uname(&name))
        return NULL;
    json_int_t memory = (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    json_t *object = json_pack("{s:s, s:s, s:I, s:I, s:s}", "kernel", name.release, "machine",
                               name.machine, "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN),
                               "memory_bytes", memory, "libc", gnu_get_libc_version());
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

void sm_environment_write(struct sm_record *record) {
    char started[32];
    char *environment = environment_json();
    snprintf(started, sizeof started, "%lld", (long long)time(NULL));
    sm_record_set_meta(record, SM_META_STARTED, started);
    sm_record_set_meta(record, SM_META_VERSION, SPILLMARK_VERSION);
    sm_record_set_meta(record, SM_META_ENVIRONMENT, environment ? environment : "{}");
    free(environment);
}
