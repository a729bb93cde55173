#include "synthetic_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reports/budget.h"

enum { TICKS_PER_S = 20, PHASES = 4 };

static const struct {
    const char *name;
    double seconds, load;
    int is_fault;
} schedule[PHASES] = {
    {"warm-up", 5, 1, 0}, {"slow disk", 20, 1, 1}, {"drain", 10, 1, 0}, {"settle", 5, 0, 0}};

enum series {
    HEAP,
    RSS,
    RSS_ANON,
    RSS_FILE,
    SLACK,
    FDS,
    FDS_PROC,
    OFFERED,
    ACCEPTED,
    REFUSED,
    UNANSWERED,
    DELIVERED,
    DRIVER,
    QUEUED,
    DROPPED,
    CONTROL,
    MAPPED,
    CPU,
    SERIES
};
static const struct {
    const char *name;
    enum sm_unit unit;
} series_table[SERIES] = {{"heap", SM_UNIT_BYTES},
                          {"rss", SM_UNIT_BYTES},
                          {"rss_anon", SM_UNIT_BYTES},
                          {"rss_file", SM_UNIT_BYTES},
                          {"slack", SM_UNIT_BYTES},
                          {"fds", SM_UNIT_COUNT},
                          {"fds:proc", SM_UNIT_COUNT},
                          {"offered", SM_UNIT_COUNT},
                          {"accepted", SM_UNIT_COUNT},
                          {"refused", SM_UNIT_COUNT},
                          {"unanswered", SM_UNIT_COUNT},
                          {"delivered", SM_UNIT_COUNT},
                          {"in_flight:driver", SM_UNIT_COUNT},
                          {"gauge:queued", SM_UNIT_COUNT},
                          {"gauge:dropped_total", SM_UNIT_COUNT},
                          {"control", SM_UNIT_BYTES},
                          {"mapped", SM_UNIT_BYTES},
                          {"cpu", SM_UNIT_SECONDS}};

struct simulation {
    struct synthetic_run run;
    struct sm_record *record;
    double queue, offered, delivered, dropped, lost, leaked, kept, retained, burst, fds, enqueued,
        control, mapped, touched;
    int64_t heap_seen_ns;
    int ticks;
    uint32_t seed;
};

static double or_default(double value, double fallback) {
    return value > 0 ? value : fallback;
}

static double noise(struct simulation *s) {
    s->seed = s->seed * 1664525u + 1013904223u;
    return (double)(s->seed >> 8) / (1 << 24) - .5;
}

static int is_recorded(const struct synthetic_run *run, enum series series) {
    switch (series) {
    case HEAP:
    case SLACK:
        return !run->is_without_probe;
    case DELIVERED:
        return !run->is_without_delivered;
    case CONTROL:
        return run->control_per_s > 0 && !run->is_control_refused;
    case MAPPED:
        return run->mapped_per_s > 0 || run->reserved_bytes > 0;
    case CPU:
        return run->is_idle;
    default:
        return 1;
    }
}

static void put(struct simulation *s, enum series series, int64_t t_ns, double value) {
    if (!is_recorded(&s->run, series))
        return;
    struct sm_sample sample = {(int32_t)series + 1, t_ns, value, value, value};
    assert_int_equal(sm_record_add_sample(s->record, &sample), 0);
}

static void put_sites(struct simulation *s, int64_t t_ns) {
    if (s->run.is_without_probe)
        return;
    double bytes = s->run.bytes_per_unit, freed = s->enqueued - s->queue;
    struct sm_site_sample queue = {1,
                                   SYNTHETIC_ENQUEUE,
                                   SM_SITE_HEAP,
                                   t_ns,
                                   s->enqueued * bytes,
                                   s->enqueued,
                                   freed * bytes,
                                   freed,
                                   s->queue / s->run.offered_per_s / 2,
                                   10};
    struct sm_site_sample cache = {
        1, SYNTHETIC_CACHE, SM_SITE_HEAP, t_ns, 6e7 + s->leaked, 60000 + s->leaked / 1000, 0, 0, 1,
        10};
    struct sm_site_sample open = {1, SYNTHETIC_OPEN, SM_SITE_FD, t_ns, 0, s->fds, 0, 0, 1, 10};
    assert_int_equal(sm_record_add_site_sample(s->record, &queue), 0);
    assert_int_equal(sm_record_add_site_sample(s->record, &cache), 0);
    assert_int_equal(sm_record_add_site_sample(s->record, &open), 0);
    struct sm_site_sample control = {
        1, SYNTHETIC_CONTROL, SM_SITE_HEAP, t_ns, s->control, s->control / 4000, 0, 0, 1, 10};
    if (s->run.control_per_s > 0 && !s->run.is_control_refused)
        assert_int_equal(sm_record_add_site_sample(s->record, &control), 0);
    struct sm_site_sample maps = {
        1, SYNTHETIC_MAP, SM_SITE_MAP, t_ns, s->mapped, s->mapped / 1e5, 0, 0, 0, 0};
    if (s->run.mapped_per_s > 0 && !s->run.is_map_unseen)
        assert_int_equal(sm_record_add_site_sample(s->record, &maps), 0);
    struct sm_site_sample reserves = {
        1, SYNTHETIC_RESERVE, SM_SITE_MAP, t_ns, s->run.reserved_bytes, 1, 0, 0, 0, 0};
    if (s->run.reserved_bytes > 0)
        assert_int_equal(sm_record_add_site_sample(s->record, &reserves), 0);
}

static void put_frees(struct simulation *s, int64_t t_ns, int is_fault) {
    struct sm_site_free row = {1,
                               SYNTHETIC_ENQUEUE,
                               SYNTHETIC_FREE,
                               t_ns,
                               s->delivered * s->run.bytes_per_unit,
                               s->delivered,
                               is_fault ? 9 : .04,
                               is_fault ? 12 : .09,
                               is_fault ? 20 : .1};
    assert_int_equal(sm_record_add_site_free(s->record, &row), 0);
    struct sm_site_free beside = {1,
                                  SYNTHETIC_CACHE,
                                  SYNTHETIC_FREE,
                                  t_ns,
                                  (double)t_ns / 1e6,
                                  (double)t_ns / 1e9,
                                  s->run.leak_freed_s,
                                  s->run.leak_freed_s,
                                  s->run.leak_freed_s};
    if (s->run.leak_freed_s > 0)
        assert_int_equal(sm_record_add_site_free(s->record, &beside), 0);
}

static void tick(struct simulation *s, int phase) {
    double dt = 1. / TICKS_PER_S, arrive = s->run.offered_per_s * schedule[phase].load * dt;
    int is_slow = schedule[phase].is_fault && !s->run.is_without_fault;
    double lose = schedule[phase].load > 0 ? s->run.lost_per_s * dt : 0;
    s->offered += arrive;
    s->lost += lose;
    s->enqueued += arrive - lose;
    s->queue += arrive - lose;
    if (s->run.capacity > 0 && s->queue > s->run.capacity) {
        s->dropped += s->queue - s->run.capacity;
        s->enqueued -= s->queue - s->run.capacity;
        s->queue = s->run.capacity;
    }
    double take =
        fmin(s->queue, dt * (is_slow ? s->run.consumed_slow_per_s : s->run.consumed_per_s));
    s->queue -= take;
    s->delivered += take;
    s->leaked += schedule[phase].load * s->run.leaked_per_s * dt;
    s->mapped += schedule[phase].load * s->run.mapped_per_s * dt;
    s->touched += schedule[phase].load * s->run.touched_per_s * dt;
    s->control += schedule[phase].load * s->run.control_per_s * dt;
    s->fds += s->run.fds_per_s * dt;
    if (schedule[phase].load > 0) { /* a cache that is full after two seconds */
        double filled = fmin(1, (double)++s->ticks / (2 * TICKS_PER_S));
        s->kept = s->run.kept_bytes * filled;
        s->retained = s->run.retained_bytes * filled;
    }
    s->burst = schedule[phase].load > 0 && s->ticks % 10 == 0 ? s->run.burst_bytes : 0;
}

enum { OWN_HEAP = SERIES + 10, HEAP_BESIDE, ACCOUNT_QUEUE, ACCOUNT_CACHE, ZOMBIES };

/* The heaps of two processes apart; returns the second's. */
static double put_beside(struct simulation *s, int64_t t_ns, double own) {
    double t_s = (double)t_ns / 1e9;
    if (s->run.beside_bytes <= 0)
        return 0;
    double beside = 3e7 + s->run.beside_bytes * (sin(t_s / 2.3) + sin(t_s / 5.9));
    struct sm_sample samples[] = {{OWN_HEAP, t_ns, own, own, own},
                                  {HEAP_BESIDE, t_ns, beside, beside, beside}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sm_record_add_sample(s->record, &samples[i]), 0);
    return beside;
}

static void put_accounts(struct simulation *s, int64_t t_ns) {
    double queue = s->run.counted_share * s->queue * s->run.bytes_per_unit;
    double kept = s->run.counted_share * s->kept,
           zombies = s->offered > 0 ? s->run.zombie_bytes : 0;
    struct sm_sample samples[] = {{ACCOUNT_QUEUE, t_ns, queue, queue, queue},
                                  {ACCOUNT_CACHE, t_ns, kept, kept, kept},
                                  {ZOMBIES, t_ns, zombies, zombies, zombies}};
    for (size_t i = 0; s->run.counted_share > 0 && i < 3; i++)
        assert_int_equal(sm_record_add_sample(s->record, &samples[i]), 0);
}

static void sample(struct simulation *s, int64_t t_ns) {
    double heap = 6.1e7 + s->queue * s->run.bytes_per_unit + s->leaked + s->kept + s->burst +
                  20000 * noise(s);
    heap += put_beside(s, t_ns, heap);
    double slack = heap * .06 + 2e6 + s->retained, anon;
    double mapped = s->mapped + s->run.mapped_swing * sin((double)t_ns / 3e9);
    double file = 3e6 + (s->run.is_map_shared ? mapped : 0);
    anon = heap + slack + s->touched;
    if (!s->run.is_map_shared && !s->run.is_map_untouched)
        anon += mapped;
    if (s->heap_seen_ns == 0 || (double)(t_ns - s->heap_seen_ns) >= s->run.heap_unseen_s * 1e9) {
        put(s, HEAP, t_ns, round(heap));
        s->heap_seen_ns = t_ns;
    }
    put(s, RSS, t_ns, round(anon + file));
    put(s, RSS_ANON, t_ns, round(anon));
    put(s, RSS_FILE, t_ns, round(file));
    put(s, SLACK, t_ns, round(slack));
    put(s, FDS, t_ns, 12 + floor(s->fds));
    put(s, FDS_PROC, t_ns, floor(s->fds));
    put(s, OFFERED, t_ns, round(s->offered));
    put(s, ACCEPTED, t_ns, s->run.is_unanswered ? 0 : round(s->offered));
    put(s, REFUSED, t_ns, 0);
    put(s, UNANSWERED, t_ns, s->run.is_unanswered ? round(s->offered) : 0);
    put(s, DELIVERED, t_ns, round(s->delivered));
    put(s, DRIVER, t_ns, floor(2 + noise(s) * 2));
    put(s, QUEUED, t_ns, round(s->queue + (s->run.is_gauge_stale ? s->lost : 0)));
    put(s, DROPPED, t_ns, round(s->dropped));
    put(s, CONTROL, t_ns, round(s->control));
    put(s, MAPPED, t_ns, round(mapped + s->run.reserved_bytes));
    put(s, CPU, t_ns, .003);
    put_accounts(s, t_ns);
}

static void write_names(struct sm_record *record, const char *other) {
    static const struct {
        int stack, depth;
        const char *function, *file;
        int line;
    } frames[] = {
        {SYNTHETIC_ENQUEUE, 0, "malloc", "", 0},
        {SYNTHETIC_ENQUEUE, 1, "channel_send", "/src/channel.c", 104},
        {SYNTHETIC_ENQUEUE, 2, "rpc_insert", "/src/rpc.c", 77},
        {SYNTHETIC_FREE, 0, "batch_free", "/src/batcher.c", 61},
        {SYNTHETIC_CACHE, 0, "cache_fill", "/src/cache.c", 9},
        {SYNTHETIC_OPEN, 0, "sysmon_open", "/src/sysmon.c", 33},
        {SYNTHETIC_CONTROL, 0, "spillmark_positive_control", "", 0},
        {SYNTHETIC_MAP, 0, "arena_new", "/src/arena.c", 21},
        {SYNTHETIC_RESERVE, 0, "pool_init", "/src/pool.c", 8},
    };
    const struct sm_module module = {1, (char *)(other ? other : "/usr/bin/batcher"), "ab"};
    assert_int_equal(sm_record_add_module(record, &module), 0);
    const struct sm_module probe = {2, (char *)"/usr/lib/libspillmark-probe.so", "cd"};
    assert_int_equal(sm_record_add_module(record, &probe), 0);
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        uint64_t address = 0x1000 + 16 * i;
        int module_id = frames[i].stack == SYNTHETIC_CONTROL ? 2 : 1;
        assert_int_equal(
            sm_record_add_frame(
                record, &(struct sm_frame){frames[i].stack, frames[i].depth, module_id, address}),
            0);
        assert_int_equal(
            sm_record_add_symbol(record,
                                 &(struct sm_symbol){module_id, address, 0,
                                                     (char *)(other ? other : frames[i].function),
                                                     (char *)(other ? other : frames[i].file),
                                                     frames[i].line}),
            0);
        if (frames[i].depth == 0)
            assert_int_equal(sm_record_add_stack(record, &(struct sm_stack){frames[i].stack, 0}),
                             0);
    }
}

static void write_head(struct simulation *s) {
    struct sm_record *record = s->record;
    const struct synthetic_run *run = &s->run;
    struct sm_process process = {
        1, 4242, 1,  (char *)(run->names ? run->names : "batcher --db logs.db"),
        0, -1,   "", run->is_without_probe ? "none: static program" : "on",
        0};
    assert_int_equal(sm_record_add_process(record, &process), 0);
    if (run->beside_bytes > 0) {
        struct sm_process beside = {2, 4243, 4242, "batcher: helper", 0, -1, "", "on", 0};
        struct sm_series heaps[] = {{OWN_HEAP, 1, (char *)"heap", SM_UNIT_BYTES},
                                    {HEAP_BESIDE, 2, (char *)"heap", SM_UNIT_BYTES}};
        assert_int_equal(sm_record_add_process(record, &beside), 0);
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(sm_record_add_series(record, &heaps[i]), 0);
    }
    for (int i = 0; i < SERIES; i++) {
        struct sm_series series = {i + 1, 0, (char *)series_table[i].name, series_table[i].unit};
        if (is_recorded(run, (enum series)i))
            assert_int_equal(sm_record_add_series(record, &series), 0);
    }
    struct sm_series accounts[] = {
        {ACCOUNT_QUEUE, 0, (char *)"gauge:account.queue_bytes", SM_UNIT_BYTES},
        {ACCOUNT_CACHE, 0, (char *)"gauge:account.cache_bytes", SM_UNIT_BYTES},
        {ZOMBIES, 0, (char *)"gauge:witness.zombie_bytes", SM_UNIT_BYTES}};
    for (size_t i = 0; run->counted_share > 0 && i < 3; i++)
        assert_int_equal(sm_record_add_series(record, &accounts[i]), 0);
    if (run->names) {
        char gauge[200];
        snprintf(gauge, sizeof gauge, "gauge:%s", run->names);
        struct sm_series series = {SERIES + 1, 0, gauge, SM_UNIT_COUNT};
        struct sm_sample sample = {SERIES + 1, INT64_C(1000000000), 7, 7, 7};
        assert_int_equal(sm_record_add_series(record, &series), 0);
        assert_int_equal(sm_record_add_sample(record, &sample), 0);
    }
    for (size_t i = 0; run->budget[i]; i += 2) {
        struct sm_budget_item item;
        struct sm_error err = {0};
        assert_int_equal(sm_budget_check_name(run->budget[i], run->budget[i + 1], &item, &err), 0);
        assert_int_equal(sm_record_add_budget_item(record, &item), 0);
        sm_budget_item_clear(&item);
    }
    if (run->declared_heap_bytes > 0)
        assert_int_equal(sm_record_add_declared_bound(
                             record, &(struct sm_declared_bound){"heap", run->declared_heap_bytes}),
                         0);
    sm_record_set_meta(record, SM_META_SCENARIO,
                       run->is_idle ? "probe"
                       : run->names ? run->names
                                    : "synthetic/slow-disk");
    sm_record_set_meta(record, SM_META_TITLE, run->names ? run->names : "A batcher that never was");
    sm_record_set_meta(record, SM_META_PARAMS,
                       run->params ? run->params : "{\"build\": \"before\", \"rate\": 4000}");
    sm_record_set_meta(record, SM_META_PROBE, "{\"sample_interval_bytes\": 524288}");
    if (run->control_per_s > 0)
        sm_record_set_meta(record, SM_META_CONTROL, "{\"asked_per_s\": 50000}");
    sm_record_set_meta(record, SM_META_ENVIRONMENT, "{\"cpus\": 2}");
    sm_record_set_meta(record, SM_META_ENDED_BY, run->ended_by ? run->ended_by : "schedule");
}

static void write_tail(struct simulation *s, struct synthetic_truth *truth) {
    struct sm_load_interval interval = {"http_load",
                                        0,
                                        INT64_C(40000000000),
                                        llround(s->offered),
                                        llround(s->offered),
                                        0,
                                        0,
                                        1000,
                                        .001,
                                        .002,
                                        .0031,
                                        .05,
                                        or_default(s->run.driver_late_s, .00004),
                                        NULL,
                                        0};
    struct sm_ledger_totals ledger = {llround(s->offered),
                                      llround(s->offered),
                                      0,
                                      0,
                                      s->run.is_without_delivered ? -1 : llround(s->delivered),
                                      llround(s->dropped),
                                      llround(s->queue),
                                      or_default(s->run.payload_bytes, 142)};
    if (s->run.is_unanswered) {
        interval.accepted = ledger.accepted = ledger.in_flight = 0;
        interval.unanswered = ledger.unanswered = interval.offered;
    }
    sm_record_add_load_interval(s->record, &interval);
    sm_record_add_load_outcome(
        s->record, &(struct sm_load_outcome){
                       "http_load", s->run.is_unanswered ? "connection refused" : "HTTP 200",
                       llround(s->offered)});
    sm_record_set_ledger(s->record, &ledger);
    truth->offered = s->offered;
    truth->delivered = s->delivered;
    truth->dropped = s->dropped;
    truth->lost = s->lost;
}

static void run_phase(struct simulation *s, int phase, int *ticks, struct synthetic_truth *truth) {
    int is_fault = schedule[phase].is_fault && !s->run.is_without_fault;
    int64_t from_ns = INT64_C(1000000000) / TICKS_PER_S * *ticks;
    struct sm_phase row = {phase + 1, (char *)schedule[phase].name,
                           1,         from_ns + (phase > 0 ? (int64_t)(s->run.gap_s * 1e9) : 0),
                           -1,        schedule[phase].load,
                           is_fault,  schedule[phase].load == 0};
    double held = s->queue;
    sm_record_add_phase(s->record, &row);
    for (int i = 0; i < schedule[phase].seconds * TICKS_PER_S; i++) {
        tick(s, phase);
        ++*ticks;
        row.to_ns = INT64_C(1000000000) / TICKS_PER_S * *ticks;
        if (s->run.kill_at_s > 0 && *ticks > s->run.kill_at_s * TICKS_PER_S)
            return;
        sample(s, row.to_ns);
        if (*ticks % TICKS_PER_S == 0)
            put_sites(s, row.to_ns);
    }
    put_frees(s, row.to_ns, is_fault);
    sm_record_add_phase(s->record, &row);
    if (!is_fault)
        return;
    int idle = s->run.is_fault_idle;
    const char *kind = s->run.fault_kind ? s->run.fault_kind : "slow_disk";
    struct sm_fault fault = {
        (char *)kind,    from_ns,
        row.to_ns,       "{\"path\": \"/data\", \"bytes_per_s\": 64000}",
        idle ? 0 : 250,  idle ? 0 : 1280000,
        idle ? 0 : 19.2, "through seccomp user notification; stores through mmap are not seen"};
    sm_record_add_fault(s->record, &fault);
    truth->rate_bytes_per_s = (s->queue - held) * s->run.bytes_per_unit / schedule[phase].seconds;
}

void synthetic_run_write(const struct synthetic_run *run, struct synthetic_truth *ret_truth) {
    struct simulation s = {.run = *run, .seed = 7};
    struct synthetic_truth truth = {0};
    struct sm_error err = {0};
    int ticks = 0;
    s.run.offered_per_s = or_default(run->offered_per_s, 4000);
    s.run.consumed_per_s = or_default(run->consumed_per_s, 100000);
    s.run.consumed_slow_per_s = or_default(run->consumed_slow_per_s, 100);
    s.run.bytes_per_unit = or_default(run->bytes_per_unit, 224);
    assert_int_equal(sm_record_create(run->record_path, &s.record, &err), 0);
    if (!run->is_empty) {
        write_head(&s);
        write_names(s.record, run->names);
        sample(&s, 0);
        put_sites(&s, 0);
        for (int phase = 0; phase < PHASES; phase++)
            if (run->kill_at_s <= 0 || ticks <= run->kill_at_s * TICKS_PER_S)
                run_phase(&s, phase, &ticks, &truth);
        if (run->kill_at_s <= 0)
            write_tail(&s, &truth);
    }
    assert_int_equal(sm_record_close(s.record, run->kill_at_s <= 0), 0);
    *ret_truth = truth;
}
