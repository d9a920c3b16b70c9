/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared opt=O0,O2 cflags="-fno-optimize-sibling-calls -rdynamic" schedules=yes */

/* Fault records of tasks: what they say, who is told, and that nobody who was told is told again. */

#include "harness.h"

static strand_task task_of(strand_task_entry entry, void *arg) {
  strand_task task = 0;
  CHECK_OK(strand_task_spawn(0, entry, arg, &task));
  return task;
}
static strand_outcome outcome_of(strand_task task) {
  strand_outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(task, &outcome));
  return outcome;
}
static strand_fault fault_of(strand_task task, size_t depth) {
  strand_fault fault;
  memset(&fault, 0xEE, sizeof fault);
  fault.size = (uint32_t)sizeof fault;
  CHECK_OK(strand_task_fault(task, depth, &fault));
  return fault;
}
static strand_status fail_with(void *arg, uint64_t *value) {
  (void)value;
  return (strand_status)(intptr_t)arg;
}
static void *as_arg(intptr_t number) { return (void *)number; }

static __attribute__((noinline)) void fail_deep_inside(int depth, strand_id *id) {
  if (depth > 0) {
    fail_deep_inside(depth - 1, id);
    __asm__ volatile("" ::: "memory"); /* no tail call */
  } else {
    *id = strand_self();
    strand_fail(STRAND_ERR_IO, "the disk is on fire", 19);
  }
}
static strand_status fail_by_call(void *arg, uint64_t *value) {
  *value = 5;
  fail_deep_inside(3, arg);
  return STRAND_OK;
}
static void strand_fail_leaves_a_record_with_a_backtrace(void) {
  strand_task_options options;
  strand_task task;
  strand_fault fault;
  strand_id id = 0;
  int deep = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.name = "writer";
  options.name_length = 6;
  CHECK_OK(strand_task_spawn_with(&options, fail_by_call, &id, &task));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(task).code, STRAND_ERR_IO);
  fault = fault_of(task, 0);
  CHECK_EQUAL(fault.code, STRAND_ERR_IO);
  CHECK_EQUAL(fault.strand, id);
  CHECK_EQUAL(fault.task, task);
  CHECK_EQUAL(fault.causes, 0);
  CHECK_EQUAL(strcmp(fault.name, "writer"), 0);
  CHECK_EQUAL(fault.name_length, 6);
  CHECK_EQUAL(strcmp(fault.message, "the disk is on fire"), 0);
  CHECK_EQUAL(fault.message_length, 19);
  /* The innermost addresses lie in the function that failed, four frames of it, then its caller. */
  CHECK_NUMBERS(fault.address_count, >=, 5);
  CHECK_NUMBERS(fault.address_count, <=, 32);
  for (uint32_t i = 0; i < fault.address_count; i += 1) {
    const uint64_t from = (uint64_t)(uintptr_t)fail_deep_inside;
    deep += i < 4 && fault.addresses[i] > from && fault.addresses[i] < from + 400;
  }
  CHECK_EQUAL(deep, 4);
  CHECK_EQUAL(fault.address_count < 32 ? fault.addresses[31] : 0, 0);
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_scheduler_run()); /* it was awaited */
}

static strand_status assert_something_false(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  strand_assert(1 == 2, "one is two");
  return STRAND_OK;
}
static void a_false_assertion_fails_the_task(void) {
  const strand_task task = task_of(assert_something_false, NULL);
  strand_fault fault;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  fault = fault_of(task, 0);
  CHECK_EQUAL(fault.code, STRAND_ERR_FAILED);
  CHECK_SAYS(fault.message, "one is two");
  CHECK_NUMBERS(fault.address_count, >, 0);
  CHECK_OK(strand_task_release(task));
}

static strand_status pass_on_a_failed_call(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  return strand_chan_send(12345, value, STRAND_NO_WAIT);
}
/* What the failing call said is what the task says. */
static void a_returned_code_has_the_message_of_the_call_that_failed(void) {
  strand_task task = task_of(pass_on_a_failed_call, NULL);
  strand_fault fault;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  fault = fault_of(task, 0);
  CHECK_EQUAL(fault.code, STRAND_ERR_INVALID);
  CHECK_SAYS(fault.message, "0x3039 is not the handle of a channel");
  CHECK_EQUAL(fault.address_count, 0);
  CHECK_OK(strand_task_release(task));
  task = task_of(fail_with, as_arg(-4242));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  fault = fault_of(task, 0);
  CHECK_EQUAL(fault.code, -4242);
  CHECK_EQUAL(fault.message_length, 0);
  CHECK_OK(strand_task_release(task));
}

static strand_status await_a_level_below(void *arg, uint64_t *value) {
  const intptr_t depth = (intptr_t)arg;
  strand_task task;
  strand_status status;
  if (depth == 0) {
    return -1000;
  }
  task = task_of(await_a_level_below, as_arg(depth - 1));
  if (depth % 2 == 0) {
    status = strand_task_await(task, STRAND_FOREVER, value);
  } else {
    status = strand_task_join(STRAND_JOIN_ALL, &task, 1, STRAND_FOREVER, NULL, NULL);
  }
  CHECK_STATUS(STRAND_ERR_FAILED, status);
  CHECK_OK(strand_task_release(task)); /* the record outlives the task */
  return status;
}
static void a_failure_that_is_passed_on_has_its_cause(void) {
  enum { LEVELS = 6 };
  const strand_task task = task_of(await_a_level_below, as_arg(LEVELS));
  strand_fault fault;
  memset(&fault, 0, sizeof fault);
  fault.size = (uint32_t)sizeof fault;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  for (size_t depth = 0; depth <= LEVELS; depth += 1) {
    fault = fault_of(task, depth);
    CHECK_EQUAL(fault.causes, LEVELS - depth);
    CHECK_EQUAL(fault.code, depth == LEVELS ? -1000 : STRAND_ERR_FAILED);
    CHECK((fault.task == task) == (depth == 0));
  }
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_task_fault(task, LEVELS + 1, &fault));
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_task_fault(task, SIZE_MAX, &fault));
  CHECK_OK(strand_task_release(task));
}

static strand_status fail_after_all(void *arg, uint64_t *value) {
  const strand_task task = task_of(fail_with, as_arg(STRAND_ERR_IO));
  (void)arg;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, value));
  CHECK_OK(strand_task_release(task));
  return -5; /* of something else */
}
static void another_code_has_no_cause(void) {
  const strand_task task = task_of(fail_after_all, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(fault_of(task, 0).causes, 0);
  CHECK_OK(strand_task_release(task));
}

static void *look_at_it(void *arg) {
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(*(strand_task *)arg, STRAND_FOREVER, NULL));
  return NULL;
}
static void the_run_reports_what_nobody_looked_at_and_that_once(void) {
  strand_task tasks[6];
  strand_fault fault;
  strand_outcome outcome;
  strand_case one;
  size_t index = 9;
  memset(&fault, 0, sizeof fault);
  fault.size = (uint32_t)sizeof fault;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  /* Nobody: reported, once. */
  CHECK_OK(strand_task_spawn(0, fail_with, as_arg(-31), NULL));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("failed with code -31");
  CHECK_OK(strand_scheduler_run());
  /* Still held, and looked at only after the report. */
  tasks[0] = task_of(fail_with, as_arg(-32));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(tasks[0], STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_release(tasks[0]));
  CHECK_OK(strand_scheduler_run());
  /* Awaited, joined, selected, looked up in two ways, and awaited by a strand: silent. */
  for (int i = 0; i < 6; i += 1) {
    tasks[i] = task_of(fail_with, as_arg(-33 - i));
  }
  spawn(look_at_it, &tasks[5]);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(tasks[0], STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_join(STRAND_JOIN_ALL, &tasks[1], 1, STRAND_FOREVER, NULL, NULL));
  memset(&one, 0, sizeof one);
  one.size = (uint32_t)sizeof one;
  one.kind = STRAND_CASE_TASK;
  one.handle = tasks[2];
  CHECK_OK(strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  CHECK_OK(strand_wait_all(STRAND_FOREVER));
  CHECK_OK(strand_task_outcome(tasks[3], &outcome));
  CHECK_OK(strand_task_fault(tasks[4], 0, &fault));
  CHECK_OK(strand_scheduler_run());
  for (int i = 0; i < 6; i += 1) {
    CHECK_OK(strand_task_release(tasks[i]));
  }
  /* Several: the first one that is left, and how many. */
  for (int i = 0; i < 4; i += 1) {
    tasks[i] = task_of(fail_with, as_arg(-50 - i));
    CHECK_OK(strand_wait_all(STRAND_FOREVER));
  }
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(tasks[0], STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_release(tasks[1]));
  CHECK_OK(strand_task_release(tasks[0]));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("failed with code -51");
  CHECK_LAST_ERROR_SAYS("2 other");
  CHECK_OK(strand_task_release(tasks[2]));
  CHECK_OK(strand_task_release(tasks[3]));
  CHECK_OK(strand_scheduler_run());
}

static void fail_in_a_hook(void *data) {
  (void)data;
  strand_fail(STRAND_ERR_CLOSED, "hook", 4);
}
static strand_status succeed_and_fail_later(void *arg, uint64_t *value) {
  (void)arg;
  CHECK_OK(strand_on_exit(fail_in_a_hook, NULL));
  *value = 3;
  return STRAND_OK;
}
/* The entry's return has decided; the fault afterwards is the strand's, and reported as such. */
static void a_fault_in_an_exit_function_changes_no_outcome(void) {
  uint64_t value = 0;
  const strand_task task = task_of(succeed_and_fail_later, NULL);
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 3);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("hook");
  CHECK_OK(strand_task_release(task));
}

static void a_task_that_did_not_fail_has_no_fault(void) {
  strand_fault fault;
  const strand_task task = task_of(fail_with, as_arg(0));
  memset(&fault, 0, sizeof fault);
  fault.size = (uint32_t)sizeof fault;
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_task_fault(task, 0, &fault));
  CHECK_OK(strand_task_release(task));
}

static void an_older_struct_gets_what_it_has_room_for(void) {
  strand_fault fault;
  const strand_task task = task_of(fail_with, as_arg(-88));
  memset(&fault, 0xEE, sizeof fault);
  fault.size = 24;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_fault(task, 0, &fault));
  CHECK_EQUAL(fault.code, -88);
  CHECK_EQUAL(fault.task, task);
  CHECK_EQUAL(fault.causes, 0xEEEEEEEE);
  CHECK_OK(strand_task_release(task));
}

int main(void) {
  start_runtime(2);
  CLAIM(strand_fail_leaves_a_record_with_a_backtrace);
  CLAIM(a_false_assertion_fails_the_task);
  CLAIM(a_returned_code_has_the_message_of_the_call_that_failed);
  CLAIM(a_failure_that_is_passed_on_has_its_cause);
  CLAIM(another_code_has_no_cause);
  CLAIM(the_run_reports_what_nobody_looked_at_and_that_once);
  CLAIM(a_fault_in_an_exit_function_changes_no_outcome);
  CLAIM(a_task_that_did_not_fail_has_no_fault);
  CLAIM(an_older_struct_gets_what_it_has_room_for);
  stop_runtime();
  return 0;
}
