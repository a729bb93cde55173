/* supervisor_serve.h - inside the supervisor: one notification, from its decoding to its answer.
 * Private to supervisor_*.c. */
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include "supervisor_delay.h"
#include "supervisor_fail.h"

enum { SM_SERVE_SEEN = 256 };

struct sm_server {
    int listener;
    struct sm_supervisor_shared *shared;
    int64_t lead_ns; /* by which timers are set earlier */
    /* What was found behind high descriptors a moment ago (supervisor_watched.c). */
    uint32_t changes; /* counts trapped opens, copies and closes: what was seen before is stale */
    struct sm_seen {
        pid_t tid;
        int fd;
        uint32_t changes;
        sm_rule_set rules;
        int64_t until_ns;
    } seen[SM_SERVE_SEEN];
    struct sm_fail fail;
    struct sm_delay delay;
};

/* Lets the call go on in the target. The answers tell nothing of failures: the target is gone
 * then, and so is the call. */
void sm_serve_continue(const struct sm_server *server, uint64_t id);
/* Answers with an error (positive errno), or with the value that the call returns. */
void sm_serve_fail(const struct sm_server *server, uint64_t id, int code);
void sm_serve_return(const struct sm_server *server, uint64_t id, int64_t value);
/* Whether the caller still waits; what was read of it before is meant for this call. */
bool sm_serve_is_waiting(const struct sm_server *server, uint64_t id);

/* Gives the target our descriptor as its number `fd`, which answers the call; false when that
 * didn't work and the call still waits. */
bool sm_serve_give(const struct sm_server *server, uint64_t id, int ours, int fd,
                   int close_on_exec);

/* The rules that cover the file behind a descriptor of the target (supervisor_watched.c). */
sm_rule_set sm_serve_watched(struct sm_server *server, pid_t tid, int fd);

/* Counts one thing the way could not see. */
void sm_serve_count(uint32_t *counter);

/* open, openat, openat2, creat (supervisor_open.c). */
void sm_serve_open(struct sm_server *server, const struct seccomp_notif *call);
/* dup, dup2, dup3, fcntl(F_DUPFD...) (supervisor_duplicate.c). */
void sm_serve_duplicate(struct sm_server *server, const struct seccomp_notif *call);
/* The answer that writes only so many of a write's bytes; where that can't be done (a copy
 * between files, unreadable memory) the one that lets it go on (supervisor_answer.c). */
struct sm_answer sm_serve_plan_cut(const struct seccomp_notif *call, uint64_t bytes);
/* Gives a call the answer that was planned for it. */
void sm_serve_answer(const struct sm_server *server, uint64_t id, const struct sm_answer *answer);
/* Delays or fails a call under the given rules, all at work; none: it goes on. */
void sm_serve_judge(struct sm_server *server, const struct seccomp_notif *call, sm_rule_set rules);
/* truncate, which names its file by a path (supervisor_open.c). */
void sm_serve_truncate(struct sm_server *server, const struct seccomp_notif *call);
/* The write family (supervisor_write.c). */
void sm_serve_write(struct sm_server *server, const struct seccomp_notif *call);
