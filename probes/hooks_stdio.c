/* hooks_stdio.c - stdio opens and closes its files without passing open and close. What it reads
 * and writes is not seen either: bytes are counted only where the program makes the call. */
#include <dirent.h>
#include <stdio.h>

#include "descriptors.h"
#include "real.h"

static FILE *opened(FILE *file, const char *path) {
    if (file != NULL) {
        smp_fd_opened_path(fileno_unlocked(file), path);
    }
    return file;
}

#define FOPEN(name)                                                                                \
    SMP_EXPORT FILE *name(const char *path, const char *mode) {                                    \
        return opened(SMP_REAL(name)(path, mode), path);                                           \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* Without a path only the mode changes, though the descriptor may be another one then. */
#define FREOPEN(name)                                                                              \
    SMP_EXPORT FILE *name(const char *path, const char *mode, FILE *file) {                        \
        smp_fd_closing(fileno_unlocked(file));                                                     \
        return opened(SMP_REAL(name)(path, mode, file), path);                                     \
    }
FREOPEN(freopen)
FREOPEN(freopen64)

#define TMPFILE(name)                                                                              \
    SMP_EXPORT FILE *name(void) {                                                                  \
        return opened(SMP_REAL(name)(), NULL);                                                     \
    }
TMPFILE(tmpfile)
TMPFILE(tmpfile64)

SMP_EXPORT FILE *popen(const char *command, const char *mode) {
    FILE *file = SMP_REAL(popen)(command, mode);
    if (file != NULL) {
        smp_fd_opened(fileno_unlocked(file), SPILLMARK_FD_PIPE);
    }
    return file;
}

SMP_EXPORT int fclose(FILE *file) {
    smp_fd_closing(fileno_unlocked(file));
    return SMP_REAL(fclose)(file);
}

SMP_EXPORT int pclose(FILE *file) {
    smp_fd_closing(fileno_unlocked(file));
    return SMP_REAL(pclose)(file);
}
