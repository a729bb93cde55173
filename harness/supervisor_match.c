/* supervisor_match.c - which rules cover a path. */
#include "supervisor_match.h"

#include <string.h>

static const char deleted_mark[] = " (deleted)";

static size_t length_without_mark(const char *path) {
    size_t length = strlen(path), mark = sizeof deleted_mark - 1;
    if (length > mark && memcmp(path + length - mark, deleted_mark, mark) == 0)
        return length - mark;
    return length;
}

static bool covers(const char *rule, const char *path, size_t path_length) {
    size_t length = strnlen(rule, SM_RULE_PATH_BYTES);
    if (length == 1) /* "/" */
        return path[0] == '/';
    return length <= path_length && memcmp(rule, path, length) == 0 &&
           (length == path_length || path[length] == '/');
}

sm_rule_set sm_rules_matching(const struct sm_supervisor_shared *shared, const char *path) {
    sm_rule_set set = 0;
    if (path[0] != '/')
        return 0;
    size_t length = length_without_mark(path);
    for (int i = 0; i < SM_SUPERVISOR_RULES; i++) {
        const struct sm_disk_rule *rule = &shared->rules[i];
        if (__atomic_load_n(&rule->used, __ATOMIC_ACQUIRE) && covers(rule->path, path, length))
            set |= (sm_rule_set)1 << i;
    }
    return set;
}

sm_rule_set sm_rules_active(const struct sm_supervisor_shared *shared, sm_rule_set set) {
    sm_rule_set active = 0;
    for (sm_rule_set rest = set; rest; rest &= rest - 1) {
        int i = __builtin_ctz(rest);
        if (__atomic_load_n(&shared->rules[i].active, __ATOMIC_ACQUIRE))
            active |= (sm_rule_set)1 << i;
    }
    return active;
}

/* Against sm_fault_rule_end, which first clears active and then looks at waiting. */
bool sm_rule_enter(struct sm_disk_rule *rule) {
    __atomic_add_fetch(&rule->waiting, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&rule->active, __ATOMIC_SEQ_CST))
        return true;
    sm_rule_leave(rule);
    return false;
}

void sm_rule_leave(struct sm_disk_rule *rule) {
    __atomic_sub_fetch(&rule->waiting, 1, __ATOMIC_RELEASE);
}

sm_rule_set sm_rules_failing(const struct sm_supervisor_shared *shared, sm_rule_set set) {
    sm_rule_set failing = 0;
    for (sm_rule_set rest = set; rest; rest &= rest - 1)
        if (shared->rules[__builtin_ctz(rest)].fail_on)
            failing |= rest & -rest;
    return failing;
}
