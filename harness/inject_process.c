#include "inject_process.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "paths.h"
#include "proc.h"
#include "remote_walk.h"

static const double map_timeout_s = 5, load_timeout_s = 20, withdraw_patience_s = 5;

/* ---- what runs in the program besides the probe ---- */

enum { STACK_BYTES = 512 << 10, PAGE_BYTES = 4096, PATH_BYTES = 1024, SYMBOL_BYTES = 32 };

/* Laid at the start of the memory made there; the stub's offsets are those of the assembly. */
struct block {
    uint64_t errno_location, dlopen, dlsym, dlerror; /* functions of its C library */
    uint64_t library, message;                       /* what they gave back */
    char symbol[SYMBOL_BYTES];
    char path[PATH_BYTES];
    struct spillmark_injection request;
};
_Static_assert(offsetof(struct block, library) == 32, "the stub's offsets");
_Static_assert(offsetof(struct block, symbol) == 48, "the stub's offsets");
_Static_assert(offsetof(struct block, path) == 80, "the stub's offsets");
_Static_assert(offsetof(struct block, request) == 1104, "the stub's offsets");

/* stub(block): dlopen(path, RTLD_NOW), dlsym(symbol), symbol(request); errno stays. */
__asm__(".pushsection .rodata\n"
        "sm_inject_stub:\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    movq %rdi, %rbx\n"
        "    call *(%rbx)\n"
        "    movq %rax, %r12\n"
        "    movl (%rax), %r13d\n"
        "    leaq 80(%rbx), %rdi\n"
        "    movl $2, %esi\n"
        "    call *8(%rbx)\n"
        "    movq %rax, 32(%rbx)\n"
        "    testq %rax, %rax\n"
        "    jz 1f\n"
        "    movq %rax, %rdi\n"
        "    leaq 48(%rbx), %rsi\n"
        "    call *16(%rbx)\n"
        "    testq %rax, %rax\n"
        "    jz 1f\n"
        "    leaq 1104(%rbx), %rdi\n"
        "    call *%rax\n"
        "    jmp 2f\n"
        "1:  call *24(%rbx)\n"
        "    movq %rax, 40(%rbx)\n"
        "2:  movl %r13d, (%r12)\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    ret\n"
        "sm_inject_stub_end:\n"
        ".popsection\n");
extern const char sm_inject_stub[], sm_inject_stub_end[];

/* Code, then data and stack. */
struct place {
    uint64_t code, data, stack;
};

static int map_at(struct sm_remote *remote, uint64_t at, uint64_t bytes, int protection) {
    const uint64_t arguments[6] = {
        at,         bytes, (uint64_t)protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
        UINT64_MAX, 0};
    uint64_t function = sm_remote_symbol(remote->memory_fd, remote->libc, "mmap");
    uint64_t word;
    if (!function)
        return -ENOSYS;
    int rc = sm_remote_call(remote, function, arguments, 0, map_timeout_s);
    return rc ? rc : sm_remote_read(remote->memory_fd, at, &word, sizeof word);
}

static void unmap(struct sm_remote *remote, const struct place *place) {
    const uint64_t arguments[6] = {place->code, PAGE_BYTES + STACK_BYTES, 0, 0, 0, 0};
    sm_remote_call(remote, sm_remote_symbol(remote->memory_fd, remote->libc, "munmap"), arguments,
                   0, map_timeout_s);
}

static int make_place(struct sm_remote *remote, struct place *ret_place) {
    uint64_t at = remote->maps.room;
    *ret_place = (struct place){at, at + PAGE_BYTES, at + PAGE_BYTES + STACK_BYTES};
    int rc = map_at(remote, ret_place->code, PAGE_BYTES, PROT_READ | PROT_EXEC);
    if (rc == 0)
        rc = map_at(remote, ret_place->data, STACK_BYTES, PROT_READ | PROT_WRITE);
    return rc ? rc
              : sm_remote_write(remote->memory_fd, ret_place->code, sm_inject_stub,
                                (size_t)(sm_inject_stub_end - sm_inject_stub));
}

/* ---- which thread ---- */

static int list_threads(pid_t pid, struct sm_pid_list *list) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    if (!directory)
        return -ESRCH;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            sm_pid_list_add(list, (pid_t)atoll(entry->d_name));
    closedir(directory);
    return 0;
}

/* Asleep in a system call that can be interrupted, or at work. */
static int may_stop(pid_t tid) {
    struct sm_proc_stat stat;
    return sm_proc_stat(tid, &stat) == 0 && (stat.state == 'S' || stat.state == 'R');
}

/* Stops one thread at a place that will do; any place, without `places`. -EAGAIN when there was
 * none this time. */
static int stop_one(struct sm_remote *remote, struct sm_remote_places *places) {
    struct sm_pid_list threads = {0};
    int rc = list_threads(remote->pid, &threads), stopped = -EAGAIN;
    for (size_t i = 0; rc == 0 && i < threads.count && stopped; i++) {
        if (!may_stop(threads.pids[i]))
            continue;
        rc = sm_remote_stop(remote, threads.pids[i]);
        if (rc == 0 && places && !sm_remote_is_outside(remote, places))
            sm_remote_release(remote);
        else if (rc == 0)
            stopped = 0;
        if (rc == -ESRCH || rc == -EAGAIN)
            rc = 0;
    }
    sm_pid_list_free(&threads);
    return rc ? rc : stopped;
}

static int stop_in_time(struct sm_remote *remote, struct sm_remote_places *places,
                        double patience_s, struct sm_error *err) {
    int64_t deadline_ns = sm_now_ns() + (int64_t)(patience_s * 1e9);
    const struct timespec pause = {.tv_nsec = 3000000};
    int rc;
    while ((rc = stop_one(remote, places)) == -EAGAIN && sm_now_ns() < deadline_ns)
        nanosleep(&pause, NULL);
    if (rc == -EAGAIN)
        return sm_error_set(err, rc, NULL, "try again",
                            "no thread of it was met outside of its loader and allocator");
    if (rc == -EPERM)
        return sm_error_set(err, rc, NULL,
                            "as root, or with kernel.yama.ptrace_scope=0; not under a debugger",
                            "the system does not let it be traced");
    return rc ? sm_error_errno(err, rc, NULL, NULL, "it cannot be stopped") : 0;
}

/* ---- in ---- */

static int fill_block(const struct sm_remote *remote, const char *library,
                      const struct spillmark_injection *request, struct block *block) {
    const struct {
        const char *name;
        uint64_t *to;
    } functions[] = {{"__errno_location", &block->errno_location},
                     {"dlopen", &block->dlopen},
                     {"dlsym", &block->dlsym},
                     {"dlerror", &block->dlerror}};
    memset(block, 0, sizeof *block);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        *functions[i].to = sm_remote_symbol(remote->memory_fd, remote->libc, functions[i].name);
        if (*functions[i].to == 0)
            return -ENOSYS; /* before glibc 2.34 */
    }
    if (strlen(library) >= sizeof block->path)
        return -ENAMETOOLONG;
    memcpy(block->path, library, strlen(library) + 1);
    memcpy(block->symbol, SPILLMARK_INJECT_SYMBOL, sizeof SPILLMARK_INJECT_SYMBOL);
    block->request = *request;
    block->request.bytes = sizeof block->request;
    block->request.result = SPILLMARK_INJECTED_NOT_REACHED;
    return 0;
}

static const char *result_text(uint32_t result) {
    static const char *const texts[] = {
#define X(id, text) text,
        SPILLMARK_INJECTED_TABLE(X)
#undef X
    };
    return result < sizeof texts / sizeof *texts ? texts[result] : "its probe answers strangely";
}

static int judge(const struct sm_remote *remote, const struct block *block, struct sm_error *err) {
    char message[256] = "";
    if (block->request.result == SPILLMARK_INJECTED_ON)
        return 0;
    if (block->library == 0 && block->message) {
        for (size_t i = 0; i + 1 < sizeof message; i++)
            if (sm_remote_read(remote->memory_fd, block->message + i, message + i, 1) ||
                !message[i])
                break;
        message[sizeof message - 1] = '\0';
    }
    return sm_error_set(err, -EPROTO, NULL, NULL, "%s%s%s",
                        result_text(block->library && !block->message &&
                                            block->request.result == SPILLMARK_INJECTED_NOT_REACHED
                                        ? SPILLMARK_INJECTED_OTHER_VERSION
                                        : block->request.result),
                        message[0] ? ": " : "", message);
}

static int call_in(struct sm_remote *remote, struct block *block, struct sm_error *err) {
    struct place place;
    int rc = make_place(remote, &place);
    if (rc)
        return sm_error_errno(err, rc, NULL, NULL, "no memory can be made in it");
    uint64_t at = place.data;
    rc = sm_remote_write(remote->memory_fd, at, block, sizeof *block);
    const uint64_t arguments[6] = {at, 0, 0, 0, 0, 0};
    if (rc == 0)
        rc = sm_remote_call(remote, place.code, arguments, place.stack, load_timeout_s);
    if (rc == 0)
        rc = sm_remote_read(remote->memory_fd, at, block, sizeof *block);
    if (rc)
        return rc == -ESRCH
                   ? sm_error_set(err, rc, NULL, NULL, "it ended meanwhile")
                   : sm_error_errno(err, rc, NULL, NULL, "loading the probe into it was given up");
    rc = judge(remote, block, err);
    unmap(remote, &place);
    return rc;
}

static const struct sm_remote_module *probe_in(const struct sm_remote *remote) {
    const char *slash = strrchr(sm_path_probe(), '/');
    return sm_remote_module_named(&remote->maps, slash ? slash + 1 : sm_path_probe());
}

int sm_inject_bring(pid_t pid, double patience_s, struct spillmark_injection *request,
                    struct sm_error *err) {
    struct sm_remote remote;
    struct sm_remote_places *places = NULL;
    struct block block;
    int rc = sm_remote_open(pid, &remote, err);
    if (rc == 0) {
        const struct sm_remote_module *probe = probe_in(&remote);
        rc = fill_block(&remote, probe ? probe->path : sm_path_probe(), request, &block);
        if (rc == 0)
            rc = sm_remote_places_find(&remote, probe, &places);
        if (rc)
            sm_error_errno(err, rc, NULL, NULL, "its C library is of an unknown kind");
    }
    if (rc == 0)
        rc = stop_in_time(&remote, places, patience_s, err);
    if (rc == 0) {
        rc = call_in(&remote, &block, err);
        sm_remote_release(&remote);
        if (rc == 0)
            *request = block.request;
    }
    sm_remote_places_free(places);
    sm_remote_close(&remote);
    return rc;
}

/* ---- out ---- */

static int call_out(struct sm_remote *remote, uint64_t function) {
    struct spillmark_injection request = {.bytes = sizeof request};
    struct place place;
    int rc = make_place(remote, &place);
    if (rc)
        return rc;
    const uint64_t arguments[6] = {place.data, 0, 0, 0, 0, 0};
    rc = sm_remote_write(remote->memory_fd, place.data, &request, sizeof request);
    if (rc == 0)
        rc = sm_remote_call(remote, function, arguments, place.stack, load_timeout_s);
    if (rc == 0)
        rc = sm_remote_read(remote->memory_fd, place.data, &request, sizeof request);
    if (rc)
        return rc;
    unmap(remote, &place);
    return request.result == SPILLMARK_INJECTED_WITHDRAWN ? 0 : -EAGAIN;
}

int sm_inject_withdraw(pid_t pid, struct sm_error *err) {
    struct sm_remote remote;
    int64_t deadline_ns = sm_now_ns() + (int64_t)(withdraw_patience_s * 1e9);
    struct sm_error ignored = {0};
    if (kill(pid, 0) && errno == ESRCH)
        return 0;
    int rc = sm_remote_open(pid, &remote, &ignored);
    const struct sm_remote_module *probe = rc == 0 ? probe_in(&remote) : NULL;
    uint64_t function =
        probe ? sm_remote_symbol(remote.memory_fd, probe, SPILLMARK_WITHDRAW_SYMBOL) : 0;
    if (!function) /* gone, or another program by now */
        goto out;
    do {
        rc = stop_in_time(&remote, NULL, withdraw_patience_s, err);
        if (rc == 0) {
            rc = call_out(&remote, function);
            sm_remote_release(&remote);
        }
    } while (rc == -EAGAIN && sm_now_ns() < deadline_ns);
    if (rc && rc != -ESRCH)
        sm_error_errno(err, rc, NULL, NULL, "the probe could not be switched off");
out:
    sm_remote_close(&remote);
    return function && rc != -ESRCH ? rc : 0;
}
