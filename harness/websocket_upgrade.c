#include "websocket_upgrade.h"

#include <errno.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http1.h"

enum { HEAD_MAX_BYTES = 65536, KEY_BYTES = 16, KEY_LETTERS = 24, PROOF_LETTERS = 28 };

static void prove(const char *key, char proof[SM_UPGRADE_KEY]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    uint8_t digest[SHA1_DIGEST_SIZE];
    struct sha1_ctx sha1;
    sha1_init(&sha1);
    sha1_update(&sha1, strlen(key), (const uint8_t *)key);
    sha1_update(&sha1, sizeof guid - 1, (const uint8_t *)guid);
    sha1_digest(&sha1, sizeof digest, digest);
    base64_encode_raw(proof, sizeof digest, digest);
    proof[PROOF_LETTERS] = '\0';
}

void sm_upgrade_make_key(uint64_t number, char key[SM_UPGRADE_KEY]) {
    uint8_t bytes[KEY_BYTES] = "spillmark";
    for (int i = 0; i < 7; i++)
        bytes[9 + i] = (uint8_t)(number >> (8 * i));
    base64_encode_raw(key, sizeof bytes, bytes);
    key[KEY_LETTERS] = '\0';
}

static void add(char *text, size_t capacity, size_t *length, const char *bytes, size_t count) {
    if (count > capacity - 1 - *length)
        count = capacity - 1 - *length;
    memcpy(text + *length, bytes, count);
    *length += count;
    text[*length] = '\0';
}

static bool is_header(const struct sm_upgrade *upgrade, const char *name) {
    return strcasecmp(upgrade->name, name) == 0;
}

static void take_header(struct sm_upgrade *upgrade) {
    if (is_header(upgrade, "Upgrade"))
        upgrade->is_websocket = strcasecmp(upgrade->value, "websocket") == 0;
    else if (is_header(upgrade, "Sec-WebSocket-Version"))
        upgrade->is_version_13 = strcmp(upgrade->value, "13") == 0;
    else if (is_header(upgrade, "Sec-WebSocket-Key") || is_header(upgrade, "Sec-WebSocket-Accept"))
        snprintf(upgrade->key, sizeof upgrade->key, "%.*s", (int)sizeof upgrade->key - 1,
                 upgrade->value);
    upgrade->name_length = upgrade->value_length = 0;
    upgrade->name[0] = upgrade->value[0] = '\0';
    upgrade->in_value = false;
}

static int on_name(http_parser *parser, const char *bytes, size_t length) {
    struct sm_upgrade *upgrade = parser->data;
    if (upgrade->in_value)
        take_header(upgrade);
    add(upgrade->name, sizeof upgrade->name, &upgrade->name_length, bytes, length);
    return 0;
}

static int on_value(http_parser *parser, const char *bytes, size_t length) {
    struct sm_upgrade *upgrade = parser->data;
    upgrade->in_value = true;
    add(upgrade->value, sizeof upgrade->value, &upgrade->value_length, bytes, length);
    return 0;
}

static int on_target(http_parser *parser, const char *bytes, size_t length) {
    struct sm_upgrade *upgrade = parser->data;
    add(upgrade->target, SM_UPGRADE_TARGET, &upgrade->target_length, bytes, length);
    return 0;
}

static int on_head(http_parser *parser) {
    struct sm_upgrade *upgrade = parser->data;
    if (upgrade->in_value)
        take_header(upgrade);
    upgrade->status = (int)parser->status_code;
    upgrade->is_done = true;
    return 2; /* no body, and whatever follows is not HTTP */
}

static const http_parser_settings settings = {.on_url = on_target,
                                              .on_header_field = on_name,
                                              .on_header_value = on_value,
                                              .on_headers_complete = on_head};

void sm_upgrade_begin(struct sm_upgrade *upgrade, char *target) {
    memset(upgrade, 0, sizeof *upgrade);
    upgrade->target = target;
    if (target)
        target[0] = '\0';
    http_parser_init(&upgrade->parser, target ? HTTP_REQUEST : HTTP_RESPONSE);
    upgrade->parser.data = upgrade;
}

static enum sm_upgrade_progress refuse(struct sm_upgrade *upgrade, const char *words) {
    snprintf(upgrade->words, sizeof upgrade->words, "%s", words);
    return SM_UPGRADE_REFUSED;
}

static enum sm_upgrade_progress refuse_other(struct sm_upgrade *upgrade, const char *bytes,
                                             size_t length) {
    char quote[48], words[64];
    sm_http1_quote(bytes, length, quote, sizeof quote);
    snprintf(words, sizeof words, "not HTTP/1.1: %s", quote);
    return refuse(upgrade, words);
}

static enum sm_upgrade_progress check_request(struct sm_upgrade *upgrade) {
    if (upgrade->parser.method != HTTP_GET || !upgrade->is_websocket)
        return refuse(upgrade, "not a WebSocket request");
    if (!upgrade->is_version_13)
        return refuse(upgrade, "not version 13 of WebSocket");
    if (strlen(upgrade->key) != KEY_LETTERS)
        return refuse(upgrade, "no proper Sec-WebSocket-Key");
    return SM_UPGRADE_DONE;
}

static enum sm_upgrade_progress check_reply(struct sm_upgrade *upgrade, const char *key) {
    char proof[SM_UPGRADE_KEY], words[64];
    snprintf(words, sizeof words, "HTTP %d in place of a WebSocket", upgrade->status);
    if (upgrade->status != 101)
        return refuse(upgrade, words);
    prove(key, proof);
    if (!upgrade->is_websocket || strcmp(proof, upgrade->key) != 0)
        return refuse(upgrade, "a false Sec-WebSocket-Accept");
    return SM_UPGRADE_DONE;
}

enum sm_upgrade_progress sm_upgrade_feed(struct sm_upgrade *upgrade, const char *key,
                                         const char *bytes, size_t length, size_t *ret_used) {
    bool is_server = upgrade->parser.type == HTTP_REQUEST;
    size_t used = http_parser_execute(&upgrade->parser, &settings, bytes, length);
    *ret_used = used;
    upgrade->seen_bytes += used;
    if (upgrade->is_done)
        return is_server ? check_request(upgrade) : check_reply(upgrade, key);
    if (HTTP_PARSER_ERRNO(&upgrade->parser) != HPE_OK && upgrade->parser.http_major == 0)
        return refuse_other(upgrade, bytes, length);
    if (HTTP_PARSER_ERRNO(&upgrade->parser) != HPE_OK)
        return refuse(upgrade, http_errno_description(HTTP_PARSER_ERRNO(&upgrade->parser)));
    if (upgrade->seen_bytes > HEAD_MAX_BYTES)
        return refuse(upgrade, "its head has no end");
    return SM_UPGRADE_MORE;
}

size_t sm_upgrade_answer(const struct sm_upgrade *upgrade, char answer[SM_UPGRADE_ANSWER]) {
    char proof[SM_UPGRADE_KEY];
    int length;
    if (upgrade->words[0]) {
        length = snprintf(answer, SM_UPGRADE_ANSWER,
                          "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
                          "Content-Length: %zu\r\n\r\n%s\n",
                          strlen(upgrade->words) + 1, upgrade->words);
        return (size_t)length;
    }
    prove(upgrade->key, proof);
    length = snprintf(answer, SM_UPGRADE_ANSWER,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      proof);
    return (size_t)length;
}

int sm_upgrade_query_number(const char *target, const char *name, int64_t *ret_number) {
    size_t length = strlen(name);
    const char *at = strchr(target, '?');
    for (; at; at = strchr(at + 1, '&')) {
        if (strncmp(at + 1, name, length) != 0 || at[1 + length] != '=')
            continue;
        char *end;
        errno = 0;
        int64_t number = strtoll(at + 2 + length, &end, 10);
        if (errno || end == at + 2 + length || (*end && *end != '&'))
            return -EINVAL;
        *ret_number = number;
        return 0;
    }
    return -ENOENT;
}
