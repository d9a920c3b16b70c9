/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* A strand that says that it blocks its thread: others take its place, and it stays where it is. */
#include "harness.h"

#include <poll.h>

static uint64_t ready, released, ran, steps, ending;

static void forget(void) {
  count_set(&ready, 0);
  count_set(&released, 0);
  count_set(&ran, 0);
  count_set(&steps, 0);
  count_set(&ending, 0);
}

static void *block(void *arg) {
  const pthread_t here = pthread_self();
  CHECK_OK(strand_block_begin());
  count_up(&ready);
  while (count_read(&released) == 0) {
    poll(NULL, 0, 1);
  }
  CHECK_OK(strand_block_end());
  CHECK(pthread_equal(here, pthread_self())); /* also right behind it: nothing has switched */
  count_up(&ran);
  return arg;
}
static void *release_it(void *arg) {
  for (int turn = 0; turn < 100; turn += 1) {
    CHECK_OK(strand_yield());
  }
  count_up(&released);
  return arg;
}

/* As many block as there are workers: without somebody in their place nobody would ever release them. */
static void other_strands_go_on_although_all_workers_are_blocked(void) {
  static const uint64_t workers[] = {1, 2, 8};
  for (size_t at = 0; at < 3; at += 1) {
    const uint64_t there = workers_there((uint32_t)workers[at]);
    forget();
    start_runtime((uint32_t)workers[at]);
    for (uint64_t strand = 0; strand < there; strand += 1) {
      spawn(block, NULL);
    }
    await_count(&ready, there);
    spawn(release_it, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), there);
    stop_runtime();
  }
}

/* What waits behind the blocking strand on its own worker is taken over. */
static void *spawn_and_block(void *arg) {
  for (int strand = 0; strand < 20; strand += 1) {
    spawn(release_it, NULL);
  }
  return block(arg);
}
static void what_waits_behind_the_strand_is_taken_over(void) {
  forget();
  start_runtime(1);
  spawn(spawn_and_block, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&released), 20);
  stop_runtime();
}

/* Times that pass while every worker is blocked are seen by somebody in their place. */
static void *sleep_and_release(void *arg) {
  count_up(&ready);
  CHECK_OK(strand_sleep(MILLISECONDS(2)));
  count_up(&released);
  return arg;
}
static void *block_beside_a_sleeper(void *arg) {
  while (count_read(&ready) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_yield());
  CHECK_OK(strand_block_begin());
  const int64_t until = monotonic() + SECONDS(60);
  while (count_read(&released) == 0 && monotonic() < until) {
    poll(NULL, 0, 1);
  }
  count_add(&ran, count_read(&released));
  CHECK_OK(strand_block_end());
  return arg;
}
static void who_sleeps_beside_a_blocked_strand_wakes_in_time(void) {
  forget();
  start_runtime(1);
  spawn(sleep_and_release, NULL);
  spawn(block_beside_a_sleeper, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

static void *block_without_a_word(void *arg) {
  count_up(&ready);
  for (int tries = 0; tries < 100 && count_read(&released) == 0; tries += 1) {
    poll(NULL, 0, 1);
  }
  count_add(&ran, count_read(&released));
  return arg;
}
static void control_without_a_word_nobody_takes_its_place(void) {
  forget();
  start_runtime(1);
  spawn(block_without_a_word, NULL);
  await_count(&ready, 1);
  spawn(release_it, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 0); /* it was let go by nobody before it went itself */
  stop_runtime();
}

static void *nest(void *arg) {
  CHECK_STATUS(STRAND_ERR_INVALID, strand_block_end());
  CHECK_OK(strand_block_begin());
  CHECK_OK(strand_block_begin());
  CHECK_OK(strand_block_end());
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_yield()); /* it is still in one */
  CHECK_LAST_ERROR_SAYS("strand_block_end");
  CHECK_OK(strand_block_end());
  CHECK_STATUS(STRAND_ERR_INVALID, strand_block_end());
  CHECK_OK(strand_yield());
  count_up(&ran);
  return arg;
}
static void regions_nest_and_an_end_needs_its_beginning(void) {
  forget();
  start_runtime(2);
  spawn(nest, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_STATUS(STRAND_ERR_NOT_ON_STRAND, strand_block_begin());
  CHECK_STATUS(STRAND_ERR_NOT_ON_STRAND, strand_block_end());
  stop_runtime();
}

static strand_chan channel;
static void *call_in_a_region(void *arg) {
  uint64_t number = 1;
  CHECK_OK(strand_block_begin());
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_yield());
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_sleep(1));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_chan_recv(channel, &number, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_wait_all(STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_offload(block, NULL, STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_world_stop(STRAND_FOREVER));
  CHECK_OK(strand_checkpoint());
  CHECK_OK(strand_chan_send(channel, &number, STRAND_NO_WAIT));
  CHECK(strand_self() != 0);
  CHECK_OK(strand_block_end());
  CHECK_OK(strand_chan_recv(channel, &number, STRAND_FOREVER));
  count_up(&ran);
  return arg;
}
static void what_could_switch_is_refused_in_a_region(void) {
  forget();
  start_runtime(2);
  channel = new_channel(sizeof(uint64_t), 1);
  spawn(call_in_a_region, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

static void *end_in_a_region(void *arg) {
  CHECK_OK(strand_block_begin());
  CHECK_OK(strand_block_begin());
  if (arg != NULL) {
    strand_fail(STRAND_ERR_LIMIT, "in a region", 11);
  }
  return NULL;
}
static void a_strand_that_ends_in_a_region_leaves_nothing_behind(void) {
  forget();
  start_runtime(1);
  for (int round = 0; round < 20; round += 1) {
    spawn(end_in_a_region, NULL);
    CHECK_OK(strand_scheduler_run());
    spawn(end_in_a_region, &ran);
    CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  }
  spawn(nest, NULL); /* its end is its own */
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_EQUAL(strand_poll_word & 1u, 0); /* and nobody takes the slow paths for its sake */
  stop_runtime();
}

/* A strand in a region counts as stopped, and does not come back before the world goes on. */
static void *come_back(void *arg) {
  CHECK_OK(strand_block_begin());
  count_up(&ready);
  while (count_read(&released) == 0) {
    poll(NULL, 0, 1);
  }
  count_up(&steps);
  CHECK_OK(strand_block_end());
  count_up(&ran);
  return arg;
}
static void a_strand_in_a_region_counts_as_stopped_and_waits_for_the_resume(void) {
  forget();
  start_runtime(1);
  spawn(come_back, NULL);
  await_count(&ready, 1);
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  count_up(&released);
  AWAIT(count_read(&steps) == 1);
  nap(MILLISECONDS(5));
  CHECK_EQUAL(count_read(&steps), 1);
  CHECK_EQUAL(count_read(&ran), 0);
  CHECK_OK(strand_world_resume());
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

/* Who has stopped the world would wait for itself at the end of a region. */
static void *stop_and_block(void *arg) {
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_block_begin());
  CHECK_LAST_ERROR_SAYS("strand_world_stop");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_block_end());
  CHECK_OK(strand_world_resume());
  CHECK_OK(strand_block_begin());
  CHECK_OK(strand_block_end());
  count_up(&ran);
  return arg;
}
static void who_has_stopped_the_world_begins_no_region(void) {
  forget();
  start_runtime(2);
  spawn(stop_and_block, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

static uint64_t secret = UINT64_C(0x5ec2e70000);
static void *hold_in_a_region(void *arg) {
  volatile uint64_t held = count_read(&secret) + 1; /* in its frame */
  CHECK_OK(strand_block_begin());
  count_up(&ready);
  while (count_read(&released) == 0) {
    poll(NULL, 0, 1);
  }
  CHECK_OK(strand_block_end());
  CHECK_EQUAL(held, count_read(&secret) + 1);
  return arg;
}
/* It reads between the variables too, as a collector does. */
__attribute__((no_sanitize_address)) static void look_for_secret(const strand_gc_stack *stack, void *data) {
  for (const char *at = stack->low; at + sizeof(uint64_t) <= (const char *)stack->high; at += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    if (stack->strand != 0 && word == secret + 1) {
      count_up(data);
    }
  }
}
static void a_collector_sees_the_stack_of_a_strand_in_a_region(void) {
  static uint64_t found;
  forget();
  count_set(&found, 0);
  start_runtime(2);
  spawn(hold_in_a_region, NULL);
  await_count(&ready, 1);
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_OK(strand_gc_visit_stacks(look_for_secret, &found));
  CHECK_OK(strand_world_resume());
  CHECK_NUMBERS(count_read(&found), >, 0);
  count_up(&released);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* Strands that block, talk, sleep, spawn, end and collect, all at once. */
static void *live(void *arg) {
  uint64_t random = (uint64_t)(uintptr_t)arg, number = 0;
  for (int round = 0; round < shortened(100); round += 1) {
    switch (next_random(&random) % 6) {
      case 0:
        CHECK_OK(strand_block_begin());
        poll(NULL, 0, next_random(&random) % 4 == 0);
        CHECK_OK(strand_block_end());
        break;
      case 1:
        CHECK_OK(strand_chan_send(channel, &number, STRAND_FOREVER));
        CHECK_OK(strand_chan_recv(channel, &number, STRAND_FOREVER));
        break;
      case 2: CHECK_OK(strand_sleep((int64_t)(next_random(&random) % 100000))); break;
      case 3: CHECK_OK(strand_join(spawn(release_it, NULL), STRAND_FOREVER)); break;
      case 4:
        if (next_random(&random) % 8 == 0) {
          CHECK_OK(strand_world_stop(STRAND_FOREVER));
          steps += 1;
          CHECK_OK(strand_world_resume());
        }
        break;
      default: CHECK_OK(strand_yield()); break;
    }
  }
  count_up(&ran);
  return NULL;
}
static void nothing_is_lost_where_strands_block_again_and_again(void) {
  const uint64_t strands = (uint64_t)scaled(24);
  for (uint32_t workers = 1; workers <= 8; workers *= 2) {
    const int64_t threads = count_threads();
    forget();
    start_runtime(workers);
    channel = new_channel(sizeof(uint64_t), 64);
    for (uint64_t strand = 1; strand <= strands; strand += 1) {
      spawn(live, (void *)(uintptr_t)strand);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), strands);
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
    await_threads_at_most(threads);
  }
}

/* Strands that stay with their worker come back to it, also when it was a spare. */
static void *stay(void *arg) {
  pthread_t here = pthread_self();
  for (int round = 0; round < shortened(50); round += 1) {
    CHECK_OK(strand_block_begin());
    poll(NULL, 0, 0);
    CHECK_OK(strand_block_end());
    CHECK_OK(round % 2 == 0 ? strand_yield() : strand_sleep(10000));
    if (is_parallel() && !is_may()) {
      CHECK(pthread_equal(here, pthread_self()));
    }
  }
  count_up(&ran);
  return arg;
}
static void strands_that_stay_come_back_to_their_thread(void) {
  static const uint32_t kinds[] = {STRAND_MIGRATE_NEW_ONLY, STRAND_MIGRATE_NEVER};
  for (size_t at = 0; at < 4; at += 1) {
    strand_config config = default_config(1 + (uint32_t)at / 2);
    config.migration = kinds[at % 2];
    forget();
    CHECK_OK(strand_scheduler_init(&config));
    for (int strand = 0; strand < 16; strand += 1) {
      spawn(stay, NULL);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 16);
    stop_runtime();
  }
}

int main(void) {
  CLAIM_IF(is_parallel() && !is_may(), other_strands_go_on_although_all_workers_are_blocked, "nobody takes its place there");
  CLAIM_IF(is_parallel() && !is_may(), what_waits_behind_the_strand_is_taken_over, "nobody takes its place there");
  CLAIM_IF(is_parallel() && !is_may(), who_sleeps_beside_a_blocked_strand_wakes_in_time, "nobody takes its place there");
  CLAIM_IF(workers_there(1) == 1, control_without_a_word_nobody_takes_its_place, "there are others");
  CLAIM(regions_nest_and_an_end_needs_its_beginning);
  CLAIM_IF(!is_may(), what_could_switch_is_refused_in_a_region, "the world cannot be stopped there");
  CLAIM(a_strand_that_ends_in_a_region_leaves_nothing_behind);
  CLAIM_IF(is_parallel() && !is_may(), a_strand_in_a_region_counts_as_stopped_and_waits_for_the_resume,
           "a blocked strand blocks everything there");
  CLAIM_IF(!is_may(), who_has_stopped_the_world_begins_no_region, "the world cannot be stopped there");
  CLAIM_IF(is_parallel() && !is_may(), a_collector_sees_the_stack_of_a_strand_in_a_region,
           "a blocked strand blocks everything there");
  CLAIM_IF(!is_may(), nothing_is_lost_where_strands_block_again_and_again, "the world cannot be stopped there");
  CLAIM_IF(!is_may(), strands_that_stay_come_back_to_their_thread, "strands go anywhere there");
  return 0;
}
