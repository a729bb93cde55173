/* budget_file.h - limits given on the command line, or in a file of lines `name = limit` in which
 * # begins a comment. */
#pragma once

#include <stddef.h>

#include "../reports/model.h"

/* Empty is all zero. */
struct sm_budget_list {
    struct sm_budget_item *items;
    size_t count;
};

/* Adds the lines of a file, or one limit written as "heap_peak=64MB". A name that is there already
 * gets the new limit. 0 or a negative errno with *err ("file:line") and the list as it was before
 * the line. */
int sm_budget_list_read(struct sm_budget_list *list, const char *path, struct sm_error *err);
int sm_budget_list_add(struct sm_budget_list *list, const char *text, struct sm_error *err);
void sm_budget_list_clear(struct sm_budget_list *list);

/* Puts copies of the lines in the place of the run's own, or adds them to those. 0 or -ENOMEM. */
int sm_budget_list_apply(const struct sm_budget_list *list, int is_added, struct sm_run *run);
