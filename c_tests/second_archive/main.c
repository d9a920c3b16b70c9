/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libstrand and a second Rust archive in one program; both panic, each catches its own.
 *
 * No public call of libstrand panics on purpose. For this program the packaging test makes one function that panics, deep inside
 * libstrand's own copy of Rust's core library, callable in a copy of libstrand.a: first_panics. Everything else in that copy is as shipped.
 */
#include <stdio.h>
#include <string.h>

#include "strand.h"

void *second_panics(void *argument);
uint32_t second_caught(void);
uint32_t second_works(void);

/* core's panics take the place they are blamed on: a file name (pointer, length), line and column. */
struct place {
  const char *file;
  size_t length;
  uint32_t line, column;
};
#ifdef FIRST_PANICS
void first_panics(const struct place *place);

static void *inside_libstrand(void *argument) {
  static const struct place here = {"second_archive/main.c", 21, 1, 1};
  first_panics(&here);
  return argument;
}
#endif

static int expect(int holds, const char *what) {
  if (!holds) {
    char text[512];
    strand_last_error(text, sizeof text);
    fprintf(stderr, "not so: %s (last error: %s)\n", what, text);
  }
  return holds ? 0 : 1;
}

static uint64_t faults(void) {
  strand_statistics now;
  memset(&now, 0, sizeof now);
  now.size = sizeof now;
  return strand_statistics_read(&now) == STRAND_OK ? now.faults : UINT64_MAX;
}

int main(void) {
  int wrong = 0;
  uint64_t wanted = 0;
  wrong += expect(second_works() == 11, "the second archive's std works");
  wrong += expect(strand_scheduler_init(NULL) == STRAND_OK, "init");
  for (int round = 0; round < 3; round++) {
    wrong += expect(strand_spawn(second_panics, NULL, NULL) == STRAND_OK, "spawn of the second archive's entry");
    strand_wait_all(STRAND_FOREVER);
#ifdef FIRST_PANICS
    wanted++;
    wrong += expect(strand_spawn(inside_libstrand, NULL, NULL) == STRAND_OK, "spawn of the entry that panics");
    strand_wait_all(STRAND_FOREVER);
#endif
  }
  wrong += expect(second_caught() == 3, "the second archive caught its three panics");
  wrong += expect(faults() == wanted, "each panic inside libstrand became a fault of its strand");
  wrong += expect(strand_scheduler_shutdown(STRAND_FOREVER) == STRAND_OK, "shutdown");
  wrong += expect(second_works() == 11, "the second archive still works");
  if (wrong == 0) puts("both panicked, both recovered");
  return wrong;
}
