/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of ingests share: files and pipes of bytes, the descriptors of the process, and how an ingest ends. */
#ifndef LIBSTRAND_C_TESTS_INGEST_H
#define LIBSTRAND_C_TESTS_INGEST_H

#include <dirent.h>
#include <stdbool.h>

#include "worklist.h"

/* What claims work on: the processor first, then an adapter that is a program, where there is one. */
static strand_device device;

/*
 * The stepped engine steps as long as there are strands that count, and an ingest's does not: this one stays to the end.
 */
static inline void *stay(void *arg) {
  char nothing;
  (void)strand_chan_recv((strand_chan)(uintptr_t)arg, &nothing, STRAND_FOREVER);
  return NULL;
}
static inline void start_runtime_and_stay(const strand_config *config) {
  CHECK_OK(strand_scheduler_init(config));
  if (is_stepped()) {
    spawn(stay, (void *)(uintptr_t)new_channel(1, 0));
  }
  open_processor();
  device = processor;
}

static inline strand_ingest_options ingest_options(strand_ingest_counts *counts) {
  strand_ingest_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  if (counts != NULL) {
    memset(counts, 0xff, sizeof *counts);
    counts->size = (uint32_t)sizeof *counts;
    options.counts = counts;
  }
  return options;
}

/* A file without a name that holds these bytes and stands at its beginning. */
static inline int file_of(const void *bytes, size_t length) {
  char path[] = "ingest-XXXXXX";
  const int file = mkstemp(path);
  CHECK(file >= 0);
  CHECK_EQUAL(unlink(path), 0);
  for (size_t done = 0; done < length;) {
    const ssize_t now = write(file, (const char *)bytes + done, length - done);
    CHECK(now > 0);
    done += (size_t)now;
  }
  CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
  return file;
}

typedef struct {
  int out, into;
} pipe_ends;

static inline pipe_ends new_pipe(void) {
  int ends[2];
  CHECK_EQUAL(pipe(ends), 0);
  return (pipe_ends){ends[0], ends[1]};
}

static inline void write_all(int file, const void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    const ssize_t now = write(file, (const char *)bytes + done, length - done);
    CHECK(now > 0);
    done += (size_t)now;
  }
}

/* Descriptors that are open. */
static inline int descriptors(void) {
  int count = 0;
  DIR *folder = opendir("/proc/self/fd");
  CHECK(folder != NULL);
  while (readdir(folder) != NULL) {
    count += 1;
  }
  closedir(folder);
  return count;
}

static inline bool is_pending(strand_ticket ticket) { return strand_ticket_poll(ticket, NULL) == STRAND_ERR_WOULD_BLOCK; }

/* It goes on for a while, and would for ever. */
static inline void check_goes_on(strand_ticket ticket) {
  for (int i = 0; i < 20; i += 1) {
    let_strands_run(16);
    CHECK(is_pending(ticket));
    nap(MILLISECONDS(1));
  }
}

#endif
