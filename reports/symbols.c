/* The parent's side: which addresses are wanted, and what to believe of the child's answers. */
#include "symbols.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record.h"
#include "symbols_child.h"

struct search {
    const struct sm_run *run;
    struct sm_symbols_options options;
    sm_symbol_sink *sink;
    void *context;
    struct sm_symbols_counts counts;
    struct sm_symbols_job *jobs;
    size_t job_count;
    uint64_t *calls; /* of all jobs */
    int64_t deadline_ns;
    int sink_error;
};

/* What came through the pipe of the job at work. */
struct answers {
    unsigned char *bytes;
    size_t used, capacity;
};

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare_frames(const void *a, const void *b) {
    const struct sm_frame *left = a, *right = b;
    if (left->module_id != right->module_id)
        return left->module_id < right->module_id ? -1 : 1;
    if (left->address != right->address)
        return left->address < right->address ? -1 : 1;
    return 0;
}

static int is_same_address(const struct sm_frame *a, const struct sm_frame *b) {
    return a->module_id == b->module_id && a->address == b->address;
}

/* The wanted frames, each address once, in order; malloc'd. */
static struct sm_frame *wanted_frames(const struct sm_run *run, size_t *ret_count) {
    size_t count = 0, all = run->frames_count + run->symbols_count;
    struct sm_frame *frames = malloc((all + 1) * sizeof *frames);
    if (!frames)
        return NULL;
    /* stack_id tells a symbol that is there already (-1), which sorts with its frames. */
    for (size_t i = 0; i < run->frames_count; i++)
        frames[i] = (struct sm_frame){.module_id = run->frames[i].module_id,
                                      .address = run->frames[i].address};
    for (size_t i = 0; i < run->symbols_count; i++)
        frames[run->frames_count + i] = (struct sm_frame){.stack_id = -1,
                                                          .module_id = run->symbols[i].module_id,
                                                          .address = run->symbols[i].address};
    qsort(frames, all, sizeof *frames, compare_frames);
    for (size_t i = 0, next; i < all; i = next) {
        int is_known = 0;
        for (next = i; next < all && is_same_address(&frames[i], &frames[next]); next++)
            is_known |= frames[next].stack_id < 0;
        if (!is_known && frames[i].address)
            frames[count++] = frames[i];
    }
    *ret_count = count;
    return frames;
}

static const struct sm_module *module_of(const struct sm_run *run, int id) {
    for (size_t i = 0; i < run->modules_count; i++) {
        if (run->modules[i].id == id)
            return &run->modules[i];
    }
    return NULL;
}

static int file_of(const struct sm_symbols_options *options, int module_id) {
    for (size_t i = 0; i < options->file_count; i++) {
        if (options->files[i].module_id == module_id)
            return options->files[i].fd;
    }
    return -1;
}

/* One job for each module; frames of modules that the record lacks have none. */
static int make_jobs(struct search *search) {
    size_t count = 0;
    struct sm_frame *frames = wanted_frames(search->run, &count);
    search->calls = malloc((count + 1) * sizeof *search->calls);
    search->jobs = malloc((count + 1) * sizeof *search->jobs);
    if (!frames || !search->calls || !search->jobs) {
        free(frames);
        return -ENOMEM;
    }
    search->counts.asked = count;
    for (size_t i = 0, next; i < count; i = next) {
        int id = frames[i].module_id;
        const struct sm_module *module = module_of(search->run, id);
        for (next = i; next < count && frames[next].module_id == id; next++)
            search->calls[next] = frames[next].address - 1;
        if (module || id == 0)
            search->jobs[search->job_count++] =
                (struct sm_symbols_job){.module = id ? module : NULL,
                                        .fd = file_of(&search->options, id),
                                        .calls = search->calls + i,
                                        .count = next - i};
    }
    free(frames);
    return 0;
}

/* Reads the message at *at and moves past it. 1, 0 when it is not all there yet, -EBADMSG. */
static int next_message(const struct answers *answers, const struct sm_symbols_job *job, size_t *at,
                        struct sm_symbols_message *ret_message) {
    size_t left = answers->used - *at;
    if (left < sizeof *ret_message)
        return 0;
    memcpy(ret_message, answers->bytes + *at, sizeof *ret_message);
    if ((ret_message->kind != SM_SYMBOLS_FOUND && ret_message->kind != SM_SYMBOLS_JOB_DONE) ||
        ret_message->function_bytes > SM_SYMBOLS_TEXT_MAX ||
        ret_message->file_bytes > SM_SYMBOLS_TEXT_MAX ||
        (ret_message->kind == SM_SYMBOLS_FOUND && ret_message->index >= job->count))
        return -EBADMSG;
    size_t bytes = sizeof *ret_message + ret_message->function_bytes + ret_message->file_bytes;
    if (left < bytes)
        return 0;
    *at += bytes;
    return 1;
}

/* Hands one row on; its texts end at `end`. */
static void deliver(struct search *search, const struct sm_symbols_job *job,
                    const struct sm_symbols_message *message, const unsigned char *end) {
    char function[SM_SYMBOLS_TEXT_MAX + 1], file[SM_SYMBOLS_TEXT_MAX + 1];
    const unsigned char *texts = end - message->file_bytes - message->function_bytes;
    memcpy(function, texts, message->function_bytes);
    function[message->function_bytes] = '\0';
    memcpy(file, texts + message->function_bytes, message->file_bytes);
    file[message->file_bytes] = '\0';
    struct sm_symbol symbol = {.module_id = job->module ? job->module->id : 0,
                               .address = job->calls[message->index] + 1,
                               .inline_depth = message->inline_depth,
                               .function = function,
                               .file = file,
                               .line = message->line > 0 ? message->line : 0};
    search->sink_error = search->sink(search->context, &symbol);
    search->counts.named += function[0] && !symbol.inline_depth;
    search->counts.with_line += symbol.line && !symbol.inline_depth;
    search->counts.inlined += symbol.inline_depth != 0;
}

/* Rows are held back until their job is done: of one that breaks the child there are none.
 * 1 when the job was done, 0 when more must be read, or a negative errno. */
static int take_job(struct search *search, const struct sm_symbols_job *job,
                    struct answers *answers, size_t *scanned) {
    struct sm_symbols_message message = {0};
    int result = 1;
    while (message.kind != SM_SYMBOLS_JOB_DONE) {
        result = next_message(answers, job, scanned, &message);
        if (result <= 0)
            return result;
    }
    size_t at = 0, end = *scanned;
    while (at < end && !search->sink_error) {
        next_message(answers, job, &at, &message);
        if (message.kind == SM_SYMBOLS_FOUND)
            deliver(search, job, &message, answers->bytes + at);
    }
    memmove(answers->bytes, answers->bytes + end, answers->used - end);
    answers->used -= end;
    *scanned = 0;
    return search->sink_error ? search->sink_error : 1;
}

/* Waits for more from the child. Bytes read, 0 at its end, or a negative errno. */
static ssize_t read_more(int fd, int64_t deadline_ns, struct answers *answers) {
    enum { PIECE = 1 << 16, ALL_MAX = 1 << 28 };
    if (answers->capacity - answers->used < PIECE) {
        size_t capacity = answers->capacity * 2 + PIECE;
        unsigned char *bytes = capacity > ALL_MAX ? NULL : realloc(answers->bytes, capacity);
        if (!bytes)
            return -ENOMEM;
        answers->bytes = bytes;
        answers->capacity = capacity;
    }
    for (;;) {
        int64_t left_ns = deadline_ns - now_ns();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int ready = left_ns > 0 ? poll(&poll_fd, 1, (int)(left_ns / 1000000) + 1) : 0;
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t bytes = ready < 0 ? -1 : read(fd, answers->bytes + answers->used, PIECE);
        if (bytes >= 0) {
            answers->used += (size_t)bytes;
            return bytes;
        }
        if (errno != EINTR)
            return -errno;
    }
}

/* Lets one child work from jobs[first] on. Returns the first job that was not done. */
static size_t run_child(struct search *search, size_t first, int *ret_error) {
    struct answers answers = {0};
    size_t job = first, scanned = 0;
    int fd = -1;
    pid_t child = sm_symbols_child_start(search->run, &search->options, search->jobs + first,
                                         search->job_count - first, &fd);
    if (child < 0) {
        *ret_error = child;
        return first;
    }
    int64_t now = now_ns(), job_deadline_ns = now + (search->deadline_ns - now) / 2;
    while (job < search->job_count && read_more(fd, job_deadline_ns, &answers) > 0) {
        int done = 1;
        while (job < search->job_count &&
               (done = take_job(search, &search->jobs[job], &answers, &scanned)) == 1) {
            job++;
            now = now_ns();
            job_deadline_ns = now + (search->deadline_ns - now) / 2;
        }
        if (done < 0)
            break;
    }
    close(fd);
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(answers.bytes);
    return job;
}

/* Children until every job is done: the one that broke a child is trusted less by the next. */
static int run_jobs(struct search *search, struct sm_error *err) {
    size_t next = 0;
    int error = 0;
    while (next < search->job_count && !search->sink_error) {
        next = run_child(search, next, &error);
        if (error)
            return sm_error_errno(err, error, NULL, NULL, "cannot start a process for symbols");
        if (next == search->job_count || search->sink_error)
            break;
        struct sm_symbols_job *job = &search->jobs[next];
        if (now_ns() >= search->deadline_ns) {
            search->counts.modules_given_up += search->job_count - next;
            break;
        }
        job->depth =
            job->module && job->depth == SM_SYMBOLS_DWARF ? SM_SYMBOLS_TABLE : SM_SYMBOLS_GIVEN_UP;
        search->counts.modules_given_up += job->depth == SM_SYMBOLS_GIVEN_UP;
    }
    return search->sink_error;
}

int sm_symbols_resolve(const struct sm_run *run, const struct sm_symbols_options *options,
                       sm_symbol_sink *sink, void *context, struct sm_symbols_counts *ret_counts,
                       struct sm_error *err) {
    struct search search = {.run = run, .sink = sink, .context = context};
    if (options)
        search.options = *options;
    if (!search.options.debug_root)
        search.options.debug_root = "/usr/lib/debug";
    if (!search.options.jit_directory)
        search.options.jit_directory = "/tmp";
    if (search.options.time_limit_s <= 0)
        search.options.time_limit_s = 60;
    if (!search.options.memory_limit_bytes)
        search.options.memory_limit_bytes = (size_t)1 << 30;
    search.deadline_ns = now_ns() + (int64_t)(search.options.time_limit_s * 1e9);
    int result = make_jobs(&search);
    if (result)
        sm_error_errno(err, result, NULL, NULL, "symbols");
    else
        result = run_jobs(&search, err);
    free(search.jobs);
    free(search.calls);
    if (ret_counts)
        *ret_counts = search.counts;
    return result;
}

static int add_symbol(void *record, const struct sm_symbol *symbol) {
    return sm_record_add_symbol(record, symbol);
}

int sm_symbols_resolve_record(const char *path, const struct sm_symbols_options *options,
                              struct sm_symbols_counts *ret_counts, struct sm_error *err) {
    struct sm_run *run = NULL;
    struct sm_record *record = NULL;
    int result = sm_run_open(path, &run, err);
    if (!result)
        result = sm_record_reopen(run->path, &record, err);
    if (!result)
        result = sm_symbols_resolve(run, options, add_symbol, record, ret_counts, err);
    if (result && err && record && sm_record_error(record)->code)
        *err = *sm_record_error(record);
    int closed = sm_record_close(record, 0);
    sm_run_free(run);
    return result ? result : closed;
}
