#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../reports/json_values.h"
#include "../reports/page.h"
#include "clock.h"
#include "interrupt.h"
#include "live_state.h"

static const int niceness = 10;
static const int64_t second_ns = 1000000000;
static const int64_t figures_period_ns = 250000000;
static const int64_t look_period_ns = 1000000000;
static const int share_of_time = 10; /* a look that took 1 s is followed by 9 s of rest */
static const int farewell_s = 8, farewell_interrupted_s = 1;

/* Until somebody watches or the record is final; 0 when it is time to stop. */
static int wait_for_watchers(struct sm_live *live) {
    while (!live->is_stopping && !live->is_final && live->watching == 0)
        pthread_cond_wait(&live->changed, &live->lock);
    return !live->is_stopping;
}

static void rest(struct sm_live *live, int64_t for_ns) {
    const struct timespec until = sm_timespec(sm_now_ns() + for_ns);
    while (!live->is_stopping && !live->is_final &&
           pthread_cond_timedwait(&live->changed, &live->lock, &until) == 0)
        ;
}

static void publish(struct sm_live *live, void *bytes, size_t length, int is_over) {
    if (bytes) {
        free(live->look);
        live->look = bytes;
        live->look_bytes = length;
        live->look_number++;
    }
    live->is_over = is_over;
    pthread_cond_broadcast(&live->changed);
}

static void *look_on(void *argument) {
    struct sm_live *live = argument;
    setpriority(PRIO_PROCESS, (id_t)gettid(), niceness);
    pthread_mutex_lock(&live->lock);
    while (!live->is_over && wait_for_watchers(live)) {
        int is_final = live->is_final;
        void *bytes = NULL;
        size_t length = 0;
        struct sm_error err = {0};
        pthread_mutex_unlock(&live->lock);
        int64_t begun_ns = sm_now_ns();
        sm_live_look(live->record_path, is_final, &live->names, &bytes, &length, &err);
        int64_t took_ns = sm_now_ns() - begun_ns;
        pthread_mutex_lock(&live->lock);
        publish(live, bytes, length, is_final);
        int64_t rest_ns = took_ns * (share_of_time - 1);
        if (!is_final)
            rest(live, rest_ns > look_period_ns ? rest_ns : look_period_ns);
    }
    pthread_mutex_unlock(&live->lock);
    return NULL;
}

static int start_looker(struct sm_live *live, struct sm_error *err) {
    int rc = sm_interrupt_start_thread(&live->looker, look_on, live);
    return rc ? sm_error_errno(err, rc, NULL, NULL, "the live view's thread cannot be started") : 0;
}

static int make_page(struct sm_live *live, const char *title, struct sm_error *err) {
    size_t length;
    FILE *to = open_memstream(&live->page, &length);
    json_t *data = json_pack("{ss s[]}", "mode", "live", "runs");
    int rc = to ? sm_page_write(data, title, "The run goes on.", to, err) : -ENOMEM;
    json_decref(data);
    if (to && fclose(to) && rc == 0)
        rc = -ENOMEM;
    return rc == -ENOMEM ? sm_error_set(err, rc, NULL, NULL, "out of memory") : rc;
}

static void free_live(struct sm_live *live) {
    sm_live_names_free(&live->names);
    pthread_cond_destroy(&live->changed);
    pthread_mutex_destroy(&live->lock);
    free(live->record_path);
    free(live->page);
    free(live->look);
    free(live);
}

int sm_live_start(int port, const char *title, const char *record_path, struct sm_live **ret_live,
                  struct sm_error *err) {
    struct sm_live *live = calloc(1, sizeof *live);
    if (!live)
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    pthread_mutex_init(&live->lock, NULL);
    sm_cond_init(&live->changed);
    live->record_path = strdup(record_path);
    int rc = live->record_path ? make_page(live, title, err)
                               : sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    if (rc == 0)
        rc = sm_live_serve(live, port, err);
    if (rc == 0)
        rc = start_looker(live, err);
    if (rc) {
        sm_live_stop_serving(live);
        free_live(live);
        return rc;
    }
    *ret_live = live;
    return 0;
}

int sm_live_port(const struct sm_live *live) {
    return live->port;
}

void sm_live_show(struct sm_live *live, double t_s, const struct sm_progress_figures *figures) {
    int64_t now_ns = sm_now_ns();
    if (!live || now_ns < live->figures_at_ns + figures_period_ns)
        return;
    json_t *object = json_pack(
        "{sf so sf sf so so so sb sI sI sI sI so}", "t_s", t_s, "phase",
        sm_json_text(figures->phase), "phase_at_s", figures->phase_at_s, "phase_length_s",
        figures->phase_length_s, "heap", sm_json_number(figures->heap_bytes), "rss",
        sm_json_number(figures->rss_bytes), "fds", sm_json_number(figures->fds), "has_load",
        figures->has_load, "offered", (json_int_t)figures->offered, "accepted",
        (json_int_t)figures->accepted, "refused", (json_int_t)figures->refused, "unanswered",
        (json_int_t)figures->unanswered, "delivered",
        figures->delivered < 0 ? json_null() : sm_json_number(figures->delivered));
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    pthread_mutex_lock(&live->lock);
    live->figures_at_ns = now_ns;
    if (text && strlen(text) < sizeof live->figures) {
        snprintf(live->figures, sizeof live->figures, "%s", text);
        live->figures_number++;
        pthread_cond_broadcast(&live->changed);
    }
    pthread_mutex_unlock(&live->lock);
    free(text);
    json_decref(object);
}

void sm_live_finish(struct sm_live *live) {
    if (!live)
        return;
    pthread_mutex_lock(&live->lock);
    live->is_final = 1;
    int has_watchers = live->watching > 0;
    if (!has_watchers)
        live->is_stopping = 1;
    pthread_cond_broadcast(&live->changed);
    pthread_mutex_unlock(&live->lock);
    pthread_join(live->looker, NULL);
    const struct timespec until = sm_timespec(
        sm_now_ns() + (sm_interrupt_pending() ? farewell_interrupted_s : farewell_s) * second_ns);
    pthread_mutex_lock(&live->lock);
    while ((live->watching > 0 || live->owed > 0) &&
           pthread_cond_timedwait(&live->changed, &live->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&live->lock);
    sm_live_stop_serving(live);
    free_live(live);
}
