/* rpc_client.h - gRPC streams to a server, on gRPC's C core, with calls that wait.
 *
 * Thread rule: one thread sends and one receives on a stream; any thread may cancel it. A program
 * that forks makes its client afterwards. */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stddef.h>

struct rpc_client;
struct rpc_stream;

/* `address` as rpc_server takes it. Does not connect yet: streams wait for the server. NULL when
 * there is no memory. */
struct rpc_client *rpc_client_create(const char *address);

/* After its last stream was closed. NULL is allowed. */
void rpc_client_free(struct rpc_client *client);

/* Begins a call of `method`, such as "/package.Service/Method". NULL when there is no memory. */
struct rpc_stream *rpc_stream_open(struct rpc_client *client, const char *method);

/* Sends one message, which is taken over, and waits until gRPC has handed it to the connection.
 * False when the call has ended. */
bool rpc_stream_send(struct rpc_stream *stream, grpc_byte_buffer *message);

/* There will be no more messages. */
void rpc_stream_end(struct rpc_stream *stream);

/* The next message, which the caller destroys; NULL once there will be none. */
grpc_byte_buffer *rpc_stream_receive(struct rpc_stream *stream);

/* Ends the call at once: sending and receiving return. */
void rpc_stream_cancel(struct rpc_stream *stream);

/* After both sides have returned: waits for the server's status, writes its words to `details`, and
 * frees the stream. */
grpc_status_code rpc_stream_close(struct rpc_stream *stream, char *details, size_t details_bytes);
