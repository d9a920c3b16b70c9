/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* Generators: values both ways, dormant until resumed, cancelled without being unwound, never in the way of the end. */
#include "harness.h"

static uint64_t dropped_arguments;
static uint64_t dropped_values;
static uint64_t dropped_sum;
static uint64_t cleaned_up;
static uint64_t ran;

static void forget(void) {
  count_set(&dropped_arguments, 0);
  count_set(&dropped_values, 0);
  count_set(&dropped_sum, 0);
  count_set(&cleaned_up, 0);
  count_set(&ran, 0);
}

static void drop_argument(void *arg) {
  (void)arg;
  count_up(&dropped_arguments);
}
static void drop_value(uint64_t value, void *data) {
  CHECK(data == &dropped_values);
  count_up(&dropped_values);
  count_add(&dropped_sum, value);
}

static strand_generator make(const char *name, strand_generator_entry entry, void *arg) {
  strand_generator_options options;
  strand_generator made = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.name = name;
  options.name_length = name != NULL ? strlen(name) : 0;
  options.arg_drop = drop_argument;
  options.value_drop = drop_value;
  options.data = &dropped_values;
  CHECK_OK(strand_generator_new(&options, entry, arg, &made));
  CHECK(made != 0 && made < (UINT64_C(1) << 62));
  return made;
}

static uint32_t state_of(strand_generator generator) {
  uint32_t state = 99;
  CHECK_OK(strand_generator_state(generator, &state, NULL));
  return state;
}

/* Runs a function as the one strand of a program. */
static void as_program(strand_entry entry, void *arg, uint32_t workers) {
  forget();
  start_runtime(workers);
  spawn(entry, arg);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------- values both ways */

/* Yields the sum of all that it was given; a 0 ends it. */
static strand_status add_up(void *arg, uint64_t first, uint64_t *last) {
  uint64_t sum = 0;
  uint64_t given = first;
  (void)arg;
  while (given != 0) {
    sum += given;
    CHECK_OK(strand_generator_yield(sum, &given));
  }
  *last = sum * 1000;
  return STRAND_OK;
}

static void resume_the_adder(void) {
  const strand_generator adder = make("adder", add_up, NULL);
  uint64_t sum = 0;
  uint64_t expected = 0;
  CHECK_EQUAL(state_of(adder), STRAND_GENERATOR_DORMANT);
  for (uint64_t value = 1; value <= 10; value += 1) {
    expected += value;
    CHECK_OK(strand_generator_resume(adder, value, &sum, STRAND_FOREVER));
    CHECK_EQUAL(sum, expected);
    CHECK_EQUAL(state_of(adder), STRAND_GENERATOR_SUSPENDED);
  }
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_generator_resume(adder, 0, &sum, STRAND_FOREVER));
  CHECK_EQUAL(sum, 55000);
  CHECK_EQUAL(state_of(adder), STRAND_GENERATOR_DONE);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_generator_resume(adder, 5, &sum, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_generator_wait(adder, &sum, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_generator_cancel(adder));
  CHECK_OK(strand_generator_release(adder));
  CHECK_STATUS(STRAND_ERR_STALE, strand_generator_resume(adder, 5, &sum, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_STALE, strand_generator_release(adder));
}

static void *resume_on_a_strand(void *arg) {
  (void)arg;
  resume_the_adder();
  return NULL;
}

static void values_go_both_ways(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    as_program(resume_on_a_strand, NULL, workers);
    CHECK_EQUAL(count_read(&dropped_values) + count_read(&dropped_arguments), 0);
  }
}

static void an_os_thread_may_resume(void) {
  forget();
  start_runtime(2);
  resume_the_adder();
  CHECK_EQUAL(count_read(&dropped_values) + count_read(&dropped_arguments), 0);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------- not in the way */

static strand_status never_runs(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  (void)first;
  (void)last;
  count_up(&ran);
  return STRAND_OK;
}

static strand_status count_for_ever(void *arg, uint64_t first, uint64_t *last) {
  uint64_t next = first;
  (void)last;
  while (strand_generator_yield(next, NULL) == STRAND_OK) {
    next += 1;
  }
  /* Everything that could wait says so too. */
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_generator_yield(1, NULL));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(1));
  count_up(arg != NULL ? (uint64_t *)arg : &cleaned_up);
  return STRAND_ERR_CANCELLED;
}

static void *leave_some_unfinished(void *arg) {
  (void)arg;
  for (uint64_t index = 0; index < 20; index += 1) {
    uint64_t value = 0;
    make("dormant", never_runs, NULL);
    CHECK_OK(strand_generator_resume(make("unfinished", count_for_ever, NULL), index, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, index);
  }
  return NULL;
}

static void unfinished_ones_hold_nothing_up_and_are_ended_by_the_shutdown(void) {
  forget();
  start_runtime(2);
  spawn(leave_some_unfinished, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&cleaned_up), 0);
  CHECK_EQUAL(count_read(&dropped_arguments), 0);
  stop_runtime();
  CHECK_EQUAL(count_read(&cleaned_up), 20);
  CHECK_EQUAL(count_read(&dropped_arguments), 20);
  CHECK_EQUAL(count_read(&ran), 0);
}

static void *never_resume(void *arg) {
  const uint64_t before = read_statistics().spawned;
  (void)arg;
  for (int index = 0; index < 1000; index += 1) {
    const strand_generator generator = make(NULL, never_runs, NULL);
    if (index % 2 == 0) {
      CHECK_OK(strand_generator_cancel(generator));
      CHECK_EQUAL(count_read(&dropped_arguments), index + 1);
      CHECK_EQUAL(state_of(generator), STRAND_GENERATOR_CANCELLED);
      CHECK_STATUS(STRAND_ERR_ALREADY, strand_generator_resume(generator, 1, NULL, STRAND_FOREVER));
    }
    CHECK_OK(strand_generator_release(generator));
    CHECK_EQUAL(count_read(&dropped_arguments), index + 1);
  }
  CHECK_EQUAL(read_statistics().spawned, before); /* no strand, so no stack */
  return NULL;
}

static void one_that_was_never_resumed_drops_its_argument_and_never_gets_a_stack(void) {
  as_program(never_resume, NULL, 1);
  CHECK_EQUAL(count_read(&ran), 0);
}

/* ------------------------------------------------------------------------------------------------- cancelling */

static void *cancel_a_suspended_one(void *arg) {
  const strand_generator generator = make("cancelled", count_for_ever, NULL);
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_generator_resume(generator, 7, &value, STRAND_FOREVER));
  CHECK_OK(strand_generator_resume(generator, 0, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 8);
  CHECK_OK(strand_generator_cancel(generator));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_generator_wait(generator, NULL, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&cleaned_up), 1);
  CHECK_EQUAL(state_of(generator), STRAND_GENERATOR_CANCELLED);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_generator_resume(generator, 0, &value, STRAND_FOREVER));
  CHECK_OK(strand_generator_release(generator));
  return NULL;
}

static void a_cancelled_one_runs_its_cleanup_and_is_not_unwound(void) {
  as_program(cancel_a_suspended_one, NULL, 1);
  as_program(cancel_a_suspended_one, NULL, 2);
}

/* Ends with a value that nobody asked for. */
static strand_status return_a_value_when_cancelled(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_generator_yield(first, NULL));
  *last = 1000;
  count_up(&cleaned_up);
  return STRAND_OK;
}

static void *release_suspended_ones(void *arg) {
  (void)arg;
  for (int index = 0; index < 10; index += 1) {
    const strand_generator generator = make(NULL, return_a_value_when_cancelled, NULL);
    CHECK_OK(strand_generator_resume(generator, 1, NULL, STRAND_FOREVER));
    CHECK_OK(strand_generator_release(generator));
  }
  while (count_read(&dropped_values) < 10) {
    CHECK_OK(strand_yield());
  }
  return NULL;
}

static void the_final_value_of_a_released_one_is_dropped_once(void) {
  as_program(release_suspended_ones, NULL, 2);
  CHECK_EQUAL(count_read(&cleaned_up), 10);
  CHECK_EQUAL(count_read(&dropped_values), 10);
  CHECK_EQUAL(count_read(&dropped_sum), 10000);
}

/* ------------------------------------------------------------------------------------------ waiting inside */

static strand_chan feed;

static strand_status receive_and_pass_on(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  (void)first;
  (void)last;
  for (;;) {
    uint64_t element = 0;
    const strand_status status = strand_chan_recv(feed, &element, STRAND_FOREVER);
    if (status != STRAND_OK) {
      CHECK(status == STRAND_ERR_CLOSED || status == STRAND_ERR_CANCELLED);
      count_up(&cleaned_up);
      return status == STRAND_ERR_CLOSED ? STRAND_OK : status;
    }
    if (strand_generator_yield(element, NULL) != STRAND_OK) {
      return STRAND_ERR_CANCELLED;
    }
  }
}

/* Hands a value in, and gives up. Where the deadline has passed before that, nothing was handed in: once more, with a later one. */
static void resume_and_give_up(strand_generator reader) {
  uint64_t value = 0;
  for (int64_t patience = MILLISECONDS(5);; patience *= 4) {
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_generator_resume(reader, 0, &value, strand_after(patience)));
    if (state_of(reader) != STRAND_GENERATOR_SUSPENDED) {
      return;
    }
    CHECK_STATUS(STRAND_ERR_EMPTY, strand_generator_wait(reader, &value, STRAND_FOREVER));
    CHECK_NUMBERS(patience, <, SECONDS(20));
  }
}

static void *give_up_and_ask_again(void *arg) {
  const strand_generator reader = make("reader", receive_and_pass_on, NULL);
  uint64_t value = 0;
  uint64_t element = 41;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_generator_wait(reader, &value, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_generator_resume(reader, 0, &value, STRAND_NO_WAIT));
  CHECK_EQUAL(state_of(reader), STRAND_GENERATOR_DORMANT);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_generator_resume(reader, 0, &value, strand_after(MILLISECONDS(5))));
  CHECK_EQUAL(state_of(reader), STRAND_GENERATOR_RUNNING);
  CHECK_STATUS(STRAND_ERR_BUSY, strand_generator_resume(reader, 0, &value, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_generator_wait(reader, &value, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_generator_wait(reader, &value, strand_after(MILLISECONDS(5))));
  CHECK_OK(strand_chan_send(feed, &element, STRAND_FOREVER));
  CHECK_OK(strand_generator_wait(reader, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 41);
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_generator_wait(reader, &value, STRAND_FOREVER));
  /* The answer is there before anybody asks again. */
  resume_and_give_up(reader);
  element = 42;
  CHECK_OK(strand_chan_send(feed, &element, STRAND_FOREVER));
  while (state_of(reader) != STRAND_GENERATOR_SUSPENDED) {
    CHECK_OK(strand_sleep(MILLISECONDS(1))); /* a wait of an OS thread drives the stepped engine, too */
  }
  CHECK_STATUS(STRAND_ERR_BUSY, strand_generator_resume(reader, 0, &value, STRAND_FOREVER));
  CHECK_OK(strand_generator_wait(reader, &value, STRAND_NO_WAIT));
  CHECK_EQUAL(value, 42);
  /* The end, too. */
  resume_and_give_up(reader);
  CHECK_OK(strand_chan_close(feed));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_generator_wait(reader, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 0);
  CHECK_EQUAL(count_read(&cleaned_up), 1);
  CHECK_OK(strand_generator_release(reader));
  return NULL;
}

static void whoever_gives_up_gets_the_answer_later(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    forget();
    start_runtime(workers);
    feed = new_channel(sizeof(uint64_t), 0);
    spawn(give_up_and_ask_again, NULL);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

static void an_os_thread_may_give_up_too(void) {
  forget();
  start_runtime(2);
  feed = new_channel(sizeof(uint64_t), 0);
  give_up_and_ask_again(NULL);
  stop_runtime();
}

static void *cancel_one_that_receives(void *arg) {
  const strand_generator reader = make("reader", receive_and_pass_on, NULL);
  uint64_t value = 5;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_generator_resume(reader, 0, &value, strand_after(MILLISECONDS(5))));
  CHECK_OK(strand_generator_cancel(reader));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_generator_wait(reader, &value, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&cleaned_up), 1);
  CHECK_OK(strand_generator_release(reader));
  return NULL;
}

static void one_that_waits_for_something_else_is_cancelled_there(void) {
  forget();
  start_runtime(2);
  feed = new_channel(sizeof(uint64_t), 0);
  spawn(cancel_one_that_receives, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static strand_status yield_twice(void *arg, uint64_t first, uint64_t *last) {
  uint64_t given = 0;
  (void)arg;
  *last = 0;
  CHECK_OK(strand_sleep(MILLISECONDS(2)));
  if (strand_generator_yield(first + 1, &given) != STRAND_OK) {
    return STRAND_ERR_CANCELLED;
  }
  *last = given;
  return STRAND_OK;
}

static void *abandon_answers(void *arg) {
  (void)arg;
  for (int round = 0; round < 10; round += 1) {
    const strand_generator generator = make(NULL, yield_twice, NULL);
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_generator_resume(generator, 99, NULL, strand_after(1)));
    if (round % 2 == 0) {
      while (state_of(generator) != STRAND_GENERATOR_SUSPENDED) {
        CHECK_OK(strand_sleep(MILLISECONDS(1)));
      }
      CHECK_OK(strand_generator_release(generator)); /* the answer, 100, is dropped here */
      CHECK_EQUAL(count_read(&dropped_values), round / 2 + 1);
    } else {
      CHECK_OK(strand_generator_wait(generator, NULL, STRAND_FOREVER));
      CHECK_OK(strand_generator_release(generator));
    }
  }
  return NULL;
}

static void an_answer_that_nobody_asks_for_is_dropped(void) {
  as_program(abandon_answers, NULL, 2);
  CHECK_EQUAL(count_read(&dropped_values), 5);
  CHECK_EQUAL(count_read(&dropped_sum), 500);
}

/* ------------------------------------------------------------------------------------------- wrong places */

static strand_generator itself;
static strand_generator other;

static void *yield_from_elsewhere(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_generator_yield(1, NULL));
  CHECK_EQUAL(strand_generator_self(), 0);
  count_up(&ran);
  return NULL;
}

static void yield_at_exit(void *data) {
  (void)data;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_generator_yield(1, NULL));
  count_up(&ran);
}

static strand_status resume_those_above(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  (void)first;
  (void)last;
  CHECK_OK(strand_on_exit(yield_at_exit, NULL));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_generator_resume(itself, 0, NULL, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_generator_wait(itself, NULL, STRAND_FOREVER));
  return STRAND_OK;
}

static strand_status misuse(void *arg, uint64_t first, uint64_t *last) {
  strand_id helper = spawn(yield_from_elsewhere, NULL);
  (void)arg;
  (void)first;
  CHECK_EQUAL(strand_generator_self(), itself);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_generator_resume(itself, 0, NULL, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("itself");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_generator_wait(itself, NULL, STRAND_FOREVER));
  CHECK_OK(strand_join(helper, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_generator_resume(other, 0, NULL, STRAND_FOREVER));
  *last = 3;
  return STRAND_OK;
}

static void *be_resumed_from_wrong_places(void *arg) {
  uint64_t value = 0;
  (void)arg;
  itself = make("itself", misuse, NULL);
  other = make("other", resume_those_above, NULL);
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_generator_resume(itself, 0, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 3);
  CHECK_OK(strand_generator_release(itself));
  CHECK_OK(strand_generator_release(other));
  return NULL;
}

static void calls_from_the_wrong_place_are_refused(void) {
  as_program(be_resumed_from_wrong_places, NULL, 2);
  CHECK_EQUAL(count_read(&ran), 2);
}

/* ------------------------------------------------------------------------------------------------ failing */

static strand_status return_a_failure(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  (void)last;
  if (first == 1) {
    return STRAND_ERR_IO;
  }
  if (first == 2) {
    return 5; /* no status */
  }
  if (first == 3) {
    return STRAND_ERR_CANCELLED; /* nobody has asked for it */
  }
  if (first == 4) {
    strand_fail(STRAND_ERR_DEVICE, "gone", 4);
  }
  strand_assert(0, "never");
  return STRAND_OK;
}

static void *see_it_fail(void *arg) {
  static const strand_status codes[] = {STRAND_ERR_IO, STRAND_ERR_INVALID, STRAND_ERR_CANCELLED, STRAND_ERR_DEVICE,
                                        STRAND_ERR_FAILED};
  (void)arg;
  for (uint64_t way = 1; way <= 5; way += 1) {
    const strand_generator generator = make(NULL, return_a_failure, NULL);
    strand_status code = STRAND_OK;
    uint32_t state = 0;
    CHECK_STATUS(STRAND_ERR_FAILED, strand_generator_resume(generator, way, NULL, STRAND_FOREVER));
    CHECK_LAST_ERROR_SAYS(strand_status_name(codes[way - 1]));
    CHECK_OK(strand_generator_state(generator, &state, &code));
    CHECK_EQUAL(state, STRAND_GENERATOR_FAILED);
    CHECK_EQUAL(code, codes[way - 1]);
    CHECK_STATUS(STRAND_ERR_ALREADY, strand_generator_resume(generator, 0, NULL, STRAND_FOREVER));
    CHECK_OK(strand_generator_release(generator));
  }
  return NULL;
}

static void a_failure_is_told_to_whoever_resumed_and_to_nobody_else(void) {
  as_program(see_it_fail, NULL, 2); /* run says OK */
}

static strand_status fail_when_cancelled(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  (void)last;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_generator_yield(first, NULL));
  return STRAND_ERR_IO;
}

static void *leave_one_to_fail(void *arg) {
  const strand_generator generator = make("careless", fail_when_cancelled, NULL);
  (void)arg;
  CHECK_OK(strand_generator_resume(generator, 0, NULL, STRAND_FOREVER));
  CHECK_OK(strand_generator_cancel(generator));
  while (state_of(generator) != STRAND_GENERATOR_FAILED) {
    CHECK_OK(strand_yield());
  }
  return NULL;
}

static void a_failure_that_nobody_hears_of_is_reported_by_the_run(void) {
  forget();
  start_runtime(1);
  spawn(leave_one_to_fail, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("careless");
  stop_runtime();
}

/* --------------------------------------------------------------------------------------- generators in generators */

enum { DEPTH = 200 };

/* A chain: each resumes the next and passes on what that yields. */
static strand_status pass_on(void *arg, uint64_t first, uint64_t *last) {
  const uint64_t depth = (uint64_t)(uintptr_t)arg;
  strand_generator next = 0;
  uint64_t given = first;
  (void)last;
  if (depth > 0) {
    next = make(NULL, pass_on, (void *)(uintptr_t)(depth - 1));
  }
  for (int turn = 0; turn < 3; turn += 1) {
    uint64_t value = given;
    if (next != 0) {
      CHECK_OK(strand_generator_resume(next, given + 1, &value, STRAND_FOREVER));
    }
    if (strand_generator_yield(value + 1, &given) != STRAND_OK) {
      break;
    }
  }
  if (next != 0) {
    CHECK_OK(strand_generator_release(next));
  }
  count_up(&cleaned_up);
  return STRAND_ERR_CANCELLED;
}

static void *drive_a_chain(void *arg) {
  const strand_generator chain = make("chain", pass_on, (void *)(uintptr_t)DEPTH);
  uint64_t value = 0;
  (void)arg;
  for (uint64_t turn = 0; turn < 2; turn += 1) {
    CHECK_OK(strand_generator_resume(chain, turn * 10, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, turn * 10 + 2 * DEPTH + 1);
  }
  CHECK_OK(strand_generator_release(chain));
  while (count_read(&cleaned_up) < DEPTH + 1) {
    CHECK_OK(strand_yield());
  }
  return NULL;
}

static void generators_nest(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    as_program(drive_a_chain, NULL, workers);
    CHECK_EQUAL(count_read(&cleaned_up), DEPTH + 1);
  }
}

/* ------------------------------------------------------------------------------- one generator, many resumers */

static strand_generator shared;
static uint64_t sum_of_values;

static strand_status number_all(void *arg, uint64_t first, uint64_t *last) {
  uint64_t next = 0;
  (void)arg;
  (void)first;
  (void)last;
  do {
    next += 1;
  } while (strand_generator_yield(next, NULL) == STRAND_OK);
  return STRAND_ERR_CANCELLED;
}

static void *resume_the_shared(void *arg) {
  uint64_t left = (uint64_t)(uintptr_t)arg;
  while (left > 0) {
    uint64_t value = 0;
    const strand_status status = strand_generator_resume(shared, 0, &value, STRAND_FOREVER);
    if (status == STRAND_ERR_BUSY) {
      CHECK_OK(strand_yield());
      continue;
    }
    CHECK_OK(status);
    count_add(&sum_of_values, value);
    left -= 1;
  }
  return NULL;
}

static void it_may_be_resumed_by_one_after_the_other_on_any_worker(void) {
  const uint64_t each = (uint64_t)shortened(scaled(500));
  const uint64_t total = 4 * each;
  for (uint32_t migration = STRAND_MIGRATE_FREE; migration <= STRAND_MIGRATE_NEVER; migration += 1) {
    strand_config config = default_config(4);
    config.migration = migration;
    forget();
    count_set(&sum_of_values, 0);
    CHECK_OK(strand_scheduler_init(&config));
    shared = make("shared", number_all, NULL);
    for (int index = 0; index < 4; index += 1) {
      spawn(resume_the_shared, (void *)(uintptr_t)each);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&sum_of_values), total * (total + 1) / 2); /* each value once */
    stop_runtime();
  }
}

/* ------------------------------------------------------------------------------------------------- fairness */

static uint64_t others_ran;

static void *run_beside(void *arg) {
  (void)arg;
  count_up(&others_ran);
  return NULL;
}

static void *resume_without_end(void *arg) {
  const strand_generator counter = make(NULL, number_all, NULL);
  uint64_t value = 0;
  (void)arg;
  spawn(run_beside, NULL);
  while (count_read(&others_ran) == 0) {
    CHECK_OK(strand_generator_resume(counter, 0, &value, STRAND_FOREVER));
    if (workers_there(1) == 1) { /* the thread of another worker that has taken the strand may be stopped at that moment */
      CHECK_NUMBERS(value, <, 100000);
    }
  }
  CHECK_OK(strand_generator_release(counter));
  return NULL;
}

static void a_busy_pair_does_not_keep_others_from_running(void) {
  count_set(&others_ran, 0);
  as_program(resume_without_end, NULL, 1);
}

/* -------------------------------------------------------------------------------------------------- deadlock */

static void *wait_for_the_reader(void *arg) {
  (void)arg;
  strand_generator_resume(make("reader", receive_and_pass_on, NULL), 0, NULL, STRAND_FOREVER);
  return NULL;
}

static void a_deadlock_report_names_the_generator_and_what_it_waits_for(void) {
  char text[TEXT_CAPACITY];
  forget();
  start_runtime(1);
  feed = new_named_channel("feed", sizeof(uint64_t), 0);
  spawn_named("waiting", wait_for_the_reader, NULL);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  strand_last_error(text, sizeof text);
  CHECK_SAYS(text, "\"waiting\" waits for generator 0x");
  CHECK_SAYS(text, "\"reader\" waits to receive from channel");
  CHECK_SAYS(text, "\"feed\"");
  stop_runtime();
}

/* Whoever hands the first value in gets the answer, also where another asks for it before the generator has begun. */
static uint64_t opened, given_up;
static strand_status yield_one_more(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  return strand_generator_yield(first + 1, last);
}
static void *ask_for_answers_of_another(void *arg) {
  while (count_read(&given_up) == 0) {
    const uint64_t generator = count_read(&opened);
    const strand_status status = strand_generator_wait(generator, NULL, STRAND_FOREVER);
    CHECK(status == STRAND_ERR_EMPTY || status == STRAND_ERR_BUSY || status == STRAND_ERR_STALE);
  }
  return arg;
}
static void the_first_answer_is_for_whoever_has_resumed(void) {
  pthread_t thread;
  strand_generator last;
  forget();
  count_set(&given_up, 0);
  start_runtime(2);
  last = make("one", yield_one_more, NULL);
  count_set(&opened, last);
  thread = start_thread(ask_for_answers_of_another, NULL);
  for (int round = 0; round < scaled(3000); round += 1) {
    const strand_generator next = make("one", yield_one_more, NULL);
    uint64_t value = 0;
    CHECK_OK(strand_generator_resume(last, 41, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, 42);
    CHECK_OK(strand_generator_release(last));
    count_set(&opened, last = next);
    nap(100000 + round % 64 * 50); /* so that what the resume needs is not at hand */
  }
  count_up(&given_up);
  join_thread(thread);
  CHECK_OK(strand_generator_release(last));
  stop_runtime();
}

int main(void) {
  CLAIM(values_go_both_ways);
  CLAIM(an_os_thread_may_resume);
  CLAIM_IF(is_parallel() && !is_may(), the_first_answer_is_for_whoever_has_resumed, "nobody comes in between there");
  CLAIM(unfinished_ones_hold_nothing_up_and_are_ended_by_the_shutdown);
  CLAIM(one_that_was_never_resumed_drops_its_argument_and_never_gets_a_stack);
  CLAIM(a_cancelled_one_runs_its_cleanup_and_is_not_unwound);
  CLAIM(the_final_value_of_a_released_one_is_dropped_once);
  CLAIM(whoever_gives_up_gets_the_answer_later);
  CLAIM(an_os_thread_may_give_up_too);
  CLAIM(one_that_waits_for_something_else_is_cancelled_there);
  CLAIM(an_answer_that_nobody_asks_for_is_dropped);
  CLAIM(calls_from_the_wrong_place_are_refused);
  CLAIM(a_failure_is_told_to_whoever_resumed_and_to_nobody_else);
  CLAIM(a_failure_that_nobody_hears_of_is_reported_by_the_run);
  CLAIM(generators_nest);
  CLAIM_IF(has_homes(), it_may_be_resumed_by_one_after_the_other_on_any_worker,
           "the may engine keeps a strand on one worker only where there is one");
  CLAIM(a_busy_pair_does_not_keep_others_from_running);
  CLAIM(a_deadlock_report_names_the_generator_and_what_it_waits_for);
  return 0;
}
