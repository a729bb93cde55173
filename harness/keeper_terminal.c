#include "keeper_terminal.h"

#include <signal.h>
#include <unistd.h>

#include "proc.h"

enum { LOOKS_FOR_A_STOP = 10 };

void sm_keeper_terminal_open(struct sm_keeper_terminal *terminal, pid_t harness) {
    *terminal = (struct sm_keeper_terminal){
        .fd = -1, .harness = harness, .harness_group = getpgid(harness)};
    if (isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == terminal->harness_group)
        terminal->fd = STDIN_FILENO;
}

int sm_keeper_terminal_lend(struct sm_keeper_terminal *terminal) {
    if (terminal->fd < 0 || terminal->borrower ||
        tcgetpgrp(terminal->fd) != terminal->harness_group ||
        tcgetattr(terminal->fd, &terminal->modes))
        return -1;
    return terminal->fd;
}

void sm_keeper_terminal_lent_to(struct sm_keeper_terminal *terminal, pid_t group) {
    terminal->borrower = group;
}

static void take_back(struct sm_keeper_terminal *terminal) {
    if (tcgetpgrp(terminal->fd) == terminal->borrower)
        tcsetpgrp(terminal->fd, terminal->harness_group);
}

void sm_keeper_terminal_return(struct sm_keeper_terminal *terminal, pid_t group) {
    if (terminal->borrower == 0 || group != terminal->borrower)
        return;
    take_back(terminal);
    tcsetattr(terminal->fd, TCSADRAIN, &terminal->modes);
    terminal->borrower = 0;
    terminal->suspended = 0;
}

void sm_keeper_terminal_suspend(struct sm_keeper_terminal *terminal, pid_t group) {
    if (terminal->borrower == 0 || group != terminal->borrower)
        return;
    take_back(terminal);
    terminal->suspended = 1;
    terminal->harness_stopped = 0;
    kill(-terminal->harness_group, SIGTSTP);
}

void sm_keeper_terminal_poll(struct sm_keeper_terminal *terminal) {
    struct sm_proc_stat stat;
    if (!terminal->suspended || sm_proc_stat(terminal->harness, &stat))
        return;
    terminal->harness_stopped |= stat.state == 'T';
    /* A harness that no shell looks after does not stop, and then neither does the program. */
    if (stat.state == 'T' ||
        (!terminal->harness_stopped && terminal->suspended++ < LOOKS_FOR_A_STOP))
        return;
    terminal->suspended = 0;
    /* In the background ("bg") the program goes on without the terminal, as any job would. */
    if (tcgetpgrp(terminal->fd) == terminal->harness_group)
        tcsetpgrp(terminal->fd, terminal->borrower);
    kill(-terminal->borrower, SIGCONT);
}
