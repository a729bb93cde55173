#include "symbolize.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The program may have been deleted or rebuilt since. */
void sm_symbolize(const char *record, struct sm_module_file *files, size_t count) {
    const struct sm_symbols_options options = {.files = files, .file_count = count};
    struct sm_error err = {0};
    char line[900];
    if (sm_symbols_resolve_record(record, &options, NULL, &err))
        fprintf(stderr, "spillmark: no names for the stacks: %s\n",
                sm_error_format(&err, line, sizeof line));
}

void sm_module_files_close(struct sm_module_file *files, size_t count) {
    for (size_t i = 0; i < count; i++)
        close(files[i].fd);
    free(files);
}
