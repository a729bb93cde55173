#include "cause.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timeline.h"

/* Gravest first: what fails a run before what is only worth knowing. */
static sm_cause_finder *const finders[] = {
    sm_cause_find_loss,          sm_cause_find_backlog,   sm_cause_find_leak,
    sm_cause_find_mapped,        sm_cause_find_fds,       sm_cause_find_bound,
    sm_cause_find_kept,          sm_cause_find_retention, sm_cause_find_accounting,
    sm_cause_find_amplification, sm_cause_find_accounts,  sm_cause_find_discards,
    sm_cause_find_process, /* last: it adds to what others found */
};

int sm_causes_find(const struct sm_facts *facts, struct sm_cause **ret_causes, size_t *ret_count) {
    struct sm_cause_list list = {0};
    for (size_t i = 0; i < sizeof finders / sizeof *finders; i++)
        finders[i](facts, &list);
    if (list.failed) {
        free(list.causes);
        return list.failed;
    }
    /* Notes go last; both keep the order of the table. */
    struct sm_cause *sorted = calloc(list.count ? list.count : 1, sizeof *sorted);
    size_t used = 0;
    for (int notes = 0; sorted && notes < 2; notes++)
        for (size_t i = 0; i < list.count; i++)
            if (list.causes[i].is_note == notes)
                sorted[used++] = list.causes[i];
    free(list.causes);
    if (!sorted)
        return -ENOMEM;
    *ret_causes = sorted;
    *ret_count = used;
    return 0;
}

struct sm_cause *sm_cause_add(struct sm_cause_list *list, enum sm_cause_kind kind,
                              const char *series) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        struct sm_cause *grown = reallocarray(list->causes, capacity, sizeof *grown);
        if (!grown) {
            list->failed = -ENOMEM;
            return NULL;
        }
        list->causes = grown;
        list->capacity = capacity;
    }
    struct sm_cause *cause = &list->causes[list->count++];
    memset(cause, 0, sizeof *cause);
    cause->kind = kind;
    snprintf(cause->series, sizeof cause->series, "%s", series);
    return cause;
}

static void append(char *text, size_t text_bytes, const char *format, va_list args) {
    size_t used = strlen(text);
    if (used && used + 1 < text_bytes)
        text[used++] = ' ';
    vsnprintf(text + used, text_bytes - used, format, args);
}

void sm_cause_say(struct sm_cause *cause, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(cause->text, sizeof cause->text, format, args);
    va_end(args);
}

void sm_cause_advise(struct sm_cause *cause, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append(cause->advice, sizeof cause->advice, format, args);
    va_end(args);
}

void sm_cause_show(struct sm_cause *cause, const char *name, enum sm_unit unit, double value) {
    if (!isfinite(value) || cause->evidence_count == SM_CAUSE_EVIDENCE)
        return;
    struct sm_evidence *evidence = &cause->evidence[cause->evidence_count++];
    snprintf(evidence->name, sizeof evidence->name, "%s", name);
    evidence->unit = unit;
    evidence->value = value;
}

void sm_cause_flag(struct sm_cause *cause, const char *name, int is_set) {
    size_t at = cause->evidence_count;
    sm_cause_show(cause, name, SM_UNIT_NONE, is_set != 0);
    if (cause->evidence_count > at)
        cause->evidence[at].is_flag = 1;
}

void sm_cause_blame(struct sm_cause *cause, const struct sm_facts *facts, enum sm_site_kind kind,
                    size_t most) {
    const struct sm_analysis *analysis = facts->analysis;
    for (size_t i = 0; i < analysis->site_count; i++) {
        const struct sm_site_result *site = &analysis->sites[i];
        if (site->kind != kind || !site->is_growing)
            continue;
        if (cause->site_count == most || cause->site_count == SM_CAUSE_SITES)
            return;
        cause->sites[cause->site_count++] = site;
    }
}

double sm_facts_increase(const struct sm_facts *facts, const char *series,
                         const struct sm_phase *phase) {
    const struct sm_series *found = sm_run_series(facts->run, 0, series);
    return sm_timeline_at(facts->run, found, sm_timeline_phase_end(facts->run, phase)) -
           sm_timeline_at(facts->run, found, phase->from_ns);
}

double sm_facts_seconds(const struct sm_facts *facts, const struct sm_phase *phase) {
    return sm_timeline_seconds(sm_timeline_phase_end(facts->run, phase) - phase->from_ns);
}
