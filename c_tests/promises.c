/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */

/* Promises: completed once, from anywhere; cancelled and abandoned ones; holds; and what a select sees of tasks. */

#include "harness.h"

static uint64_t values_dropped, winners, answered;

static void drop_value(uint64_t value) {
  (void)value;
  count_up(&values_dropped);
}
static strand_outcome outcome_of(strand_task task) {
  strand_outcome outcome;
  memset(&outcome, 0xEE, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(task, &outcome));
  return outcome;
}
static void *run_on_a_strand(void *body) {
  ((void (*)(void))(uintptr_t)body)();
  return NULL;
}
static void on_a_strand(void (*body)(void)) {
  CHECK_OK(strand_join(spawn(run_on_a_strand, (void *)(uintptr_t)body), STRAND_FOREVER));
}
static void new_promise(strand_promise *promise, strand_task *task) {
  strand_promise_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.value_drop = drop_value;
  CHECK_OK(strand_promise_new_with(&options, promise, task));
  CHECK(*promise != 0 && *task != 0 && *promise != *task);
}
static void end_both(strand_promise promise, strand_task task) {
  CHECK_OK(strand_promise_release(promise));
  CHECK_OK(strand_task_release(task));
  CHECK_STATUS(STRAND_ERR_STALE, strand_promise_release(promise));
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_release(task));
}

static void an_open_promise_is_pending_and_then_complete(void) {
  strand_promise promise;
  strand_task task;
  uint64_t value = 0;
  count_set(&values_dropped, 0);
  new_promise(&promise, &task);
  CHECK_EQUAL(outcome_of(task).state, STRAND_PENDING);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_task_await(task, STRAND_NO_WAIT, &value));
  CHECK_OK(strand_promise_is_cancelled(promise));
  CHECK_OK(strand_promise_complete(promise, 42));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 42);
  /* The first wins; the others' values stay theirs. */
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_complete(promise, 43));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_fail(promise, STRAND_ERR_IO, "late", 4));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_cancel(promise, 1));
  CHECK_EQUAL(count_read(&values_dropped), 0);
  CHECK_EQUAL(outcome_of(task).value, 42);
  end_both(promise, task);
  CHECK_EQUAL(count_read(&values_dropped), 1);
}

static void a_promise_fails_with_a_message(void) {
  strand_promise promise;
  strand_task task;
  strand_fault fault;
  memset(&fault, 0, sizeof fault);
  fault.size = (uint32_t)sizeof fault;
  new_promise(&promise, &task);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_task_fault(task, 0, &fault));
  CHECK_OK(strand_promise_fail(promise, -77, "no such host", 12));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(task).code, -77);
  CHECK_OK(strand_task_fault(task, 0, &fault));
  CHECK_EQUAL(strcmp(fault.message, "no such host"), 0);
  CHECK_EQUAL(fault.message_length, 12);
  CHECK_EQUAL(fault.strand, 0);
  CHECK_EQUAL(fault.task, task);
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_task_fault(task, 1, &fault));
  end_both(promise, task);
  CHECK_OK(strand_scheduler_run());
}

static void an_abandoned_promise_cancels_its_task(void) {
  strand_promise promise;
  strand_task task;
  new_promise(&promise, &task);
  CHECK_OK(strand_promise_retain(promise));
  CHECK_OK(strand_promise_release(promise));
  CHECK_EQUAL(outcome_of(task).state, STRAND_PENDING);
  CHECK_OK(strand_promise_release(promise));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(task).state, STRAND_CANCELLED);
  CHECK_EQUAL(outcome_of(task).reason, STRAND_CANCEL_ABANDONED);
  CHECK_STATUS(STRAND_ERR_STALE, strand_promise_complete(promise, 1));
  CHECK_OK(strand_task_release(task));
}

static void cancelling_the_task_is_seen_by_the_producer(void) {
  strand_promise promise;
  strand_task task;
  count_set(&values_dropped, 0);
  new_promise(&promise, &task);
  CHECK_OK(strand_task_cancel(task, 31));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_promise_is_cancelled(promise));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_complete(promise, 5)); /* a late delivery */
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_task_cancel(task, 32));
  CHECK_EQUAL(outcome_of(task).state, STRAND_CANCELLED);
  CHECK_EQUAL(outcome_of(task).reason, 31);
  end_both(promise, task);
  CHECK_EQUAL(count_read(&values_dropped), 0);
  new_promise(&promise, &task);
  CHECK_OK(strand_promise_cancel(promise, 33));
  CHECK_EQUAL(outcome_of(task).reason, 33);
  end_both(promise, task);
}

/* Nobody can see the value any more: it is dropped when it comes. */
static void a_value_for_a_released_task_is_dropped_at_once(void) {
  strand_promise promise;
  strand_task task;
  count_set(&values_dropped, 0);
  new_promise(&promise, &task);
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_promise_complete(promise, 5));
  CHECK_EQUAL(count_read(&values_dropped), 1);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_complete(promise, 6));
  CHECK_OK(strand_promise_release(promise));
  CHECK_EQUAL(count_read(&values_dropped), 1);
}

static void *complete_one(void *arg) {
  const strand_status status = strand_promise_complete(*(strand_promise *)arg, 7);
  CHECK(status == STRAND_OK || status == STRAND_ERR_ALREADY);
  count_add(&winners, status == STRAND_OK);
  return NULL;
}
static void *await_one(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_task_await(*(strand_task *)arg, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 7);
  count_up(&answered);
  return NULL;
}
/* Strands and threads, completing and awaiting. */
static void of_many_completions_one_wins_and_all_who_wait_see_it(void) {
  for (int round = 0; round < shortened(100); round += 1) {
    static strand_promise promise;
    static strand_task task;
    pthread_t threads[2];
    new_promise(&promise, &task);
    count_set(&winners, 0);
    count_set(&answered, 0);
    threads[0] = start_thread(await_one, &task);
    for (int i = 0; i < 4; i += 1) {
      spawn(await_one, &task);
      spawn(complete_one, &promise);
    }
    threads[1] = start_thread(complete_one, &promise);
    CHECK_OK(strand_scheduler_run());
    join_thread(threads[0]);
    join_thread(threads[1]);
    CHECK_EQUAL(count_read(&winners), 1);
    CHECK_EQUAL(count_read(&answered), 5);
    end_both(promise, task);
  }
}

static void *complete_later(void *arg) {
  nap(MILLISECONDS(20));
  CHECK_OK(strand_promise_complete(*(strand_promise *)arg, 7));
  return NULL;
}
/* Made by a thread: while it is open nobody waits in vain, so the run is no deadlock. */
static void a_promise_of_a_thread_counts_as_a_hold(void) {
  static strand_promise promise;
  static strand_task task;
  pthread_t thread;
  new_promise(&promise, &task);
  spawn(await_one, &task);
  thread = start_thread(complete_later, &promise);
  CHECK_OK(strand_scheduler_run());
  join_thread(thread);
  end_both(promise, task);
  /* Its hold is its own. */
  CHECK_STATUS(STRAND_ERR_INVALID, strand_external_release());
}

static strand_promise kept_promise;
static strand_task kept_task;
static void *make_and_await(void *arg) {
  strand_promise_options options;
  uint64_t value = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.flags = *(uint32_t *)arg;
  CHECK_OK(strand_promise_new_with(&options, &kept_promise, &kept_task));
  count_up(&answered);
  CHECK_OK(strand_task_await(kept_task, STRAND_FOREVER, &value));
  return NULL;
}
/* Made by a strand it is none, and the deadlock is told; unless it is said that somebody outside will complete it. */
static void a_promise_of_a_strand_is_no_hold_but_with_the_flag(void) {
  static uint32_t flags;
  pthread_t thread;
  flags = 0;
  count_set(&answered, 0);
  spawn(make_and_await, &flags);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("waits for task");
  CHECK_OK(strand_promise_complete(kept_promise, 1));
  CHECK_OK(strand_scheduler_run());
  end_both(kept_promise, kept_task);
  flags = STRAND_PROMISE_EXTERNAL;
  spawn(make_and_await, &flags);
  await_count(&answered, 2);
  thread = start_thread(complete_later, &kept_promise);
  CHECK_OK(strand_scheduler_run());
  join_thread(thread);
  end_both(kept_promise, kept_task);
}

/* ------------------------------------------------------------------------------------------------ and selects */

static strand_status answer_after(void *arg, uint64_t *value) {
  const strand_status status = strand_sleep((int64_t)(intptr_t)arg * 1000);
  *value = (uint64_t)(uintptr_t)arg;
  return status;
}
static strand_case task_case(strand_task task, strand_outcome *outcome) {
  strand_case one;
  memset(&one, 0, sizeof one);
  one.size = (uint32_t)sizeof one;
  one.kind = STRAND_CASE_TASK;
  one.handle = task;
  one.element = outcome;
  return one;
}
static strand_outcome blank(void) {
  strand_outcome outcome;
  memset(&outcome, 0xEE, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  return outcome;
}
static void select_over_tasks(void) {
  enum { TASKS = 12 };
  strand_task tasks[TASKS];
  strand_case cases[TASKS];
  strand_outcome outcomes[TASKS];
  size_t index = 99;
  for (int i = 0; i < TASKS; i += 1) {
    CHECK_OK(strand_task_spawn(0, answer_after, (void *)(intptr_t)(i == 7 ? 10 : 1000000000), &tasks[i])); /* microseconds */
    outcomes[i] = blank();
    cases[i] = task_case(tasks[i], i % 2 == 0 ? NULL : &outcomes[i]);
    cases[i].status = 5;
  }
  if (strand_select(cases, TASKS, STRAND_NO_WAIT, 0, &index) == STRAND_OK) { /* on a slow machine; the others sleep for long */
    CHECK_EQUAL(index, 7);
  }
  CHECK_OK(strand_select(cases, TASKS, STRAND_FOREVER, 0, &index));
  CHECK_EQUAL(index, 7);
  CHECK_EQUAL(cases[7].status, STRAND_OK);
  CHECK_EQUAL(outcomes[7].state, STRAND_SUCCEEDED);
  CHECK_EQUAL(outcomes[7].value, 10);
  CHECK_EQUAL(outcomes[5].state, 0xEEEEEEEE); /* the others are untouched */
  CHECK_EQUAL(cases[5].status, 5);
  CHECK_OK(strand_select(cases, TASKS, STRAND_NO_WAIT, 0, &index)); /* it has still ended */
  CHECK_EQUAL(index, 7);
  cases[7].kind = STRAND_CASE_NONE;
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_select(cases, TASKS, strand_after(1000), 0, &index));
  for (int i = 0; i < TASKS; i += 1) {
    strand_task_cancel(tasks[i], 55);
  }
  while (index != 99) { /* one after the other they are seen to be cancelled */
    index = 99;
    CHECK_OK(strand_select(cases, TASKS, STRAND_FOREVER, 0, &index));
    cases[index].kind = STRAND_CASE_NONE;
    if (index % 2 != 0) {
      CHECK_EQUAL(outcomes[index].state, STRAND_CANCELLED);
      CHECK_EQUAL(outcomes[index].reason, 55);
    }
    int left = 0;
    for (int i = 0; i < TASKS; i += 1) {
      left += cases[i].kind != STRAND_CASE_NONE;
    }
    index = left == 0 ? 99 : index;
  }
  for (int i = 0; i < TASKS; i += 1) {
    CHECK_OK(strand_task_release(tasks[i]));
  }
}
static void a_select_takes_tasks_as_cases(void) {
  on_a_strand(select_over_tasks);
  select_over_tasks(); /* and off-strand */
}

static void *select_one(void *arg) {
  strand_outcome outcome = blank();
  strand_case one = task_case(*(strand_task *)arg, &outcome);
  size_t index = 99;
  CHECK_OK(strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  CHECK_EQUAL(outcome.state, STRAND_FAILED);
  CHECK_EQUAL(outcome.code, STRAND_ERR_IO);
  count_up(&answered);
  return NULL;
}
/* The handles of the program are gone while the select waits; the failure was selected, so the run is silent. */
static void a_select_keeps_what_it_waits_for(void) {
  static strand_promise promise;
  static strand_task task;
  const uint64_t parks = read_statistics().parks;
  count_set(&answered, 0);
  new_promise(&promise, &task);
  spawn(select_one, &task);
  spawn(select_one, &task);
  await_parks(parks + 2); /* before that the handle is theirs to look up */
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_promise_fail(promise, STRAND_ERR_IO, NULL, 0));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&answered), 2);
  CHECK_OK(strand_promise_release(promise));
}

static strand_status select_myself(void *arg, uint64_t *value) {
  strand_case one = task_case(strand_task_self(), NULL);
  strand_outcome small = blank();
  size_t index = 99;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  CHECK_LAST_ERROR_SAYS("its own end");
  *value = 0;
  small.size = 12;
  one.element = &small;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  CHECK_LAST_ERROR_SAYS("sizeof(strand_outcome)");
  one.element = NULL;
  one.handle = 12345;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  return STRAND_OK;
}
static void a_case_that_makes_no_sense_is_refused(void) {
  strand_task task;
  strand_case one;
  size_t index = 99;
  CHECK_OK(strand_task_spawn(0, select_myself, NULL, &task));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_release(task));
  one = task_case(task, NULL);
  CHECK_STATUS(STRAND_ERR_STALE, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
}

static void *wait_for_the_end(void *arg) {
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(*(strand_task *)arg, STRAND_FOREVER, NULL));
  return NULL;
}
/* A shutdown does not wait for promises, and drops what was not taken. */
static void shutdown_ends_open_promises(void) {
  static strand_promise promise, complete;
  static strand_task task, other;
  count_set(&values_dropped, 0);
  new_promise(&promise, &task);
  new_promise(&complete, &other);
  CHECK_OK(strand_promise_complete(complete, 1));
  spawn(wait_for_the_end, &task);
  stop_runtime();
  CHECK_EQUAL(count_read(&values_dropped), 1);
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_promise_complete(promise, 1));
  start_runtime(2);
  CHECK_STATUS(STRAND_ERR_STALE, strand_promise_complete(promise, 1));
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_release(task));
}

int main(void) {
  start_runtime(2);
  CLAIM(an_open_promise_is_pending_and_then_complete);
  CLAIM(a_promise_fails_with_a_message);
  CLAIM(an_abandoned_promise_cancels_its_task);
  CLAIM(cancelling_the_task_is_seen_by_the_producer);
  CLAIM(a_value_for_a_released_task_is_dropped_at_once);
  CLAIM(of_many_completions_one_wins_and_all_who_wait_see_it);
  CLAIM(a_promise_of_a_thread_counts_as_a_hold);
  CLAIM(a_promise_of_a_strand_is_no_hold_but_with_the_flag);
  CLAIM(a_select_takes_tasks_as_cases);
  CLAIM(a_select_keeps_what_it_waits_for);
  CLAIM(a_case_that_makes_no_sense_is_refused);
  CLAIM(shutdown_ends_open_promises);
  stop_runtime();
  return 0;
}
