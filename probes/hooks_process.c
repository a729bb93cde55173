/* hooks_process.c - one image giving way to another. posix_spawn, system and popen make their
 * children inside libc, past these hooks: nothing of this process changes. */
#include <alloca.h>
#include <stdarg.h>
#include <unistd.h>

#include "real.h"
#include "slot.h"

#define EXEC(name, parameters, arguments)                                                          \
    SMP_EXPORT int name parameters {                                                               \
        smp_slot_exec();                                                                           \
        int failed = SMP_REAL(name) arguments;                                                     \
        smp_slot_exec_failed();                                                                    \
        return failed;                                                                             \
    }

SMP_EXPORT pid_t fork(void) {
    smp_slot_before_fork();
    pid_t child = SMP_REAL(fork)();
    smp_slot_after_fork();
    return child;
}

EXEC(execve, (const char *path, char *const arguments[], char *const environment[]),
     (path, arguments, environment))
EXEC(execv, (const char *path, char *const arguments[]), (path, arguments))
EXEC(execvp, (const char *file, char *const arguments[]), (file, arguments))
EXEC(execvpe, (const char *file, char *const arguments[], char *const environment[]),
     (file, arguments, environment))
EXEC(fexecve, (int fd, char *const arguments[], char *const environment[]),
     (fd, arguments, environment))

/* The arguments up to NULL as an array, on the stack of the caller. */
#define ARGUMENTS(first, more, ret_array)                                                          \
    do {                                                                                           \
        size_t argument_count = (first) != NULL;                                                   \
        va_list counting;                                                                          \
        va_copy(counting, more);                                                                   \
        while (argument_count != 0 && va_arg(counting, char *) != NULL) {                          \
            argument_count++;                                                                      \
        }                                                                                          \
        va_end(counting);                                                                          \
        (ret_array) = alloca((argument_count + 1) * sizeof(char *));                               \
        (ret_array)[0] = (char *)(first);                                                          \
        for (size_t i = 1; i <= argument_count; i++) {                                             \
            (ret_array)[i] = va_arg(more, char *);                                                 \
        }                                                                                          \
    } while (0)

SMP_EXPORT int execl(const char *path, const char *first, ...) {
    char **arguments;
    va_list more;
    va_start(more, first);
    ARGUMENTS(first, more, arguments);
    va_end(more);
    return execv(path, arguments);
}

SMP_EXPORT int execlp(const char *file, const char *first, ...) {
    char **arguments;
    va_list more;
    va_start(more, first);
    ARGUMENTS(first, more, arguments);
    va_end(more);
    return execvp(file, arguments);
}

SMP_EXPORT int execle(const char *path, const char *first, ...) {
    char **arguments;
    va_list more;
    va_start(more, first);
    ARGUMENTS(first, more, arguments);
    char *const *environment = va_arg(more, char *const *);
    va_end(more);
    return execve(path, arguments, environment);
}
