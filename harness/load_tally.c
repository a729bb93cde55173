#include "load_tally.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTCOMES = 128 };

struct sm_tally {
    pthread_mutex_t lock;
    int64_t unit_bytes;
    struct sm_load_counts counts;
    struct sm_histogram *latency_ns, *slip_ns;
    struct sm_load_outcome_count outcomes[OUTCOMES];
    int outcome_count;
    /* The reader's, empty between two snapshots: it swaps them in and reads at leisure. */
    pthread_mutex_t reader_lock;
    struct sm_histogram *spare_latency_ns, *spare_slip_ns;
};

struct sm_tally *sm_tally_new(int64_t unit_bytes) {
    struct sm_tally *tally = calloc(1, sizeof *tally);
    if (!tally)
        return NULL;
    pthread_mutex_init(&tally->lock, NULL);
    pthread_mutex_init(&tally->reader_lock, NULL);
    tally->unit_bytes = unit_bytes;
    tally->latency_ns = sm_histogram_new();
    tally->slip_ns = sm_histogram_new();
    tally->spare_latency_ns = sm_histogram_new();
    tally->spare_slip_ns = sm_histogram_new();
    if (!tally->latency_ns || !tally->slip_ns || !tally->spare_latency_ns ||
        !tally->spare_slip_ns) {
        sm_tally_free(tally);
        return NULL;
    }
    return tally;
}

void sm_tally_free(struct sm_tally *tally) {
    if (!tally)
        return;
    sm_histogram_free(tally->latency_ns);
    sm_histogram_free(tally->slip_ns);
    sm_histogram_free(tally->spare_latency_ns);
    sm_histogram_free(tally->spare_slip_ns);
    pthread_mutex_destroy(&tally->reader_lock);
    pthread_mutex_destroy(&tally->lock);
    free(tally);
}

void sm_tally_offer(struct sm_tally *tally, int64_t units) {
    pthread_mutex_lock(&tally->lock);
    tally->counts.offered += units;
    tally->counts.in_flight += units;
    pthread_mutex_unlock(&tally->lock);
}

int sm_tally_outcome(struct sm_tally *tally, const char *text) {
    pthread_mutex_lock(&tally->lock);
    int number = 0;
    while (number < tally->outcome_count && strcmp(tally->outcomes[number].outcome, text) != 0)
        number++;
    if (number == tally->outcome_count) {
        if (number == OUTCOMES) {
            number = OUTCOMES - 1;
        } else {
            const char *name = number == OUTCOMES - 1 ? "other" : text;
            snprintf(tally->outcomes[number].outcome, sizeof tally->outcomes[number].outcome, "%s",
                     name);
            tally->outcomes[number].first_lost = -1;
            tally->outcome_count++;
        }
    }
    pthread_mutex_unlock(&tally->lock);
    return number;
}

void sm_tally_lost(struct sm_tally *tally, int outcome, int64_t number) {
    pthread_mutex_lock(&tally->lock);
    struct sm_load_outcome_count *row = &tally->outcomes[outcome];
    if (row->first_lost < 0 || number < row->first_lost)
        row->first_lost = number;
    pthread_mutex_unlock(&tally->lock);
}

void sm_tally_note(struct sm_tally *tally, int outcome) {
    pthread_mutex_lock(&tally->lock);
    tally->outcomes[outcome].count++;
    pthread_mutex_unlock(&tally->lock);
}

void sm_tally_end(struct sm_tally *tally, enum sm_ending ending, int outcome, int64_t latency_ns) {
    pthread_mutex_lock(&tally->lock);
    struct sm_load_counts *counts = &tally->counts;
    counts->in_flight--;
    switch (ending) {
    case SM_ENDING_ACCEPTED:
        counts->accepted++;
        break;
    case SM_ENDING_REFUSED:
        counts->refused++;
        break;
    case SM_ENDING_UNANSWERED:
        counts->unanswered++;
        break;
    }
    if (ending != SM_ENDING_UNANSWERED)
        sm_histogram_record(tally->latency_ns, latency_ns);
    tally->outcomes[outcome].count++;
    pthread_mutex_unlock(&tally->lock);
}

void sm_tally_slip(struct sm_tally *tally, int64_t slip_ns) {
    pthread_mutex_lock(&tally->lock);
    sm_histogram_record(tally->slip_ns, slip_ns);
    pthread_mutex_unlock(&tally->lock);
}

int64_t sm_tally_in_flight(struct sm_tally *tally) {
    pthread_mutex_lock(&tally->lock);
    int64_t in_flight = tally->counts.in_flight;
    pthread_mutex_unlock(&tally->lock);
    return in_flight;
}

static void swap(struct sm_histogram **one, struct sm_histogram **other) {
    struct sm_histogram *kept = *one;
    *one = *other;
    *other = kept;
}

void sm_tally_snapshot(struct sm_tally *tally, struct sm_load_snapshot *snapshot) {
    pthread_mutex_lock(&tally->reader_lock);
    pthread_mutex_lock(&tally->lock);
    snapshot->counts = tally->counts;
    swap(&tally->latency_ns, &tally->spare_latency_ns);
    swap(&tally->slip_ns, &tally->spare_slip_ns);
    pthread_mutex_unlock(&tally->lock);
    snapshot->counts.bytes_offered = snapshot->counts.offered * tally->unit_bytes;
    snapshot->counts.bytes_in_flight = snapshot->counts.in_flight * tally->unit_bytes;
    if (snapshot->latency_ns)
        sm_histogram_add(snapshot->latency_ns, tally->spare_latency_ns);
    if (snapshot->slip_ns)
        sm_histogram_add(snapshot->slip_ns, tally->spare_slip_ns);
    sm_histogram_reset(tally->spare_latency_ns);
    sm_histogram_reset(tally->spare_slip_ns);
    pthread_mutex_unlock(&tally->reader_lock);
}

size_t sm_tally_outcomes(struct sm_tally *tally, struct sm_load_outcome_count *outcomes,
                         size_t capacity) {
    size_t written = 0;
    pthread_mutex_lock(&tally->lock);
    for (int number = 0; number < tally->outcome_count && written < capacity; number++)
        if (tally->outcomes[number].count > 0)
            outcomes[written++] = tally->outcomes[number];
    pthread_mutex_unlock(&tally->lock);
    return written;
}
