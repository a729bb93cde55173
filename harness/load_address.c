#include "load_address.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char default_url[] = "http://localhost/";

static CURLUcode split(const char *url, struct sm_address *address) {
    char *host = NULL, *port = NULL, *path = NULL, *query = NULL;
    CURLU *parsed = curl_url();
    CURLUcode rc = parsed ? curl_url_set(parsed, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
    if (rc == CURLUE_OK)
        rc = curl_url_get(parsed, CURLUPART_HOST, &host, 0);
    if (rc == CURLUE_OK)
        rc = curl_url_get(parsed, CURLUPART_PATH, &path, 0);
    if (rc == CURLUE_OK) {
        curl_url_get(parsed, CURLUPART_PORT, &port, 0);
        curl_url_get(parsed, CURLUPART_QUERY, &query, 0);
        if (asprintf(&address->host, "%s%s%s", host, port ? ":" : "", port ? port : "") < 0)
            address->host = NULL;
        if (asprintf(&address->path, "%s%s%s", path, query ? "?" : "", query ? query : "") < 0)
            address->path = NULL;
        if (!address->host || !address->path)
            rc = CURLUE_OUT_OF_MEMORY;
    }
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_free(query);
    curl_url_cleanup(parsed);
    return rc;
}

static void read_pace(const struct sm_block *config, struct sm_link_options *link) {
    link->pace = (struct sm_pace_options){
        .bytes_per_s = sm_block_quantity(config, "read_rate"),
        .stop_after_bytes = (int64_t)sm_block_quantity(config, "read_stop_after"),
        .stop_ns = (int64_t)(sm_block_quantity(config, "read_stop_for") * 1e9)};
    link->send_pace.bytes_per_s = sm_block_quantity(config, "send_rate");
    link->receive_buffer_bytes = (int)sm_block_quantity(config, "receive_buffer");
}

/* The way there, but for the url. Either a url or a unix socket is given. */
static int read_way(const struct sm_block *config, struct sm_link_options *link,
                    struct sm_error *err) {
    link->unix_path = sm_block_text(config, "unix");
    link->proxy = sm_block_text(config, "proxy");
    link->ca_file = sm_block_text(config, "ca");
    link->is_insecure = sm_block_bool(config, "insecure");
    read_pace(config, link);
    if (link->proxy && link->unix_path)
        return sm_error_set(err, -EINVAL, config->where, "leave proxy out",
                            "a unix socket is not reached through a proxy");
    return 0;
}

static int read_address(const struct sm_block *config, const char *url,
                        struct sm_address *ret_address, struct sm_error *err) {
    struct sm_address address = {.link = {.url = url}};
    int way = read_way(config, &address.link, err);
    if (way < 0)
        return way;
    if ((address.link.url == NULL) == (address.link.unix_path == NULL))
        return sm_error_set(err, -EINVAL, config->where, "keep one of url and unix",
                            "it needs an address, url or unix");
    if (!address.link.url)
        address.link.url = default_url;
    CURLUcode rc = split(address.link.url, &address);
    if (rc != CURLUE_OK) {
        sm_address_free(&address);
        return sm_error_set(err, -EINVAL, config->where, "write \"http://127.0.0.1:8080/write\"",
                            "url \"%s\": %s", address.link.url, curl_url_strerror(rc));
    }
    bool is_tls = strncmp(address.link.url, "https://", 8) == 0;
    if (!is_tls && strncmp(address.link.url, "http://", 7) != 0) {
        sm_address_free(&address);
        return sm_error_set(err, -EINVAL, config->where, "write http:// or https:// before it",
                            "url \"%s\" is not one of HTTP", address.link.url);
    }
    address.scheme = is_tls ? "https" : "http";
    *ret_address = address;
    return 0;
}

int sm_address_read(const struct sm_block *config, struct sm_address *ret_address,
                    struct sm_error *err) {
    return read_address(config, sm_block_text(config, "url"), ret_address, err);
}

int sm_address_read_websocket(const struct sm_block *config, struct sm_address *ret_address,
                              struct sm_error *err) {
    const char *url = sm_block_text(config, "url");
    char *plain = NULL;
    if (url && (strncmp(url, "ws://", 5) == 0 || strncmp(url, "wss://", 6) == 0) &&
        asprintf(&plain, "http%s", url + 2) < 0)
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot read the address");
    int rc = read_address(config, plain ? plain : url, ret_address, err);
    if (rc == 0)
        ret_address->url = plain;
    else
        free(plain);
    return rc;
}

/* libcurl connects to what a url says, whatever is spoken then. */
int sm_address_read_stream(const struct sm_block *config, struct sm_address *ret_address,
                           struct sm_error *err) {
    const char *to = sm_block_text(config, "to");
    bool is_tls = sm_block_bool(config, "tls");
    struct sm_address address = {.scheme = is_tls ? "https" : "http"};
    int way = read_way(config, &address.link, err);
    if (way < 0)
        return way;
    if ((to == NULL) == (address.link.unix_path == NULL))
        return sm_error_set(err, -EINVAL, config->where, "write to = \"127.0.0.1:6379\"",
                            "it needs one of to and unix");
    if (to && (!strrchr(to, ':') || strpbrk(to, "/?#@ ")))
        return sm_error_set(err, -EINVAL, config->where, "write to = \"127.0.0.1:6379\"",
                            "to = \"%s\" is no host with a port", to);
    if (asprintf(&address.url, "%s://%s/", address.scheme, to ? to : "localhost") < 0)
        return sm_error_errno(err, -ENOMEM, config->where, NULL, "cannot read the address");
    address.link.url = address.url;
    CURLUcode rc = split(address.url, &address);
    if (rc != CURLUE_OK) {
        sm_address_free(&address);
        return sm_error_set(err, -EINVAL, config->where, "write to = \"127.0.0.1:6379\"",
                            "to = \"%s\": %s", to ? to : "", curl_url_strerror(rc));
    }
    *ret_address = address;
    return 0;
}

void sm_address_free(struct sm_address *address) {
    free(address->url);
    free(address->host);
    free(address->path);
    address->url = address->host = address->path = NULL;
}
