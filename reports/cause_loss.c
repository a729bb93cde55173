/* What became of units that were accepted.
 *
 * Silent loss: accepted, but neither delivered, nor dropped and reported, nor still in flight at
 * the end of a run that went to its planned end. It fails any run.
 * Bounded by discarding: memory does not grow, and units were dropped. When the program counts
 * and reports every one of them it is its design, and a note; the budget line `dropped` judges
 * whether that is acceptable. */
#include <math.h>

#include "cause.h"

void sm_cause_find_loss(const struct sm_facts *facts, struct sm_cause_list *list) {
    const struct sm_ledger *ledger = &facts->analysis->ledger;
    if (!ledger->is_unaccounted_known || ledger->unaccounted <= 0 || !facts->was_scheduled)
        return;
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_SILENT_LOSS, "");
    if (!cause)
        return;
    double lost = (double)ledger->unaccounted, accepted = (double)ledger->accepted;
    sm_cause_say(cause,
                 "%s of %s accepted units (%.3g %%) are gone: not delivered, not reported as "
                 "dropped, not in flight.",
                 SM_UNIT_TEXT(SM_UNIT_COUNT, lost), SM_UNIT_TEXT(SM_UNIT_COUNT, accepted),
                 100 * lost / fmax(accepted, 1));
    if (ledger->dropped < 0)
        sm_cause_say(cause, "The program reports no drops.");
    sm_cause_advise(cause, "Count what is thrown away where it is thrown away, and report it.");
    sm_cause_show(cause, "unaccounted", SM_UNIT_COUNT, lost);
    sm_cause_show(cause, "accepted", SM_UNIT_COUNT, accepted);
    sm_cause_show(cause, "delivered", SM_UNIT_COUNT, (double)ledger->delivered);
    if (ledger->dropped >= 0)
        sm_cause_show(cause, "dropped", SM_UNIT_COUNT, (double)ledger->dropped);
}

void sm_cause_find_discards(const struct sm_facts *facts, struct sm_cause_list *list) {
    const struct sm_ledger *ledger = &facts->analysis->ledger;
    int grows = facts->memory_result && facts->memory_result->verdict.kind == SM_VERDICT_GROWING;
    if (ledger->dropped <= 0 || grows)
        return;
    struct sm_cause *cause = sm_cause_add(list, SM_CAUSE_BOUNDED_BY_DISCARDING, "");
    if (!cause)
        return;
    cause->is_note = 1;
    double dropped = (double)ledger->dropped, accepted = (double)ledger->accepted;
    sm_cause_say(cause,
                 "Memory stays bounded because the program drops what it cannot hold: %s "
                 "units",
                 SM_UNIT_TEXT(SM_UNIT_COUNT, dropped));
    if (ledger->accepted > 0)
        sm_cause_say(cause, "(%.1f %% of those accepted)", 100 * dropped / accepted);
    sm_cause_say(cause, "were dropped, and it counted and reported them itself.");
    if (ledger->is_unaccounted_known && ledger->unaccounted <= 0)
        sm_cause_say(cause, "Nothing else is missing, so this is its design at work, not a fault.");
    sm_cause_advise(cause, "If drops are not acceptable, say so: budget = { dropped = 0 }.");
    sm_cause_show(cause, "dropped", SM_UNIT_COUNT, dropped);
    sm_cause_show(cause, "accepted", SM_UNIT_COUNT, ledger->accepted >= 0 ? accepted : NAN);
    sm_cause_show(cause, "unaccounted", SM_UNIT_COUNT,
                  ledger->is_unaccounted_known ? (double)ledger->unaccounted : NAN);
}
