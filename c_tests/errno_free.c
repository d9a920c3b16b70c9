/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" */
/* errno follows the strand: with the errno of strand.h, under free migration, at any number of workers. */
#include "harness.h"

enum { STRANDS = 8, YIELDS = 5000 };

static uint64_t wrong;
static uint64_t control_wrong;
static uint64_t ran;

/* The loop is written so that a compiler would like to keep the address of errno over the call. */
static void *set_yield_read(void *arg) {
  const int mine = (int)(uintptr_t)arg;
  CHECK_EQUAL(errno, 0); /* a new strand starts clean */
  for (int turn = 0; turn < YIELDS; turn += 1) {
    errno = mine + turn;
    CHECK_OK(strand_yield());
    if (errno != mine + turn) {
      count_up(&wrong);
    }
  }
  count_up(&ran);
  return NULL;
}

static void errno_is_right_under_free_migration(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&wrong, 0);
    count_set(&ran, 0);
    start_runtime(workers);
    errno = 12345;
    for (uintptr_t strand = 1; strand <= STRANDS; strand += 1) {
      spawn(set_yield_read, (void *)(strand * 100000));
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), STRANDS);
    CHECK_EQUAL(count_read(&wrong), 0);
    stop_runtime();
  }
}

static void *set_wait_read(void *arg) {
  const int mine = (int)(uintptr_t)arg;
  for (int turn = 0; turn < 200; turn += 1) {
    errno = mine + turn;
    CHECK_OK(strand_sleep(turn % 3 == 0 ? 1000 : 0));
    if (errno != mine + turn) {
      count_up(&wrong);
    }
  }
  count_up(&ran);
  return NULL;
}

static void errno_is_right_over_waits_that_move_strands(void) {
  count_set(&wrong, 0);
  count_set(&ran, 0);
  start_runtime(4);
  for (uintptr_t strand = 1; strand <= 40; strand += 1) {
    spawn(set_wait_read, (void *)(strand * 100000));
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 40);
  CHECK_EQUAL(count_read(&wrong), 0);
  stop_runtime();
}

/* Negative control: the same loop over a thread-local of the program, which nobody keeps per strand. */
static _Thread_local int mine_alone;
static void *set_yield_read_thread_local(void *arg) {
  const int mine = (int)(uintptr_t)arg;
  for (int turn = 0; turn < YIELDS; turn += 1) {
    mine_alone = mine + turn;
    CHECK_OK(strand_yield());
    if (mine_alone != mine + turn) {
      count_up(&control_wrong);
    }
  }
  return NULL;
}
/* From the strand that keeps the worker: none begins before all are there, however long a thread that spawned them might stop. */
static void *spawn_all_thread_local(void *arg) {
  for (uintptr_t strand = 1; strand <= STRANDS; strand += 1) {
    spawn(set_yield_read_thread_local, (void *)(strand * 100000));
  }
  return arg;
}

static void a_plain_thread_local_is_wrong_in_the_same_loop(void) {
  count_set(&control_wrong, 0);
  start_runtime(1);
  spawn(spawn_all_thread_local, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_NUMBERS(count_read(&control_wrong), >, YIELDS);
  printf("control: %" PRIu64 " of %d wrong\n", count_read(&control_wrong), STRANDS * YIELDS);
  stop_runtime();
}

static void errno_of_an_os_thread_is_its_own(void) {
  int *off_strand;
  start_runtime(2);
  off_strand = strand_errno_location();
  CHECK(off_strand != NULL);
  errno = 77;
  for (uintptr_t strand = 1; strand <= STRANDS; strand += 1) {
    spawn(set_yield_read, (void *)(strand * 100000));
  }
  CHECK_EQUAL(*off_strand, errno);
  CHECK_OK(strand_scheduler_run());
  CHECK(strand_errno_location() == off_strand);
  errno = 0;
  CHECK_EQUAL(close(-1), -1);
  CHECK_EQUAL(errno, EBADF); /* the C library's own */
  stop_runtime();
}

int main(void) {
  CLAIM(errno_is_right_under_free_migration);
  CLAIM(errno_is_right_over_waits_that_move_strands);
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, a_plain_thread_local_is_wrong_in_the_same_loop,
           "needs strands that take turns on one thread, and under pct one goes on until it is demoted");
  CLAIM(errno_of_an_os_thread_is_its_own);
  return 0;
}
