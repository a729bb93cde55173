/* scenario_families.h - which constructors fit where in a scenario, and their keys. Read-only. */
#pragma once

#include "config.h"

struct sm_member {
    const char *name; /* the constructor; NULL ends a list */
    const struct sm_key *keys;
    const char *help;
    int (*validate)(const struct sm_block *block, struct sm_error *err); /* may be NULL */
};

enum { SM_MEMBERS = 64, SM_KEYS = 64 };

/* NULL-terminated: "scenario", "program", "load", ... */
extern const char *const sm_family_names[];

const char *sm_family_noun(const char *family); /* "a fault" */

/* Fills `members` with those of a family; returns their number, at most SM_MEMBERS. */
size_t sm_family_members(const char *family, struct sm_member *members);
