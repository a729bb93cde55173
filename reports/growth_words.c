#include "growth_words.h"

#include <math.h>
#include <stdio.h>

#include "units.h"

/* Text of quantities in the unit of the channel, for use within one statement. */
struct words {
    char text[40];
};

static struct words quantity(enum sm_channel channel, double value) {
    struct words w;
    char plain[SM_UNIT_TEXT_BYTES];
    switch (channel) {
    case SM_CHANNEL_FD:
        snprintf(w.text, sizeof w.text, "%.3g descriptors", value);
        break;
    case SM_CHANNEL_OTHER:
        snprintf(w.text, sizeof w.text, "%.4g", value);
        break;
    default:
        snprintf(w.text, sizeof w.text, "%s%s", value < 0 ? "-" : "",
                 sm_unit_format(SM_UNIT_BYTES, fabs(value), plain));
    }
    return w;
}

static struct words per_second(enum sm_channel channel, double value) {
    struct words w;
    char plain[SM_UNIT_TEXT_BYTES];
    if (channel == SM_CHANNEL_HEAP || channel == SM_CHANNEL_RSS)
        snprintf(w.text, sizeof w.text, "%s%s", value < 0 ? "-" : "",
                 sm_unit_format(SM_UNIT_BYTES_PER_S, fabs(value), plain));
    else
        snprintf(w.text, sizeof w.text, "%.3g%s per second", value,
                 channel == SM_CHANNEL_FD ? " descriptors" : "");
    return w;
}

/* An upper end; what is far below the resolution is shown as nothing. */
static struct words at_most(const struct sm_growth_scene *scene, double value) {
    double least = scene->resolution_per_s / 1000;
    return per_second(scene->channel, value < least ? 0 : value);
}

/* An experiment is one line of a scenario's phases, and the last thing said. */
#define STALL_LINE "stall { \"%.0fs\", \"%.0fs\", slow_disk { \"${data}\", stall = true } }"

/* Nobody watches for longer. */
static const double LONGEST_S = 3600;

/* The error of a slope falls with the 3/2 power of the time watched. */
static double seconds_for(double window_s, double ratio) {
    return window_s * fmin(1000, pow(fmax(1.1, ratio), 2. / 3));
}

static void explain_growing(const struct sm_growth_scene *scene,
                            const struct sm_window_verdict *window, struct sm_verdict *verdict) {
    enum sm_channel c = scene->channel;
    if (scene->rule == SM_RULE_CAP_EXCEEDED) {
        snprintf(verdict->why, sizeof verdict->why,
                 "declared bound exceeded: it rose by %s%s, over the %s declared, and was still "
                 "rising",
                 quantity(c, scene->risen).text, scene->in_fault ? " during the fault" : "",
                 quantity(c, scene->declared_cap).text);
        return;
    }
    snprintf(
        verdict->why, sizeof verdict->why,
        "over the last %.0f s of constant load it rose by %s (at least %s, 99 %% sure) where %s "
        "matters, and nothing that fills up and stops explains it",
        window->used_seconds, per_second(c, window->profile.rate).text,
        per_second(c, window->profile.low).text, per_second(c, scene->resolution_per_s).text);
}

static void explain_bounded(const struct sm_growth_scene *scene,
                            const struct sm_window_verdict *window, struct sm_verdict *verdict) {
    enum sm_channel c = scene->channel;
    if (scene->rule == SM_RULE_HELD) {
        snprintf(
            verdict->why, sizeof verdict->why,
            "the fault pushed %s more at it than went out, over the %s declared, and it stayed "
            "under %s, as high early as late",
            quantity(c, scene->pushed).text, quantity(c, scene->declared_cap).text,
            quantity(c, verdict->bound).text);
        return;
    }
    if (scene->rule == SM_RULE_GIVEN_BACK) {
        snprintf(verdict->why, sizeof verdict->why,
                 "it followed the load, which changed, and at rest only %s more were left than "
                 "before",
                 quantity(c, fmax(0, scene->risen)).text);
        return;
    }
    snprintf(verdict->why, sizeof verdict->why,
             "%sover the last %.0f s%s it rose by at most %s (99 %% sure), less than the %s asked "
             "about, and stayed under %s",
             scene->rule == SM_RULE_OUTGROWN ? "it rose in an earlier window of this load, but "
                                             : "",
             window->used_seconds, scene->in_fault ? " of the fault" : " of constant load",
             at_most(scene, window->profile.high_any).text,
             per_second(c, scene->resolution_per_s).text, quantity(c, verdict->bound).text);
}

static void explain_doubt(const struct sm_growth_scene *scene,
                          const struct sm_window_verdict *window, struct sm_verdict *verdict) {
    const struct sm_profile *p = &window->profile;
    enum sm_channel c = scene->channel;
    double longer;
    switch (window->doubt) {
    case SM_DOUBT_SHORT:
        snprintf(verdict->why, sizeof verdict->why,
                 "only %.1f s of constant load were sampled, too few to tell a trend",
                 scene->window_s);
        snprintf(verdict->needs, sizeof verdict->needs,
                 "at least 20 s of constant load: phase { \"load\", \"20s\" }");
        break;
    case SM_DOUBT_SATURATION:
    case SM_DOUBT_NONE:
        snprintf(verdict->why, sizeof verdict->why,
                 "it rose by about %s over %.0f s, but a cache or queue that is still filling "
                 "would look the same so far",
                 per_second(c, p->plain_rate).text, window->used_seconds);
        snprintf(verdict->needs, sizeof verdict->needs,
                 "about %.0f s of constant load instead of %.0f s, or 8 cycles of load and rest: "
                 "doses { \"4s\", \"2s\" }",
                 scene->window_s * 2.5, scene->window_s);
        break;
    case SM_DOUBT_RECENT:
        snprintf(verdict->why, sizeof verdict->why,
                 "it is flat now, but has not been for long compared with how it rose before");
        snprintf(verdict->needs, sizeof verdict->needs,
                 "about %.0f s of constant load: phase { \"load\", \"%.0fs\" }",
                 scene->window_s * 2, scene->window_s * 2);
        break;
    case SM_DOUBT_SO_FAR:
        snprintf(
            verdict->why, sizeof verdict->why,
            "it rose by about %s over %.0f s, but the load goes on, and what rises for so long "
            "may yet fall again",
            per_second(c, p->plain_rate).text, window->used_seconds);
        snprintf(verdict->needs, sizeof verdict->needs,
                 "about %.0f s more of this load: phase { \"load\", \"%.0fs\" }", scene->window_s,
                 2 * scene->window_s);
        break;
    case SM_DOUBT_NOISE:
        longer = seconds_for(scene->window_s, 3 * p->noise / scene->resolution_per_s);
        if (3 * p->noise > scene->resolution_per_s)
            snprintf(verdict->why, sizeof verdict->why,
                     "it varies so much that growth is only known to within %s, coarser than the "
                     "%s asked about",
                     per_second(c, 3 * p->noise).text, per_second(c, scene->resolution_per_s).text);
        else
            snprintf(verdict->why, sizeof verdict->why,
                     "it varies so much that growth by the %s asked about can neither be shown "
                     "nor ruled out",
                     per_second(c, scene->resolution_per_s).text);
        snprintf(verdict->needs, sizeof verdict->needs,
                 "about %.0f s of constant load, or cycles of load and rest, which leave the "
                 "noise of work under way out: doses { \"4s\", \"2s\" }",
                 fmin(fmax(longer, 1.5 * scene->window_s), LONGEST_S));
        break;
    }
}

static void explain_under_cap(const struct sm_growth_scene *scene,
                              const struct sm_window_verdict *window, struct sm_verdict *verdict) {
    double seconds = fmax(scene->window_s * 1.2,
                          1.2 * scene->declared_cap / fmax(window->profile.plain_rate, 1e-9));
    seconds = ceil(fmin(seconds, LONGEST_S));
    if (scene->in_fault)
        snprintf(verdict->needs, sizeof verdict->needs,
                 "about %.0f s, until it passes 1.2 times the declared bound: " STALL_LINE, seconds,
                 seconds, 2 * seconds);
    else
        snprintf(verdict->needs, sizeof verdict->needs,
                 "about %.0f s, until it passes 1.2 times the declared bound: "
                 "phase { \"load\", \"%.0fs\" }",
                 seconds, seconds);
}

void sm_growth_explain_window(const struct sm_growth_scene *scene,
                              const struct sm_window_verdict *window, struct sm_verdict *verdict) {
    enum sm_channel c = scene->channel;
    if (verdict->kind == SM_VERDICT_GROWING) {
        explain_growing(scene, window, verdict);
        return;
    }
    if (verdict->kind == SM_VERDICT_BOUNDED) {
        explain_bounded(scene, window, verdict);
        return;
    }
    switch (scene->rule) {
    case SM_RULE_BACKLOG:
        snprintf(verdict->why, sizeof verdict->why,
                 "it rose by %s during the fault, but a bounded queue that is not yet full looks "
                 "exactly like an unbounded one",
                 quantity(c, scene->risen).text);
        snprintf(
            verdict->needs, sizeof verdict->needs,
            "a declared bound, and a fault that lasts until more than 1.2 times of it has been "
            "pushed: " STALL_LINE,
            scene->window_s, 2 * scene->window_s);
        return;
    case SM_RULE_UNDER_CAP:
        snprintf(verdict->why, sizeof verdict->why,
                 "it rose by %s at about %s, but may still be filling the %s declared",
                 quantity(c, scene->risen).text, per_second(c, window->profile.plain_rate).text,
                 quantity(c, scene->declared_cap).text);
        explain_under_cap(scene, window, verdict);
        return;
    case SM_RULE_LOAD_CHANGED:
        snprintf(verdict->why, sizeof verdict->why,
                 "it rose by about %s, but the load offered changed by more than a quarter "
                 "meanwhile",
                 per_second(c, window->profile.plain_rate).text);
        snprintf(verdict->needs, sizeof verdict->needs,
                 "a constant load for about %.0f s, or 8 cycles of load and rest: "
                 "doses { \"4s\", \"2s\" }",
                 scene->window_s);
        return;
    default:
        explain_doubt(scene, window, verdict);
    }
}

static const char *const driver_words[] = {
    [SM_DRIVER_TIME] = "time",
    [SM_DRIVER_REQUESTS] = "requests",
    [SM_DRIVER_ERRORS] = "refused requests",
    [SM_DRIVER_LOSSES] = "lost requests",
};

void sm_growth_explain_cycles(const struct sm_growth_scene *scene,
                              const struct sm_cycles_verdict *cycles, struct sm_verdict *verdict) {
    enum sm_channel c = scene->channel;
    switch (verdict->kind) {
    case SM_VERDICT_GROWING:
        snprintf(verdict->why, sizeof verdict->why,
                 "what is still held at rest rose over %d cycles by %s (at least %s, 99 %% sure) "
                 "where %s matters, with %s",
                 cycles->marks, per_second(c, cycles->rate).text,
                 per_second(c, cycles->at_least).text, per_second(c, scene->resolution_per_s).text,
                 driver_words[cycles->driver]);
        return;
    case SM_VERDICT_BOUNDED:
        snprintf(verdict->why, sizeof verdict->why,
                 "what is still held at rest rose over %d cycles by at most %s (99 %% sure), less "
                 "than the %s asked about, and stayed under %s",
                 cycles->marks, at_most(scene, cycles->at_most).text,
                 per_second(c, scene->resolution_per_s).text, quantity(c, verdict->bound).text);
        return;
    default:
        break;
    }
    if (cycles->marks < 4) {
        snprintf(verdict->why, sizeof verdict->why,
                 "only %d rests were measured, too few to tell a trend", cycles->marks);
        snprintf(verdict->needs, sizeof verdict->needs,
                 "8 cycles of load and rest: doses { \"4s\", \"2s\" }");
        return;
    }
    double wide = fmax(fabs(cycles->high - cycles->rate), fabs(cycles->rate - cycles->low));
    if (verdict->suspect)
        snprintf(verdict->why, sizeof verdict->why,
                 "what is held at rest rose by about %s, but something still filling would look "
                 "the same after %d cycles",
                 per_second(c, cycles->rate).text, cycles->marks);
    else if (wide > scene->resolution_per_s)
        snprintf(verdict->why, sizeof verdict->why,
                 "what is held at rest varies so much that growth is only known to within %s, "
                 "coarser than the %s asked about",
                 per_second(c, wide).text, per_second(c, scene->resolution_per_s).text);
    else
        snprintf(verdict->why, sizeof verdict->why,
                 "what is held at rest varies so much that growth by the %s asked about can "
                 "neither be shown nor ruled out",
                 per_second(c, scene->resolution_per_s).text);
    int more = (cycles->marks * 3 / 2 + 3) / 4 * 4; /* doses come in fours */
    snprintf(verdict->needs, sizeof verdict->needs,
             "%d cycles of load and rest instead of %d: "
             "doses { \"4s\", \"2s\", cycles = %d }",
             more, cycles->marks, more);
}

void sm_growth_explain_missing(struct sm_verdict *verdict) {
    snprintf(verdict->why, sizeof verdict->why, "more than half of its samples are missing");
    snprintf(verdict->needs, sizeof verdict->needs, "a monitor that misses fewer of them");
}
