/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 schedules=yes modes=static opt=O2 */
/*
 * G13 and G14 over random trees of scopes. A judge looks at what
 * each strand was told: told nothing before something above it was cancelled, told again and again afterwards, but
 * under a shield; and no child begins or does anything once its scope was left.
 */
#include "harness.h"

enum { MOST = 64 };

typedef struct place {
  int parent;        /* -1 for the root */
  int fired;         /* this place or one above it was cancelled; written before the cancel */
  int left;          /* its scope was left */
  int running;       /* children that have begun and not ended */
  strand_scope scope;
} place;

static place places[MOST];
static uint64_t place_count, tree_random, budget;
static int broken; /* 1: the judge is told nothing of cancels: the control */

/* Strands of several workers draw from one number. */
static uint64_t draw(uint64_t below) {
  uint64_t x = __atomic_add_fetch(&tree_random, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_SEQ_CST);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (x ^ (x >> 31)) % below;
}

static int is_fired(int at) {
  for (; at >= 0; at = places[at].parent) {
    if (__atomic_load_n(&places[at].fired, __ATOMIC_SEQ_CST)) return 1;
  }
  return 0;
}

static void child_begins(int at) {
  CHECK(!__atomic_load_n(&places[at].left, __ATOMIC_SEQ_CST));
  __atomic_add_fetch(&places[at].running, 1, __ATOMIC_SEQ_CST);
}
static void child_ends(void *arg) {
  const int at = (int)(intptr_t)arg;
  CHECK(!__atomic_load_n(&places[at].left, __ATOMIC_SEQ_CST)); /* its exit functions have run before the scope is left */
  __atomic_sub_fetch(&places[at].running, 1, __ATOMIC_SEQ_CST);
}

/* Counts those that found a cancel that the judge knows nothing of. */
static uint64_t surprises;

static void one_suspension(int at, int *was_told, int shielded) {
  strand_status status;
  switch (draw(3)) {
    case 0: status = strand_yield(); break;
    case 1: status = strand_sleep((int64_t)draw(50)); break;
    default: status = strand_checkpoint(); break;
  }
  if (shielded) {
    CHECK_OK(status);
  } else if (status == STRAND_ERR_CANCELLED) {
    if (!is_fired(at)) count_up(&surprises);
    *was_told = 1;
  } else {
    CHECK_OK(status);
    CHECK(!*was_told); /* once told, told at each */
  }
}

static void *child_runs(void *arg);
static void *opener(void *arg);

static void cancel_somebody(void) {
  const int at = (int)draw(count_read(&place_count));
  const strand_scope scope = __atomic_load_n(&places[at].scope, __ATOMIC_SEQ_CST);
  strand_status status;
  if (scope == 0) return;
  if (!broken) __atomic_store_n(&places[at].fired, 1, __ATOMIC_SEQ_CST);
  status = strand_scope_cancel(scope, 3);
  CHECK(status == STRAND_OK || status == STRAND_ERR_STALE);
}

static void *child_runs(void *arg) {
  const int at = (int)(intptr_t)arg;
  int told = 0, shields = 0;
  CHECK_OK(strand_on_exit(child_ends, arg));
  child_begins(at);
  for (uint64_t round = 1 + draw(6); round > 0; round -= 1) {
    switch (draw(8)) {
      case 0:
        CHECK_OK(strand_shield_begin());
        shields += 1;
        break;
      case 1:
        if (shields > 0) {
          CHECK_OK(strand_shield_end());
          shields -= 1;
        }
        break;
      case 2: cancel_somebody(); break;
      default: one_suspension(at, &told, shields > 0); break;
    }
  }
  while (shields > 0) {
    CHECK_OK(strand_shield_end());
    shields -= 1;
  }
  if (told) CHECK_STATUS(STRAND_ERR_CANCELLED, strand_yield());
  return NULL;
}

/* A child that opens a scope of its own and spawns into it. */
static void *opener(void *arg) {
  const int above = (int)(intptr_t)arg;
  const uint64_t mine = count_up(&place_count) - 1;
  strand_scope_options options;
  strand_scope scope = 0;
  strand_status status;
  if (mine >= MOST) {
    __atomic_sub_fetch(&place_count, 1, __ATOMIC_SEQ_CST);
    return NULL;
  }
  if (above >= 0) {
    CHECK_OK(strand_on_exit(child_ends, arg));
    child_begins(above);
  }
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  places[mine].parent = above;
  CHECK_OK(strand_scope_open(&options, &scope));
  __atomic_store_n(&places[mine].scope, scope, __ATOMIC_SEQ_CST);
  for (uint64_t children = draw(5); children > 0; children -= 1) {
    strand_spawn_options spawn_options = default_spawn(NULL);
    const int opens = draw(3) == 0 && count_up(&budget) < MOST - 8;
    spawn_options.scope = scope;
    status = strand_spawn_with(&spawn_options, opens ? opener : child_runs, (void *)(intptr_t)mine, NULL);
    if (status == STRAND_ERR_CANCELLED) {
      if (!is_fired((int)mine)) count_up(&surprises);
    } else {
      CHECK_OK(status);
    }
    if (draw(3) == 0) (void)strand_yield();
  }
  if (draw(4) == 0) {
    if (!broken) __atomic_store_n(&places[mine].fired, 1, __ATOMIC_SEQ_CST);
    CHECK_OK(strand_scope_close(scope));
  } else {
    status = strand_scope_exit(scope);
    CHECK(status == STRAND_OK || status == STRAND_ERR_CANCELLED);
    if (status == STRAND_ERR_CANCELLED && !is_fired((int)mine)) count_up(&surprises);
  }
  CHECK_EQUAL(__atomic_load_n(&places[mine].running, __ATOMIC_SEQ_CST), 0);
  __atomic_store_n(&places[mine].left, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void run_trees(int count) {
  const uint64_t seed = test_seed();
  for (int round = 0; round < count; round += 1) {
    memset(places, 0, sizeof places);
    count_set(&place_count, 0);
    count_set(&budget, 0);
    tree_random = seed + (uint64_t)round * 7919 + 1;
    start_runtime(2);
    spawn(opener, (void *)(intptr_t)-1);
    CHECK_OK(strand_scheduler_run());
    for (uint64_t at = 0; at < count_read(&place_count); at += 1) CHECK(places[at].left);
    CHECK_EQUAL(strand_poll_word & 1, 0);
    stop_runtime();
  }
}

static void in_random_trees_nobody_outlives_a_scope_and_cancels_reach_those_below_and_no_others(void) {
  broken = 0;
  count_set(&surprises, 0);
  run_trees(shortened(scaled(200)));
  CHECK_EQUAL(count_read(&surprises), 0);
}

/* The control: the same trees, and the judge is told nothing of the cancels. */
static void control_a_judge_that_hears_of_no_cancel_is_surprised(void) {
  broken = 1;
  count_set(&surprises, 0);
  run_trees(200);
  CHECK_NUMBERS(count_read(&surprises), >, 0);
  broken = 0;
}

int main(void) {
  CLAIM(in_random_trees_nobody_outlives_a_scope_and_cancels_reach_those_below_and_no_others);
  CLAIM(control_a_judge_that_hears_of_no_cancel_is_surprised);
  return 0;
}
