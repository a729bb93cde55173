/* condition.h - when a fault begins: a figure of the run above or below a value, as a text like
 * "heap above 100MB". */
#pragma once

#include <stdbool.h>

#include "../reports/error.h"
#include "../reports/units.h"

/* heap, rss, fds, delivered, offered, accepted, refused, unanswered, gauge:NAME. */
struct sm_condition {
    char series[80];
    bool is_above;
    double value; /* in the series' unit */
};

/* -EINVAL with *err (what, todo) when the text is none. */
int sm_condition_parse(const char *text, struct sm_condition *ret_condition, struct sm_error *err);

/* Not when the figure is not known (NAN). */
bool sm_condition_is_met(const struct sm_condition *condition, double figure);
