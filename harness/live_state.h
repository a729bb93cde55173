/* live_state.h - what the threads of the live view share. Internal to live*.c. */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "../reports/model.h"
#include "live.h"

struct MHD_Daemon;

/* Names found in earlier looks: looking for them takes a child process, and the most time. */
struct sm_live_names {
    struct sm_symbol *symbols;
    size_t count, room;
    size_t frames_seen; /* no new frames, no new names */
};

struct sm_live {
    char *record_path, *page;
    struct MHD_Daemon *server;
    int port;
    pthread_t looker;
    struct sm_live_names names; /* the looker's alone */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    char figures[1024]; /* a JSON object */
    int64_t figures_at_ns;
    uint64_t figures_number; /* 0 = none yet */
    void *look;              /* compressed JSON (zlib) */
    size_t look_bytes;
    uint64_t look_number; /* 0 = none yet */
    int watching;         /* open streams of events */
    int owed;             /* told of the end, and have not yet had the last look */
    int is_final;         /* the record is whole; the next look is the last */
    int is_over;          /* the last look is there */
    int is_stopping;
};

/* live_look.c: reads the record as it is and packs what the page is told of it. *ret_bytes is
 * malloc'd. 0 or a negative errno with *err. */
int sm_live_look(const char *record_path, int is_over, struct sm_live_names *names,
                 void **ret_bytes, size_t *ret_length, struct sm_error *err);
void sm_live_names_free(struct sm_live_names *names);

/* live_server.c. Without live->server the second does nothing. */
int sm_live_serve(struct sm_live *live, int port, struct sm_error *err);
void sm_live_stop_serving(struct sm_live *live);
