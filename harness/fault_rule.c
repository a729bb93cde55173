/* fault_rule.c - one rule of the supervisor, as the faults on files use it. */
#include "fault_rule.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors.h"
#include "clock.h"
#include "throttle.h"

static int usage(struct sm_error *err, int code) {
    if (err)
        err->status = SM_STATUS_USAGE;
    return code;
}

int sm_fault_misused(struct sm_error *err, const struct sm_block *config, const char *todo,
                     const char *what_format, ...) {
    char what[sizeof err->what];
    va_list args;
    va_start(args, what_format);
    vsnprintf(what, sizeof what, what_format, args);
    va_end(args);
    return usage(err, sm_error_set(err, -EINVAL, config->where, todo, "%s", what));
}

/* realpath for a file that may not exist yet: its directory must. malloc'd, NULL and errno. */
static char *absolute_path(const char *path) {
    char *whole = realpath(path, NULL);
    if (whole || errno != ENOENT)
        return whole;
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *folder_name = slash == path ? strdup("/") : strndup(path, slash ? slash - path : 0);
    char *folder = folder_name ? realpath(slash ? folder_name : ".", NULL) : NULL;
    int code = errno;
    free(folder_name);
    if (folder && asprintf(&whole, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) < 0)
        whole = NULL;
    free(folder);
    errno = code;
    return whole;
}

static struct sm_disk_rule *free_rule(struct sm_supervisor_shared *shared) {
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++)
        if (!shared->rules[i].used && shared->rules[i].path[0] == '\0')
            return &shared->rules[i];
    return NULL;
}

int sm_fault_rule_claim(struct sm_fault_rule *rule, struct sm_fault_env *env,
                        const struct sm_block *config, const char *path, struct sm_error *err) {
    struct sm_disk_rule *chosen = free_rule(env->supervisor);
    if (!chosen)
        return usage(err,
                     sm_error_set(err, -ENOSPC, config->where, "use one fault in several phases",
                                  "more than %d faults on files", SM_SUPERVISOR_RULES));
    char *absolute = absolute_path(path);
    if (!absolute)
        return usage(err, sm_error_errno(err, -errno, config->where, "make its directory first",
                                         "the path %s", path));
    size_t length = strlen(absolute);
    if (length < sizeof chosen->path)
        memcpy(chosen->path, absolute, length + 1);
    free(absolute);
    if (length >= sizeof chosen->path)
        return usage(err, sm_error_set(err, -ENAMETOOLONG, config->where, NULL,
                                       "a path of %zu bytes; at most %zu can be watched", length,
                                       sizeof chosen->path - 1));
    env->needs_supervisor = true;
    *rule = (struct sm_fault_rule){
        .shared = env->supervisor, .rule = chosen, .execution = env->execution};
    return 0;
}

void sm_fault_rule_publish(struct sm_fault_rule *rule) {
    __atomic_store_n(&rule->rule->used, 1, __ATOMIC_RELEASE);
}

/* errno of what ended it before the last program did; 0 while all is well. */
static int supervisor_failure(const struct sm_supervisor_shared *shared) {
    uint32_t failed = __atomic_load_n(&shared->failed, __ATOMIC_ACQUIRE);
    uint32_t serving = __atomic_load_n(&shared->serving, __ATOMIC_ACQUIRE);
    if (failed == 0 && serving != 0 && kill((pid_t)serving, 0) && errno == ESRCH)
        return ESRCH;
    return (int)failed;
}

/* What came before belongs to how it was then. */
static int throttle(const struct sm_fault_rule *rule, uint32_t active, struct sm_error *err) {
    struct sm_throttle *by = sm_execution_throttle(rule->execution);
    sm_throttle_count(by);
    __atomic_store_n(&rule->rule->active, active, __ATOMIC_RELEASE);
    int rc = sm_throttle_apply(by);
    return rc ? sm_error_errno(err, rc, rule->rule->path, NULL,
                               "the control group's limit on the disk cannot be set")
              : 0;
}

int sm_fault_rule_begin(struct sm_fault_rule *rule, struct sm_error *err) {
    static const char todo[] = "spillmark doctor says what this machine allows";
    int failed = supervisor_failure(rule->shared);
    if (failed)
        return sm_error_errno(err, -failed, rule->rule->path, todo,
                              "the supervisor of file calls has failed");
    if (__atomic_load_n(&rule->shared->way, __ATOMIC_ACQUIRE) == SM_WAY_NONE)
        return sm_error_set(err, -ENOTCONN, rule->rule->path, todo,
                            "the target runs without a supervisor of file calls");
    __atomic_add_fetch(&rule->rule->epoch, 1, __ATOMIC_RELAXED);
    if (rule->shared->way == SM_WAY_CGROUP)
        return throttle(rule, 1, err);
    __atomic_store_n(&rule->rule->active, 1, __ATOMIC_RELEASE);
    return 0;
}

void sm_fault_rule_end(struct sm_fault_rule *rule) {
    static const int64_t patience_ns = 500 * 1000 * 1000, step_ns = 1000 * 1000;
    if (rule->shared->way == SM_WAY_CGROUP) {
        if (rule->rule->active)
            throttle(rule, 0, NULL);
        return;
    }
    __atomic_store_n(&rule->rule->active, 0, __ATOMIC_SEQ_CST);
    int64_t start_ns = sm_now_ns();
    for (int64_t now_ns = start_ns; now_ns - start_ns < patience_ns; now_ns = sm_now_ns()) {
        if (__atomic_load_n(&rule->rule->waiting, __ATOMIC_SEQ_CST) == 0)
            return;
        sm_sleep_until_ns(now_ns + step_ns);
    }
}

static void append(char *note, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *note, size_t size, const char *format, ...) {
    size_t length = strlen(note);
    va_list args;
    va_start(args, format);
    vsnprintf(note + length, size - length, format, args);
    va_end(args);
}

static void write_note(const struct sm_fault_rule *rule, char *note, size_t size) {
    const struct sm_supervisor_shared *shared = rule->shared;
    const char *way = shared->way == SM_WAY_HIGH_DESCRIPTORS ? "watched descriptors"
                      : shared->way == SM_WAY_ALL_WRITES     ? "every write"
                                                             : "nothing";
    note[0] = '\0';
    if (shared->way == SM_WAY_CGROUP)
        append(
            note, size,
            "a control group's limit on all that the target writes to the disk below it, through "
            "mappings and io_uring too; delay computed from bytes and rate; what is not synced "
            "waits later or not at all");
    else if (shared->way == SM_WAY_FUSE)
        append(note, size, "FUSE over the directory, as seccomp notification is not to be had");
    else
        append(note, size, "seccomp notification on %s", way);
    if (rule->rule->fail_on)
        append(note, size, "; %llu such calls went through",
               (unsigned long long)__atomic_load_n(&rule->rule->passed, __ATOMIC_RELAXED));
    int failed = supervisor_failure(shared);
    if (failed)
        append(note, size, "; the supervisor failed: %s", strerror(failed));
    if (shared->escaped)
        append(note, size, "; %u descriptors out of its sight", shared->escaped);
    if (shared->unreadable)
        append(note, size, "; %u calls it could not read", shared->unreadable);
    if (shared->rings_refused)
        append(note, size, "; io_uring or aio refused %u times", shared->rings_refused);
    if (shared->mapped)
        append(note, size, "; stores through %u shared mappings not seen", shared->mapped);
}

void sm_fault_rule_receipt(const struct sm_fault_rule *rule, struct sm_receipt *ret_receipt) {
    const struct sm_disk_rule *from = rule->rule;
    if (rule->shared->way == SM_WAY_CGROUP && sm_execution_throttle(rule->execution))
        sm_throttle_count(sm_execution_throttle(rule->execution));
    struct sm_receipt receipt = {
        .calls = (int64_t)__atomic_load_n(&from->calls, __ATOMIC_RELAXED),
        .bytes = (int64_t)__atomic_load_n(&from->bytes, __ATOMIC_RELAXED),
        .delay_s = (double)__atomic_load_n(&from->delay_ns, __ATOMIC_RELAXED) / 1e9,
    };
    write_note(rule, receipt.note, sizeof receipt.note);
    *ret_receipt = receipt;
}
