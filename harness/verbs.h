/* verbs.h - the verbs of the command line. Each lives in verb_NAME.c and is one line of the
 * table in verb_table.c, which has its options as well. A verb gets its own arguments (argv[0] is
 * the verb's name), prints results on standard output and progress and errors on standard error,
 * and returns an enum sm_status. */
#pragma once

#include "../reports/error.h"

int sm_verb_run(int argc, char **argv);
int sm_verb_probe(int argc, char **argv);
int sm_verb_attach(int argc, char **argv);
int sm_verb_report(int argc, char **argv);
int sm_verb_gate(int argc, char **argv);
int sm_verb_compare(int argc, char **argv);
int sm_verb_merge(int argc, char **argv);
int sm_verb_list(int argc, char **argv);
int sm_verb_doctor(int argc, char **argv);

/* Prints "spillmark VERB: where: what; todo" on standard error and returns the exit status the
 * error asks for, or `status` when it asks for none. */
int sm_verb_fail(const char *verb, const struct sm_error *err, int status);

/* Prints one usage error and the verb's usage line; returns SM_STATUS_USAGE. */
int sm_verb_usage(const char *verb, const char *what_format, ...)
    __attribute__((format(printf, 2, 3)));

/* --positive-control[=RATE], as sm_execution_options has it; `text` may be NULL. Returns 0, or
 * SM_STATUS_USAGE and has told why. */
int sm_verb_control_rate(const char *verb, const char *text, double *ret_per_s);

/* Tells a getopt_long failure (opterr = 0, short options starting with ':') in one line. */
int sm_verb_bad_option(const char *verb, int code, char **argv);

/* Of the statuses of several runs the gravest: broken, then failed, then inconclusive. */
int sm_verb_worse(int a, int b);
