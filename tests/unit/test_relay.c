/* The relay: hands everything on in both directions, resets on order, slows to a rate. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/clock.h"
#include "harness/free_port.h"
#include "harness/local_socket.h"
#include "harness/relay.h"
#include "temp_dir.h"

/* A server that sends back what it gets, one thread for each connection. */
struct bench {
    struct sm_relay *relay;
    struct sm_relay_places places;
    char front_path[256], back_path[256];
    int locks[2], tcp_fd, unix_fd;
    pthread_t threads[2];
};

static void *echo(void *argument) {
    static const size_t size = 1 << 16;
    int fd = (int)(intptr_t)argument;
    char *bytes = malloc(size);
    ssize_t got;
    while (bytes && (got = recv(fd, bytes, size, 0)) > 0)
        for (ssize_t sent = 0, put; sent < got; sent += put)
            if ((put = send(fd, bytes + sent, (size_t)(got - sent), MSG_NOSIGNAL)) < 0)
                goto out;
out:
    free(bytes);
    close(fd);
    return NULL;
}

static void *serve(void *argument) {
    int fd, listen_fd = (int)(intptr_t)argument;
    pthread_t thread;
    while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
        assert_int_equal(pthread_create(&thread, NULL, echo, (void *)(intptr_t)fd), 0);
        pthread_detach(thread);
    }
    return NULL;
}

static int socket_at(const void *address, socklen_t bytes, int is_server) {
    const int yes = 1;
    int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(is_server ? bind(fd, address, bytes) : connect(fd, address, bytes), 0);
    if (is_server)
        assert_int_equal(listen(fd, 100), 0);
    return fd;
}

static int tcp_socket(uint16_t port, int is_server) {
    const struct sockaddr_in address = sm_loopback(port);
    return socket_at(&address, sizeof address, is_server);
}

static int unix_socket(const char *path, int is_server) {
    struct sockaddr_un address;
    assert_int_equal(sm_unix_address(path, &address), 0);
    return socket_at(&address, sizeof address, is_server);
}

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    const char *directory;
    test_temp_dir_make(state);
    directory = *state;
    snprintf(bench->front_path, sizeof bench->front_path, "%s/f", directory);
    snprintf(bench->back_path, sizeof bench->back_path, "%s/b", directory);
    free(*state);
    *state = bench;
    bench->places.front_unix_path = bench->front_path;
    bench->places.back_unix_path = bench->back_path;
    assert_int_equal(sm_free_port(&bench->places.front_port, &bench->locks[0]), 0);
    assert_int_equal(sm_free_port(&bench->places.back_port, &bench->locks[1]), 0);
    bench->tcp_fd = tcp_socket(bench->places.back_port, 1);
    bench->unix_fd = unix_socket(bench->back_path, 1);
    pthread_create(&bench->threads[0], NULL, serve, (void *)(intptr_t)bench->tcp_fd);
    pthread_create(&bench->threads[1], NULL, serve, (void *)(intptr_t)bench->unix_fd);
    return sm_relay_open(&bench->places, &bench->relay, NULL);
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    sm_relay_close(bench->relay);
    shutdown(bench->tcp_fd, SHUT_RDWR);
    shutdown(bench->unix_fd, SHUT_RDWR);
    for (int i = 0; i < 2; i++) {
        pthread_join(bench->threads[i], NULL);
        close(bench->locks[i]);
    }
    close(bench->tcp_fd);
    close(bench->unix_fd);
    unlink(bench->front_path);
    unlink(bench->back_path);
    *strrchr(bench->front_path, '/') = '\0';
    rmdir(bench->front_path);
    free(bench);
    return 0;
}

struct sender {
    int fd;
    size_t bytes;
};

static unsigned char byte_at(size_t index) {
    return (unsigned char)(index * 2654435761u >> 13);
}

static void *send_all(void *argument) {
    const struct sender *sender = argument;
    unsigned char chunk[8192];
    for (size_t at = 0; at < sender->bytes;) {
        size_t length = sender->bytes - at < sizeof chunk ? sender->bytes - at : sizeof chunk;
        for (size_t i = 0; i < length; i++)
            chunk[i] = byte_at(at + i);
        ssize_t put = send(sender->fd, chunk, length, MSG_NOSIGNAL);
        if (put < 0)
            break;
        at += (size_t)put;
    }
    shutdown(sender->fd, SHUT_WR);
    return NULL;
}

/* Sends, closes its side, and must get the same back, to the end. */
static void check_echo(int fd, size_t bytes) {
    struct sender sender = {fd, bytes};
    unsigned char chunk[8192];
    pthread_t thread;
    size_t at = 0;
    ssize_t got;
    pthread_create(&thread, NULL, send_all, &sender);
    while ((got = recv(fd, chunk, sizeof chunk, 0)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(chunk[i], byte_at(at + (size_t)i));
        at += (size_t)got;
    }
    assert_int_equal(got, 0);
    assert_int_equal(at, bytes);
    pthread_join(thread, NULL);
    close(fd);
}

static void bytes_come_through(void **state) {
    struct bench *bench = *state;
    struct sm_relay_counts counts;
    enum { MANY = 20, BYTES = 3000000 };
    for (int i = 0; i < MANY; i++)
        check_echo(i % 2 ? tcp_socket(bench->places.front_port, 0)
                         : unix_socket(bench->front_path, 0),
                   i == 0  ? 0
                   : i < 3 ? BYTES
                           : 1000);
    sm_relay_counts(bench->relay, &counts);
    assert_int_equal(counts.cut + counts.refused + counts.slowed_reads, 0);
}

/* 0 = open, else the error; an end without one is EPIPE. */
static int error_of(int fd) {
    char byte;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 20000), 1);
    ssize_t got = recv(fd, &byte, 1, 0);
    return got > 0 ? 0 : got == 0 ? EPIPE : errno;
}

static void cut_and_restored(void **state) {
    struct bench *bench = *state;
    struct sm_relay_counts counts;
    int fds[5];
    for (int i = 0; i < 5; i++) {
        fds[i] = tcp_socket(bench->places.front_port, 0);
        assert_int_equal(send(fds[i], "x", 1, 0), 1);
        assert_int_equal(error_of(fds[i]), 0); /* it came back: all is open */
    }
    sm_relay_cut(bench->relay, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(error_of(fds[i]), ECONNRESET);
        close(fds[i]);
    }
    int fd = tcp_socket(bench->places.front_port, 0);
    assert_int_equal(error_of(fd), ECONNRESET);
    close(fd);
    sm_relay_restore(bench->relay);
    check_echo(tcp_socket(bench->places.front_port, 0), 100000);
    sm_relay_counts(bench->relay, &counts);
    assert_int_equal(counts.cut, 5);
    assert_int_equal(counts.refused, 1);
}

static void slowed_to_a_rate(void **state) {
    struct bench *bench = *state;
    struct sm_relay_counts counts;
    enum { BYTES = 100000 };
    static const double rate = 200000;
    sm_relay_slow(bench->relay, rate);
    int64_t start_ns = sm_now_ns();
    check_echo(tcp_socket(bench->places.front_port, 0), BYTES);
    double took_s = (double)(sm_now_ns() - start_ns) / 1e9;
    /* Never faster than asked for; how much slower is the machine's affair. */
    assert_true(took_s > 0.9 * BYTES / rate);
    sm_relay_counts(bench->relay, &counts);
    assert_int_equal(counts.slowed_bytes, BYTES);
    assert_true(counts.slowed_reads > 0);
    assert_true(counts.held_s > 0.3 * took_s && counts.held_s <= took_s);
    sm_relay_unslow(bench->relay);
    check_echo(tcp_socket(bench->places.front_port, 0), BYTES);
    sm_relay_counts(bench->relay, &counts);
    assert_int_equal(counts.slowed_bytes, BYTES);
}

static void stalled_altogether(void **state) {
    struct bench *bench = *state;
    int fd = tcp_socket(bench->places.front_port, 0);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    struct sm_relay_counts counts;
    sm_relay_slow(bench->relay, 0);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    do
        sm_relay_counts(bench->relay, &counts);
    while (counts.slowed_reads == 0);
    assert_int_equal(poll(&wait, 1, 100), 0);
    sm_relay_unslow(bench->relay);
    assert_int_equal(error_of(fd), 0);
    close(fd);
}

static void a_service_that_is_away_resets(void **state) {
    struct bench *bench = *state;
    shutdown(bench->tcp_fd, SHUT_RDWR);
    close(bench->tcp_fd);
    bench->tcp_fd = -1;
    int fd = tcp_socket(bench->places.front_port, 0);
    assert_int_equal(error_of(fd), ECONNRESET);
    close(fd);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_come_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cut_and_restored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slowed_to_a_rate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stalled_altogether, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_service_that_is_away_resets, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
