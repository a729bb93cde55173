/* live.h - the page of a run while it goes on: an HTTP server on the loopback that pushes the
 * figures of the progress line, and the record so far whenever it has been looked at anew.
 *
 *   /        the page (reports/html)
 *   /events  server-sent events: "figures" (JSON), "data" (there is more at /data), "end"
 *   /data    the newest look at the record, as JSON; ?last=1 by those who were told of the end
 *
 * Looks are made in a thread at low priority, only while somebody watches, and seldom enough to
 * take a tenth of a processor at most. */
#pragma once

#include "../reports/error.h"
#include "progress.h"

struct sm_live;

/* Serves on 127.0.0.1:port (0 = any that is free). `title` names the run; record_path is the record
 * being written, of which what is committed is seen. 0, or a negative errno with *err when the port
 * is taken. */
int sm_live_start(int port, const char *title, const char *record_path, struct sm_live **ret_live,
                  struct sm_error *err);

/* The port it listens on. */
int sm_live_port(const struct sm_live *live);

/* Pushes the figures, at most a few times a second. `t_s` is the time since the run began. NULL is
 * allowed. */
void sm_live_show(struct sm_live *live, double t_s, const struct sm_progress_figures *figures);

/* The record is whole: those who watch get it, for which they have a moment. Frees it; NULL is
 * allowed. */
void sm_live_finish(struct sm_live *live);
