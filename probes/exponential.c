#include "exponential.h"

#include <string.h>

/* ln(x) for x in (0, 1]: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), ln m by the series of the
 * inverse hyperbolic tangent. Relative error below 1e-10. */
static double natural_log(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    double t = (m - 1.0) / (m + 1.0);
    double square = t * t;
    double sum = 0.0;
    static const double parts[] = {1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9,
                                   1.0 / 7,  1.0 / 5,  1.0 / 3};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sum = (sum + parts[i]) * square;
    }
    return 2.0 * t * (sum + 1.0) + exponent * 0.6931471805599453;
}

/* 1 / (1 - exp(-r)) for r > 0: up to a half by its Laurent series, whose coefficients are
 * Bernoulli's numbers over factorials; relative error below 1e-10. Beyond, by doubling: with
 * p = 1 - exp(-r), 1 - exp(-2r) = p * (2 - p). */
static double over_one_minus_exp(double r) {
    int doublings = 0;
    for (; r > 0.5; r *= 0.5) {
        if (++doublings == 7) { /* from 32 on */
            return 1.0;
        }
    }
    double square = r * r;
    double series = ((-1.0 / 1209600 * square + 1.0 / 30240) * square - 1.0 / 720) * square;
    double inverse = 1.0 / r + 0.5 + (series + 1.0 / 12) * r;
    for (; doublings > 0; doublings--) {
        inverse = inverse * inverse / (2.0 * inverse - 1.0);
    }
    return inverse;
}

int64_t smp_exponential(uint64_t random, uint64_t mean) {
    double uniform = ((double)(random >> 11) + 1.0) * 0x1p-53; /* in (0, 1] */
    double draw = -natural_log(uniform) * (double)mean;
    return draw < 1.0 ? 1 : draw > 0x1p62 ? INT64_C(1) << 62 : (int64_t)draw;
}

uint64_t smp_weight_q10(uint64_t bytes, uint64_t interval) {
    if (interval <= 1 || bytes == 0) {
        return 1024;
    }
    return (uint64_t)(1024.0 * over_one_minus_exp((double)bytes / (double)interval) + 0.5);
}
