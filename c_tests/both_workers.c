/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 */
/* Several workers really run strands: shown by strands that can only finish side by side, and by the counters. */
#include "harness.h"

#include <sched.h>
#include <stdbool.h>

static uint64_t inside;
static uint64_t needed;

/*
 * No call of the library: it ends only when that many of these run at the same moment, each on its own worker. On fewer processors
 * than workers the others' threads need the processor meanwhile.
 */
static void *meet_the_others(void *arg) {
  (void)arg;
  count_up(&inside);
  while (count_read(&inside) < count_read(&needed)) {
    sched_yield();
  }
  return NULL;
}

static void check_that_every_worker_ran(uint32_t workers) {
  for (uint32_t worker = 0; worker < workers; worker += 1) {
    uint64_t runs = 0;
    CHECK_OK(strand_worker_runs(worker, &runs));
    CHECK_NUMBERS(runs, >, 0);
  }
}

static void strands_spawned_from_outside_run_on_all_workers_at_once(void) {
  for (uint32_t workers = 2; workers <= 4; workers += 1) {
    count_set(&inside, 0);
    count_set(&needed, workers);
    start_runtime(workers);
    for (uint32_t strand = 0; strand < workers; strand += 1) {
      spawn(meet_the_others, NULL);
    }
    CHECK_OK(strand_scheduler_run());
    check_that_every_worker_ran(workers);
    stop_runtime();
  }
}

static void *spawn_the_others_and_meet(void *arg) {
  for (uint64_t strand = 1; strand < count_read(&needed); strand += 1) {
    spawn(meet_the_others, NULL);
  }
  return meet_the_others(arg);
}

/* The spawner keeps its worker: the children must be stolen by workers that are woken for them. */
static void strands_spawned_on_a_strand_run_on_all_workers_at_once(void) {
  for (uint32_t workers = 2; workers <= 4; workers += 1) {
    for (int round = 0; round < 50; round += 1) {
      count_set(&inside, 0);
      count_set(&needed, workers);
      start_runtime(workers);
      spawn(spawn_the_others_and_meet, NULL);
      CHECK_OK(strand_scheduler_run());
      check_that_every_worker_ran(workers);
      stop_runtime();
    }
  }
}

static strand_chan gate;
static void *wait_then_meet(void *arg) {
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  return meet_the_others(arg);
}
static void *open_the_gate_and_meet(void *arg) {
  CHECK_OK(strand_chan_close(gate));
  return meet_the_others(arg);
}

/* The same for strands that are woken, all by one strand that keeps its worker. */
static void woken_strands_run_on_all_workers_at_once(void) {
  for (uint32_t workers = 2; workers <= 4; workers += 1) {
    for (int round = 0; round < 50; round += 1) {
      uint64_t parks;
      count_set(&inside, 0);
      count_set(&needed, workers);
      start_runtime(workers);
      gate = new_channel(0, 0);
      parks = read_statistics().parks;
      for (uint32_t strand = 1; strand < workers; strand += 1) {
        spawn(wait_then_meet, NULL);
      }
      await_parks(parks + workers - 1);
      spawn(open_the_gate_and_meet, NULL);
      CHECK_OK(strand_scheduler_run());
      check_that_every_worker_ran(workers);
      CHECK_OK(strand_chan_release(gate));
      stop_runtime();
    }
  }
}

static void *wake_one_and_meet(void *arg) {
  const uint64_t value = 1;
  CHECK_OK(strand_chan_send(*(strand_chan *)arg, &value, STRAND_FOREVER));
  return meet_the_others(arg);
}
static void *be_woken_and_meet(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &value, STRAND_FOREVER));
  return meet_the_others(arg);
}

/* One wakes one and then never gives way: the woken strand sits in the run-next slot and must be stolen from there. */
static void a_strand_in_the_run_next_slot_can_be_stolen(void) {
  for (int round = 0; round < 100; round += 1) {
    uint64_t parks;
    count_set(&inside, 0);
    count_set(&needed, 2);
    start_runtime(2);
    gate = new_channel(sizeof(uint64_t), 0);
    parks = read_statistics().parks;
    spawn(be_woken_and_meet, &gate);
    await_parks(parks + 1);
    spawn(wake_one_and_meet, &gate);
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_chan_release(gate));
    stop_runtime();
  }
}

static int processors(void) {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  return CPU_COUNT(&set);
}

/* Two stages, the second of which works on what the first hands it. */
static uint64_t working;
static uint64_t side_by_side; /* pieces of the last hundred that were begun while the other stage worked */
static uint64_t enough;

static bool work_on_a_piece(void) {
  const bool together = count_up(&working) == 2;
  const int64_t until = monotonic() + MILLISECONDS(1) / 5;
  while (monotonic() < until) {
    sched_yield();
  }
  count_add(&working, UINT64_MAX);
  return together;
}
static void *first_stage(void *arg) {
  const int64_t until = monotonic() + SECONDS(60);
  uint64_t piece = 0;
  while (count_read(&enough) == 0 && monotonic() < until) {
    (void)work_on_a_piece();
    CHECK_OK(strand_chan_send(gate, &piece, STRAND_FOREVER));
    piece += 1;
  }
  CHECK_OK(strand_chan_close(gate));
  return arg;
}
static void *second_stage(void *arg) {
  uint64_t piece = 0;
  while (strand_chan_recv(gate, &piece, STRAND_FOREVER) == STRAND_OK) {
    if (piece % 100 == 0) {
      count_set(&side_by_side, 0);
    }
    /* The first hundred show how they came to begin, not how they go on. */
    if (work_on_a_piece() && piece >= 100 && count_up(&side_by_side) >= 10) {
      count_set(&enough, 1);
    }
  }
  return arg;
}
static void *spawn_both_stages(void *arg) {
  spawn(first_stage, NULL);
  spawn(second_stage, NULL);
  return arg;
}

/*
 * Each message makes one of them ready behind the other, on the worker of that one: alone there, and never for long. Nobody is late
 * and never do two wait, yet the other worker must not sleep through it.
 */
static void two_stages_that_work_for_long_run_side_by_side(void) {
  count_set(&enough, 0);
  start_runtime(2);
  gate = new_channel(sizeof(uint64_t), 0);
  spawn(spawn_both_stages, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&enough), 1);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

/* Negative control: with one worker the same strands never meet, and the child's alarm ends it. */
static void meet_on_one_worker(void) {
  alarm(1);
  count_set(&inside, 0);
  count_set(&needed, 2);
  start_runtime(1);
  spawn(meet_the_others, NULL);
  spawn(meet_the_others, NULL);
  (void)strand_scheduler_run();
}
static void on_one_worker_they_do_not_meet(void) {
  child result;
  run_child(&result, meet_on_one_worker);
  CHECK(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGALRM);
}

static void one_worker_alone_has_the_only_counter(void) {
  uint64_t runs = 0;
  count_set(&inside, 0);
  count_set(&needed, 1);
  start_runtime(1);
  spawn(meet_the_others, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_worker_runs(0, &runs));
  CHECK_EQUAL(runs, 1);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_worker_runs(1, &runs));
  CHECK_EQUAL(read_statistics().switches, 1);
  stop_runtime();
}

int main(void) {
  CLAIM_IF(has_workers_as_written(), on_one_worker_they_do_not_meet,
           "about a certain number of workers"); /* the child first: before any init here */
  CLAIM_IF(has_workers_as_written(), strands_spawned_from_outside_run_on_all_workers_at_once,
           "about a certain number of workers");
  CLAIM_IF(has_workers_as_written(), strands_spawned_on_a_strand_run_on_all_workers_at_once,
           "about a certain number of workers");
  CLAIM_IF(has_workers_as_written(), woken_strands_run_on_all_workers_at_once,
           "about a certain number of workers");
  CLAIM_IF(has_workers_as_written(), a_strand_in_the_run_next_slot_can_be_stolen,
           "about a certain number of workers");
  CLAIM_IF(has_workers_as_written() && processors() >= 2 && strcmp(STRAND_TEST_INSTRUMENT, "none") == 0,
           two_stages_that_work_for_long_run_side_by_side, "about two processors for two workers");
  CLAIM_IF(workers_there(1) == 1, one_worker_alone_has_the_only_counter,
           "about one worker");
  return 0;
}
