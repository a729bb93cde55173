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
