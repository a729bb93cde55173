/* analyzer.h - what clang's analyzer cannot see, since it reads one file at a time; tests/measures
 * gives it to all files but those that define what it speaks of. What reports an error returns a
 * code, and the code is not 0. */
#pragma once

#include <getopt.h>

#include "../../harness/fault_rule.h"
#include "../../harness/verbs.h"
#include "../../reports/error.h"

#define IS_ERROR(call)                                                                             \
    __extension__({                                                                                \
        int is_error_code = (call);                                                                \
        if (is_error_code == 0)                                                                    \
            __builtin_unreachable();                                                               \
        is_error_code;                                                                             \
    })
#define sm_error_set(...)     IS_ERROR((sm_error_set)(__VA_ARGS__))
#define sm_error_errno(...)   IS_ERROR((sm_error_errno)(__VA_ARGS__))
#define sm_fault_misused(...) IS_ERROR((sm_fault_misused)(__VA_ARGS__))
#define sm_verb_usage(...)    IS_ERROR((sm_verb_usage)(__VA_ARGS__))
#define sm_verb_fail(...)     IS_ERROR((sm_verb_fail)(__VA_ARGS__))

/* Each call gives optarg another value. */
char *is_any_text(void);
#define getopt_long(...)                                                                           \
    __extension__({                                                                                \
        int is_option = (getopt_long)(__VA_ARGS__);                                                \
        optarg = is_any_text();                                                                    \
        is_option;                                                                                 \
    })
