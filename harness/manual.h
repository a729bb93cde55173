/* manual.h - the manual page spillmark(1), made from the table of verbs. */
#pragma once

#include <stdio.h>

/* Prints it in the macros of man(7); returns an enum sm_status. */
int sm_manual_print(FILE *to);
