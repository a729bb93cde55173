/* observe.c - runs a program under the probe with a pool of its own and inspects what it left.
 *
 *     probe-observe PROBE [option...] -- PROGRAM [argument...]
 *
 *     --interval N     mean bytes between samples (1)        --slots N        of the pool (64)
 *     --slot-bytes N   (the recommended size)                --repeat N       runs, all must pass
 *     --signal N       the program must die of it            --status N       expected exit status
 *     --min-slots N    at least so many must be in use       --off N          expected off_reason
 *     --drops --foreign --torn                               see inspect.h
 *     --kill-after N   kill -9 after N microseconds          --print          a line per slot
 *     --alone          no pool: the probe makes one in the current directory
 *     --patience N     seconds after which a program counts as hanging and is killed (50)
 *
 * Exit status: 0 all right, 1 not, 2 usage. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "../../probes/pool_layout.h"
#include "inspect.h"

struct options {
    const char *probe;
    uint64_t interval, slot_bytes, repeat, slots, min_slots, off, kill_after_us, patience_s, seed;
    int status, signal;
    bool print, alone;
    struct inspect_options inspect;
    char **command;
};

static int make_pool(const struct options *options, char *path, size_t path_bytes) {
    int fd = memfd_create("pool", 0);
    uint64_t slot_bytes =
        options->slot_bytes != 0 ? options->slot_bytes : spillmark_slot_bytes(options->interval);
    struct spillmark_pool header = spillmark_pool_header(
        (uint32_t)options->slots, slot_bytes, options->interval, options->seed,
        SPILLMARK_FEATURE_HEAP | SPILLMARK_FEATURE_STACKS | SPILLMARK_FEATURE_FDS |
            SPILLMARK_FEATURE_IO | SPILLMARK_FEATURE_MAPS);
    if (fd < 0 ||
        ftruncate(fd, (off_t)spillmark_pool_bytes((uint32_t)options->slots, slot_bytes)) != 0 ||
        pwrite(fd, &header, sizeof header, 0) != sizeof header) {
        return -1;
    }
    snprintf(path, path_bytes, "/proc/%d/fd/%d", (int)getpid(), fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static volatile pid_t child;

static void on_alarm(int number) {
    (void)number;
    if (child > 0) {
        kill(-child, SIGKILL);
    }
}

static pid_t start(const struct options *options, const char *pool) {
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        setenv("LD_PRELOAD", options->probe, 1);
        if (options->alone) {
            char interval[24];
            snprintf(interval, sizeof interval, "%" PRIu64, options->interval);
            unsetenv(SPILLMARK_ENV_REGION);
            unsetenv(SPILLMARK_ENV_OUT);
            setenv(SPILLMARK_ENV_SAMPLE, interval, 1);
        } else {
            setenv(SPILLMARK_ENV_REGION, pool, 1);
        }
        execvp(options->command[0], options->command);
        fprintf(stderr, "%s: %s\n", options->command[0], strerror(errno));
        _exit(127);
    }
    setpgid(child, child);
    return child;
}

static int wait_for(const struct options *options) {
    int status;
    if (options->kill_after_us != 0) {
        struct timespec pause = {(time_t)(options->kill_after_us / 1000000),
                                 (long)(options->kill_after_us % 1000000) * 1000};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
    }
    alarm((unsigned)options->patience_s);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    alarm(0);
    kill(-child, SIGKILL); /* whatever it left behind */
    return status;
}

static int check_end(const struct options *options, int status) {
    if (options->kill_after_us != 0) {
        return 0;
    }
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (number != options->signal || (number == 0 && code != options->status)) {
        fprintf(stderr, "%s ended with signal %d, status %d\n", options->command[0], number, code);
        return 1;
    }
    return 0;
}

static void print_slot(const struct spillmark_slot *slot) {
    struct view_sums totals = view_totals(slot);
    printf("pid %u of %u state %u off %u: live %" PRId64 " in %" PRId64 ", allocations %" PRIu64
           ", stacks %u, pairs %u, modules %u, failures %" PRIu64 ", drops %" PRIu64
           ", read %" PRIu64 ", written %" PRIu64 ": %s\n",
           slot->pid, slot->parent_pid, slot->state, slot->off_reason, view_live_bytes(slot),
           view_live_count(slot), totals.alloc_count, slot->sections[SPILLMARK_SECTION_STACKS].used,
           slot->sections[SPILLMARK_SECTION_FREES].used,
           slot->sections[SPILLMARK_SECTION_MODULES].used, slot->stack_failures,
           slot->unsampled_drops, totals.read_bytes, totals.write_bytes, slot->command);
}

static int inspect_pool(const struct options *options, int fd) {
    struct pool_view view;
    if (view_open_fd(&view, fd) != 0 || view_header(&view)->magic != SPILLMARK_MAGIC) {
        fputs("no pool\n", stderr);
        return 1;
    }
    int faults = 0;
    uint64_t used = 0;
    for (uint32_t i = 0; i < view_header(&view)->slot_count; i++) {
        if (view_claims(&view)[i].pid == 0) {
            continue;
        }
        const struct spillmark_slot *slot = view_slot(&view, i);
        used++;
        if (options->print) {
            print_slot(slot);
        }
        struct inspect_options inspect = options->inspect;
        inspect.interval_bytes = view_header(&view)->sample_interval_bytes;
        faults += inspect_slot(slot, view_header(&view)->slot_bytes, &inspect);
        if (i == 0 && slot->off_reason != options->off) {
            fprintf(stderr, "off_reason is %u\n", slot->off_reason);
            faults++;
        }
    }
    if (used < options->min_slots) {
        fprintf(stderr, "%" PRIu64 " slots in use\n", used);
        faults++;
    }
    munmap((void *)view.base, view.bytes);
    return faults;
}

static int run_alone(const struct options *options) {
    char path[64];
    snprintf(path, sizeof path, "spillmark-probe.%d.pool", (int)start(options, NULL));
    int faults = check_end(options, wait_for(options));
    int fd = open(path, O_RDONLY);
    faults += inspect_pool(options, fd);
    if (fd >= 0) {
        close(fd);
    }
    unlink(path);
    return faults;
}

static int run_once(const struct options *options) {
    char path[64];
    if (options->alone) {
        return run_alone(options);
    }
    int fd = make_pool(options, path, sizeof path);
    if (fd < 0) {
        perror("pool");
        return 1;
    }
    start(options, path);
    int faults = check_end(options, wait_for(options));
    faults += inspect_pool(options, fd);
    close(fd);
    return faults;
}

static int usage(void) {
    fputs("usage: probe-observe PROBE [option...] -- PROGRAM [argument...]\n", stderr);
    return 2;
}

static bool parse_flag(struct options *options, const char *name) {
    struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--drops", &options->inspect.drops},
                 {"--foreign", &options->inspect.foreign},
                 {"--torn", &options->inspect.torn},
                 {"--print", &options->print},
                 {"--alone", &options->alone}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

static bool parse_number(struct options *options, const char *name, const char *value) {
    uint64_t number = strtoull(value, NULL, 10);
    struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"--interval", &options->interval},        {"--slots", &options->slots},
                   {"--slot-bytes", &options->slot_bytes},    {"--repeat", &options->repeat},
                   {"--min-slots", &options->min_slots},      {"--off", &options->off},
                   {"--kill-after", &options->kill_after_us}, {"--patience", &options->patience_s}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].number = number;
            return true;
        }
    }
    if (strcmp(name, "--signal") == 0) {
        options->signal = (int)number;
        return true;
    }
    if (strcmp(name, "--status") == 0) {
        options->status = (int)number;
        return true;
    }
    return false;
}

int main(int argc, char **argv) {
    struct options options = {
        .interval = 1, .repeat = 1, .slots = 64, .min_slots = 1, .patience_s = 50, .seed = 7};
    int at = 2;
    while (at < argc && strcmp(argv[at], "--") != 0) {
        if (parse_flag(&options, argv[at])) {
            at++;
        } else if (at + 1 < argc && parse_number(&options, argv[at], argv[at + 1])) {
            at += 2;
        } else {
            return usage();
        }
    }
    if (at + 1 >= argc) {
        return usage();
    }
    options.probe = argv[1];
    options.command = argv + at + 1;
    options.inspect.exact = options.interval == 1;
    signal(SIGALRM, on_alarm);
    int faults = 0;
    for (uint64_t i = 0; i < options.repeat && faults == 0; i++) {
        options.seed = 7 + i;
        faults = run_once(&options);
    }
    return faults != 0;
}
