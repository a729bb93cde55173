/* scenario_body_size.c - lengths in bodies: a size, or one that is drawn for each variant.
 *
 * A distribution is drawn from without chance: its DRAWS quantiles in the middle of equal shares,
 * in a mixed order, so that every DRAWS units have exactly its shape. */
#include "scenario_body.h"

#include <math.h>

enum { DRAWS = 1024, DRAW_BITS = 10 };

static const struct sm_key size_key = {
    .name = "n", .unit = SM_UNIT_BYTES, .at_most = SM_BODY_MOST_BYTES};

/* One to one on DRAWS numbers, another for each stream. */
static uint32_t mix(uint32_t number, uint32_t stream) {
    uint32_t mask = DRAWS - 1;
    number = (number + stream * 389) & mask;
    for (uint32_t round = 0; round < 3; round++) {
        number ^= number >> (DRAW_BITS / 2);
        number = (number * (2 * (stream * 97 + round * 151 + 311) + 1) + 7) & mask;
    }
    return number;
}

static double normal_quantile(double share) {
    double low = -9, high = 9;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (erfc(-middle / sqrt(2)) / 2 < share)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static double uniform(double from, double to, double share) {
    return from + (to + 1 - from) * share;
}
static double exponential(double mean, double ignored, double share) {
    (void)ignored;
    return -mean * log1p(-share);
}
/* Of a distribution that is known by its median and its 99th percentile. */
static double lognormal(double median, double p99, double share) {
    return median * exp(log(p99 / median) / normal_quantile(0.99) * normal_quantile(share));
}

static const struct {
    const char *type, *takes;
    lua_Integer arguments;
    double (*quantile)(double, double, double);
} distributions[] = {{"uniform", "uniform(\"1KB\", \"10KB\"), the least and the most", 2, uniform},
                     {"exponential", "exponential(\"4KB\"), the mean", 1, exponential},
                     {"lognormal",
                      "lognormal(\"2KB\", \"64KB\"), the median and what 99 in 100 "
                      "do not exceed",
                      2, lognormal}};

static double argument(struct sm_body_build *build, int table, int number) {
    lua_rawgeti(build->loader->lua, table, number);
    int index = lua_gettop(build->loader->lua);
    sm_resolve(build->loader, index);
    double value = sm_value_quantity(build->loader, index, &size_key);
    lua_pop(build->loader->lua, 1);
    return value;
}

static size_t draw(struct sm_body_build *build, int index, size_t which) {
    struct sm_loader *loader = build->loader;
    int table = sm_body_push_table(build, index);
    if (sm_list_length(loader, table) != distributions[which].arguments)
        sm_raise(loader, NULL, "write %s", distributions[which].takes);
    double one = argument(build, table, 1);
    double other = distributions[which].arguments > 1 ? argument(build, table, 2) : 0;
    bool is_ordered = distributions[which].arguments == 1 || other >= one;
    if (one < (distributions[which].quantile == uniform ? 0 : 1) || !is_ordered)
        sm_raise(loader, NULL, "write %s", distributions[which].takes);
    uint32_t number = mix((uint32_t)sm_body_take_turn(build, DRAWS), (uint32_t)build->draws++);
    double drawn = floor(distributions[which].quantile(one, other, (number + 0.5) / DRAWS));
    lua_settop(loader->lua, table - 1);
    return drawn < SM_BODY_MOST_BYTES ? (size_t)drawn : (size_t)SM_BODY_MOST_BYTES;
}

size_t sm_body_length(struct sm_body_build *build, int index) {
    sm_body_resolve(build, index);
    for (size_t i = 0; i < sizeof distributions / sizeof *distributions; i++)
        if (sm_body_tag(build, index, distributions[i].type))
            return draw(build, index, i);
    return (size_t)sm_value_quantity(build->loader, index, &size_key);
}
