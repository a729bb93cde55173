/* completion.h - what shells complete the command line with, made from the table of verbs. */
#pragma once

#include <stdio.h>

/* Prints the script for "bash", "zsh" or "fish" and returns an enum sm_status; for any other
 * shell one line on standard error. */
int sm_completion_print(const char *shell, FILE *to);
