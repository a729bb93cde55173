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
    for (int n = 15; n >= 1; n -= 2) {
        sum = sum * square + 1.0 / n;
    }
    return 2.0 * t * sum + exponent * 0.6931471805599453;
}

/* 1 - exp(-r) for r >= 0. */
static double one_minus_exp(double r) {
    if (r > 40.0) {
        return 1.0;
    }
    int halvings = 0;
    while (r > 0.25) {
        r *= 0.5;
        halvings++;
    }
    double sum = 0.0; /* r - r^2/2! + r^3/3! - ... by Horner's scheme */
    for (int n = 10; n >= 1; n--) {
        sum = r / n * (1.0 - sum);
    }
    for (; halvings > 0; halvings--) {
        sum = sum * (2.0 - sum); /* 1 - e^-2r from 1 - e^-r */
    }
    return sum;
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
    return (uint64_t)(1024.0 / one_minus_exp((double)bytes / (double)interval) + 0.5);
}
