#include "symbols_child.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "demangle.h"
#include "symbols_dwarf.h"
#include "symbols_file.h"
#include "symbols_jit.h"
#include "symbols_table.h"

struct output {
    int fd;
    size_t used;
    char buffer[1 << 16];
};

static void flush(struct output *output) {
    for (size_t written = 0; written < output->used;) {
        ssize_t bytes = write(output->fd, output->buffer + written, output->used - written);
        if (bytes < 0 && errno != EINTR)
            _exit(1); /* nobody reads any more */
        written += bytes > 0 ? (size_t)bytes : 0;
    }
    output->used = 0;
}

static void put(struct output *output, const void *bytes, size_t count) {
    if (output->used + count > sizeof output->buffer)
        flush(output);
    memcpy(output->buffer + output->used, bytes, count);
    output->used += count;
}

static uint32_t text_bytes(const char *text) {
    return text ? (uint32_t)strnlen(text, SM_SYMBOLS_TEXT_MAX) : 0;
}

static void emit(void *context, const struct sm_symbols_found *found) {
    struct sm_symbols_message message = {.kind = SM_SYMBOLS_FOUND,
                                         .inline_depth = found->inline_depth,
                                         .line = found->line,
                                         .function_bytes = text_bytes(found->function),
                                         .file_bytes = text_bytes(found->file),
                                         .index = found->index};
    put(context, &message, sizeof message);
    put(context, found->function ? found->function : "", message.function_bytes);
    put(context, found->file ? found->file : "", message.file_bytes);
}

/* What DWARF knows nothing of still has its name. */
static void tell_names(const struct sm_symbols_job *job, const char *const *names,
                       const unsigned char *is_told, struct output *output) {
    for (size_t i = 0; i < job->count; i++) {
        char *name = names[i] && !is_told[i] ? sm_demangle(names[i]) : NULL;
        if (!name)
            continue;
        /* In the symbol tables of debug files a version follows the name. */
        if (strchr(name, '@') != name)
            name[strcspn(name, "@")] = '\0';
        struct sm_symbols_found found = {.index = i, .function = name};
        emit(output, &found);
        free(name);
    }
}

/* Line tables become tens of megabytes of small pieces, once for each file: in large pages they
 * spare thousands of faults. What is not used of the room is not touched. */
static void prepare_heap(size_t memory_limit_bytes) {
    enum { ROOM_BYTES = 1 << 26, LARGE_PAGE_BYTES = 1 << 21 };
    static bool is_prepared;
    if (is_prepared || memory_limit_bytes < 4 * (size_t)ROOM_BYTES ||
        mallopt(M_MMAP_THRESHOLD, ROOM_BYTES) != 1) /* not glibc's allocator */
        return;
    is_prepared = true;
    mallopt(M_TRIM_THRESHOLD, 2 * ROOM_BYTES);
    uintptr_t from = ((uintptr_t)sbrk(0) + LARGE_PAGE_BYTES - 1) & -(uintptr_t)LARGE_PAGE_BYTES;
    void *volatile room = malloc(ROOM_BYTES - LARGE_PAGE_BYTES); /* volatile: or it is left out */
    free(room);
    uintptr_t to = (uintptr_t)sbrk(0);
    if (from < to)
        madvise((void *)from, to - from, MADV_HUGEPAGE);
}

static void search_module(const struct sm_symbols_options *options,
                          const struct sm_symbols_job *job, unsigned char *is_told,
                          struct output *output) {
    const char **names = calloc(job->count, sizeof *names);
    struct sm_symbols_file file;
    if (!names)
        _exit(1);
    sm_symbols_file_open(job, options->debug_root, &file);
    /* The debug file first: its table is the complete one. */
    if (file.debug_elf)
        sm_symbols_table(file.debug_elf, job, names);
    if (file.main_elf)
        sm_symbols_table(file.main_elf, job, names);
    if (file.dwarf) {
        prepare_heap(options->memory_limit_bytes);
        sm_symbols_dwarf(file.dwarf, job, names, is_told, emit, output);
    }
    tell_names(job, names, is_told, output);
    sm_symbols_file_close(&file);
    free(names);
}

static void search(const struct sm_run *run, const struct sm_symbols_options *options,
                   const struct sm_symbols_job *jobs, size_t count, struct output *output) {
    for (size_t i = 0; i < count; i++) {
        unsigned char *is_told = calloc(jobs[i].count, 1);
        if (!is_told)
            _exit(1);
        if (jobs[i].depth == SM_SYMBOLS_GIVEN_UP)
            ; /* it has broken a child before */
        else if (jobs[i].module)
            search_module(options, &jobs[i], is_told, output);
        else
            sm_symbols_jit(run, options->jit_directory, &jobs[i], is_told, emit, output);
        free(is_told);
        struct sm_symbols_message done = {.kind = SM_SYMBOLS_JOB_DONE};
        put(output, &done, sizeof done);
        flush(output);
    }
}

/* Data, not address space: files are mapped, and a sanitizer reserves terabytes. */
static void limit_memory(size_t bytes) {
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm) {
        if (fscanf(statm, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
            pages = 0;
        fclose(statm);
    }
    rlim_t limit = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + bytes;
    setrlimit(RLIMIT_DATA, &(struct rlimit){limit, limit});
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static void become_child(pid_t parent, size_t memory_limit_bytes) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t all;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    /* The parent's handlers would write into the parent's pipes. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        signal(crashes[i], SIG_DFL);
    limit_memory(memory_limit_bytes);
}

pid_t sm_symbols_child_start(const struct sm_run *run, const struct sm_symbols_options *options,
                             const struct sm_symbols_job *jobs, size_t count, int *ret_fd) {
    int fds[2];
    pid_t parent = getpid();
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child == 0) {
        static struct output output;
        close(fds[0]);
        become_child(parent, options->memory_limit_bytes);
        output.fd = fds[1];
        search(run, options, jobs, count, &output);
        _exit(0);
    }
    int error = errno;
    close(fds[1]);
    if (child < 0) {
        close(fds[0]);
        return -error;
    }
    *ret_fd = fds[0];
    return child;
}
