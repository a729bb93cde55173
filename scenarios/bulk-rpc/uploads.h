/* uploads.h - the methods of bulk.proto: from the calls of rpc_server.h to a handler. */
#pragma once

#include <stdatomic.h>

#include "options.h"
#include "rpc_server.h"

/* Figures since the start; of one moment each. begun = completed + refused + cancelled +
 * in progress. */
struct br_uploads {
    const struct br_options *options;
    atomic_ulong begun, completed, refused, cancelled;
    atomic_ulong bytes; /* of data taken */
    atomic_ulong retained;
};

/* Its context is a struct br_uploads. */
extern const struct rpc_service br_uploads_service;
