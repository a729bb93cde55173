#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

static volatile sig_atomic_t pending;

static void note(int signal_number) {
    pending = signal_number;
}

void sm_interrupt_install(void) {
    struct sigaction action = {.sa_handler = note};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

int sm_interrupt_pending(void) {
    return pending;
}

void sm_interrupt_hurry(void) {
    setpriority(PRIO_PROCESS, 0, -20); /* of the thread: 0 is the calling one */
}

void sm_interrupt_ignore(void) {
    static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGPIPE,
                                  SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

int sm_interrupt_start_thread(pthread_t *ret_thread, void *(*run)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(ret_thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}
