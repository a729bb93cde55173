/* scenario_replay.h - the keys of replay {...}. */
#pragma once

#include "config.h"

extern const struct sm_key sm_replay_keys[];
