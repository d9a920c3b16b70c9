/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a strand pays to await a device: 64 bytes of a buffer are read back, over and over. The peer is raw_wgpu, "copy of
 * 64 bytes read back": the same copy and the same map, submitted and awaited by one thread.
 *
 * round_trip [ROUNDS]: median, 99th percentile and least, in microseconds; from a strand and from an OS thread, and from
 * a strand while another one on the same worker yields all the time: a device must not keep a worker.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "strand.h"

#define CHECK(call)                                                                  \
  do {                                                                               \
    const strand_status check_status = (call);                                       \
    if (check_status != STRAND_OK) {                                                 \
      char error[400] = "";                                                          \
      strand_last_error(error, sizeof error);                                        \
      fprintf(stderr, "%s: %s: %s\n", #call, strand_status_name(check_status), error); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

static int rounds = 2000;
static double *times;
static strand_buffer buffer;
static volatile int over;
static uint64_t yields;

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void read_once(void) {
  uint32_t words[16];
  strand_ticket ticket = 0;
  CHECK(strand_buffer_read(buffer, 0, words, sizeof words, &ticket));
  CHECK(strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK(strand_ticket_release(ticket));
  if (words[3] != 77) {
    fprintf(stderr, "%u was read\n", words[3]);
    exit(1);
  }
}

static void *read_often(void *name) {
  for (int round = 0; round < rounds / 10; round += 1) {
    read_once();
  }
  for (int round = 0; round < rounds; round += 1) {
    const double start = microseconds();
    read_once();
    times[round] = microseconds() - start;
  }
  over = 1;
  qsort(times, (size_t)rounds, sizeof *times, compare);
  printf("strand: copy of 64 bytes read back, %s: median %.1f us, p99 %.1f us, least %.1f us\n", (const char *)name,
         times[rounds / 2], times[rounds * 99 / 100], times[0]);
  return NULL;
}

static void *yield_all_the_time(void *arg) {
  while (!over) {
    CHECK(strand_yield());
    yields += 1;
  }
  return arg;
}

static void on_strand(strand_entry entry, void *arg) {
  strand_id id = 0;
  CHECK(strand_spawn(entry, arg, &id));
}

int main(int count, char **arguments) {
  strand_device_options options;
  strand_device_info info;
  strand_device device = 0;
  const uint32_t words[4] = {0, 0, 0, 77};
  double start;
  memset(&options, 0, sizeof options);
  memset(&info, 0, sizeof info);
  options.size = (uint32_t)sizeof options;
  info.size = (uint32_t)sizeof info;
  options.kind = STRAND_DEVICE_AUTO;
  options.name = count > 2 ? arguments[2] : NULL;
  if (options.name == NULL) {
    options.kind = STRAND_DEVICE_SOFTWARE;
  }
  rounds = count > 1 ? atoi(arguments[1]) : rounds;
  times = malloc((size_t)rounds * sizeof *times);
  CHECK(strand_scheduler_init(NULL));
  CHECK(strand_device_open(&options, &device));
  CHECK(strand_device_info_of(device, &info));
  printf("adapter %s\n", info.name);
  CHECK(strand_buffer_new(device, 64, 0, &buffer));
  CHECK(strand_buffer_write(buffer, 0, words, sizeof words));
  on_strand(read_often, (void *)"by a strand");
  CHECK(strand_scheduler_run());
  read_often((void *)"by an OS thread");
  over = 0;
  on_strand(read_often, (void *)"by a strand beside one that yields");
  on_strand(yield_all_the_time, NULL);
  start = microseconds();
  CHECK(strand_scheduler_run());
  printf("strand: the one beside it yielded every %.3f us\n", (microseconds() - start) / (double)yields);
  CHECK(strand_device_close(device));
  CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
  free(times);
  return 0;
}
