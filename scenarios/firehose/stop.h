/* stop.h - the one wish to stop, which every thread can sleep against. Any thread. */
#pragma once

#include <stdbool.h>

/* From now on fh_stop_sleep returns at once. */
void fh_stop_request(void);
bool fh_stop_is_requested(void);

/* Sleeps so long, or until the wish. True when there is one. */
bool fh_stop_sleep(unsigned ms);
