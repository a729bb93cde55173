/* interrupt.h - Ctrl-C and its relatives: SIGINT, SIGTERM and SIGHUP ask the run to stop. They are
 * for the run's thread: the other threads and the harness's own processes leave them to it. */
#pragma once

#include <pthread.h>

/* Installs the handlers (SIGPIPE is ignored as well). Call once, before threads. */
void sm_interrupt_install(void);

/* The signal that asked to stop, 0 while none has. Async-safe, any thread. */
int sm_interrupt_pending(void);

/* Where that is allowed, the calling thread and what it starts from now on go before what else this
 * machine does: whoever has asked to stop is waiting. */
void sm_interrupt_hurry(void);

/* In a process of the harness's own, after its fork: it goes when the harness goes, so that what a
 * user or a terminal sends to the group is ignored; SIGCHLD is as by default. */
void sm_interrupt_ignore(void);

/* pthread_create of a thread that takes no signals. 0 or a negative errno. */
int sm_interrupt_start_thread(pthread_t *ret_thread, void *(*run)(void *), void *argument);
