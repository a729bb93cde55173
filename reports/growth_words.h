/* growth_words.h - the clauses that explain a verdict. Internal to the growth engine. */
#pragma once

#include "growth.h"
#include "growth_cycles.h"
#include "growth_window.h"

/* What a window's verdict was turned into by what is known of faults, load and capacity. */
enum sm_growth_rule {
    SM_RULE_NONE,
    SM_RULE_CAP_EXCEEDED, /* growth beyond the declared bound */
    SM_RULE_UNDER_CAP,    /* growing, but the declared bound is not reached */
    SM_RULE_BACKLOG,      /* growing during a fault without a declared bound */
    SM_RULE_LOAD_CHANGED, /* the offered load was not constant */
    SM_RULE_GIVEN_BACK,   /* at rest it is back where it was before that load */
    SM_RULE_OUTGROWN,     /* it grew in an earlier window of the same load, and does not now */
    SM_RULE_HELD,         /* far more than the declared bound was pushed at it, and it held */
};

struct sm_growth_scene {
    enum sm_channel channel;
    double resolution_per_s;
    double declared_cap; /* <= 0 = none */
    double risen;        /* in the window that decided */
    double pushed;       /* bytes that came in and did not go out in it; 0 = unknown */
    double window_s;
    int in_fault;
    enum sm_growth_rule rule;
};

/* Fill verdict->why and verdict->needs from the figures. */
void sm_growth_explain_window(const struct sm_growth_scene *scene,
                              const struct sm_window_verdict *window, struct sm_verdict *verdict);
void sm_growth_explain_cycles(const struct sm_growth_scene *scene,
                              const struct sm_cycles_verdict *cycles, struct sm_verdict *verdict);
void sm_growth_explain_missing(struct sm_verdict *verdict);
