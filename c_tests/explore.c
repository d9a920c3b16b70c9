/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 */
/* test: engines=none engines-why="it needs the stepped engine and chooses it itself" */
/* strand_explore: what is found and what is not, how many schedules there are, tokens, reset, leftovers, faults, bad input. */
#include "harness.h"

static void start_stepped(void) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  CHECK_OK(strand_scheduler_init(&config));
}

static char report[TEXT_CAPACITY];

/* Explores and keeps the report. */
static strand_explore_result explore_with(const char *plan, const char *replay, void (*reset)(void *), strand_entry body,
                                          void *arg, strand_status expected) {
  strand_explore_options options;
  strand_explore_result result;
  memset(&options, 0, sizeof options);
  memset(&result, 0xa5, sizeof result);
  options.size = sizeof options;
  options.plan = plan;
  options.replay = replay;
  options.reset = reset;
  result.size = sizeof result;
  const strand_status status = strand_explore(&options, body, arg, &result);
  CHECK_STATUS(expected, status);
  strand_last_error(report, sizeof report);
  CHECK_EQUAL(result.failed, status == STRAND_ERR_FAILED);
  CHECK_EQUAL(result.reserved, 0);
  CHECK_EQUAL(result.failing_run != 0, result.failed);
  CHECK_EQUAL(result.token[0] != '\0', result.failed);
  if (result.failed) {
    char line[STRAND_TOKEN_MAX + 32];
    snprintf(line, sizeof line, "STRAND_REPLAY=%s", result.token);
    CHECK_SAYS(report, line);
  }
  return result;
}
static strand_explore_result fails(const char *plan, void (*reset)(void *), strand_entry body, void *arg) {
  return explore_with(plan, NULL, reset, body, arg, STRAND_ERR_FAILED);
}
static strand_explore_result passes(const char *plan, void (*reset)(void *), strand_entry body, void *arg) {
  return explore_with(plan, NULL, reset, body, arg, STRAND_OK);
}

/* A place where another strand may go first, and that gives no turn away: a call that may switch, and here never does. */
static strand_chan sink;
static void may_switch(void) {
  const uint8_t byte = 0;
  CHECK_OK(strand_chan_send(sink, &byte, STRAND_FOREVER));
}
static void drain_sink(void *unused) {
  uint8_t byte;
  (void)unused;
  while (strand_chan_recv(sink, &byte, STRAND_NO_WAIT) == STRAND_OK) continue;
}

/* --------------------------------------------------------------------------------------- finding and passing */

static int balance;
static void *deposit(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 3; turn += 1) {
    const int read = balance;
    if (strand_yield() != STRAND_OK) return NULL;
    balance = read + 1;
  }
  return NULL;
}
static void *deposit_at_once(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 3; turn += 1) {
    balance += 1;
    if (strand_yield() != STRAND_OK) return NULL;
  }
  return NULL;
}
static void *deposits(void *entry) {
  strand_entry one = *(strand_entry *)entry;
  balance = 0;
  const strand_id first = spawn_named("first", one, NULL), second = spawn_named("second", one, NULL);
  /* A schedule that is given up is cancelled. */
  if (strand_join(first, STRAND_FOREVER) != STRAND_OK || strand_join(second, STRAND_FOREVER) != STRAND_OK) return NULL;
  strand_assert(balance == 6, "no deposit is lost");
  return NULL;
}
static const char *const PLANS[] = {"random", "pct", "pct:depth=2", "exhaustive", "exhaustive:preemptions=0"};
enum { PLAN_COUNT = sizeof PLANS / sizeof *PLANS };

static void every_plan_finds_a_lost_update(void) {
  strand_entry one = deposit;
  start_stepped();
  for (int plan = 0; plan < PLAN_COUNT; plan += 1) {
    const strand_explore_result found = fails(PLANS[plan], NULL, deposits, &one);
    CHECK_EQUAL(found.failing_run, found.runs);
    CHECK_NUMBERS(found.decisions, >, 0);
    CHECK_EQUAL(found.complete, 0);
    CHECK_SAYS(report, "STRAND_ERR_FAILED");
    CHECK_SAYS(report, "no deposit is lost");
    CHECK_SAYS(report, "\"first\" yields");
    CHECK_SAYS(report, "\"second\" yields");
  }
  stop_runtime();
}

static void control_no_plan_finds_anything_in_a_correct_program(void) {
  strand_entry one = deposit_at_once;
  start_stepped();
  for (int plan = 0; plan < PLAN_COUNT; plan += 1) {
    const int exhaustive = strncmp(PLANS[plan], "exhaustive", 10) == 0;
    const strand_explore_result result = passes(PLANS[plan], NULL, deposits, &one);
    CHECK_EQUAL(result.complete, exhaustive);
    CHECK_NUMBERS(result.runs, >, 1);
    if (!exhaustive) CHECK_EQUAL(result.runs, 10000);
  }
  CHECK_EQUAL(passes("random:runs=17", NULL, deposits, &one).runs, 17);
  CHECK_EQUAL(passes("exhaustive:runs=17", NULL, deposits, &one).runs, 17);
  CHECK_EQUAL(passes("exhaustive:runs=17", NULL, deposits, &one).complete, 0);
  stop_runtime();
}

static void without_options_and_result_it_is_10000_of_pct(void) {
  strand_entry one = deposit_at_once;
  strand_explore_result result = {.size = sizeof result};
  start_stepped();
  CHECK_OK(strand_explore(NULL, deposits, &one, &result));
  CHECK_EQUAL(result.runs, 10000);
  const strand_explore_result said = passes("pct:depth=3,seed=1,runs=10000", NULL, deposits, &one);
  CHECK_EQUAL(result.decisions, said.decisions);
  CHECK_OK(strand_explore(NULL, deposits, &one, NULL));
  one = deposit;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_explore(NULL, deposits, &one, NULL));
  CHECK_LAST_ERROR_SAYS("no deposit is lost");
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------- tokens, repetition */

static void a_token_brings_the_failure_back_in_one_run(void) {
  strand_entry one = deposit;
  start_stepped();
  for (int plan = 0; plan < PLAN_COUNT; plan += 1) {
    const strand_explore_result found = fails(PLANS[plan], NULL, deposits, &one);
    for (int again = 0; again < 2; again += 1) {
      const strand_explore_result result = explore_with(NULL, found.token, NULL, deposits, &one, STRAND_ERR_FAILED);
      CHECK_EQUAL(result.runs, 1);
      CHECK_EQUAL(result.failing_run, 1);
      CHECK_SAYS(report, "no deposit is lost");
      CHECK(strcmp(result.token, found.token) == 0);
    }
  }
  stop_runtime();
}

static void a_token_passes_once_the_program_is_mended(void) {
  strand_entry one = deposit;
  start_stepped();
  const strand_explore_result found = fails("pct", NULL, deposits, &one);
  one = deposit_at_once;
  explore_with(NULL, found.token, NULL, deposits, &one, STRAND_OK);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ rare orders */

/*
 * A pool that is closed while it is in use, as in examples/pool.c: after forty steps of one strand, the whole of another
 * must fall between a look and a call. Depth 2; three strands; some fifty picks.
 */
static int closing, open_connections;
static uint64_t left_open;
static int asserts;
static void *use_pool(void *unused) {
  (void)unused;
  for (int query = 0; query < 40; query += 1) CHECK_OK(strand_yield());
  if (closing) {
    open_connections -= 1;
  } else {
    may_switch();
  }
  return NULL;
}
static void *close_pool(void *unused) {
  (void)unused;
  closing = 1;
  drain_sink(NULL);
  return NULL;
}
static void *run_pool(void *unused) {
  uint8_t byte;
  (void)unused;
  closing = 0, open_connections = 1;
  const strand_id user = spawn(use_pool, NULL), closer = spawn(close_pool, NULL);
  CHECK_OK(strand_join(user, STRAND_FOREVER));
  CHECK_OK(strand_join(closer, STRAND_FOREVER));
  if (open_connections == 0) return NULL;
  /* Given back before the closing: the closer has emptied the sink. Else it is still there. */
  if (strand_chan_recv(sink, &byte, STRAND_NO_WAIT) == STRAND_OK) {
    left_open += 1;
    if (asserts) strand_assert(0, "every connection is closed");
  }
  return NULL;
}

static void pct_finds_what_100000_random_schedules_miss(void) {
  start_stepped();
  sink = new_channel(1, STRAND_UNBOUNDED);
  asserts = 1;
  char plan[64];
  snprintf(plan, sizeof plan, "random:runs=%d", scaled(100000));
  passes(plan, drain_sink, run_pool, NULL);
  for (int seed = 1; seed <= 5; seed += 1) {
    for (int depth = 2; depth <= 3; depth += 1) {
      snprintf(plan, sizeof plan, "pct:depth=%d,seed=%d", depth, seed);
      const strand_explore_result found = fails(plan, drain_sink, run_pool, NULL);
      CHECK_NUMBERS(found.failing_run, <, 10000);
      explore_with(NULL, found.token, drain_sink, run_pool, NULL, STRAND_ERR_FAILED);
      CHECK_SAYS(report, "every connection is closed");
    }
    /* control: without a change point it is not found */
    snprintf(plan, sizeof plan, "pct:depth=1,seed=%d,runs=%d", seed, scaled(10000));
    passes(plan, drain_sink, run_pool, NULL);
  }
  stop_runtime();
}

static void the_same_plan_finds_the_same_schedule_and_prints_the_same_token(void) {
  static const char *const plans[] = {"pct:depth=2,seed=3", "pct:depth=3,seed=4", "pct:depth=2,seed=9,steps=60", "exhaustive:preemptions=1"};
  strand_explore_result results[4];
  for (int life = 0; life < 2; life += 1) {
    start_stepped();
    sink = new_channel(1, STRAND_UNBOUNDED);
    asserts = 1;
    for (int plan = 0; plan < 4; plan += 1) {
      const strand_explore_result found = fails(plans[plan], drain_sink, run_pool, NULL);
      if (life == 1) {
        CHECK_EQUAL(found.failing_run, results[plan].failing_run);
        CHECK_EQUAL(found.decisions, results[plan].decisions);
        CHECK(strcmp(found.token, results[plan].token) == 0);
      }
      results[plan] = found;
    }
    stop_runtime();
  }
  /* control: another seed is another search */
  uint64_t different = 0;
  start_stepped();
  sink = new_channel(1, STRAND_UNBOUNDED);
  for (int seed = 4; seed <= 13; seed += 1) {
    char plan[32];
    snprintf(plan, sizeof plan, "pct:depth=2,seed=%d", seed);
    different += fails(plan, drain_sink, run_pool, NULL).failing_run != results[0].failing_run;
  }
  CHECK_NUMBERS(different, >=, 5);
  stop_runtime();
}

/* As run_pool, but a user who finds the pool closed leaves: some schedules have a tenth of the steps of others. */
static void *use_pool_if_open(void *unused) { return closing ? NULL : use_pool(unused); }
static void *run_pool_that_may_be_short(void *unused) {
  uint8_t byte;
  (void)unused;
  closing = 0;
  const strand_id user = spawn(use_pool_if_open, NULL), closer = spawn(close_pool, NULL);
  CHECK_OK(strand_join(user, STRAND_FOREVER));
  CHECK_OK(strand_join(closer, STRAND_FOREVER));
  strand_assert(strand_chan_recv(sink, &byte, STRAND_NO_WAIT) != STRAND_OK, "every connection is closed");
  return NULL;
}
static void a_first_schedule_that_is_short_does_not_blind_pct(void) {
  start_stepped();
  sink = new_channel(1, STRAND_UNBOUNDED);
  int short_first = 0;
  for (int seed = 1; seed <= 6; seed += 1) {
    char plan[64];
    snprintf(plan, sizeof plan, "pct:depth=1,runs=1,seed=%d", seed);
    short_first += passes(plan, drain_sink, run_pool_that_may_be_short, NULL).decisions < 20;
    snprintf(plan, sizeof plan, "pct:depth=2,seed=%d", seed);
    fails(plan, drain_sink, run_pool_that_may_be_short, NULL);
    /* control: spread over as many steps as a short one has, it is never found */
    snprintf(plan, sizeof plan, "pct:depth=2,seed=%d,steps=10,runs=%d", seed, scaled(2000));
    passes(plan, drain_sink, run_pool_that_may_be_short, NULL);
  }
  CHECK_NUMBERS(short_first, >=, 2);
  stop_runtime();
}

static uint64_t picks_of_one_run(void) {
  strand_step_result before = {.size = sizeof before}, after = {.size = sizeof after};
  CHECK_OK(strand_scheduler_step(1, &before));
  passes("pct:depth=1,runs=1", drain_sink, run_pool, NULL);
  CHECK_OK(strand_scheduler_step(1, &after));
  return after.total_steps - before.total_steps;
}

static void pct_finds_a_depth_2_bug_as_often_as_it_promises(void) {
  enum { STRANDS = 3 };
  const int runs = scaled(50000);
  start_stepped();
  sink = new_channel(1, STRAND_UNBOUNDED);
  asserts = 0;
  left_open = 0;
  const uint64_t picks = picks_of_one_run();
  CHECK_NUMBERS(picks, >, 40);
  char plan[64];
  /* At least 1 / (n k); half of it leaves room for chance: that is some fifteen standard deviations. */
  snprintf(plan, sizeof plan, "pct:depth=2,runs=%d,steps=%" PRIu64, runs, picks + 5);
  passes(plan, drain_sink, run_pool, NULL);
  printf("depth 2: %" PRIu64 " of %d schedules, promised %.0f\n", left_open, runs, (double)runs / (double)(STRANDS * (picks + 5)));
  CHECK_NUMBERS(left_open * STRANDS * (picks + 5), >=, (uint64_t)runs);
  /* controls: change points that all come too early, one less, and chance */
  left_open = 0;
  snprintf(plan, sizeof plan, "pct:depth=2,runs=%d,steps=30", runs);
  passes(plan, drain_sink, run_pool, NULL);
  CHECK_EQUAL(left_open, 0);
  snprintf(plan, sizeof plan, "pct:depth=1,runs=%d", runs);
  passes(plan, drain_sink, run_pool, NULL);
  CHECK_EQUAL(left_open, 0);
  snprintf(plan, sizeof plan, "random:runs=%d", runs);
  passes(plan, drain_sink, run_pool, NULL);
  CHECK_EQUAL(left_open, 0);
  stop_runtime();
}

/* ---------------------------------------------------------------------------------------- how many there are */

typedef struct shape {
  int strands;
  int turns;
} shape;

static void *yield_turns(void *turns) {
  for (int turn = *(int *)turns; turn > 0; turn -= 1) CHECK_OK(strand_yield());
  return NULL;
}
static void *switch_turns(void *turns) {
  for (int turn = *(int *)turns; turn > 0; turn -= 1) may_switch();
  return NULL;
}
static void *some_that_yield(void *arg) {
  shape *asked = arg;
  for (int strand = 0; strand < asked->strands; strand += 1) spawn(yield_turns, &asked->turns);
  return NULL;
}
static void *some_that_switch(void *arg) {
  shape *asked = arg;
  for (int strand = 0; strand < asked->strands; strand += 1) spawn(switch_turns, &asked->turns);
  return NULL;
}

/* (k (n + 1))! / ((n + 1)!)^k: a strand of n yields has n + 1 steps. */
static uint64_t interleavings(int strands, int steps) {
  uint64_t count = 1, placed = 0;
  for (int strand = 0; strand < strands; strand += 1) {
    for (int step = 1; step <= steps; step += 1) {
      placed += 1;
      count = count * placed / (uint64_t)step;
    }
  }
  return count;
}

static void exhaustive_runs_every_interleaving_of_strands_that_yield_exactly_once(void) {
  static const shape shapes[] = {{1, 5}, {2, 0}, {2, 1}, {2, 3}, {2, 6}, {3, 0}, {3, 1}, {3, 2}, {4, 0}, {4, 1}, {5, 0}, {7, 0}};
  start_stepped();
  for (size_t at = 0; at < sizeof shapes / sizeof *shapes; at += 1) {
    shape asked = shapes[at];
    const strand_explore_result result = passes("exhaustive", NULL, some_that_yield, &asked);
    CHECK_EQUAL(result.complete, 1);
    CHECK_EQUAL(result.runs, interleavings(asked.strands, asked.turns + 1));
    /* A yield gives the turn away: who comes next is no preemption, so the bound changes nothing. */
    CHECK_EQUAL(passes("exhaustive:preemptions=0", NULL, some_that_yield, &asked).runs, result.runs);
  }
  stop_runtime();
}

/* What there is with so many preemptions at most, counted by going through all of it. */
static uint64_t bounded(int *left, int strands, int current, int preemptions) {
  uint64_t count = 0;
  int ended = 1;
  for (int next = 0; next < strands; next += 1) {
    if (left[next] == 0) continue;
    ended = 0;
    const int cost = current >= 0 && left[current] > 0 && next != current;
    if (cost > preemptions) continue;
    left[next] -= 1;
    count += bounded(left, strands, next, preemptions - cost);
    left[next] += 1;
  }
  return ended ? 1 : count;
}

static void exhaustive_with_a_bound_runs_exactly_those_with_so_few_preemptions(void) {
  static const shape shapes[] = {{2, 1}, {2, 4}, {3, 1}, {3, 2}, {4, 1}};
  start_stepped();
  sink = new_channel(1, STRAND_UNBOUNDED);
  for (size_t at = 0; at < sizeof shapes / sizeof *shapes; at += 1) {
    uint64_t before = 0;
    for (int bound = 0; bound <= 4; bound += 1) {
      shape asked = shapes[at];
      char plan[64];
      int left[8];
      for (int strand = 0; strand < asked.strands; strand += 1) left[strand] = asked.turns + 1;
      snprintf(plan, sizeof plan, "exhaustive:preemptions=%d", bound);
      const strand_explore_result result = passes(plan, drain_sink, some_that_switch, &asked);
      CHECK_EQUAL(result.complete, 1);
      CHECK_EQUAL(result.runs, bounded(left, asked.strands, -1, bound));
      CHECK_NUMBERS(result.runs, >=, before);
      before = result.runs;
    }
    shape asked = shapes[at];
    CHECK_EQUAL(passes("exhaustive:preemptions=1000", drain_sink, some_that_switch, &asked).runs,
                interleavings(asked.strands, asked.turns + 1));
  }
  stop_runtime();
}

/* Each shows only with exactly so many preemptions. */
static int shared_a, shared_b, seen_a, seen_b;
static void *set_both(void *unused) {
  (void)unused;
  shared_a = 1;
  may_switch();
  shared_b = 1;
  return NULL;
}
static void *read_once(void *unused) {
  (void)unused;
  seen_a = shared_a, seen_b = shared_b;
  return NULL;
}
static void *read_twice(void *unused) {
  (void)unused;
  seen_a = shared_a == 1 && shared_b == 0;
  may_switch();
  seen_b = shared_b;
  return NULL;
}
static void two(strand_entry one, strand_entry other) {
  shared_a = shared_b = seen_a = seen_b = 0;
  const strand_id first = spawn(one, NULL), second = spawn(other, NULL);
  CHECK_OK(strand_join(first, STRAND_FOREVER));
  CHECK_OK(strand_join(second, STRAND_FOREVER));
}
static void *needs_none(void *unused) { /* the second before the first */
  (void)unused;
  two(set_both, read_once);
  strand_assert(seen_a == 1 && seen_b == 1, "the writer comes first");
  return NULL;
}
static void *needs_one(void *unused) { /* the second in the middle of the first */
  (void)unused;
  two(set_both, read_once);
  strand_assert(seen_a == seen_b, "both are set at once");
  return NULL;
}
static void *needs_two(void *unused) { /* and the first in the middle of that */
  (void)unused;
  two(set_both, read_twice);
  strand_assert(!(seen_a && seen_b), "nothing changes while it is read");
  return NULL;
}

static void a_bug_is_found_with_as_many_preemptions_as_it_needs_and_not_with_fewer(void) {
  static const strand_entry bugs[] = {needs_none, needs_one, needs_two};
  start_stepped();
  sink = new_channel(1, STRAND_UNBOUNDED);
  for (int needed = 0; needed <= 2; needed += 1) {
    for (int bound = 0; bound <= 3; bound += 1) {
      char plan[64];
      snprintf(plan, sizeof plan, "exhaustive:preemptions=%d", bound);
      if (bound >= needed) {
        const strand_explore_result found = fails(plan, drain_sink, bugs[needed], NULL);
        explore_with(NULL, found.token, drain_sink, bugs[needed], NULL, STRAND_ERR_FAILED);
      } else {
        CHECK_EQUAL(passes(plan, drain_sink, bugs[needed], NULL).complete, 1);
      }
    }
  }
  stop_runtime();
}

/* --------------------------------------------------------------------------------------- what reduction leaves out */

/*
 * Two senders and two receivers on one channel, and a third pair on another: which message reaches whom is the outcome.
 * A search that leaves out what changes nothing must still see every outcome.
 */
enum { SENDERS = 2, OUTCOMES_MAX = 1024 };
static strand_chan common, apart;
static uint64_t outcome, outcomes[OUTCOMES_MAX];
static int outcome_count;
static void keep_outcome(void) {
  for (int at = 0; at < outcome_count; at += 1) {
    if (outcomes[at] == outcome) return;
  }
  CHECK_NUMBERS(outcome_count, <, OUTCOMES_MAX);
  outcomes[outcome_count] = outcome;
  outcome_count += 1;
}
static int by_value(const void *left, const void *right) {
  const uint64_t one = *(const uint64_t *)left, other = *(const uint64_t *)right;
  return one < other ? -1 : one > other;
}
static void *send_two(void *number) {
  for (uint64_t value = 1; value <= 2; value += 1) {
    const uint64_t element = 2 * (uint64_t)(uintptr_t)number + value;
    CHECK_OK(strand_chan_send(common, &element, STRAND_FOREVER));
  }
  return NULL;
}
static void *receive_two(void *number) {
  for (int turn = 0; turn < 2; turn += 1) {
    uint64_t element = 0;
    CHECK_OK(strand_chan_recv(common, &element, STRAND_FOREVER));
    outcome |= element << (16 * (uintptr_t)number + 8 * (uintptr_t)turn);
  }
  return NULL;
}
static void *send_apart(void *unused) {
  const uint64_t element = 1;
  (void)unused;
  for (int turn = 0; turn < 2; turn += 1) CHECK_OK(strand_chan_send(apart, &element, STRAND_FOREVER));
  return NULL;
}
static void *traffic(void *beside) {
  strand_id all[5];
  int count = 0;
  outcome = 0;
  for (uintptr_t number = 0; number < SENDERS; number += 1) {
    all[count++] = spawn(send_two, (void *)number);
    all[count++] = spawn(receive_two, (void *)number);
  }
  if (beside != NULL) all[count++] = spawn(send_apart, NULL);
  for (int at = 0; at < count; at += 1) CHECK_OK(strand_join(all[at], STRAND_FOREVER));
  keep_outcome();
  return NULL;
}
static void drain_apart(void *unused) {
  uint64_t element;
  (void)unused;
  while (strand_chan_recv(apart, &element, STRAND_NO_WAIT) == STRAND_OK) continue;
}
static strand_explore_result outcomes_of(const char *plan, int beside) {
  int nothing;
  outcome_count = 0;
  const strand_explore_result result = passes(plan, drain_apart, traffic, beside ? &nothing : NULL);
  qsort(outcomes, (size_t)outcome_count, sizeof *outcomes, by_value);
  CHECK_EQUAL(result.complete, 1);
  return result;
}
static void a_reduced_search_sees_every_outcome_in_fewer_schedules(void) {
  static uint64_t whole[OUTCOMES_MAX];
  start_stepped();
  common = new_channel(8, 1);
  apart = new_channel(8, STRAND_UNBOUNDED);
  const strand_explore_result every = outcomes_of("exhaustive:preemptions=1", 0);
  const int count = outcome_count;
  memcpy(whole, outcomes, sizeof whole);
  CHECK_NUMBERS(count, >, 3);
  const strand_explore_result reduced = outcomes_of("exhaustive:preemptions=1,reduce=objects", 0);
  printf("%d outcomes in %" PRIu64 " schedules, reduced %" PRIu64 "\n", count, every.runs, reduced.runs);
  CHECK_EQUAL(outcome_count, count);
  CHECK(memcmp(whole, outcomes, (size_t)count * sizeof *whole) == 0);
  CHECK_NUMBERS(reduced.runs, <, every.runs);
  stop_runtime();
}

static void strands_that_share_nothing_need_few_schedules(void) {
  shape asked = {4, 3};
  start_stepped();
  const strand_explore_result result = passes("exhaustive:reduce=objects", NULL, some_that_yield, &asked);
  CHECK_EQUAL(result.complete, 1);
  printf("%" PRIu64 " of %" PRIu64 " schedules\n", result.runs, interleavings(4, 4));
  CHECK_NUMBERS(result.runs, <, 1000);
  CHECK_EQUAL(passes("exhaustive:runs=5000", NULL, some_that_yield, &asked).complete, 0); /* control */
  stop_runtime();
}

static strand_chan own[3];
static void *send_some(void *channel) {
  const uint64_t element = 1;
  for (int turn = 0; turn < 2; turn += 1) CHECK_OK(strand_chan_send(*(strand_chan *)channel, &element, STRAND_FOREVER));
  return NULL;
}
static void *send_to_their_own(void *channels) {
  for (int number = 0; number < 3; number += 1) spawn(send_some, (strand_chan *)channels + number);
  return NULL;
}
static void drain_all(void *channels) {
  uint64_t element;
  for (int number = 0; number < 3; number += 1) {
    while (strand_chan_recv(((strand_chan *)channels)[number], &element, STRAND_NO_WAIT) == STRAND_OK) continue;
  }
}
static void control_what_is_left_out_depends_on_what_is_shared(void) {
  strand_chan shared[3];
  start_stepped();
  for (int number = 0; number < 3; number += 1) own[number] = new_channel(8, STRAND_UNBOUNDED);
  for (int number = 0; number < 3; number += 1) shared[number] = own[0];
  const uint64_t apart_runs = passes("exhaustive:preemptions=all,reduce=objects", drain_all, send_to_their_own, own).runs;
  const uint64_t shared_runs =
      passes("exhaustive:preemptions=all,reduce=objects", drain_all, send_to_their_own, shared).runs;
  const uint64_t all_runs = passes("exhaustive:preemptions=all", drain_all, send_to_their_own, own).runs;
  printf("own channels %" PRIu64 ", one channel %" PRIu64 ", not reduced %" PRIu64 "\n", apart_runs, shared_runs, all_runs);
  CHECK_EQUAL(all_runs, interleavings(3, 3));
  CHECK_NUMBERS(apart_runs, <, shared_runs);
  CHECK_NUMBERS(shared_runs, >=, interleavings(3, 2)); /* every order of the six sends */
  CHECK_NUMBERS(shared_runs, <=, all_runs);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------- ways of failing */

static void *fail_with_a_message(void *unused) {
  (void)unused;
  strand_fail(STRAND_ERR_LIMIT, "out of ink", 10);
  return NULL;
}
static void *spawn_one_that_fails(void *unused) {
  (void)unused;
  spawn_named("printer", fail_with_a_message, NULL);
  return NULL;
}
static void a_fault_of_any_strand_fails_a_schedule(void) {
  start_stepped();
  CHECK_EQUAL(fails("random", NULL, spawn_one_that_fails, NULL).failing_run, 1);
  CHECK_SAYS(report, "\"printer\"");
  CHECK_SAYS(report, "out of ink");
  CHECK_SAYS(report, "STRAND_ERR_LIMIT");
  /* The faults of an exploration are told by it, and by nobody else. */
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static strand_chan left_hand, right_hand;
static void *wait_left(void *unused) {
  uint64_t value;
  (void)unused;
  strand_chan_recv(left_hand, &value, STRAND_FOREVER);
  return NULL;
}
static void *wait_right(void *unused) {
  uint64_t value;
  (void)unused;
  strand_chan_recv(right_hand, &value, STRAND_FOREVER);
  return NULL;
}
static void *wait_for_each_other(void *unused) {
  (void)unused;
  spawn_named("left hand", wait_left, NULL);
  spawn_named("right hand", wait_right, NULL);
  return NULL;
}
static void a_deadlock_fails_a_schedule_and_says_who_waits_on_what(void) {
  start_stepped();
  left_hand = new_named_channel("to the left", 8, 0);
  right_hand = new_named_channel("to the right", 8, 0);
  for (int plan = 0; plan < PLAN_COUNT; plan += 1) {
    CHECK_EQUAL(fails(PLANS[plan], NULL, wait_for_each_other, NULL).failing_run, 1);
    CHECK_SAYS(report, "deadlock: 2 strands wait");
    CHECK_SAYS(report, "\"left hand\" waits to receive");
    CHECK_SAYS(report, "\"right hand\" waits to receive");
    CHECK_SAYS(report, "still there");
  }
  stop_runtime();
}

static int goal;
static void *spin(void *unused) {
  (void)unused;
  while (!goal && strand_yield() == STRAND_OK) continue;
  return NULL;
}
static void *spin_for_ever(void *unused) {
  (void)unused;
  goal = 0;
  spawn(spin, NULL);
  return NULL;
}
static void *reach_goal(void *unused) {
  (void)unused;
  goal = 1;
  return NULL;
}
static void *spin_until_reached(void *unused) {
  goal = 0;
  spawn(spin, NULL);
  spawn(reach_goal, unused);
  return NULL;
}
static void a_schedule_that_does_not_end_fails_by_its_number_of_steps(void) {
  start_stepped();
  CHECK_EQUAL(fails("random:max_steps=500", NULL, spin_for_ever, NULL).failing_run, 1);
  CHECK_SAYS(report, "500 steps");
  fails("pct:max_steps=500", NULL, spin_for_ever, NULL);
  /* control: what ends has steps enough, also under PCT, where who spins is passed over after a hundred turns */
  passes("pct:max_steps=500", NULL, spin_until_reached, NULL);
  stop_runtime();
}

static void an_assertion_off_strand_is_a_status(void) {
  CHECK_OK(strand_assert(1, NULL));
  CHECK_OK(strand_assert(-1, "not said"));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_assert(0, "two and two are five"));
  CHECK_LAST_ERROR_SAYS("two and two are five");
  CHECK_STATUS(STRAND_ERR_FAILED, strand_assert(0, NULL));
}

static uint64_t hooks_run;
static void count_hook(void *unused) {
  (void)unused;
  hooks_run += 1;
}
static void *assert_something_false(void *unused) {
  (void)unused;
  CHECK_OK(strand_on_exit(count_hook, NULL));
  strand_assert(0, "one strand says no");
  hooks_run += 1000; /* not reached */
  return NULL;
}
static void a_false_assertion_without_exploring_ends_its_strand_alone(void) {
  start_stepped();
  hooks_run = 0;
  spawn(assert_something_false, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("one strand says no");
  CHECK_EQUAL(hooks_run, 1);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ injected faults */

static void *yield_ten_times(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 10; turn += 1) {
    if (strand_yield() != STRAND_OK) break;
  }
  return NULL;
}
static void *expects_no_cancel(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 10; turn += 1) strand_assert(strand_yield() == STRAND_OK, "nobody is cancelled");
  return NULL;
}
static void *expects_no_close(void *channel) {
  const uint64_t value = 1;
  strand_spawn(yield_ten_times, NULL, NULL);
  for (int turn = 0; turn < 10; turn += 1) {
    strand_assert(strand_chan_send(*(strand_chan *)channel, &value, STRAND_FOREVER) != STRAND_ERR_CLOSED,
                  "nobody closes the channel");
  }
  return NULL;
}
static void *expects_memory(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 5; turn += 1) {
    strand_chan channel = 0;
    strand_assert(strand_chan_new(64, 100, &channel) != STRAND_ERR_NO_MEMORY, "there is memory");
    strand_yield();
    strand_chan_release(channel);
  }
  return NULL;
}
static void *send_after_a_while(void *channel) {
  const uint64_t value = 1;
  yield_ten_times(NULL);
  strand_chan_send(*(strand_chan *)channel, &value, STRAND_FOREVER);
  return NULL;
}
static void *expects_no_timeout(void *channel) {
  uint64_t value;
  const strand_id sender = spawn(send_after_a_while, channel);
  const strand_status status = strand_chan_recv(*(strand_chan *)channel, &value, strand_after(SECONDS(1)));
  strand_assert(status != STRAND_ERR_TIMEOUT, "it comes in time");
  strand_join(sender, STRAND_FOREVER);
  return NULL;
}
/* There is one channel in every schedule: which one an injected close means is counted over those there are. */
static void renew(void *channel) {
  CHECK_OK(strand_chan_release(*(strand_chan *)channel));
  CHECK_OK(strand_chan_new(8, STRAND_UNBOUNDED, channel));
}

static void injected_faults_find_who_did_not_expect_them_and_come_back_by_token(void) {
  static const struct {
    const char *kind;
    strand_entry body;
    const char *words;
  } cases[] = {{"cancel", expects_no_cancel, "nobody is cancelled"},
               {"close", expects_no_close, "nobody closes the channel"},
               {"oom", expects_memory, "there is memory"},
               {"timeout", expects_no_timeout, "it comes in time"}};
  start_stepped();
  strand_chan channel = new_channel(8, STRAND_UNBOUNDED);
  for (size_t at = 0; at < sizeof cases / sizeof *cases; at += 1) {
    for (int strategy = 0; strategy < 2; strategy += 1) {
      char plan[64];
      const char *name = strategy == 0 ? "random" : "pct";
      snprintf(plan, sizeof plan, "%s:inject=%s", name, cases[at].kind);
      const strand_explore_result found = fails(plan, renew, cases[at].body, &channel);
      CHECK_SAYS(report, cases[at].words);
      CHECK_SAYS(report, "injected: ");
      CHECK_SAYS(found.token, "inject=");
      CHECK_SAYS(found.token, cases[at].kind);
      for (int again = 0; again < 2; again += 1) {
        explore_with(NULL, found.token, renew, cases[at].body, &channel, STRAND_ERR_FAILED);
        CHECK_SAYS(report, cases[at].words);
      }
      passes(name, renew, cases[at].body, &channel); /* control */
    }
  }
  stop_runtime();
}

/* ------------------------------------------------------------------------------------- what is left, what is reset */

static uint64_t resets;
static int level;
static void put_level_back(void *start) {
  resets += 1;
  level = *(int *)start;
}
static void *raise_level(void *start) {
  strand_assert(level == *(int *)start, "every schedule begins at the same level");
  level += 1;
  return NULL;
}
static void reset_runs_before_every_schedule(void) {
  int start = 5;
  start_stepped();
  resets = 0;
  passes("random:runs=1000", put_level_back, raise_level, &start);
  CHECK_EQUAL(resets, 1000);
  /* control: without it the second schedule begins where the first one ended */
  level = start;
  strand_explore_options options = {.size = sizeof options, .plan = "random:runs=1000"};
  strand_explore_result result = {.size = sizeof result};
  CHECK_STATUS(STRAND_ERR_FAILED, strand_explore(&options, raise_level, &start, &result));
  CHECK_EQUAL(result.failing_run, 2);
  stop_runtime();
}

static void *sleep_a_minute(void *unused) {
  (void)unused;
  strand_assert(strand_now() == SECONDS(1), "every schedule begins at one second");
  CHECK_OK(strand_sleep(SECONDS(60)));
  strand_assert(strand_now() == SECONDS(61), "a minute is a minute");
  return NULL;
}
static void every_schedule_begins_at_one_second_and_sleeps_cost_no_time(void) {
  const int64_t began = monotonic();
  start_stepped();
  passes("random:runs=1000", NULL, sleep_a_minute, NULL);
  CHECK_NUMBERS(monotonic() - began, <, SECONDS(30));
  stop_runtime();
}

static void *wait_uncounted(void *unused) {
  (void)unused;
  CHECK_OK(strand_on_exit(count_hook, NULL));
  uint64_t value;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(left_hand, &value, STRAND_FOREVER));
  return NULL;
}
static void *leave_some_behind(void *unused) {
  (void)unused;
  spawn_flagged(STRAND_SPAWN_UNCOUNTED, wait_uncounted, NULL);
  spawn_flagged(STRAND_SPAWN_DORMANT, reach_goal, NULL);
  CHECK_OK(strand_yield());
  return NULL;
}
static void uncounted_and_dormant_strands_end_with_their_schedule(void) {
  start_stepped();
  left_hand = new_channel(8, 0);
  hooks_run = 0, goal = 0;
  passes("random:runs=500", NULL, leave_some_behind, NULL);
  const uint64_t spawned = read_statistics().spawned; /* those that stayed dormant were never counted */
  CHECK_EQUAL(spawned, 1000);
  CHECK_EQUAL(read_statistics().finished, spawned);
  CHECK_NUMBERS(hooks_run, >, 0); /* where it came to run before the schedule was over */
  CHECK_EQUAL(goal, 0);
  CHECK_EQUAL(passes("exhaustive", NULL, leave_some_behind, NULL).complete, 1);
  stop_runtime();
}

/* Exit hooks are shielded from the cancellation that ends what a schedule leaves behind. */
static void wait_in_a_hook(void *unused) {
  uint64_t value;
  (void)unused;
  strand_chan_recv(right_hand, &value, STRAND_FOREVER);
}
static void *does_not_end(void *unused) {
  uint64_t value;
  CHECK_OK(strand_on_exit(wait_in_a_hook, unused));
  strand_chan_recv(right_hand, &value, STRAND_FOREVER);
  return NULL;
}
static void *leave_one_that_does_not_end(void *unused) {
  (void)unused;
  spawn_flagged(STRAND_SPAWN_UNCOUNTED, does_not_end, NULL);
  for (int turn = 0; turn < 5; turn += 1) CHECK_OK(strand_yield());
  return NULL;
}
static void one_that_does_not_end_is_told_in_a_child(void) {
  start_stepped();
  right_hand = new_channel(8, 0);
  const strand_explore_options options = {.size = sizeof options, .plan = "pct:runs=100"};
  CHECK_STATUS(STRAND_ERR_INVALID, strand_explore(&options, leave_one_that_does_not_end, NULL, NULL));
  CHECK_LAST_ERROR_SAYS("does not end when it is cancelled");
}
static void a_strand_that_never_ends_is_an_answer_and_no_hang(void) {
  child result;
  run_child(&result, one_that_does_not_end_is_told_in_a_child);
  CHECK_CHILD_EXITED(&result, 0);
}

static void *pass_one_on(void *unused) {
  uint64_t value = 0;
  (void)unused;
  CHECK_OK(strand_chan_recv(left_hand, &value, STRAND_FOREVER));
  CHECK_OK(strand_chan_send(right_hand, &value, STRAND_FOREVER));
  return NULL;
}
static void after_failures_the_runtime_goes_on_as_before(void) {
  strand_entry one = deposit;
  start_stepped();
  left_hand = new_channel(8, 0);
  right_hand = new_channel(8, 0);
  for (int turn = 0; turn < 20; turn += 1) {
    uint64_t value = 7;
    fails("pct", NULL, deposits, &one);
    fails("random", NULL, wait_for_each_other, NULL);
    fails("random:max_steps=50,runs=1", NULL, spin_for_ever, NULL);
    CHECK_EQUAL(read_statistics().spawned, read_statistics().finished);
    spawn(pass_one_on, NULL);
    CHECK_OK(strand_chan_send(left_hand, &value, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(right_hand, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, 7);
    CHECK_OK(strand_scheduler_run());
  }
  stop_runtime();
}

static void many_searches_leave_nothing_behind(void) {
  strand_entry one = deposit;
  start_stepped();
  for (int turn = 0; turn < 50; turn += 1) fails("pct", NULL, deposits, &one);
  const int64_t maps = count_maps(), memory = resident_kilobytes(), files = count_open_files();
  for (int turn = 0; turn < scaled(500); turn += 1) fails("pct", NULL, deposits, &one);
  CHECK_NUMBERS(count_maps(), <=, maps + 4);
  CHECK_EQUAL(count_open_files(), files);
  if (strcmp(STRAND_TEST_INSTRUMENT, "none") == 0) CHECK_NUMBERS(resident_kilobytes(), <, memory + 4096);
  stop_runtime();
}

/* --------------------------------------------------------------------------------------------------- bad input */

static strand_entry correct = deposit_at_once;
static strand_status explore_text(const char *plan, const char *replay) {
  strand_explore_options options = {.size = sizeof options, .plan = plan, .replay = replay};
  return strand_explore(&options, deposits, &correct, NULL);
}

static void a_plan_that_is_not_understood_is_named_with_what_could_stand_there(void) {
  static const char *const wrong[][3] = {
      {"", "\"\"", "random, pct or exhaustive"},
      {"fast", "\"fast\"", "random, pct or exhaustive"},
      {"Random", "\"Random\"", "random, pct or exhaustive"},
      {"pct;depth=3", "pct;depth=3", "random, pct or exhaustive"},
      {"pct:depth", "\"depth\"", "runs="},
      {"pct:deep=3", "deep=3", "depth="},
      {"random:depth=3", "depth=3", "depth= (pct)"},
      {"random:preemptions=1", "preemptions=1", "preemptions= and reduce=objects (exhaustive)"},
      {"exhaustive:seed=1", "seed=1", "seed="},
      {"pct:depth=0", "depth=0", "a whole number"},
      {"pct:depth=65", "depth=65", "a whole number"},
      {"pct:depth=-1", "depth=-1", "a whole number"},
      {"pct:depth=two", "depth=two", "a whole number"},
      {"pct:depth=", "depth=", "a whole number"},
      {"pct:steps=0", "steps=0", "a whole number"},
      {"pct:runs=0", "runs=0", "a whole number"},
      {"random:runs=1e3", "runs=1e3", "a whole number"},
      {"random:runs=18446744073709551616", "runs=18446744073709551616", "a whole number"},
      {"random:seed=x", "seed=x", "a whole number"},
      {"random:max_steps=0", "max_steps=0", "a whole number"},
      {"random:jobs=0", "jobs=0", "a whole number"},
      {"random:jobs=257", "jobs=257", "a whole number"},
      {"random:output=drop", "output=drop", "output=keep"},
      {"exhaustive:preemptions=1001", "preemptions=1001", "a whole number"},
      {"random:inject=fire", "inject=fire", "cancel"},
  };
  start_stepped();
  for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at += 1) {
    CHECK_STATUS(STRAND_ERR_INVALID, explore_text(wrong[at][0], NULL));
    CHECK_LAST_ERROR_SAYS("strand_explore");
    CHECK_LAST_ERROR_SAYS(wrong[at][1]);
    CHECK_LAST_ERROR_SAYS(wrong[at][2]);
  }
  CHECK_STATUS(STRAND_ERR_INVALID, explore_text("random:\xff\xfe", NULL));
  CHECK_OK(explore_text("random:runs=1", NULL)); /* control */
  stop_runtime();
}

static void a_damaged_token_is_refused_wherever_it_is_damaged(void) {
  strand_entry one = deposit;
  start_stepped();
  strand_explore_result found = fails("random", NULL, deposits, &one);
  const size_t length = strlen(found.token);
  for (size_t at = 0; at < length; at += 1) {
    const char was = found.token[at];
    found.token[at] = was == 'z' ? '0' : 'z';
    CHECK_STATUS(STRAND_ERR_INVALID, explore_text(NULL, found.token));
    CHECK_LAST_ERROR_SAYS("token");
    found.token[at] = '\0'; /* cut short */
    CHECK_STATUS(STRAND_ERR_INVALID, explore_text(NULL, found.token));
    found.token[at] = was;
  }
  CHECK_STATUS(STRAND_ERR_INVALID, explore_text(NULL, "/tmp/no/token"));
  CHECK_OK(explore_text(NULL, found.token)); /* control: whole, and the program is mended */
  stop_runtime();
}

static int first_to_run;
static void *come_first(void *number) {
  if (first_to_run < 0) first_to_run = *(int *)number;
  return NULL;
}
static void *seven(void *numbers) {
  strand_id all[7];
  first_to_run = -1;
  for (int number = 0; number < 7; number += 1) all[number] = spawn(come_first, (int *)numbers + number);
  for (int number = 0; number < 7; number += 1) CHECK_OK(strand_join(all[number], STRAND_FOREVER));
  strand_assert(first_to_run != 6, "the last one is not the first");
  return NULL;
}
static void the_token_of_another_program_is_told_from_one_that_does_not_fail(void) {
  int numbers[] = {0, 1, 2, 3, 4, 5, 6};
  strand_entry one = deposit_at_once;
  start_stepped();
  const strand_explore_result found = fails("exhaustive", NULL, seven, numbers);
  explore_with(NULL, found.token, NULL, seven, numbers, STRAND_ERR_FAILED); /* control */
  CHECK_SAYS(report, "the last one is not the first");
  explore_with(NULL, found.token, NULL, deposits, &one, STRAND_ERR_FAILED);
  CHECK_SAYS(report, "not one of this program");
  stop_runtime();
}

static void sizes_and_null_pointers_are_looked_at(void) {
  strand_explore_options options = {.size = sizeof options, .plan = "random:runs=2"};
  strand_explore_result result = {.size = sizeof result};
  struct {
    strand_explore_result known;
    uint64_t more;
  } larger;
  start_stepped();
  CHECK_STATUS(STRAND_ERR_INVALID, strand_explore(&options, NULL, NULL, NULL));
  CHECK_LAST_ERROR_SAYS("body");
  static const uint32_t wrong[] = {0, 1, 4, 12, 5000, 0x80000000u, 0xffffffffu};
  for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at += 1) {
    options.size = wrong[at];
    CHECK_STATUS(STRAND_ERR_INVALID, strand_explore(&options, deposits, &correct, NULL));
    CHECK_LAST_ERROR_SAYS("strand_explore_options");
    options.size = sizeof options;
    result.size = wrong[at];
    result.runs = 4711;
    const uint64_t spawned = read_statistics().spawned;
    CHECK_STATUS(STRAND_ERR_INVALID, strand_explore(&options, deposits, &correct, &result));
    CHECK_LAST_ERROR_SAYS("strand_explore_result");
    CHECK_EQUAL(result.runs, 4711);
    CHECK_EQUAL(read_statistics().spawned, spawned); /* it is refused before anything runs */
  }
  /* An older program's structs are smaller, a newer one's larger. */
  options.size = 16;
  result.size = 16;
  result.runs = 0, result.decisions = 4711;
  CHECK_OK(strand_explore(&options, deposits, &correct, &result));
  CHECK_EQUAL(result.runs, 2);
  CHECK_EQUAL(result.decisions, 4711);
  memset(&larger, 0x11, sizeof larger);
  larger.known.size = sizeof larger;
  options.size = sizeof options;
  CHECK_OK(strand_explore(&options, deposits, &correct, &larger.known));
  CHECK_EQUAL(larger.known.runs, 2);
  CHECK_EQUAL(larger.more, 0);
  stop_runtime();
}

static strand_status on_strand;
static void *explore_on_a_strand(void *unused) {
  (void)unused;
  on_strand = strand_explore(NULL, deposits, &correct, NULL);
  return NULL;
}
static strand_status nested;
static void explore_in_reset(void *unused) {
  (void)unused;
  nested = strand_explore(NULL, reach_goal, NULL, NULL);
}
static strand_id kept_alive;
static void places_from_which_it_cannot_be_called(void) {
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_explore(NULL, deposits, &correct, NULL));
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_explore(NULL, deposits, &correct, NULL));
  CHECK_LAST_ERROR_SAYS("STRAND_ENGINE_STEPPED");
  stop_runtime();
  start_stepped();
  on_strand = STRAND_OK;
  spawn(explore_on_a_strand, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_INVALID, on_strand);
  nested = STRAND_OK;
  passes("random:runs=1", explore_in_reset, reach_goal, NULL);
  CHECK(nested == STRAND_ERR_BUSY || nested == STRAND_ERR_WOULD_SWITCH);
  kept_alive = spawn(reach_goal, NULL);
  CHECK_STATUS(STRAND_ERR_BUSY, strand_explore(NULL, deposits, &correct, NULL));
  CHECK_LAST_ERROR_SAYS("alive");
  CHECK_OK(strand_scheduler_run());
  kept_alive = spawn_flagged(STRAND_SPAWN_DORMANT, reach_goal, NULL);
  CHECK_STATUS(STRAND_ERR_BUSY, strand_explore(NULL, deposits, &correct, NULL));
  goal = 0;
  CHECK_OK(strand_start(kept_alive));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(goal, 1);
  CHECK_OK(strand_explore(NULL, deposits, &correct, NULL));
  stop_runtime();
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_explore(NULL, deposits, &correct, NULL));
}

int main(void) {
  CLAIM(an_assertion_off_strand_is_a_status);
  CLAIM(a_strand_that_never_ends_is_an_answer_and_no_hang);
  CLAIM(every_plan_finds_a_lost_update);
  CLAIM(control_no_plan_finds_anything_in_a_correct_program);
  CLAIM(without_options_and_result_it_is_10000_of_pct);
  CLAIM(a_token_brings_the_failure_back_in_one_run);
  CLAIM(a_token_passes_once_the_program_is_mended);
  CLAIM(pct_finds_what_100000_random_schedules_miss);
  CLAIM(a_first_schedule_that_is_short_does_not_blind_pct);
  CLAIM(the_same_plan_finds_the_same_schedule_and_prints_the_same_token);
  CLAIM(pct_finds_a_depth_2_bug_as_often_as_it_promises);
  CLAIM(exhaustive_runs_every_interleaving_of_strands_that_yield_exactly_once);
  CLAIM(exhaustive_with_a_bound_runs_exactly_those_with_so_few_preemptions);
  CLAIM(a_bug_is_found_with_as_many_preemptions_as_it_needs_and_not_with_fewer);
  CLAIM(a_reduced_search_sees_every_outcome_in_fewer_schedules);
  CLAIM(strands_that_share_nothing_need_few_schedules);
  CLAIM(control_what_is_left_out_depends_on_what_is_shared);
  CLAIM(a_fault_of_any_strand_fails_a_schedule);
  CLAIM(a_deadlock_fails_a_schedule_and_says_who_waits_on_what);
  CLAIM(a_schedule_that_does_not_end_fails_by_its_number_of_steps);
  CLAIM(injected_faults_find_who_did_not_expect_them_and_come_back_by_token);
  CLAIM(a_false_assertion_without_exploring_ends_its_strand_alone);
  CLAIM(reset_runs_before_every_schedule);
  CLAIM(every_schedule_begins_at_one_second_and_sleeps_cost_no_time);
  CLAIM(uncounted_and_dormant_strands_end_with_their_schedule);
  CLAIM(after_failures_the_runtime_goes_on_as_before);
  CLAIM(many_searches_leave_nothing_behind);
  CLAIM(a_plan_that_is_not_understood_is_named_with_what_could_stand_there);
  CLAIM(a_damaged_token_is_refused_wherever_it_is_damaged);
  CLAIM(the_token_of_another_program_is_told_from_one_that_does_not_fail);
  CLAIM(sizes_and_null_pointers_are_looked_at);
  CLAIM(places_from_which_it_cannot_be_called);
  return 0;
}
