/* What an outbox sends is what was put into it, in order, whatever pieces the link takes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/http2_outbox.h"

enum {
    HELD_BYTES = 1 << 20,
    STREAMS = 3,
    PAYLOAD_BYTES = 5 << 20,
    TO_SEND = 40 << 20,
    ROOM = TO_SEND + (4 << 20), /* what is sent last may be longer */
    SEED = 20,
};

struct bytes {
    uint8_t *at;
    size_t count;
};

static struct bytes sent, expected;

static void put(struct bytes *bytes, const void *more, size_t count) {
    assert_true(bytes->count + count <= ROOM);
    memcpy(bytes->at + bytes->count, more, count);
    bytes->count += count;
}

static bool leaves_one; /* byte, always */

/* A link that takes all, some or nothing. */
ssize_t sm_link_send_parts(struct sm_link *link, struct iovec *parts, size_t count) {
    (void)link;
    size_t length = 0, taken = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].iov_len;
    if (leaves_one)
        return (ssize_t)length - 1;
    size_t some = (size_t)random() % (length < 300000 ? length + 1 : 300000);
    size_t wanted = random() % 4 ? some : length;
    for (size_t i = 0; i < count && taken < wanted; i++) {
        size_t now = parts[i].iov_len < wanted - taken ? parts[i].iov_len : wanted - taken;
        put(&sent, parts[i].iov_base, now);
        taken += now;
    }
    return taken ? (ssize_t)taken : -EAGAIN;
}

static void add_literal(struct sm_outbox *outbox, size_t count) {
    char literal[64];
    memset(literal, 'L', count);
    assert_int_equal(sm_outbox_add(outbox, literal, count), 0);
    put(&expected, literal, count);
}

static void add_payload(struct sm_outbox *outbox, const uint8_t *whole, size_t *offset) {
    static const size_t sizes[] = {1, 16384, 65535, 70000, 1 << 20};
    size_t left = PAYLOAD_BYTES - *offset, count = sizes[random() % 5];
    if (count > left)
        count = left;
    assert_int_equal(sm_outbox_add_payload(outbox, 0, *offset, count), 0);
    put(&expected, whole + *offset, count);
    *offset = (*offset + count) % PAYLOAD_BYTES;
}

static void bytes_leave_in_order_and_whole(void **state) {
    (void)state;
    static char noise[HELD_BYTES], scratch[SM_BODY_SCRATCH];
    static uint8_t whole[PAYLOAD_BYTES];
    srandom(SEED);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)random();
    const size_t head = SM_PAYLOAD_PREFIX + 6;
    struct sm_body_part parts[] = {
        {.bytes = "ABCDEF", .held = 6, .length = 6, .fd = -1},
        {.bytes = noise, .held = HELD_BYTES, .length = PAYLOAD_BYTES - head, .fd = -1}};
    struct sm_body_variant variant = {parts, 2, PAYLOAD_BYTES - SM_PAYLOAD_PREFIX};
    struct sm_body body = {.variants = &variant, .variant_count = 1};
    struct sm_payload payload = {&body, true, 0};
    for (int i = 0; i < 4; i++)
        whole[1 + i] = (uint8_t)(variant.length >> (24 - 8 * i));
    assert_int_equal(
        sm_body_copy(&variant, 0, 0, (char *)whole + SM_PAYLOAD_PREFIX, variant.length), 0);

    struct sm_outbox outbox = {0};
    size_t offsets[STREAMS] = {0};
    while (sent.count < TO_SEND) {
        while (outbox.queued_bytes < SM_BODY_SCRATCH && expected.count < TO_SEND) {
            add_literal(&outbox, 9 + (size_t)random() % 20);
            if (random() % 4)
                add_payload(&outbox, whole, &offsets[random() % STREAMS]);
        }
        size_t before = sent.count;
        if (sm_outbox_send(&outbox, NULL, &payload, scratch) > 0)
            assert_memory_equal(sent.at + before, expected.at + before, sent.count - before);
        assert_int_equal(outbox.queued_bytes, expected.count - sent.count);
    }
    assert_memory_equal(sent.at, expected.at, sent.count);
    sm_outbox_free(&outbox);
}

/* Even where it never gets empty. */
static void what_has_been_sent_is_forgotten(void **state) {
    static char scratch[SM_BODY_SCRATCH];
    struct sm_body_part part = {.bytes = "x", .held = 1, .length = 1 << 20, .fd = -1};
    struct sm_body_variant variant = {&part, 1, 1 << 20};
    struct sm_body body = {.variants = &variant, .variant_count = 1};
    struct sm_payload payload = {&body, false, 0};
    struct sm_outbox outbox = {0};
    (void)state;
    leaves_one = true;
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(sm_outbox_add(&outbox, "0123456789", 10), 0);
        if (i % 3 == 0)
            assert_int_equal(sm_outbox_add_payload(&outbox, 0, (size_t)i, 20), 0);
        assert_true(sm_outbox_send(&outbox, NULL, &payload, scratch) > 0);
        assert_int_equal(outbox.queued_bytes, 1);
    }
    assert_true(outbox.literal_room <= 1024 && outbox.entry_room <= 16);
    leaves_one = false;
    sm_outbox_free(&outbox);
}

int main(void) {
    sent.at = malloc(ROOM);
    expected.at = malloc(ROOM);
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_leave_in_order_and_whole),
                                       cmocka_unit_test(what_has_been_sent_is_forgotten)};
    int failed = !sent.at || !expected.at || cmocka_run_group_tests(tests, NULL, NULL);
    free(sent.at);
    free(expected.at);
    return failed;
}
