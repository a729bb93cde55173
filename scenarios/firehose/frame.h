/* frame.h - messages of com.atproto.sync.subscribeRepos and com.atproto.label.subscribeLabels:
 * a DAG-CBOR header {op, t} and a DAG-CBOR body. */
#pragma once

#include "car.h"
#include "event.h"

enum fh_frame_kind {
    FH_FRAME_EVENTS, /* events went to the sink */
    FH_FRAME_ERROR,  /* the relay says what is wrong, op -1 */
    FH_FRAME_OTHER,  /* well formed, nothing to carry */
    FH_FRAME_BAD,    /* garbage */
};

struct fh_frame_result {
    enum fh_frame_kind kind;
    int64_t seq; /* of the frame; 0 when it has none */
    size_t events;
    bool is_refused; /* the sink took no more */
    char error[128]; /* of FH_FRAME_ERROR: its name and message */
};

/* Decodes one message and gives its events to the sink, one for each operation of a commit or
 * label. With parses_per_operation the commit's blocks are read anew for each operation. */
struct fh_frame_result fh_frame_decode(struct fh_bytes message, bool parses_per_operation,
                                       struct fh_sink sink);
