/* Free ports: different while they are locked, not bound, and never one that is in use. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/free_port.h"

static int listen_on_as(uint16_t port, int reuse) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static int listen_on(uint16_t port) {
    return listen_on_as(port, 0);
}

static void many_differ_and_can_be_used(void **state) {
    enum { PORTS = 300 };
    uint16_t ports[PORTS];
    int locks[PORTS];
    char seen[1 << 16] = {0};
    (void)state;
    for (int i = 0; i < PORTS; i++) {
        assert_int_equal(sm_free_port(&ports[i], &locks[i]), 0);
        assert_false(seen[ports[i]]);
        seen[ports[i]] = 1;
    }
    for (int i = 0; i < PORTS; i++) {
        close(listen_on(ports[i]));
        close(locks[i]);
    }
}

/* A server that closes first leaves its port in TIME_WAIT: one that sets SO_REUSEADDR, as most do,
 * leaves it for others that do. */
static void leave_in_time_wait(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char end;
    int listener = listen_on_as(port, 1), client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
    int peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    close(listener);
    close(peer);
    assert_int_equal(read(client, &end, 1), 0);
    close(client);
}

/* Servers that do not set SO_REUSEADDR could not listen there. */
static void none_that_was_just_left(void **state) {
    enum { LEFT = 100, ASKED = 3000 };
    char left[1 << 16] = {0};
    (void)state;
    for (int i = 0; i < LEFT + ASKED; i++) {
        uint16_t port;
        int lock;
        assert_int_equal(sm_free_port(&port, &lock), 0);
        assert_false(left[port]);
        if (i < LEFT) {
            leave_in_time_wait(port);
            left[port] = 1;
        }
        close(lock);
    }
}

static void none_that_is_in_use(void **state) {
    enum { USED = 100, ASKED = 3000 };
    int fds[USED];
    char used[1 << 16] = {0};
    (void)state;
    for (int i = 0; i < USED; i++) {
        uint16_t port;
        int lock;
        assert_int_equal(sm_free_port(&port, &lock), 0);
        fds[i] = listen_on(port);
        used[port] = 1;
        close(lock);
    }
    for (int i = 0; i < ASKED; i++) {
        uint16_t port;
        int lock;
        assert_int_equal(sm_free_port(&port, &lock), 0);
        assert_false(used[port]);
        close(lock);
    }
    for (int i = 0; i < USED; i++)
        close(fds[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_differ_and_can_be_used),
                                       cmocka_unit_test(none_that_is_in_use),
                                       cmocka_unit_test(none_that_was_just_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
