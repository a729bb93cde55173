/* An interactive program under the keeper has the terminal: it reads from it, Ctrl-C and Ctrl-Z
 * reach it, and the harness has the terminal back afterwards. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/keeper.h"

enum { PATIENCE_MS = 20000 };
static char self[4096];

static void say(const char *text) {
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        _exit(3);
}

static int child_main(const char *what) {
    char line[64];
    say(tcgetpgrp(STDIN_FILENO) == getpgrp() ? "[foreground]" : "[background]");
    if (strcmp(what, "wait") == 0)
        for (;;)
            pause();
    for (int i = 0; i < 2; i++)
        say(read(STDIN_FILENO, line, sizeof line) > 0 ? "[line]" : "[nothing]");
    return 0;
}

static void run_program(struct sm_keeper *keeper, const char *what) {
    const char *argv[] = {self, "--child", what, NULL};
    struct sm_spawn spawn = {.argv = argv, .inherit_stdio = 1};
    struct sm_exit ended;
    pid_t pid;
    if (sm_keeper_spawn(keeper, &spawn, &pid, NULL))
        say("[not started]");
    while (sm_keeper_next_exit(keeper, 60, &ended) != 1)
        ;
    say(WIFSIGNALED(ended.status) && WTERMSIG(ended.status) == SIGINT ? "[interrupted]"
                                                                      : "[ended]");
    say(tcgetpgrp(STDIN_FILENO) == getpgrp() ? "[back]" : "[lost]");
}

static _Noreturn void be_harness(void) {
    struct sm_keeper *keeper;
    if (sm_keeper_start(&keeper, NULL))
        _exit(9);
    run_program(keeper, "read");
    run_program(keeper, "wait");
    sm_keeper_stop(keeper, 1);
    say("[done]");
    _exit(0);
}

/* What a shell does for one job. */
static _Noreturn void be_shell(int terminal) {
    int status;
    setsid();
    ioctl(terminal, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++)
        dup2(terminal, fd);
    signal(SIGTTOU, SIG_IGN);
    pid_t job = fork();
    setpgid(job, job ? job : getpid());
    tcsetpgrp(STDIN_FILENO, job ? job : getpid());
    if (job == 0) {
        signal(SIGTTOU, SIG_DFL);
        be_harness();
    }
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        tcsetpgrp(STDIN_FILENO, getpgrp());
        say("[stopped]");
        tcsetpgrp(STDIN_FILENO, job);
        kill(-job, SIGCONT);
    }
    _exit(0);
}

static void expect(int master, const char *text) {
    static char seen[8192];
    static size_t used;
    char *found;
    while (!(found = strstr(seen, text))) {
        struct pollfd polled = {.fd = master, .events = POLLIN};
        if (poll(&polled, 1, PATIENCE_MS) != 1 || used + 1 >= sizeof seen)
            fail_msg("no %s after \"%s\"", text, seen);
        ssize_t got = read(master, seen + used, sizeof seen - 1 - used);
        if (got <= 0)
            fail_msg("the terminal closed before %s after \"%s\"", text, seen);
        used += (size_t)got;
        seen[used] = '\0';
    }
    /* What came before it is done with. */
    memset(seen, ' ', (size_t)(found - seen) + strlen(text));
}

static void type(int master, const char *keys) {
    assert_int_equal(write(master, keys, strlen(keys)), strlen(keys));
}

static void test_terminal_is_lent_and_returned(void **state) {
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    pid_t shell = fork();
    if (shell == 0) {
        close(master);
        be_shell(terminal);
    }
    expect(master, "[foreground]");
    type(master, "first\n");
    expect(master, "[line]");
    type(master, "\x1a"); /* Ctrl-Z */
    expect(master, "[stopped]");
    type(master, "second\n");
    expect(master, "[line]");
    expect(master, "[ended][back]");
    expect(master, "[foreground]");
    type(master, "\x03"); /* Ctrl-C */
    expect(master, "[interrupted][back]");
    expect(master, "[done]");
    int status;
    assert_int_equal(waitpid(shell, &status, 0), shell);
    close(terminal);
    close(master);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2]);
    if (!realpath("/proc/self/exe", self))
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_terminal_is_lent_and_returned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
