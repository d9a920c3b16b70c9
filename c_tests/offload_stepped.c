/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 */
/* test: engines=none engines-why="it chooses engine and policy itself" */
/*
 * Offload on the stepped engine: a completion is an event from outside. The virtual clock waits for it, a recording has it
 * come where it came, and an exploration, which cannot follow it, says so.
 */
#include "harness.h"

#include <poll.h>

static uint64_t ended, seen_at_wake;
static uint64_t slow = 1;

static void start_stepped(uint32_t policy, uint64_t seed, const char *record, const char *replay) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  config.policy = policy;
  config.seed = seed;
  config.record = record;
  config.replay = replay;
  config.offload_threads = 4;
  CHECK_OK(strand_scheduler_init(&config));
}

/* ------------------------------------------------------------------------------------------------------ the clock */

static void *sleep_a_moment(void *arg) {
  (void)arg;
  CHECK_OK(strand_sleep(MILLISECONDS(1)));
  count_set(&seen_at_wake, count_read(&ended));
  return NULL;
}
static void *nap_in_earnest(void *arg) {
  poll(NULL, 0, 30);
  count_up(&ended);
  return arg;
}
static void *offload_a_nap(void *arg) {
  CHECK_OK(strand_offload(nap_in_earnest, arg, STRAND_FOREVER, NULL));
  return NULL;
}

static void a_virtual_clock_stands_still_while_a_call_is_out(void) {
  count_set(&ended, 0);
  start_stepped(STRAND_POLICY_COOPERATIVE, 1, NULL, NULL);
  spawn(offload_a_nap, NULL);
  spawn(sleep_a_moment, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&seen_at_wake), 1); /* it slept until the call was over */
  count_set(&ended, 0);
  spawn(sleep_a_moment, NULL); /* control: without one the clock just moves */
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&seen_at_wake), 0);
  stop_runtime();
}

static uint64_t was_idle;
static void *wait_for_an_idle_step(void *arg) {
  while (count_read(&was_idle) == 0) {
    poll(NULL, 0, 1);
  }
  count_up(&ended);
  return arg;
}
static void *offload_until_a_step_is_idle(void *arg) {
  CHECK_OK(strand_offload(wait_for_an_idle_step, arg, STRAND_FOREVER, NULL));
  return NULL;
}

static void a_step_that_can_only_wait_for_a_call_is_idle(void) {
  strand_step_result result;
  count_set(&ended, 0);
  count_set(&was_idle, 0);
  start_stepped(STRAND_POLICY_COOPERATIVE, 1, NULL, NULL);
  spawn(offload_until_a_step_is_idle, NULL);
  memset(&result, 0, sizeof result);
  result.size = (uint32_t)sizeof result;
  do {
    CHECK_OK(strand_scheduler_step(10, &result));
    CHECK(result.outcome == STRAND_STEP_IDLE || (result.outcome == STRAND_STEP_ALL_DONE && count_read(&was_idle) > 0));
    count_up(&was_idle);
  } while (result.outcome != STRAND_STEP_ALL_DONE);
  CHECK_EQUAL(count_read(&ended), 1);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------------ recordings */

enum { STRANDS = 6, CALLS = 8 };
static char history[1 << 14];
static size_t history_length;
static uint64_t jitter;

static void *nap_by_lot(void *arg) {
  uint64_t random = (uint64_t)(uintptr_t)arg * 977 + count_read(&jitter);
  nap((int64_t)(next_random(&random) % 400) * 1000);
  return arg;
}
static void *offload_and_note(void *arg) {
  const int strand = *(const int *)arg;
  for (int round = 0; round < CALLS; round += 1) {
    void *const number = (void *)(uintptr_t)(strand * 100 + round);
    void *result = NULL;
    CHECK_OK(strand_offload(nap_by_lot, number, STRAND_FOREVER, &result));
    CHECK(result == number);
    history_length += (size_t)snprintf(history + history_length, sizeof history - history_length, "%d.%d ", strand, round);
    if (round % 3 == 0) {
      CHECK_OK(strand_yield());
    }
  }
  return NULL;
}
static void live(uint32_t policy, const char *record, const char *replay) {
  static const int numbers[STRANDS] = {1, 2, 3, 4, 5, 6};
  history_length = 0;
  start_stepped(policy, 5, record, replay);
  for (int strand = 0; strand < STRANDS; strand += 1) {
    spawn(offload_and_note, (void *)(uintptr_t)&numbers[strand]);
  }
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void calls_come_back_where_they_did_in_the_recording(void) {
  static const uint32_t policies[] = {STRAND_POLICY_COOPERATIVE, STRAND_POLICY_RANDOM, STRAND_POLICY_PCT};
  static char before[sizeof history], original[sizeof history];
  int different = 0;
  for (int round = 0; round < 9; round += 1) {
    const uint32_t policy = policies[round % 3];
    count_set(&jitter, (uint64_t)round + 1);
    live(policy, "calls", NULL);
    memcpy(original, history, sizeof history);
    different += round >= 3 && strcmp(before, original) != 0;
    memcpy(before, original, sizeof history);
    count_set(&jitter, (uint64_t)round + 1000); /* other naps, other threads: each completion is put where it was */
    live(policy, NULL, "calls");
    CHECK_SAYS(history, original);
    CHECK(strcmp(history, original) == 0);
  }
  CHECK(different > 0); /* else there would be nothing to put back */
}

/* ------------------------------------------------------------------------------------------------------ exploration */

static void *body(void *arg) {
  const strand_status status = strand_offload(nap_in_earnest, arg, STRAND_FOREVER, NULL);
  CHECK(status == STRAND_ERR_UNSUPPORTED);
  return NULL;
}
static void *plain_body(void *arg) {
  CHECK_OK(strand_yield());
  return arg;
}

static void a_schedule_that_offloads_is_never_a_pass(void) {
  strand_explore_options options;
  strand_explore_result result;
  memset(&options, 0, sizeof options);
  memset(&result, 0, sizeof result);
  options.size = (uint32_t)sizeof options;
  options.plan = "random:runs=5";
  result.size = (uint32_t)sizeof result;
  count_set(&ended, 0);
  start_stepped(STRAND_POLICY_COOPERATIVE, 1, NULL, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_explore(&options, body, NULL, &result));
  CHECK_LAST_ERROR_SAYS("cannot be explored");
  CHECK_EQUAL(count_read(&ended), 0);
  CHECK_OK(strand_explore(&options, plain_body, NULL, &result)); /* control */
  stop_runtime();
}

static void explore_in_a_child(void) {
  CHECK_EQUAL(setenv("STRAND_EXPLORE", "random:runs=5", 1), 0);
  CHECK_OK(strand_scheduler_init(NULL));
  spawn(slow ? offload_a_nap : plain_body, NULL);
  CHECK_OK(strand_scheduler_run());
  _exit(0);
}

static void nor_is_one_of_an_unmodified_program(void) {
  child result;
  slow = 1;
  run_child(&result, explore_in_a_child);
  CHECK_CHILD_EXITED(&result, 1);
  CHECK_SAYS(result.text, "cannot be explored");
  slow = 0;
  run_child(&result, explore_in_a_child); /* control */
  CHECK_CHILD_EXITED(&result, 0);
}

int main(void) {
  CLAIM(nor_is_one_of_an_unmodified_program); /* before the runtime was ever there */
  CLAIM(a_virtual_clock_stands_still_while_a_call_is_out);
  CLAIM(a_step_that_can_only_wait_for_a_call_is_idle);
  CLAIM(calls_come_back_where_they_did_in_the_recording);
  CLAIM(a_schedule_that_offloads_is_never_a_pass);
  return 0;
}
