/* render_text_own_cost.c - what the probe itself cost, where that was measured. */
#include <math.h>

#include "own_cost.h"
#include "render_text_parts.h"

static void print_ratio(const struct sm_text *text, const char *what,
                        const struct sm_ratio *ratio) {
    if (isfinite(ratio->value))
        sm_text_print(text, SM_STYLE_PLAIN, "  %-28s x %.3f  (%.3f to %.3f)\n", what, ratio->value,
                      ratio->low, ratio->high);
}

void sm_text_own_cost(const struct sm_text *text, const struct sm_run *run) {
    struct sm_own_cost cost;
    if (sm_own_cost_of_run(run, &cost))
        return;
    sm_text_heading(text, "THE PROBE'S OWN COST");
    if (cost.note[0]) {
        sm_text_print(text, SM_STYLE_DOUBT, "  not measured: %s\n", cost.note);
        return;
    }
    print_ratio(text, "processor time per unit", &cost.cpu);
    print_ratio(text, "latency, half the units", &cost.latency_p50);
    print_ratio(text, "latency, 99 % of the units", &cost.latency_p99);
    sm_text_print(text, SM_STYLE_DIM,
                  "  with to without, %d pairs of %.1f s under the load as declared, %d %% sure; "
                  "%.1f us and %.1f us a unit\n",
                  cost.pairs, cost.cycle_s, SM_OWN_COST_CONFIDENCE, cost.cpu_with_s * 1e6,
                  cost.cpu_without_s * 1e6);
}
