/* supervisor_fail.h - which calls fail, and how. Pure but for the receipts; one thread. */
#pragma once

#include <stdbool.h>

#include "supervisor_match.h"

struct sm_fail {
    struct sm_supervisor_shared *shared;
    struct sm_fail_count { /* since the rule's last begin */
        uint32_t epoch;
        uint64_t calls, bytes, failed, random;
    } counts[SM_SUPERVISOR_RULES];
};

struct sm_verdict {
    int code;       /* errno to answer with; 0 = none */
    bool cut_short; /* write less than asked */
};

/* Judges a call of one kind under those of the rules that are at work, and counts it in their
 * receipts. Rules that only delay have no say. The first rule that fails it decides. */
struct sm_verdict sm_fail_judge(struct sm_fail *fail, sm_rule_set rules, enum sm_disk_call kind,
                                uint64_t bytes);
