/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/*
 * Random programs of all primitives together: channels, select, timers, locks, tokens, shields, scopes, tasks, promises, joins,
 * generators and monitors in the same strands, some of which are cancelled at any moment. Every wait has a deadline or somebody who is
 * bound to end it, so every program ends; and at its end every message, unit, value, child and DOWN has to be accounted for.
 */
#include "cases.h"

enum { ACTORS = 8, OPERATIONS = 14, UNITS = 3 };

typedef struct world {
  strand_chan channels[3]; /* rendezvous, bounded, unbounded */
  uint64_t sent, received;
  strand_mutex mutex;
  strand_condition changed;
  uint64_t left, right; /* equal whenever nobody holds the mutex */
  strand_rwlock rwlock;
  uint64_t low, high; /* equal whenever nobody writes */
  strand_semaphore units;
  uint64_t in_use;
  strand_wait_group group;
  strand_cancel tokens[2];
  uint64_t children; /* inside scopes */
  uint64_t arguments, arguments_dropped, values, values_dropped;
  uint64_t operations;
} world;

static world here;
static int loses_a_message; /* controls */
static int forgets_the_lock;

static int64_t soon(uint64_t *state) { return strand_after((int64_t)(1 + next_random(state) % 2000)); }

/* What a call may answer that waits at most for a while, in a strand that may be cancelled. */
static int went(strand_status status) {
  if (status != STRAND_ERR_CANCELLED && status != STRAND_ERR_TIMEOUT && status != STRAND_ERR_WOULD_BLOCK) {
    CHECK_STATUS(STRAND_OK, status);
  }
  return status == STRAND_OK;
}

/* ---------------------------------------------------------------------------------------- messages */

static void send_one(uint64_t *state) {
  const uint64_t value = next_random(state);
  if (went(strand_chan_send(here.channels[value % 3], &value, soon(state)))) {
    count_up(&here.sent);
  }
}
static void receive_one(uint64_t *state) {
  uint64_t value = 0;
  if (went(strand_chan_recv(here.channels[next_random(state) % 3], &value, soon(state))) && !(loses_a_message && value % 4 == 0)) {
    count_up(&here.received);
  }
}
static void select_one(uint64_t *state) {
  uint64_t in = 0;
  const uint64_t out = next_random(state);
  size_t index = 99;
  strand_case cases[5];
  cases[0] = receive_case(here.channels[out % 3], &in);
  cases[1] = send_case(here.channels[(out + 1) % 3], &out);
  cases[2] = timer_case(soon(state));
  cases[3] = make_case(STRAND_CASE_CANCEL, here.tokens[out % 2], NULL, 0);
  cases[4] = none();
  if (!went(strand_select(cases, 5, STRAND_FOREVER, (uint32_t)(out >> 7 & 1), &index))) {
    return;
  }
  check_only(cases, 5, index, STRAND_OK);
  if (index == 0) {
    count_up(&here.received);
  } else if (index == 1) {
    count_up(&here.sent);
  }
}

/* ------------------------------------------------------------------------------------------- locks */

static void change_the_pair(uint64_t *state) {
  CHECK_EQUAL(here.left, here.right);
  here.left += 1;
  if (next_random(state) % 4 == 0) {
    (void)strand_yield();
  }
  here.right += 1;
}
static void lock_one(uint64_t *state) {
  if (!went(strand_mutex_lock(&here.mutex, soon(state)))) {
    return;
  }
  change_the_pair(state);
  if (next_random(state) % 2 == 0) {
    /* Holds the mutex again afterwards, whatever the status is. */
    (void)went(strand_condition_wait(&here.changed, &here.mutex, soon(state)));
    change_the_pair(state);
  }
  CHECK_OK(next_random(state) % 2 == 0 ? strand_condition_signal(&here.changed) : strand_condition_broadcast(&here.changed));
  CHECK_OK(strand_mutex_unlock(&here.mutex));
}
static void without_the_lock(uint64_t *state) {
  change_the_pair(state);
}
static void read_or_write(uint64_t *state) {
  if (next_random(state) % 3 != 0) {
    if (went(strand_rwlock_read_lock(&here.rwlock, soon(state)))) {
      CHECK_EQUAL(here.low, here.high);
      (void)strand_yield();
      CHECK_EQUAL(here.low, here.high);
      CHECK_OK(strand_rwlock_read_unlock(&here.rwlock));
    }
  } else if (went(strand_rwlock_write_lock(&here.rwlock, soon(state)))) {
    here.low += 1;
    (void)strand_yield();
    here.high += 1;
    CHECK_OK(strand_rwlock_write_unlock(&here.rwlock));
  }
}
static void use_units(uint64_t *state) {
  const uint64_t units = 1 + next_random(state) % UNITS;
  if (went(strand_semaphore_acquire(&here.units, units, soon(state)))) {
    CHECK_NUMBERS(count_add(&here.in_use, units), <=, UNITS);
    (void)strand_yield();
    count_add(&here.in_use, (uint64_t)0 - units);
    CHECK_OK(strand_semaphore_release(&here.units, units));
  }
}

/* ------------------------------------------------------------------------------- tasks, scopes, promises */

static void drop_argument(void *arg) {
  (void)arg;
  count_up(&here.arguments_dropped);
}
static void drop_value(uint64_t value) {
  (void)value;
  count_up(&here.values_dropped);
}
static strand_status twice(void *arg, uint64_t *value) {
  uint64_t state = (uint64_t)(uintptr_t)arg;
  count_up(&here.arguments); /* taken */
  if (next_random(&state) % 2 == 0 && strand_sleep((int64_t)(1 + state % 500)) == STRAND_ERR_CANCELLED) {
    return STRAND_ERR_CANCELLED;
  }
  count_up(&here.values);
  *value = 2 * (uint64_t)(uintptr_t)arg;
  return STRAND_OK;
}
static strand_status start_task(strand_scope scope, uint64_t arg, strand_task *task) {
  strand_task_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.scope = scope;
  options.arg_drop = drop_argument;
  options.value_drop = drop_value;
  return strand_task_spawn_with(&options, twice, (void *)(uintptr_t)arg, task);
}
static void see_outcome(strand_task task, uint64_t arg) {
  strand_outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(task, &outcome));
  CHECK(outcome.state != STRAND_FAILED);
  if (outcome.state == STRAND_SUCCEEDED) {
    CHECK_EQUAL(outcome.value, 2 * arg);
  }
}
static void run_a_task(uint64_t *state, uint64_t *tasks) {
  const uint64_t arg = next_random(state) >> 8 | 1;
  strand_task task;
  uint64_t value = 0;
  CHECK_OK(start_task(0, arg, &task));
  *tasks += 1;
  if (next_random(state) % 3 == 0) {
    const strand_status status = strand_task_cancel(task, 7);
    CHECK(status == STRAND_OK || status == STRAND_ERR_ALREADY);
  }
  if (went(strand_task_await(task, soon(state), &value))) {
    CHECK_EQUAL(value, 2 * arg);
  }
  see_outcome(task, arg);
  CHECK_OK(strand_task_release(task));
}
static void join_tasks(uint64_t *state, uint64_t *tasks) {
  strand_task members[3];
  uint64_t args[3];
  strand_outcome outcomes[3];
  size_t decided = 0;
  strand_status status;
  memset(outcomes, 0, sizeof outcomes);
  for (int member = 0; member < 3; member += 1) {
    outcomes[member].size = (uint32_t)sizeof outcomes[member];
    args[member] = next_random(state) >> 8 | 1;
    CHECK_OK(start_task(0, args[member], &members[member]));
    *tasks += 1;
  }
  status = strand_task_join((uint32_t)(next_random(state) % 4), members, 3, soon(state), outcomes, &decided);
  CHECK(status == STRAND_OK || status == STRAND_ERR_TIMEOUT || status == STRAND_ERR_CANCELLED || status == STRAND_ERR_FAILED);
  for (int member = 0; member < 3; member += 1) {
    see_outcome(members[member], args[member]);
    CHECK_OK(strand_task_release(members[member]));
  }
}
static void *be_a_child(void *arg) {
  strand_scope scope = 0;
  uint64_t state = (uint64_t)(uintptr_t)arg;
  (void)scope;
  count_up(&here.children);
  (void)strand_sleep((int64_t)(1 + next_random(&state) % 3000));
  count_add(&here.children, (uint64_t)0 - 1);
  return NULL;
}
static void open_a_scope(uint64_t *state, uint64_t *tasks) {
  strand_scope_options how;
  strand_scope scope;
  uint64_t inside = 0;
  (void)inside;
  memset(&how, 0, sizeof how);
  how.size = (uint32_t)sizeof how;
  how.deadline = next_random(state) % 3 == 0 ? soon(state) : STRAND_FOREVER;
  how.cancel = next_random(state) % 3 == 0 ? here.tokens[next_random(state) % 2] : 0;
  const strand_status opened = strand_scope_open(&how, &scope);
  if (opened != STRAND_OK) {
    CHECK_STATUS(STRAND_ERR_CANCELLED, opened);
    return;
  }
  strand_id child[2] = {0, 0};
  strand_task task = 0;
  for (int one = 0; one < 2; one += 1) {
    strand_spawn_options options = default_spawn("child");
    options.scope = scope;
    (void)went(strand_spawn_with(&options, be_a_child, (void *)(uintptr_t)(next_random(state) | 1), &child[one]));
  }
  const uint64_t arg = next_random(state) >> 8 | 1;
  if (went(start_task(scope, arg, &task))) {
    *tasks += 1;
  }
  if (next_random(state) % 3 == 0) {
    (void)went(strand_scope_join(scope, soon(state)));
  }
  if (next_random(state) % 2 == 0) {
    (void)strand_scope_exit(scope);
  } else {
    (void)strand_scope_close(scope);
  }
  /* Whatever it answered, the children have not outlived it. */
  for (int one = 0; one < 2; one += 1) {
    if (child[one] != 0) {
      CHECK_OK(strand_join(child[one], STRAND_NO_WAIT));
    }
  }
  if (task != 0) {
    strand_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.size = (uint32_t)sizeof outcome;
    CHECK_OK(strand_task_outcome(task, &outcome));
    CHECK(outcome.state == STRAND_SUCCEEDED || outcome.state == STRAND_CANCELLED);
    CHECK_OK(strand_task_release(task));
  }
}
static void *complete(void *promise) {
  const strand_status status = strand_promise_complete((strand_promise)(uintptr_t)promise, 42);
  CHECK(status == STRAND_OK || status == STRAND_ERR_ALREADY);
  CHECK_OK(strand_promise_release((strand_promise)(uintptr_t)promise));
  return NULL;
}
static void promise_something(uint64_t *state) {
  strand_promise promise;
  strand_task task;
  uint64_t value = 0;
  CHECK_OK(strand_promise_new(0, &promise, &task));
  spawn(complete, (void *)(uintptr_t)promise);
  if (next_random(state) % 3 == 0) {
    (void)strand_task_cancel(task, 9);
  }
  if (went(strand_task_await(task, soon(state), &value))) {
    CHECK_EQUAL(value, 42);
  }
  CHECK_OK(strand_task_release(task));
}

/* ---------------------------------------------------------------------------- generators, monitors, time */

static strand_status count_on(void *arg, uint64_t first, uint64_t *last) {
  uint64_t value = first;
  (void)arg;
  for (uint64_t step = 1; step <= 3; step += 1) {
    const strand_status status = strand_generator_yield(value + step, &value);
    if (status != STRAND_OK) {
      return status;
    }
  }
  *last = value;
  return STRAND_OK;
}
static void generate(uint64_t *state) {
  strand_generator generator;
  const uint64_t calls = next_random(state) % 5;
  CHECK_OK(strand_generator_new(NULL, count_on, NULL, &generator));
  for (uint64_t call = 0; call < calls; call += 1) {
    uint64_t value = 0;
    const strand_status status = strand_generator_resume(generator, 10 * call, &value, STRAND_FOREVER);
    if (status == STRAND_OK) {
      CHECK_EQUAL(value, 10 * call + call + 1);
    } else if (status == STRAND_ERR_CLOSED) {
      CHECK_EQUAL(call, 3);
      CHECK_EQUAL(value, 30);
    } else {
      CHECK(status == STRAND_ERR_CANCELLED || status == STRAND_ERR_ALREADY || status == STRAND_ERR_BUSY);
      break;
    }
  }
  CHECK_OK(strand_generator_release(generator));
}
static void watch(uint64_t *state) {
  const strand_chan downs = new_channel(sizeof(strand_down), next_random(state) % 2);
  const strand_id watched = spawn(be_a_child, (void *)(uintptr_t)(next_random(state) | 1));
  strand_monitor_id monitor;
  strand_down down;
  CHECK_OK(strand_monitor(watched, downs, 5, &monitor));
  if (next_random(state) % 3 == 0) {
    const strand_status gone = strand_demonitor(monitor, downs);
    CHECK(gone == STRAND_OK || gone == STRAND_ERR_STALE);
    CHECK_OK(strand_shield_begin());
    CHECK_OK(strand_join(watched, STRAND_FOREVER));
    CHECK_OK(strand_shield_end());
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(downs, &down, STRAND_NO_WAIT));
  } else {
    CHECK_OK(strand_shield_begin());
    CHECK_OK(strand_chan_recv(downs, &down, STRAND_FOREVER));
    CHECK_OK(strand_shield_end());
    CHECK_EQUAL(down.target, watched);
    CHECK_EQUAL(down.tag, 5);
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(downs, &down, STRAND_NO_WAIT));
  }
  CHECK_OK(strand_chan_release(downs));
}
static void time_something(uint64_t *state) {
  const strand_chan ticks = new_channel(sizeof(uint64_t), 1);
  strand_timer timer;
  uint64_t value = 0;
  CHECK_OK(strand_timer_new(ticks, 3, &timer));
  const int64_t when = soon(state);
  CHECK_OK(strand_timer_start(timer, when, 0));
  if (next_random(state) % 2 == 0) {
    (void)strand_timer_stop(timer);
  } else if (went(strand_chan_recv(ticks, &value, strand_after(INT64_C(3600000000000))))) {
    CHECK_EQUAL(value, 3);
    CHECK(strand_now() >= when);
  }
  CHECK_OK(strand_timer_release(timer));
  CHECK_OK(strand_chan_release(ticks));
}
static void take_cover(uint64_t *state) {
  CHECK_OK(strand_shield_begin());
  CHECK_OK(strand_sleep((int64_t)(1 + next_random(state) % 100)));
  CHECK_OK(strand_shield_end());
}

/* ------------------------------------------------------------------------------------------- programs */

typedef struct actor {
  uint64_t seed;
  uint64_t tasks; /* started */
} actor;

static void *act(void *arg) {
  actor *self = arg;
  uint64_t state = self->seed;
  for (int turn = 0; turn < OPERATIONS; turn += 1) {
    switch (next_random(&state) % 16) {
      case 0: send_one(&state); break;
      case 1: receive_one(&state); break;
      case 2: select_one(&state); break;
      case 3: lock_one(&state); break;
      case 4: forgets_the_lock ? without_the_lock(&state) : lock_one(&state); break;
      case 5: read_or_write(&state); break;
      case 6: use_units(&state); break;
      case 7: run_a_task(&state, &self->tasks); break;
      case 8: join_tasks(&state, &self->tasks); break;
      case 9: open_a_scope(&state, &self->tasks); break;
      case 10: promise_something(&state); break;
      case 11: generate(&state); break;
      case 12: watch(&state); break;
      case 13: time_something(&state); break;
      case 14: take_cover(&state); break;
      default:
        if (next_random(&state) % 3 == 0) {
          (void)strand_cancel_fire(here.tokens[state % 2], 11);
        }
        break;
    }
    count_up(&here.operations);
  }
  CHECK_OK(strand_wait_group_done(&here.group));
  return NULL;
}

static void *direct(void *arg) {
  static actor actors[ACTORS];
  uint64_t seed = (uint64_t)(uintptr_t)arg;
  uint64_t value = 0;
  uint64_t tasks = 0;
  const size_t capacities[3] = {0, 2, STRAND_UNBOUNDED};
  memset(&here, 0, sizeof here);
  for (int channel = 0; channel < 3; channel += 1) {
    here.channels[channel] = new_channel(sizeof(uint64_t), capacities[channel]);
  }
  CHECK_OK(strand_semaphore_release(&here.units, UNITS));
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &here.tokens[0]));
  CHECK_OK(strand_cancel_new(here.tokens[0], STRAND_FOREVER, &here.tokens[1]));
  CHECK_OK(strand_wait_group_add(&here.group, ACTORS));
  for (int one = 0; one < ACTORS; one += 1) {
    strand_spawn_options options = default_spawn("actor");
    actors[one].seed = next_random(&seed) | 1;
    actors[one].tasks = 0;
    options.cancel = one % 3 == 0 ? 0 : here.tokens[one % 3 - 1];
    const strand_status status = strand_spawn_with(&options, act, &actors[one], NULL);
    if (status != STRAND_OK) {
      CHECK_STATUS(STRAND_ERR_CANCELLED, status); /* its token has fired */
      CHECK_OK(strand_wait_group_done(&here.group));
    }
  }
  CHECK_OK(strand_wait_group_wait(&here.group, STRAND_FOREVER));
  CHECK_OK(strand_wait_all(STRAND_FOREVER));

  for (int channel = 0; channel < 3; channel += 1) {
    while (strand_chan_recv(here.channels[channel], &value, STRAND_NO_WAIT) == STRAND_OK) {
      count_up(&here.received);
    }
    CHECK_OK(strand_chan_release(here.channels[channel]));
  }
  CHECK_EQUAL(here.sent, here.received);
  CHECK_OK(strand_semaphore_acquire(&here.units, UNITS, STRAND_NO_WAIT));
  CHECK_OK(strand_mutex_lock(&here.mutex, STRAND_NO_WAIT));
  CHECK_EQUAL(here.left, here.right);
  CHECK_OK(strand_mutex_unlock(&here.mutex));
  CHECK_OK(strand_rwlock_write_lock(&here.rwlock, STRAND_NO_WAIT));
  CHECK_EQUAL(here.low, here.high);
  CHECK_OK(strand_rwlock_write_unlock(&here.rwlock));
  CHECK_EQUAL(here.children, 0);
  for (int one = 0; one < ACTORS; one += 1) {
    tasks += actors[one].tasks;
  }
  /* Each argument was taken by its task or dropped, each value was dropped in the end. */
  CHECK_EQUAL(here.arguments + here.arguments_dropped, tasks);
  CHECK_EQUAL(here.values, here.values_dropped);
  CHECK_OK(strand_cancel_release(here.tokens[1]));
  CHECK_OK(strand_cancel_release(here.tokens[0]));
  return NULL;
}

static void run_programs(int programs) {
  uint64_t seed = test_seed();
  start_runtime(2);
  for (int program = 0; program < programs; program += 1) {
    spawn(direct, (void *)(uintptr_t)(next_random(&seed) | 1));
    CHECK_OK(strand_scheduler_run());
  }
  CHECK(programs < 20 || here.operations > 0);
  stop_runtime();
}

static void everything_together_comes_out_even(void) { run_programs(shortened(300)); }

static void lose(void) {
  loses_a_message = 1;
  run_programs(300);
}
static void a_lost_message_is_noticed(void) {
  child result;
  run_child(&result, lose);
  CHECK_CHILD_FAILED(&result);
  CHECK_SAYS(result.text, "here.sent");
}
static void forget(void) {
  forgets_the_lock = 1;
  run_programs(300);
}
static void a_forgotten_lock_is_noticed(void) {
  child result;
  run_child(&result, forget);
  CHECK_CHILD_FAILED(&result);
  CHECK_SAYS(result.text, "here.left");
}

int main(void) {
  CLAIM(a_lost_message_is_noticed); /* the children first: before any init here */
  CLAIM(a_forgotten_lock_is_noticed);
  CLAIM(everything_together_comes_out_even);
  return 0;
}
