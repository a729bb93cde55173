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

/* What is the same for every way to record: sampled this often per second, a stack each so many
 * bytes on average where no option says otherwise, by this seed. */
enum { SM_VERB_RATE_HZ = 20, SM_VERB_SAMPLE_BYTES = 512 * 1024, SM_VERB_SEED = 20261 };

/* verb_options.c: values of options that several verbs have. Each returns 0, or SM_STATUS_USAGE
 * and has told why. */
/* A number from low to high; a final `mark` ('%', or 0 for none) may follow. */
int sm_verb_number(const char *verb, const char *option, const char *text, double low, double high,
                   char mark, double *ret_value);
int sm_verb_sample_bytes(const char *verb, const char *text, double *ret_bytes); /* 1 or more */
int sm_verb_duration(const char *verb, const char *text, double *ret_s);         /* --for */
/* --positive-control[=RATE], as sm_execution_options has it; `text` may be NULL. */
int sm_verb_control_rate(const char *verb, const char *text, double *ret_per_s);

/* Tells a getopt_long failure (opterr = 0, short options starting with ':') in one line. */
int sm_verb_bad_option(const char *verb, int code, char **argv);

/* Of the statuses of several runs the gravest: broken, then failed, then inconclusive. */
int sm_verb_worse(int a, int b);
