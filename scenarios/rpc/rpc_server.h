/* rpc_server.h - a gRPC server on gRPC's C core, as callbacks of one thread.
 *
 * A call is opened, messages are received one at a time, each when it is asked for, messages are
 * sent one at a time, and the call ends with a status. That is enough for unary calls and for
 * streams in both directions. gRPC's own flow control holds back a sender whose messages are not
 * asked for.
 *
 * Thread rule: everything happens on the thread in rpc_server_run, but for rpc_server_stop, which
 * any thread may call. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

struct rpc_server;
struct rpc_call;

/* What a program does with calls. `context` is the one of rpc_server_create. */
struct rpc_service {
    /* A call of a method, such as "/bulk.v1.Bulk/Upload". Returns the call's state; the first
     * message is asked for afterwards. To refuse, calls rpc_finish. */
    void *(*opened)(void *context, struct rpc_call *call, const char *method);
    /* The next message, which the callee destroys; NULL once there will be none. */
    void (*received)(void *state, struct rpc_call *call, grpc_byte_buffer *message);
    /* What rpc_send was given is on its way: the next may follow. May be NULL. */
    void (*sent)(void *state, struct rpc_call *call);
    /* The last word of every call that was opened: frees the state. is_cancelled says that the
     * client hung up or the status did not reach it. */
    void (*closed)(void *state, bool is_cancelled);
};

struct rpc_server_options {
    const char *listen; /* "127.0.0.1:0" or "unix:/path"; a port of 0 is chosen by the kernel */
    size_t receive_max_bytes; /* of one message, to INT_MAX; more is answered RESOURCE_EXHAUSTED;
                                 0 = no limit but the protocol's 4 GiB */
};

/* Binds and listens. *ret_port is the TCP port, 1 for a unix socket. The service and the context
 * outlive the server. NULL, having printed why to standard error after `name`. */
struct rpc_server *rpc_server_create(const char *name, const struct rpc_server_options *options,
                                     const struct rpc_service *service, void *context,
                                     int *ret_port);

/* Serves until rpc_server_stop was called and every call has ended. */
void rpc_server_run(struct rpc_server *server);

/* No more calls; those under way are cancelled after grace_ms. Safe to call once, from any
 * thread. */
void rpc_server_stop(struct rpc_server *server, unsigned grace_ms);

/* After rpc_server_run has returned. NULL is allowed. */
void rpc_server_free(struct rpc_server *server);

/* Asks for the next message: one `received` follows. One at a time. */
void rpc_read(struct rpc_call *call);

/* Sends one message, which is taken over: one `sent` follows. One at a time. */
void rpc_send(struct rpc_call *call, grpc_byte_buffer *message);

/* Ends the call, sending `message` (may be NULL, taken over) before the status. Once per call;
 * no message is received or sent afterwards. `details` is for the client, in plain words. */
void rpc_finish(struct rpc_call *call, grpc_byte_buffer *message, grpc_status_code status,
                const char *details);

/* The client has hung up, as far as is known by now. */
bool rpc_is_cancelled(const struct rpc_call *call);
