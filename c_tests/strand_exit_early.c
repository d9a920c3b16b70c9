/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* strand_exit: a strand ends from any depth as if its function had returned, and its frames are dropped. */
#include "harness.h"

static uint64_t hooks_ran;
static uint64_t never_reached;
static uint64_t results;

static void *result_of(uint64_t value) { return (void *)(uintptr_t)value; }

static void count_hook(void *data) {
  (void)data;
  CHECK(strand_self() != 0);
  count_up(&hooks_ran);
}

static void note_result(void *local, void *result, void *data) {
  (void)local;
  (void)data;
  count_add(&results, (uint64_t)(uintptr_t)result);
}

static void start_with_exit_hook(uint32_t workers) {
  strand_language_hooks hooks;
  strand_config config = default_config(workers);
  memset(&hooks, 0, sizeof hooks);
  hooks.size = (uint32_t)sizeof hooks;
  hooks.strand_exit = note_result;
  config.hooks = &hooks;
  CHECK_OK(strand_scheduler_init(&config));
  count_set(&hooks_ran, 0);
  count_set(&never_reached, 0);
  count_set(&results, 0);
}

/* Leaves from the bottom of some frames, each with memory of its own. */
static uint64_t descend(uint64_t depth, uint64_t result) {
  volatile uint64_t frame[16];
  frame[depth % 16] = depth;
  if (depth == 0) {
    strand_exit(result_of(result));
    count_up(&never_reached);
  }
  return descend(depth - 1, result) + frame[depth % 16];
}

static void *leave(void *arg) {
  CHECK_OK(strand_on_exit(count_hook, NULL));
  CHECK_OK(strand_on_exit(count_hook, NULL));
  descend(50, (uint64_t)(uintptr_t)arg);
  count_up(&never_reached);
  return NULL;
}

/* ---------------------------------------------------------------------------------------------------- claims */

static void a_strand_ends_from_any_depth_with_its_hooks_and_no_fault(void) {
  enum { STRANDS = 200 };
  start_with_exit_hook(2);
  for (int i = 0; i < STRANDS; i += 1) {
    spawn(leave, result_of(3));
  }
  CHECK_OK(strand_scheduler_run()); /* a fault would be FAILED */
  CHECK_EQUAL(count_read(&hooks_ran), 2 * STRANDS);
  CHECK_EQUAL(count_read(&results), 3 * STRANDS);
  CHECK_EQUAL(count_read(&never_reached), 0);
  stop_runtime();
}

static void *join_one(void *arg) {
  (void)arg;
  CHECK_OK(strand_join(spawn(leave, NULL), STRAND_FOREVER));
  CHECK_EQUAL(count_read(&hooks_ran), 2);
  return NULL;
}
static void whoever_joins_it_sees_the_end_of_its_hooks(void) {
  start_with_exit_hook(2);
  spawn(join_one, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static strand_status task_that_leaves(void *arg, uint64_t *value) {
  (void)arg;
  *value = 1;
  CHECK_OK(strand_on_exit(count_hook, NULL));
  descend(20, 77);
  count_up(&never_reached);
  return STRAND_OK;
}
static void *await_task(void *arg) {
  strand_task task;
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_task_spawn(0, task_that_leaves, NULL, &task));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 77);
  CHECK_OK(strand_task_release(task));
  return NULL;
}
static void a_task_succeeds_with_the_result(void) {
  start_with_exit_hook(2);
  spawn(await_task, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&hooks_ran), 1);
  CHECK_EQUAL(count_read(&results), 0); /* the result is the task's */
  stop_runtime();
}

static uint64_t begun;
static strand_status task_until_cancelled(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  count_up(&begun);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(INT64_C(3600000000000)));
  descend(20, 77);
  count_up(&never_reached);
  return STRAND_OK;
}
static void *cancel_task(void *arg) {
  strand_task task;
  strand_outcome outcome;
  uint64_t value = 5;
  (void)arg;
  count_set(&begun, 0);
  CHECK_OK(strand_task_spawn(0, task_until_cancelled, NULL, &task));
  while (count_read(&begun) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_task_cancel(task, 4242));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 5);
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(task, &outcome));
  CHECK_EQUAL(outcome.state, STRAND_CANCELLED);
  CHECK_EQUAL(outcome.reason, 4242);
  CHECK_OK(strand_task_release(task));
  return NULL;
}
static void a_cancelled_task_is_cancelled(void) {
  start_with_exit_hook(2);
  spawn(cancel_task, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&never_reached), 0);
  stop_runtime();
}

static strand_status generator_that_leaves(void *arg, uint64_t first, uint64_t *last) {
  uint64_t given = 0;
  (void)arg;
  *last = 1;
  if (strand_generator_yield(first + 1, &given) == STRAND_OK) {
    CHECK_EQUAL(given, 20);
  }
  descend(20, 99);
  count_up(&never_reached);
  return STRAND_OK;
}
static void *use_generators(void *arg) {
  strand_generator generator;
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_generator_new(NULL, generator_that_leaves, NULL, &generator));
  CHECK_OK(strand_generator_resume(generator, 10, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 11);
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_generator_resume(generator, 20, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 99);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_generator_resume(generator, 30, &value, STRAND_FOREVER));
  CHECK_OK(strand_generator_release(generator));
  /* Cancelled in its yield: it leaves, and that is no failure. */
  CHECK_OK(strand_generator_new(NULL, generator_that_leaves, NULL, &generator));
  CHECK_OK(strand_generator_resume(generator, 10, &value, STRAND_FOREVER));
  CHECK_OK(strand_generator_cancel(generator));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_generator_wait(generator, &value, STRAND_FOREVER));
  CHECK_OK(strand_generator_release(generator));
  return NULL;
}
static void a_generator_ends_with_the_result_and_a_cancelled_one_without_a_fault(void) {
  start_with_exit_hook(2);
  spawn(use_generators, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&never_reached), 0);
  stop_runtime();
}

static void leave_again(void *data) {
  count_up(&hooks_ran);
  strand_exit(data);
  count_up(&never_reached);
}
static void *leave_in_a_hook(void *arg) {
  CHECK_OK(strand_on_exit(count_hook, NULL));
  CHECK_OK(strand_on_exit(leave_again, NULL));
  return arg;
}
static void leaving_in_a_hook_skips_no_other_hook(void) {
  start_with_exit_hook(1);
  spawn(leave_in_a_hook, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&hooks_ran), 2);
  CHECK_EQUAL(count_read(&never_reached), 0);
  stop_runtime();
}

static void elsewhere_it_is_an_error(void) {
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_exit(NULL));
  start_with_exit_hook(1);
  CHECK_STATUS(STRAND_ERR_NOT_ON_STRAND, strand_exit(NULL));
  CHECK_LAST_ERROR_SAYS("only a strand");
  stop_runtime();
}

int main(void) {
  CLAIM(a_strand_ends_from_any_depth_with_its_hooks_and_no_fault);
  CLAIM(whoever_joins_it_sees_the_end_of_its_hooks);
  CLAIM(a_task_succeeds_with_the_result);
  CLAIM(a_cancelled_task_is_cancelled);
  CLAIM(a_generator_ends_with_the_result_and_a_cancelled_one_without_a_fault);
  CLAIM(leaving_in_a_hook_skips_no_other_hook);
  CLAIM(elsewhere_it_is_an_error);
  return 0;
}
