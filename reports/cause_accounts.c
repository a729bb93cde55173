/* Accounts that do not add up: what the parts of a program say that they hold, against the heap
 * that they hold together, and against what is still of use.
 *
 * The gauges of a group `account` (gauge:account.NAME_bytes) are what each part counts as its own.
 * Rule: they fall short when for two seconds on end the heap never lay less than a quarter, four
 * megabytes, and a twentieth of its own highest rise, above the most that they said in that time,
 * added up; each above its own start; and was looked at once a second at the least. And a gauge
 * whose name begins with `zombie` names bytes that are held though they are neither delivered nor
 * on their way: it finds what it says. Either is one cause, both are one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cause.h"
#include "timeline.h"

static const double LEAST_BYTES = 4e6, OVER_ACCOUNTS = 1.25, LEAST_SHARE = .05;
static const int64_t WINDOW_NS = 2000000000, STEP_NS = 500000000, UNSEEN_NS = 1000000000;
static const char account_prefix[] = "gauge:account.", bytes_suffix[] = "_bytes";

enum { ACCOUNTS_MAX = 8 };

struct accounts {
    const struct sm_series *list[ACCOUNTS_MAX];
    size_t count;
};

/* Where the gap is widest. */
struct gap {
    double heap, said, bytes; /* bytes is 0 where there is none */
    double of[ACCOUNTS_MAX];
};

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static struct accounts find_accounts(const struct sm_run *run) {
    struct accounts accounts = {.count = 0};
    for (size_t i = 0; i < run->series_count && accounts.count < ACCOUNTS_MAX; i++) {
        const struct sm_series *series = &run->series[i];
        if (series->process_id == 0 && ends_with(series->name, bytes_suffix) &&
            strncmp(series->name, account_prefix, sizeof account_prefix - 1) == 0)
            accounts.list[accounts.count++] = series;
    }
    return accounts;
}

static double least(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                    int64_t to_ns) {
    size_t count = 0;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    double value = sm_timeline_at(run, series, from_ns);
    for (size_t i = 0; i < count && samples[i].t_ns <= to_ns; i++) {
        if (samples[i].t_ns >= from_ns)
            value = fmin(value, isfinite(samples[i].low) ? samples[i].low : samples[i].value);
    }
    return value;
}

static double most(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                   int64_t to_ns) {
    return fmax(sm_timeline_at(run, series, from_ns),
                sm_timeline_peak(run, series, from_ns, to_ns));
}

/* What was not looked at may have been anything, on a machine that was too busy to look. */
static int is_watched(const struct sm_run *run, const struct sm_series *series, int64_t from_ns,
                      int64_t to_ns) {
    size_t count = 0;
    const struct sm_sample *samples = sm_run_samples(run, series->id, &count);
    int64_t seen_ns = from_ns;
    for (size_t i = 0; i < count && samples[i].t_ns <= to_ns; i++) {
        if (samples[i].t_ns < from_ns)
            continue;
        if (samples[i].t_ns - seen_ns > UNSEEN_NS)
            return 0;
        seen_ns = samples[i].t_ns;
    }
    return to_ns - seen_ns <= UNSEEN_NS;
}

static struct gap widest_gap(const struct sm_facts *facts, const struct accounts *accounts) {
    const struct sm_run *run = facts->run;
    const struct sm_series *heap = sm_run_series(run, 0, "heap");
    struct gap widest = {.bytes = 0};
    if (!heap || !accounts->count)
        return widest;
    double heap_start = sm_timeline_at(run, heap, facts->from_ns);
    double highest = sm_timeline_peak(run, heap, facts->from_ns, facts->to_ns) - heap_start;
    double least_bytes = fmax(LEAST_BYTES, LEAST_SHARE * highest);
    for (int64_t t_ns = facts->from_ns; t_ns + WINDOW_NS <= facts->to_ns; t_ns += STEP_NS) {
        struct gap gap = {.heap = least(run, heap, t_ns, t_ns + WINDOW_NS) - heap_start};
        for (size_t i = 0; i < accounts->count; i++) {
            double start = sm_timeline_at(run, accounts->list[i], facts->from_ns);
            double said = most(run, accounts->list[i], t_ns, t_ns + WINDOW_NS);
            gap.of[i] = isfinite(said) ? said - (isfinite(start) ? start : 0) : 0;
            gap.said += gap.of[i];
        }
        gap.bytes = gap.heap - gap.said;
        if (gap.bytes > least_bytes && gap.heap > OVER_ACCOUNTS * gap.said &&
            gap.bytes > widest.bytes && is_watched(run, heap, t_ns, t_ns + WINDOW_NS))
            widest = gap;
    }
    return widest;
}

static const struct sm_series *find_zombies(const struct sm_facts *facts) {
    const struct sm_series *found = NULL;
    for (size_t i = 0; i < facts->run->series_count; i++) {
        const struct sm_series *series = &facts->run->series[i];
        const char *group = strrchr(series->name, '.');
        const char *name = group ? group + 1 : series->name + sizeof "gauge:" - 1;
        if (series->process_id == 0 && strncmp(series->name, "gauge:", 6) == 0 &&
            strncmp(name, "zombie", 6) == 0 && ends_with(name, bytes_suffix) &&
            (!found || strlen(series->name) < strlen(found->name)))
            found = series;
    }
    return found;
}

/* "server 180 MB, client 180 MB", as much of it as fits. */
static void list_accounts(const struct accounts *accounts, const double *values, char *text,
                          size_t text_bytes) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < accounts->count && used < text_bytes; i++) {
        const char *name = accounts->list[i]->name + sizeof account_prefix - 1;
        int length = (int)(strlen(name) - (sizeof bytes_suffix - 1));
        used += (size_t)snprintf(text + used, text_bytes - used, "%s%.*s %s", i ? ", " : "", length,
                                 name, SM_UNIT_TEXT(SM_UNIT_BYTES, values[i]));
    }
}

static void tell_gap(const struct accounts *accounts, const struct gap *gap,
                     struct sm_cause *cause) {
    char list[300];
    list_accounts(accounts, gap->of, list, sizeof list);
    sm_cause_say(cause,
                 "For two seconds on end the heap lay at least %s above its start, while the "
                 "program's own accounts (%s) came to %s at most: %s are in nobody's account.",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, gap->heap), list,
                 SM_UNIT_TEXT(SM_UNIT_BYTES, gap->said), SM_UNIT_TEXT(SM_UNIT_BYTES, gap->bytes));
    sm_cause_advise(cause, "Count bytes from where they come in to where they are let go of, and "
                           "what is on its way between two parts in one of them.");
    sm_cause_show(cause, "heap_rise_bytes", SM_UNIT_BYTES, gap->heap);
    sm_cause_show(cause, "accounted_bytes", SM_UNIT_BYTES, gap->said);
    sm_cause_show(cause, "uncounted_bytes", SM_UNIT_BYTES, gap->bytes);
}

static void tell_zombies(const struct sm_facts *facts, const struct accounts *accounts,
                         const struct sm_series *zombies, double peak, struct sm_cause *cause) {
    char list[300];
    double values[ACCOUNTS_MAX] = {0}, end = sm_timeline_at(facts->run, zombies, facts->to_ns);
    for (size_t i = 0; i < accounts->count; i++)
        values[i] = fmax(0, sm_timeline_at(facts->run, accounts->list[i], facts->to_ns));
    list_accounts(accounts, values, list, sizeof list);
    sm_cause_say(cause,
                 "Up to %s were held that were neither delivered nor on their way any more (%s), "
                 "%s of them at the end",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, peak), zombies->name,
                 SM_UNIT_TEXT(SM_UNIT_BYTES, end));
    sm_cause_say(cause, accounts->count ? "(accounts: %s)." : "%s.", list);
    sm_cause_advise(cause, "Let go of what was refused where it is refused, and tell whoever else "
                           "holds it.");
    sm_cause_show(cause, "zombie_peak_bytes", SM_UNIT_BYTES, peak);
    sm_cause_show(cause, "zombie_end_bytes", SM_UNIT_BYTES, end);
}

void sm_cause_find_accounts(const struct sm_facts *facts, struct sm_cause_list *list) {
    struct accounts accounts = find_accounts(facts->run);
    struct gap gap = widest_gap(facts, &accounts);
    const struct sm_series *zombies = find_zombies(facts);
    double peak = sm_timeline_peak(facts->run, zombies, facts->from_ns, facts->to_ns);
    int has_zombies = zombies && peak > 0;
    if (gap.bytes <= 0 && !has_zombies)
        return;
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_ACCOUNTING_MISMATCH, "heap");
    if (!cause)
        return;
    cause->is_note = 1;
    if (gap.bytes > 0)
        tell_gap(&accounts, &gap, cause);
    if (has_zombies)
        tell_zombies(facts, &accounts, zombies, peak, cause);
}
