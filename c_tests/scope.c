/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 schedules=yes modes=static,shared opt=O0,O2 */
/*
 * Scopes: children never outlive them, whoever is cancelled; who may do what; what the failure of a child does; what
 * a deadline reaches.
 */
#include "harness.h"

static strand_scope open_scope(uint32_t flags, uint32_t policy, int64_t deadline) {
  strand_scope_options options;
  strand_scope scope = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.flags = flags;
  options.fault_policy = policy;
  options.deadline = deadline;
  CHECK_OK(strand_scope_open(&options, &scope));
  CHECK(scope != 0);
  return scope;
}

static strand_status try_spawn_into(strand_scope scope, strand_entry entry, void *arg, strand_id *id) {
  strand_spawn_options options = default_spawn(NULL);
  options.scope = scope;
  return strand_spawn_with(&options, entry, arg, id);
}

static strand_id spawn_into(strand_scope scope, strand_entry entry, void *arg) {
  strand_id id = 0;
  CHECK_OK(try_spawn_into(scope, entry, arg, &id));
  return id;
}

/* Runs a strand that opens scopes, and waits for it. */
static void run_opener(strand_entry entry, void *arg) {
  CHECK_OK(strand_join(spawn(entry, arg), STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
}

static uint64_t begun, ended, told;
static void begin_counting(void) {
  count_set(&begun, 0);
  count_set(&ended, 0);
  count_set(&told, 0);
}

static void note_end(void *data) { count_up(data); }

/* A child that yields a few times. Its end is counted by its last hook. */
static void *works(void *arg) {
  CHECK_OK(strand_on_exit(note_end, &ended));
  count_up(&begun);
  for (intptr_t round = 0; round < (intptr_t)arg; round += 1) CHECK_OK(strand_yield());
  return NULL;
}

/* A child that only a cancellation ends; then it takes its time. */
static void *waits(void *arg) {
  strand_park_token parked;
  (void)arg;
  CHECK_OK(strand_on_exit(note_end, &ended));
  count_up(&begun);
  CHECK_OK(strand_park_begin(&parked));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_park(parked, STRAND_FOREVER, NULL));
  CHECK_OK(strand_shield_begin());
  for (int round = 0; round < 5; round += 1) CHECK_OK(strand_yield());
  CHECK_OK(strand_shield_end());
  count_up(&told);
  return NULL;
}

/* ------------------------------------------------------------------------------------------------ leaving */

static void *joins_and_exits(void *arg) {
  const strand_scope scope = open_scope(0, 0, 0);
  (void)arg;
  for (intptr_t child = 0; child < 10; child += 1) spawn_into(scope, works, (void *)child);
  CHECK_OK(strand_scope_join(scope, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ended), 10);
  spawn_into(scope, works, (void *)3); /* a join leaves it open */
  CHECK_OK(strand_scope_exit(scope));
  CHECK_EQUAL(count_read(&ended), 11);
  CHECK_STATUS(STRAND_ERR_STALE, strand_scope_exit(scope));
  CHECK_STATUS(STRAND_ERR_STALE, strand_scope_close(scope));
  CHECK_STATUS(STRAND_ERR_STALE, strand_scope_join(scope, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_STALE, try_spawn_into(scope, works, NULL, NULL));
  CHECK_STATUS(STRAND_ERR_STALE, strand_scope_cancel(scope, 1));
  return NULL;
}

static void a_scope_is_left_when_its_children_have_ended(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(50); round += 1) {
    begin_counting();
    run_opener(joins_and_exits, NULL);
  }
  stop_runtime();
}

static void *closes(void *arg) {
  const strand_scope scope = open_scope(0, 0, 0);
  (void)arg;
  for (int child = 0; child < 10; child += 1) spawn_into(scope, waits, NULL);
  if (count_read(&begun) % 2 == 0) CHECK_OK(strand_yield());
  CHECK_OK(strand_scope_close(scope));
  CHECK_EQUAL(count_read(&ended), 10); /* their exit functions too */
  CHECK_EQUAL(count_read(&told), 10);
  return NULL;
}

static void a_close_cancels_and_returns_when_nobody_is_left(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(50); round += 1) {
    begin_counting();
    run_opener(closes, NULL);
  }
  stop_runtime();
}

static void *exits_by_cancelling(void *arg) {
  strand_scope scope = open_scope(STRAND_SCOPE_CANCEL_ON_EXIT, 0, 0);
  (void)arg;
  spawn_into(scope, waits, NULL);
  CHECK_OK(strand_scope_exit(scope));
  CHECK_EQUAL(count_read(&told), 1);
  scope = open_scope(STRAND_SCOPE_CANCEL_ON_EXIT, 0, 0);
  spawn_into(scope, waits, NULL);
  CHECK_OK(strand_scope_cancel(scope, 4));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(scope)); /* by somebody else */
  return NULL;
}

static void an_exit_cancels_if_the_scope_was_opened_so(void) {
  start_runtime(2);
  begin_counting();
  run_opener(exits_by_cancelling, NULL);
  CHECK_EQUAL(count_read(&ended), 2);
  stop_runtime();
}

/* Empty scopes, and scopes of an OS thread. */
static void a_thread_has_scopes_too(void) {
  strand_scope outer, inner;
  start_runtime(2);
  begin_counting();
  outer = open_scope(0, 0, 0);
  CHECK_OK(strand_scope_join(outer, STRAND_NO_WAIT));
  inner = open_scope(0, 0, 0);
  spawn_into(outer, waits, NULL);
  spawn_into(inner, works, (void *)5);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scope_close(outer));
  CHECK_LAST_ERROR_SAYS("out of order");
  CHECK_OK(strand_scope_exit(inner));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_scope_join(outer, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scope_join(outer, 1));
  CHECK_OK(strand_scope_close(outer));
  CHECK_EQUAL(count_read(&ended), 2);
  outer = open_scope(0, 0, 0);
  CHECK_OK(strand_scope_exit(outer));
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ who may */

static void *tries_what_is_not_its_own(void *arg) {
  const strand_scope scope = *(strand_scope *)arg;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scope_close(scope)); /* would wait for itself */
  CHECK_LAST_ERROR_SAYS("opener");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scope_join(scope, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scope_exit(scope));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scope_next(scope, STRAND_NO_WAIT, &told, NULL));
  spawn_into(scope, works, (void *)1); /* this everybody may */
  count_up(&told);
  return NULL;
}

static void *lets_others_try(void *arg) {
  char name[64];
  strand_scope scope = open_scope(0, 0, 0), inner;
  (void)arg;
  spawn_into(scope, tries_what_is_not_its_own, &scope);
  spawn(tries_what_is_not_its_own, &scope);
  while (count_read(&told) < 2) CHECK_OK(strand_yield());
  inner = open_scope(0, 0, 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scope_exit(scope));
  snprintf(name, sizeof name, "%#" PRIx64, inner);
  CHECK_LAST_ERROR_SAYS(name);
  CHECK_OK(strand_scope_close(inner));
  CHECK_OK(strand_scope_exit(scope));
  CHECK_EQUAL(count_read(&ended), 2);
  return NULL;
}

static void only_the_opener_joins_and_leaves_and_in_order(void) {
  start_runtime(2);
  begin_counting();
  run_opener(lets_others_try, NULL);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ cancelling */

static void *opens_below(void *arg) {
  const intptr_t depth = (intptr_t)arg;
  const strand_scope scope = open_scope(0, 0, 0);
  spawn_into(scope, waits, NULL);
  if (depth > 0) spawn_into(scope, opens_below, (void *)(depth - 1));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_join(scope, STRAND_FOREVER)); /* its own wait */
  CHECK_STATUS(STRAND_ERR_CANCELLED, try_spawn_into(scope, works, NULL, NULL));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(scope)); /* and still nobody outlives the scope */
  return NULL;
}

static void *cancels_a_tree(void *arg) {
  const strand_scope scope = open_scope(0, 0, 0);
  uint64_t reason = 0;
  strand_cancel token = 0;
  (void)arg;
  spawn_into(scope, opens_below, (void *)3);
  while (count_read(&begun) < 4) CHECK_OK(strand_yield());
  CHECK_OK(strand_scope_token(scope, &token));
  CHECK_OK(strand_scope_cancel(scope, 17));
  CHECK_OK(strand_scope_cancel(scope, 18));
  CHECK_OK(strand_cancel_wait(token, STRAND_FOREVER, &reason));
  CHECK_EQUAL(reason, 17);
  CHECK_OK(strand_yield()); /* the opener is not reached */
  CHECK_STATUS(STRAND_ERR_CANCELLED, try_spawn_into(scope, works, NULL, NULL));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_join(scope, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ended), 4);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(scope));
  CHECK_OK(strand_cancel_release(token));
  CHECK_STATUS(STRAND_ERR_STALE, strand_scope_token(scope, &token));
  return NULL;
}

static void a_cancel_reaches_every_descendant(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(50); round += 1) {
    begin_counting();
    run_opener(cancels_a_tree, NULL);
    CHECK_EQUAL(count_read(&told), 4);
  }
  stop_runtime();
}

static strand_id cancelled_opener;
static void *is_cancelled_by_its_handle(void *arg) {
  strand_scope outer, inner;
  (void)arg;
  __atomic_store_n(&cancelled_opener, strand_self(), __ATOMIC_SEQ_CST);
  outer = open_scope(0, 0, 0);
  inner = open_scope(0, 0, 0);
  spawn_into(outer, waits, NULL);
  spawn_into(inner, waits, NULL);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_join(inner, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(inner));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(outer)); /* waits all the same */
  CHECK_EQUAL(count_read(&told), 2);
  inner = open_scope(0, 0, 0); /* below what is cancelled */
  CHECK_STATUS(STRAND_ERR_CANCELLED, try_spawn_into(inner, works, NULL, NULL));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(inner));
  CHECK_OK(strand_shield_begin()); /* cleaning up may have children */
  inner = open_scope(0, 0, 0);
  spawn_into(inner, works, (void *)2);
  CHECK_OK(strand_scope_exit(inner));
  CHECK_OK(strand_shield_end());
  return NULL;
}

static void whoever_cancels_a_strand_cancels_the_scopes_it_has_open(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(50); round += 1) {
    strand_id id;
    begin_counting();
    __atomic_store_n(&cancelled_opener, 0, __ATOMIC_SEQ_CST);
    id = spawn(is_cancelled_by_its_handle, NULL);
    await_count(&begun, 2);
    CHECK_OK(strand_cancel_strand(id, 5));
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ended), 3);
  }
  stop_runtime();
}

static void *leaves_scopes_open(void *arg) {
  const strand_scope outer = open_scope(0, 0, 0);
  const strand_scope inner = open_scope(0, 0, 0);
  CHECK_OK(strand_on_exit(note_end, arg));
  spawn_into(outer, waits, NULL);
  spawn_into(inner, waits, NULL);
  return NULL;
}

static void a_strand_that_ends_closes_what_it_has_open_first(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(50); round += 1) {
    uint64_t exits = 0;
    begin_counting();
    CHECK_OK(strand_join(spawn(leaves_scopes_open, &exits), STRAND_FOREVER));
    CHECK_EQUAL(count_read(&ended), count_read(&begun)); /* before its end counts; some were never told to begin */
    CHECK_EQUAL(exits, 1);
    CHECK_OK(strand_scheduler_run());
  }
  stop_runtime();
}

static void *fails_with_scopes_open(void *arg) {
  leaves_scopes_open(arg);
  strand_fail(STRAND_ERR_FAILED, "with scopes open", 16);
  return NULL;
}

static void also_one_that_fails(void) {
  uint64_t exits = 0;
  start_runtime(2);
  begin_counting();
  CHECK_OK(strand_join(spawn(fails_with_scopes_open, &exits), STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ended), count_read(&begun));
  CHECK_EQUAL(exits, 1);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("with scopes open");
  stop_runtime();
}

/* A second token beside the enclosing scope. */
static void *has_two_above(void *arg) {
  strand_scope_options options;
  strand_scope outer = open_scope(0, 0, 0), inner = 0;
  uint64_t reason = 0;
  strand_cancel token = 0, own = 0;
  const int which = *(int *)arg;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &token));
  options.cancel = token;
  CHECK_OK(strand_scope_open(&options, &inner));
  spawn_into(inner, waits, NULL);
  CHECK_OK(strand_scope_token(inner, &own));
  if (which == 0) CHECK_OK(strand_cancel_fire(token, 31));
  if (which == 1) CHECK_OK(strand_scope_cancel(outer, 32));
  if (which < 2) {
    CHECK_OK(strand_cancel_wait(own, STRAND_FOREVER, &reason));
    CHECK_EQUAL(reason, 31 + which);
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(inner));
  } else {
    CHECK_OK(strand_scope_close(inner));
    CHECK_OK(strand_cancel_fire(token, 33)); /* it is gone: nothing happens */
  }
  CHECK_STATUS(which == 1 ? STRAND_ERR_CANCELLED : STRAND_OK, strand_scope_exit(outer));
  CHECK_OK(strand_cancel_release(token));
  CHECK_OK(strand_cancel_release(own));
  return NULL;
}

static void a_scope_may_be_below_a_token_and_a_scope(void) {
  start_runtime(2);
  for (int which = 0; which < 3; which += 1) {
    begin_counting();
    run_opener(has_two_above, &which);
    CHECK_EQUAL(count_read(&ended), count_read(&begun));
  }
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ deadlines */

/* Its child came before the deadline, or it is tried again with more time. */
static int deadline_comes_to_a_child(int64_t distance) {
  const int64_t soon = strand_after(distance), late = strand_after(SECONDS(1000));
  const strand_scope outer = open_scope(0, 0, soon);
  const strand_scope inner = open_scope(0, 0, late);
  strand_cancel token = 0;
  int64_t effective = 0;
  uint64_t reason = 0;
  CHECK_OK(strand_scope_token(inner, &token));
  CHECK_OK(strand_cancel_deadline(token, &effective));
  CHECK_EQUAL(effective, soon); /* the earliest of those around */
  const strand_status spawned = try_spawn_into(inner, waits, NULL, NULL);
  if (spawned != STRAND_OK) {
    CHECK_STATUS(STRAND_ERR_CANCELLED, spawned);
    CHECK_NUMBERS(strand_now(), >=, soon);
  }
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(inner));
  CHECK_NUMBERS(strand_now(), >=, soon);
  CHECK_NUMBERS(strand_now(), <, late);
  CHECK_OK(strand_cancel_wait(token, STRAND_NO_WAIT, &reason));
  CHECK(reason == STRAND_CANCEL_DEADLINE);
  CHECK_OK(strand_cancel_release(token));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(outer));
  return spawned == STRAND_OK;
}
static void *has_a_deadline(void *arg) {
  int64_t distance = MILLISECONDS(20);
  (void)arg;
  while (!deadline_comes_to_a_child(distance)) {
    distance *= 2;
    CHECK_NUMBERS(distance, <, SECONDS(100));
  }
  return NULL;
}

static void *opened_too_late(void *arg) {
  const strand_scope scope = open_scope(0, 0, 1); /* a deadline in the past */
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CANCELLED, try_spawn_into(scope, works, NULL, NULL));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_join(scope, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_scope_exit(scope));
  return NULL;
}

static void the_earliest_deadline_around_a_scope_cancels_it(void) {
  start_runtime(2);
  begin_counting();
  run_opener(has_a_deadline, NULL);
  CHECK_EQUAL(count_read(&told), count_read(&begun));
  run_opener(opened_too_late, NULL);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ failures */

static void *fails(void *arg) {
  (void)arg;
  strand_fail(STRAND_ERR_IO, "the disk is on fire", 19);
  return NULL;
}

static void *one_fails(void *arg) {
  const strand_scope scope = open_scope(0, STRAND_FAULT_FAIL_SCOPE, 0);
  uint64_t reason = 0;
  strand_cancel token = 0;
  (void)arg;
  CHECK_OK(strand_scope_token(scope, &token));
  spawn_into(scope, waits, NULL);
  spawn_into(scope, fails, NULL);
  if (try_spawn_into(scope, waits, NULL, NULL) == STRAND_OK) CHECK_OK(strand_checkpoint());
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scope_join(scope, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("the disk is on fire");
  CHECK_OK(strand_cancel_wait(token, STRAND_NO_WAIT, &reason));
  CHECK(reason == STRAND_CANCEL_SCOPE_FAILED);
  CHECK_EQUAL(count_read(&told), count_read(&begun));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scope_exit(scope));
  CHECK_LAST_ERROR_SAYS("STRAND_ERR_IO");
  CHECK_OK(strand_cancel_release(token));
  return NULL;
}

static strand_status task_that_fails(void *arg, uint64_t *value) {
  (void)arg;
  *value = 0;
  return STRAND_ERR_DEVICE;
}

static strand_status task_that_waits(void *arg, uint64_t *value) {
  *value = 7;
  waits(arg);
  return STRAND_ERR_CANCELLED;
}

static strand_status task_that_works(void *arg, uint64_t *value) {
  works(arg);
  *value = (uint64_t)(uintptr_t)arg;
  return STRAND_OK;
}

static void *a_task_fails(void *arg) {
  const strand_scope scope = open_scope(0, STRAND_FAULT_FAIL_SCOPE, 0);
  strand_task waiting = 0, failing = 0;
  strand_outcome outcome;
  (void)arg;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_spawn(scope, task_that_waits, NULL, &waiting));
  CHECK_OK(strand_task_spawn(scope, task_that_fails, NULL, &failing));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scope_exit(scope));
  CHECK_LAST_ERROR_SAYS("STRAND_ERR_DEVICE");
  CHECK_OK(strand_task_outcome(waiting, &outcome));
  CHECK_EQUAL(outcome.state, STRAND_CANCELLED);
  CHECK(outcome.reason == STRAND_CANCEL_SCOPE_FAILED);
  CHECK_OK(strand_task_release(waiting));
  CHECK_OK(strand_task_release(failing));
  return NULL;
}

static void a_failing_child_cancels_the_others_and_the_opener_is_told(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(50); round += 1) {
    begin_counting();
    run_opener(one_fails, NULL); /* and the run has nothing to report */
    begin_counting();
    run_opener(a_task_fails, NULL);
    CHECK_EQUAL(count_read(&told), count_read(&begun));
  }
  stop_runtime();
}

static void *isolates(void *arg) {
  const strand_scope scope = open_scope(0, STRAND_FAULT_ISOLATE, 0);
  (void)arg;
  spawn_into(scope, fails, NULL);
  spawn_into(scope, works, (void *)4);
  CHECK_OK(strand_scope_exit(scope));
  CHECK_EQUAL(count_read(&ended), 1);
  return NULL;
}

static void a_failure_in_an_isolating_scope_is_the_runs(void) {
  start_runtime(2);
  begin_counting();
  CHECK_OK(strand_join(spawn(isolates, NULL), STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("the disk is on fire");
  stop_runtime();
}

static void *leaves_without_looking(void *arg) {
  const strand_scope scope = open_scope(0, STRAND_FAULT_FAIL_SCOPE, 0);
  const strand_id child = spawn_into(scope, fails, NULL);
  (void)arg;
  CHECK_OK(strand_join(child, STRAND_FOREVER));
  return NULL;
}

static void a_failure_that_the_opener_was_not_told_of_is_the_runs(void) {
  start_runtime(2);
  CHECK_OK(strand_join(spawn(leaves_without_looking, NULL), STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("the disk is on fire");
  stop_runtime();
}

static void *aborts(void *arg) {
  const strand_scope scope = open_scope(0, STRAND_FAULT_ABORT, 0);
  spawn_into(scope, fails, arg);
  strand_scope_exit(scope);
  return NULL;
}
static void run_aborting(void) {
  start_runtime(1);
  spawn(aborts, NULL);
  strand_scheduler_run();
}
static void a_failure_in_an_aborting_scope_ends_the_process(void) {
  child result;
  run_child(&result, run_aborting);
  CHECK(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
  CHECK_SAYS(result.text, "the disk is on fire");
}

/* ------------------------------------------------------------------------------------------------ next */

static void *asks_who_is_next(void *arg) {
  const strand_scope scope = open_scope(STRAND_SCOPE_COLLECT, 0, 0);
  strand_outcome outcome;
  uint64_t child = 0, sum = 0;
  int strands = 0, tasks = 0;
  strand_task task = 0;
  strand_id id;
  (void)arg;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_scope_next(scope, STRAND_FOREVER, &child, &outcome));
  id = spawn_into(scope, works, (void *)2);
  for (intptr_t value = 1; value <= 3; value += 1) {
    CHECK_OK(strand_task_spawn(scope, task_that_works, (void *)value, &task));
    CHECK_OK(strand_task_release(task)); /* the scope keeps it until it was told */
  }
  for (;;) {
    const strand_status status = strand_scope_next(scope, STRAND_FOREVER, &child, &outcome);
    if (status == STRAND_ERR_EMPTY) break;
    CHECK_OK(status);
    CHECK_EQUAL(outcome.state, STRAND_SUCCEEDED);
    if (child == id) {
      strands += 1;
      CHECK_OK(strand_join(child, STRAND_NO_WAIT));
    } else {
      uint64_t value = 0;
      tasks += 1;
      CHECK_OK(strand_task_await(child, STRAND_NO_WAIT, &value));
      CHECK_EQUAL(value, outcome.value);
      sum += value;
      CHECK_OK(strand_task_release(child));
    }
  }
  CHECK_EQUAL(strands, 1);
  CHECK_EQUAL(tasks, 3);
  CHECK_EQUAL(sum, 6);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, (spawn_into(scope, waits, NULL), strand_scope_next(scope, STRAND_NO_WAIT, &child, NULL)));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scope_next(scope, strand_after(1000), &child, NULL));
  CHECK_OK(strand_task_spawn(scope, task_that_works, (void *)1, &task)); /* nobody asks for these */
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_scope_close(scope));
  CHECK_EQUAL(count_read(&ended), count_read(&begun));
  return NULL;
}

static void children_are_told_in_the_order_of_their_ends(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(50); round += 1) {
    begin_counting();
    run_opener(asks_who_is_next, NULL);
  }
  stop_runtime();
}

static void *waits_at_a_gate(void *arg) {
  uint64_t element;
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &element, STRAND_FOREVER));
  return NULL;
}

static void *lets_them_end_in_its_own_order(void *arg) {
  static const int order[] = {2, 0, 1};
  const strand_scope scope = open_scope(STRAND_SCOPE_COLLECT, 0, 0);
  strand_chan gates[3];
  strand_id ids[3];
  uint64_t child = 0, element = 0;
  const uint64_t before = read_statistics().finished;
  (void)arg;
  for (int at = 0; at < 3; at += 1) {
    gates[at] = new_channel(8, 1);
    ids[at] = spawn_into(scope, waits_at_a_gate, &gates[at]);
  }
  for (int place = 0; place < 3; place += 1) {
    if (place < 2) CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_scope_next(scope, STRAND_NO_WAIT, &child, NULL));
    CHECK_OK(strand_chan_send(gates[order[place]], &element, STRAND_FOREVER));
    if (place == 1) { /* two end before the next question; each counts as ended when its scope was told */
      while (read_statistics().finished < before + 2) CHECK_OK(strand_yield());
      continue;
    }
    CHECK_OK(strand_scope_next(scope, STRAND_FOREVER, &child, NULL));
    CHECK_EQUAL(child, ids[order[place == 0 ? 0 : 1]]);
    if (place == 0) continue;
    CHECK_OK(strand_scope_next(scope, STRAND_FOREVER, &child, NULL));
    CHECK_EQUAL(child, ids[order[2]]);
  }
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_scope_next(scope, STRAND_FOREVER, &child, NULL));
  CHECK_OK(strand_scope_exit(scope));
  for (int at = 0; at < 3; at += 1) CHECK_OK(strand_chan_release(gates[at]));
  return NULL;
}

static void the_order_is_that_of_the_ends_and_not_of_the_spawns(void) {
  start_runtime(1);
  run_opener(lets_them_end_in_its_own_order, NULL);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ promises */

static void *has_a_promise(void *arg) {
  const strand_scope scope = open_scope(0, 0, 0);
  strand_promise promise = 0;
  strand_task task = 0;
  strand_outcome outcome;
  (void)arg;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_promise_new(scope, &promise, &task));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_scope_join(scope, STRAND_NO_WAIT)); /* it is a child */
  CHECK_OK(strand_promise_complete(promise, 5));
  CHECK_OK(strand_scope_join(scope, STRAND_NO_WAIT));
  CHECK_OK(strand_promise_release(promise));
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_promise_new(scope, &promise, &task));
  CHECK_OK(strand_scope_close(scope));
  CHECK_OK(strand_task_outcome(task, &outcome));
  CHECK_EQUAL(outcome.state, STRAND_CANCELLED);
  CHECK(outcome.reason == STRAND_CANCEL_SCOPE_CLOSED);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_complete(promise, 6));
  CHECK_OK(strand_promise_release(promise));
  CHECK_OK(strand_task_release(task));
  return NULL;
}

/* Its scope reaches an open promise whose task nobody has a handle of. */
static void *has_a_promise_alone(void *arg) {
  const strand_scope scope = open_scope(0, 0, 0);
  strand_promise promise = 0;
  strand_task task = 0;
  (void)arg;
  CHECK_OK(strand_promise_new(scope, &promise, &task));
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_scope_close(scope));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_promise_complete(promise, 6));
  CHECK_OK(strand_promise_release(promise));
  return NULL;
}
static void a_promise_without_a_task_handle_is_reached_too(void) {
  start_runtime(2);
  run_opener(has_a_promise_alone, NULL);
  stop_runtime();
}

/* A failure that the opener was told of by strand_scope_next is not the run's. */
static strand_status fails_of_itself(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  return STRAND_ERR_IO;
}
static void *is_told_of_a_failure(void *arg) {
  const strand_scope scope = open_scope(STRAND_SCOPE_COLLECT, 0, 0);
  strand_task task = 0, child = 0;
  strand_outcome outcome;
  (void)arg;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_spawn(scope, fails_of_itself, NULL, &task));
  CHECK_OK(strand_scope_next(scope, STRAND_FOREVER, &child, &outcome));
  CHECK_EQUAL(outcome.state, STRAND_FAILED);
  CHECK_EQUAL(outcome.code, STRAND_ERR_IO);
  CHECK_OK(strand_scope_exit(scope));
  CHECK_OK(strand_task_release(child));
  CHECK_OK(strand_task_release(task));
  return NULL;
}
static void a_failure_that_next_has_told_of_is_not_the_runs(void) {
  start_runtime(2);
  run_opener(is_told_of_a_failure, NULL); /* its run is OK */
  stop_runtime();
}

/* A completed promise leaves nothing with its scope: hooks are numbered from the lowest that is free. */
static void not_called(void *data, uint64_t reason) {
  (void)data;
  (void)reason;
  fail_now(__FILE__, __LINE__, "it was called");
}
static void *completes_many_promises(void *arg) {
  const strand_scope scope = open_scope(0, 0, 0);
  strand_cancel token = 0;
  strand_cancel_hook hook = 0;
  (void)arg;
  for (int round = 0; round < 100; round += 1) {
    strand_promise promise = 0;
    strand_task task = 0;
    CHECK_OK(strand_promise_new(scope, &promise, &task));
    CHECK_OK(strand_promise_complete(promise, 1));
    CHECK_OK(strand_promise_release(promise));
    CHECK_OK(strand_task_release(task));
  }
  CHECK_OK(strand_scope_token(scope, &token));
  CHECK_OK(strand_cancel_on(token, not_called, NULL, NULL, &hook));
  CHECK((hook & 0xFFFFFF) < 50);
  CHECK_OK(strand_cancel_off(hook));
  CHECK_OK(strand_cancel_release(token));
  CHECK_OK(strand_scope_exit(scope));
  return NULL;
}
static void a_completed_promise_leaves_nothing_with_its_scope(void) {
  start_runtime(2);
  run_opener(completes_many_promises, NULL);
  stop_runtime();
}

/* ------------------------------------------------------------------------------- who sees an end finds it told */

static strand_promise promise_to_complete;
static void *returns(void *arg) { return arg; }
/* Leaves a stack behind that takes a moment to give back. */
static void *returns_from_far_below(void *arg) {
  volatile char room[400 << 10];
  for (size_t at = 0; at < sizeof room; at += 4096) room[at] = 1;
  return arg;
}
static void *completes_it(void *arg) {
  CHECK_OK(strand_promise_complete(promise_to_complete, 1));
  return arg;
}
static strand_status succeeds_at_once(void *arg, uint64_t *value) {
  (void)arg;
  *value = 1;
  return STRAND_OK;
}

static int task_has_ended(strand_task task) {
  strand_outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(task, &outcome));
  return outcome.state >= STRAND_SUCCEEDED;
}

enum { A_STRAND, A_TASK, A_PROMISE, CHILD_KINDS };
static const char *const child_kinds[] = {"strand", "task", "promise"};

/* It does not wait for the child's end but looks, or waits with a deadline, and asks the scope at once. */
static void *looks_and_asks(void *arg) {
  const int kind = (int)(intptr_t)arg;
  const strand_scope scope = open_scope(STRAND_SCOPE_COLLECT, 0, 0);
  const int rounds = shortened(6000);
  int early = 0;
  for (int round = 0; round < rounds; round += 1) {
    strand_id id = 0;
    strand_task task = 0;
    uint64_t child = 0, value = 0;
    strand_status status;
    if (kind == A_STRAND) {
      strand_spawn_options options = default_spawn(NULL);
      options.scope = scope;
      options.stack_bytes = round % 8 == 0 ? 512 << 10 : 0;
      CHECK_OK(strand_spawn_with(&options, round % 8 == 0 ? returns_from_far_below : returns, NULL, &id));
    }
    if (kind == A_TASK) CHECK_OK(strand_task_spawn(scope, succeeds_at_once, NULL, &task));
    if (kind == A_PROMISE) {
      CHECK_OK(strand_promise_new(scope, &promise_to_complete, &task));
      id = spawn(completes_it, NULL);
    }
    if (round % 8 == 1) {
      const int64_t deadline = strand_after(MILLISECONDS(60000));
      CHECK_OK(kind == A_STRAND ? strand_join(id, deadline) : strand_task_await(task, deadline, &value));
    }
    for (int look = 1; kind == A_STRAND ? strand_join(id, STRAND_NO_WAIT) != STRAND_OK : !task_has_ended(task); look += 1) {
      if (look % 1000 == 0) CHECK_OK(strand_yield());
    }
    status = strand_scope_next(scope, STRAND_NO_WAIT, &child, NULL);
    early += status != STRAND_OK;
    if (status != STRAND_OK) CHECK_OK(strand_scope_next(scope, STRAND_FOREVER, &child, NULL));
    CHECK_EQUAL(child, kind == A_STRAND ? id : task);
    if (kind == A_STRAND) CHECK_STATUS(STRAND_ERR_EMPTY, strand_scope_next(scope, STRAND_NO_WAIT, &child, NULL));
    if (kind == A_PROMISE) {
      CHECK_STATUS(STRAND_ERR_EMPTY, strand_scope_next(scope, STRAND_NO_WAIT, &child, NULL));
      CHECK_OK(strand_join(id, STRAND_FOREVER));
      CHECK_OK(strand_promise_release(promise_to_complete));
    }
    if (task != 0) {
      CHECK_OK(strand_task_release(task));
      CHECK_OK(strand_task_take(task, STRAND_NO_WAIT, &value));
      CHECK_EQUAL(value, 1);
      CHECK_OK(strand_task_release(task)); /* the reference that came from the scope */
    }
  }
  if (early != 0) printf("# of %d times the scope did not know yet %d times that a %s had ended\n", rounds, early, child_kinds[kind]);
  CHECK_EQUAL(early, 0);
  CHECK_OK(strand_scope_exit(scope));
  return NULL;
}
static void whoever_sees_a_child_end_finds_its_scope_told(void) {
  start_runtime(2);
  for (intptr_t kind = 0; kind < CHILD_KINDS; kind += 1) run_opener(looks_and_asks, (void *)kind);
  stop_runtime();
}

/* Its argument's end is the moment at which it is seen that a task was cancelled. */
static strand_scope scope_of_cancelled;
static strand_task cancelled;
static void looks_and_asks_too(void *arg) {
  uint64_t child = 0;
  (void)arg;
  CHECK(task_has_ended(cancelled));
  CHECK_OK(strand_scope_next(scope_of_cancelled, STRAND_NO_WAIT, &child, NULL));
  CHECK_EQUAL(child, cancelled);
  CHECK_OK(strand_task_release(child));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_scope_next(scope_of_cancelled, STRAND_NO_WAIT, &child, NULL));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_scope_join(scope_of_cancelled, STRAND_NO_WAIT)); /* not before the argument */
  count_up(&told);
}
static void *cancels_its_child(void *arg) {
  strand_task_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.scope = scope_of_cancelled = open_scope(STRAND_SCOPE_COLLECT, 0, 0);
  options.arg_drop = looks_and_asks_too;
  CHECK_OK(strand_task_spawn_with(&options, succeeds_at_once, &options, &cancelled));
  (void)strand_task_cancel(cancelled, 7); /* it may run by now, or have ended, where another worker has taken it */
  CHECK_OK(strand_scope_exit(scope_of_cancelled));
  strand_outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  CHECK_OK(strand_task_outcome(cancelled, &outcome));
  if (outcome.state == STRAND_CANCELLED) count_up(&begun);
  CHECK_OK(strand_task_release(cancelled));
  return arg;
}
static void also_of_a_task_that_is_cancelled_before_it_began(void) {
  begin_counting();
  start_runtime(1);
  run_opener(cancels_its_child, NULL);
  stop_runtime();
  CHECK_EQUAL(count_read(&told), count_read(&begun));
}

/* A child that has seen another one's end comes after it. */
static void *sees_it_end(void *arg) {
  for (int look = 1; strand_join((strand_id)(uintptr_t)arg, STRAND_NO_WAIT) != STRAND_OK; look += 1) {
    if (look % 1000 == 0) CHECK_OK(strand_yield());
  }
  return NULL;
}
static void *has_children_that_see_each_other(void *arg) {
  const strand_scope scope = open_scope(STRAND_SCOPE_COLLECT, 0, 0);
  (void)arg;
  for (int round = 0; round < shortened(1000); round += 1) {
    strand_id chain[3], child = 0;
    chain[0] = spawn_into(scope, returns, NULL);
    for (int link = 1; link < 3; link += 1) chain[link] = spawn_into(scope, sees_it_end, (void *)(uintptr_t)chain[link - 1]);
    for (int link = 0; link < 3; link += 1) {
      CHECK_OK(strand_scope_next(scope, STRAND_FOREVER, &child, NULL));
      CHECK_EQUAL(child, chain[link]);
      CHECK_OK(strand_join(child, STRAND_NO_WAIT));
    }
  }
  CHECK_OK(strand_scope_exit(scope));
  return NULL;
}
static void whoever_has_seen_an_end_is_told_after_it(void) {
  start_runtime(2);
  run_opener(has_children_that_see_each_other, NULL);
  stop_runtime();
}

/* ------------------------------------------------------------------------- cancelled before it began */

static uint64_t to_cancel, drops_begun, drops_ended;

static void drops_slowly(void *arg) {
  (void)arg;
  count_up(&drops_begun);
  for (int round = 0; round < 20; round += 1) CHECK_OK(strand_yield());
  count_up(&drops_ended);
}
static strand_status ends_at_once(void *arg, uint64_t *value) {
  (void)arg;
  (void)value;
  return STRAND_OK;
}
static void *cancels_the_task(void *arg) {
  (void)arg;
  while (count_read(&to_cancel) == 0) CHECK_OK(strand_yield());
  (void)strand_task_cancel(count_read(&to_cancel), 7); /* it may have ended */
  return NULL;
}
static void *waits_for_the_cancelled(void *arg) {
  strand_task_options options;
  strand_task task = 0, child = 0;
  const uint32_t flags = arg == NULL ? 0 : STRAND_SCOPE_COLLECT;
  const strand_id canceller = spawn(cancels_the_task, NULL);
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.scope = open_scope(flags, flags == 0 ? STRAND_FAULT_FAIL_SCOPE : 0, 0);
  options.arg_drop = drops_slowly;
  CHECK_OK(strand_task_spawn_with(&options, ends_at_once, NULL, &task));
  count_set(&to_cancel, task);
  if (flags != 0) {
    CHECK_OK(strand_scope_next(options.scope, STRAND_FOREVER, &child, NULL));
    CHECK(child == task);
    CHECK_OK(strand_task_release(child));
  }
  CHECK_OK(strand_scope_exit(options.scope));
  CHECK_EQUAL(count_read(&drops_ended), count_read(&drops_begun));
  CHECK_OK(strand_join(canceller, STRAND_FOREVER));
  CHECK_OK(strand_task_release(task));
  CHECK_STATUS(STRAND_ERR_STALE, strand_task_release(task)); /* the scope has let it go */
  return NULL;
}
static void a_task_that_is_cancelled_before_it_began_is_told_before_the_scope_ends(void) {
  static char collect;
  start_runtime(2);
  for (int round = 0; round < shortened(100); round += 1) {
    count_set(&to_cancel, 0);
    run_opener(waits_for_the_cancelled, round % 2 == 0 ? NULL : &collect);
  }
  stop_runtime();
}

static void a_promise_is_a_child_until_it_is_completed(void) {
  start_runtime(2);
  run_opener(has_a_promise, NULL);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ races */

static strand_scope raced;
static void *spawns_until_refused(void *arg) {
  (void)arg;
  for (;;) {
    const strand_status status = try_spawn_into(raced, waits, NULL, NULL);
    if (status != STRAND_OK) {
      CHECK_STATUS(STRAND_ERR_CANCELLED, status);
      return NULL;
    }
    if (count_read(&begun) > 2000) return NULL;
    if (strand_yield() != STRAND_OK) return NULL;
  }
}

static void *closes_beside_spawns(void *arg) {
  const intptr_t rounds = (intptr_t)arg;
  raced = open_scope(0, 0, 0);
  spawn_into(raced, spawns_until_refused, NULL);
  spawn_into(raced, spawns_until_refused, NULL);
  for (intptr_t round = 0; round < rounds; round += 1) CHECK_OK(strand_yield());
  CHECK_OK(strand_scope_close(raced));
  CHECK_EQUAL(count_read(&ended), count_read(&begun));
  CHECK_EQUAL(count_read(&told), count_read(&begun));
  return NULL;
}

static void a_child_that_comes_while_the_scope_closes_is_refused_or_cancelled(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(100); round += 1) {
    begin_counting();
    run_opener(closes_beside_spawns, (void *)(intptr_t)(round % 9));
  }
  stop_runtime();
}

static void *has_very_many(void *arg) {
  const intptr_t count = (intptr_t)arg;
  const strand_scope scope = open_scope(0, 0, 0);
  for (intptr_t child = 0; child < count; child += 1) spawn_into(scope, waits, NULL);
  CHECK_OK(strand_scope_close(scope));
  return NULL;
}

static void a_scope_may_have_very_many_children(void) {
  start_runtime(2);
  begin_counting();
  run_opener(has_very_many, (void *)(intptr_t)shortened(scaled(20000)));
  CHECK_EQUAL(count_read(&ended), count_read(&begun));
  stop_runtime();
}

/* Children that were never started are ended by the close, and their arguments are dropped. */
static void drop_argument(void *arg) { count_up(arg); }
static void *never_runs(void *arg) {
  (void)arg;
  fail_now(__FILE__, __LINE__, "it ran");
  return NULL;
}
static void *has_a_dormant_child(void *arg) {
  strand_spawn_options options = default_spawn(NULL);
  options.scope = open_scope(0, 0, 0);
  options.flags = STRAND_SPAWN_DORMANT;
  options.arg_drop = drop_argument;
  CHECK_OK(strand_spawn_with(&options, never_runs, arg, NULL));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_scope_join(options.scope, STRAND_NO_WAIT));
  CHECK_OK(strand_scope_close(options.scope));
  CHECK_EQUAL(count_read(arg), 1);
  return NULL;
}
static void a_child_that_was_not_started_is_ended_by_the_close(void) {
  uint64_t dropped = 0;
  start_runtime(2);
  run_opener(has_a_dormant_child, &dropped);
  stop_runtime();
}

int main(void) {
  CLAIM(a_failure_in_an_aborting_scope_ends_the_process); /* first: it forks */
  CLAIM(a_scope_is_left_when_its_children_have_ended);
  CLAIM(a_close_cancels_and_returns_when_nobody_is_left);
  CLAIM(an_exit_cancels_if_the_scope_was_opened_so);
  CLAIM(a_thread_has_scopes_too);
  CLAIM(only_the_opener_joins_and_leaves_and_in_order);
  CLAIM(a_cancel_reaches_every_descendant);
  CLAIM(whoever_cancels_a_strand_cancels_the_scopes_it_has_open);
  CLAIM(a_strand_that_ends_closes_what_it_has_open_first);
  CLAIM(also_one_that_fails);
  CLAIM(a_scope_may_be_below_a_token_and_a_scope);
  CLAIM(the_earliest_deadline_around_a_scope_cancels_it);
  CLAIM(a_failing_child_cancels_the_others_and_the_opener_is_told);
  CLAIM(a_failure_in_an_isolating_scope_is_the_runs);
  CLAIM(a_failure_that_the_opener_was_not_told_of_is_the_runs);
  CLAIM(children_are_told_in_the_order_of_their_ends);
  CLAIM(the_order_is_that_of_the_ends_and_not_of_the_spawns);
  CLAIM(whoever_sees_a_child_end_finds_its_scope_told);
  CLAIM(also_of_a_task_that_is_cancelled_before_it_began);
  CLAIM(whoever_has_seen_an_end_is_told_after_it);
  CLAIM(a_promise_is_a_child_until_it_is_completed);
  CLAIM(a_promise_without_a_task_handle_is_reached_too);
  CLAIM(a_failure_that_next_has_told_of_is_not_the_runs);
  CLAIM(a_completed_promise_leaves_nothing_with_its_scope);
  CLAIM(a_task_that_is_cancelled_before_it_began_is_told_before_the_scope_ends);
  CLAIM(a_child_that_comes_while_the_scope_closes_is_refused_or_cancelled);
  CLAIM(a_scope_may_have_very_many_children);
  CLAIM(a_child_that_was_not_started_is_ended_by_the_close);
  return 0;
}
