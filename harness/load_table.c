/* Every load driver there is; a new one is a line in LOADS. */
#include "load.h"

#define LOADS(X)                                                                                   \
    X(grpc)                                                                                        \
    X(http)                                                                                        \
    X(http2)                                                                                       \
    X(null)                                                                                        \
    X(process)                                                                                     \
    X(relay)                                                                                       \
    X(stream)                                                                                      \
    X(websocket)

#define X(name) extern const struct sm_load_ops sm_##name##_load;
LOADS(X)
#undef X

const struct sm_load_ops *const sm_load_table[] = {
#define X(name) &sm_##name##_load,
    LOADS(X)
#undef X
        NULL,
};
