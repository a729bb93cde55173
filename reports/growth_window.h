/* growth_window.h - the verdict on one window of constant load and fault. Internal to the growth
 * engine; the reasoning is in growth_window.c. */
#pragma once

#include "growth.h"
#include "growth_profile.h"

struct sm_window {
    const double *values; /* without NAN */
    size_t count;
    double seconds;
    double resolution_per_s;    /* growth that matters */
    double flat_per_s;          /* slower than this is flat; at least resolution_per_s */
    int is_count;               /* whole numbers of things, such as descriptors */
    double alpha;               /* two-sided error allowed for growing, and again for bounded */
    double slowest_exponential; /* in windows, see growth_profile.h */
    int goes_on;                /* more of it is to come: see growth_so_far.c */
    double level;               /* before it; only used while it goes on */
};

/* What stood in the way of a verdict. */
enum sm_window_doubt {
    SM_DOUBT_NONE,
    SM_DOUBT_SHORT,      /* too few samples or seconds */
    SM_DOUBT_NOISE,      /* neither growth nor its absence shows above the noise */
    SM_DOUBT_SATURATION, /* it grew, but could still be filling up */
    SM_DOUBT_RECENT,     /* flat now, but not for long against how it rose */
    SM_DOUBT_SO_FAR,     /* it rose, but may fall again: the window goes on */
};

struct sm_window_verdict {
    enum sm_verdict_kind kind;
    enum sm_window_doubt doubt;
    int suspect;
    struct sm_profile profile; /* of the suffix and reduction that decided */
    double used_seconds;       /* length of that suffix; 0 = none was judged */
};

/* 0 or -ENOMEM. */
int sm_window_judge(const struct sm_window *window, struct sm_window_verdict *ret_verdict);

/* The slowest exponential that counts as bounded growth when nothing else is known: one that
 * stops beyond 1.5 times the growth seen counts as a line. */
#define SM_SLOWEST_EXPONENTIAL .95
