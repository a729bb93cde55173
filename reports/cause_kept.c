/* Memory that outlives the load it was for.
 *
 * Rule: at the end of a rest without load, more than half of what memory rose above its start is
 * still there (and at least 8 MB, and a quarter of the start), and it is not falling. One
 * dose cannot tell a cache that is filled from memory nobody will ever use, so it is a note; a
 * growth from cycle to cycle is a leak and found as such. */
#include <math.h>

#include "cause.h"
#include "timeline.h"

static const double SHARE_KEPT = .5, LEAST_BYTES = 8e6, LEAST_SHARE_OF_START = .25;

static int found_leak(const struct sm_cause_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        enum sm_cause_kind kind = list->causes[i].kind;
        if (kind == SM_CAUSE_LEAK_PER_REQUEST || kind == SM_CAUSE_LEAK_OVER_TIME ||
            kind == SM_CAUSE_KEPT_AFTER_LOAD)
            return 1;
    }
    return 0;
}

void sm_cause_find_kept(const struct sm_facts *facts, struct sm_cause_list *list) {
    if (!facts->memory || !facts->settle || found_leak(list))
        return;
    double kept = facts->memory_after - facts->memory_before, error;
    double rise = facts->memory_peak - facts->memory_before;
    int64_t end_ns = sm_timeline_phase_end(facts->run, facts->settle);
    double slope =
        sm_timeline_slope(facts->run, facts->memory, facts->settle->from_ns, end_ns, &error);
    double falls = -slope * sm_facts_seconds(facts, facts->settle);
    if (!(kept > SHARE_KEPT * rise && kept > LEAST_BYTES &&
          kept > LEAST_SHARE_OF_START * facts->memory_before) ||
        falls > .1 * kept)
        return;
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_KEPT_AFTER_LOAD, facts->memory->name);
    if (!cause)
        return;
    cause->is_note = 1;
    sm_cause_say(cause, "With the load gone, %s of the %s that %s rose are still held.",
                 SM_UNIT_TEXT(SM_UNIT_BYTES, kept), SM_UNIT_TEXT(SM_UNIT_BYTES, rise),
                 facts->memory->name);
    sm_cause_advise(cause, "Load and rest in cycles tell a filled cache (it stays level) from "
                           "memory that is never used again (it rises with every dose).");
    sm_cause_show(cause, "kept_bytes", SM_UNIT_BYTES, kept);
    sm_cause_show(cause, "rise_bytes", SM_UNIT_BYTES, rise);
    sm_cause_show(cause, "before_bytes", SM_UNIT_BYTES, facts->memory_before);
    /* Who holds it: the sites with the most still live at the end. */
    for (size_t picked = 0; picked < 3; picked++) {
        const struct sm_site_result *best = NULL;
        for (size_t i = 0; i < facts->analysis->site_count; i++) {
            const struct sm_site_result *site = &facts->analysis->sites[i];
            int before = picked > 0 && site->end_bytes >= cause->sites[picked - 1]->end_bytes;
            if (site->kind == SM_SITE_HEAP && !before && site->end_bytes > .1 * kept &&
                (!best || site->end_bytes > best->end_bytes))
                best = site;
        }
        if (!best)
            break;
        cause->sites[cause->site_count++] = best;
    }
}
