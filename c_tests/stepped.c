/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" */
/* test: engines=none engines-why="it chooses engine and policy itself" */
/* The stepped engine: one step at a time, an exact order, a clock that only moves when nothing else can, other OS threads between two steps. */
#include "harness.h"

#include <fenv.h>

static void start_stepped(uint32_t policy, uint64_t seed) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  config.policy = policy;
  config.seed = seed;
  CHECK_OK(strand_scheduler_init(&config));
}

static strand_step_result step(uint64_t most) {
  strand_step_result result = {.size = sizeof result};
  CHECK_OK(strand_scheduler_step(most, &result));
  return result;
}

/* What happened, as text. */
static char history[65536];
static size_t history_length;
static void note(const char *what) {
  const size_t length = strlen(what);
  CHECK(history_length + length < sizeof history);
  memcpy(history + history_length, what, length + 1);
  history_length += length;
}
static void forget(void) {
  history_length = 0;
  history[0] = 0;
}

static void *note_thrice(void *arg) {
  for (int turn = 0; turn < 3; turn += 1) {
    note(arg);
    CHECK_OK(strand_yield());
  }
  return NULL;
}

static void nothing_runs_outside_of_steps_and_the_order_is_exactly_first_in_first_out(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  const strand_id first = spawn(note_thrice, "a");
  spawn(note_thrice, "b");
  spawn(note_thrice, "c");
  nap(MILLISECONDS(5));
  CHECK_EQUAL(history_length, 0);
  strand_step_result result = step(1);
  CHECK_EQUAL(result.outcome, STRAND_STEP_CONTINUE);
  CHECK_EQUAL(result.steps, 1);
  CHECK_EQUAL(result.reason, STRAND_REASON_YIELDED);
  CHECK(result.strand == first);
  CHECK(strcmp(history, "a") == 0);
  result = step(4);
  CHECK(strcmp(history, "abcab") == 0);
  CHECK_EQUAL(result.total_steps, 5);
  CHECK_OK(strand_scheduler_run());
  CHECK(strcmp(history, "abcabcabc") == 0);
  result = step(1);
  CHECK_EQUAL(result.outcome, STRAND_STEP_ALL_DONE);
  CHECK_EQUAL(result.steps, 0);
  CHECK_EQUAL(result.reason, STRAND_REASON_ENDED);
  CHECK_EQUAL(result.total_steps, 12); /* three yields and an end each */
  stop_runtime();
}

static void steps_add_up(void) {
  char whole[256];
  for (uint64_t split = 1; split < 12; split += 1) {
    for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
      start_stepped(policy, 5);
      forget();
      spawn(note_thrice, "a");
      spawn(note_thrice, "b");
      spawn(note_thrice, "c");
      step(12);
      strcpy(whole, history);
      stop_runtime();
      start_stepped(policy, 5);
      forget();
      spawn(note_thrice, "a");
      spawn(note_thrice, "b");
      spawn(note_thrice, "c");
      step(split);
      step(12 - split);
      CHECK_SAYS(history, whole);
      stop_runtime();
    }
  }
}

static void *sleep_an_hour_each_time(void *arg) {
  const int64_t began = strand_now();
  for (int turn = 1; turn <= 24; turn += 1) {
    CHECK_OK(strand_sleep(SECONDS(3600)));
    CHECK_EQUAL(strand_now() - began, turn * SECONDS(3600));
  }
  note(arg);
  return NULL;
}

static void a_day_of_sleeps_takes_no_time_and_the_clock_shows_exactly_a_day(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  struct timespec before, after;
  const int64_t began = strand_now();
  CHECK_EQUAL(began, SECONDS(1));
  for (int count = 0; count < 100; count += 1) spawn(sleep_an_hour_each_time, "z");
  clock_gettime(CLOCK_MONOTONIC, &before);
  CHECK_OK(strand_scheduler_run());
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK_EQUAL(history_length, 100);
  CHECK_EQUAL(strand_now() - began, SECONDS(86400));
  CHECK(after.tv_sec - before.tv_sec < 10);
  stop_runtime();
}

static void *sleep_and_note(void *arg) {
  const char *text = arg;
  CHECK_OK(strand_sleep((text[0] - '0') * SECONDS(1)));
  note(arg);
  return NULL;
}

static void sleepers_wake_in_the_order_of_their_deadlines(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  spawn(sleep_and_note, "3");
  spawn(sleep_and_note, "1");
  spawn(sleep_and_note, "2");
  CHECK_OK(strand_scheduler_run());
  CHECK(strcmp(history, "123") == 0);
  CHECK_OK(strand_sleep(SECONDS(10))); /* an OS thread's wait drives too */
  CHECK_EQUAL(strand_now(), SECONDS(14));
  stop_runtime();
}

static strand_chan pipe_chan;
static void *receive_for_ever(void *arg) {
  uint64_t value = 0;
  (void)arg;
  strand_status status;
  while ((status = strand_chan_recv(pipe_chan, &value, STRAND_FOREVER)) == STRAND_OK) note("r");
  CHECK_EQUAL(status, STRAND_ERR_CLOSED);
  return NULL;
}

static void steps_say_idle_deadlock_and_done_apart(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  pipe_chan = new_named_channel("supply", 8, 0);
  spawn_named("reader", receive_for_ever, NULL);
  strand_step_result result = step(1);
  CHECK_EQUAL(result.reason, STRAND_REASON_WAITS);
  CHECK(result.object == pipe_chan);
  result = step(5);
  CHECK_EQUAL(result.outcome, STRAND_STEP_DEADLOCK);
  CHECK_EQUAL(result.steps, 0);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("reader");
  CHECK_LAST_ERROR_SAYS("supply");
  CHECK_OK(strand_external_acquire());
  CHECK_EQUAL(step(5).outcome, STRAND_STEP_IDLE);
  CHECK_OK(strand_external_release());
  CHECK_EQUAL(step(5).outcome, STRAND_STEP_DEADLOCK);
  const uint64_t value = 1;
  CHECK_OK(strand_chan_send(pipe_chan, &value, STRAND_FOREVER)); /* hands over to the reader */
  CHECK(strcmp(history, "") == 0);
  CHECK_EQUAL(step(5).outcome, STRAND_STEP_DEADLOCK);
  CHECK(strcmp(history, "r") == 0);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_join(result.strand, STRAND_FOREVER)); /* no wait of a thread hangs either */
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_join(result.strand, strand_after(SECONDS(5))));
  CHECK_OK(strand_chan_close(pipe_chan));
  CHECK_EQUAL(step(5).outcome, STRAND_STEP_ALL_DONE);
  CHECK_OK(strand_chan_release(pipe_chan));
  stop_runtime();
}

static void *fail_at_once(void *arg) {
  (void)arg;
  strand_fail(STRAND_ERR_FAILED, "on purpose", 10);
  return NULL;
}

static void stepping_stops_at_the_step_that_faulted_and_goes_on(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  spawn(note_thrice, "a");
  const strand_id bad = spawn(fail_at_once, NULL);
  spawn(note_thrice, "b");
  strand_step_result result = step(100);
  CHECK_EQUAL(result.outcome, STRAND_STEP_FAULT);
  CHECK_EQUAL(result.steps, 2);
  CHECK(result.strand == bad);
  CHECK_EQUAL(result.reason, STRAND_REASON_FAILED);
  CHECK_EQUAL(step(100).outcome, STRAND_STEP_ALL_DONE);
  CHECK(strcmp(history, "ababab") == 0);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("on purpose");
  stop_runtime();
}

static void *spin_with_checkpoints(void *arg) {
  for (int turn = 0; turn < 6; turn += 1) {
    note(arg);
    CHECK_OK(strand_checkpoint());
  }
  return NULL;
}

static void a_checkpoint_ends_a_step_and_under_round_robin_a_quantum_of_them_ends_a_turn(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  spawn(spin_with_checkpoints, "a");
  spawn(spin_with_checkpoints, "b");
  CHECK_EQUAL(step(1).reason, STRAND_REASON_CHECKPOINT);
  CHECK_OK(strand_scheduler_run());
  CHECK(strcmp(history, "abababababab") == 0);
  stop_runtime();
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  config.policy = STRAND_POLICY_ROUND_ROBIN;
  config.quantum = 3;
  CHECK_OK(strand_scheduler_init(&config));
  forget();
  spawn(spin_with_checkpoints, "a");
  spawn(spin_with_checkpoints, "b");
  CHECK_OK(strand_scheduler_run());
  CHECK(strcmp(history, "aaabbbaaabbb") == 0);
  stop_runtime();
}

static void *spin_for_ever(void *arg) {
  (void)arg;
  while (strand_checkpoint() == STRAND_OK) {
  }
  return NULL;
}

static void max_steps_ends_a_run_that_would_not_end_and_the_next_run_goes_on(void) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  config.max_steps = 1000;
  CHECK_OK(strand_scheduler_init(&config));
  const strand_id spinner = spawn(spin_for_ever, NULL);
  CHECK_STATUS(STRAND_ERR_MAX_STEPS, strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_MAX_STEPS, strand_join(spinner, STRAND_FOREVER));
  CHECK_EQUAL(step(1).total_steps, 2001);
  stop_runtime();
}

static void *send_after_a_while(void *arg) {
  const uint64_t value = 7;
  (void)arg;
  nap(MILLISECONDS(50));
  CHECK_OK(strand_chan_send(pipe_chan, &value, STRAND_FOREVER));
  CHECK_OK(strand_external_release());
  return NULL;
}
static void *receive_once(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_chan_recv(pipe_chan, &value, strand_after(SECONDS(1000))));
  CHECK_EQUAL(value, 7);
  note("7");
  return NULL;
}

static void the_clock_stands_still_under_a_hold_and_a_thread_may_wake_a_strand(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  pipe_chan = new_channel(8, 0);
  spawn(receive_once, NULL);
  CHECK_OK(strand_external_acquire());
  pthread_t thread = start_thread(send_after_a_while, NULL);
  const int64_t before = strand_now();
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(strand_now(), before);
  join_thread(thread);
  CHECK(strcmp(history, "7") == 0);
  CHECK_OK(strand_chan_release(pipe_chan));
  stop_runtime();
}

enum { THREADS = 4, MESSAGES = 500 };
static strand_chan requests;
static strand_chan answers;
static void *serve(void *arg) {
  uint64_t value = 0;
  (void)arg;
  while (strand_chan_recv(requests, &value, STRAND_FOREVER) == STRAND_OK) {
    value *= 2;
    CHECK_OK(strand_chan_send(answers, &value, STRAND_FOREVER));
  }
  return NULL;
}
static void *ask(void *arg) {
  uint64_t sum = 0;
  for (uint64_t count = 0; count < MESSAGES; count += 1) {
    uint64_t value = count;
    CHECK_OK(strand_chan_send(requests, &value, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(answers, &value, STRAND_FOREVER));
    sum += value;
  }
  *(uint64_t *)arg = sum;
  return NULL;
}

static void threads_that_wait_take_turns_at_driving(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  requests = new_channel(8, 0);
  answers = new_channel(8, 0);
  spawn(serve, NULL);
  uint64_t sums[THREADS] = {0};
  pthread_t threads[THREADS];
  CHECK_OK(strand_external_acquire()); /* between their calls nothing tells that they come back */
  for (int index = 0; index < THREADS; index += 1) threads[index] = start_thread(ask, &sums[index]);
  uint64_t total = 0;
  for (int index = 0; index < THREADS; index += 1) {
    join_thread(threads[index]);
    total += sums[index];
  }
  CHECK_EQUAL(total, (uint64_t)THREADS * MESSAGES * (MESSAGES - 1));
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_chan_close(requests));
  CHECK_OK(strand_scheduler_run());
  await_threads_at_most(1);
  CHECK_OK(strand_chan_release(requests));
  CHECK_OK(strand_chan_release(answers));
  stop_runtime();
}

static void *run_until_it_is_done(void *arg) {
  *(strand_status *)arg = strand_scheduler_run();
  return NULL;
}

static void a_second_thread_in_run_or_step_is_told_that_one_drives(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  pipe_chan = new_channel(8, 0);
  spawn(receive_once, NULL);
  forget();
  CHECK_OK(strand_external_acquire());
  strand_status status = 1;
  pthread_t thread = start_thread(run_until_it_is_done, &status);
  strand_step_result result = {.size = sizeof result};
  strand_status told;
  const int64_t until = monotonic() + SECONDS(30);
  while ((told = strand_scheduler_step(1, &result)) == STRAND_OK && monotonic() < until) {
    nap(MILLISECONDS(1)); /* the other thread has not come yet */
  }
  CHECK_STATUS(STRAND_ERR_BUSY, told);
  CHECK_STATUS(STRAND_ERR_BUSY, strand_scheduler_run());
  const uint64_t value = 7;
  CHECK_OK(strand_chan_send(pipe_chan, &value, STRAND_FOREVER));
  CHECK_OK(strand_external_release());
  join_thread(thread);
  CHECK_EQUAL(status, STRAND_OK);
  CHECK_OK(strand_chan_release(pipe_chan));
  stop_runtime();
}

static void *change_modes_and_errno(void *arg) {
  (void)arg;
  errno = 99;
  fesetround(FE_DOWNWARD);
  CHECK_OK(strand_yield());
  CHECK_EQUAL(errno, 99);
  CHECK_EQUAL(fegetround(), FE_DOWNWARD);
  return NULL;
}

static void the_driving_thread_keeps_its_errno_and_its_modes(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  spawn(change_modes_and_errno, NULL);
  errno = 5;
  fesetround(FE_UPWARD);
  step(1);
  CHECK_EQUAL(errno, 5);
  CHECK_EQUAL(fegetround(), FE_UPWARD);
  fesetround(FE_TONEAREST);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(errno, 5);
  CHECK_EQUAL(fegetround(), FE_TONEAREST);
  stop_runtime();
}

static void *step_on_a_strand(void *arg) {
  strand_step_result result = {.size = sizeof result};
  (void)arg;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_step(1, &result));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_run());
  return NULL;
}

static void bad_input_gets_a_status_and_a_sentence(void) {
  strand_step_result result = {.size = sizeof result};
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_scheduler_step(1, &result));
  strand_config config = default_config(0);
  config.policy = STRAND_POLICY_PCT;
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
  CHECK_LAST_ERROR_SAYS("STRAND_ENGINE_STEPPED");
  config = default_config(0);
  config.policy = 8;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(0);
  config.clock = STRAND_CLOCK_VIRTUAL;
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_scheduler_step(1, &result));
  stop_runtime();
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_step(0, &result));
  CHECK_LAST_ERROR_SAYS("at least 1");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_step(1, NULL));
  result.size = 3;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_step(1, &result));
  spawn(step_on_a_strand, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *record_self(void *arg) {
  char text[32];
  for (int turn = 0; turn < 4; turn += 1) {
    snprintf(text, sizeof text, "%d ", (int)(intptr_t)arg);
    note(text);
    CHECK_OK(strand_yield());
  }
  return NULL;
}

/* One run of eight strands; the history is left behind. */
static void run_eight(uint32_t policy, uint64_t seed) {
  start_stepped(policy, seed);
  forget();
  for (intptr_t index = 0; index < 8; index += 1) spawn(record_self, (void *)index);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void the_same_seed_gives_the_same_run_and_another_seed_another(void) {
  static char one[65536];
  for (uint32_t policy = STRAND_POLICY_RANDOM; policy <= STRAND_POLICY_PCT; policy += 1) {
    int differ = 0;
    run_eight(policy, 1);
    strcpy(one, history);
    for (uint64_t seed = 1; seed <= 20; seed += 1) {
      run_eight(policy, seed);
      if (seed == 1) CHECK(strcmp(one, history) == 0);
      differ += strcmp(one, history) != 0;
    }
    CHECK(differ >= 18); /* the negative control: the policy does choose */
  }
}

static void *wait_to_be_cancelled(void *arg) {
  uint64_t value = 0;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(pipe_chan, &value, STRAND_FOREVER));
  note(arg);
  return NULL;
}

static void shutdown_ends_strands_that_wait_spin_or_never_ran(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE, 0);
  forget();
  pipe_chan = new_channel(8, 0);
  spawn(spin_for_ever, NULL);
  spawn(wait_to_be_cancelled, "w");
  step(3);
  spawn(wait_to_be_cancelled, "n");
  CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
  CHECK(strcmp(history, "nw") == 0 || strcmp(history, "wn") == 0);
  await_threads_at_most(1);
}

int main(void) {
  CLAIM(nothing_runs_outside_of_steps_and_the_order_is_exactly_first_in_first_out);
  CLAIM(steps_add_up);
  CLAIM(a_day_of_sleeps_takes_no_time_and_the_clock_shows_exactly_a_day);
  CLAIM(sleepers_wake_in_the_order_of_their_deadlines);
  CLAIM(steps_say_idle_deadlock_and_done_apart);
  CLAIM(stepping_stops_at_the_step_that_faulted_and_goes_on);
  CLAIM(a_checkpoint_ends_a_step_and_under_round_robin_a_quantum_of_them_ends_a_turn);
  CLAIM(max_steps_ends_a_run_that_would_not_end_and_the_next_run_goes_on);
  CLAIM(the_clock_stands_still_under_a_hold_and_a_thread_may_wake_a_strand);
  CLAIM(threads_that_wait_take_turns_at_driving);
  CLAIM(a_second_thread_in_run_or_step_is_told_that_one_drives);
  CLAIM(the_driving_thread_keeps_its_errno_and_its_modes);
  CLAIM(bad_input_gets_a_status_and_a_sentence);
  CLAIM(the_same_seed_gives_the_same_run_and_another_seed_another);
  CLAIM(shutdown_ends_strands_that_wait_spin_or_never_ran);
  return 0;
}
