#include "settler.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "interrupt.h"

static const int niceness = 10;

struct sm_settler {
    char *record_path;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wanted;
    int is_wanted, is_all_seen, is_stopping;
    struct sm_settled found;
    struct sm_error first_error;
};

/* Waits for something to do; returns whether it is a look. */
static int wait_for_look(struct sm_settler *settler, int *ret_all_seen) {
    pthread_mutex_lock(&settler->lock);
    while (!settler->is_wanted && !settler->is_stopping)
        pthread_cond_wait(&settler->wanted, &settler->lock);
    int go_on = !settler->is_stopping;
    settler->is_wanted = 0;
    *ret_all_seen = settler->is_all_seen;
    pthread_mutex_unlock(&settler->lock);
    return go_on;
}

static void *look(void *argument) {
    struct sm_settler *settler = argument;
    int is_all_seen;
    setpriority(PRIO_PROCESS, (id_t)gettid(), niceness);
    while (wait_for_look(settler, &is_all_seen)) {
        struct sm_settled settled = {0};
        struct sm_error err = {0};
        sm_settled_look(settler->record_path, is_all_seen, &settled, &err);
        pthread_mutex_lock(&settler->lock);
        if (!settler->found.is_settled)
            settler->found = settled;
        if (err.code && !settler->first_error.code)
            settler->first_error = err;
        pthread_mutex_unlock(&settler->lock);
    }
    return NULL;
}

int sm_settler_start(const char *record_path, struct sm_settler **ret_settler,
                     struct sm_error *err) {
    struct sm_settler *settler = calloc(1, sizeof *settler);
    char *path = strdup(record_path);
    if (!settler || !path) {
        free(settler);
        free(path);
        return sm_error_set(err, -ENOMEM, NULL, NULL, "out of memory");
    }
    settler->record_path = path;
    pthread_mutex_init(&settler->lock, NULL);
    pthread_cond_init(&settler->wanted, NULL);
    int rc = sm_interrupt_start_thread(&settler->thread, look, settler);
    if (rc) {
        pthread_cond_destroy(&settler->wanted);
        pthread_mutex_destroy(&settler->lock);
        free(settler->record_path);
        free(settler);
        return sm_error_errno(err, rc, NULL, NULL, "the judging thread cannot be started");
    }
    *ret_settler = settler;
    return 0;
}

void sm_settler_look(struct sm_settler *settler, int is_all_seen) {
    pthread_mutex_lock(&settler->lock);
    settler->is_wanted = 1;
    settler->is_all_seen = is_all_seen;
    pthread_cond_signal(&settler->wanted);
    pthread_mutex_unlock(&settler->lock);
}

int sm_settler_answer(struct sm_settler *settler, struct sm_settled *ret_settled) {
    pthread_mutex_lock(&settler->lock);
    int is_settled = settler->found.is_settled;
    if (is_settled)
        *ret_settled = settler->found;
    pthread_mutex_unlock(&settler->lock);
    return is_settled;
}

void sm_settler_failure(struct sm_settler *settler, struct sm_error *ret_first) {
    pthread_mutex_lock(&settler->lock);
    *ret_first = settler->first_error;
    pthread_mutex_unlock(&settler->lock);
}

void sm_settler_stop(struct sm_settler *settler) {
    if (!settler)
        return;
    pthread_mutex_lock(&settler->lock);
    settler->is_stopping = 1;
    pthread_cond_signal(&settler->wanted);
    pthread_mutex_unlock(&settler->lock);
    pthread_join(settler->thread, NULL);
    pthread_cond_destroy(&settler->wanted);
    pthread_mutex_destroy(&settler->lock);
    free(settler->record_path);
    free(settler);
}
