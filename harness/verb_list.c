/* verb_list.c - spillmark list: the shipped scenarios, what each shows and what it takes. */
#include <stdio.h>
#include <string.h>

#include "paths.h"
#include "scenario.h"
#include "scenario_names.h"
#include "verbs.h"

static void print_value(const char *value) {
    /* What has blanks, or nothing in it, would not be seen without quotes. */
    bool needs_quotes = value[0] == '\0' || strpbrk(value, " \t,") != NULL;
    printf(needs_quotes ? "\"%s\"" : "%s", value);
}

static void print_param(const struct sm_param *param, int name_width) {
    printf("    %-*s  ", name_width, param->name);
    print_value(param->fallback);
    for (size_t i = 1; param->choices && param->choices[i]; i++) {
        printf(i == 1 ? " (or " : ", ");
        print_value(param->choices[i]);
    }
    printf("%s%s%s\n", param->choices && param->choices[1] ? ")" : "", param->help[0] ? "  " : "",
           param->help);
}

static void print_scenario(const struct sm_scenario *scenario) {
    int width = 0;
    printf("%s\n    %s\n", scenario->name, scenario->title);
    for (size_t i = 0; i < scenario->param_count; i++) {
        int length = (int)strlen(scenario->params[i].name);
        width = length > width ? length : width;
    }
    for (size_t i = 0; i < scenario->param_count; i++)
        print_param(&scenario->params[i], width);
}

static int list_one(const char *name) {
    const struct sm_scenario_dirs dirs = {
        .bin = sm_path_pipelines(), .run = "RUN", .data = "DATA", .log = "LOG"};
    struct sm_scenario *scenario;
    struct sm_error err = {0};
    if (sm_scenario_load(name, &dirs, NULL, 0, 1, &scenario, &err))
        return sm_verb_fail("list", &err, SM_STATUS_USAGE);
    print_scenario(scenario);
    sm_scenario_free(scenario);
    return SM_STATUS_OK;
}

/* A scenario that cannot be loaded is told on standard error; the others are listed. */
int sm_verb_list(int argc, char **argv) {
    struct sm_scenario_names names;
    struct sm_error err = {0};
    int status = SM_STATUS_OK;
    if (argc > 1)
        return sm_verb_usage("list", "unknown argument %s", argv[1]);
    if (sm_scenario_names(&names, &err))
        return sm_verb_fail("list", &err, SM_STATUS_BROKEN);
    for (size_t i = 0; i < names.count; i++) {
        if (i > 0)
            printf("\n");
        int one = list_one(names.names[i]);
        status = one == SM_STATUS_OK ? status : one;
    }
    sm_scenario_names_free(&names);
    if (fflush(stdout) || ferror(stdout))
        return SM_STATUS_BROKEN;
    return status;
}
