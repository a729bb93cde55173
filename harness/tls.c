#include "tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tls_record.h"

enum {
    BATCH = 4, /* records that are sent at once */
    RECEIVE_BYTES = 65536,
    MESSAGE_HEAD_BYTES = 4,
};

/* Of handshakes (RFC 8446, 4; RFC 5246, 7.4), and of alerts (RFC 8446, 6). */
enum { HELLO_REQUEST = 0, NEW_SESSION_TICKET = 4, KEY_UPDATE = 24 };
enum { ALERT_WARNING = 1, CLOSE_NOTIFY = 0, USER_CANCELED = 90 };

/* What is to be said before anything else is sent. */
enum sm_tls_debt { OWES_NOTHING, OWES_KEY_UPDATE, OWES_NO_RENEGOTIATION };

struct sm_tls_shared {
    struct sm_tls_sealer *sealer;
    uint8_t sealed[BATCH * SM_TLS_RECORD_BYTES], received[RECEIVE_BYTES];
    uint8_t opened[SM_TLS_RECORD_BYTES];
};

struct sm_tls {
    struct sm_tls_shared *shared;
    struct sm_tls *under;
    int fd;
    struct sm_tls_manner manner;
    const EVP_MD *digest;
    struct sm_tls_key keys[SM_TLS_WAYS];
    /* The record of which a part went; its length of plain bytes is 0: none. */
    struct {
        size_t length, sent;
        uint8_t type, tag[SM_TLS_TAG_BYTES];
    } begun;
    enum sm_tls_debt debt;
    /* What was received and not taken: begins with a record, of which `taken` bytes were taken. */
    uint8_t *held;
    size_t held_bytes, taken;
    /* What was opened before it was this one's. */
    uint8_t *early;
    size_t early_bytes, early_taken;
    /* The message of a handshake that is coming. */
    uint8_t message_head[MESSAGE_HEAD_BYTES];
    size_t message_head_bytes, message_left;
    bool has_ended; /* by the peer's word */
};

struct sm_tls_shared *sm_tls_shared_new(void) {
    struct sm_tls_shared *shared = malloc(sizeof *shared); /* its pages are not touched in vain */
    if (shared && !(shared->sealer = sm_tls_sealer_new())) {
        free(shared);
        return NULL;
    }
    return shared;
}

void sm_tls_shared_free(struct sm_tls_shared *shared) {
    if (shared)
        sm_tls_sealer_free(shared->sealer);
    free(shared);
}

int sm_tls_begin(struct sm_tls_shared *shared, const struct sm_tls_session *session, int fd,
                 struct sm_tls *under, struct sm_tls **ret_tls) {
    struct sm_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return -ENOMEM;
    tls->shared = shared;
    tls->fd = fd;
    tls->manner = (struct sm_tls_manner){session->is_tls13, session->cipher};
    tls->digest = session->digest;
    int rc = sm_tls_keys_make(session, tls->keys);
    if (rc < 0) {
        free(tls);
        return rc;
    }
    for (int way = 0; way < SM_TLS_WAYS; way++)
        sm_tls_sealer_name(shared->sealer, &tls->keys[way]);
    tls->under = under;
    tls->early = session->early;
    tls->early_bytes = session->early_bytes;
    *ret_tls = tls;
    return 0;
}

static int update_key(struct sm_tls *tls, int way) {
    struct sm_tls_key *key = &tls->keys[way];
    sm_tls_sealer_name(tls->shared->sealer, key);
    return sm_tls_key_update(tls->manner.cipher, tls->digest, key);
}

static ssize_t send_below(struct sm_tls *tls, uint8_t *bytes, size_t length) {
    const struct iovec all = {bytes, length};
    if (tls->under)
        return sm_tls_send(tls->under, &all, 1);
    ssize_t sent = send(tls->fd, bytes, length, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

/* Records that lie one after the other, in shared->sealed. */
struct batch {
    size_t count, bytes, lengths[BATCH], ends[BATCH];
};

static int seal_one(struct sm_tls *tls, uint8_t type, struct sm_tls_cursor *cursor, size_t length,
                    struct batch *batch) {
    const struct sm_tls_key *key = &tls->keys[SM_TLS_SENDING];
    int rc = sm_tls_seal(tls->shared->sealer, &tls->manner, key, key->sequence + batch->count, type,
                         cursor, length, tls->shared->sealed + batch->bytes);
    batch->bytes += sm_tls_sealed_bytes(&tls->manner, length);
    batch->lengths[batch->count] = length;
    batch->ends[batch->count++] = batch->bytes;
    return rc;
}

/* The record of which a part went comes first, and as it was: its last bytes depend on all. Where
 * records go into those of another connection, that may have begun with them: one at a time. */
static int seal(struct sm_tls *tls, uint8_t type, struct sm_tls_cursor *cursor, size_t length,
                struct batch *batch) {
    size_t most = tls->debt == OWES_NOTHING && !tls->under ? BATCH : 1;
    *batch = (struct batch){0};
    if (tls->begun.length > 0) {
        if (tls->begun.type != type || tls->begun.length > length)
            return -EILSEQ;
        int rc = seal_one(tls, type, cursor, tls->begun.length, batch);
        if (rc < 0)
            return rc;
        if (memcmp(tls->shared->sealed + batch->bytes - SM_TLS_TAG_BYTES, tls->begun.tag,
                   SM_TLS_TAG_BYTES) != 0)
            return -EILSEQ;
        length -= tls->begun.length;
    }
    while (length > 0 && batch->count < most) {
        size_t now = length < SM_TLS_PLAIN_BYTES ? length : SM_TLS_PLAIN_BYTES;
        int rc = seal_one(tls, type, cursor, now, batch);
        if (rc < 0)
            return rc;
        length -= now;
    }
    return 0;
}

/* Of a batch `sent` bytes are away. Returns how many plain ones those are, in whole records. */
static size_t settle(struct sm_tls *tls, uint8_t type, const struct batch *batch, size_t sent) {
    size_t done = 0, begin = 0;
    tls->begun.length = tls->begun.sent = 0;
    for (size_t i = 0; i < batch->count && (begin < sent || tls->under); begin = batch->ends[i++]) {
        if (batch->ends[i] <= sent) {
            done += batch->lengths[i];
            tls->keys[SM_TLS_SENDING].sequence++;
            continue;
        }
        tls->begun.length = batch->lengths[i];
        tls->begun.sent = sent - begin;
        tls->begun.type = type;
        memcpy(tls->begun.tag, tls->shared->sealed + batch->ends[i] - SM_TLS_TAG_BYTES,
               SM_TLS_TAG_BYTES);
    }
    return done;
}

/* Sends a batch at most, from the cursor on, and adds to *done how many bytes went. Returns 0,
 * -EAGAIN when not all of the batch went, or another negative errno. */
static int send_batch(struct sm_tls *tls, uint8_t type, struct sm_tls_cursor *cursor, size_t length,
                      size_t *done) {
    struct batch batch;
    size_t before = tls->begun.sent;
    int rc = seal(tls, type, cursor, length, &batch);
    if (rc < 0)
        return rc;
    ssize_t sent = send_below(tls, tls->shared->sealed + before, batch.bytes - before);
    if (sent == -EAGAIN && tls->under)
        sent = 0;
    if (sent < 0)
        return (int)sent;
    *done += settle(tls, type, &batch, before + (size_t)sent);
    return before + (size_t)sent < batch.bytes ? -EAGAIN : 0;
}

/* Returns 0 when nothing is owed any more, -EAGAIN or another negative errno. */
static int pay(struct sm_tls *tls) {
    static const uint8_t update[] = {KEY_UPDATE, 0, 0, 1, 0}, refusal[] = {ALERT_WARNING, 100};
    bool is_update = tls->debt == OWES_KEY_UPDATE;
    const struct iovec all = is_update ? (struct iovec){(void *)update, sizeof update}
                                       : (struct iovec){(void *)refusal, sizeof refusal};
    struct sm_tls_cursor cursor = {&all, 0};
    size_t done = 0;
    if (tls->debt == OWES_NOTHING || (tls->begun.length > 0 && tls->begun.type == SM_TLS_DATA))
        return 0;
    int rc =
        send_batch(tls, is_update ? SM_TLS_HANDSHAKE : SM_TLS_ALERT, &cursor, all.iov_len, &done);
    if (rc < 0)
        return rc;
    tls->debt = OWES_NOTHING;
    return is_update ? update_key(tls, SM_TLS_SENDING) : 0;
}

ssize_t sm_tls_send(struct sm_tls *tls, const struct iovec *parts, size_t count) {
    struct sm_tls_cursor cursor = {parts, 0};
    size_t length = 0, done = 0;
    int rc = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].iov_len;
    while (rc == 0 && done < length) {
        rc = pay(tls);
        if (rc == 0)
            rc = send_batch(tls, SM_TLS_DATA, &cursor, length - done, &done);
    }
    return done > 0 || rc == 0 ? (ssize_t)done : rc;
}

/* Whole messages of a handshake that come later, in any pieces. Returns 0, or -EPROTO for one that
 * has no business here. */
static int take_message(struct sm_tls *tls, const uint8_t *bytes, size_t length) {
    while (length > 0 || (tls->message_head_bytes == MESSAGE_HEAD_BYTES && !tls->message_left)) {
        const uint8_t *head = tls->message_head;
        if (tls->message_head_bytes < MESSAGE_HEAD_BYTES) {
            tls->message_head[tls->message_head_bytes++] = *bytes++;
            length--;
            if (tls->message_head_bytes == MESSAGE_HEAD_BYTES)
                tls->message_left = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
            continue;
        }
        if (head[0] == KEY_UPDATE && tls->manner.is_tls13) {
            if (tls->message_left != 1 || length != 1 || *bytes > 1)
                return -EPROTO;
            if (*bytes == 1)
                tls->debt = OWES_KEY_UPDATE;
            tls->message_head_bytes = tls->message_left = 0;
            return update_key(tls, SM_TLS_RECEIVING);
        }
        if (head[0] == HELLO_REQUEST && !tls->manner.is_tls13 && tls->message_left == 0)
            tls->debt = OWES_NO_RENEGOTIATION;
        else if (head[0] != NEW_SESSION_TICKET || !tls->manner.is_tls13)
            return -EPROTO;
        size_t now = length < tls->message_left ? length : tls->message_left;
        bytes += now;
        length -= now;
        tls->message_left -= now;
        if (tls->message_left == 0)
            tls->message_head_bytes = 0;
    }
    return 0;
}

/* What is no data. Returns 0, or -EPROTO where it ends the connection. */
static int take_other(struct sm_tls *tls, uint8_t type, const uint8_t *bytes, size_t length) {
    if (type == SM_TLS_HANDSHAKE && length > 0)
        return take_message(tls, bytes, length);
    if (type != SM_TLS_ALERT || length != 2)
        return -EPROTO;
    if (bytes[1] == CLOSE_NOTIFY)
        tls->has_ended = true;
    else if (bytes[1] != USER_CANCELED && (tls->manner.is_tls13 || bytes[0] != ALERT_WARNING))
        return -EPROTO;
    return 0;
}

/* Takes what there is room for of a whole record. Returns how many bytes, and whether it is done
 * with; or a negative errno. What is no data is left alone where has_data. */
static ssize_t take_record(struct sm_tls *tls, const uint8_t *record, size_t record_bytes,
                           uint8_t *to, size_t room, bool has_data, bool *ret_is_done) {
    struct sm_tls_shared *shared = tls->shared;
    bool fits = tls->taken == 0 && sm_tls_opened_most(&tls->manner, record_bytes) <= room;
    uint8_t type, *opened = fits ? to : shared->opened;
    ssize_t length = sm_tls_open(shared->sealer, &tls->manner, &tls->keys[SM_TLS_RECEIVING], record,
                                 record_bytes, opened, &type);
    *ret_is_done = false;
    if (length < 0 || (type != SM_TLS_DATA && has_data))
        return length < 0 ? length : 0;
    size_t left = (size_t)length - (type == SM_TLS_DATA ? tls->taken : 0), now = left;
    if (type == SM_TLS_DATA && now > room)
        now = room;
    *ret_is_done = now == left;
    if (*ret_is_done)
        tls->keys[SM_TLS_RECEIVING].sequence++;
    if (type != SM_TLS_DATA)
        return take_other(tls, type, opened, (size_t)length);
    if (!fits)
        memcpy(to, opened + tls->taken, now);
    tls->taken = *ret_is_done ? 0 : tls->taken + now;
    return (ssize_t)now;
}

static ssize_t receive_below(struct sm_tls *tls, uint8_t *bytes, size_t capacity) {
    if (tls->under)
        return sm_tls_receive(tls->under, bytes, capacity);
    ssize_t received = recv(tls->fd, bytes, capacity, 0);
    return received < 0 ? -errno : received;
}

/* Puts what is held into shared->received, with what has come, but no more than there is room for
 * in the end, or a record. Returns 0 and how much it is, or a negative errno. */
static int gather(struct sm_tls *tls, size_t capacity, size_t *ret_bytes) {
    uint8_t *to = tls->shared->received;
    size_t most = capacity < SM_TLS_RECORD_BYTES ? SM_TLS_RECORD_BYTES : capacity;
    if (most > RECEIVE_BYTES)
        most = RECEIVE_BYTES;
    if (tls->held_bytes > 0)
        memcpy(to, tls->held, tls->held_bytes);
    *ret_bytes = tls->held_bytes;
    if (sm_tls_record_length(to, tls->held_bytes) > 0)
        return 0;
    ssize_t received = receive_below(tls, to + tls->held_bytes, most - tls->held_bytes);
    if (received <= 0)
        return received < 0 ? (int)received : -ECONNRESET;
    *ret_bytes += (size_t)received;
    return 0;
}

static int hold(struct sm_tls *tls, const uint8_t *bytes, size_t length) {
    if (length > 0 && length != tls->held_bytes) {
        uint8_t *held = realloc(tls->held, length);
        if (!held)
            return -ENOMEM;
        tls->held = held;
    }
    if (length > 0) {
        memcpy(tls->held, bytes, length);
    } else {
        free(tls->held);
        tls->held = NULL;
    }
    tls->held_bytes = length;
    return 0;
}

static size_t take_early(struct sm_tls *tls, void *bytes, size_t capacity) {
    size_t left = tls->early_bytes - tls->early_taken, now = left < capacity ? left : capacity;
    if (now > 0)
        memcpy(bytes, tls->early + tls->early_taken, now);
    tls->early_taken += now;
    return now;
}

ssize_t sm_tls_receive(struct sm_tls *tls, void *bytes, size_t capacity) {
    const uint8_t *from = tls->shared->received;
    size_t length, at = 0, got = take_early(tls, bytes, capacity), record;
    if (got > 0)
        return (ssize_t)got;
    ssize_t rc = tls->has_ended ? 0 : gather(tls, capacity, &length);
    if (tls->has_ended || rc < 0)
        return rc;
    bool is_done = true;
    while (is_done && got < capacity && !tls->has_ended &&
           (record = sm_tls_record_length(from + at, length - at)) > 0) {
        rc = take_record(tls, from + at, record, (uint8_t *)bytes + got, capacity - got, got > 0,
                         &is_done);
        if (rc < 0)
            break;
        got += (size_t)rc;
        at += is_done ? record : 0;
    }
    if (hold(tls, from + at, length - at) < 0)
        return -ENOMEM;
    if (got > 0)
        return (ssize_t)got;
    if (rc < 0) /* told again if it is asked again */
        return rc == -ENOMEM ? rc : -ECONNRESET;
    if (tls->debt != OWES_NOTHING && (rc = pay(tls)) < 0 && rc != -EAGAIN)
        return rc;
    return tls->has_ended ? 0 : -EAGAIN;
}

bool sm_tls_holds(const struct sm_tls *tls) {
    return tls->early_taken < tls->early_bytes ||
           (!tls->has_ended && (sm_tls_record_length(tls->held, tls->held_bytes) > 0 ||
                                (tls->under && sm_tls_holds(tls->under))));
}

/* What was received and not read would make the system reset the connection, and drop with it what
 * was sent. */
void sm_tls_end(struct sm_tls *tls) {
    static const uint8_t goodbye[] = {ALERT_WARNING, CLOSE_NOTIFY};
    const struct iovec all = {(void *)goodbye, sizeof goodbye};
    struct sm_tls_cursor cursor = {&all, 0};
    size_t done = 0;
    if (!tls)
        return;
    if (tls->fd >= 0)
        recv(tls->fd, tls->shared->received, RECEIVE_BYTES, 0);
    if (tls->begun.length == 0)
        send_batch(tls, SM_TLS_ALERT, &cursor, sizeof goodbye, &done);
    sm_tls_end(tls->under);
    free(tls->held);
    free(tls->early);
    OPENSSL_cleanse(tls, sizeof *tls);
    free(tls);
}
