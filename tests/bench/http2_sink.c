/* bench-http2-sink [COUNT]: takes HTTP/2 and gRPC requests of any size on loopback, reads them as
 * fast as nghttp2 can and answers each 200 (with grpc-status 0 where gRPC is spoken), or with COUNT
 * not before all of so many connections have sent one. Prints its port. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_barrier_t all;

enum { WINDOW = INT32_MAX, FRAME = 1 << 20, READ = 1 << 20 };

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1,                \
            NGHTTP2_NV_FLAG_NONE                                                                   \
    }

/* The reply of gRPC: an empty message, then the trailers. */
static ssize_t read_message(nghttp2_session *session, int32_t stream_id, uint8_t *buffer,
                            size_t length, uint32_t *flags, nghttp2_data_source *source,
                            void *user) {
    const nghttp2_nv trailer = FIELD("grpc-status", "0");
    (void)length, (void)source, (void)user;
    memset(buffer, 0, 5);
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(session, stream_id, &trailer, 1);
    return 5;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user) {
    static const char grpc[] = "application/grpc";
    (void)flags, (void)user;
    if (name_length == 12 && memcmp(name, "content-type", 12) == 0 &&
        value_length >= sizeof grpc - 1 && memcmp(value, grpc, sizeof grpc - 1) == 0)
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, (void *)grpc);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    const nghttp2_nv fields[] = {FIELD(":status", "200"),
                                 FIELD("content-type", "application/grpc")};
    nghttp2_data_provider provider = {.read_callback = read_message};
    int32_t stream_id = frame->hd.stream_id;
    (void)user;
    if (stream_id == 0 || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    pthread_barrier_wait(&all);
    bool is_grpc = nghttp2_session_get_stream_user_data(session, stream_id) != NULL;
    return nghttp2_submit_response(session, stream_id, fields, is_grpc ? 2 : 1,
                                   is_grpc ? &provider : NULL);
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *bytes, size_t length, int flags,
                       void *user) {
    (void)session, (void)flags;
    ssize_t sent = send(*(int *)user, bytes, length, MSG_NOSIGNAL);
    return sent < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : sent;
}

static nghttp2_session *open_session(int *fd) {
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
                                               {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME},
                                               {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000}};
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
    if (nghttp2_session_server_new(&session, callbacks, fd) != 0)
        abort();
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 3);
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW);
    return session;
}

static void *serve(void *argument) {
    int fd = (int)(intptr_t)argument;
    const int yes = 1;
    /* A reply is several sends, which would wait for the ACK of the first: 40 ms of each upload. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    nghttp2_session *session = open_session(&fd);
    uint8_t *bytes = malloc(READ);
    ssize_t got = 0;
    while (bytes && nghttp2_session_send(session) == 0 && (got = recv(fd, bytes, READ, 0)) > 0)
        if (nghttp2_session_mem_recv(session, bytes, (size_t)got) < 0)
            break;
    nghttp2_session_del(session);
    free(bytes);
    close(fd);
    return NULL;
}

int main(int argument_count, char **arguments) {
    long together = argument_count > 1 ? strtol(arguments[1], NULL, 10) : 1;
    struct rlimit descriptors;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    pthread_barrier_init(&all, NULL, (unsigned)together);
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 1024) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &length) < 0)
        return 1;
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        pthread_t thread;
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
}
