/* bench-floor SECONDS RATE SPIN_US: how late a bare loop is that does nothing but wait, which no
 * driver on this machine can be better than: uniform units, epoll_pwait2 with a timer slack of 1
 * ns, and for the last SPIN_US only looking at the clock. Prints the lateness's p50 and p99 in us.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "harness/clock.h"
#include "reports/histogram.h"

static void wait_until(int epoll_fd, int64_t due_ns, int64_t spin_ns) {
    struct epoll_event event;
    int64_t sleep_ns = due_ns - spin_ns - sm_now_ns();
    if (sleep_ns > 0) {
        struct timespec timeout = {sleep_ns / 1000000000, sleep_ns % 1000000000};
        epoll_pwait2(epoll_fd, &event, 1, &timeout, NULL);
    }
    while (sm_now_ns() < due_ns)
        ;
}

int main(int argument_count, char **arguments) {
    if (argument_count < 4) {
        fprintf(stderr, "usage: bench-floor SECONDS RATE SPIN_US\n");
        return 2;
    }
    double seconds = strtod(arguments[1], NULL), rate = strtod(arguments[2], NULL);
    int64_t spin_ns = (int64_t)(strtod(arguments[3], NULL) * 1e3), begin_ns = sm_now_ns();
    struct sm_histogram *late_ns = sm_histogram_new();
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!late_ns || epoll_fd < 0)
        return 1;
    prctl(PR_SET_TIMERSLACK, 1);
    for (double unit = 1; unit <= seconds * rate; unit++) {
        int64_t due_ns = begin_ns + (int64_t)(unit / rate * 1e9);
        wait_until(epoll_fd, due_ns, spin_ns);
        sm_histogram_record(late_ns, sm_now_ns() - due_ns);
    }
    printf("%.1f %.1f\n", (double)sm_histogram_quantile(late_ns, 0.5) / 1e3,
           (double)sm_histogram_quantile(late_ns, 0.99) / 1e3);
    sm_histogram_free(late_ns);
    close(epoll_fd);
    return 0;
}
