#include "monotonic.h"

#include <time.h>

void monotonic_cond_init(pthread_cond_t *ret_cond) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(ret_cond, &attributes);
    pthread_condattr_destroy(&attributes);
}
