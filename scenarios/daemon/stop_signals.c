#include "stop_signals.h"

#include <stddef.h>

void stop_signals_block(sigset_t *ret_signals) {
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void stop_signals_wait(const sigset_t *signals) {
    int signal_number;
    while (sigwait(signals, &signal_number)) {
    }
}
