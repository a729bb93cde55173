/* fault_disk_error.c - calls on files below a path fail as on a full, broken or exhausted disk:
 * always, by chance, after so many calls or bytes, so many times. Done by the supervisor. */
#include "fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/suggest.h"
#include "fault_rule.h"

#define ERRORS(X)                                                                                  \
    X(EIO)                                                                                         \
    X(ENOSPC)                                                                                      \
    X(EDQUOT)                                                                                      \
    X(EROFS)                                                                                       \
    X(EFBIG)                                                                                       \
    X(EACCES)                                                                                      \
    X(EPERM)                                                                                       \
    X(ENOMEM)                                                                                      \
    X(EMFILE)                                                                                      \
    X(ENFILE)                                                                                      \
    X(ETIMEDOUT)                                                                                   \
    X(EINTR)                                                                                       \
    X(EAGAIN)

static const char short_write[] = "short";
static const char *const error_names[] = {
#define X(name) #name,
    ERRORS(X)
#undef X
        short_write,
    NULL};
static const uint32_t error_codes[] = {
#define X(name) name,
    ERRORS(X)
#undef X
        0};

static const char *const call_names[] = {"write", "sync", "truncate", "open", NULL};
static const uint32_t call_kinds[] = {SM_CALL_WRITE, SM_CALL_SYNC, SM_CALL_TRUNCATE, SM_CALL_OPEN};

static const struct sm_key keys[] = {
    {.name = "path",
     .type = SM_KEY_TEXT,
     .required = true,
     .help = "the file, or the directory with all below it"},
    {.name = "error",
     .type = SM_KEY_TEXT,
     .choices = error_names,
     .fallback = "EIO",
     .help = "what the calls fail with; short = a write takes only half of its bytes"},
    {.name = "on",
     .type = SM_KEY_TEXTS,
     .help = "which calls: write (if not given), sync, truncate, open (for writing)"},
    {.name = "probability",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_NONE,
     .fallback = "1",
     .at_most = 1,
     .help = "that such a call fails"},
    {.name = "after",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .fallback = "0",
     .help = "as many calls go through first, each time it begins"},
    {.name = "after_bytes",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_BYTES,
     .help = "as much can be written first, like space that is left"},
    {.name = "count",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .at_least = 1,
     .help = "as many calls fail, then no more"},
    {.name = "seed",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .fallback = "1",
     .help = "of the chance"},
    SM_FAULT_TIME_KEYS,
    {.name = NULL},
};

static int index_of(const char *name, const char *const *names) {
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int read_calls(const struct sm_block *config, uint32_t *ret_kinds, struct sm_error *err) {
    size_t count = 0;
    const char *const *on = sm_block_texts(config, "on", &count);
    uint32_t kinds = count ? 0 : SM_CALL_WRITE;
    for (size_t i = 0; i < count; i++) {
        int at = index_of(on[i], call_names);
        if (at < 0) {
            const char *near =
                sm_suggest(on[i], call_names, sizeof call_kinds / sizeof *call_kinds);
            return sm_fault_misused(err, config, "it can be write, sync, truncate and open",
                                    "disk_error: on: no calls \"%s\"%s%s%s", on[i],
                                    near ? "; did you mean \"" : "", near ? near : "",
                                    near ? "\"" : "");
        }
        kinds |= call_kinds[at];
    }
    if (strcmp(sm_block_text(config, "error"), short_write) == 0 && kinds != SM_CALL_WRITE)
        return sm_fault_misused(err, config, "leave out on, or name an error",
                                "disk_error: only writes can be short");
    *ret_kinds = kinds;
    return 0;
}

static void fill_rule(const struct sm_block *config, uint32_t kinds, struct sm_disk_rule *rule) {
    rule->fail_on = kinds;
    rule->fail_code = error_codes[index_of(sm_block_text(config, "error"), error_names)];
    rule->fail_per_million = (uint32_t)(sm_block_quantity(config, "probability") * 1e6 + 0.5);
    rule->fail_after_calls = (uint64_t)sm_block_quantity(config, "after");
    if (sm_block_has(config, "after_bytes"))
        rule->fail_after_bytes = (uint64_t)sm_block_quantity(config, "after_bytes");
    if (sm_block_has(config, "count"))
        rule->fail_most = (uint64_t)sm_block_quantity(config, "count");
    rule->fail_seed = (uint64_t)sm_block_quantity(config, "seed");
}

static int disk_error_open(const struct sm_block *config, struct sm_fault_env *env,
                           void **ret_fault, struct sm_error *err) {
    uint32_t kinds = 0;
    int rc = read_calls(config, &kinds, err);
    if (rc)
        return rc;
    struct sm_fault_rule *fault = calloc(1, sizeof *fault);
    if (!fault)
        return sm_error_set(err, -ENOMEM, config->where, NULL, "out of memory");
    rc = sm_fault_rule_claim(fault, env, config, sm_block_text(config, "path"), err);
    if (rc) {
        free(fault);
        return rc;
    }
    fill_rule(config, kinds, fault->rule);
    sm_fault_rule_publish(fault);
    *ret_fault = fault;
    return 0;
}

static int disk_error_begin(void *fault, struct sm_error *err) {
    return sm_fault_rule_begin(fault, err);
}

static int disk_error_end(void *fault, struct sm_error *err) {
    (void)err;
    sm_fault_rule_end(fault);
    return 0;
}

static void disk_error_receipt(void *fault, struct sm_receipt *ret_receipt) {
    sm_fault_rule_receipt(fault, ret_receipt);
}

static void disk_error_close(void *fault) {
    if (fault)
        sm_fault_rule_end(fault);
    free(fault);
}

const struct sm_fault_ops sm_fault_disk_error = {
    .name = "disk_error",
    .help = "calls on files below a path fail: ENOSPC, EIO, EDQUOT, short writes, failing syncs",
    .keys = keys,
    .open = disk_error_open,
    .begin = disk_error_begin,
    .end = disk_error_end,
    .receipt = disk_error_receipt,
    .close = disk_error_close,
};
