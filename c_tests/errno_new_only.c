/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 */
/*
 * Code that was not compiled with the errno of strand.h: the C library's errno and addresses of thread-locals are
 * right when strands that have run stay where they are (NEW_ONLY, NEVER, or a pinned strand).
 */
#define STRAND_NO_ERRNO 1
#include "harness.h"

#include <sys/syscall.h>

enum { STRANDS = 8, YIELDS = 5000 };

static uint64_t wrong;
static uint64_t moved;
static uint64_t ran;

static pid_t thread_now(void) { return (pid_t)syscall(SYS_gettid); }

static _Thread_local uint64_t of_this_thread;

static void *set_yield_read(void *arg) {
  const int mine = (int)(uintptr_t)arg;
  uint64_t *const kept = &of_this_thread; /* what such code does: the address lives over the calls */
  const pid_t thread = thread_now();
  for (int turn = 0; turn < YIELDS; turn += 1) {
    errno = mine + turn;
    CHECK_OK(turn % 100 == 99 ? strand_sleep(1000) : strand_yield());
    if (errno != mine + turn) {
      count_up(&wrong);
    }
    if (thread_now() != thread || &of_this_thread != kept) {
      count_up(&moved);
    }
  }
  count_up(&ran);
  return NULL;
}

static void run_with(uint32_t migration, uint32_t flags, uint32_t workers) {
  strand_config config = default_config(workers);
  config.migration = migration;
  count_set(&wrong, 0);
  count_set(&moved, 0);
  count_set(&ran, 0);
  CHECK_OK(strand_scheduler_init(&config));
  for (uintptr_t strand = 1; strand <= STRANDS; strand += 1) {
    spawn_flagged(flags, set_yield_read, (void *)(strand * 100000));
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), STRANDS);
  CHECK_EQUAL(count_read(&moved), 0);
  CHECK_EQUAL(count_read(&wrong), 0);
  stop_runtime();
}

static void errno_and_thread_locals_are_right_under_new_only(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    run_with(STRAND_MIGRATE_NEW_ONLY, 0, workers);
  }
}
static void errno_and_thread_locals_are_right_under_never(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    run_with(STRAND_MIGRATE_NEVER, 0, workers);
  }
}
static void errno_and_thread_locals_are_right_on_pinned_strands(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    run_with(STRAND_MIGRATE_FREE, STRAND_SPAWN_PINNED, workers);
  }
}

/* Waking from elsewhere does not move them either. */
static strand_chan channel;
static void *receive_where_i_started(void *arg) {
  const pid_t thread = thread_now();
  uint64_t value = 0;
  (void)arg;
  while (strand_chan_recv(channel, &value, STRAND_FOREVER) == STRAND_OK) {
    if (thread_now() != thread) {
      count_up(&moved);
    }
  }
  count_up(&ran);
  return NULL;
}
static void *send_from_a_strand(void *arg) {
  (void)arg;
  for (uint64_t message = 0; message < 1000; message += 1) {
    CHECK_OK(strand_chan_send(channel, &message, STRAND_FOREVER));
  }
  return NULL;
}

static void a_wake_from_elsewhere_does_not_move_a_strand_under_new_only(void) {
  strand_config config = default_config(4);
  config.migration = STRAND_MIGRATE_NEW_ONLY;
  count_set(&moved, 0);
  count_set(&ran, 0);
  CHECK_OK(strand_scheduler_init(&config));
  CHECK_OK(strand_external_acquire());
  channel = new_channel(sizeof(uint64_t), 0);
  for (int strand = 0; strand < STRANDS; strand += 1) {
    spawn(receive_where_i_started, NULL);
  }
  spawn(send_from_a_strand, NULL);
  send_from_a_strand(NULL);
  {
    const strand_id last = spawn(send_from_a_strand, NULL);
    CHECK_OK(strand_join(last, STRAND_FOREVER));
  }
  AWAIT(read_statistics().live <= STRANDS);
  CHECK_OK(strand_chan_close(channel));
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), STRANDS);
  CHECK_EQUAL(count_read(&moved), 0);
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

int main(void) {
  CLAIM_IF(has_homes(), errno_and_thread_locals_are_right_under_new_only,
           "the may engine keeps a strand on one worker only where there is one");
  CLAIM_IF(has_homes(), errno_and_thread_locals_are_right_under_never,
           "the may engine keeps a strand on one worker only where there is one");
  CLAIM_IF(has_homes(), errno_and_thread_locals_are_right_on_pinned_strands,
           "the may engine keeps a strand on one worker only where there is one");
  CLAIM_IF(has_homes(), a_wake_from_elsewhere_does_not_move_a_strand_under_new_only,
           "the may engine keeps a strand on one worker only where there is one");
  return 0;
}
