#include "pace.h"

#include <math.h>

/* What is read at once is a twentieth of a second's worth. */
static const double turn_s = 0.05;

static double turn_bytes(const struct sm_pace_options *options) {
    return fmax(floor(options->bytes_per_s * turn_s), 1);
}

static void refill(struct sm_pace *pace, const struct sm_pace_options *options, int64_t now_ns) {
    double turn = turn_bytes(options);
    if (pace->at_ns == 0)
        pace->tokens = turn;
    else
        pace->tokens = fmin(
            pace->tokens + (double)(now_ns - pace->at_ns) / 1e9 * options->bytes_per_s, 2 * turn);
    pace->at_ns = now_ns;
}

size_t sm_pace_allow(struct sm_pace *pace, const struct sm_pace_options *options, size_t wanted,
                     int64_t now_ns, int64_t *ret_resume_ns) {
    double allowed = (double)wanted;
    if (now_ns < pace->resume_ns) {
        *ret_resume_ns = pace->resume_ns;
        return 0;
    }
    if (options->bytes_per_s > 0) {
        double turn = turn_bytes(options);
        refill(pace, options, now_ns);
        if (pace->tokens < turn) {
            *ret_resume_ns =
                now_ns + (int64_t)ceil((turn - pace->tokens) / options->bytes_per_s * 1e9);
            return 0;
        }
        allowed = fmin(allowed, pace->tokens);
    }
    if (options->stop_after_bytes > 0)
        allowed = fmin(allowed, (double)(options->stop_after_bytes - pace->since_stop_bytes));
    return (size_t)allowed;
}

void sm_pace_took(struct sm_pace *pace, const struct sm_pace_options *options, size_t bytes,
                  int64_t now_ns) {
    pace->tokens -= options->bytes_per_s > 0 ? (double)bytes : 0;
    if (options->stop_after_bytes == 0)
        return;
    pace->since_stop_bytes += (int64_t)bytes;
    if (pace->since_stop_bytes < options->stop_after_bytes)
        return;
    pace->since_stop_bytes = 0;
    pace->resume_ns = now_ns + options->stop_ns;
}
