/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O2 instruments=none */
/* Restart: 300 lives in one process leave threads, maps, descriptors, address space and signal handlers as they were. */
#include "harness.h"

#include <malloc.h>

enum { CYCLES = 300, WARM_UP = 100 };

typedef struct footprint {
  int64_t threads;
  int64_t maps;
  int64_t open_files;
  int64_t virtual_kilobytes;
} footprint;

static footprint measure(void) {
  footprint now;
  now.threads = count_threads();
  now.maps = count_maps();
  now.open_files = count_open_files();
  now.virtual_kilobytes = virtual_kilobytes();
  return now;
}

static uint64_t echoed;

static void *echo(void *arg) {
  const strand_chan *channels = arg;
  for (int message = 0; message < 10; message += 1) {
    uint64_t value = 0;
    CHECK_OK(strand_chan_recv(channels[0], &value, STRAND_FOREVER));
    CHECK_OK(strand_chan_send(channels[1], &value, STRAND_FOREVER));
    count_up(&echoed);
  }
  return NULL;
}

static void *ask(void *arg) {
  const strand_chan *channels = arg;
  for (uint64_t message = 0; message < 10; message += 1) {
    uint64_t value = 0;
    CHECK_OK(strand_chan_send(channels[0], &message, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(channels[1], &value, STRAND_FOREVER));
    CHECK_EQUAL(value, message);
  }
  CHECK_OK(strand_sleep(1000));
  return NULL;
}

static void *count_one(void *arg) {
  count_up(&echoed);
  return arg;
}

static void one_life(uint32_t workers) {
  strand_chan channels[2];
  uint32_t key = 0;
  start_runtime(workers);
  CHECK_OK(strand_local_new(NULL, 0, &key)); /* good until shutdown */
  channels[0] = new_channel(sizeof(uint64_t), 0);
  channels[1] = new_channel(sizeof(uint64_t), 4);
  spawn(echo, channels);
  spawn(ask, channels);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(channels[0])); /* the other one is left for shutdown to free */
  stop_runtime();
}

/*
 * glibc keeps the stacks of ended threads and its own arenas; the first lives fill those stores. How many workers there are
 * at once in a life, and so how many stacks are kept, depends on the machine: what is kept may grow more than once, but
 * what is lost grows each time.
 */
enum { TRIALS = 20 };
static void three_hundred_restarts_leave_the_process_as_it_was(void) {
  struct sigaction before[2];
  struct sigaction after[2];
  footprint start;
  footprint warm;
  footprint end;
  uint64_t lives = WARM_UP;
  int has_grown = 1;
  CHECK_EQUAL(mallopt(M_ARENA_MAX, 1), 1);
  CHECK_EQUAL(sigaction(SIGSEGV, NULL, &before[0]), 0);
  CHECK_EQUAL(sigaction(SIGBUS, NULL, &before[1]), 0);
  start = measure();
  for (int cycle = 0; cycle < WARM_UP; cycle += 1) {
    one_life(1 + (uint32_t)cycle % 4);
  }
  await_threads_at_most(start.threads);
  end = measure();
  for (int trial = 0; trial < TRIALS && has_grown; trial += 1) {
    warm = end;
    for (int cycle = 0; cycle < CYCLES; cycle += 1) {
      one_life(1 + (uint32_t)cycle % 4);
    }
    lives += CYCLES;
    await_threads_at_most(start.threads);
    end = measure();
    /* Two maps for each of the workers' stacks that the C library keeps. */
    has_grown = end.maps > warm.maps + 2 * (int64_t)workers_there(4) || end.virtual_kilobytes > warm.virtual_kilobytes + 1024;
  }
  CHECK_NUMBERS(end.maps, <=, warm.maps + 2 * (int64_t)workers_there(4));
  CHECK_NUMBERS(end.virtual_kilobytes, <=, warm.virtual_kilobytes + 1024);
  CHECK_EQUAL(count_read(&echoed), lives * 10);
  CHECK_EQUAL(end.threads, start.threads);
  CHECK_EQUAL(end.open_files, start.open_files);
  /* Whatever glibc keeps is far smaller than one reserve for stacks. */
  CHECK_NUMBERS(end.virtual_kilobytes, <=, start.virtual_kilobytes + 256 * 1024);
  CHECK_EQUAL(sigaction(SIGSEGV, NULL, &after[0]), 0);
  CHECK_EQUAL(sigaction(SIGBUS, NULL, &after[1]), 0);
  CHECK(after[0].sa_handler == before[0].sa_handler);
  CHECK(after[1].sa_handler == before[1].sa_handler);
  printf("%" PRIu64 " lives: %" PRId64 " threads, %" PRId64 " maps, %" PRId64 " descriptors, %" PRId64 " kB (before: %" PRId64
         ", %" PRId64 ", %" PRId64 ", %" PRId64 ")\n",
         lives, end.threads, end.maps, end.open_files, end.virtual_kilobytes, start.threads, start.maps,
         start.open_files, start.virtual_kilobytes);
}

/* The runtime is really there while it lives: without this the claim above could pass on an empty one. */
static void a_live_runtime_shows_in_the_same_counters(void) {
  const footprint before = measure();
  struct sigaction handler;
  start_runtime(2);
  spawn(count_one, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK((count_threads() > before.threads) == is_parallel());
  CHECK_NUMBERS(count_maps(), >, before.maps);
  CHECK_NUMBERS(virtual_kilobytes(), >, before.virtual_kilobytes);
  CHECK_EQUAL(sigaction(SIGSEGV, NULL, &handler), 0);
  CHECK(handler.sa_handler != SIG_DFL);
  stop_runtime();
}

static void my_handler(int number) { (void)number; }

/* A handler that the program installed while the runtime lived is not ours to replace. */
static void shutdown_leaves_a_handler_that_came_later(void) {
  struct sigaction mine;
  struct sigaction after;
  struct sigaction before;
  memset(&mine, 0, sizeof mine);
  mine.sa_handler = my_handler;
  start_runtime(1);
  CHECK_EQUAL(sigaction(SIGSEGV, &mine, &before), 0);
  stop_runtime();
  CHECK_EQUAL(sigaction(SIGSEGV, NULL, &after), 0);
  CHECK(after.sa_handler == my_handler);
  mine.sa_handler = SIG_DFL;
  CHECK_EQUAL(sigaction(SIGSEGV, &mine, NULL), 0);
}

int main(void) {
  CLAIM_IF(!is_may(), three_hundred_restarts_leave_the_process_as_it_was, "the threads of the may library stay");
  CLAIM_IF(!is_may(), a_live_runtime_shows_in_the_same_counters, "the threads of the may library stay");
  CLAIM(shutdown_leaves_a_handler_that_came_later);
  return 0;
}
