/* Workflow commands of GitHub Actions: printed within a step, each becomes an annotation, in the
 * source where the place is known. */
#include <errno.h>
#include <stdlib.h>

#include "findings.h"
#include "render.h"
#include "utf8.h"

/* Data ends at the line's end; properties also at ',' and ':'. */
static void put(FILE *to, const char *text, int is_property) {
    char bytes[SM_UTF8_MAX];
    for (uint32_t c; (c = sm_utf8_next(&text)) != 0;) {
        int escaped = c == '%' || c == '\n' || (is_property && (c == ',' || c == ':'));
        if (escaped)
            fprintf(to, "%%%02X", c);
        else
            fwrite(bytes, 1, sm_utf8_put(c, bytes), to);
    }
}

static void print_finding(const struct sm_run *run, const struct sm_finding *finding, FILE *to) {
    static const char *const commands[] = {[SM_FINDING_NOTE] = "notice",
                                           [SM_FINDING_WARNING] = "warning",
                                           [SM_FINDING_ERROR] = "error"};
    char file[4096];
    int line = finding->stack_id ? sm_finding_place(run, finding->stack_id, file, sizeof file) : 0;
    fprintf(to, "::%s ", commands[finding->level]);
    if (line) {
        fputs("file=", to);
        put(to, file, 1);
        fprintf(to, ",line=%d,", line);
    }
    fputs("title=spillmark ", to);
    put(to, finding->title, 1);
    fputs("::", to);
    put(to, finding->text[0] ? finding->text : finding->title, 0);
    if (finding->advice[0]) {
        fputs("%0A", to);
        put(to, finding->advice, 0);
    }
    fputc('\n', to);
}

int sm_render_github(const struct sm_run *run, const struct sm_analysis *analysis, FILE *to,
                     struct sm_error *err) {
    struct sm_finding *findings = NULL;
    size_t count = 0;
    if (sm_findings_make(run, analysis, &findings, &count))
        return sm_error_set(err, -ENOMEM, run->path, NULL, "out of memory");
    for (size_t i = 0; i < count; i++)
        print_finding(run, &findings[i], to);
    free(findings);
    return 0;
}
