/* verb_options.c - the values of options that several verbs have. */
#include <getopt.h>
#include <stdlib.h>

#include "../reports/units.h"
#include "verbs.h"

int sm_verb_number(const char *verb, const char *option, const char *text, double low, double high,
                   char mark, double *ret_value) {
    char *end;
    double value = strtod(text, &end);
    if (end != text && mark && *end == mark)
        end++;
    if (end == text || *end || !(value >= low && value <= high))
        return sm_verb_usage(verb, "%s %s is not a number from %g to %g", option, text, low, high);
    *ret_value = value;
    return 0;
}

int sm_verb_sample_bytes(const char *verb, const char *text, double *ret_bytes) {
    double bytes;
    if (sm_unit_parse(SM_UNIT_BYTES, text, &bytes) || bytes < 1)
        return sm_verb_usage(verb, "--sample-bytes %s is not a size like %s", text,
                             sm_unit_example(SM_UNIT_BYTES));
    *ret_bytes = bytes;
    return 0;
}

int sm_verb_duration(const char *verb, const char *text, double *ret_s) {
    if (sm_unit_parse(SM_UNIT_SECONDS, text, ret_s))
        return sm_verb_usage(verb, "--for %s is not a duration like %s", text,
                             sm_unit_example(SM_UNIT_SECONDS));
    return 0;
}

int sm_verb_control_rate(const char *verb, const char *text, double *ret_per_s) {
    double per_s = -1;
    if (text && (sm_unit_parse(SM_UNIT_BYTES_PER_S, text, &per_s) || per_s <= 0))
        return sm_verb_usage(verb, "--positive-control=%s is not a rate like %s", text,
                             sm_unit_example(SM_UNIT_BYTES_PER_S));
    *ret_per_s = per_s;
    return 0;
}

int sm_verb_bad_option(const char *verb, int code, char **argv) {
    const char *text = argv[optind - 1];
    return sm_verb_usage(verb, code == ':' ? "option %s needs a value" : "unknown option %s", text);
}
