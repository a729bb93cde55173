#include "budget_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../reports/budget.h"

enum { LINE_BYTES = 512 };

static char *trim(char *text) {
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int put(struct sm_budget_list *list, struct sm_budget_item item) {
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, item.name) == 0) {
            sm_budget_item_clear(&list->items[i]);
            list->items[i] = item;
            return 0;
        }
    struct sm_budget_item *more = realloc(list->items, (list->count + 1) * sizeof *more);
    if (!more) {
        sm_budget_item_clear(&item);
        return -ENOMEM;
    }
    list->items = more;
    list->items[list->count++] = item;
    return 0;
}

/* `line` is cut to pieces. */
static int add_line(struct sm_budget_list *list, char *line, const char *where,
                    struct sm_error *err) {
    struct sm_budget_item item = {0};
    char *equals = strchr(line, '=');
    if (!equals)
        return sm_error_set(err, -EINVAL, where, "write heap_peak = 64MB",
                            "not a line `name = limit`");
    *equals = '\0';
    int rc = sm_budget_check_name(trim(line), trim(equals + 1), &item, err);
    if (rc && err)
        snprintf(err->where, sizeof err->where, "%s", where);
    if (rc == 0 && put(list, item))
        rc = sm_error_set(err, -ENOMEM, where, NULL, "out of memory");
    return rc;
}

int sm_budget_list_read(struct sm_budget_list *list, const char *path, struct sm_error *err) {
    char line[LINE_BYTES], where[256];
    int number = 0, rc = 0;
    size_t found = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return sm_error_errno(err, -errno, path, NULL, "the budget cannot be read");
    while (rc == 0 && fgets(line, sizeof line, file)) {
        snprintf(where, sizeof where, "%.200s:%d", path, ++number);
        line[strcspn(line, "#")] = '\0';
        if (trim(line)[0] == '\0')
            continue;
        rc = add_line(list, trim(line), where, err);
        found++;
    }
    if (rc == 0 && ferror(file))
        rc = sm_error_errno(err, -EIO, path, NULL, "the budget cannot be read");
    fclose(file);
    if (rc == 0 && found == 0)
        rc = sm_error_set(err, -EINVAL, path, "write heap_peak = 64MB", "holds no budget line");
    return rc;
}

int sm_budget_list_add(struct sm_budget_list *list, const char *text, struct sm_error *err) {
    char line[LINE_BYTES], where[256];
    snprintf(where, sizeof where, "--limit %.200s", text);
    if ((size_t)snprintf(line, sizeof line, "%s", text) >= sizeof line)
        return sm_error_set(err, -EINVAL, where, NULL, "too long");
    return add_line(list, line, where, err);
}

void sm_budget_list_clear(struct sm_budget_list *list) {
    for (size_t i = 0; i < list->count; i++)
        sm_budget_item_clear(&list->items[i]);
    free(list->items);
    *list = (struct sm_budget_list){0};
}

/* Puts copies of the items into the list. */
static int put_copies(struct sm_budget_list *list, const struct sm_budget_item *items,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sm_budget_item item = items[i];
        item.name = strdup(item.name);
        item.limit = strdup(item.limit);
        if (!item.name || !item.limit) {
            sm_budget_item_clear(&item);
            return -ENOMEM;
        }
        if (put(list, item))
            return -ENOMEM;
    }
    return 0;
}

int sm_budget_list_apply(const struct sm_budget_list *list, int is_added, struct sm_run *run) {
    struct sm_budget_list old = {run->budget_items, run->budget_items_count}, copy = {0};
    if ((is_added && put_copies(&copy, old.items, old.count)) ||
        put_copies(&copy, list->items, list->count)) {
        sm_budget_list_clear(&copy);
        return -ENOMEM;
    }
    sm_budget_list_clear(&old);
    run->budget_items = copy.items;
    run->budget_items_count = copy.count;
    return 0;
}
