/* The tables of the text report. */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "loads.h"
#include "render.h"
#include "render_text_parts.h"
#include "timeline.h"

/* Appends to words that will be wrapped; what does not fit is left out. */
__attribute__((format(printf, 3, 4))) static void add_words(char *words, size_t words_bytes,
                                                            const char *format, ...) {
    size_t used = strlen(words);
    va_list args;
    va_start(args, format);
    vsnprintf(words + used, words_bytes - used, format, args);
    va_end(args);
}

/* ---- series ---- */

enum { LEVEL_COLUMNS = 13, LIMIT_COLUMNS = 12, VERDICT_COLUMNS = 13, GROWTH_COLUMNS = 22 };

/* A terminal that has not so many gets two lines for a series, and narrower figures where even
 * those do not fit. */
enum { SERIES_COLUMNS = 98, NARROW_COLUMNS = 72, NARROW_FIGURE_COLUMNS = 10 };

static int figure_columns(const struct sm_text *text, int usual) {
    return text->width < NARROW_COLUMNS ? NARROW_FIGURE_COLUMNS : usual;
}

/* For names of at most so many bytes, beside so many columns. */
static int name_columns(const struct sm_text *text, int beside, size_t longest) {
    static const int least = 10, usual = 22, most = 34;
    int left = text->width - beside, wanted = longest > (size_t)most ? most : (int)longest;
    wanted = wanted < usual ? usual : wanted;
    return left > wanted ? wanted : left < least ? least : left;
}

static enum sm_style style_of(const struct sm_verdict *verdict) {
    return verdict->kind == SM_VERDICT_BOUNDED   ? SM_STYLE_GOOD
           : verdict->kind == SM_VERDICT_GROWING ? SM_STYLE_BAD
                                                 : SM_STYLE_DOUBT;
}

static void print_growth(const struct sm_text *text, const struct sm_series_result *result) {
    enum sm_unit unit = sm_unit_per_second(result->series->unit);
    if (result->verdict.kind == SM_VERDICT_GROWING)
        sm_text_print(text, SM_STYLE_PLAIN, "%s to %s", SM_UNIT_TEXT(unit, result->rate_per_s.low),
                      SM_UNIT_TEXT(unit, result->rate_per_s.high));
    else if (result->verdict.kind == SM_VERDICT_BOUNDED)
        sm_text_print(text, SM_STYLE_DIM, "less than %s",
                      SM_UNIT_TEXT(unit, result->resolution_per_s));
    else
        sm_text_put(text, SM_STYLE_DIM,
                    text->width < SERIES_COLUMNS ? VERDICT_COLUMNS + 4 - text->width
                                                 : -GROWTH_COLUMNS,
                    result->verdict.needs);
}

static void print_series_heading(const struct sm_text *text, int name, int level) {
    sm_text_print(text, SM_STYLE_DIM, "  %-*s%*s%*s%*s", name, "", level, "start", level, "peak",
                  level, "end");
    sm_text_print(text, SM_STYLE_DIM, "%s%-*s%s\n", text->width < SERIES_COLUMNS ? "\n    " : "  ",
                  VERDICT_COLUMNS, "verdict", "growth, 99 % sure");
}

static void print_series(const struct sm_text *text, int name, int level,
                         const struct sm_series_result *result) {
    enum sm_unit unit = result->series->unit;
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
    sm_text_put(text, SM_STYLE_PLAIN, -name, result->series->name);
    sm_text_put(text, SM_STYLE_PLAIN, level, SM_UNIT_TEXT(unit, result->start));
    sm_text_put(text, SM_STYLE_PLAIN, level, SM_UNIT_TEXT(unit, result->peak));
    sm_text_put(text, SM_STYLE_PLAIN, level, SM_UNIT_TEXT(unit, result->end));
    sm_text_print(text, SM_STYLE_PLAIN, "%s", text->width < SERIES_COLUMNS ? "\n    " : "  ");
    sm_text_put(text, style_of(&result->verdict), -VERDICT_COLUMNS,
                sm_verdict_name(result->verdict.kind));
    print_growth(text, result);
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
}

/* Series that a reader wants at once; of the others only those that grow. */
static int is_shown(const struct sm_series_result *result) {
    static const char *const starts[] = {
        "heap", "rss", "slack", "fds", "gauge:", "mark:", "in_flight:declared"};
    const char *name = result->series->name;
    if (!result->is_judged || !(result->peak > 0))
        return 0;
    if (result->verdict.kind == SM_VERDICT_GROWING)
        return 1;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t length = strlen(starts[i]);
        int is_group = starts[i][length - 1] == ':';
        if (is_group ? strncmp(name, starts[i], length) == 0 : strcmp(name, starts[i]) == 0)
            return 1;
    }
    return 0;
}

static int series_name_columns(const struct sm_text *text, const struct sm_analysis *analysis,
                               int level) {
    int beside = 2 + 3 * level;
    size_t longest = 0;
    for (size_t i = 0; i < analysis->series_count; i++) {
        const struct sm_series_result *result = &analysis->series[i];
        size_t length = strlen(result->series->name);
        if (result->series->process_id == 0 && is_shown(result) && length > longest)
            longest = length;
    }
    if (text->width >= SERIES_COLUMNS)
        beside += 2 + VERDICT_COLUMNS + GROWTH_COLUMNS;
    return name_columns(text, beside, longest);
}

/* The whole target's. */
void sm_text_series(const struct sm_text *text, const struct sm_analysis *analysis) {
    int level = figure_columns(text, LEVEL_COLUMNS);
    int name = series_name_columns(text, analysis, level);
    size_t shown = 0, left = 0;
    for (size_t i = 0; i < analysis->series_count; i++) {
        const struct sm_series_result *result = &analysis->series[i];
        if (result->series->process_id != 0)
            continue;
        if (!is_shown(result)) {
            left++;
            continue;
        }
        if (shown++ == 0) {
            sm_text_heading(text, "SERIES");
            print_series_heading(text, name, level);
        }
        print_series(text, name, level, result);
    }
    if (shown && left)
        sm_text_print(text, SM_STYLE_DIM, "  and %zu more: --format json\n", left);
}

/* ---- ledger ---- */

/* A sum, one term after the other; where the line is full, the next begins a further one. */
struct sum {
    const struct sm_text *text;
    int column;
};

static void put_term(struct sum *sum, const char *sign, const char *amount, const char *name,
                     enum sm_style style) {
    static const int indent = 4;
    int columns = (int)(strlen(sign) + strlen(amount) + strlen(name)) + 1;
    if (sum->column + columns > sum->text->width) {
        sm_text_print(sum->text, SM_STYLE_PLAIN, "\n%*s", indent - 1, "");
        sum->column = indent - 1;
    }
    sm_text_print(sum->text, SM_STYLE_PLAIN, "%s", sign);
    sm_text_print(sum->text, style, "%s", amount);
    sm_text_print(sum->text, SM_STYLE_PLAIN, " %s", name);
    sum->column += columns;
}

static void print_term(struct sum *sum, const char *sign, int64_t value, const char *name,
                       enum sm_style style) {
    char amount[24] = "unknown";
    if (value >= 0)
        snprintf(amount, sizeof amount, "%lld", (long long)value);
    put_term(sum, sign, amount, name, value < 0 ? SM_STYLE_DOUBT : style);
}

static void print_unaccounted(struct sum *sum, const struct sm_ledger *ledger) {
    char amount[24] = "unknown";
    enum sm_style style = SM_STYLE_DOUBT;
    if (ledger->is_unaccounted_known) {
        snprintf(amount, sizeof amount, "%lld", (long long)ledger->unaccounted);
        style = ledger->unaccounted > 0 ? SM_STYLE_BAD : SM_STYLE_GOOD;
    }
    put_term(sum, " + ", amount, "unaccounted", style);
}

static void print_outcomes(const struct sm_text *text, const struct sm_run *run, const char *load) {
    char words[500] = "outcomes:";
    size_t count = 0;
    for (size_t i = 0; i < run->load_outcomes_count; i++) {
        const struct sm_load_outcome *row = &run->load_outcomes[i];
        if (strcmp(row->load, load) == 0)
            add_words(words, sizeof words, "%s %lld %s", count++ ? "," : "", (long long)row->count,
                      row->outcome);
    }
    if (count > 0)
        sm_text_wrap(text, SM_STYLE_PLAIN, 2, 0, words);
}

static void print_latency(const struct sm_text *text, const struct sm_load_sum *sum) {
    char words[240] = "";
    add_words(words, sizeof words,
              "latency: p99 %s in the worst interval, at most %s; schedule slip p99 %s",
              SM_UNIT_TEXT(SM_UNIT_SECONDS, sum->worst_latency_p99_s),
              SM_UNIT_TEXT(SM_UNIT_SECONDS, sum->latency_max_s),
              SM_UNIT_TEXT(SM_UNIT_SECONDS, sum->worst_slip_p99_s));
    sm_text_wrap(text, SM_STYLE_PLAIN, 2, 0, words);
}

static void print_loads(const struct sm_text *text, const struct sm_run *run) {
    struct sm_load_sum sums[SM_LOADS];
    size_t count = sm_loads_sum(run, sums);
    for (size_t i = 0; i < count; i++) {
        const struct sm_load_sum *sum = &sums[i];
        if (count > 1)
            sm_text_print(text, SM_STYLE_PLAIN, "  %s: %lld offered, %lld accepted\n", sum->load,
                          (long long)sum->offered, (long long)sum->accepted);
        if (sum->accepted + sum->refused > 0)
            print_latency(text, sum);
        if (sum->is_driver_late)
            sm_text_wrap(text, SM_STYLE_DOUBT, 2, 0,
                         "the driver itself could not keep up: that is in the latencies, and in "
                         "what timed out");
        print_outcomes(text, run, sum->load);
    }
}

void sm_text_ledger(const struct sm_text *text, const struct sm_run *run,
                    const struct sm_analysis *analysis) {
    const struct sm_ledger *ledger = &analysis->ledger;
    if (ledger->offered < 0 && run->load_outcomes_count > 0) {
        sm_text_heading(text, "LOAD");
        print_loads(text, run);
    }
    if (ledger->offered < 0)
        return;
    sm_text_heading(text, "LEDGER");
    struct sum offered = {text, 0}, accepted = {text, 0};
    print_term(&offered, "  ", ledger->offered, "offered", SM_STYLE_BOLD);
    print_term(&offered, "  = ", ledger->accepted, "accepted", SM_STYLE_PLAIN);
    print_term(&offered, " + ", ledger->refused, "refused", SM_STYLE_PLAIN);
    print_term(&offered, " + ", ledger->unanswered, "unanswered", SM_STYLE_PLAIN);
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
    print_term(&accepted, "  ", ledger->accepted, "accepted", SM_STYLE_BOLD);
    print_term(&accepted, " = ", ledger->delivered, "delivered", SM_STYLE_PLAIN);
    print_term(&accepted, " + ", ledger->dropped, "dropped", SM_STYLE_PLAIN);
    print_term(&accepted, " + ", ledger->in_flight, "in flight", SM_STYLE_PLAIN);
    print_unaccounted(&accepted, ledger);
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
    if (ledger->note[0])
        sm_text_wrap(text, SM_STYLE_DOUBT, 2, 0, ledger->note);
    if (ledger->in_flight_note[0]) {
        sm_text_print(text, SM_STYLE_DIM, "  in flight at most: ");
        sm_text_wrap(text, SM_STYLE_DIM, 4, 21, ledger->in_flight_note);
    }
    print_loads(text, run);
}

/* ---- memory ---- */

static void print_memory(const struct sm_text *text, const char *when,
                         const struct sm_memory *memory) {
    char words[240] = "";
    const char *rss = SM_UNIT_TEXT(SM_UNIT_BYTES, memory->rss);
    sm_text_print(text, SM_STYLE_PLAIN, "  %-8s", when);
    sm_text_print(text, SM_STYLE_BOLD, "%s", rss);
    add_words(words, sizeof words, "RSS = %s live heap + %s slack + %s other mappings + %s",
              SM_UNIT_TEXT(SM_UNIT_BYTES, memory->heap_live),
              SM_UNIT_TEXT(SM_UNIT_BYTES, memory->slack),
              SM_UNIT_TEXT(SM_UNIT_BYTES, memory->other_mappings),
              SM_UNIT_TEXT(SM_UNIT_BYTES, memory->remainder));
    sm_text_print(text, SM_STYLE_PLAIN, " ");
    sm_text_wrap(text, SM_STYLE_PLAIN, 10, 11 + (int)strlen(rss), words);
}

/* The two lines share the column of the note on the last term. */
static void print_note(const struct sm_text *text, const char *title, const char *note) {
    if (!note[0])
        return;
    sm_text_print(text, SM_STYLE_DIM, "          %s: ", title);
    sm_text_wrap(text, SM_STYLE_DIM, 12, 12 + (int)strlen(title), note);
}

static void print_give_back(const struct sm_text *text, const struct sm_give_back *give_back) {
    if (give_back->asked == 0)
        return;
    char words[240] = "";
    add_words(words, sizeof words,
              "asked to give pages back at %.1f s: ", sm_timeline_seconds(give_back->asked_ns));
    if (give_back->done == 0)
        add_words(words, sizeof words, "no answer");
    else
        add_words(words, sizeof words, "%d of %d did, anonymous memory %s -> %s", give_back->done,
                  give_back->asked, SM_UNIT_TEXT(SM_UNIT_BYTES, give_back->rss_before),
                  SM_UNIT_TEXT(SM_UNIT_BYTES, give_back->rss_after));
    sm_text_wrap(text, give_back->done ? SM_STYLE_PLAIN : SM_STYLE_DOUBT, 10, 0, words);
}

void sm_text_memory(const struct sm_text *text, const struct sm_analysis *analysis) {
    const struct sm_memory *memory = &analysis->memory;
    if (isnan(memory->rss))
        return;
    sm_text_heading(text, "MEMORY");
    print_memory(text, "highest", &analysis->memory_at_peak);
    print_memory(text, "at end", memory);
    print_note(text, "slack", memory->slack_source);
    print_note(text, "the last term", memory->remainder_name);
    print_give_back(text, &analysis->give_back);
}

/* ---- budget ---- */

static void put_quantity(const struct sm_text *text, int columns, enum sm_unit unit, double value) {
    char words[SM_UNIT_TEXT_BYTES + 1] = "";
    if (isfinite(value))
        snprintf(words, sizeof words, "%s%s", value < 0 ? "-" : "",
                 SM_UNIT_TEXT(unit, fabs(value)));
    sm_text_put(text, SM_STYLE_PLAIN, columns, words);
}

static void print_line(const struct sm_text *text, int name, int limit, int figure,
                       const struct sm_budget_line *line) {
    static const struct {
        const char *word;
        enum sm_style style;
    } marks[] = {[SM_HOLDS_NO] = {"broken", SM_STYLE_BAD},
                 [SM_HOLDS_YES] = {"holds", SM_STYLE_GOOD},
                 [SM_HOLDS_UNKNOWN] = {"unknown", SM_STYLE_DOUBT}};
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
    sm_text_put(text, marks[line->holds].style, -8, marks[line->holds].word);
    sm_text_put(text, SM_STYLE_PLAIN, -name, line->item->name);
    sm_text_put(text, SM_STYLE_PLAIN, limit, line->item->limit);
    put_quantity(text, figure, line->unit, line->actual);
    put_quantity(text, figure, line->unit, line->margin);
    sm_text_print(text, SM_STYLE_PLAIN, "\n          ");
    sm_text_wrap(text, SM_STYLE_DIM, 10, 10, line->why);
}

void sm_text_budget(const struct sm_text *text, const struct sm_analysis *analysis) {
    if (analysis->budget_count == 0)
        return;
    int figure = figure_columns(text, LEVEL_COLUMNS), limit = figure_columns(text, LIMIT_COLUMNS);
    size_t longest = 0;
    for (size_t i = 0; i < analysis->budget_count; i++) {
        size_t length = strlen(analysis->budget[i].item->name);
        longest = length > longest ? length : longest;
    }
    int name = name_columns(text, 10 + limit + 2 * figure, longest);
    sm_text_heading(text, "BUDGET");
    sm_text_print(text, SM_STYLE_DIM, "%*s%*s%*s\n", 10 + name + limit, "limit", figure, "was",
                  figure, "margin");
    for (size_t i = 0; i < analysis->budget_count; i++)
        print_line(text, name, limit, figure, &analysis->budget[i]);
}

void sm_render_budget(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to) {
    struct sm_text text = sm_text_open(to);
    sm_text_badge(&text, analysis->verdict);
    sm_text_print(&text, SM_STYLE_PLAIN, "  ");
    sm_text_put(&text, SM_STYLE_BOLD, 0, sm_run_meta(run, SM_META_SCENARIO));
    sm_text_print(&text, SM_STYLE_PLAIN, "\n");
    sm_text_wrap(&text, SM_STYLE_PLAIN, 0, 0, analysis->why);
    sm_text_budget(&text, analysis);
    if (analysis->budget_count == 0)
        sm_text_print(&text, SM_STYLE_DIM,
                      "The run has no budget: only growth and loss were "
                      "judged.\n");
}

/* ---- faults and processes ---- */

static void add_asked(const struct sm_fault *fault, char *words, size_t words_bytes) {
    json_t *asked = json_loads(fault->asked, 0, NULL), *value;
    const char *key;
    json_object_foreach(asked, key, value) {
        if (json_is_number(value)) {
            add_words(words, words_bytes, " %s=%.10g", key, json_number_value(value));
            continue;
        }
        char *other = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        const char *shown = json_is_string(value) ? json_string_value(value) : other;
        add_words(words, words_bytes, " %s=%s", key, shown ? shown : "?");
        free(other);
    }
    json_decref(asked);
}

static void print_receipt(const struct sm_text *text, const struct sm_fault *fault) {
    char words[160] = "    receipt:";
    if (!fault->calls && !fault->bytes && fault->delay_s <= 0) {
        sm_text_print(text, SM_STYLE_BAD, "%s no call, no byte, no delay: no effect\n", words);
        return;
    }
    add_words(words, sizeof words, " %lld call%s", (long long)fault->calls,
              fault->calls == 1 ? "" : "s");
    if (fault->bytes)
        add_words(words, sizeof words, ", %s", SM_UNIT_TEXT(SM_UNIT_BYTES, (double)fault->bytes));
    if (fault->delay_s > 0)
        add_words(words, sizeof words, ", %s of delay",
                  SM_UNIT_TEXT(SM_UNIT_SECONDS, fault->delay_s));
    sm_text_print(text, SM_STYLE_PLAIN, "%s\n", words);
}

void sm_text_faults(const struct sm_text *text, const struct sm_run *run) {
    if (run->faults_count == 0)
        return;
    sm_text_heading(text, "FAULTS");
    for (size_t i = 0; i < run->faults_count; i++) {
        const struct sm_fault *fault = &run->faults[i];
        sm_text_print(text, SM_STYLE_PLAIN, "  ");
        sm_text_put(text, SM_STYLE_BOLD, strlen(fault->kind) > 40 ? -40 : 0, fault->kind);
        char words[700] = "";
        add_words(words, sizeof words, "from %.1f s ", sm_timeline_seconds(fault->from_ns));
        if (fault->to_ns >= 0)
            add_words(words, sizeof words, "to %.1f s", sm_timeline_seconds(fault->to_ns));
        else
            add_words(words, sizeof words, "on");
        add_asked(fault, words, sizeof words);
        sm_text_print(text, SM_STYLE_PLAIN, " ");
        sm_text_wrap(text, SM_STYLE_PLAIN, 4, 3 + (int)strlen(fault->kind), words);
        print_receipt(text, fault);
        if (fault->note[0])
            sm_text_wrap(text, SM_STYLE_DIM, 4, 0, fault->note);
    }
}

enum { PID_COLUMNS = 10, PROCESSES_SHOWN = 12 };

static int64_t lifetime_ns(const struct sm_process *process, int64_t run_end_ns) {
    return (process->to_ns < 0 ? run_end_ns : process->to_ns) - process->from_ns;
}

/* The place of a process among all by how long it lived, the longest first. */
static size_t rank_by_lifetime(const struct sm_run *run, size_t index, int64_t run_end_ns) {
    size_t rank = 0;
    int64_t own_ns = lifetime_ns(&run->processes[index], run_end_ns);
    for (size_t i = 0; i < run->processes_count; i++) {
        int64_t other_ns = lifetime_ns(&run->processes[i], run_end_ns);
        rank += other_ns > own_ns || (other_ns == own_ns && i < index);
    }
    return rank;
}

static int64_t longest_lifetime_ns(const struct sm_run *run, int64_t run_end_ns) {
    int64_t longest_ns = 0;
    for (size_t i = 0; i < run->processes_count; i++) {
        int64_t other_ns = lifetime_ns(&run->processes[i], run_end_ns);
        longest_ns = other_ns > longest_ns ? other_ns : longest_ns;
    }
    return longest_ns;
}

/* Wrappers and helpers of a moment, of which nothing else is known. */
static int is_passing(const struct sm_process *process, int64_t run_end_ns, int64_t longest_ns) {
    static const char *const usual[] = {"exit 0", "exec", "ended"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(process->exit, usual[i]) == 0)
            return lifetime_ns(process, run_end_ns) < longest_ns / 50;
    return 0;
}

/* What one of several processes held; with one alone that is the target's own figures. */
static void add_levels(const struct sm_run *run, const struct sm_process *process, char *words,
                       size_t words_bytes) {
    static const char *const names[] = {"heap", "rss", "fds"};
    int64_t from_ns, to_ns;
    if (run->processes_count < 2 || !sm_timeline_range(run, &from_ns, &to_ns))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct sm_series *series = sm_run_series(run, process->id, names[i]);
        double peak = sm_timeline_peak(run, series, from_ns, to_ns);
        if (series && isfinite(peak))
            add_words(words, words_bytes, "%s%s at most %s", words[0] ? ", " : "", names[i],
                      SM_UNIT_TEXT(series->unit, peak));
    }
    add_words(words, words_bytes, "%s", words[0] ? "; " : "");
}

static void print_process(const struct sm_text *text, const struct sm_run *run,
                          const struct sm_process *process) {
    int is_on = strncmp(process->probe, "on", 2) == 0 && process->probe_drops == 0;
    int columns = text->width - PID_COLUMNS;
    char words[600] = "";
    sm_text_print(text, SM_STYLE_PLAIN, "  %-8d", process->pid);
    sm_text_put(text, SM_STYLE_PLAIN, (int)strlen(process->command) > columns ? -columns : 0,
                process->command);
    add_levels(run, process, words, sizeof words);
    add_words(words, sizeof words, "%s; probe %s",
              process->exit[0] ? process->exit : "running at the end",
              process->probe[0] ? process->probe : "unknown");
    if (process->probe_drops)
        add_words(words, sizeof words, ", %lld records dropped", (long long)process->probe_drops);
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
    sm_text_wrap(text, is_on ? SM_STYLE_DIM : SM_STYLE_DOUBT, 10, 0, words);
}

void sm_text_processes(const struct sm_text *text, const struct sm_run *run) {
    size_t shown = 0;
    int64_t from_ns, end_ns;
    if (run->processes_count == 0)
        return;
    if (!sm_timeline_range(run, &from_ns, &end_ns))
        end_ns = 0;
    int64_t longest_ns = longest_lifetime_ns(run, end_ns);
    sm_text_heading(text, "PROCESSES");
    for (size_t i = 0; i < run->processes_count; i++)
        if (rank_by_lifetime(run, i, end_ns) < PROCESSES_SHOWN &&
            !is_passing(&run->processes[i], end_ns, longest_ns)) {
            print_process(text, run, &run->processes[i]);
            shown++;
        }
    if (run->processes_count > shown)
        sm_text_print(text, SM_STYLE_DIM, "  and %zu that lived shorter: --format json\n",
                      run->processes_count - shown);
}
