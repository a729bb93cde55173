/* stats.h - GET /health and GET /stats over HTTP on a unix socket. */
#pragma once

#include "uploads.h"

struct br_stats;

/* The uploads outlive it. NULL, having printed why. */
struct br_stats *br_stats_start(const char *path, struct br_uploads *uploads);

/* Closes and removes the socket. NULL is allowed. */
void br_stats_stop(struct br_stats *stats);
