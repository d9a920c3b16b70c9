/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared opt=O2 instruments=none */
/* test: engines=none engines-why="it chooses engine and policy itself" */
/*
 * Every allocation that priorities, lanes, tokens and snapshots make is refused in turn: the call says so, nothing has
 * changed, and the same call works right afterwards. The functions that fail stand in front of those of the C library.
 */
#include "harness.h"

/* Of the thread that makes the calls: what the workers need meanwhile is no concern of theirs. */
static __thread uint64_t refuse_at; /* 0: nothing is refused */
static __thread uint64_t asked;
static __thread uint64_t refused;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static int is_refused(void) {
  if (refuse_at == 0) return 0;
  asked += 1;
  refused += asked == refuse_at;
  return asked == refuse_at;
}

void *malloc(size_t size) { return is_refused() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return is_refused() ? NULL : __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return is_refused() ? NULL : __libc_realloc(block, size); }

static void *park_for_ever(void *arg) {
  strand_park_token token = 0;
  (void)arg;
  CHECK_OK(strand_park_begin(&token));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_park(token, STRAND_FOREVER, NULL));
  return NULL;
}

/* One call, with one allocation refused while it is made; it is repeated where that was noticed. */
static uint64_t noticed;
#define DARE(call)                                               \
  do {                                                           \
    asked = 0;                                                   \
    refuse_at = number;                                          \
    const strand_status dared = (call);                          \
    refuse_at = 0;                                               \
    if (dared != STRAND_OK) {                                    \
      CHECK_STATUS(STRAND_ERR_NO_MEMORY, dared);                 \
      CHECK_NUMBERS(asked, >=, number);                          \
      noticed += 1;                                              \
      CHECK_OK(call);                                            \
    }                                                            \
  } while (0)

enum { STRANDS = 40 };

static void say_everything(uint32_t engine, uint32_t policy, uint64_t number) {
  strand_config config = default_config(1);
  strand_lane_options lane;
  strand_spawn_options options = default_spawn("placed");
  strand_id ids[STRANDS + 1];
  uint32_t lanes = 0;
  config.engine = engine;
  config.policy = policy;
  CHECK_OK(strand_scheduler_init(&config));
  memset(&lane, 0, sizeof lane);
  lane.size = (uint32_t)sizeof lane;
  lane.name = "lane";
  lane.name_length = 4;
  for (size_t strand = 0; strand < STRANDS; strand += 1) ids[strand] = spawn(park_for_ever, NULL);
  for (uint32_t expected = 1; expected <= 70; expected += 1) { /* 70: more than a word of lanes */
    DARE(strand_lane_new(&lane, &lanes));
    CHECK_EQUAL(lanes, expected);
  }
  DARE(strand_set_priority(ids[3], 7));
  DARE(strand_set_lane(ids[STRANDS - 1], 70, 1));
  DARE(strand_tokens_grant(ids[20], 5));
  DARE(strand_tokens_move(ids[20], ids[21], 2));
  options.lane = 9;
  options.priority = -2;
  DARE(strand_spawn_with(&options, park_for_ever, NULL, &ids[STRANDS]));
  int32_t priority = 0;
  uint32_t tokens = 0;
  size_t moves = 0;
  CHECK_OK(strand_priority(ids[3], &priority));
  CHECK_EQUAL(priority, 7);
  CHECK_OK(strand_priority(ids[STRANDS], &priority));
  CHECK_EQUAL(priority, -2);
  CHECK_OK(strand_lane(ids[STRANDS - 1], &lanes));
  CHECK_EQUAL(lanes, 70);
  CHECK_OK(strand_tokens(ids[20], &tokens));
  CHECK_EQUAL(tokens, 3);
  CHECK_OK(strand_tokens(ids[21], &tokens));
  CHECK_EQUAL(tokens, 2);
  CHECK_OK(strand_handoffs_read(NULL, 0, &moves, NULL));
  CHECK_EQUAL(moves, 1);
  asked = 0;
  refuse_at = UINT64_MAX; /* counts only */
  CHECK_NUMBERS(strand_snapshot(NULL, 0), >, 1000);
  refuse_at = 0;
  CHECK_EQUAL(asked, 0); /* a snapshot needs no memory */
  stop_runtime();
}

static void every_allocation_may_be_refused(uint32_t engine, uint32_t policy) {
  noticed = 0;
  for (uint64_t number = 1; number < 100; number += 1) {
    const uint64_t before = refused;
    say_everything(engine, policy, number);
    if (refused == before) { /* no call makes so many */
      printf("engine %u, policy %u: up to %" PRIu64 " allocations in a call, %" PRIu64 " refusals noticed\n", (unsigned)engine,
             (unsigned)policy, number - 1, noticed);
      CHECK_NUMBERS(noticed, >=, 3);
      return;
    }
  }
  fail_now(__FILE__, __LINE__, "it never ends");
}

static void on_the_stepped_engine_every_allocation_may_be_refused(void) {
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
    every_allocation_may_be_refused(STRAND_ENGINE_STEPPED, policy);
  }
}

static void on_the_parallel_engine_every_allocation_may_be_refused(void) {
  every_allocation_may_be_refused(STRAND_ENGINE_PARALLEL, STRAND_POLICY_COOPERATIVE);
}

int main(void) {
  CLAIM(on_the_stepped_engine_every_allocation_may_be_refused);
  CLAIM(on_the_parallel_engine_every_allocation_may_be_refused);
  return 0;
}
