/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 */
/*
 * Memory of a language belongs to the strand, never to the OS thread: two strands that take turns on one worker
 * keep their arenas intact. The same program with an arena in a thread-local is shown to fail, as it must.
 */
#include "harness.h"

enum { ARENA = 4096, TEXTS = 40, TEXT = 64 };

typedef struct arena {
  size_t used;
  char bytes[ARENA];
} arena;

static uint32_t arena_key;
static uint64_t arenas_freed;
static uint64_t damaged;

static _Thread_local arena of_the_thread;

static char *put(arena *where, const char *text) {
  char *place = where->bytes + where->used;
  CHECK(where->used + TEXT <= ARENA);
  snprintf(place, TEXT, "%s", text);
  where->used += TEXT;
  return place;
}

static void free_arena(void *value) {
  free(value);
  count_up(&arenas_freed);
}

static uint64_t here;
static uint64_t everybody;

/* Each strand puts its texts, one a turn, and reads all of them back at the end; then its arena is reset. */
static void work(arena *(*mine)(void), uint64_t number, int turns) {
  char *places[TEXTS];
  count_up(&here);
  while (count_read(&here) < everybody) {
    CHECK_OK(strand_yield());
  }
  for (int turn = 0; turn < turns; turn += 1) {
    char text[TEXT];
    snprintf(text, sizeof text, "strand %" PRIu64 " text %d", number, turn);
    places[turn] = put(mine(), text);
    CHECK_OK(strand_yield());
  }
  for (int turn = 0; turn < turns; turn += 1) {
    char text[TEXT];
    snprintf(text, sizeof text, "strand %" PRIu64 " text %d", number, turn);
    if (strcmp(places[turn], text) != 0) {
      count_up(&damaged);
    }
  }
  mine()->used = 0;
}

static arena *arena_of_this_strand(void) {
  arena *mine = strand_local_get(arena_key);
  if (mine == NULL) {
    mine = calloc(1, sizeof *mine);
    CHECK(mine != NULL);
    CHECK_OK(strand_local_set(arena_key, mine));
  }
  return mine;
}
static arena *arena_of_this_thread(void) { return &of_the_thread; }

static void *work_in_strand_memory(void *arg) {
  const uint64_t number = (uint64_t)(uintptr_t)arg;
  work(arena_of_this_strand, number, 5 + (int)(number % (TEXTS - 5)));
  return NULL;
}
static void *work_in_thread_memory(void *arg) {
  const uint64_t number = (uint64_t)(uintptr_t)arg;
  work(arena_of_this_thread, number, number == 1 ? 5 : 20);
  return NULL;
}

static void interleaved_strands_keep_their_arenas_intact(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&damaged, 0);
    count_set(&arenas_freed, 0);
    here = 0;
    everybody = 100;
    start_runtime(workers);
    CHECK_OK(strand_local_new(free_arena, 0, &arena_key));
    for (uintptr_t strand = 1; strand <= 100; strand += 1) {
      spawn(work_in_strand_memory, (void *)strand);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&damaged), 0);
    CHECK_EQUAL(count_read(&arenas_freed), 100);
    stop_runtime();
  }
}

/* The control: the short strand ends first and resets the arena under the long one, whose next texts land on its old. */
static void an_arena_of_the_thread_is_damaged_by_the_same_work(void) {
  count_set(&damaged, 0);
  here = 0;
  everybody = 2;
  start_runtime(1);
  spawn(work_in_thread_memory, (void *)(uintptr_t)1);
  spawn(work_in_thread_memory, (void *)(uintptr_t)2);
  CHECK_OK(strand_scheduler_run());
  CHECK_NUMBERS(count_read(&damaged), >, 0);
  stop_runtime();
}

/* What lies on a strand's own stack stays as it is, however often others run in between. */
static void *fill_and_check_my_stack(void *arg) {
  volatile unsigned char frame[16 * 1024];
  const unsigned char mine = (unsigned char)(uintptr_t)arg;
  memset((unsigned char *)(uintptr_t)frame, mine, sizeof frame);
  for (int turn = 0; turn < 20; turn += 1) {
    CHECK_OK(strand_yield());
    for (size_t byte = 0; byte < sizeof frame; byte += 1) {
      if (frame[byte] != mine) {
        count_up(&damaged);
      }
    }
  }
  return NULL;
}

static void stacks_do_not_touch_one_another(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&damaged, 0);
    start_runtime(workers);
    for (uintptr_t strand = 1; strand <= 100; strand += 1) {
      spawn(fill_and_check_my_stack, (void *)strand);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&damaged), 0);
    stop_runtime();
  }
}

int main(void) {
  CLAIM(interleaved_strands_keep_their_arenas_intact);
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, an_arena_of_the_thread_is_damaged_by_the_same_work,
           "needs strands that take turns on one thread, and under pct one goes on until it is demoted");
  CLAIM(stacks_do_not_touch_one_another);
  return 0;
}
