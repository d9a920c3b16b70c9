/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared opt=O0,O2 schedules=yes */

/* What went wrong in an earlier task scheduler of another language, one claim for each of its defects by their numbers:
 * there a failure was lost, a cancelled task came back to life, a second completion overwrote the first, and joins ran
 * their tasks one after the other. */

#include "harness.h"

static uint64_t entered;

static strand_outcome outcome_of(strand_task task) {
  strand_outcome outcome;
  memset(&outcome, 0xEE, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(task, &outcome));
  return outcome;
}
static strand_task task_of(strand_task_entry entry, intptr_t arg) {
  strand_task task = 0;
  CHECK_OK(strand_task_spawn(0, entry, (void *)arg, &task));
  return task;
}
static strand_status answer(void *arg, uint64_t *value) {
  count_up(&entered);
  *value = (uint64_t)(uintptr_t)arg;
  return STRAND_OK;
}
static strand_status fail_with(void *arg, uint64_t *value) {
  (void)value;
  count_up(&entered);
  return (strand_status)(intptr_t)arg;
}
static strand_status until_cancelled(void *arg, uint64_t *value) {
  *value = (uint64_t)(uintptr_t)arg;
  count_up(&entered);
  while (strand_sleep(SECONDS(1)) != STRAND_ERR_CANCELLED) {
  }
  return STRAND_ERR_CANCELLED;
}
static void release_all(const strand_task *tasks, size_t count) {
  for (size_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_task_release(tasks[i]));
  }
}

static void defect_1_the_error_of_a_failed_task_is_kept(void) {
  const strand_task task = task_of(fail_with, STRAND_ERR_IO);
  count_set(&entered, 0);
  for (int i = 0; i < 3; i += 1) {
    CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
    CHECK_EQUAL(outcome_of(task).state, STRAND_FAILED);
    CHECK_EQUAL(outcome_of(task).code, STRAND_ERR_IO);
  }
  CHECK_NUMBERS(count_read(&entered), <=, 1); /* nor is it run again */
  CHECK_OK(strand_task_release(task));
}

static void defect_2_a_cancelled_task_stays_cancelled(void) {
  strand_task task = task_of(until_cancelled, 7);
  CHECK_OK(strand_task_cancel(task, 1));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(task).value, 0);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_task_cancel(task, 2));
  CHECK_EQUAL(outcome_of(task).state, STRAND_CANCELLED);
  CHECK_OK(strand_task_release(task));
}

static void defect_3_the_first_of_two_completions_stays(void) {
  strand_promise promise;
  strand_task task;
  CHECK_OK(strand_promise_new(0, &promise, &task));
  CHECK_OK(strand_promise_complete(promise, 1));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_complete(promise, 2));
  CHECK_EQUAL(outcome_of(task).value, 1);
  CHECK_OK(strand_promise_release(promise));
  CHECK_OK(strand_task_release(task));
}

static void defect_4_a_cancelled_external_task_takes_no_late_delivery(void) {
  strand_promise promise;
  strand_task task;
  CHECK_OK(strand_promise_new(0, &promise, &task));
  CHECK_OK(strand_task_cancel(task, 3));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_promise_is_cancelled(promise)); /* its sender knows */
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_complete(promise, 2));
  CHECK_EQUAL(outcome_of(task).state, STRAND_CANCELLED);
  CHECK_OK(strand_promise_release(promise));
  CHECK_OK(strand_task_release(task));
}

static void defect_5_an_external_error_is_told_to_everybody(void) {
  strand_promise promise;
  strand_task task;
  CHECK_OK(strand_promise_new(0, &promise, &task));
  CHECK_OK(strand_promise_fail(promise, -9000, "remote", 6));
  for (int i = 0; i < 3; i += 1) {
    CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
    CHECK_EQUAL(outcome_of(task).code, -9000);
  }
  CHECK_OK(strand_promise_release(promise));
  CHECK_OK(strand_task_release(task));
}

static void defect_6_a_dropped_sender_ends_the_task(void) {
  strand_promise promise;
  strand_task task;
  CHECK_OK(strand_promise_new(0, &promise, &task));
  CHECK_OK(strand_promise_release(promise));
  for (int i = 0; i < 2; i += 1) {
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(task, STRAND_FOREVER, NULL));
    CHECK_EQUAL(outcome_of(task).reason, STRAND_CANCEL_ABANDONED);
  }
  CHECK_OK(strand_task_release(task));
}

static void defect_7_all_runs_every_task_and_cancels_the_losers(void) {
  strand_task tasks[3];
  size_t decided = 9;
  count_set(&entered, 0);
  tasks[0] = task_of(until_cancelled, 0);
  tasks[2] = task_of(until_cancelled, 2);
  await_count(&entered, 2);
  tasks[1] = task_of(fail_with, STRAND_ERR_IO);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_join(STRAND_JOIN_ALL, tasks, 3, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(decided, 1);
  CHECK_EQUAL(count_read(&entered), 3);
  CHECK_EQUAL(outcome_of(tasks[0]).state, STRAND_CANCELLED);
  CHECK_EQUAL(outcome_of(tasks[2]).state, STRAND_CANCELLED);
  release_all(tasks, 3);
}

static void defect_8_a_race_is_won_by_who_ends_first_and_not_by_who_is_listed_first(void) {
  strand_task tasks[2];
  size_t decided = 9;
  tasks[0] = task_of(until_cancelled, 0);
  tasks[1] = task_of(answer, 11);
  CHECK_OK(strand_task_join(STRAND_JOIN_RACE, tasks, 2, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(decided, 1);
  CHECK_EQUAL(outcome_of(tasks[0]).state, STRAND_CANCELLED);
  release_all(tasks, 2);
}

static void defect_9_any_without_a_success_has_all_the_errors(void) {
  strand_task tasks[3];
  strand_outcome outcomes[3];
  size_t decided = 9;
  for (int i = 0; i < 3; i += 1) {
    tasks[i] = task_of(fail_with, -100 - i);
    outcomes[i].size = (uint32_t)sizeof outcomes[i];
  }
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_join(STRAND_JOIN_ANY, tasks, 3, STRAND_FOREVER, outcomes, &decided));
  CHECK_EQUAL(decided, SIZE_MAX);
  for (int i = 0; i < 3; i += 1) {
    CHECK_EQUAL(outcomes[i].state, STRAND_FAILED);
    CHECK_EQUAL(outcomes[i].code, -100 - i);
  }
  release_all(tasks, 3);
}

static void defect_10_a_failure_in_all_settled_is_no_value_that_looks_like_one(void) {
  strand_task tasks[2];
  strand_outcome outcomes[2];
  outcomes[0].size = outcomes[1].size = (uint32_t)sizeof outcomes[0];
  tasks[0] = task_of(fail_with, -5);
  tasks[1] = task_of(answer, -5);
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL_SETTLED, tasks, 2, STRAND_FOREVER, outcomes, NULL));
  CHECK_EQUAL(outcomes[0].state, STRAND_FAILED);
  CHECK_EQUAL(outcomes[0].code, -5);
  CHECK_EQUAL(outcomes[1].state, STRAND_SUCCEEDED);
  CHECK_EQUAL(outcomes[1].value, -5);
  CHECK_EQUAL(outcome_of(tasks[0]).state, STRAND_FAILED);
  release_all(tasks, 2);
}

static void *deliver(void *arg) {
  CHECK_OK(strand_promise_complete(*(strand_promise *)arg, 5));
  return NULL;
}
static void defect_12_joins_include_external_tasks(void) {
  static strand_promise promise;
  strand_task tasks[2];
  strand_outcome outcomes[2];
  pthread_t thread;
  outcomes[0].size = outcomes[1].size = (uint32_t)sizeof outcomes[0];
  CHECK_OK(strand_promise_new(0, &promise, &tasks[0]));
  tasks[1] = task_of(answer, 6);
  thread = start_thread(deliver, &promise);
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL, tasks, 2, STRAND_FOREVER, outcomes, NULL));
  join_thread(thread);
  CHECK_EQUAL(outcomes[0].value, 5);
  CHECK_EQUAL(outcomes[1].value, 6);
  CHECK_OK(strand_promise_release(promise));
  release_all(tasks, 2);
}

static void defect_13_the_same_task_twice_is_refused(void) {
  strand_task tasks[2];
  tasks[0] = tasks[1] = task_of(answer, 1);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_ALL, tasks, 2, STRAND_FOREVER, NULL, NULL));
  CHECK_OK(strand_task_await(tasks[0], STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_release(tasks[0]));
}

static void defect_14_completing_what_nobody_made_makes_nothing(void) {
  CHECK_STATUS(STRAND_ERR_INVALID, strand_promise_complete(99, 1));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_task_await(99, STRAND_NO_WAIT, NULL));
}

static strand_status await_myself(void *arg, uint64_t *value) {
  (void)arg;
  return strand_task_await(strand_task_self(), STRAND_FOREVER, value);
}
static void a_task_that_awaits_itself_is_told_so(void) {
  const strand_task task = task_of(await_myself, 0);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(task).code, STRAND_ERR_INVALID);
  CHECK_OK(strand_task_release(task));
}

/* VmRSS is a sum that each processor adds to now and then; this one is exact. */
static int64_t resident_exactly(void) {
  const char *rollup = "/proc/self/smaps_rollup";
  const int64_t found = access(rollup, R_OK) == 0 ? proc_number(rollup, "Rss:") : -1;
  return found > 0 ? found : resident_kilobytes();
}
static void tasks_that_ended_leave_nothing_behind(void) {
  int64_t before = 0;
  for (int i = 0; i < scaled(200000); i += 1) {
    const strand_task task = task_of(answer, i);
    CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
    CHECK_OK(strand_task_release(task));
    if (i == 1000) {
      before = resident_exactly();
    }
  }
  if (strcmp(STRAND_TEST_INSTRUMENT, "none") == 0) {
    /* Workers that come later bring memory of their own; 16 bytes that each task leaves are 3 MiB. */
    CHECK_NUMBERS(resident_exactly(), <=, before + 1024);
  }
}

int main(void) {
  start_runtime(2);
  CLAIM(defect_1_the_error_of_a_failed_task_is_kept);
  CLAIM(defect_2_a_cancelled_task_stays_cancelled);
  CLAIM(defect_3_the_first_of_two_completions_stays);
  CLAIM(defect_4_a_cancelled_external_task_takes_no_late_delivery);
  CLAIM(defect_5_an_external_error_is_told_to_everybody);
  CLAIM(defect_6_a_dropped_sender_ends_the_task);
  CLAIM(defect_7_all_runs_every_task_and_cancels_the_losers);
  CLAIM(defect_8_a_race_is_won_by_who_ends_first_and_not_by_who_is_listed_first);
  CLAIM(defect_9_any_without_a_success_has_all_the_errors);
  CLAIM(defect_10_a_failure_in_all_settled_is_no_value_that_looks_like_one);
  CLAIM(defect_12_joins_include_external_tasks);
  CLAIM(defect_13_the_same_task_twice_is_refused);
  CLAIM(defect_14_completing_what_nobody_made_makes_nothing);
  CLAIM(a_task_that_awaits_itself_is_told_so);
  if (!environment_says("LIBSTRAND_TEST_SHORT", "1")) {
    CLAIM_IF(is_parallel(), tasks_that_ended_leave_nothing_behind, "memory is counted once");
  }
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  return 0;
}
