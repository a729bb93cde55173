#include "scenario_names.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paths.h"

enum { NAMES_MAX = 1000 };

static int add(struct sm_scenario_names *names, const char *folder, const char *file,
               size_t file_length) {
    char **grown = realloc(names->names, (names->count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    names->names = grown;
    if (asprintf(&grown[names->count], "%s/%.*s", folder, (int)file_length, file) < 0)
        return -ENOMEM;
    names->count++;
    return 0;
}

static int list_folder(struct sm_scenario_names *names, const char *folder) {
    char *path;
    int rc = 0;
    if (asprintf(&path, "%s/%s", sm_path_scenarios(), folder) < 0)
        return -ENOMEM;
    DIR *dir = opendir(path);
    free(path);
    if (!dir)
        return 0; /* a file among the folders */
    const struct dirent *entry;
    while (rc == 0 && names->count < NAMES_MAX && (entry = readdir(dir))) {
        size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".lua") == 0 &&
            !strchr("._", entry->d_name[0]))
            rc = add(names, folder, entry->d_name, length - 4);
    }
    closedir(dir);
    return rc;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int sm_scenario_names(struct sm_scenario_names *ret_names, struct sm_error *err) {
    struct sm_scenario_names names = {0};
    int rc = 0;
    DIR *dir = opendir(sm_path_scenarios());
    if (!dir)
        return sm_error_errno(err, -errno, sm_path_scenarios(), "is the installation complete?",
                              "no shipped scenarios");
    const struct dirent *entry;
    while (rc == 0 && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            rc = list_folder(&names, entry->d_name);
    closedir(dir);
    if (rc) {
        sm_scenario_names_free(&names);
        return sm_error_errno(err, rc, sm_path_scenarios(), NULL, "cannot list");
    }
    if (names.count > 0)
        qsort(names.names, names.count, sizeof *names.names, by_text);
    *ret_names = names;
    return 0;
}

void sm_scenario_names_free(struct sm_scenario_names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct sm_scenario_names){0};
}
