#include "scenario_experiments.h"

#include <errno.h>
#include <string.h>

static const struct sm_key doses_keys[] = {
    {.name = "load",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .required = true,
     .at_least = 0.001,
     .at_most = 86400,
     .help = "how long each dose lasts"},
    {.name = "settle",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .required = true,
     .at_least = 0.001,
     .at_most = 86400,
     .help = "how long the rest after each lasts"},
    {.name = "low",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_NONE,
     .fallback = "1",
     .at_least = 0.001,
     .at_most = 1000,
     .help = "the smaller dose, a factor on the rate of the load"},
    {.name = "high",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_NONE,
     .fallback = "2",
     .at_least = 0.001,
     .at_most = 1000,
     .help = "the larger one"},
    {.name = "cycles",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_COUNT,
     .fallback = "8",
     .at_least = 4,
     .at_most = 2000,
     .help = "how many, a multiple of 4: low high high low, and again"},
    {.name = "give_back",
     .type = SM_KEY_BOOL,
     .fallback = "true",
     .help = "asks the allocator in the middle of each rest to give its free pages back"},
    {.name = NULL}};

static const struct sm_key stall_keys[] = {
    {.name = "short",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .required = true,
     .at_least = 0.001,
     .at_most = 86400,
     .help = "how long the faults are at work the first time"},
    {.name = "long",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .required = true,
     .at_least = 0.001,
     .at_most = 86400,
     .help = "how long the second time: so long that more comes in than the target may hold"},
    {.name = "faults",
     .type = SM_KEY_BLOCKS,
     .family = "fault",
     .required = true,
     .help = "what stalls the target"},
    {.name = "recovery",
     .type = SM_KEY_QUANTITY,
     .unit = SM_UNIT_SECONDS,
     .fallback = "10s",
     .at_least = 0.001,
     .at_most = 86400,
     .help = "the time after each, with load and without faults"},
    {.name = NULL}};

static int check_doses(const struct sm_block *doses, struct sm_error *err) {
    if (sm_block_quantity(doses, "high") <= sm_block_quantity(doses, "low"))
        return sm_error_set(err, -EINVAL, doses->where, "write low = 1, high = 2",
                            "the high dose must be above the low one");
    if ((long)sm_block_quantity(doses, "cycles") % 4 != 0)
        return sm_error_set(err, -EINVAL, doses->where, "write cycles = 8",
                            "cycles must be a multiple of 4: low high high low");
    return 0;
}

static int check_stall(const struct sm_block *stall, struct sm_error *err) {
    size_t faults;
    sm_block_blocks(stall, "faults", &faults);
    if (faults == 0)
        return sm_error_set(err, -EINVAL, stall->where, "name what stalls the target",
                            "a stall without a fault");
    if (sm_block_quantity(stall, "long") <= sm_block_quantity(stall, "short"))
        return sm_error_set(err, -EINVAL, stall->where, "write stall { \"5s\", \"10s\", ... }",
                            "the second stall must be longer than the first");
    return 0;
}

const struct sm_member sm_experiment_members[] = {
    {"doses", doses_keys,
     "cycles of load and rest with two doses of load, which tell bounded from growing, and a leak "
     "over time from one per request",
     check_doses},
    {"stall", stall_keys,
     "faults at work for a while and then for longer, which tells a queue that is full from one "
     "that has no end",
     check_stall},
    {.name = NULL}};

static int dose_phase(const struct sm_block *doses, size_t index,
                      struct sm_experiment_phase *phase) {
    size_t cycle = index / 2;
    if (cycle >= (size_t)sm_block_quantity(doses, "cycles"))
        return 0;
    int is_high = cycle % 4 == 1 || cycle % 4 == 2;
    if (index % 2 == 0)
        *phase = (struct sm_experiment_phase){
            .name = is_high ? "high dose" : "low dose",
            .duration_s = sm_block_quantity(doses, "load"),
            .load_factor = sm_block_quantity(doses, is_high ? "high" : "low"),
        };
    else
        *phase = (struct sm_experiment_phase){
            .name = "settle",
            .duration_s = sm_block_quantity(doses, "settle"),
            .give_back = sm_block_bool(doses, "give_back"),
        };
    phase->cycle = (int)cycle + 1;
    return 1;
}

static int stall_phase(const struct sm_block *stall, size_t index,
                       struct sm_experiment_phase *phase) {
    static const struct {
        const char *name, *duration;
    } parts[] = {{"short stall", "short"},
                 {"recovery", "recovery"},
                 {"long stall", "long"},
                 {"recovery", "recovery"}};
    if (index >= sizeof parts / sizeof *parts)
        return 0;
    *phase = (struct sm_experiment_phase){
        .name = parts[index].name,
        .duration_s = sm_block_quantity(stall, parts[index].duration),
        .load_factor = 1,
        .has_faults = index % 2 == 0,
    };
    return 1;
}

int sm_experiment_phase(const struct sm_block *experiment, size_t index,
                        struct sm_experiment_phase *ret_phase) {
    return experiment->keys == doses_keys ? dose_phase(experiment, index, ret_phase)
                                          : stall_phase(experiment, index, ret_phase);
}
