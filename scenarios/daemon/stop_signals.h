/* stop_signals.h - how a daemon is told to stop: by SIGTERM or SIGINT, which only the thread that
 * waits for them sees. */
#pragma once

#include <signal.h>

/* Blocks them and ignores SIGPIPE; fills *ret_signals for sigwait. To be called before any thread
 * or process is made, all of which inherit it. */
void stop_signals_block(sigset_t *ret_signals);

/* Waits until one comes. */
void stop_signals_wait(const sigset_t *signals);
