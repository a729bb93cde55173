/* bench-load SECONDS [DRIVER] KEY=VALUE...: one run of a driver (http_load), ended
 * sooner by SIGTERM, as one line of figures.
 *
 *   requests/s, CPU per request (us), latency p50 and p99 (us), slip p50 and
 *   p99 (us), peak RSS (MB), units not accepted. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "harness/clock.h"
#include "tests/unit/load_block.h"

enum { SETTINGS = 32 };

static sigset_t end_signals;

static double cpu_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double quantile_us(const struct sm_histogram *histogram, double quantile) {
    return (double)sm_histogram_quantile(histogram, quantile) / 1e3;
}

static void read_settings(char **arguments, struct load_setting *settings) {
    for (size_t count = 0; *arguments && count < SETTINGS; arguments++) {
        char *value = strchr(*arguments, '=');
        if (!value)
            continue;
        *value++ = '\0';
        settings[count++] = (struct load_setting){*arguments, value};
    }
}

/* What did not end as accepted, for whoever wonders. */
static void print_outcomes(struct load_run *run) {
    struct sm_load_outcome_count outcomes[SETTINGS];
    size_t count = run->ops->outcomes(run->driver, outcomes, SETTINGS);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%8lld %s\n", (long long)outcomes[i].count, outcomes[i].outcome);
}

/* Until then, or until it is told to end; being stopped and continued is neither. */
static void wait_until(int64_t end_ns) {
    int64_t left_ns;
    while ((left_ns = end_ns - sm_now_ns()) > 0) {
        struct timespec timeout = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
        if (sigtimedwait(&end_signals, NULL, &timeout) >= 0 || errno != EINTR)
            return;
    }
}

int main(int argument_count, char **arguments) {
    struct load_setting settings[SETTINGS + 1] = {{NULL, NULL}};
    struct load_run run;
    struct rusage usage;
    if (argument_count < 3) {
        fprintf(stderr, "usage: bench-load SECONDS [DRIVER] KEY=VALUE...\n");
        return 2;
    }
    double seconds = strtod(arguments[1], NULL);
    const char *driver = strchr(arguments[2], '=') ? "http_load" : arguments[2];
    read_settings(arguments + 2, settings);
    sigaddset(&end_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end_signals, NULL);
    load_run_open(&run, driver, settings);
    double cpu_before_s = cpu_s();
    int64_t began_ns = sm_now_ns();
    load_run_start(&run);
    wait_until(began_ns + (int64_t)(seconds * 1e9));
    load_run_look(&run);
    int64_t ended_ns = sm_now_ns();
    double used_s = cpu_s() - cpu_before_s;
    double done = (double)run.counts.accepted,
           lost = (double)(run.counts.refused + run.counts.unanswered);
    getrusage(RUSAGE_SELF, &usage);
    printf("%.2f %.2f %.0f %.0f %.1f %.1f %.1f %.0f\n",
           done / ((double)(ended_ns - began_ns) / 1e9), used_s / done * 1e6,
           quantile_us(run.latency_ns, 0.5), quantile_us(run.latency_ns, 0.99),
           quantile_us(run.slip_ns, 0.5), quantile_us(run.slip_ns, 0.99),
           (double)usage.ru_maxrss / 1e3, lost);
    load_run_stop(&run, 0);
    if (lost > 0 || done == 0)
        print_outcomes(&run);
    load_run_close(&run);
    return 0;
}
