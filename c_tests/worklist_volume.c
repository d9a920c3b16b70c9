/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=180 opt=O2 */
/*
 * Many items through small queues: a tree of 2^21, ten million through 2^14, and 10^8 requeues (10^9 with
 * LIBSTRAND_TEST_SOAK in the environment). Each id is counted: none is lost, none is run twice.
 */
#include "worklist.h"

static uint8_t *visited;

static void check_each_once(uint64_t count, const char *what) {
  uint64_t lost = 0, doubled = 0;
  for (uint64_t i = 0; i < count; i += 1) {
    lost += visited[i] == 0;
    doubled += visited[i] > 1;
  }
  if (lost + doubled > 0) {
    fprintf(stderr, "%s: of %" PRIu64 " items %" PRIu64 " were lost and %" PRIu64 " doubled\n", what, count, lost,
            doubled);
  }
  CHECK_EQUAL(lost + doubled, 0);
}

/* Node n of a binary tree has the children 2n and 2n + 1. */
static uint32_t nodes;
static void grow(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    __atomic_fetch_add(&visited[items[i]], 1, __ATOMIC_RELAXED);
    for (uint32_t child = 2 * items[i]; child < 2 * items[i] + 2 && child < nodes; child += 1) {
      strand_work_push(work, i, &child, STRAND_BAND_SAME);
    }
  }
}
static void a_tree_of_two_million_through_a_queue_of_16384(void) {
  nodes = (uint32_t)scaled(1 << 21);
  visited = calloc(nodes, 1);
  for (uint32_t order = 0; order < 2; order += 1) {
    for (uint32_t workers = 1; workers <= 2; workers += 1) {
      strand_program_options made = native(grow, STRAND_FIELD_PARAM);
      strand_worklist_options options = worklist_options();
      const uint32_t root = 1;
      made.fan_out_max = 2;
      options.capacity = 1 << 14;
      options.order = order;
      memset(visited, 0, nodes);
      visited[0] = 1;
      const strand_worklist list = new_worklist(&made, &options);
      push_items(list, &root, 1);
      CHECK_OK(run_worklist(list, workers));
      check_each_once(nodes, order == STRAND_WORKLIST_FIFO ? "FIFO" : "LIFO");
      const strand_worklist_statistics s = worklist_statistics(list);
      CHECK_EQUAL(s.visits, nodes - 1);
      CHECK_EQUAL(s.spilled, s.refilled);
      if (order == STRAND_WORKLIST_FIFO && nodes > 1 << 17) {
        CHECK_NUMBERS(s.spilled, >, 0);
      }
      check_conserved(list);
      CHECK_OK(strand_worklist_release(list));
    }
  }
  free(visited);
}

/* An item is a stretch of ids: it splits, and one of a single id counts it. */
static void split(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    const uint32_t first = items[2 * i], length = items[2 * i + 1];
    if (length == 1) {
      __atomic_fetch_add(&visited[first], 1, __ATOMIC_RELAXED);
      continue;
    }
    for (uint32_t part = 0; part < 32; part += 1) {
      const uint32_t from = (uint32_t)((uint64_t)length * part / 32), to = (uint32_t)((uint64_t)length * (part + 1) / 32);
      const uint32_t child[2] = {first + from, to - from};
      if (to > from) {
        strand_work_push(work, i, child, STRAND_BAND_SAME);
      }
    }
  }
}
static void ten_million_items_through_a_queue_of_16384(void) {
  const uint32_t leaves = (uint32_t)scaled(10000000);
  visited = malloc(leaves);
  for (uint32_t order = 0; order < 2; order += 1) {
    strand_program_options made = native(split, PAIR);
    strand_worklist_options options = worklist_options();
    const uint32_t root[2] = {0, leaves};
    made.fan_out_max = 32;
    options.capacity = 1 << 14;
    options.order = order;
    memset(visited, 0, leaves);
    const strand_worklist list = new_worklist(&made, &options);
    push_items(list, root, 1);
    CHECK_OK(run_worklist(list, 2));
    check_each_once(leaves, order == STRAND_WORKLIST_FIFO ? "FIFO" : "LIFO");
    const strand_worklist_statistics s = worklist_statistics(list);
    CHECK_EQUAL(s.finished, s.children + 1);
    CHECK_EQUAL(s.spilled, s.refilled);
    /* How deep a LIFO becomes is a matter of its batches, which are small on a slow machine. */
    CHECK(s.spilled > 0 || order == STRAND_WORKLIST_LIFO);
    check_conserved(list);
    CHECK_OK(strand_worklist_release(list));
  }
  free(visited);
}

/* One thread pushes ten million through a queue that holds 2^14, while a run works on them. */
static void count_it(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    __atomic_fetch_add(&visited[items[i]], 1, __ATOMIC_RELAXED);
  }
}
static void ten_million_pushes_through_a_queue_of_16384(void) {
  const uint32_t total = (uint32_t)scaled(10000000);
  const strand_program_options made = native(count_it, STRAND_FIELD_PARAM);
  strand_worklist_options options = worklist_options();
  static uint32_t items[4096];
  options.host_items_max = 1 << 14;
  visited = calloc(total, 1);
  const strand_worklist list = new_worklist(&made, &options);
  const strand_run_options run = {.size = sizeof run, .flags = STRAND_RUN_UNTIL_CLOSED, .workers = 2};
  const strand_ticket ticket = dispatch(list, &run);
  for (uint32_t next = 0; next < total;) {
    uint32_t count = 0;
    for (; count < 4096 && next < total; count += 1) {
      items[count] = next++;
    }
    push_items(list, items, count);
    CHECK_NUMBERS(worklist_statistics(list).queued, <=, 1 << 14);
  }
  CHECK_OK(strand_worklist_close(list));
  CHECK_OK(await_and_release(ticket));
  check_each_once(total, "pushes");
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
  free(visited);
}

/* Pairs (id, left): the visits that each makes are counted by what it has left. */
static void count_down(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    if (items[2 * i + 1] > 0) {
      strand_work_requeue(work, i, items[2 * i + 1] - 1, 0, STRAND_BAND_SAME);
    } else {
      __atomic_fetch_add(&visited[items[2 * i]], 1, __ATOMIC_RELAXED);
    }
  }
}
static void of_many_requeues_none_is_lost(void) {
  enum { ITEMS = 1 << 16 };
  static uint32_t items[2 * ITEMS];
  const uint64_t wanted = (uint64_t)scaled(getenv("LIBSTRAND_TEST_SOAK") != NULL ? 1000000000 : 100000000);
  visited = calloc(ITEMS, 1);
  for (uint32_t mode = STRAND_WORKLIST_AUTO; mode <= STRAND_WORKLIST_NON_BLOCKING; mode += 1) {
    const strand_program_options made = native(count_down, PAIR);
    strand_worklist_options options = worklist_options();
    options.mode = mode;
    options.capacity = 1 << 14;
    uint64_t requeues = 0;
    memset(visited, 0, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i += 1) {
      items[2 * i] = i;
      items[2 * i + 1] = (uint32_t)(wanted / 3 / ITEMS) + i % 2;
      requeues += items[2 * i + 1];
    }
    const strand_worklist list = new_worklist(&made, &options);
    push_items(list, items, ITEMS);
    CHECK_OK(run_worklist(list, 2));
    check_each_once(ITEMS, "requeues");
    const strand_worklist_statistics s = worklist_statistics(list);
    CHECK_EQUAL(s.requeued, requeues);
    CHECK_EQUAL(s.visits, requeues + ITEMS);
    check_conserved(list);
    strand_evidence evidence = {.size = sizeof evidence};
    CHECK_OK(strand_worklist_evidence(list, &evidence));
    CHECK_EQUAL(evidence.complete, 1);
    CHECK_EQUAL(evidence.visits, s.visits);
    CHECK_EQUAL(evidence.requeued, requeues);
    CHECK_EQUAL(evidence.depth, s.depth_peak);
    CHECK(is_stepped() || evidence.blocking_ns + evidence.nonblocking_ns > 0);
    CHECK(mode != STRAND_WORKLIST_BLOCKING || evidence.nonblocking_ns == 0);
    CHECK(mode != STRAND_WORKLIST_NON_BLOCKING || evidence.blocking_ns == 0);
    CHECK_OK(strand_worklist_release(list));
  }
  free(visited);
}

/* The comparison can fail: a queue of this file's own that drops, and one that doubles, one item in a million. */
static void a_lost_and_a_doubled_item_would_be_seen(void) {
  for (int defect = 0; defect < 2; defect += 1) {
    uint64_t wrong = 0;
    visited = calloc(1 << 20, 1);
    for (uint32_t i = 0; i < 1 << 20; i += 1) {
      visited[i] += i == 777777 ? (defect ? 2 : 0) : 1;
    }
    for (uint32_t i = 0; i < 1 << 20; i += 1) {
      wrong += visited[i] != 1;
    }
    CHECK_EQUAL(wrong, 1);
    free(visited);
  }
}

int main(void) {
  start_runtime(2);
  open_processor();
  CLAIM(a_lost_and_a_doubled_item_would_be_seen);
  CLAIM(a_tree_of_two_million_through_a_queue_of_16384);
  CLAIM(ten_million_items_through_a_queue_of_16384);
  CLAIM(ten_million_pushes_through_a_queue_of_16384);
  CLAIM(of_many_requeues_none_is_lost);
  stop_runtime();
  return 0;
}
