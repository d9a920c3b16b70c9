/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O2 compilers=cc instruments=none */
/* test: engines=none engines-why="it chooses engine and policy itself" */
/* A million steps under each policy: not one more stack, map or block of memory than the first hundred thousand needed. */
#include "harness.h"

#include <malloc.h>

enum { WARM_UP = 200000, STEPS = 1000000, LANES = 3 };

static strand_chan narrow;
static strand_chan wide;
static int seeded_defect; /* for the control: a few bytes of each strand are lost */

static void *volatile lost;

/* At the end of the test everything is cancelled. */
static void check_ok_or_cancelled(strand_status status) { CHECK(status == STRAND_OK || status == STRAND_ERR_CANCELLED); }

/* One strand of many kinds of steps: it yields, waits, sleeps, changes its place, and now and then another is born. */
static void *be_everything(void *arg) {
  uint64_t state = (uint64_t)(uintptr_t)arg;
  for (int turn = 0; turn < 20; turn += 1) {
    uint64_t value = state;
    switch (next_random(&state) >> 40 & 7) {
      case 0: check_ok_or_cancelled(strand_yield()); break;
      case 1: check_ok_or_cancelled(strand_checkpoint()); break;
      case 2: check_ok_or_cancelled(strand_sleep((int64_t)(1 + state % 3))); break;
      case 3: check_ok_or_cancelled(strand_set_priority(strand_self(), (int32_t)(state >> 50 & 3))); break;
      case 4: check_ok_or_cancelled(strand_set_lane(strand_self(), (uint32_t)(state >> 50) % (LANES + 1), 1)); break;
      case 5: check_ok_or_cancelled(strand_tokens_grant(strand_self(), 2)); break;
      case 6: (void)strand_chan_send(wide, &value, strand_after(2)); break;
      default: (void)strand_chan_recv(wide, &value, strand_after(2)); break;
    }
  }
  if (seeded_defect) {
    lost = malloc(40);
  }
  return NULL;
}

static void *hand_over(void *arg) {
  uint64_t value = 0;
  (void)arg;
  while (strand_chan_recv(narrow, &value, STRAND_FOREVER) == STRAND_OK) {
    value += 1;
  }
  return NULL;
}

/* Keeps 40 strands alive and a receiver busy, for ever. */
static void *keep_them_coming(void *arg) {
  strand_id latest[40];
  uint64_t seed = 1 + (uint64_t)(uintptr_t)arg;
  for (;;) {
    for (int strand = 0; strand < 40; strand += 1) {
      strand_spawn_options options = default_spawn("everything");
      options.lane = (uint32_t)strand % (LANES + 1);
      if (strand_spawn_with(&options, be_everything, (void *)(uintptr_t)(next_random(&seed) | 1), &latest[strand]) != STRAND_OK ||
          strand_chan_send(narrow, &seed, STRAND_FOREVER) != STRAND_OK) {
        return NULL;
      }
    }
    for (int strand = 0; strand < 40; strand += 1) {
      if (strand_join(latest[strand], STRAND_FOREVER) != STRAND_OK) {
        return NULL;
      }
    }
  }
}

typedef struct size {
  uint64_t blocks; /* bytes that malloc has handed out */
  int64_t maps;
  uint64_t stacks;
} size;

static size measure(void) {
  size now;
  now.blocks = mallinfo2().uordblks + mallinfo2().hblkhd;
  now.maps = count_maps();
  now.stacks = read_statistics().stacks_mapped;
  return now;
}

static uint64_t make_steps(uint64_t most) {
  strand_step_result result;
  memset(&result, 0, sizeof result);
  result.size = (uint32_t)sizeof result;
  CHECK_OK(strand_scheduler_step(most, &result));
  CHECK_EQUAL(result.outcome, STRAND_STEP_CONTINUE);
  CHECK_EQUAL(result.steps, most);
  return result.total_steps;
}

static void step_a_million_times(uint32_t policy) {
  strand_config config;
  size warm;
  size end;
  memset(&config, 0, sizeof config);
  config.size = (uint32_t)sizeof config;
  config.engine = STRAND_ENGINE_STEPPED;
  config.policy = policy;
  config.seed = 11;
  CHECK_OK(strand_scheduler_init(&config));
  for (uint32_t lane = 1; lane <= LANES; lane += 1) {
    uint32_t number = 0;
    CHECK_OK(strand_lane_new(NULL, &number));
    CHECK_EQUAL(number, lane);
  }
  narrow = new_channel(sizeof(uint64_t), 1);
  wide = new_channel(sizeof(uint64_t), 8);
  spawn(hand_over, NULL);
  spawn(keep_them_coming, NULL);
  make_steps(WARM_UP);
  warm = measure();
  CHECK_EQUAL(make_steps(STEPS), WARM_UP + STEPS);
  end = measure();
  printf("policy %u: %" PRIu64 " strands; %" PRIu64 " bytes of malloc, %" PRId64 " maps, %" PRIu64
         " stacks (before: %" PRIu64 ", %" PRId64 ", %" PRIu64 ")\n",
         policy, read_statistics().spawned, end.blocks, end.maps, end.stacks, warm.blocks, warm.maps, warm.stacks);
  /* Up to 40 strands with a name more are alive at one of the two moments. */
  CHECK_NUMBERS(end.blocks, <=, warm.blocks + 40 * 256);
  CHECK_NUMBERS(end.maps, <=, warm.maps);
  CHECK_NUMBERS(end.stacks, <=, warm.stacks + 16);
  CHECK_NUMBERS(read_statistics().live, <=, 50);
  CHECK_OK(strand_chan_close(narrow));
  stop_runtime();
}

static void a_million_steps_need_no_more_than_the_first(void) {
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
    step_a_million_times(policy);
  }
}

/* Negative control: forty bytes lost with each strand do not pass. */
static void lose_a_little(void) {
  seeded_defect = 1;
  step_a_million_times(STRAND_POLICY_COOPERATIVE);
}
static void a_few_lost_bytes_are_noticed(void) {
  child result;
  run_child(&result, lose_a_little);
  CHECK_CHILD_FAILED(&result);
  CHECK_SAYS(result.text, "end.blocks");
}

int main(void) {
  CLAIM(a_few_lost_bytes_are_noticed); /* the child first: before any init here */
  CLAIM(a_million_steps_need_no_more_than_the_first);
  return 0;
}
