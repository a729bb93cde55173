/* Sites in the text report: the stack that allocates, the one that frees, how long it stays. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "render_text_parts.h"
#include "sites.h"
#include "stacks.h"

enum { FRAMES_READ = 64, FRAMES_SHOWN = 6, FUNCTION_COLUMNS = 44 };
enum { SITES_SHOWN = 5, SITE_FRAMES = 4 };

/* The place beside the name needs some room on a narrow terminal. */
static int function_columns(const struct sm_text *text) {
    static const int least = 20, beside = 34;
    int columns = text->width - beside < FUNCTION_COLUMNS ? text->width - beside : FUNCTION_COLUMNS;
    return columns < least ? least : columns;
}

static void print_frame(const struct sm_text *text, const struct sm_stack_frame *frame,
                        enum sm_style style) {
    char words[256], place[256];
    const char *file = strrchr(frame->file, '/'), *module = strrchr(frame->module, '/');
    file = file ? file + 1 : frame->file;
    module = module ? module + 1 : frame->module;
    if (frame->function[0])
        snprintf(words, sizeof words, "%s", frame->function);
    else
        sm_stack_frame_text(frame, words, sizeof words);
    if (file[0] && frame->line > 0)
        snprintf(place, sizeof place, "%s:%d", file, frame->line);
    else
        snprintf(place, sizeof place, "%s", frame->function[0] ? module : "");
    sm_text_print(text, SM_STYLE_PLAIN, "      ");
    sm_text_put(text, style, -function_columns(text), words);
    sm_text_print(text, SM_STYLE_PLAIN, "  ");
    sm_text_put(text, SM_STYLE_DIM, 0, place);
    sm_text_print(text, SM_STYLE_PLAIN, "\n");
}

/* The frames from the culprit on: what lies below it is the library's. */
static void print_stack(const struct sm_text *text, const struct sm_run *run, int stack_id,
                        size_t most) {
    struct sm_stack_frame frames[FRAMES_READ];
    size_t count = sm_stack_frames(run, stack_id, frames, FRAMES_READ);
    if (count > FRAMES_READ)
        count = FRAMES_READ;
    if (count == 0) {
        sm_text_print(text, SM_STYLE_DIM, "      (no stack was taken)\n");
        return;
    }
    size_t culprit = sm_stack_culprit(frames, count);
    for (size_t i = culprit; i < count && i < culprit + most; i++)
        print_frame(text, &frames[i], i == culprit ? SM_STYLE_BOLD : SM_STYLE_PLAIN);
    if (count > culprit + most)
        sm_text_print(text, SM_STYLE_DIM, "      ... %zu more\n", count - culprit - most);
}

static void print_residence(const struct sm_text *text, const struct sm_site_result *site) {
    char words[160];
    const char *freed = SM_UNIT_TEXT(SM_UNIT_SECONDS, site->residence_freed_s);
    const char *before = SM_UNIT_TEXT(SM_UNIT_SECONDS, site->residence_before_s);
    const char *now = SM_UNIT_TEXT(SM_UNIT_SECONDS, site->residence_now_s);
    if (sm_site_rest_is_older(site))
        snprintf(words, sizeof words, "those freed stay %s, the rest is %s old", freed, now);
    else if (isfinite(site->residence_before_s) && isfinite(site->residence_now_s))
        snprintf(words, sizeof words, "they stayed %s before, %s now", before, now);
    else if (isfinite(site->residence_now_s))
        snprintf(words, sizeof words, "they stay %s", now);
    else
        return;
    sm_text_wrap(text, SM_STYLE_PLAIN, 4, 0, words);
}

void sm_text_site(const struct sm_text *text, const struct sm_run *run,
                  const struct sm_site_result *site) {
    int is_map = site->kind == SM_SITE_MAP;
    char words[200], title[40];
    snprintf(title, sizeof title, "    %s   ", sm_site_words[site->kind].made_at);
    if (site->kind == SM_SITE_FD)
        snprintf(words, sizeof words, "%s open, %s more, %s",
                 SM_UNIT_TEXT(SM_UNIT_COUNT, round(site->live_count)),
                 SM_UNIT_TEXT(SM_UNIT_COUNT, round(site->growth_count)),
                 SM_UNIT_TEXT(SM_UNIT_COUNT_PER_S, site->rate_per_s.value));
    else
        snprintf(words, sizeof words, "%s%s %s in %s %s, %s more, %s to %s", is_map ? "" : "about ",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, site->live_bytes), is_map ? "mapped" : "live",
                 SM_UNIT_TEXT(SM_UNIT_COUNT, round(site->live_count)),
                 is_map ? "mappings" : "objects", SM_UNIT_TEXT(SM_UNIT_BYTES, site->growth_bytes),
                 SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, site->rate_per_s.low),
                 SM_UNIT_TEXT(SM_UNIT_BYTES_PER_S, site->rate_per_s.high));
    sm_text_print(text, SM_STYLE_PLAIN, "%s", title);
    sm_text_wrap(text, SM_STYLE_DIM, (int)strlen(title), (int)strlen(title), words);
    print_stack(text, run, site->stack_id, FRAMES_SHOWN);
    if (site->kind == SM_SITE_FD)
        return;
    if (site->freed_by_stack_id) {
        sm_text_print(text, SM_STYLE_PLAIN, "    %s\n", sm_site_words[site->kind].gone_by);
        print_stack(text, run, site->freed_by_stack_id, 3);
        print_residence(text, site);
    } else if (is_map && site->freed_share > 0) {
        sm_text_print(text, SM_STYLE_DIM, "    parts were unmapped, and no mapping as a whole\n");
    } else {
        sm_text_print(text, SM_STYLE_DIM, "    nobody was seen to %s any of it\n",
                      is_map ? "unmap" : "free");
    }
}

/* ---- the largest sites, where no cause names one ---- */

static int compare_peaks(const void *a, const void *b) {
    const struct sm_site_result *x = *(const struct sm_site_result *const *)a;
    const struct sm_site_result *y = *(const struct sm_site_result *const *)b;
    return (x->peak_bytes < y->peak_bytes) - (x->peak_bytes > y->peak_bytes);
}

static int is_worth_showing(const struct sm_run *run, const struct sm_analysis *analysis) {
    for (size_t i = 0; i < analysis->cause_count; i++)
        if (analysis->causes[i].site_count > 0)
            return 0;
    return analysis->verdict != SM_RUN_PASS ||
           strcmp(sm_run_meta(run, SM_META_SCENARIO), "probe") == 0;
}

static int compare_open(const void *a, const void *b) {
    const struct sm_site_result *x = *(const struct sm_site_result *const *)a;
    const struct sm_site_result *y = *(const struct sm_site_result *const *)b;
    return (x->live_count < y->live_count) - (x->live_count > y->live_count);
}

static void print_largest(const struct sm_text *text, const struct sm_site_result *site) {
    int is_map = site->kind == SM_SITE_MAP;
    char words[200];
    if (site->kind == SM_SITE_FD)
        snprintf(words, sizeof words, "%s open descriptor%s",
                 SM_UNIT_TEXT(SM_UNIT_COUNT, round(site->live_count)),
                 round(site->live_count) == 1 ? "" : "s");
    else
        snprintf(words, sizeof words, "%s%s%s in %s %s at its fullest; %s in %s never %s",
                 is_map ? "" : "about ", SM_UNIT_TEXT(SM_UNIT_BYTES, site->peak_bytes),
                 is_map ? " mapped" : "", SM_UNIT_TEXT(SM_UNIT_COUNT, round(site->peak_count)),
                 is_map ? "mappings" : "objects", SM_UNIT_TEXT(SM_UNIT_BYTES, site->kept_bytes),
                 SM_UNIT_TEXT(SM_UNIT_COUNT, round(site->kept_count)),
                 is_map ? "unmapped" : "freed");
    sm_text_wrap(text, SM_STYLE_PLAIN, 4, 0, words);
}

static void print_sites(const struct sm_text *text, const struct sm_run *run,
                        const struct sm_site_result **sites, size_t count) {
    for (size_t i = 0; i < count && i < SITES_SHOWN; i++) {
        print_largest(text, sites[i]);
        print_stack(text, run, sites[i]->stack_id, SITE_FRAMES);
    }
    if (count > SITES_SHOWN)
        sm_text_print(text, SM_STYLE_DIM, "    and %zu more: --format json\n", count - SITES_SHOWN);
}

/* What any program maps for itself is not worth a line. */
static const double LEAST_MAPPED_BYTES = 1 << 20;

/* Those of memory, and where nothing else can be told of descriptors, theirs. */
static int is_shown(const struct sm_site_result *site, int is_snapshot) {
    return site->kind == SM_SITE_FD    ? is_snapshot && site->live_count >= 1
           : site->kind == SM_SITE_MAP ? site->peak_bytes >= LEAST_MAPPED_BYTES
                                       : site->peak_bytes > 0;
}

void sm_text_largest_sites(const struct sm_text *text, const struct sm_run *run,
                           const struct sm_analysis *analysis) {
    static const enum sm_site_kind order[SM_SITE_KINDS] = {SM_SITE_HEAP, SM_SITE_MAP, SM_SITE_FD};
    const struct sm_site_result **sites = calloc(analysis->site_count + 1, sizeof *sites);
    int is_snapshot = strcmp(sm_run_meta(run, SM_META_ENDED_BY), SM_ENDED_BY_SNAPSHOT) == 0;
    int is_begun = 0;
    for (int k = 0; sites && k < SM_SITE_KINDS && is_worth_showing(run, analysis); k++) {
        size_t count = 0;
        for (size_t i = 0; i < analysis->site_count; i++)
            if (analysis->sites[i].kind == order[k] && is_shown(&analysis->sites[i], is_snapshot))
                sites[count++] = &analysis->sites[i];
        qsort(sites, count, sizeof *sites, order[k] == SM_SITE_FD ? compare_open : compare_peaks);
        if (count > 0 && !is_begun++)
            sm_text_heading(text, "LARGEST SITES");
        print_sites(text, run, sites, count);
    }
    free(sites);
}
