/* error.h - what went wrong, where, and what to do about it.
 *
 * Library code returns 0 or a negative errno and fills a struct sm_error; only the edges
 * (verbs) print it, as one line. Thread rule: an error object belongs to its caller. */
#pragma once

#include <stdarg.h>

struct sm_error {
    int code;        /* a negative errno; 0 while nothing has gone wrong */
    int status;      /* the exit status this error asks for (enum sm_status), 0 = by the caller */
    char where[256]; /* "slow-disk.lua:12: load.rate" or a path; may be empty */
    char what[512];  /* one sentence without a final full stop */
    char todo[512];  /* what the user can do about it; may be empty */
};

/* The exit statuses of every verb. */
enum sm_status {
    SM_STATUS_OK = 0,           /* within budget and nothing growing */
    SM_STATUS_FAILED = 1,       /* a budget broken or a series growing */
    SM_STATUS_USAGE = 2,        /* a usage or scenario error: nothing was run */
    SM_STATUS_BROKEN = 3,       /* the target, a service or this machine failed */
    SM_STATUS_INCONCLUSIVE = 4, /* the run could not settle it */
};

/* Fills *err (which may be NULL) and returns code, which must be negative. `where` and `todo`
 * may be NULL. The first error wins: an object already filled is left as it is. */
int sm_error_set(struct sm_error *err, int code, const char *where, const char *todo,
                 const char *what_format, ...) __attribute__((format(printf, 5, 6)));

/* The same, with the text of -code (strerror) appended to the sentence. */
int sm_error_errno(struct sm_error *err, int code, const char *where, const char *todo,
                   const char *what_format, ...) __attribute__((format(printf, 5, 6)));

/* Writes "where: what; todo" into buffer, always terminated. Control characters that came in
 * with a name are shown as \xNN. Returns buffer. */
char *sm_error_format(const struct sm_error *err, char *buffer, unsigned long buffer_bytes);
