#include "figures.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FATES = 16384 };

struct fate {
    _Atomic uint64_t id;
    _Atomic int64_t on_its_way, held_bytes;
    atomic_bool is_shown, has_failed;
};

struct rc_figures {
    _Atomic int64_t values[RC_FIGURE_COUNT];
    _Atomic int64_t zombie_peak_bytes;
    struct fate fates[FATES];
};

static const struct {
    const char *group, *what;
} names[] = {
#define RC_NAME(name, group, what) {group, what},
    RC_FIGURES(RC_NAME)
#undef RC_NAME
};

int rc_figures_create(void) {
    int fd = memfd_create("recorder-figures", 0);
    if (fd >= 0 && ftruncate(fd, sizeof(struct rc_figures)) == 0)
        return fd;
    fprintf(stderr, "recorder: cannot share memory: %s\n", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

struct rc_figures *rc_figures_open(int fd) {
    void *page = mmap(NULL, sizeof(struct rc_figures), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED)
        return page;
    fprintf(stderr, "recorder: cannot share memory: %s\n", strerror(errno));
    return NULL;
}

void rc_figure_add(struct rc_figures *figures, enum rc_figure figure, int64_t change) {
    atomic_fetch_add(&figures->values[figure], change);
}

void rc_figure_set(struct rc_figures *figures, enum rc_figure figure, int64_t value) {
    atomic_store(&figures->values[figure], value);
}

int64_t rc_figure(struct rc_figures *figures, enum rc_figure figure) {
    return atomic_load(&figures->values[figure]);
}

static void raise_to(_Atomic int64_t *peak, int64_t value) {
    int64_t old = atomic_load(peak);
    while (old < value && !atomic_compare_exchange_weak(peak, &old, value))
        continue;
}

void rc_figure_peak(struct rc_figures *figures, enum rc_figure figure, int64_t value) {
    raise_to(&figures->values[figure], value);
}

/* NULL when it is too long ago. */
static struct fate *find(struct rc_figures *figures, uint64_t id) {
    struct fate *fate = &figures->fates[id % FATES];
    return atomic_load(&fate->id) == id ? fate : NULL;
}

void rc_fate_begin(struct rc_figures *figures, uint64_t id, uint64_t bytes) {
    struct fate *fate = &figures->fates[id % FATES];
    atomic_store(&fate->id, 0);
    atomic_store(&fate->is_shown, false);
    atomic_store(&fate->has_failed, false);
    atomic_store(&fate->held_bytes, (int64_t)bytes);
    atomic_store(&fate->on_its_way, 1);
    atomic_store(&fate->id, id);
}

static void change_way(struct rc_figures *figures, uint64_t id, int64_t change) {
    struct fate *fate = find(figures, id);
    if (fate)
        atomic_fetch_add(&fate->on_its_way, change);
}

void rc_fate_enter(struct rc_figures *figures, uint64_t id) {
    change_way(figures, id, 1);
}

void rc_fate_leave(struct rc_figures *figures, uint64_t id) {
    change_way(figures, id, -1);
}

void rc_fate_shown(struct rc_figures *figures, uint64_t id) {
    struct fate *fate = find(figures, id);
    if (fate)
        atomic_store(&fate->is_shown, true);
}

void rc_fate_failed(struct rc_figures *figures, uint64_t id) {
    struct fate *fate = find(figures, id);
    if (fate)
        atomic_store(&fate->has_failed, true);
}

void rc_fate_hold(struct rc_figures *figures, uint64_t id, int64_t change_bytes) {
    struct fate *fate = find(figures, id);
    if (fate)
        atomic_fetch_add(&fate->held_bytes, change_bytes);
}

static void sum_up(struct rc_figures *figures, int64_t *ret_zombie_bytes,
                   int64_t *ret_in_flight_bytes) {
    int64_t zombie_bytes = 0, in_flight_bytes = 0;
    for (size_t i = 0; i < FATES; i++) {
        struct fate *fate = &figures->fates[i];
        int64_t held_bytes = atomic_load(&fate->id) ? atomic_load(&fate->held_bytes) : 0;
        if (held_bytes <= 0)
            continue;
        if (atomic_load(&fate->on_its_way) > 0)
            in_flight_bytes += held_bytes;
        else if (atomic_load(&fate->has_failed) && !atomic_load(&fate->is_shown))
            zombie_bytes += held_bytes;
    }
    raise_to(&figures->zombie_peak_bytes, zombie_bytes);
    *ret_zombie_bytes = zombie_bytes;
    *ret_in_flight_bytes = in_flight_bytes;
}

size_t rc_figures_json(void *context, char *text, size_t size) {
    struct rc_figures *figures = context;
    const char *group = "";
    int64_t zombie_bytes, in_flight_bytes;
    size_t used = 0;
    sum_up(figures, &zombie_bytes, &in_flight_bytes);
    for (size_t i = 0; i < RC_FIGURE_COUNT; i++) {
        bool is_new = strcmp(group, names[i].group) != 0;
        if (is_new)
            used += (size_t)snprintf(text + used, size - used, "%s\"%s\": {", i ? "},\n " : "{",
                                     names[i].group);
        group = names[i].group;
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\": %lld", is_new ? "" : ", ",
                                 names[i].what, (long long)rc_figure(figures, (enum rc_figure)i));
    }
    used += (size_t)snprintf(
        text + used, size - used,
        ", \"zombie_bytes\": %lld, \"zombie_peak_bytes\": %lld, \"in_flight_bytes\": %lld},\n"
        " \"dropped_rows_total\": %lld}\n",
        (long long)zombie_bytes, (long long)atomic_load(&figures->zombie_peak_bytes),
        (long long)in_flight_bytes,
        (long long)(rc_figure(figures, RC_SDK_DROPPED_ROWS) +
                    rc_figure(figures, RC_SERVER_DROPPED_ROWS) +
                    rc_figure(figures, RC_VIEWER_DROPPED_ROWS)));
    return used;
}
