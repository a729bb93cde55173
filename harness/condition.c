#include "condition.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../reports/suggest.h"
#include "sources.h"

static const struct {
    const char *name;
    enum sm_unit unit;
} known[] = {{"heap", SM_UNIT_BYTES},    {"rss", SM_UNIT_BYTES},
             {"fds", SM_UNIT_COUNT},     {"delivered", SM_UNIT_COUNT},
             {"offered", SM_UNIT_COUNT}, {"accepted", SM_UNIT_COUNT},
             {"refused", SM_UNIT_COUNT}, {"unanswered", SM_UNIT_COUNT}};
enum { KNOWN = sizeof known / sizeof *known };
static const char todo[] = "write it like \"heap above 100MB\" or \"gauge:queued below 10\"";

static int find_unit(const char *series, enum sm_unit *ret_unit, struct sm_error *err) {
    const char *names[KNOWN];
    char near_todo[128];
    for (size_t i = 0; i < KNOWN; i++) {
        names[i] = known[i].name;
        if (strcmp(known[i].name, series) == 0) {
            *ret_unit = known[i].unit;
            return 0;
        }
    }
    if (strncmp(series, "gauge:", 6) == 0 && series[6]) {
        *ret_unit = sm_gauge_unit(series);
        return 0;
    }
    const char *near = sm_suggest(series, names, KNOWN);
    snprintf(near_todo, sizeof near_todo, near ? "did you mean \"%s\"?" : "%s",
             near ? near : "it can be heap, rss, fds, delivered, offered, accepted or gauge:NAME");
    return sm_error_set(err, -EINVAL, NULL, near_todo, "no figure \"%s\" to wait for", series);
}

int sm_condition_parse(const char *text, struct sm_condition *ret_condition, struct sm_error *err) {
    struct sm_condition condition = {0};
    char word[16] = "", value[64] = "", more[2];
    enum sm_unit unit = SM_UNIT_COUNT;
    if (sscanf(text, "%79s %15s %63s %1s", condition.series, word, value, more) != 3 ||
        (strcmp(word, "above") != 0 && strcmp(word, "below") != 0))
        return sm_error_set(err, -EINVAL, NULL, todo, "\"%.80s\" is no condition", text);
    int rc = find_unit(condition.series, &unit, err);
    if (rc)
        return rc;
    if (sm_unit_parse(unit, value, &condition.value))
        return sm_error_set(err, -EINVAL, NULL, todo, "\"%s\" is no value of %s", value,
                            condition.series);
    condition.is_above = word[0] == 'a';
    *ret_condition = condition;
    return 0;
}

bool sm_condition_is_met(const struct sm_condition *condition, double figure) {
    if (isnan(figure))
        return false;
    return condition->is_above ? figure > condition->value : figure < condition->value;
}
