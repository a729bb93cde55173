/* body-bytes LUA COUNT: the bodies of the first COUNT units, each after its length (8 bytes, little
 * endian), as a driver would send them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/body.h"
#include "tests/unit/load_block.h"

static char scratch[SM_BODY_SCRATCH];

/* In pieces, and once more by copying from odd places: both must be the same bytes. */
static int write_body(const struct sm_body_variant *variant, int64_t number) {
    uint64_t length = variant->length;
    char copied[4099];
    const char *piece;
    ssize_t got;
    fwrite(&length, sizeof length, 1, stdout);
    for (size_t at = 0; at < variant->length; at += (size_t)got) {
        got = sm_body_piece(variant, number, at, scratch, &piece);
        if (got <= 0)
            return 1;
        size_t some = (size_t)got < sizeof copied ? (size_t)got : sizeof copied;
        if (sm_body_copy(variant, number, at, copied, some) != 0 ||
            memcmp(copied, piece, some) != 0)
            return 1;
        fwrite(piece, 1, (size_t)got, stdout);
    }
    return 0;
}

/* ru_maxrss would count what the parent had before exec. Under a sanitizer it means nothing. */
static long peak_rss_kb(void) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return 0;
#endif
    char line[128];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (status)
        fclose(status);
    return kb;
}

int main(int argument_count, char **arguments) {
    struct load_run run;
    if (argument_count != 3)
        return 2;
    load_run_open(&run, "http_load",
                  (const struct load_setting[]){
                      {"url", "http://h/"}, {"rate", "1/s"}, {"body", arguments[1]}, {NULL, NULL}});
    const struct sm_body *body = sm_block_body(run.scenario->loads[0], "body");
    int failed = 0;
    for (int64_t i = 0; i < strtol(arguments[2], NULL, 10); i++)
        failed |= write_body(sm_body_variant(body, i), i);
    fprintf(stderr, "%s %s %zu %ld\n", body->content_type,
            body->content_encoding ? body->content_encoding : "-", body->payload_bytes,
            peak_rss_kb());
    load_run_close(&run);
    return failed;
}
