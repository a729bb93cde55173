#include "load_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

struct sm_value {
    const struct load_setting *settings; /* ends with a NULL key */
    const struct sm_body *body;
    const char *const *headers;
};

static const struct sm_key *key_of(const struct sm_block *block, const char *name) {
    const struct sm_key *key = block->keys;
    while (key->name && strcmp(key->name, name) != 0)
        key++;
    assert_non_null(key->name);
    return key;
}

static const char *given(const struct sm_block *block, const char *name) {
    for (const struct load_setting *s = block->values->settings; s && s->key; s++)
        if (strcmp(s->key, name) == 0)
            return s->text;
    return NULL;
}

const char *sm_block_text(const struct sm_block *block, const char *name) {
    const struct sm_key *key = key_of(block, name);
    const char *text = given(block, name);
    return text ? text : key->fallback;
}

bool sm_block_has(const struct sm_block *block, const char *name) {
    return sm_block_text(block, name) != NULL;
}

double sm_block_quantity(const struct sm_block *block, const char *name) {
    double value = 0;
    assert_int_equal(sm_unit_parse(key_of(block, name)->unit, sm_block_text(block, name), &value),
                     0);
    return value;
}

bool sm_block_bool(const struct sm_block *block, const char *name) {
    const char *text = sm_block_text(block, name);
    return text && strcmp(text, "true") == 0;
}

const struct sm_body *sm_block_body(const struct sm_block *block, const char *name) {
    key_of(block, name);
    return block->values->body;
}

const char *const *sm_block_texts(const struct sm_block *block, const char *name,
                                  size_t *ret_count) {
    key_of(block, name);
    const char *const *headers = block->values->headers;
    *ret_count = 0;
    while (headers && headers[*ret_count])
        ++*ret_count;
    return headers;
}

static void fill_block(struct sm_block *block, const struct sm_load_ops *ops,
                       const struct load_setting *settings, const struct sm_body *body,
                       const char *const *headers) {
    *block = (struct sm_block){.type = ops->name, .where = "test", .keys = ops->keys};
    block->values = calloc(1, sizeof *block->values);
    *block->values = (struct sm_value){settings, body, headers};
    for (const struct load_setting *s = settings; s && s->key; s++)
        key_of(block, s->key);
}

void load_run_open(struct load_run *run, const struct sm_load_ops *ops,
                   const struct load_setting *settings, const struct sm_body *body,
                   const char *const *headers) {
    struct sm_error err = {0};
    *run = (struct load_run){.ops = ops};
    fill_block(&run->block, ops, settings, body, headers);
    run->latency_ns = sm_histogram_new();
    run->slip_ns = sm_histogram_new();
    if (ops->open(&run->block, &run->driver, &err) != 0)
        fail_msg("%s", err.what);
}

int load_run_refused(const struct sm_load_ops *ops, const struct load_setting *settings,
                     struct sm_error *err) {
    struct sm_block block;
    void *driver = NULL;
    *err = (struct sm_error){0};
    fill_block(&block, ops, settings, NULL, NULL);
    int rc = ops->open(&block, &driver, err);
    assert_null(driver);
    free(block.values);
    return rc;
}

void load_run_start(struct load_run *run) {
    struct sm_error err = {0};
    if (run->ops->start(run->driver, &err) != 0)
        fail_msg("%s", err.what);
}

void load_run_look(struct load_run *run) {
    struct sm_load_snapshot snapshot = {.latency_ns = run->latency_ns, .slip_ns = run->slip_ns};
    run->ops->snapshot(run->driver, &snapshot);
    struct sm_load_counts c = run->counts = snapshot.counts;
    assert_int_equal(c.offered, c.accepted + c.refused + c.unanswered + c.in_flight);
    assert_true(c.in_flight >= 0);
    assert_int_equal(sm_histogram_count(run->latency_ns), c.accepted + c.refused);
}

/* The test's own time-out is what ends a wait that never does. */
void load_run_until_done(struct load_run *run, int64_t offered) {
    do {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        load_run_look(run);
    } while (run->counts.offered < offered || run->counts.in_flight > 0);
}

int64_t load_run_outcome(struct load_run *run, const char *outcome) {
    struct sm_load_outcome_count outcomes[64];
    size_t count = run->ops->outcomes(run->driver, outcomes, 64);
    for (size_t i = 0; i < count; i++)
        if (strcmp(outcomes[i].outcome, outcome) == 0)
            return outcomes[i].count;
    return 0;
}

void load_run_stop(struct load_run *run, double grace_s) {
    run->ops->stop(run->driver, grace_s);
    load_run_look(run);
    assert_int_equal(run->counts.in_flight, 0);
}

void load_run_close(struct load_run *run) {
    run->ops->close(run->driver);
    sm_histogram_free(run->latency_ns);
    sm_histogram_free(run->slip_ns);
    free(run->block.values);
}
