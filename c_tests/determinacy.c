/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=300 modes=static opt=O2 compilers=cc */
/* test: engines=may engines-why="it runs its programs on the other engines itself" */
/* Programs of single-producer single-consumer channels, joins, timers and isolated faults do the same in every order. */
#include "kahn.h"

/* One way to run a program. */
typedef struct way {
  const char *name;
  strand_config config;
  uint64_t steps;
} way;

static way stepped_way(const char *name, uint32_t policy, uint64_t seed, uint64_t steps) {
  way made;
  memset(&made, 0, sizeof made);
  made.name = name;
  made.config.size = (uint32_t)sizeof made.config;
  made.config.engine = STRAND_ENGINE_STEPPED;
  made.config.policy = policy;
  made.config.seed = seed;
  made.steps = steps;
  return made;
}

enum { WAYS_MOST = 40 };

/* Every policy, with several quanta, steps and seeds. */
static size_t all_stepped_ways(way *ways) {
  size_t count = 0;
  ways[count++] = stepped_way("cooperative", STRAND_POLICY_COOPERATIVE, 1, 0);
  ways[count++] = stepped_way("cooperative, step by step", STRAND_POLICY_COOPERATIVE, 1, 1);
  for (uint32_t quantum = 1; quantum <= 4; quantum += 1) {
    ways[count] = stepped_way("round robin", STRAND_POLICY_ROUND_ROBIN, quantum, quantum - 1);
    ways[count++].config.quantum = quantum;
  }
  for (uint64_t seed = 1; seed <= 3; seed += 1) {
    ways[count++] = stepped_way("priority fixed", STRAND_POLICY_PRIORITY_FIXED, seed, 0);
    ways[count++] = stepped_way("priority aging", STRAND_POLICY_PRIORITY_AGING, seed, 3);
    ways[count++] = stepped_way("priority token", STRAND_POLICY_PRIORITY_TOKEN, seed, 0);
    ways[count++] = stepped_way("progress aware", STRAND_POLICY_PROGRESS_AWARE, seed, 7);
  }
  for (uint64_t seed = 1; seed <= 6; seed += 1) {
    ways[count++] = stepped_way("random", STRAND_POLICY_RANDOM, seed, seed % 3);
    ways[count] = stepped_way("pct", STRAND_POLICY_PCT, seed, seed % 2);
    ways[count++].config.pct_depth = (uint32_t)(1 + seed % 4);
  }
  CHECK(count <= WAYS_MOST);
  return count;
}

static size_t all_parallel_ways(way *ways) {
  static const uint32_t workers[] = {1, 2, 4};
  size_t count = 0;
  for (size_t which = 0; which < sizeof workers / sizeof workers[0]; which += 1) {
    if (is_may() && workers[which] != workers_told(2)) {
      continue; /* the environment makes it the may engine, whose threads stay as many as they are */
    }
    memset(&ways[count], 0, sizeof ways[count]);
    ways[count].name = is_may() ? "may" : "parallel";
    ways[count].config.size = (uint32_t)sizeof ways[count].config;
    ways[count++].config.workers = workers[which];
  }
  return count;
}

static uint64_t first_program;
static uint64_t runs;

/* How many of so many programs do, in some way, not what the model says. The first is shown if it should not be. */
static uint64_t count_deviating(uint64_t programs, program_wish wish, const way *ways, size_t count, int none_should) {
  static outcome expected;
  static outcome actual;
  uint64_t deviating = 0;
  for (uint64_t number = 0; number < programs; number += 1) {
    const program made = draw_program(first_program + number, wish);
    model_run(&made, &expected);
    for (size_t which = 0; which < count; which += 1) {
      const char *difference;
      kahn_run(&made, &ways[which].config, ways[which].steps, &actual);
      runs += 1;
      difference = first_difference(&expected, &actual);
      if (difference != NULL && none_should) {
        fprintf(stderr, "%s differs: %s, seed %" PRIu64 ", workers %u, %" PRIu64 " steps at a time\n", difference,
                ways[which].name, ways[which].config.seed, ways[which].config.workers, ways[which].steps);
        print_program(stderr, &made);
        fprintf(stderr, "reproduce with LIBSTRAND_TEST_SEED=%" PRIu64 "\n", made.seed);
        fflush(stderr);
        _exit(1);
      }
      if (difference != NULL) {
        deviating += 1;
        break;
      }
    }
  }
  return deviating;
}

enum { PROGRAMS = 500 };
static const program_wish plain = {0, 1, 0};
static const program_wish timed = {1, 1, 0};

static void programs_do_the_same_under_every_policy_quantum_and_seed(void) {
  static way ways[WAYS_MOST];
  const size_t count = all_stepped_ways(ways);
  CHECK_EQUAL(count_deviating((uint64_t)scaled(PROGRAMS), plain, ways, count, 1), 0);
}

static void programs_with_virtual_timers_do_the_same_under_every_policy(void) {
  static way ways[WAYS_MOST];
  const size_t count = all_stepped_ways(ways);
  CHECK_EQUAL(count_deviating((uint64_t)scaled(PROGRAMS), timed, ways, count, 1), 0);
}

static void programs_do_the_same_on_one_two_and_four_workers(void) {
  static way ways[WAYS_MOST];
  const size_t count = all_parallel_ways(ways);
  CHECK_EQUAL(count_deviating((uint64_t)scaled(PROGRAMS), plain, ways, count, 1), 0);
}

/* The programs are not trivial: all that they are made of happens, and often. */
static void programs_of_every_sort_are_among_them(void) {
  static outcome expected;
  uint64_t statuses[3] = {0, 0, 0};
  uint64_t transfers = 0;
  uint64_t timeouts = 0;
  uint64_t closed = 0;
  for (uint64_t number = 0; number < PROGRAMS; number += 1) {
    const program made = draw_program(first_program + number, timed);
    model_run(&made, &expected);
    statuses[expected.status == STRAND_OK ? 0 : expected.status == STRAND_ERR_DEADLOCK ? 1 : 2] += 1;
    for (uint32_t channel = 0; channel < made.channels; channel += 1) {
      transfers += expected.received[channel];
    }
    for (uint32_t strand = 0; strand < made.strands; strand += 1) {
      for (uint32_t at = 0; at < expected.events[strand]; at += 1) {
        timeouts += expected.trace[strand][at].status == STRAND_ERR_TIMEOUT;
        closed += expected.trace[strand][at].status == STRAND_ERR_CLOSED;
      }
    }
  }
  printf("%d programs: %" PRIu64 " end well, %" PRIu64 " deadlock, %" PRIu64 " have a failing strand; %" PRIu64
         " transfers, %" PRIu64 " timeouts, %" PRIu64 " calls on closed channels\n",
         PROGRAMS, statuses[0], statuses[1], statuses[2], transfers, timeouts, closed);
  CHECK_NUMBERS(statuses[0], >=, PROGRAMS / 10);
  CHECK_NUMBERS(statuses[1], >=, PROGRAMS / 4);
  CHECK_NUMBERS(statuses[2], >=, 1);
  CHECK_NUMBERS(transfers, >=, 5 * PROGRAMS);
  CHECK_NUMBERS(timeouts, >=, PROGRAMS / 10);
  CHECK_NUMBERS(closed, >=, PROGRAMS / 50);
}

/* And for every other program: the same seed gives the same run, step by step; another seed another. */
static void any_program_does_the_same_with_the_same_seed(void) {
  const program_wish anything = {1, 1, 1};
  static outcome first;
  static outcome second;
  uint64_t other_steps = 0;
  for (uint64_t number = 0; number < (uint64_t)scaled(PROGRAMS); number += 1) {
    const program made = draw_program(first_program + number, anything);
    for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
      way one = stepped_way("again", policy, number + 1, 1);
      uint64_t steps;
      kahn_run(&made, &one.config, 1, &first);
      steps = steps_seen;
      kahn_run(&made, &one.config, 1, &second);
      CHECK(steps == steps_seen);
      CHECK(first_difference(&first, &second) == NULL);
      one.config.seed += 1;
      kahn_run(&made, &one.config, 1, &second);
      other_steps += steps != steps_seen;
      runs += 3;
    }
  }
  CHECK_NUMBERS(other_steps, >=, (uint64_t)scaled(PROGRAMS)); /* the control: the steps do tell runs apart */
}

/* ------------------------------------------------------------------------------------------- negative controls */

/*
 * The claim is one about programs without shared channels: with them the same generator gives programs that do one
 * thing under one policy and another thing under another. If none did, the claims above would say nothing.
 */
static void programs_with_shared_channels_do_not(void) {
  static way ways[WAYS_MOST];
  const program_wish shared = {0, 0, 1};
  const size_t count = all_stepped_ways(ways);
  static outcome first;
  static outcome other;
  uint64_t diverging = 0;
  for (uint64_t number = 0; number < (uint64_t)scaled(PROGRAMS); number += 1) {
    const program made = draw_program(first_program + number, shared);
    kahn_run(&made, &ways[0].config, 0, &first);
    for (size_t which = 1; which < count; which += 1) {
      kahn_run(&made, &ways[which].config, ways[which].steps, &other);
      if (first_difference(&first, &other) != NULL) {
        diverging += 1;
        break;
      }
    }
  }
  printf("with shared channels %" PRIu64 " of %d programs diverge\n", diverging, scaled(PROGRAMS));
  CHECK_NUMBERS(diverging, >=, (uint64_t)scaled(PROGRAMS) / 4);
}

/* And the comparison sees small things: a place too many, timers of one moment one after the other, joins that do not wait. */
static void a_model_that_is_slightly_wrong_is_noticed(void) {
  static way ways[WAYS_MOST];
  const uint64_t programs = scaled(PROGRAMS) < PROGRAMS ? PROGRAMS / 4 : PROGRAMS; /* some defects show in few */
  (void)all_stepped_ways(ways);
  for (model_is = ONE_PLACE_MORE; model_is <= JOINS_FOR_NOTHING; model_is = (model_defect)(model_is + 1)) {
    const uint64_t deviating = count_deviating(programs, timed, ways, 1, 0);
    printf("defect %d: %" PRIu64 " of %" PRIu64 " programs deviate\n", (int)model_is, deviating, programs);
    CHECK_NUMBERS(deviating, >, 0);
  }
  model_is = RIGHT;
}

int main(void) {
  first_program = test_seed();
  CLAIM(programs_of_every_sort_are_among_them);
  CLAIM_IF(!is_may(), programs_do_the_same_under_every_policy_quantum_and_seed, "about the stepped engine");
  CLAIM_IF(!is_may(), programs_with_virtual_timers_do_the_same_under_every_policy, "about the stepped engine");
  CLAIM(programs_do_the_same_on_one_two_and_four_workers);
  CLAIM_IF(!is_may(), any_program_does_the_same_with_the_same_seed, "about the stepped engine");
  CLAIM(programs_with_shared_channels_do_not);
  CLAIM(a_model_that_is_slightly_wrong_is_noticed);
  printf("%" PRIu64 " runs\n", runs);
  return 0;
}
