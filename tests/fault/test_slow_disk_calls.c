/* Every way to write to a watched file, each by a little program that checks its own calls, once
 * linked dynamically and once statically. The rule's latency is what slows them: its receipt must
 * count exactly the calls and bytes that went to watched/. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervised.h"

enum { NS_PER_MS = 1000 * 1000 };

static const struct way {
    const char *name;
    uint64_t calls, bytes;
    unsigned least_escaped; /* descriptors that can't stay in sight */
    unsigned mapped, rings_refused;
    unsigned descriptor_limit;
    int all_writes; /* the way that is expected, else the high descriptors */
    int needs_root;
    int needs_mounts; /* of its own */
} ways[] = {
    {.name = "stdio", .calls = 5, .bytes = 20000}, /* of 4096 and the rest */
    {.name = "family", .calls = 13, .bytes = 8000},
    {.name = "by-path", .calls = 7, .bytes = 1000},
    {.name = "threads", .calls = 40, .bytes = 20000},
    {.name = "fork", .calls = 30, .bytes = 15000},
    {.name = "duplicates", .calls = 7, .bytes = 7000},
    {.name = "lowest", .calls = 2, .bytes = 2000},
    {.name = "many-files",
     .calls = 124,
     .bytes = 124,
     .least_escaped = 76,
     .descriptor_limit = 1024},
    {.name = "stdio", .calls = 5, .bytes = 20000, .descriptor_limit = 256},
    {.name = "stdio", .calls = 5, .bytes = 20000, .descriptor_limit = 32, .all_writes = 1},
    {.name = "many-sockets", .calls = 1, .bytes = 1000},
    {.name = "errors", .calls = 2, .bytes = 1000},
    {.name = "paths", .calls = 13, .bytes = 13000},
    {.name = "renames", .calls = 2, .bytes = 2000},
    {.name = "close-all", .calls = 2, .bytes = 2000},
    {.name = "locks", .calls = 1, .bytes = 1000},
    {.name = "mapping", .calls = 1, .bytes = 0, .mapped = 1},
    {.name = "rings", .rings_refused = 2},
    {.name = "chroot", .calls = 5, .bytes = 5000, .needs_root = 1},
    {.name = "mounts", .calls = 1, .bytes = 1000, .needs_root = 1, .needs_mounts = 1},
    {.name = "user", .calls = 1, .bytes = 1000, .needs_root = 1},
};

/* In a chroot "/" is no mount that could be made private. */
static int may_have_mounts(void) {
    struct statx root;
    return statx(AT_FDCWD, "/", 0, 0, &root) == 0 && root.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static void check_way(const struct way *way, const char *program) {
    void *state = NULL;
    if ((way->needs_root && geteuid() != 0) || (way->needs_mounts && !may_have_mounts()))
        return;
    print_message("  %s %s\n", program, way->name);
    supervised_setup(&state);
    struct supervised *run = state;
    run->rule->latency_ns = 2 * NS_PER_MS;
    run->descriptor_limit = way->descriptor_limit;
    supervised_activate(run);
    supervised_run(run, (const char *[]){program, way->name, NULL});
    assert_int_equal(run->shared->way,
                     way->all_writes ? SM_WAY_ALL_WRITES : SM_WAY_HIGH_DESCRIPTORS);
    assert_int_equal(run->rule->calls, way->calls);
    assert_int_equal(run->rule->bytes, way->bytes);
    assert_true(run->rule->delay_ns >= way->calls * run->rule->latency_ns);
    assert_int_equal(run->shared->escaped, way->least_escaped);
    assert_int_equal(run->shared->mapped, way->mapped);
    assert_int_equal(run->shared->rings_refused, way->rings_refused);
    assert_int_equal(run->shared->unreadable, 0);
    assert_int_equal(run->rule->waiting, 0);
    supervised_teardown(&state);
}

static void all_ways(const char *program) {
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        check_way(&ways[i], program);
}

static void a_dynamic_program_is_slowed(void **state) {
    (void)state;
    all_ways(writer_program());
}

static void a_static_program_is_slowed(void **state) {
    (void)state;
    all_ways(static_writer_program());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dynamic_program_is_slowed),
        cmocka_unit_test(a_static_program_is_slowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
