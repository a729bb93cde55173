/* A heap profile as gperftools' profiler leaves it, with its symbols in front, so that
 * `google-pprof FILE` needs no program: what is in use at the end of the run, and all that was
 * ever allocated. Figures are estimates already: "heapprofile" has them taken as they are. */
#include <errno.h>
#include <inttypes.h>

#include "profile.h"
#include "render.h"
#include "utf8.h"

static const uint64_t UNKNOWN_ADDRESS = 1; /* 0 is no address to google-pprof */

static uint64_t address_of(const struct sm_profile_frame *frame) {
    uint64_t address = sm_profile_address(&frame->at);
    return address ? address : UNKNOWN_ADDRESS;
}

/* Names are on one line, and "--" parts inlined ones. */
static void put_name(FILE *to, const char *name) {
    char bytes[SM_UTF8_MAX];
    uint32_t before = 0;
    for (uint32_t c; (c = sm_utf8_next(&name)) != 0; before = c) {
        if (c == '-' && before == '-')
            fputc(' ', to);
        fwrite(bytes, 1, sm_utf8_put(c == '\n' || c == '\t' ? ' ' : c, bytes), to);
    }
}

/* How many frames the place at `at` has: functions inlined into another share its address. */
static size_t frames_of_place(const struct sm_profile *profile, const struct sm_profile_site *site,
                              size_t at) {
    size_t count = 1;
    while (at + count < site->frame_count &&
           profile->frames[site->frames[at + count - 1]].at.is_inlined)
        count++;
    return count;
}

/* A stack's places, each with the functions that were inlined there, outermost first. */
static void print_symbols(FILE *to, const struct sm_profile *profile,
                          const struct sm_profile_site *site) {
    for (size_t at = 0, count; at < site->frame_count; at += count) {
        count = frames_of_place(profile, site, at);
        fprintf(to, "0x%" PRIx64 " ", address_of(&profile->frames[site->frames[at]]));
        for (size_t i = count; i > 0; i--) {
            const struct sm_profile_frame *frame = &profile->frames[site->frames[at + i - 1]];
            put_name(to, profile->functions[frame->function].name);
            fputs(i > 1 ? "--" : "\n", to);
        }
    }
}

static void print_figures(FILE *to, const int64_t figures[4]) {
    fprintf(to, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @", figures[0], figures[1],
            figures[2], figures[3]);
}

static void figures_of(const struct sm_site_result *site, int64_t figures[4]) {
    static const enum sm_profile_value kinds[] = {SM_PROFILE_INUSE_OBJECTS, SM_PROFILE_INUSE_SPACE,
                                                  SM_PROFILE_ALLOC_OBJECTS, SM_PROFILE_ALLOC_SPACE};
    for (size_t i = 0; i < 4; i++)
        figures[i] += sm_profile_value(site, kinds[i]);
}

static void print_entry(FILE *to, const struct sm_profile *profile,
                        const struct sm_profile_site *site) {
    int64_t figures[4] = {0};
    figures_of(site->site, figures);
    print_figures(to, figures);
    for (size_t at = 0; at < site->frame_count; at += frames_of_place(profile, site, at))
        fprintf(to, " 0x%" PRIx64, address_of(&profile->frames[site->frames[at]]));
    fputc('\n', to);
}

static void print_modules(FILE *to, const struct sm_run *run) {
    fputs("\nMAPPED_LIBRARIES:\n", to);
    for (size_t i = 0; i < run->modules_count; i++) {
        if (run->modules[i].path[0] != '/') /* the kernel's own is no file */
            continue;
        uint64_t from = (uint64_t)run->modules[i].id * SM_PROFILE_MODULE_BYTES;
        fprintf(to, "%" PRIx64 "-%" PRIx64 " r-xp 00000000 00:00 0 ", from,
                from + SM_PROFILE_MODULE_BYTES - 1);
        put_name(to, run->modules[i].path);
        fputc('\n', to);
    }
}

int sm_render_gperftools(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                         struct sm_error *err) {
    struct sm_profile *profile = NULL;
    int64_t totals[4] = {0};
    if (sm_profile_make(run, analysis, &profile))
        return sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    fputs("--- symbol\nbinary=", to);
    put_name(to, run->modules_count ? run->modules[0].path : "unknown");
    fputc('\n', to);
    for (size_t i = 0; i < profile->site_count; i++) {
        figures_of(profile->sites[i].site, totals);
        if (profile->sites[i].site->kind == SM_SITE_HEAP)
            print_symbols(to, profile, &profile->sites[i]);
    }
    fputs("---\nheap profile: ", to);
    print_figures(to, totals);
    fputs(" heapprofile\n", to);
    for (size_t i = 0; i < profile->site_count; i++)
        if (profile->sites[i].site->kind == SM_SITE_HEAP)
            print_entry(to, profile, &profile->sites[i]);
    print_modules(to, run);
    sm_profile_free(profile);
    return 0;
}
