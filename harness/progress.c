#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../reports/units.h"

static const int64_t plain_period_ns = 5 * INT64_C(1000000000);

void sm_progress_init(struct sm_progress *progress, int quiet) {
    *progress = (struct sm_progress){.is_terminal = isatty(STDERR_FILENO), .quiet = quiet};
}

static void format_figures(const struct sm_progress_figures *f, char *line, size_t line_bytes) {
    char heap[SM_UNIT_TEXT_BYTES], rss[SM_UNIT_TEXT_BYTES];
    sm_unit_format(SM_UNIT_BYTES, f->heap_bytes, heap);
    sm_unit_format(SM_UNIT_BYTES, f->rss_bytes, rss);
    int used;
    if (f->phase_length_s > 0)
        used = snprintf(line, line_bytes, "%-10s %3.0f/%.0f s", f->phase, f->phase_at_s,
                        f->phase_length_s);
    else
        used = snprintf(line, line_bytes, "%-10s %5.0f s", f->phase, f->phase_at_s);
    used += snprintf(line + used, line_bytes - (size_t)used, "  heap %s  rss %s  fds %.0f", heap,
                     rss, f->fds);
    if (f->has_load && (size_t)used < line_bytes)
        used += snprintf(line + used, line_bytes - (size_t)used, "  offered %lld  accepted %lld",
                         (long long)f->offered, (long long)f->accepted);
    if (f->has_load && f->refused + f->unanswered > 0 && (size_t)used < line_bytes)
        used += snprintf(line + used, line_bytes - (size_t)used, "  refused %lld  unanswered %lld",
                         (long long)f->refused, (long long)f->unanswered);
    if (f->delivered >= 0 && (size_t)used < line_bytes)
        snprintf(line + used, line_bytes - (size_t)used, "  delivered %.0f", f->delivered);
}

void sm_progress_show(struct sm_progress *progress, const struct sm_progress_figures *figures,
                      int64_t now_ns) {
    char line[400];
    if (progress->quiet || (!progress->is_terminal && now_ns < progress->next_plain_ns))
        return;
    progress->next_plain_ns = now_ns + plain_period_ns;
    format_figures(figures, line, sizeof line);
    if (progress->is_terminal) {
        /* A line that wraps would not be overwritten by the next. */
        struct winsize size;
        int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1
                          ? size.ws_col - 1
                          : (int)sizeof line;
        fprintf(stderr, "\r\033[K%.*s", columns, line);
        progress->line_open = 1;
    } else {
        fprintf(stderr, "%s\n", line);
    }
    fflush(stderr);
}

void sm_progress_end(struct sm_progress *progress) {
    if (!progress->line_open)
        return;
    fputc('\n', stderr);
    progress->line_open = 0;
}
