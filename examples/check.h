// SPDX-License-Identifier: MIT OR Apache-2.0
// What an example does when a call fails: it says which one, why, and ends the program.
#ifndef EXAMPLES_CHECK_H
#define EXAMPLES_CHECK_H
#include <stdio.h>
#include <stdlib.h>
#include <strand.h>

#define CHECK(call) check((call), #call, __FILE__, __LINE__)

static inline void check(strand_status status, const char *call, const char *file, int line) {
    if (status == STRAND_OK) return;
    char why[4096];
    strand_last_error(why, sizeof why);
    fprintf(stderr, "%s:%d: %s answered %s: %s\n", file, line, call, strand_status_name(status), why);
    exit(EXIT_FAILURE);
}
#endif
