#include "findings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stacks.h"

enum { PLACE_FRAMES = 64 };

static struct sm_finding of_verdict(const struct sm_run *run, const struct sm_analysis *analysis) {
    int broken = analysis->exit_status == SM_STATUS_BROKEN;
    struct sm_finding finding = {.text = analysis->why, .advice = ""};
    const char *verdict = broken ? "broken" : sm_run_verdict_name(analysis->verdict);
    finding.level = analysis->verdict == SM_RUN_PASS             ? SM_FINDING_NOTE
                    : analysis->verdict == SM_RUN_FAIL || broken ? SM_FINDING_ERROR
                                                                 : SM_FINDING_WARNING;
    snprintf(finding.rule, sizeof finding.rule, "verdict/%s", verdict);
    snprintf(finding.title, sizeof finding.title, "%s: %.120s", verdict,
             sm_run_meta(run, SM_META_SCENARIO));
    for (size_t i = 0; i < analysis->cause_count && !finding.stack_id; i++)
        if (!analysis->causes[i].is_note && analysis->causes[i].site_count)
            finding.stack_id = analysis->causes[i].sites[0]->stack_id;
    return finding;
}

static struct sm_finding of_cause(const struct sm_analysis *analysis,
                                  const struct sm_cause *cause) {
    struct sm_finding finding = {.text = cause->text, .advice = cause->advice};
    finding.level = cause->is_note                     ? SM_FINDING_NOTE
                    : analysis->verdict == SM_RUN_FAIL ? SM_FINDING_ERROR
                                                       : SM_FINDING_WARNING;
    snprintf(finding.rule, sizeof finding.rule, "%s", sm_cause_name(cause->kind));
    snprintf(finding.title, sizeof finding.title, "%s%s%.100s%s", finding.rule,
             cause->series[0] ? " (" : "", cause->series, cause->series[0] ? ")" : "");
    finding.stack_id = cause->site_count ? cause->sites[0]->stack_id : 0;
    return finding;
}

static struct sm_finding of_line(const struct sm_budget_line *line) {
    struct sm_finding finding = {.text = line->why, .advice = ""};
    finding.level = line->holds == SM_HOLDS_NO ? SM_FINDING_ERROR : SM_FINDING_WARNING;
    snprintf(finding.rule, sizeof finding.rule, "budget/%.60s", line->item->name);
    snprintf(finding.title, sizeof finding.title, "budget %.60s = %.40s %s", line->item->name,
             line->item->limit, line->holds == SM_HOLDS_NO ? "is broken" : "could not be judged");
    return finding;
}

int sm_findings_make(const struct sm_run *run, const struct sm_analysis *analysis,
                     struct sm_finding **ret_findings, size_t *ret_count) {
    size_t count = 0;
    struct sm_finding *findings =
        calloc(1 + analysis->cause_count + analysis->budget_count, sizeof *findings);
    if (!findings)
        return -ENOMEM;
    findings[count++] = of_verdict(run, analysis);
    for (size_t i = 0; i < analysis->cause_count; i++)
        findings[count++] = of_cause(analysis, &analysis->causes[i]);
    for (size_t i = 0; i < analysis->budget_count; i++)
        if (analysis->budget[i].holds != SM_HOLDS_YES)
            findings[count++] = of_line(&analysis->budget[i]);
    *ret_findings = findings;
    *ret_count = count;
    return 0;
}

/* Compilers note names as they were called with: absolute, perhaps on another machine, or from a
 * build directory ("../src"). The longest end of the name that exists below the working directory
 * is the file. */
int sm_finding_file(const char *source, char *file, size_t capacity) {
    char here[4096];
    size_t length = getcwd(here, sizeof here) ? strlen(here) : 0;
    if (length > 0 && strncmp(source, here, length) == 0 && source[length] == '/')
        source += length;
    for (; source; source = strchr(source, '/')) {
        source += strspn(source, "/");
        while (strncmp(source, "../", 3) == 0 || strncmp(source, "./", 2) == 0)
            source = strchr(source, '/') + 1;
        if (source[0] && access(source, R_OK) == 0)
            return (size_t)snprintf(file, capacity, "%s", source) < capacity;
    }
    return 0;
}

int sm_finding_place(const struct sm_run *run, int stack_id, char *file, size_t capacity) {
    struct sm_stack_frame frames[PLACE_FRAMES];
    size_t count = sm_stack_frames(run, stack_id, frames, PLACE_FRAMES);
    if (count > PLACE_FRAMES)
        count = PLACE_FRAMES;
    for (size_t i = count ? sm_stack_culprit(frames, count) : 0; i < count; i++)
        if (frames[i].line > 0 && sm_finding_file(frames[i].file, file, capacity))
            return frames[i].line;
    return 0;
}
