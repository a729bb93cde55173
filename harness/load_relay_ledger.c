#include "load_relay_ledger.h"

#include <stdlib.h>

#include "clock.h"

enum { LEAST_SLOTS = 1024, MOST_SLOTS = 1 << 20 };

/* A unit in flight; in a ring by its number. */
struct slot {
    int64_t due_ns;
    int64_t latency_ns; /* -1: not all of it is in the connection yet */
    uint64_t end_bytes; /* where it ends in the connection's bytes; 0: not put into this one */
};

struct sm_load_relay_ledger {
    struct sm_engine *engine;
    struct slot *slots;
    size_t slot_count;     /* a power of two */
    int64_t oldest, taken; /* in flight: oldest <= number < taken */
    int64_t handed;        /* all before it are in the connection */
    int read_outcome, late_outcome, unread_outcome, slow_outcome;
};

struct sm_load_relay_ledger *sm_load_relay_ledger_new(struct sm_engine *engine) {
    struct sm_tally *tally = sm_engine_tally(engine);
    struct sm_load_relay_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger)
        return NULL;
    ledger->engine = engine;
    ledger->slot_count = LEAST_SLOTS;
    ledger->slots = calloc(ledger->slot_count, sizeof *ledger->slots);
    if (!ledger->slots) {
        free(ledger);
        return NULL;
    }
    ledger->read_outcome = sm_tally_outcome(tally, "read by the consumer");
    ledger->late_outcome = sm_tally_outcome(tally, "time-out: pushed, never read");
    ledger->unread_outcome = sm_tally_outcome(tally, "stopped: pushed, not read yet");
    ledger->slow_outcome = sm_tally_outcome(tally, "stopped: the consumer was slow");
    return ledger;
}

void sm_load_relay_ledger_free(struct sm_load_relay_ledger *ledger) {
    if (!ledger)
        return;
    free(ledger->slots);
    free(ledger);
}

static struct slot *slot_of(const struct sm_load_relay_ledger *ledger, int64_t number) {
    return &ledger->slots[(size_t)number & (ledger->slot_count - 1)];
}

int64_t sm_load_relay_ledger_taken(const struct sm_load_relay_ledger *ledger) {
    return ledger->taken;
}

int64_t sm_load_relay_ledger_in_flight(const struct sm_load_relay_ledger *ledger) {
    return ledger->taken - ledger->oldest;
}

static bool grow(struct sm_load_relay_ledger *ledger) {
    struct sm_load_relay_ledger larger = *ledger;
    larger.slot_count *= 2;
    if (larger.slot_count > MOST_SLOTS)
        return false;
    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (int64_t number = ledger->oldest; number < ledger->taken; number++)
        *slot_of(&larger, number) = *slot_of(ledger, number);
    free(ledger->slots);
    ledger->slots = larger.slots;
    ledger->slot_count = larger.slot_count;
    return true;
}

bool sm_load_relay_ledger_take(struct sm_load_relay_ledger *ledger, const struct sm_load_unit *unit,
                               int64_t now_ns) {
    if (unit->number > ledger->taken) {
        sm_load_relay_ledger_expire(ledger, now_ns); /* older than those, so all of them */
        ledger->oldest = ledger->taken = unit->number;
    }
    if ((size_t)(ledger->taken - ledger->oldest) == ledger->slot_count && !grow(ledger))
        return false;
    *slot_of(ledger, ledger->taken++) = (struct slot){.due_ns = unit->due_ns, .latency_ns = -1};
    return true;
}

void sm_load_relay_ledger_untake(struct sm_load_relay_ledger *ledger) {
    ledger->taken--;
}

void sm_load_relay_ledger_put(struct sm_load_relay_ledger *ledger, int64_t number,
                              uint64_t end_bytes) {
    if (number >= ledger->oldest)
        slot_of(ledger, number)->end_bytes = end_bytes;
}

void sm_load_relay_ledger_handed(struct sm_load_relay_ledger *ledger, uint64_t sent_bytes,
                                 int64_t now_ns) {
    if (ledger->handed < ledger->oldest)
        ledger->handed = ledger->oldest;
    for (; ledger->handed < ledger->taken; ledger->handed++) {
        struct slot *slot = slot_of(ledger, ledger->handed);
        if (slot->end_bytes == 0 || slot->end_bytes > sent_bytes)
            return;
        if (slot->latency_ns < 0)
            slot->latency_ns = now_ns - slot->due_ns;
    }
}

static void end_oldest(struct sm_load_relay_ledger *ledger, enum sm_ending ending, int outcome) {
    const struct slot *slot = slot_of(ledger, ledger->oldest++);
    bool knows = slot->latency_ns >= 0 || ending != SM_ENDING_ACCEPTED;
    sm_engine_end_after(ledger->engine, ending, outcome,
                        knows ? slot->latency_ns : sm_now_ns() - slot->due_ns);
}

void sm_load_relay_ledger_read(struct sm_load_relay_ledger *ledger, int64_t number) {
    while (ledger->oldest < number && ledger->oldest < ledger->taken)
        end_oldest(ledger, SM_ENDING_ACCEPTED, ledger->read_outcome);
}

void sm_load_relay_ledger_lost(struct sm_load_relay_ledger *ledger) {
    for (int64_t number = ledger->oldest; number < ledger->taken; number++)
        slot_of(ledger, number)->end_bytes = 0;
}

void sm_load_relay_ledger_resume(struct sm_load_relay_ledger *ledger, int64_t number) {
    ledger->handed = number;
}

void sm_load_relay_ledger_forget(struct sm_load_relay_ledger *ledger, const char *outcome) {
    if (ledger->oldest == ledger->taken)
        return;
    int number = sm_tally_outcome(sm_engine_tally(ledger->engine), outcome);
    while (ledger->oldest < ledger->taken)
        end_oldest(ledger, SM_ENDING_UNANSWERED, number);
}

int64_t sm_load_relay_ledger_expire(struct sm_load_relay_ledger *ledger, int64_t now_ns) {
    int64_t timeout_ns = sm_engine_timeout_ns(ledger->engine);
    while (ledger->oldest < ledger->taken) {
        int64_t late_ns = slot_of(ledger, ledger->oldest)->due_ns + timeout_ns;
        if (late_ns > now_ns)
            return late_ns;
        end_oldest(ledger, SM_ENDING_UNANSWERED, ledger->late_outcome);
    }
    return SM_NEVER_NS;
}

void sm_load_relay_ledger_stop(struct sm_load_relay_ledger *ledger) {
    while (ledger->oldest < ledger->taken)
        end_oldest(ledger, SM_ENDING_UNANSWERED,
                   slot_of(ledger, ledger->oldest)->latency_ns < 0 ? ledger->slow_outcome
                                                                   : ledger->unread_outcome);
}
