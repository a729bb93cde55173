/* supervisor_match.h - which rules cover a path. Async-signal-safe. */
#pragma once

#include <stdbool.h>

#include "supervisor.h"

/* A set of rules: bit i is rules[i]. */
typedef uint32_t sm_rule_set;

/* The rules in use that cover an absolute path, as the kernel prints it: the mark " (deleted)"
 * of an unlinked file is looked through. */
sm_rule_set sm_rules_matching(const struct sm_supervisor_shared *shared, const char *path);

/* Those of the set that are at work now. */
sm_rule_set sm_rules_active(const struct sm_supervisor_shared *shared, sm_rule_set set);

/* Claims a rule for the judgement of one call: its fault's end waits for that, and the receipt then
 * says all. False, and nothing claimed, if the fault has ended meanwhile. */
bool sm_rule_enter(struct sm_disk_rule *rule);
void sm_rule_leave(struct sm_disk_rule *rule);

/* Those of the set that fail calls; the others delay them. */
sm_rule_set sm_rules_failing(const struct sm_supervisor_shared *shared, sm_rule_set set);
