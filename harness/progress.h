/* progress.h - what a user sees on standard error while a run goes on: one live line on a
 * terminal, a plain line every few seconds otherwise. One thread. */
#pragma once

#include <stdint.h>

struct sm_progress {
    int is_terminal;
    int quiet; /* `spillmark probe` leaves the terminal to the program */
    int64_t next_plain_ns;
    int line_open;
};

struct sm_progress_figures {
    const char *phase;
    double phase_at_s, phase_length_s; /* length 0 = open end */
    double heap_bytes, rss_bytes, fds;
    int has_load;
    int64_t offered, accepted, refused, unanswered;
    double delivered; /* < 0 = not known */
};

/* Looks whether standard error is a terminal. */
void sm_progress_init(struct sm_progress *progress, int quiet);

/* Shows the figures if it is time to (every call on a terminal). now_ns is CLOCK_MONOTONIC. */
void sm_progress_show(struct sm_progress *progress, const struct sm_progress_figures *figures,
                      int64_t now_ns);

/* Ends an open live line. */
void sm_progress_end(struct sm_progress *progress);
