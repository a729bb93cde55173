/* keeper_wire.h - what the harness and the keeper say to each other. A request is a header and a
 * body; SPAWN, SIGNAL and OWN_PATH are answered by one reply of a fixed size. Exits come on a
 * pipe of their own as struct sm_exit, so that they never mix with replies. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "keeper.h"
#include "launch.h"

enum sm_keeper_request {
    SM_KEEPER_SPAWN = 1,
    SM_KEEPER_SIGNAL,
    SM_KEEPER_OWN_PATH,
    SM_KEEPER_STOP
};

enum { SM_KEEPER_BODY_MAX = 16 << 20 };

struct sm_keeper_header {
    uint32_t request; /* enum sm_keeper_request */
    uint32_t body_bytes;
};

/* The body of SPAWN: this, then cwd, output_path, cgroup, disk_cgroup (empty = NULL), argv and env,
 * each with its final zero byte. The supervisor's memory is mapped in both processes at the same
 * address. */
struct sm_keeper_spawn_head {
    uint32_t argv_count, env_count;
    int32_t inherit_stdio;
    uint32_t user_id, group_id;
    uint64_t supervisor;
    uint64_t address_space_bytes, data_bytes;
};

struct sm_keeper_signal {
    int32_t pid, signal, to_group;
};

struct sm_keeper_stop {
    double grace_s;
};

/* Whole messages over a stream socket; 0 or a negative errno (-EPIPE: the other side has gone). */
int sm_wire_send(int fd, const void *bytes, size_t length);
int sm_wire_receive(int fd, void *bytes, size_t length);

/* Packs a spawn. malloc'd body for the caller to free. */
int sm_wire_pack_spawn(const struct sm_spawn *spawn, void **ret_body, size_t *ret_bytes);

/* Unpacks one: *ret_spawn points into the body and into *ret_pointers, which the caller frees.
 * -EBADMSG when the body is not well formed. */
int sm_wire_unpack_spawn(const void *body, size_t bytes, struct sm_spawn *ret_spawn,
                         const char ***ret_pointers);
