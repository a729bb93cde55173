/* http2_fields.c - the header fields of a load's requests, made once. */
#include "http2_fields.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http1.h"

enum { OWN_FIELDS = 16 };

static const char *const forbidden[] = {"connection",        "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade",    NULL};

bool sm_http2_is_forbidden(const char *name, size_t length) {
    for (size_t i = 0; forbidden[i]; i++)
        if (length == strlen(forbidden[i]) && memcmp(name, forbidden[i], length) == 0)
            return true;
    return false;
}

struct list {
    nghttp2_nv *fields;
    size_t count;
    char *texts, *next; /* names and values, copied */
};

static const char *header_named(const struct sm_http2_ask *ask, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < ask->header_count; i++)
        if (strncasecmp(ask->headers[i], name, length) == 0 && ask->headers[i][length] == ':')
            return ask->headers[i] + length + 1;
    return NULL;
}

static char *keep(struct list *list, const char *text, size_t length, bool in_small) {
    char *kept = list->next;
    for (size_t i = 0; i < length; i++)
        kept[i] = in_small ? (char)tolower((unsigned char)text[i]) : text[i];
    kept[length] = '\0';
    list->next += length + 1;
    return kept;
}

static void add(struct list *list, const char *name, size_t name_length, const char *value) {
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    list->fields[list->count++] = (nghttp2_nv){
        .name = (uint8_t *)keep(list, name, name_length, true),
        .namelen = name_length,
        .value = (uint8_t *)keep(list, value, length, false),
        .valuelen = length,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
}

static void add_own(struct list *list, const struct sm_http2_ask *ask, const char *name,
                    const char *value) {
    if (value && !header_named(ask, name))
        add(list, name, strlen(name), value);
}

static void add_all(struct list *list, const struct sm_http2_ask *ask) {
    const char *host = header_named(ask, "host");
    add(list, ":method", 7, ask->method);
    add(list, ":scheme", 7, ask->address->scheme);
    add(list, ":authority", 10, host ? host : ask->address->host);
    add(list, ":path", 5, ask->path);
    for (size_t i = 0; ask->fields[i]; i += 2)
        add_own(list, ask, ask->fields[i], ask->fields[i + 1]);
    add_own(list, ask, "user-agent", "spillmark");
    for (size_t i = 0; i < ask->header_count; i++)
        if (strncasecmp(ask->headers[i], "host:", 5) != 0)
            add(list, ask->headers[i], strcspn(ask->headers[i], ":"),
                strchr(ask->headers[i], ':') + 1);
}

static int check(const struct sm_http2_ask *ask, const char *where, struct sm_error *err) {
    struct sm_http1_ask same = {.method = ask->method,
                                .path = ask->path,
                                .headers = ask->headers,
                                .header_count = ask->header_count};
    int rc = sm_http1_check(&same, where, err);
    for (size_t i = 0; rc == 0 && forbidden[i]; i++)
        if (header_named(ask, forbidden[i]))
            rc = sm_error_set(err, -EINVAL, where, "leave it out", "HTTP/2 has no header \"%s\"",
                              forbidden[i]);
    return rc;
}

int sm_http2_fields_make(const struct sm_http2_ask *ask, const char *where, nghttp2_nv **ret_fields,
                         size_t *ret_count, char **ret_texts, struct sm_error *err) {
    int rc = check(ask, where, err);
    if (rc < 0)
        return rc;
    struct list list = {0};
    size_t bytes = strlen(ask->path) + strlen(ask->address->host) + 1024;
    for (size_t i = 0; ask->fields[i]; i += 2)
        bytes += strlen(ask->fields[i]) + (ask->fields[i + 1] ? strlen(ask->fields[i + 1]) : 0) + 2;
    for (size_t i = 0; i < ask->header_count; i++)
        bytes += strlen(ask->headers[i]) + 2;
    list.fields = calloc(OWN_FIELDS + ask->header_count, sizeof *list.fields);
    list.texts = list.next = malloc(bytes);
    if (!list.fields || !list.texts) {
        free(list.fields);
        free(list.texts);
        return sm_error_errno(err, -ENOMEM, where, NULL, "cannot build the request");
    }
    add_all(&list, ask);
    *ret_fields = list.fields;
    *ret_count = list.count;
    *ret_texts = list.texts;
    return 0;
}
