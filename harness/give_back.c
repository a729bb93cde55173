/* Only mappings without a single page of their own, as /proc/self/smaps tells: where a debugger or
 * the dynamic linker has written, the file would bring back something else. */
#include "give_back.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct mapping {
    uintptr_t from, to;
    bool is_code; /* or constants: of a file, not to be written */
};

/* The line that a mapping begins with: "7f21c000-7f22e000 r-xp 00002000 fe:00 1234   /lib/x.so". */
static bool read_head(const char *line, struct mapping *ret_mapping) {
    uintptr_t from, to;
    char access[5];
    unsigned long inode = 0;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*x %*s %lu", &from, &to, access, &inode) < 4)
        return false;
    bool is_code = inode != 0 && access[0] == 'r' && access[1] == '-' && access[3] == 'p';
    *ret_mapping = (struct mapping){from, to, is_code};
    return true;
}

void sm_give_back_code(void) {
    static const char own[] = "Anonymous:";
    struct mapping mapping = {0};
    char *line = NULL;
    size_t room = 0;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    if (!smaps)
        return;
    while (getline(&line, &room, smaps) > 0) {
        if (strncmp(line, own, strlen(own)) != 0)
            read_head(line, &mapping);
        else if (mapping.is_code && strtol(line + strlen(own), NULL, 10) == 0)
            madvise((void *)mapping.from, mapping.to - mapping.from, MADV_DONTNEED);
    }
    free(line);
    fclose(smaps);
}
