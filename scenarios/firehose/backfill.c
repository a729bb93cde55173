/* Pages through the list of all repositories, once. */
#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"
#include "stop.h"

enum {
    PAGE_BYTES_MAX = 64 << 20,
    ATTEMPTS = 5,
    RETRY_MS = 500,
    TIMEOUT_S = 30,
};

struct fh_backfill {
    struct fh_source_config config;
    CURL *curl;
    pthread_t thread;
    bool has_thread;
};

struct page {
    char *text;
    size_t bytes;
};

static size_t take_text(char *piece, size_t one, size_t bytes, void *context) {
    struct page *page = context;
    (void)one;
    char *text =
        page->bytes + bytes <= PAGE_BYTES_MAX ? realloc(page->text, page->bytes + bytes) : NULL;
    if (!text)
        return 0;
    memcpy(text + page->bytes, piece, bytes);
    page->text = text;
    page->bytes += bytes;
    return bytes;
}

/* One page after the cursor, which may be NULL. A new reference; NULL, having printed why. */
static json_t *fetch(struct fh_backfill *backfill, const char *cursor) {
    char *escaped = cursor ? curl_easy_escape(backfill->curl, cursor, 0) : NULL;
    struct page page = {0};
    char *url = NULL;
    json_t *json = NULL;
    if (asprintf(&url, "%s/xrpc/com.atproto.sync.listRepos?limit=1000%s%s",
                 backfill->config.options->backfill_url, escaped ? "&cursor=" : "",
                 escaped ? escaped : "") < 0)
        url = NULL;
    curl_free(escaped);
    curl_easy_setopt(backfill->curl, CURLOPT_URL, url);
    curl_easy_setopt(backfill->curl, CURLOPT_WRITEFUNCTION, take_text);
    curl_easy_setopt(backfill->curl, CURLOPT_WRITEDATA, &page);
    curl_easy_setopt(backfill->curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(backfill->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(backfill->curl, CURLOPT_FAILONERROR, 1L);
    CURLcode code = url ? curl_easy_perform(backfill->curl) : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK)
        json = json_loadb(page.text ? page.text : "", page.bytes, 0, NULL);
    if (!json)
        fprintf(stderr, "firehose: %s: %s\n", url ? url : "backfill",
                code == CURLE_OK ? "not JSON" : curl_easy_strerror(code));
    free(url);
    free(page.text);
    return json;
}

/* False when nobody takes events any more. */
static bool take_repositories(struct fh_backfill *backfill, const json_t *page) {
    struct fh_sink sink = fh_pipeline_sink(backfill->config.pipeline);
    size_t index;
    const json_t *repository;
    json_array_foreach(json_object_get(page, "repos"), index, repository) {
        char *text = json_dumps(repository, JSON_COMPACT);
        struct fh_event *event = text ? fh_event_create(0, text, strlen(text)) : NULL;
        free(text);
        if (event && !sink.take(sink.context, event))
            return false;
    }
    return true;
}

static void *backfill_main(void *argument) {
    struct fh_backfill *backfill = argument;
    char *cursor = NULL;
    unsigned failures = 0;
    bool goes_on = true;
    while (goes_on && failures < ATTEMPTS && !fh_stop_is_requested()) {
        json_t *page = fetch(backfill, cursor);
        if (!page) {
            failures++;
            fh_stop_sleep(RETRY_MS);
            continue;
        }
        failures = 0;
        const char *next = json_string_value(json_object_get(page, "cursor"));
        goes_on = take_repositories(backfill, page) && next;
        free(cursor);
        cursor = next ? strdup(next) : NULL;
        json_decref(page);
    }
    free(cursor);
    return NULL;
}

struct fh_backfill *fh_backfill_start(const struct fh_source_config *config) {
    struct fh_backfill *backfill = calloc(1, sizeof *backfill);
    if (backfill) {
        backfill->config = *config;
        backfill->curl = curl_easy_init();
    }
    if (!backfill || !backfill->curl ||
        pthread_create(&backfill->thread, NULL, backfill_main, backfill) != 0) {
        fprintf(stderr, "firehose: cannot start the backfill\n");
        fh_backfill_finish(backfill);
        return NULL;
    }
    backfill->has_thread = true;
    return backfill;
}

void fh_backfill_finish(struct fh_backfill *backfill) {
    if (!backfill)
        return;
    if (backfill->has_thread)
        pthread_join(backfill->thread, NULL);
    curl_easy_cleanup(backfill->curl);
    free(backfill);
}
