/* The keeper: starts, tells, signals and, whatever happens to the harness, leaves nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/clock.h"
#include "harness/keeper.h"
#include "harness/proc.h"
#include "harness/run_dir.h"

static const double patience_s = 20;
static char self[4096], scratch[256];

/* ---- what the started programs do: this file again, with --child ---- */

static void say(const char *text) {
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        _exit(3);
}

static int child_daemon(void) {
    if (fork())
        return 0;
    setsid();
    if (fork())
        _exit(0);
    signal(SIGTERM, SIG_IGN);
    say("d");
    for (;;)
        pause();
}

static int child_main(const char *what) {
    if (strcmp(what, "exit") == 0)
        return 7;
    if (strcmp(what, "daemon") == 0)
        return child_daemon();
    if (strcmp(what, "stubborn") == 0)
        signal(SIGTERM, SIG_IGN);
    if (strcmp(what, "environment") == 0) {
        const char *value = getenv("KEEPER_TEST");
        say(value ? value : "(unset)");
        say(" in ");
        char cwd[4096];
        say(getcwd(cwd, sizeof cwd) ? cwd : "(nowhere)");
        return 0;
    }
    say("r");
    if (strcmp(what, "stopped") == 0)
        raise(SIGSTOP);
    for (;;)
        pause();
}

static int spawn_child(struct sm_keeper *keeper, const char *what, const char *output,
                       pid_t *ret_pid) {
    const char *argv[] = {self, "--child", what, NULL};
    struct sm_spawn spawn = {.argv = argv, .output_path = output};
    return sm_keeper_spawn(keeper, &spawn, ret_pid, NULL);
}

static struct sm_exit await_exit(struct sm_keeper *keeper) {
    struct sm_exit ended = {0};
    assert_int_equal(sm_keeper_next_exit(keeper, patience_s, &ended), 1);
    return ended;
}

static void read_file(const char *path, char *text, size_t bytes) {
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t length = fread(text, 1, bytes - 1, file);
    text[length] = '\0';
    fclose(file);
}

static int is_gone(pid_t pid) {
    return kill(pid, 0) == -1 && errno == ESRCH;
}

static int in_scratch(const char *name, char *path, size_t bytes) {
    return snprintf(path, bytes, "%s/%s", scratch, name);
}

/* ---- tests ---- */

static void test_exit_is_told(void **state) {
    (void)state;
    struct sm_keeper *keeper;
    pid_t pid;
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    assert_int_equal(spawn_child(keeper, "exit", NULL, &pid), 0);
    struct sm_exit ended = await_exit(keeper);
    assert_int_equal(ended.pid, pid);
    assert_true(WIFEXITED(ended.status));
    assert_int_equal(WEXITSTATUS(ended.status), 7);
    assert_int_equal(sm_keeper_next_exit(keeper, 0, &ended), 0);
    assert_int_equal(sm_keeper_signal(keeper, pid, SIGTERM, 0), -ESRCH);
    sm_keeper_stop(keeper, 1);
}

static void test_environment_cwd_and_output(void **state) {
    (void)state;
    struct sm_keeper *keeper;
    pid_t pid;
    char output[512], text[8192], expected[8192];
    in_scratch("output", output, sizeof output);
    const char *argv[] = {self, "--child", "environment", NULL};
    const char *env[] = {"KEEPER_TEST=replaced", NULL};
    struct sm_spawn spawn = {.argv = argv, .env = env, .cwd = scratch, .output_path = output};
    setenv("KEEPER_TEST", "inherited", 1);
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    assert_int_equal(sm_keeper_spawn(keeper, &spawn, &pid, NULL), 0);
    await_exit(keeper);
    read_file(output, text, sizeof text);
    snprintf(expected, sizeof expected, "replaced in %s", scratch);
    assert_string_equal(text, expected);
    /* Appended, not replaced. */
    assert_int_equal(spawn_child(keeper, "environment", output, &pid), 0);
    await_exit(keeper);
    read_file(output, text, sizeof text);
    assert_true(strncmp(text, expected, strlen(expected)) == 0);
    assert_non_null(strstr(text, "inherited in"));
    unsetenv("KEEPER_TEST");
    sm_keeper_stop(keeper, 1);
}

static void write_script(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void expect_failure(struct sm_keeper *keeper, const char *name, const char *cwd, int code,
                           const char *where, const char *what) {
    const char *argv[] = {name, NULL};
    struct sm_spawn spawn = {.argv = argv, .cwd = cwd};
    struct sm_error err = {0};
    pid_t pid = -5;
    assert_int_equal(sm_keeper_spawn(keeper, &spawn, &pid, &err), code);
    assert_int_equal(pid, -5);
    assert_int_equal(err.status, SM_STATUS_USAGE);
    assert_string_equal(err.where, where);
    if (!strstr(err.what, what))
        fail_msg("\"%s\" does not say \"%s\"", err.what, what);
}

static void test_failures_are_precise(void **state) {
    (void)state;
    struct sm_keeper *keeper;
    struct sm_exit ended;
    char plain[512], orphan[512], empty[512], missing[512];
    in_scratch("plain", plain, sizeof plain);
    in_scratch("orphan", orphan, sizeof orphan);
    in_scratch("empty", empty, sizeof empty);
    in_scratch("missing", missing, sizeof missing);
    write_script(plain, "#!/bin/sh\n", 0644);
    write_script(orphan, "#!/nowhere/interpreter -x\n", 0755);
    write_script(empty, "what is this\n", 0755);
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    expect_failure(keeper, "no-such-program-anywhere", NULL, -ENOENT, "no-such-program-anywhere",
                   "no such program in PATH");
    expect_failure(keeper, missing, NULL, -ENOENT, missing, "does not exist");
    expect_failure(keeper, plain, NULL, -EACCES, plain, "may not be executed");
    expect_failure(keeper, scratch, NULL, -EACCES, scratch, "may not be executed");
    expect_failure(keeper, orphan, NULL, -ENOENT, orphan, "\"/nowhere/interpreter\" does not");
    expect_failure(keeper, empty, NULL, -ENOEXEC, empty, "not a program");
    expect_failure(keeper, self, missing, -ENOENT, missing, "working directory");
    assert_int_equal(sm_keeper_next_exit(keeper, 0, &ended), 0);
    sm_keeper_stop(keeper, 1);
}

static void test_limit_and_signals(void **state) {
    (void)state;
    struct sm_keeper *keeper;
    pid_t pid;
    const char *argv[] = {"sh", "-c", "ulimit -v; kill -STOP $$; exit 3", NULL};
    char output[512], text[64];
    in_scratch("limit", output, sizeof output);
    struct sm_spawn spawn = {
        .argv = argv, .output_path = output, .address_space_bytes = UINT64_C(1) << 30};
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    assert_int_equal(sm_keeper_spawn(keeper, &spawn, &pid, NULL), 0);
    assert_int_equal(getpgid(pid), pid);
    struct sm_proc_stat stat;
    do
        assert_int_equal(sm_proc_stat(pid, &stat), 0);
    while (stat.state != 'T');
    read_file(output, text, sizeof text);
    assert_string_equal(text, "1048576\n");
    assert_int_equal(sm_keeper_signal(keeper, pid, SIGCONT, 1), 0);
    assert_int_equal(WEXITSTATUS(await_exit(keeper).status), 3);
    sm_keeper_stop(keeper, 1);
}

static void test_stop_ends_everything(void **state) {
    (void)state;
    struct sm_keeper *keeper;
    pid_t pids[3];
    char tree[512], inner[600];
    in_scratch("tree", tree, sizeof tree);
    snprintf(inner, sizeof inner, "%s/inner", tree);
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    assert_int_equal(sm_keeper_own_path(keeper, tree), 0);
    assert_int_equal(mkdir(tree, 0700), 0);
    write_script(inner, "x", 0600);
    assert_int_equal(spawn_child(keeper, "stubborn", "/dev/null", &pids[0]), 0);
    assert_int_equal(spawn_child(keeper, "stopped", "/dev/null", &pids[1]), 0);
    assert_int_equal(spawn_child(keeper, "daemon", "/dev/null", &pids[2]), 0);
    sm_keeper_stop(keeper, 0.05);
    for (size_t i = 0; i < 3; i++)
        assert_true(is_gone(pids[i]));
    assert_int_equal(access(tree, F_OK), -1);
    sm_keeper_stop(NULL, 1);
}

/* Until so many processes are below this one, which is a subreaper once it has had a keeper:
 * whatever a harness, a keeper or a program leaves comes here. */
static void await_descendants(size_t count) {
    struct sm_pid_list list = {0};
    int64_t deadline_ns = sm_now_ns() + (int64_t)(patience_s * 1e9);
    do {
        assert_true(sm_now_ns() < deadline_ns);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        list.count = 0;
        assert_int_equal(sm_proc_descendants(getpid(), NULL, &list), 0);
    } while (list.count != count);
    sm_pid_list_free(&list);
}

static void test_supervised_program(void **state) {
    (void)state;
    struct sm_keeper *keeper;
    char watched[512], text[64];
    pid_t pid;
    struct sm_supervisor_shared *shared = sm_supervisor_share();
    assert_non_null(shared);
    const char *argv[] = {"sh", "-c", "echo through > watched; exit 5", NULL};
    struct sm_spawn spawn = {.argv = argv, .cwd = scratch, .supervisor = shared};
    in_scratch("watched", watched, sizeof watched);
    snprintf(shared->rules[0].path, sizeof shared->rules[0].path, "%s", watched);
    shared->rules[0].used = shared->rules[0].active = 1;
    await_descendants(0);
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    assert_int_equal(sm_keeper_spawn(keeper, &spawn, &pid, NULL), 0);
    struct sm_exit ended = await_exit(keeper);
    assert_int_equal(ended.pid, pid);
    assert_int_equal(WEXITSTATUS(ended.status), 5);
    read_file(watched, text, sizeof text);
    assert_string_equal(text, "through\n");
    assert_true(shared->rules[0].calls > 0);
    await_descendants(2); /* the guard and the keeper */
    /* A program that cannot start leaves no supervisor. */
    const char *missing[] = {"no-such-program-anywhere", NULL};
    spawn.argv = missing;
    assert_int_equal(sm_keeper_spawn(keeper, &spawn, &pid, NULL), -ENOENT);
    await_descendants(2);
    sm_keeper_stop(keeper, 1);
    sm_supervisor_unshare(shared);
}

/* Memory that the keeper never got is refused, not touched. */
static void test_supervisor_shared_too_late(void **state) {
    (void)state;
    struct sm_keeper *keeper;
    pid_t pid;
    const char *argv[] = {"true", NULL};
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    struct sm_spawn spawn = {.argv = argv, .supervisor = sm_supervisor_share()};
    assert_int_equal(sm_keeper_spawn(keeper, &spawn, &pid, NULL), -EFAULT);
    sm_supervisor_unshare(spawn.supervisor);
    sm_keeper_stop(keeper, 1);
}

/* ---- the harness dies ---- */

/* A harness with a stubborn, a stopped and a daemon program, a socket and a tree. Everything it
 * starts holds its standard output: end of file there means that all of them are gone. */
static _Noreturn void be_harness(int output_fd, const char *tree) {
    struct sm_keeper *keeper;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pid_t pid;
    struct sm_supervisor_shared *shared = sm_supervisor_share();
    dup2(output_fd, STDOUT_FILENO);
    close(output_fd);
    if (!shared || sm_keeper_start(&keeper, NULL) || sm_keeper_own_path(keeper, tree))
        _exit(9);
    mkdir(tree, 0700);
    if (chdir(tree)) /* the path of a socket is short */
        _exit(9);
    memcpy(address.sun_path, "socket", sizeof "socket");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address))
        _exit(9);
    static const char *const kinds[] = {"plain", "stubborn", "stopped", "daemon", "exit"};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    for (size_t round = 0;; round++) {
        const char *argv[] = {self, "--child", kinds[round % KINDS], NULL};
        struct sm_spawn spawn = {.argv = argv, .supervisor = round % 2 ? shared : NULL};
        /* Few at a time, yet always one being started. */
        if (sm_keeper_spawn(keeper, &spawn, &pid, NULL))
            _exit(9);
        if (round == KINDS)
            say("e");
        if (round > KINDS) {
            sm_keeper_signal(keeper, pid, SIGKILL, 1);
            struct sm_exit ended;
            while (sm_keeper_next_exit(keeper, 0, &ended) == 1)
                ;
        }
    }
}

static void await_end_of_file(int fd) {
    char bytes[4096];
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    for (;;) {
        assert_int_equal(poll(&polled, 1, (int)(patience_s * 1000)), 1);
        if (read(fd, bytes, sizeof bytes) == 0)
            return;
    }
}

static pid_t only_child(pid_t parent) {
    struct sm_pid_list children = {0};
    sm_proc_children(parent, &children);
    pid_t child = children.count == 1 ? children.pids[0] : 0;
    sm_pid_list_free(&children);
    return child;
}

/* With the harness goes its keeper or its guard, if it has come to have one. */
static void kill_with(pid_t harness, int signal_number, int with_keeper, int with_guard) {
    pid_t guard = only_child(harness), keeper = guard ? only_child(guard) : 0;
    assert_int_equal(kill(harness, signal_number), 0);
    if (with_keeper && keeper)
        kill(keeper, SIGKILL);
    if (with_guard && guard)
        kill(guard, SIGKILL);
}

/* Kills a harness after a number of bytes from its programs and a while, and looks. */
static void kill_harness(int signal_number, unsigned events, unsigned further_us, int with_keeper,
                         int with_guard) {
    char tree[512], byte;
    int output[2];
    in_scratch("harness", tree, sizeof tree);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    pid_t harness = fork();
    if (harness == 0)
        be_harness(output[1], tree);
    close(output[1]);
    while (events-- > 0)
        assert_int_equal(read(output[0], &byte, 1), 1);
    if (further_us)
        usleep(further_us); /* only varies the moment; nothing is expected of it */
    kill_with(harness, signal_number, with_keeper, with_guard);
    int status;
    assert_int_equal(waitpid(harness, &status, 0), harness);
    assert_true(WIFSIGNALED(status));
    await_end_of_file(output[0]);
    close(output[0]);
    await_descendants(0);
    assert_int_equal(access(tree, F_OK), -1);
}

static void test_nothing_outlives_a_killed_harness(void **state) {
    (void)state;
    unsigned seed = 20;
    for (int round = 0; round < 12; round++) {
        unsigned events = (unsigned)rand_r(&seed) % 8, further_us = (unsigned)rand_r(&seed) % 20000;
        kill_harness(round % 3 == 2 ? SIGTERM : SIGKILL, events, further_us, round % 4 == 1,
                     round % 4 == 3);
    }
}

static void lose_one(int is_guard) {
    struct sm_keeper *keeper;
    struct sm_exit ended;
    pid_t pid;
    int output[2], saved = dup(STDOUT_FILENO);
    char byte;
    await_descendants(0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    fflush(stdout);
    dup2(output[1], STDOUT_FILENO);
    close(output[1]);
    assert_int_equal(sm_keeper_start(&keeper, NULL), 0);
    assert_int_equal(spawn_child(keeper, "daemon", NULL, &pid), 0);
    assert_int_equal(spawn_child(keeper, "plain", NULL, &pid), 0);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_int_equal(read(output[0], &byte, 1), 1);
    assert_int_equal(read(output[0], &byte, 1), 1);
    pid_t guard = only_child(getpid()), only_keeper = only_child(guard);
    assert_true(guard > 0 && only_keeper > 0);
    kill(is_guard ? guard : only_keeper, SIGKILL);
    int rc = 0;
    while (!is_guard && (rc = sm_keeper_next_exit(keeper, patience_s, &ended)) == 1)
        ;
    assert_int_equal(rc, is_guard ? 0 : -EPIPE);
    sm_keeper_stop(keeper, 0);
    await_end_of_file(output[0]);
    close(output[0]);
    await_descendants(0);
}

static void test_lost_keeper_is_made_good(void **state) {
    (void)state;
    lose_one(0);
}

static void test_without_its_guard_the_keeper_goes_on(void **state) {
    (void)state;
    lose_one(1);
}

static int set_up(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/keeper-test-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(scratch) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return sm_remove_tree(scratch);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--child") == 0)
        return child_main(argv[2]);
    if (!realpath("/proc/self/exe", self))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_is_told),
        cmocka_unit_test(test_environment_cwd_and_output),
        cmocka_unit_test(test_failures_are_precise),
        cmocka_unit_test(test_limit_and_signals),
        cmocka_unit_test(test_stop_ends_everything),
        cmocka_unit_test(test_supervised_program),
        cmocka_unit_test(test_supervisor_shared_too_late),
        cmocka_unit_test(test_nothing_outlives_a_killed_harness),
        cmocka_unit_test(test_lost_keeper_is_made_good),
        cmocka_unit_test(test_without_its_guard_the_keeper_goes_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
