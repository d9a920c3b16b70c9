/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O2 instruments=none */
/* Very many generators, and what they rest on: no memory is left behind, none needs a stack before it runs. */
#include "harness.h"

static strand_status count_on(void *arg, uint64_t first, uint64_t *last) {
  uint64_t next = first;
  (void)arg;
  *last = next;
  while (strand_generator_yield(next, NULL) == STRAND_OK) {
    next += 1;
  }
  return STRAND_ERR_CANCELLED;
}

enum { MANY = 1000000, WARM_UP = 20000, ALIVE = 100000 };

static strand_generator make(void) {
  strand_generator made;
  CHECK_OK(strand_generator_new(NULL, count_on, NULL, &made));
  return made;
}

/* Makes generators, resumes each twice and drops it unfinished. */
static void *churn(void *arg) {
  const int count = (int)(intptr_t)arg;
  for (int index = 0; index < count; index += 1) {
    const strand_generator generator = make();
    uint64_t value = 0;
    CHECK_OK(strand_generator_resume(generator, (uint64_t)index, &value, STRAND_FOREVER));
    CHECK_OK(strand_generator_resume(generator, 0, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, index + 1);
    CHECK_OK(strand_generator_release(generator));
  }
  return NULL;
}

static void a_million_that_are_dropped_unfinished_need_no_more_than_the_first(void) {
  const int count = shortened(MANY);
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    int64_t before;
    start_runtime(workers);
    CHECK_OK(strand_spawn(churn, (void *)(intptr_t)WARM_UP, NULL));
    CHECK_OK(strand_scheduler_run());
    before = resident_kilobytes();
    CHECK_OK(strand_spawn(churn, (void *)(intptr_t)count, NULL));
    CHECK_OK(strand_scheduler_run());
    printf("%" PRId64 " kB before, %" PRId64 " kB after %d generators\n", before, resident_kilobytes(), count);
    CHECK_NUMBERS(resident_kilobytes() - before, <, 4096);
    stop_runtime();
  }
}

static strand_generator alive[ALIVE];

static void *keep_many(void *arg) {
  const int64_t before = resident_kilobytes();
  int64_t each;
  (void)arg;
  for (int index = 0; index < ALIVE; index += 1) {
    alive[index] = make();
  }
  each = (resident_kilobytes() - before) * 1024 / ALIVE;
  printf("a dormant one takes %" PRId64 " bytes\n", each);
  CHECK_NUMBERS(each, <, 512);
  for (int index = 0; index < ALIVE; index += 1) {
    CHECK_OK(strand_generator_release(alive[index]));
  }
  return NULL;
}

static void a_dormant_one_takes_no_stack(void) {
  start_runtime(1);
  spawn(keep_many, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *keep_many_suspended(void *arg) {
  const int64_t before = resident_kilobytes();
  int64_t each;
  (void)arg;
  for (int index = 0; index < ALIVE / 10; index += 1) {
    alive[index] = make();
    CHECK_OK(strand_generator_resume(alive[index], 0, NULL, STRAND_FOREVER));
  }
  each = (resident_kilobytes() - before) * 1024 / (ALIVE / 10);
  printf("a suspended one takes %" PRId64 " bytes\n", each);
  CHECK_NUMBERS(each, >, 2048);
  for (int index = 0; index < ALIVE / 10; index += 1) {
    CHECK_OK(strand_generator_release(alive[index]));
  }
  return NULL;
}

static void control_one_that_was_resumed_shows_in_the_same_counter(void) {
  start_runtime(1);
  spawn(keep_many_suspended, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* A tree of a thousand levels: each level is a generator that resumes the one below. */
enum { LEVELS = 1000 };

static strand_status level(void *arg, uint64_t first, uint64_t *last) {
  const uintptr_t below = (uintptr_t)arg;
  strand_generator next = 0;
  uint64_t value = first;
  strand_status status = STRAND_OK;
  *last = 0;
  if (below > 0) {
    CHECK_OK(strand_generator_new(NULL, level, (void *)(below - 1), &next));
  }
  for (uint64_t turn = 0; turn < 3 && status == STRAND_OK; turn += 1) {
    if (next != 0) {
      CHECK_OK(strand_generator_resume(next, turn, &value, STRAND_FOREVER));
    } else {
      value = turn;
    }
    status = strand_generator_yield(value + 1, NULL);
  }
  if (next != 0) {
    CHECK_OK(strand_generator_release(next));
  }
  return status;
}

static void *walk_down(void *arg) {
  strand_generator top;
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_generator_new(NULL, level, (void *)(uintptr_t)(LEVELS - 1), &top));
  for (uint64_t turn = 0; turn < 3; turn += 1) {
    CHECK_OK(strand_generator_resume(top, turn, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, LEVELS + turn);
  }
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_generator_resume(top, 0, NULL, STRAND_FOREVER));
  CHECK_OK(strand_generator_release(top));
  return NULL;
}

static void a_thousand_levels_pass_a_value_up(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    start_runtime(workers);
    spawn(walk_down, NULL);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

/* -------------------------------------------------------------------------------------------------- controls */

static void *wait_for_a_value_that_nobody_sends(void *arg) {
  uint64_t value;
  strand_chan_recv((strand_chan)(uintptr_t)arg, &value, STRAND_FOREVER);
  return NULL;
}

static void control_a_strand_and_a_channel_in_its_place_would_hold_up_the_end(void) {
  start_runtime(1);
  spawn(wait_for_a_value_that_nobody_sends, (void *)(uintptr_t)new_channel(sizeof(uint64_t), 0));
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  stop_runtime();
}

static uint64_t may_return;

static strand_status stay(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  *last = 0;
  strand_generator_yield(first, NULL);
  while (count_read(&may_return) == 0) {
    strand_yield(); /* CANCELLED each time, and not looked at */
  }
  return STRAND_ERR_CANCELLED;
}

static void *resume_the_one_that_stays(void *arg) {
  strand_generator generator;
  strand_generator_options options;
  (void)arg;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.name = "stays";
  options.name_length = 5;
  CHECK_OK(strand_generator_new(&options, stay, NULL, &generator));
  CHECK_OK(strand_generator_resume(generator, 0, NULL, STRAND_FOREVER));
  return NULL;
}

static void control_one_that_does_not_return_is_not_unwound(void) {
  count_set(&may_return, 0);
  start_runtime(2);
  spawn(resume_the_one_that_stays, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(100))));
  CHECK_LAST_ERROR_SAYS("stays");
  count_up(&may_return);
  stop_runtime();
}

int main(void) {
  CLAIM(a_million_that_are_dropped_unfinished_need_no_more_than_the_first);
  CLAIM(a_dormant_one_takes_no_stack);
  CLAIM(control_one_that_was_resumed_shows_in_the_same_counter);
  CLAIM(a_thousand_levels_pass_a_value_up);
  CLAIM(control_a_strand_and_a_channel_in_its_place_would_hold_up_the_end);
  CLAIM_IF(is_parallel(), control_one_that_does_not_return_is_not_unwound, "nobody else drives while a shutdown waits");
  return 0;
}
