/* fault_rule.h - one rule of the supervisor, as the faults on files use it. Run's thread. */
#pragma once

#include "fault.h"

struct sm_fault_rule {
    struct sm_supervisor_shared *shared;
    struct sm_disk_rule *rule;
    struct sm_execution *execution; /* whose throttle may be in use */
};

/* Tells of a block whose keys don't go together: -EINVAL, a usage error. */
int sm_fault_misused(struct sm_error *err, const struct sm_block *config, const char *todo,
                     const char *what_format, ...) __attribute__((format(printf, 4, 5)));

/* Takes a free rule for a path, which is made absolute and free of links; the file itself need
 * not exist yet. Asks for a supervisor. Errors, of usage all: -ENOENT (its directory is missing)
 * and what else keeps a path from being followed, -ENOSPC (no rule left), -ENAMETOOLONG. */
int sm_fault_rule_claim(struct sm_fault_rule *rule, struct sm_fault_env *env,
                        const struct sm_block *config, const char *path, struct sm_error *err);

/* From here on the supervisor watches the path; everything but begin and end is settled. */
void sm_fault_rule_publish(struct sm_fault_rule *rule);

/* -ENOTCONN and more when no supervisor is at work. */
int sm_fault_rule_begin(struct sm_fault_rule *rule, struct sm_error *err);

/* Ends the fault and waits until no call is held back any more (a moment; calls are let go
 * within some ten milliseconds), so that the receipt is complete. */
void sm_fault_rule_end(struct sm_fault_rule *rule);

/* Calls, bytes, delay, and the note on the way and what it could not see. */
void sm_fault_rule_receipt(const struct sm_fault_rule *rule, struct sm_receipt *ret_receipt);
