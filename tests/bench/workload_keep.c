/* workload_keep.c - allocates so many blocks of so many bytes and writes to each; frees them before
 * the next so many. Keeps the last ones, and prints how many KiB of memory it has then, of all
 * kinds.
 *
 *     bench-keep COUNT BYTES [COUNT BYTES]...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long resident_kib(void) {
    char line[256];
    long sum = 0, kib;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1 || sscanf(line, "RssFile: %ld", &kib) == 1 ||
            sscanf(line, "RssShmem: %ld", &kib) == 1)
            sum += kib;
    if (status)
        fclose(status);
    return sum;
}

int main(int argc, char **argv) {
    void **blocks = NULL;
    size_t count = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        size_t bytes = strtoul(argv[i + 1], NULL, 10);
        for (size_t k = 0; k < count; k++)
            free(blocks[k]);
        free(blocks);
        count = strtoul(argv[i], NULL, 10);
        blocks = calloc(count, sizeof *blocks);
        if (!blocks)
            return EXIT_FAILURE;
        for (size_t k = 0; k < count; k++) {
            blocks[k] = malloc(bytes);
            if (!blocks[k])
                return EXIT_FAILURE;
            memset(blocks[k], 1, bytes);
        }
    }
    return printf("%ld\n", resident_kib()) > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
