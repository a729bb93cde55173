/* The report as one page that opens from disk, without a network. */
#include <ctype.h>
#include <stdio.h>

#include "page.h"
#include "page_data.h"
#include "render.h"

int sm_render_html(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                   struct sm_error *err) {
    char title[512];
    snprintf(title, sizeof title, "%s %s", sm_run_verdict_name(analysis->verdict),
             sm_run_meta(run, SM_META_SCENARIO));
    for (char *c = title; *c && *c != ' '; c++)
        *c = (char)toupper((unsigned char)*c);
    json_t *data = json_pack("{ss s[o]}", "mode", "report", "runs", sm_page_run(run, analysis));
    int r = sm_page_write(data, title, analysis->why, to, err);
    json_decref(data);
    return r;
}

int sm_render_html_compare(const struct sm_run *const *runs,
                           const struct sm_analysis *const *analyses, size_t count, FILE *to,
                           struct sm_error *err) {
    char title[512];
    json_t *pages = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(pages, sm_page_run(runs[i], analyses[i]));
    snprintf(title, sizeof title, "%zu runs of %s", count, sm_run_meta(runs[0], SM_META_SCENARIO));
    json_t *data = json_array_size(pages) == count
                       ? json_pack("{ss sO}", "mode", "compare", "runs", pages)
                       : NULL;
    int r = sm_page_write(data, title, "", to, err);
    json_decref(data);
    json_decref(pages);
    return r;
}
