#include "release.h"

enum { PROMPT_RECORDS = 1000 };

void mi_release_init(struct mi_release *release, bool is_prompt, struct mi_worker_stats *stats) {
    *release = (struct mi_release){.is_prompt = is_prompt, .stats = stats};
    pthread_mutex_init(&release->lock, NULL);
}

void mi_release_payload(struct mi_release *release, struct mi_payload *payload, size_t records) {
    if (release->is_prompt && records > PROMPT_RECORDS) {
        mi_payload_free(payload);
        return;
    }
    release->stats->late_bytes += (long)mi_payload_bytes(payload);
    pthread_mutex_lock(&release->lock);
    payload->next = release->waiting;
    release->waiting = payload;
    pthread_mutex_unlock(&release->lock);
}

void mi_release_collect(struct mi_release *release) {
    pthread_mutex_lock(&release->lock);
    struct mi_payload *list = release->waiting;
    release->waiting = NULL;
    pthread_mutex_unlock(&release->lock);
    while (list) {
        struct mi_payload *payload = list;
        list = payload->next;
        release->stats->late_bytes -= (long)mi_payload_bytes(payload);
        mi_payload_free(payload);
    }
}
