#include "paths.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    char probe[PATH_MAX + 64], pipelines[PATH_MAX + 64], scenarios[PATH_MAX + 64];
} paths;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void cut_last(char *path) {
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
}

static void find(void) {
    char prefix[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", prefix, sizeof prefix - 1);
    prefix[length > 0 ? length : 0] = '\0';
    cut_last(prefix);
    cut_last(prefix);
    snprintf(paths.probe, sizeof paths.probe, "%s/lib/spillmark/libspillmark-probe.so", prefix);
    snprintf(paths.pipelines, sizeof paths.pipelines, "%s/lib/spillmark/pipelines", prefix);
    snprintf(paths.scenarios, sizeof paths.scenarios, "%s/share/spillmark/scenarios", prefix);
}

const char *sm_path_probe(void) {
    pthread_once(&once, find);
    return paths.probe;
}

const char *sm_path_pipelines(void) {
    pthread_once(&once, find);
    return paths.pipelines;
}

const char *sm_path_scenarios(void) {
    pthread_once(&once, find);
    return paths.scenarios;
}
