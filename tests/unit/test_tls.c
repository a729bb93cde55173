/* Records of TLS against OpenSSL's, with every cipher there is. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/random.h"
#include "harness/tls_record.h"
#include "tls_pair.h"

enum { BYTES = 400000, MOST = 70000 };

static uint8_t pattern[BYTES], arrived[BYTES];

static int make_pattern(void **state) {
    uint64_t random = 7;
    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        pattern[i] = (uint8_t)sm_random_next(&random);
    return 0;
}

/* As the harness does when the socket has something, or the connection. Returns as sm_tls_receive.
 */
static ssize_t receive(struct tls_pair *pair, void *bytes, size_t capacity) {
    ssize_t received;
    do
        received = sm_tls_receive(pair->tls, bytes, capacity);
    while (received == -EAGAIN && sm_tls_holds(pair->tls));
    return received;
}

/* Of a connection that the server has ended, what there is of its end. */
static ssize_t receive_end(struct tls_pair *pair, void *bytes, size_t capacity) {
    ssize_t received;
    while ((received = sm_tls_receive(pair->tls, bytes, capacity)) == -EAGAIN)
        continue;
    return received;
}

/* Reads what is there. Returns how much. */
static size_t serve(struct tls_pair *pair, uint8_t *to, size_t room) {
    size_t total = 0;
    int got;
    ERR_clear_error();
    while (total < room && (got = SSL_read(pair->server, to + total, (int)(room - total))) > 0)
        total += (size_t)got;
    if (total < room)
        assert_int_not_equal(SSL_get_error(pair->server, got), SSL_ERROR_SSL);
    return total;
}

/* Some of the pattern from `at` on, in pieces of any size. */
static ssize_t send_some(struct tls_pair *pair, size_t at, uint64_t *random) {
    struct iovec parts[5];
    size_t count = 0, end = at;
    for (; count < 5 && end < BYTES; count++) {
        size_t length = sm_random_next(random) % (sm_random_next(random) % 4 ? 300 : MOST) + 1;
        length = length < BYTES - end ? length : BYTES - end;
        parts[count] = (struct iovec){pattern + end, length};
        end += length;
    }
    return sm_tls_send(pair->tls, parts, count);
}

/* Some of it from `at` on, and then, of what a part went, all: what did not go comes again. */
static size_t send_or_again(struct tls_pair *pair, size_t at, uint64_t *random) {
    const struct iovec rest = {pattern + at, BYTES - at};
    ssize_t sent = sm_random_next(random) % 2 ? send_some(pair, at, random) : -EILSEQ;
    if (sent == -EILSEQ) /* fewer than were begun with */
        sent = sm_tls_send(pair->tls, &rest, 1);
    assert_true(sent > 0 || sent == -EAGAIN);
    return sent > 0 ? (size_t)sent : 0;
}

static void send_all(struct tls_pair *pair, uint64_t seed) {
    size_t sent = 0, got = 0;
    while (got < BYTES) {
        if (sent < BYTES)
            sent += send_or_again(pair, sent, &seed);
        got += serve(pair, arrived + got, sm_random_next(&seed) % MOST % (BYTES - got + 1));
        assert_true(got <= BYTES);
    }
    assert_int_equal(sent, BYTES);
    assert_memory_equal(arrived, pattern, BYTES);
}

static void receive_all(struct tls_pair *pair, uint64_t seed) {
    size_t sent = 0, got = 0;
    while (got < BYTES) {
        size_t now = sm_random_next(&seed) % (sm_random_next(&seed) % 2 ? 100 : MOST) + 1;
        size_t room = sm_random_next(&seed) % (sm_random_next(&seed) % 2 ? 100 : MOST) + 1;
        int rc = sent < BYTES ? SSL_write(pair->server, pattern + sent,
                                          (int)(now < BYTES - sent ? now : BYTES - sent))
                              : 0;
        sent += rc > 0 ? (size_t)rc : 0;
        ssize_t received = receive(pair, arrived + got, room < BYTES - got ? room : BYTES - got);
        assert_true(received > 0 || received == -EAGAIN);
        got += received > 0 ? (size_t)received : 0;
    }
    assert_memory_equal(arrived, pattern, BYTES);
}

static void bytes_go_both_ways(void **state) {
    (void)state;
    for (int layers = 1; layers <= 2; layers++)
        for (size_t i = 0; i < TLS_SUITES; i++) {
            struct tls_pair pair;
            tls_pair_open(&pair, &tls_suites[i], layers);
            send_all(&pair, i);
            receive_all(&pair, i);
            send_all(&pair, i + 100);
            char byte;
            sm_tls_end(pair.tls);
            pair.tls = NULL;
            ERR_clear_error();
            int rc = SSL_read(pair.server, &byte, 1);
            assert_int_equal(SSL_get_error(pair.server, rc), SSL_ERROR_ZERO_RETURN);
            tls_pair_close(&pair);
        }
}

/* In any pieces, and what comes later after it. */
static void what_came_early_is_not_lost(void **state) {
    (void)state;
    for (size_t i = 0; i < TLS_SUITES; i++) {
        struct tls_pair pair;
        char bytes[11] = "";
        tls_pair_open_early(&pair, &tls_suites[i], "early");
        assert_true(sm_tls_holds(pair.tls));
        assert_int_equal(receive(&pair, bytes, 2), 2);
        assert_int_equal(SSL_write(pair.server, "later", 5), 5);
        assert_int_equal(receive(&pair, bytes + 2, 8), 3);
        assert_false(sm_tls_holds(pair.tls));
        assert_int_equal(receive(&pair, bytes + 5, 5), 5);
        assert_string_equal(bytes, "earlylater");
        tls_pair_close(&pair);
    }
}

/* With a record under way, of which the server has not taken all. */
static void keys_are_renewed(void **state) {
    (void)state;
    for (size_t i = 0; i < FIRST_TLS12_SUITE; i++) {
        struct tls_pair pair;
        uint64_t seed = i;
        size_t sent = 0, got = 0;
        tls_pair_open(&pair, &tls_suites[i], 1);
        while (got < BYTES) {
            char byte;
            if (sent < BYTES)
                sent += send_or_again(&pair, sent, &seed);
            bool asks = sm_random_next(&seed) % 2;
            if (SSL_get_key_update_type(pair.server) == SSL_KEY_UPDATE_NONE)
                SSL_key_update(pair.server,
                               asks ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
            SSL_do_handshake(pair.server);
            assert_int_equal(receive(&pair, &byte, 1), -EAGAIN);
            got += serve(&pair, arrived + got, sm_random_next(&seed) % MOST % (BYTES - got + 1));
        }
        assert_memory_equal(arrived, pattern, BYTES);
        receive_all(&pair, i);
        tls_pair_close(&pair);
    }
}

/* The server hears that there is none, and it goes on where it likes. */
static void nothing_is_negotiated_anew(void **state) {
    struct tls_pair pair;
    char byte;
    (void)state;
    tls_pair_open(&pair, &tls_suites[FIRST_TLS12_SUITE], 1);
    assert_int_equal(SSL_renegotiate(pair.server), 1);
    SSL_do_handshake(pair.server);
    assert_int_equal(receive(&pair, &byte, 1), -EAGAIN);
    ERR_clear_error();
    SSL_read(pair.server, &byte, 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    tls_pair_close(&pair);
}

static void the_end_is_told_from_a_break(void **state) {
    struct tls_pair pair;
    char bytes[100];
    (void)state;
    for (size_t i = 0; i < TLS_SUITES; i++) {
        tls_pair_open(&pair, &tls_suites[i], 1);
        assert_int_equal(SSL_write(pair.server, "last", 4), 4);
        SSL_shutdown(pair.server);
        assert_int_equal(receive(&pair, bytes, sizeof bytes), 4);
        assert_true(sm_tls_holds(pair.tls)); /* epoll says nothing of it */
        assert_int_equal(receive(&pair, bytes, sizeof bytes), 0);
        assert_int_equal(receive(&pair, bytes, sizeof bytes), 0);
        assert_false(sm_tls_holds(pair.tls));
        tls_pair_close(&pair);

        tls_pair_open(&pair, &tls_suites[i], 1);
        assert_int_equal(SSL_write(pair.server, "last", 4), 4);
        shutdown(pair.fds[1], SHUT_WR);
        assert_int_equal(receive(&pair, bytes, sizeof bytes), 4);
        assert_int_equal(receive(&pair, bytes, sizeof bytes), -ECONNRESET);
        tls_pair_close(&pair);
    }
}

static void the_peers_alarm_ends_it(void **state) {
    static const char garbage[] = "\x17\x03\x03\0\x20 this is thirty-two bytes long...";
    struct tls_pair pair;
    char byte;
    (void)state;
    for (size_t i = 0; i < TLS_SUITES; i++) {
        tls_pair_open(&pair, &tls_suites[i], 1);
        assert_true(send(pair.fds[0], garbage, 37, 0) == 37);
        assert_true(SSL_read(pair.server, &byte, 1) < 0);
        assert_int_equal(receive(&pair, &byte, 1), -ECONNRESET);
        tls_pair_close(&pair);
    }
}

/* Any byte of a record, and its length. */
static void what_was_changed_on_the_way_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < TLS_SUITES; i++)
        for (size_t at = 0; at < 30; at++) {
            struct tls_pair pair;
            uint8_t record[200], bytes[200];
            tls_pair_open(&pair, &tls_suites[i], 1);
            assert_int_equal(receive(&pair, bytes, sizeof bytes), -EAGAIN); /* tickets */
            assert_int_equal(SSL_write(pair.server, "some bytes", 10), 10);
            ssize_t length = recv(pair.fds[0], record, sizeof record, 0);
            assert_true(length > 30);
            record[at] ^= at == 4 ? 1 : 0x80; /* the low byte of its length: one less or more */
            assert_true(send(pair.fds[1], record, (size_t)length, 0) == length);
            shutdown(pair.fds[1], SHUT_WR);
            if (at !=
                2) /* the minor version, of which TLS 1.2 says that it is checked with the rest */
                assert_int_equal(receive_end(&pair, bytes, sizeof bytes), -ECONNRESET);
            tls_pair_close(&pair);
        }
}

/* It would give away what it hides, and is not sent. */
static void a_record_is_not_made_of_other_bytes(void **state) {
    struct tls_pair pair;
    struct iovec all = {pattern, BYTES};
    ssize_t sent, total = 0;
    (void)state;
    tls_pair_open(&pair, &tls_suites[0], 1);
    for (; (sent = sm_tls_send(pair.tls, &all, 1)) > 0; total += sent)
        all = (struct iovec){pattern + total + sent, BYTES - (size_t)(total + sent)};
    assert_int_equal(sent, -EAGAIN);
    assert_true(serve(&pair, arrived, BYTES) == (size_t)total);
    pattern[total + 5] ^= 1;
    assert_int_equal(sm_tls_send(pair.tls, &all, 1), -EILSEQ);
    pattern[total + 5] ^= 1;
    all.iov_len = 5;
    assert_int_equal(sm_tls_send(pair.tls, &all, 1), -EILSEQ);
    all.iov_len = BYTES - (size_t)total;
    assert_true(sm_tls_send(pair.tls, &all, 1) > 0);
    tls_pair_close(&pair);
}

/* Messages of handshakes, sealed by a server that says what it likes: OpenSSL's would not. */
static void odd_messages_are_survived(void **state) {
    uint64_t random = 3;
    (void)state;
    for (int round = 0; round < 400; round++) {
        const struct tls_suite *suite = &tls_suites[round % TLS_SUITES];
        struct tls_pair pair;
        uint8_t bytes[300], noise[300];
        tls_pair_open(&pair, suite, 1);
        size_t length = sm_random_next(&random) % sizeof noise;
        for (size_t i = 0; i < length; i++)
            noise[i] = (uint8_t)(sm_random_next(&random) % (round % 3 ? 256 : 26));
        noise[0] = (uint8_t)(20 + sm_random_next(&random) % 5);
        noise[1] = noise[2] = 3;
        noise[3] = 0;
        send(pair.fds[1], noise, length, 0);
        shutdown(pair.fds[1], SHUT_WR);
        assert_int_equal(receive_end(&pair, bytes, sizeof bytes), -ECONNRESET);
        tls_pair_close(&pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(what_came_early_is_not_lost),
        cmocka_unit_test(keys_are_renewed),
        cmocka_unit_test(nothing_is_negotiated_anew),
        cmocka_unit_test(the_end_is_told_from_a_break),
        cmocka_unit_test(the_peers_alarm_ends_it),
        cmocka_unit_test(what_was_changed_on_the_way_is_refused),
        cmocka_unit_test(a_record_is_not_made_of_other_bytes),
        cmocka_unit_test(odd_messages_are_survived),
    };
    return cmocka_run_group_tests(tests, make_pattern, NULL);
}
