/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O2 compilers=cc */
/* test: engines=may engines-why="it runs its programs on the other engines itself" */
/* DEADLOCK is told if and only if the program is one, and never while somebody outside has announced himself. */
#include "kahn.h"

enum { PROGRAMS = 400, PROGRAMS_WITH_THREADS = 60 };

static uint64_t first_program;
static const program_wish plain = {0, 1, 0};
static const program_wish timed = {1, 1, 0};

/* Enough to be of every sort, also where each takes long. */
static int few(int programs) { return scaled(programs) < 40 ? 40 : scaled(programs); }

static strand_config stepped(uint32_t policy, uint64_t seed) {
  strand_config config;
  memset(&config, 0, sizeof config);
  config.size = (uint32_t)sizeof config;
  config.engine = STRAND_ENGINE_STEPPED;
  config.policy = policy;
  config.seed = seed;
  return config;
}

static strand_step_result step(uint64_t most) {
  strand_step_result result;
  memset(&result, 0, sizeof result);
  result.size = (uint32_t)sizeof result;
  CHECK_OK(strand_scheduler_step(most, &result));
  return result;
}

/* Steps until nothing changes any more. */
static uint32_t step_to_the_end(void) {
  uint32_t outcome;
  do {
    outcome = step(1000).outcome;
  } while (outcome == STRAND_STEP_CONTINUE || outcome == STRAND_STEP_FAULT);
  return outcome;
}

static void show_and_fail(const program *made, const char *what, int64_t expected, int64_t actual) {
  fprintf(stderr, "%s: expected %d, got %d; reproduce with LIBSTRAND_TEST_SEED=%" PRIu64 "\n", what, (int)expected,
          (int)actual, made->seed);
  print_program(stderr, made);
  _exit(1);
}

/* For the controls: a model that is wrong about a few programs. */
static int32_t expected_of(const program *made) {
  static outcome expected;
  model_run(made, &expected);
  return expected.status;
}

/* Every program, with timers too, under a policy that changes from one to the next. */
static void compare_with_the_model(uint64_t programs) {
  static outcome actual;
  uint64_t deadlocks = 0;
  for (uint64_t number = 0; number < programs; number += 1) {
    const program made = draw_program(first_program + number, timed);
    const int32_t expected = expected_of(&made);
    for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
      const strand_config config = stepped(policy, number);
      kahn_run(&made, &config, number % 3, &actual);
      if (actual.status != expected) {
        show_and_fail(&made, "the run", expected, actual.status);
      }
    }
    deadlocks += expected == STRAND_ERR_DEADLOCK;
  }
  printf("%" PRIu64 " of %" PRIu64 " programs deadlock\n", deadlocks, programs);
  CHECK_NUMBERS(deadlocks, >=, programs / 4);
  CHECK_NUMBERS(deadlocks, <=, programs * 9 / 10);
}
static void a_deadlock_is_told_exactly_when_the_model_has_one(void) { compare_with_the_model((uint64_t)few(PROGRAMS)); }

/* The same program under a hold: IDLE, as often as it is asked; without the hold: DEADLOCK at once. */
static void under_a_hold_it_is_never_told_and_after_the_hold_at_once(void) {
  static outcome actual;
  for (uint64_t number = 0; number < (uint64_t)few(PROGRAMS); number += 1) {
    const program made = draw_program(first_program + number, plain);
    const int expected = expected_of(&made) == STRAND_ERR_DEADLOCK;
    const strand_config config = stepped((uint32_t)(number % 8), number);
    const uint32_t held = expected ? STRAND_STEP_IDLE : STRAND_STEP_ALL_DONE;
    const uint32_t free_again = expected ? STRAND_STEP_DEADLOCK : STRAND_STEP_ALL_DONE;
    uint32_t told;
    CHECK_OK(strand_scheduler_init(&config));
    CHECK_OK(strand_external_acquire());
    CHECK_OK(strand_external_acquire());
    live_begin(&made, &actual, number);
    for (int times = 0; times < 3; times += 1) {
      told = step_to_the_end();
      if (told != held) {
        show_and_fail(&made, "under a hold", held, told);
      }
    }
    CHECK_OK(strand_external_release());
    told = step_to_the_end();
    if (told != held) {
      show_and_fail(&made, "under the second hold", held, told);
    }
    CHECK_OK(strand_external_release());
    told = step_to_the_end();
    if (told != free_again) {
      show_and_fail(&made, "without a hold", free_again, told);
    }
    live_end(0);
  }
}

/* On real threads: the alarm does not come before the hold is released, and does come afterwards. */
static uint64_t released;
static void *release_a_little_later(void *arg) {
  nap((int64_t)(uintptr_t)arg);
  count_set(&released, 1);
  CHECK_OK(strand_external_release());
  return NULL;
}

static void no_run_is_told_of_a_deadlock_before_the_hold_is_released(void) {
  static outcome actual;
  uint64_t waited = 0;
  for (uint64_t number = 0; number < (uint64_t)few(PROGRAMS_WITH_THREADS); number += 1) {
    const program made = draw_program(first_program + number, plain);
    const int32_t expected = expected_of(&made);
    for (uint32_t engine = 0; engine < 4; engine += 1) {
      strand_config config = stepped(STRAND_POLICY_RANDOM, number);
      pthread_t thread;
      int32_t status;
      if (is_may() && engine > 0 && 1U << (engine - 1) != workers_told(2)) {
        continue; /* the environment makes it the may engine, whose threads stay as many as they are */
      }
      if (engine > 0) {
        memset(&config, 0, sizeof config);
        config.size = (uint32_t)sizeof config;
        config.workers = 1U << (engine - 1);
      }
      count_set(&released, 0);
      CHECK_OK(strand_scheduler_init(&config));
      CHECK_OK(strand_external_acquire());
      live_begin(&made, &actual, number);
      thread = start_thread(release_a_little_later, (void *)(uintptr_t)MILLISECONDS(1));
      status = strand_scheduler_run();
      if (status == STRAND_ERR_DEADLOCK) {
        CHECK_EQUAL(count_read(&released), 1); /* never before */
        waited += 1;
      }
      if (status != expected) {
        show_and_fail(&made, "the run", expected, status);
      }
      join_thread(thread);
      live_end(status);
    }
  }
  CHECK_NUMBERS(waited, >=, (uint64_t)few(PROGRAMS_WITH_THREADS) / 2);
}

/* ------------------------------------------------------------------------------------------- negative controls */

/* Somebody who does not announce himself is an alarm: so the claims about holds look at something. */
static void deadlock_without_a_hold(void) {
  static outcome actual;
  for (uint64_t number = 0; number < 100; number += 1) {
    const program made = draw_program(first_program + number, plain);
    const strand_config config = stepped(STRAND_POLICY_COOPERATIVE, 0);
    CHECK_OK(strand_scheduler_init(&config));
    live_begin(&made, &actual, number);
    CHECK_NUMBERS(step_to_the_end(), !=, STRAND_STEP_DEADLOCK);
    live_end(0);
  }
}
static void a_wrong_model(void) {
  model_is = JOINS_FOR_NOTHING;
  compare_with_the_model(PROGRAMS);
}
static void a_missing_hold_and_a_wrong_model_are_noticed(void) {
  child result;
  run_child(&result, deadlock_without_a_hold);
  CHECK_CHILD_FAILED(&result);
  run_child(&result, a_wrong_model);
  CHECK_CHILD_FAILED(&result);
}

int main(void) {
  first_program = test_seed();
  CLAIM(a_missing_hold_and_a_wrong_model_are_noticed); /* children first: before any init here */
  CLAIM(a_deadlock_is_told_exactly_when_the_model_has_one);
  CLAIM(under_a_hold_it_is_never_told_and_after_the_hold_at_once);
  CLAIM(no_run_is_told_of_a_deadlock_before_the_hold_is_released);
  return 0;
}
