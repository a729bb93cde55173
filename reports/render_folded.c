/* Folded stacks, one line a stack, outermost first: what flamegraph.pl, inferno, speedscope and
 * their like read. `folded` has the bytes held at the end, `folded-growth` what was gained. */
#include <errno.h>
#include <inttypes.h>

#include "profile.h"
#include "render.h"
#include "utf8.h"

/* ';' parts frames and a line is a stack: neither may come from a name. */
static void put_name(FILE *to, const char *name) {
    char bytes[SM_UTF8_MAX];
    for (uint32_t c; (c = sm_utf8_next(&name)) != 0;)
        fwrite(bytes, 1, sm_utf8_put(c == ';' ? ':' : c == '\n' || c == '\t' ? ' ' : c, bytes), to);
}

static int render(const struct sm_run *run, const struct sm_analysis *analysis,
                  enum sm_profile_value kind, FILE *to, struct sm_error *err) {
    struct sm_profile *profile = NULL;
    if (sm_profile_make(run, analysis, &profile))
        return sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    for (size_t i = 0; i < profile->site_count; i++) {
        const struct sm_profile_site *site = &profile->sites[i];
        int64_t value = sm_profile_value(site->site, kind);
        if (value <= 0) /* a flame has no negative width */
            continue;
        for (size_t at = site->frame_count; at > 0; at--) {
            put_name(to, profile->functions[profile->frames[site->frames[at - 1]].function].name);
            fputc(at > 1 ? ';' : ' ', to);
        }
        fprintf(to, "%" PRId64 "\n", value);
    }
    sm_profile_free(profile);
    return 0;
}

int sm_render_folded(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                     struct sm_error *err) {
    return render(run, analysis, SM_PROFILE_INUSE_SPACE, to, err);
}

int sm_render_folded_growth(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                            struct sm_error *err) {
    return render(run, analysis, SM_PROFILE_GROWTH_SPACE, to, err);
}
