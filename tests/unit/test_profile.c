/* Profiles: what is gathered from the sites, what is told apart, what the formats make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analysed_run.h"
#include "reports/profile.h"
#include "reports/protobuf.h"
#include "reports/render.h"
#include "reports/utf8.h"
#include "temp_dir.h"

static const struct sm_profile_site *site_of(const struct sm_profile *profile, int stack_id) {
    for (size_t i = 0; i < profile->site_count; i++)
        if (profile->sites[i].site->stack_id == stack_id)
            return &profile->sites[i];
    fail_msg("no site with stack %d", stack_id);
    return NULL;
}

static const char *name_at(const struct sm_profile *profile, const struct sm_profile_site *site,
                           size_t depth) {
    return profile->functions[profile->frames[site->frames[depth]].function].name;
}

static void sites_are_gathered_with_their_values(void **state) {
    struct analysed_run a =
        analysed_run_make(state, (struct synthetic_run){.fds_per_s = 5, .leaked_per_s = 1e5});
    struct sm_profile *profile = NULL;
    assert_int_equal(sm_profile_make(a.run, a.analysis, &profile), 0);
    assert_int_equal(profile->site_count, a.analysis->site_count);
    const struct sm_profile_site *queue = site_of(profile, SYNTHETIC_ENQUEUE);
    assert_int_equal(queue->frame_count, 3);
    assert_string_equal(name_at(profile, queue, 0), "malloc");
    assert_string_equal(name_at(profile, queue, 1), "channel_send");
    double allocated = (double)sm_profile_value(queue->site, SM_PROFILE_ALLOC_SPACE);
    assert_true(allocated > (double)a.truth.offered * 220 &&
                allocated < (double)a.truth.offered * 228);
    assert_true(sm_profile_value(queue->site, SM_PROFILE_GROWTH_SPACE) >
                sm_profile_value(queue->site, SM_PROFILE_INUSE_SPACE)); /* it drained */
    const struct sm_profile_site *leak = site_of(profile, SYNTHETIC_CACHE);
    assert_true(sm_profile_value(leak->site, SM_PROFILE_INUSE_SPACE) > 63000000);
    const struct sm_profile_site *opens = site_of(profile, SYNTHETIC_OPEN);
    assert_int_equal(sm_profile_value(opens->site, SM_PROFILE_INUSE_SPACE), 0);
    assert_int_equal(sm_profile_value(opens->site, SM_PROFILE_OPEN_FDS), 200);
    sm_profile_free(profile);
    analysed_run_free(&a);
}

static void functions_and_frames_are_met_once(void **state) {
    (void)state;
    static struct sm_module modules[] = {{1, "/bin/prog", ""}};
    static struct sm_symbol symbols[] = {{1, 0x10, 0, "inner", "/a.c", 1},
                                         {1, 0x10, 1, "outer", "/a.c", 2},
                                         {1, 0x20, 0, "outer", "/a.c", 9},
                                         {1, 0x30, 0, "outer", "/other.c", 9}};
    static struct sm_frame frames[] = {{1, 0, 1, 0x10}, {1, 1, 1, 0x20}, {2, 0, 1, 0x10},
                                       {2, 1, 1, 0x30}, {3, 0, 1, 0x40}, {3, 1, 1, 0x50}};
    static struct sm_site_result sites[] = {
        {.stack_id = 1}, {.stack_id = 2}, {.stack_id = 3}, {.stack_id = 77}};
    const struct sm_run run = {.modules = modules,
                               .modules_count = 1,
                               .frames = frames,
                               .frames_count = 6,
                               .symbols = symbols,
                               .symbols_count = 4};
    const struct sm_analysis analysis = {.sites = sites, .site_count = 4};
    struct sm_profile *profile = NULL;
    assert_int_equal(sm_profile_make(&run, &analysis, &profile), 0);
    /* inner, outer of a.c, outer of other.c, two unnamed ones, the unknown stack */
    assert_int_equal(profile->function_count, 6);
    assert_int_equal(profile->frame_count, 7);
    assert_int_equal(profile->sites[0].frames[0], profile->sites[1].frames[0]);
    assert_true(profile->frames[profile->sites[0].frames[0]].at.is_inlined);
    assert_false(profile->frames[profile->sites[0].frames[1]].at.is_inlined);
    assert_string_equal(name_at(profile, &profile->sites[2], 1), "prog+0x50");
    assert_int_equal(profile->sites[3].frame_count, 1);
    sm_profile_free(profile);
}

static void many_stacks_fit(void **state) {
    (void)state;
    enum { STACKS = 3000 };
    struct sm_frame *frames = calloc(STACKS * 2, sizeof *frames);
    struct sm_site_result *sites = calloc(STACKS, sizeof *sites);
    assert_non_null(frames);
    assert_non_null(sites);
    for (int i = 0; i < STACKS; i++) {
        sites[i].stack_id = i + 1;
        frames[2 * i] = (struct sm_frame){i + 1, 0, 0, (uint64_t)i * 8};
        frames[2 * i + 1] = (struct sm_frame){i + 1, 1, 0, 0xffff0000};
    }
    const struct sm_run run = {.frames = frames, .frames_count = STACKS * 2};
    const struct sm_analysis analysis = {.sites = sites, .site_count = STACKS};
    struct sm_profile *profile = NULL;
    assert_int_equal(sm_profile_make(&run, &analysis, &profile), 0);
    assert_int_equal(profile->function_count, STACKS + 1);
    assert_int_equal(profile->frame_count, STACKS + 1);
    for (size_t i = 0; i < STACKS; i++)
        assert_int_equal(profile->frames[profile->sites[i].frames[0]].at.address, i * 8);
    sm_profile_free(profile);
    free(frames);
    free(sites);
}

static void text_becomes_valid(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"plain\ttext\n", "plain\ttext\n"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\033[31m", "\xef\xbf\xbd[31m"},
        {"\xff", "\xef\xbf\xbd"},
        {"\xc3", "\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* longer than need be */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xf4\x90\x80\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc2\x85", "\xef\xbf\xbd"}, /* a control character in two bytes */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *clean = sm_utf8_clean(texts[i][0]);
        assert_string_equal(clean, texts[i][1]);
        free(clean);
    }
}

static void messages_are_encoded_as_documented(void **state) {
    (void)state;
    /* The examples of the encoding's own document. */
    static const unsigned char number[] = {0x08, 0x96, 0x01};
    static const unsigned char text[] = {0x12, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g'};
    static const unsigned char packed[] = {0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05};
    static const unsigned char inner[] = {0x1a, 0x03, 0x08, 0x96, 0x01};
    struct sm_protobuf message = {0}, embedded = {0};
    sm_protobuf_number(&message, 1, 150);
    assert_int_equal(message.used, sizeof number);
    assert_memory_equal(message.bytes, number, sizeof number);
    message.used = 0;
    sm_protobuf_text(&message, 2, "testing");
    assert_int_equal(message.used, sizeof text);
    assert_memory_equal(message.bytes, text, sizeof text);
    message.used = 0;
    sm_protobuf_numbers(&message, 6, (const uint64_t[]){3, 270, 86942}, 3);
    assert_int_equal(message.used, sizeof packed);
    assert_memory_equal(message.bytes, packed, sizeof packed);
    message.used = 0;
    sm_protobuf_number(&embedded, 1, 150);
    sm_protobuf_message(&message, 3, &embedded);
    assert_int_equal(embedded.used, 0);
    assert_int_equal(message.used, sizeof inner);
    assert_memory_equal(message.bytes, inner, sizeof inner);
    message.used = 0;
    sm_protobuf_number(&message, 1, UINT64_MAX); /* -1 as an int64 */
    assert_int_equal(message.used, 11);
    sm_protobuf_clear(&message);
    sm_protobuf_clear(&embedded);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_temp_dir_make, test_temp_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(sites_are_gathered_with_their_values),
        cmocka_unit_test(functions_and_frames_are_met_once),
        cmocka_unit_test(many_stacks_fit),
        cmocka_unit_test(text_becomes_valid),
        cmocka_unit_test(messages_are_encoded_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
