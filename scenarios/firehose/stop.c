#include "stop.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "channel.h"
#include "monotonic.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wish;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_requested;

static void set_up(void) {
    monotonic_cond_init(&wish);
}

void fh_stop_request(void) {
    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    is_requested = true;
    pthread_cond_broadcast(&wish);
    pthread_mutex_unlock(&lock);
}

bool fh_stop_is_requested(void) {
    pthread_mutex_lock(&lock);
    bool result = is_requested;
    pthread_mutex_unlock(&lock);
    return result;
}

bool fh_stop_sleep(unsigned ms) {
    pthread_once(&once, set_up);
    int64_t deadline_ns = fh_now_ns() + (int64_t)ms * 1000000;
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};
    pthread_mutex_lock(&lock);
    while (!is_requested && pthread_cond_timedwait(&wish, &lock, &deadline) != ETIMEDOUT)
        continue;
    bool result = is_requested;
    pthread_mutex_unlock(&lock);
    return result;
}
