/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */

/* What a task is: an outcome that is written once, seen alike by all, taken once, and values and arguments that are
 * dropped exactly once. */

#include "harness.h"

enum { SLOW = 5 };

static uint64_t arguments_dropped, values_dropped, last_value_dropped, entered, held;

static void drop_argument(void *arg) {
  (void)arg;
  count_up(&arguments_dropped);
}
static void drop_value(uint64_t value) {
  count_set(&last_value_dropped, value);
  count_up(&values_dropped);
}
static void forget_counts(void) {
  count_set(&arguments_dropped, 0);
  count_set(&values_dropped, 0);
  count_set(&entered, 0);
}

static strand_task_options with_drops(void) {
  strand_task_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.arg_drop = drop_argument;
  options.value_drop = drop_value;
  return options;
}

static strand_task task_of(strand_task_entry entry, void *arg) {
  strand_task task = 0;
  CHECK_OK(strand_task_spawn(0, entry, arg, &task));
  CHECK(task != 0 && task < UINT64_C(1) << 62);
  return task;
}

static strand_task dropping_task(strand_task_entry entry, void *arg) {
  const strand_task_options options = with_drops();
  strand_task task = 0;
  CHECK_OK(strand_task_spawn_with(&options, entry, arg, &task));
  return task;
}

static strand_outcome outcome_of(strand_task task) {
  strand_outcome outcome;
  memset(&outcome, 0xEE, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(task, &outcome));
  return outcome;
}

static strand_status square(void *arg, uint64_t *value) {
  const uint64_t number = (uint64_t)(uintptr_t)arg;
  count_up(&entered);
  *value = number * number;
  return STRAND_OK;
}
static strand_status write_nothing(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  return STRAND_OK;
}
static strand_status fail_with(void *arg, uint64_t *value) {
  *value = 99;
  return (strand_status)(intptr_t)arg;
}
/* Runs until it is cancelled, and returns what its argument says. */
static strand_status until_cancelled(void *arg, uint64_t *value) {
  count_up(&entered);
  while (strand_sleep(MILLISECONDS(SLOW)) != STRAND_ERR_CANCELLED) {
  }
  while (count_read(&held) != 0) {
    strand_checkpoint();
  }
  *value = 7;
  return (strand_status)(intptr_t)arg;
}
static strand_status sleep_and_answer(void *arg, uint64_t *value) {
  CHECK_OK(strand_sleep(MILLISECONDS(SLOW)));
  *value = (uint64_t)(uintptr_t)arg;
  return STRAND_OK;
}
static void *as_arg(intptr_t number) { return (void *)number; }

static void await_gives_the_value(void) {
  uint64_t value = 0;
  const strand_task task = task_of(square, as_arg(12));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 144);
  CHECK_OK(strand_task_await(task, STRAND_NO_WAIT, NULL));
  CHECK_OK(strand_task_release(task));
  const strand_task silent = task_of(write_nothing, NULL);
  CHECK_OK(strand_task_await(silent, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 0);
  CHECK_OK(strand_task_release(silent));
}

typedef struct awaiters {
  strand_task task;
  uint64_t values[16];
  strand_outcome outcomes[16];
  uint64_t next;
} awaiters;

static void *await_one(void *arg) {
  awaiters *all = arg;
  const uint64_t at = count_up(&all->next) - 1;
  strand_status status = strand_task_await(all->task, STRAND_FOREVER, &all->values[at]);
  all->outcomes[at].size = (uint32_t)sizeof all->outcomes[at];
  CHECK_OK(strand_task_outcome(all->task, &all->outcomes[at]));
  CHECK_EQUAL(status == STRAND_OK, all->outcomes[at].state == STRAND_SUCCEEDED);
  return NULL;
}

/* Awaiters before and after the end, strands and a thread, of tasks that succeed, fail and are cancelled. */
static void all_awaiters_see_the_same_outcome(void) {
  for (int kind = 0; kind < 3; kind += 1) {
    awaiters all;
    pthread_t thread;
    memset(&all, 0, sizeof all);
    all.task = kind == 0   ? task_of(sleep_and_answer, as_arg(41))
               : kind == 1 ? task_of(fail_with, as_arg(STRAND_ERR_IO))
                           : task_of(until_cancelled, as_arg(STRAND_ERR_CANCELLED));
    for (int i = 0; i < 8; i += 1) {
      spawn(await_one, &all);
    }
    thread = start_thread(await_one, &all);
    if (kind == 2) {
      await_count(&all.next, 9);
      CHECK_OK(strand_task_cancel(all.task, 1234));
    }
    CHECK_OK(strand_scheduler_run());
    join_thread(thread);
    for (int i = 9; i < 16; i += 1) {
      await_one(&all);
    }
    for (int i = 0; i < 16; i += 1) {
      CHECK_EQUAL(memcmp(&all.outcomes[i], &all.outcomes[0], sizeof all.outcomes[0]), 0);
      CHECK_EQUAL(all.values[i], kind == 0 ? 41 : 0);
    }
    CHECK_EQUAL(all.outcomes[0].state,
                kind == 0   ? STRAND_SUCCEEDED
                : kind == 1 ? STRAND_FAILED
                            : STRAND_CANCELLED);
    CHECK_EQUAL(all.outcomes[0].code, kind == 1 ? STRAND_ERR_IO : 0);
    CHECK_EQUAL(all.outcomes[0].reason, kind == 2 ? 1234 : 0);
    CHECK_OK(strand_task_release(all.task));
  }
}

static void the_return_of_the_entry_decides(void) {
  strand_outcome outcome;
  uint64_t value = 5;
  strand_task task = task_of(fail_with, as_arg(STRAND_ERR_CLOSED));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 5);
  outcome = outcome_of(task);
  CHECK_EQUAL(outcome.state, STRAND_FAILED);
  CHECK_EQUAL(outcome.code, STRAND_ERR_CLOSED);
  CHECK_EQUAL(outcome.value, 0);
  CHECK_EQUAL(outcome.rank, 0);
  CHECK_OK(strand_task_release(task));
  task = task_of(fail_with, as_arg(5)); /* no status */
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(outcome_of(task).code, STRAND_ERR_INVALID);
  CHECK_OK(strand_task_release(task));
  task = task_of(fail_with, as_arg(-4242)); /* a number of the language's own */
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(outcome_of(task).code, -4242);
  CHECK_OK(strand_task_release(task));
  task = task_of(fail_with, as_arg(STRAND_ERR_CANCELLED)); /* nobody asked */
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(outcome_of(task).code, STRAND_ERR_CANCELLED);
  CHECK_OK(strand_task_release(task));
}

static void cancel_of_a_running_task_is_a_request(void) {
  static const struct {
    strand_status returned;
    uint32_t state;
    strand_status code;
  } rows[] = {{STRAND_ERR_CANCELLED, STRAND_CANCELLED, 0},
              {STRAND_OK, STRAND_SUCCEEDED, 0},
              {STRAND_ERR_IO, STRAND_FAILED, STRAND_ERR_IO},
              {3, STRAND_FAILED, STRAND_ERR_INVALID}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i += 1) {
    strand_outcome outcome;
    strand_task task;
    forget_counts();
    task = task_of(until_cancelled, as_arg(rows[i].returned));
    await_count(&entered, 1);
    CHECK_EQUAL(outcome_of(task).state, STRAND_RUNNING);
    count_set(&held, 1);
    CHECK_OK(strand_task_cancel(task, 10 + i));
    CHECK_OK(strand_task_cancel(task, 99)); /* the first reason stays */
    count_set(&held, 0);
    strand_task_await(task, STRAND_FOREVER, NULL);
    outcome = outcome_of(task);
    CHECK_EQUAL(outcome.state, rows[i].state);
    CHECK_EQUAL(outcome.code, rows[i].code);
    CHECK_EQUAL(outcome.reason, rows[i].state == STRAND_CANCELLED ? 10 + i : 0);
    CHECK_EQUAL(outcome.value, rows[i].state == STRAND_SUCCEEDED ? 7 : 0);
    CHECK_STATUS(STRAND_ERR_ALREADY, strand_task_cancel(task, 1));
    CHECK_EQUAL(outcome_of(task).state, rows[i].state);
    CHECK_OK(strand_task_release(task));
  }
}

/* On one worker a task that was just spawned has not begun while its spawner runs. */
static void *cancel_before_it_begins(void *arg) {
  strand_task task = dropping_task(square, as_arg(3));
  strand_outcome outcome;
  (void)arg;
  outcome = outcome_of(task);
  CHECK_EQUAL(outcome.state, STRAND_PENDING);
  CHECK_OK(strand_task_cancel(task, 77));
  outcome = outcome_of(task);
  CHECK_EQUAL(outcome.state, STRAND_CANCELLED);
  CHECK_EQUAL(outcome.reason, 77);
  CHECK_EQUAL(count_read(&arguments_dropped), 1);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_task_cancel(task, 78));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(task, STRAND_NO_WAIT, NULL));
  CHECK_OK(strand_task_release(task));
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_release(task));
  return NULL;
}
static void a_pending_task_is_cancelled_at_once_and_never_runs(void) {
  forget_counts();
  spawn(cancel_before_it_begins, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&entered), 0);
  CHECK_EQUAL(count_read(&arguments_dropped), 1);
  CHECK_EQUAL(count_read(&values_dropped), 0);
}

static void a_value_is_taken_once(void) {
  strand_outcome outcome;
  uint64_t value = 0;
  strand_task task;
  forget_counts();
  task = dropping_task(square, as_arg(5));
  CHECK_OK(strand_task_take(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 25);
  value = 1;
  CHECK_STATUS(STRAND_ERR_TAKEN, strand_task_take(task, STRAND_FOREVER, &value));
  CHECK_STATUS(STRAND_ERR_TAKEN, strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 1);
  outcome = outcome_of(task);
  CHECK_EQUAL(outcome.state, STRAND_SUCCEEDED);
  CHECK_EQUAL(outcome.code, STRAND_ERR_TAKEN);
  CHECK_EQUAL(outcome.value, 0);
  CHECK_OK(strand_task_release(task));
  CHECK_EQUAL(count_read(&values_dropped), 0);
}

static uint64_t takers_served;
static void *take_it(void *arg) {
  uint64_t value = 0;
  const strand_status status = strand_task_take(*(strand_task *)arg, STRAND_FOREVER, &value);
  CHECK(status == STRAND_OK || status == STRAND_ERR_TAKEN);
  if (status == STRAND_OK) {
    CHECK_EQUAL(value, 17);
    count_up(&takers_served);
  }
  return NULL;
}
static void of_many_takers_one_gets_the_value(void) {
  strand_task task;
  forget_counts();
  count_set(&takers_served, 0);
  const strand_task_options options = with_drops();
  CHECK_OK(strand_task_spawn_with(&options, sleep_and_answer, as_arg(17), &task));
  for (int i = 0; i < 10; i += 1) {
    spawn(take_it, &task);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&takers_served), 1);
  CHECK_OK(strand_task_release(task));
  CHECK_EQUAL(count_read(&values_dropped), 0);
}

static void a_value_nobody_takes_is_dropped_with_the_last_handle(void) {
  strand_task task;
  forget_counts();
  task = dropping_task(square, as_arg(6));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_retain(task));
  CHECK_OK(strand_task_release(task));
  CHECK_EQUAL(count_read(&values_dropped), 0);
  CHECK_OK(strand_task_release(task));
  CHECK_EQUAL(count_read(&values_dropped), 1);
  CHECK_EQUAL(count_read(&last_value_dropped), 36);
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_release(task));
  CHECK_EQUAL(count_read(&arguments_dropped), 0);
}

static void a_released_task_runs_on_and_its_value_is_dropped(void) {
  const strand_task_options options = with_drops();
  forget_counts();
  for (int i = 0; i < 50; i += 1) {
    strand_task task;
    CHECK_OK(strand_task_spawn_with(&options, square, as_arg(i), i % 2 == 0 ? &task : NULL));
    if (i % 2 == 0) {
      CHECK_OK(strand_task_release(task));
    }
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&entered), 50);
  CHECK_EQUAL(count_read(&values_dropped), 50);
  CHECK_EQUAL(count_read(&arguments_dropped), 0);
}

static void *await_and_expect(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_task_await(*(strand_task *)arg, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 23);
  count_up(&entered);
  return NULL;
}
static strand_chan gate;
static strand_status wait_at_the_gate(void *arg, uint64_t *value) {
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  *value = (uint64_t)(uintptr_t)arg;
  return STRAND_OK;
}
/* The handle is gone, but who waits is told. */
static void *release_under_awaiters(void *arg) {
  static strand_task task;
  (void)arg;
  const uint64_t parks = read_statistics().parks;
  gate = new_channel(0, 0);
  CHECK_OK(strand_task_spawn(0, wait_at_the_gate, as_arg(23), &task));
  for (int i = 0; i < 3; i += 1) {
    spawn(await_and_expect, &task);
  }
  while (read_statistics().parks < parks + 4) { /* the task, and all who await it */
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_task_release(task));
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_await(task, STRAND_NO_WAIT, NULL));
  CHECK_OK(strand_chan_close(gate));
  return NULL;
}
static void who_waits_goes_on_waiting_after_the_last_release(void) {
  forget_counts();
  spawn(release_under_awaiters, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&entered), 3);
  CHECK_OK(strand_chan_release(gate));
}

static void a_deadline_ends_an_await_and_not_the_task(void) {
  uint64_t value = 3;
  forget_counts();
  const strand_task task = task_of(until_cancelled, as_arg(STRAND_OK));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_task_await(task, strand_after(MILLISECONDS(2)), &value));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_task_await(task, STRAND_NO_WAIT, &value));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_task_await(task, 1, &value));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_task_take(task, strand_after(MILLISECONDS(2)), &value));
  CHECK_EQUAL(value, 3);
  await_count(&entered, 1);
  CHECK_OK(strand_task_cancel(task, 0));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 7);
  CHECK_OK(strand_task_release(task));
}

static strand_status await_cancelled(void *arg, uint64_t *value) {
  const strand_task other = *(strand_task *)arg;
  const strand_status status = strand_task_await(other, STRAND_FOREVER, value);
  CHECK_STATUS(STRAND_ERR_CANCELLED, status);
  CHECK_EQUAL(outcome_of(other).state, STRAND_RUNNING); /* it was I */
  /* Level-triggered: also of one that has ended, and before anything is tried. */
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(strand_task_self(), STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_task_await(other, STRAND_NO_WAIT, NULL));
  return status;
}
static void a_cancelled_awaiter_is_told_apart_by_the_outcome(void) {
  static strand_task other;
  strand_task task;
  forget_counts();
  other = task_of(until_cancelled, as_arg(STRAND_OK));
  await_count(&entered, 1);
  task = task_of(await_cancelled, &other);
  AWAIT(outcome_of(task).state == STRAND_RUNNING);
  CHECK_OK(strand_task_cancel(task, 5));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(task).state, STRAND_CANCELLED);
  CHECK_OK(strand_task_cancel(other, 5));
  CHECK_OK(strand_task_await(other, STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_task_release(other));
}

static strand_status await_itself(void *arg, uint64_t *value) {
  const strand_task self = strand_task_self();
  (void)arg;
  CHECK(self != 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_task_await(self, STRAND_FOREVER, value));
  CHECK_LAST_ERROR_SAYS("its own end");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_task_take(self, strand_after(1), value));
  CHECK_EQUAL(outcome_of(self).state, STRAND_RUNNING);
  *value = self;
  return STRAND_OK;
}
static void *self_of_a_plain_strand(void *arg) {
  (void)arg;
  CHECK_EQUAL(strand_task_self(), 0);
  return NULL;
}
static void a_task_cannot_await_itself(void) {
  uint64_t value = 0;
  const strand_task task = task_of(await_itself, NULL);
  CHECK_EQUAL(strand_task_self(), 0);
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, task);
  CHECK_OK(strand_task_release(task));
  spawn(self_of_a_plain_strand, NULL);
  CHECK_OK(strand_scheduler_run());
}

static void count_exit(void *data) {
  CHECK_OK(strand_sleep(MILLISECONDS(1))); /* shielded, and it may wait */
  count_up(data);
}
static strand_status with_exit_hook(void *arg, uint64_t *value) {
  CHECK_OK(strand_on_exit(count_exit, arg));
  *value = 1;
  return STRAND_OK;
}
static void exit_functions_run_before_awaiters_go_on(void) {
  static uint64_t exits;
  for (uint64_t i = 1; i <= 20; i += 1) {
    const strand_task task = task_of(with_exit_hook, &exits);
    CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
    CHECK_EQUAL(count_read(&exits), i);
    AWAIT(read_statistics().live == 0); /* its outcome is there a moment before */
    CHECK_OK(strand_task_release(task));
  }
}

static strand_status fibonacci(void *arg, uint64_t *value) {
  const uintptr_t n = (uintptr_t)arg;
  uint64_t second = 0;
  strand_task tasks[2];
  if (n < 2) {
    *value = n;
    return STRAND_OK;
  }
  CHECK_OK(strand_task_spawn(0, fibonacci, as_arg((intptr_t)n - 1), &tasks[0]));
  CHECK_OK(strand_task_spawn(0, fibonacci, as_arg((intptr_t)n - 2), &tasks[1]));
  CHECK_OK(strand_task_await(tasks[0], STRAND_FOREVER, value));
  CHECK_OK(strand_task_await(tasks[1], STRAND_FOREVER, &second));
  CHECK_OK(strand_task_release(tasks[0]));
  CHECK_OK(strand_task_release(tasks[1]));
  *value += second;
  return STRAND_OK;
}
static void a_tree_of_tasks_adds_up(void) {
  uint64_t value = 0;
  const strand_task task = task_of(fibonacci, as_arg(shortened(18)));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, shortened(18) == 18 ? 2584 : value);
  CHECK_OK(strand_task_release(task));
}

static void *snapshot_and_dump(void *arg) {
  const strand_task task = *(strand_task *)arg;
  char text[TEXT_CAPACITY], words[64];
  snprintf(words, sizeof words, "waits for task %#" PRIx64, task);
  for (int tries = 0; tries < 20000; tries += 1) {
    strand_dump(text, sizeof text);
    if (strstr(text, words) != NULL) {
      break;
    }
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
  CHECK_SAYS(text, words);
  strand_snapshot(text, sizeof text);
  snprintf(words, sizeof words, "\"for\":\"task\",\"object\":\"%#" PRIx64 "\"", task);
  CHECK_SAYS(text, words);
  CHECK_SAYS(text, "\"tasks\":[{\"id\":");
  CHECK_OK(strand_task_cancel(task, 0));
  return NULL;
}
static void dumps_name_the_task_that_is_waited_for(void) {
  static strand_task task;
  forget_counts();
  task = task_of(until_cancelled, as_arg(STRAND_OK));
  spawn(self_of_a_plain_strand, NULL);
  static awaiters all;
  memset(&all, 0, sizeof all);
  all.task = task;
  spawn(await_one, &all);
  await_count(&all.next, 1);
  await_count(&entered, 1);
  AWAIT(read_statistics().parks > 0);
  nap(MILLISECONDS(1));
  let_strands_run(1);
  spawn(snapshot_and_dump, &task);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_task_release(task));
}

static void *wait_off_strand(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_task_await(*(strand_task *)arg, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 8);
  return NULL;
}
static void a_thread_awaits_too(void) {
  static strand_task task;
  pthread_t threads[3];
  task = task_of(sleep_and_answer, as_arg(8));
  for (int i = 0; i < 3; i += 1) {
    threads[i] = start_thread(wait_off_strand, &task);
  }
  for (int i = 0; i < 3; i += 1) {
    join_thread(threads[i]);
  }
  CHECK_OK(strand_task_release(task));
}

static uint64_t succeeded;
/* Every argument that was not entered and every value that was not taken is dropped once, whoever does what when. */
static strand_status random_task(void *arg, uint64_t *value) {
  const uint64_t what = (uint64_t)(uintptr_t)arg;
  count_up(&entered);
  if (what & 1) {
    strand_yield();
  }
  if (what & 2) {
    strand_sleep((int64_t)(what >> 4 & 3) * 1000);
  }
  *value = what;
  if ((what & 4) == 0 && strand_checkpoint() == STRAND_OK) {
    count_up(&succeeded);
    return STRAND_OK;
  }
  return what & 4 ? STRAND_ERR_IO : STRAND_ERR_CANCELLED;
}
static uint64_t waiting_for_shutdown, taken, spawned;
static void *random_owner(void *arg) {
  uint64_t state = (uint64_t)(uintptr_t)arg * 2654435761u + 1;
  const strand_task_options options = with_drops();
  for (int i = 0; i < shortened(200); i += 1) {
    const uint64_t what = next_random(&state);
    uint64_t value = 0;
    strand_outcome outcome;
    strand_task task;
    strand_status status;
    CHECK_OK(strand_task_spawn_with(&options, random_task, as_arg((intptr_t)(what & 0xFFFF)), &task));
    count_up(&spawned);
    if (what >> 16 & 1) {
      strand_yield();
    }
    if (what >> 17 & 1) {
      status = strand_task_cancel(task, 1);
      CHECK(status == STRAND_OK || status == STRAND_ERR_ALREADY);
    }
    if (what >> 18 & 1) {
      status = strand_task_await(task, STRAND_FOREVER, &value);
      outcome = outcome_of(task);
      CHECK(outcome.state >= STRAND_SUCCEEDED);
      CHECK_EQUAL(status == STRAND_OK, outcome.state == STRAND_SUCCEEDED);
    }
    if ((what >> 18 & 3) == 3 && strand_task_take(task, STRAND_FOREVER, &value) == STRAND_OK) {
      count_up(&taken);
    }
    CHECK_OK(strand_task_release(task));
  }
  return NULL;
}
static void every_argument_and_value_is_dropped_exactly_once(void) {
  strand_status status;
  forget_counts();
  count_set(&spawned, 0);
  count_set(&taken, 0);
  count_set(&succeeded, 0);
  for (int i = 1; i <= 8; i += 1) {
    spawn(random_owner, as_arg(i));
  }
  status = strand_scheduler_run();
  CHECK(status == STRAND_OK || status == STRAND_ERR_FAILED);
  CHECK_EQUAL(count_read(&entered) + count_read(&arguments_dropped), count_read(&spawned));
  printf("spawned %" PRIu64 ", entered %" PRIu64 ", taken %" PRIu64 ", values dropped %" PRIu64 "\n",
         count_read(&spawned), count_read(&entered), count_read(&taken), count_read(&values_dropped));
  CHECK_EQUAL(count_read(&taken) + count_read(&values_dropped), count_read(&succeeded));
}

static strand_status never_entered(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  count_up(&entered);
  return STRAND_OK;
}
static strand_status wait_for_shutdown(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  count_up(&waiting_for_shutdown);
  return strand_sleep(SECONDS(3600));
}
/* Handles that nobody releases: their values are dropped when the runtime goes. */
static void shutdown_drops_what_is_left(void) {
  const strand_task_options options = with_drops();
  strand_task task, waiting, fresh;
  forget_counts();
  CHECK_OK(strand_task_spawn_with(&options, square, as_arg(4), &task));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_spawn_with(&options, wait_for_shutdown, NULL, &waiting));
  await_count(&waiting_for_shutdown, 1);
  stop_runtime();
  CHECK_EQUAL(count_read(&values_dropped), 1);
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_task_await(task, STRAND_FOREVER, NULL));
  start_runtime(2);
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_release(waiting));
  fresh = task_of(never_entered, NULL);
  CHECK(fresh != task && fresh != waiting);
  CHECK_OK(strand_task_await(fresh, STRAND_FOREVER, NULL));
}

int main(void) {
  start_runtime(2);
  CLAIM(await_gives_the_value);
  CLAIM(all_awaiters_see_the_same_outcome);
  CLAIM(the_return_of_the_entry_decides);
  CLAIM(cancel_of_a_running_task_is_a_request);
  CLAIM(a_value_is_taken_once);
  CLAIM(of_many_takers_one_gets_the_value);
  CLAIM(a_value_nobody_takes_is_dropped_with_the_last_handle);
  CLAIM(a_released_task_runs_on_and_its_value_is_dropped);
  CLAIM(who_waits_goes_on_waiting_after_the_last_release);
  CLAIM(a_deadline_ends_an_await_and_not_the_task);
  CLAIM(a_cancelled_awaiter_is_told_apart_by_the_outcome);
  CLAIM(a_task_cannot_await_itself);
  CLAIM(exit_functions_run_before_awaiters_go_on);
  CLAIM(a_tree_of_tasks_adds_up);
  CLAIM(dumps_name_the_task_that_is_waited_for);
  CLAIM(a_thread_awaits_too);
  CLAIM(every_argument_and_value_is_dropped_exactly_once);
  CLAIM(shutdown_drops_what_is_left);
  stop_runtime();
  start_runtime(1);
  CLAIM_IF(workers_there(1) == 1, a_pending_task_is_cancelled_at_once_and_never_runs, "another worker may begin it");
  stop_runtime();
  return 0;
}
