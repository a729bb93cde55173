/* keeper_terminal.h - lends the harness's terminal to one interactive program: its group becomes
 * the foreground group, and the harness gets the terminal back, in the modes it had, when the
 * program ends or is stopped (Ctrl-Z). Keeper's thread only. */
#pragma once

#include <sys/types.h>
#include <termios.h>

struct sm_keeper_terminal {
    int fd;        /* -1 = there is none, or the harness is not in the foreground */
    pid_t harness; /* its process */
    pid_t harness_group;
    pid_t borrower;      /* group of the program that has it; 0 = none */
    int suspended;       /* harness and program are stopped by job control: looks so far, from 1 */
    int harness_stopped; /* seen to be */
    struct termios modes;
};

/* Standard input, when it is a terminal. */
void sm_keeper_terminal_open(struct sm_keeper_terminal *terminal, pid_t harness);

/* The descriptor to start a program on, -1 when the terminal cannot be lent. */
int sm_keeper_terminal_lend(struct sm_keeper_terminal *terminal);
void sm_keeper_terminal_lent_to(struct sm_keeper_terminal *terminal, pid_t group);

/* The program ended: the harness's group is the foreground again. */
void sm_keeper_terminal_return(struct sm_keeper_terminal *terminal, pid_t group);

/* The program was stopped: the harness is stopped with it, as one job of the user's shell. */
void sm_keeper_terminal_suspend(struct sm_keeper_terminal *terminal, pid_t group);

/* While suspended, called a few times a second: goes on once the shell has continued us. */
void sm_keeper_terminal_poll(struct sm_keeper_terminal *terminal);
