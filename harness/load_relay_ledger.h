/* load_relay_ledger.h - the events of a relay that are in flight: from when they were taken from
 * the schedule until the consumer has read them. Engine's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load_engine.h"

struct sm_load_relay_ledger;

struct sm_load_relay_ledger *
sm_load_relay_ledger_new(struct sm_engine *engine);                  /* NULL: out of memory */
void sm_load_relay_ledger_free(struct sm_load_relay_ledger *ledger); /* NULL is allowed */

/* How many were taken so far, which is the number of the next. */
int64_t sm_load_relay_ledger_taken(const struct sm_load_relay_ledger *ledger);
int64_t sm_load_relay_ledger_in_flight(const struct sm_load_relay_ledger *ledger);
/* Takes the next unit; false when too many are in flight. untake gives the last one back. Numbers
 * are left out where units timed out before they could be taken. */
bool sm_load_relay_ledger_take(struct sm_load_relay_ledger *ledger, const struct sm_load_unit *unit,
                               int64_t now_ns);
void sm_load_relay_ledger_untake(struct sm_load_relay_ledger *ledger);

/* Event `number` has been put into the connection's buffer, which ends at end_bytes with it. */
void sm_load_relay_ledger_put(struct sm_load_relay_ledger *ledger, int64_t number,
                              uint64_t end_bytes);
/* The connection has taken all up to sent_bytes: their latencies are known. */
void sm_load_relay_ledger_handed(struct sm_load_relay_ledger *ledger, uint64_t sent_bytes,
                                 int64_t now_ns);
/* The consumer has read all before `number`: accepted. */
void sm_load_relay_ledger_read(struct sm_load_relay_ledger *ledger, int64_t number);

/* The connection is gone; a new one goes on at `number`. */
void sm_load_relay_ledger_lost(struct sm_load_relay_ledger *ledger);
void sm_load_relay_ledger_resume(struct sm_load_relay_ledger *ledger, int64_t number);
/* Ends all in flight as unanswered. */
void sm_load_relay_ledger_forget(struct sm_load_relay_ledger *ledger, const char *outcome);
/* Ends what is late; returns when the next one is. */
int64_t sm_load_relay_ledger_expire(struct sm_load_relay_ledger *ledger, int64_t now_ns);
/* Ends all in flight at the end of the load, saying how far each came. */
void sm_load_relay_ledger_stop(struct sm_load_relay_ledger *ledger);
