#include "http_get.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "local_socket.h"

enum { BODY_MAX_BYTES = 1 << 20 };

const struct sm_key sm_http_get_keys[] = {
    {.name = "url",
     .type = SM_KEY_TEXT,
     .help = "what to ask for: \"http://127.0.0.1:8080/stats\""},
    {.name = "unix", .type = SM_KEY_TEXT, .help = "the path of a unix socket instead"},
    {.name = "path", .type = SM_KEY_TEXT, .help = "what is asked for, in place of the url's own"},
    {.name = NULL}};

/* The address as libcurl takes it apart; NULL with *err filled. Free with curl_url_cleanup. */
static CURLU *parse_url(const struct sm_block *config, struct sm_error *err) {
    const char *url = sm_block_text(config, "url"), *path = sm_block_text(config, "path");
    CURLU *parsed = curl_url();
    CURLUcode rc = parsed ? curl_url_set(parsed, CURLUPART_URL, url ? url : "http://localhost/", 0)
                          : CURLUE_OUT_OF_MEMORY;
    if (rc == CURLUE_OK && path) {
        size_t length = strcspn(path, "?");
        char *only_path = strndup(path, length);
        rc = only_path ? curl_url_set(parsed, CURLUPART_PATH, only_path, 0) : CURLUE_OUT_OF_MEMORY;
        free(only_path);
        if (rc == CURLUE_OK && path[length])
            rc = curl_url_set(parsed, CURLUPART_QUERY, path + length + 1, 0);
    }
    if (rc == CURLUE_OK)
        return parsed;
    curl_url_cleanup(parsed);
    sm_error_set(err, -EINVAL, config->where, NULL, "url \"%s\", path \"%s\": %s", url ? url : "",
                 path ? path : "", curl_url_strerror(rc));
    return NULL;
}

int sm_http_get_validate(const struct sm_block *config, struct sm_error *err) {
    const char *url = sm_block_text(config, "url"), *path = sm_block_text(config, "path");
    const char *socket_path = sm_block_text(config, "unix");
    if ((url == NULL) == (socket_path == NULL))
        return sm_error_set(err, -EINVAL, config->where, "give one of url and unix",
                            "it needs an address, url or unix");
    if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return sm_error_set(err, -EINVAL, config->where, "write it like \"http://127.0.0.1:8080/\"",
                            "url \"%s\" is not one of HTTP", url);
    if (path && path[0] != '/')
        return sm_error_set(err, -EINVAL, config->where, NULL, "path \"%s\" does not begin with /",
                            path);
    int rc = socket_path ? sm_unix_path_check(socket_path, config->where, err) : 0;
    if (rc)
        return rc;
    CURLU *parsed = parse_url(config, err);
    curl_url_cleanup(parsed);
    return parsed ? 0 : -EINVAL;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    struct sm_http_reply *reply = context;
    size_t length = size * count;
    if (reply->length + length > BODY_MAX_BYTES)
        return 0;
    char *grown = realloc(reply->body, reply->length + length + 1);
    if (!grown)
        return 0;
    memcpy(grown + reply->length, bytes, length);
    reply->length += length;
    grown[reply->length] = '\0';
    reply->body = grown;
    return length;
}

static int perform(CURL *curl, const struct sm_block *config, struct sm_http_reply *reply,
                   struct sm_error *err) {
    char text[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
    CURLcode rc = curl_easy_perform(curl);
    if (rc == CURLE_OK && !reply->body)
        reply->body = calloc(1, 1);
    if (rc == CURLE_OK && reply->body) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
        return 0;
    }
    int code = rc == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT
               : rc == CURLE_COULDNT_CONNECT  ? -ECONNREFUSED
               : rc == CURLE_WRITE_ERROR      ? -EFBIG
                                              : -EIO;
    const char *what = rc == CURLE_WRITE_ERROR ? "the reply is larger than 1 MiB"
                       : text[0]               ? text
                                               : curl_easy_strerror(rc);
    const char *of = sm_block_text(config, "unix");
    return sm_error_set(err, code, config->where, NULL, "%s: %s",
                        of ? of : sm_block_text(config, "url"), what);
}

int sm_http_get(const struct sm_block *config, double timeout_s, struct sm_http_reply *ret_reply,
                struct sm_error *err) {
    struct sm_http_reply reply = {0};
    CURLU *parsed = parse_url(config, err);
    if (!parsed)
        return -EINVAL;
    CURL *curl = curl_easy_init();
    int rc = -ENOMEM;
    if (curl) {
        const char *socket_path = sm_block_text(config, "unix");
        curl_easy_setopt(curl, CURLOPT_CURLU, parsed);
        if (socket_path)
            curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_s * 1000) + 1);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
        rc = perform(curl, config, &reply, err);
        curl_easy_cleanup(curl);
    } else {
        sm_error_set(err, rc, config->where, NULL, "out of memory");
    }
    curl_url_cleanup(parsed);
    if (rc)
        free(reply.body);
    else
        *ret_reply = reply;
    return rc;
}
