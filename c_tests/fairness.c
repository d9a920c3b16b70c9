/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 */
/* What other schedulers get wrong: starvation, a busy sleeper that stops the clock, one worker that waits for its children. */
#include "harness.h"

static uint64_t stop;
static uint64_t yields;
static uint64_t yields_when_it_ran;
static uint64_t ran;

static void *yield_until_stopped(void *arg) {
  (void)arg;
  while (count_read(&stop) == 0) {
    CHECK_OK(strand_yield());
    count_up(&yields);
  }
  return NULL;
}

static void *stop_the_others(void *arg) {
  (void)arg;
  yields_when_it_ran = count_read(&yields);
  count_set(&stop, 1);
  return NULL;
}

/* Counted from the return of spawn: a preempted main thread can only make the number smaller. */
static void a_strand_spawned_from_outside_runs_beside_two_yielders(void) {
  for (int round = 0; round < 50; round += 1) {
    uint64_t yields_at_spawn;
    count_set(&stop, 0);
    count_set(&yields, 0);
    start_runtime(1);
    spawn(yield_until_stopped, NULL);
    spawn(yield_until_stopped, NULL);
    await_count(&yields, 1000);
    spawn(stop_the_others, NULL);
    yields_at_spawn = count_read(&yields);
    CHECK_OK(strand_scheduler_run());
    CHECK_NUMBERS(yields_when_it_ran, <=, yields_at_spawn + 200);
    stop_runtime();
  }
}

static strand_chan channel;
static void *receive_then_stop(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(channel, &value, STRAND_FOREVER));
  return stop_the_others(arg);
}

static void a_strand_woken_from_outside_runs_beside_two_yielders(void) {
  for (int round = 0; round < 50; round += 1) {
    uint64_t yields_at_send;
    const uint64_t value = 1;
    uint64_t parks;
    count_set(&stop, 0);
    count_set(&yields, 0);
    start_runtime(1);
    channel = new_channel(sizeof value, 0);
    parks = read_statistics().parks;
    spawn(receive_then_stop, NULL);
    await_parks(parks + 1);
    spawn(yield_until_stopped, NULL);
    spawn(yield_until_stopped, NULL);
    await_count(&yields, 1000);
    CHECK_OK(strand_chan_send(channel, &value, STRAND_FOREVER));
    yields_at_send = count_read(&yields);
    CHECK_OK(strand_scheduler_run());
    CHECK_NUMBERS(yields_when_it_ran, <=, yields_at_send + 200);
    stop_runtime();
  }
}

static void *sleep_then_stop(void *arg) {
  CHECK_OK(strand_sleep(MILLISECONDS(2)));
  return stop_the_others(arg);
}

/* Bounded by the time-out of this program: yielders must not keep a timer from going off. */
static void a_sleeper_wakes_beside_two_yielders(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&stop, 0);
    start_runtime(workers);
    spawn(yield_until_stopped, NULL);
    spawn(yield_until_stopped, NULL);
    spawn(sleep_then_stop, NULL);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

static uint64_t ping_pongs;
static strand_chan ping;
static strand_chan pong;
static void *answer_until_closed(void *arg) {
  uint64_t value = 0;
  (void)arg;
  while (strand_chan_recv(ping, &value, STRAND_FOREVER) == STRAND_OK) {
    CHECK_OK(strand_chan_send(pong, &value, STRAND_FOREVER));
  }
  return NULL;
}
static void *ask_until_stopped(void *arg) {
  uint64_t value = 0;
  (void)arg;
  while (count_read(&stop) == 0) {
    CHECK_OK(strand_chan_send(ping, &value, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(pong, &value, STRAND_FOREVER));
    count_up(&ping_pongs);
    value += 1;
  }
  CHECK_OK(strand_chan_close(ping));
  return NULL;
}

/* A pair that always wakes one another through the run-next slot must not keep the rest of one worker out. */
static void a_ping_pong_pair_does_not_keep_others_from_running(void) {
  count_set(&stop, 0);
  count_set(&ping_pongs, 0);
  start_runtime(1);
  ping = new_channel(sizeof(uint64_t), 0);
  pong = new_channel(sizeof(uint64_t), 0);
  spawn(answer_until_closed, NULL);
  spawn(ask_until_stopped, NULL);
  await_count(&ping_pongs, 1000);
  {
    uint64_t at_spawn;
    count_set(&yields, 0);
    spawn(stop_the_others, NULL);
    at_spawn = count_read(&ping_pongs);
    CHECK_OK(strand_scheduler_run());
    CHECK_NUMBERS(count_read(&ping_pongs), <=, at_spawn + 1000);
  }
  CHECK_OK(strand_chan_release(ping));
  CHECK_OK(strand_chan_release(pong));
  stop_runtime();
}

enum { SLEEPERS = 4 };
static uint64_t awake;
static uint64_t spun_out;

/* After its sleep it computes without a single call of the library, until the others have woken or ten seconds pass. */
static void *sleep_then_be_busy(void *arg) {
  struct timespec start;
  (void)arg;
  CHECK_OK(strand_sleep(MILLISECONDS(10)));
  clock_gettime(CLOCK_MONOTONIC, &start);
  while (count_read(&awake) < SLEEPERS) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - start.tv_sec > 10) {
      count_up(&spun_out);
      break;
    }
  }
  return NULL;
}
static void *sleep_longer(void *arg) {
  (void)arg;
  CHECK_OK(strand_sleep(MILLISECONDS(40)));
  count_up(&awake);
  return NULL;
}

static void a_busy_sleeper_does_not_delay_the_others_on_two_workers(void) {
  for (int round = 0; round < 5; round += 1) {
    count_set(&awake, 0);
    count_set(&spun_out, 0);
    start_runtime(2);
    for (int sleeper = 0; sleeper < SLEEPERS; sleeper += 1) {
      spawn(sleep_longer, NULL);
    }
    spawn(sleep_then_be_busy, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&awake), SLEEPERS);
    CHECK_EQUAL(count_read(&spun_out), 0);
    stop_runtime();
  }
}

static void *count_one(void *arg) {
  (void)arg;
  count_up(&ran);
  return NULL;
}
enum { CHILDREN = 500 };
static void *spawn_then_yield_until_all_ran(void *arg) {
  (void)arg;
  for (int child = 0; child < CHILDREN; child += 1) {
    spawn(count_one, NULL);
  }
  while (count_read(&ran) < CHILDREN) {
    CHECK_OK(strand_yield());
    yields += 1;
  }
  return NULL;
}

/* Spawn in a strand on one worker, and wait by yielding: the children start, and soon. */
static void a_strand_that_waits_for_its_children_by_yielding_sees_them_run(void) {
  count_set(&ran, 0);
  yields = 0;
  start_runtime(1);
  spawn(spawn_then_yield_until_all_ran, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_NUMBERS(yields, <=, 10 * CHILDREN);
  stop_runtime();
}

static void *spawn_for_ever(void *arg) {
  const uint64_t generation = (uint64_t)(uintptr_t)arg;
  count_up(&ran);
  if (generation > 0) {
    spawn(spawn_for_ever, (void *)(uintptr_t)(generation - 1));
  }
  return NULL;
}
static void *yield_until_all_generations_ran(void *arg) {
  (void)arg;
  while (count_read(&ran) < 10000) {
    CHECK_OK(strand_yield());
  }
  return NULL;
}

/* Newest first must not mean oldest never: a chain of spawns does not keep the yielder out, nor the other way round. */
static void a_chain_of_spawns_and_a_yielder_share_one_worker(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(yield_until_all_generations_ran, NULL);
  spawn(spawn_for_ever, (void *)(uintptr_t)9999);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 10000);
  stop_runtime();
}

static uint64_t oldest_ran_at;
static uint64_t spawns;
static void *note_when_i_run(void *arg) {
  (void)arg;
  count_set(&oldest_ran_at, count_read(&spawns));
  return NULL;
}
static void *respawn(void *arg) {
  if (count_up(&spawns) < 100000 && count_read(&oldest_ran_at) == 0) {
    spawn(respawn, arg);
  }
  return NULL;
}
static void *spawn_old_then_many(void *arg) {
  spawn(note_when_i_run, NULL);
  spawn(respawn, arg);
  spawn(respawn, arg);
  return NULL;
}

/* New strands are taken newest first; still the oldest waits for a bounded number of picks only. */
static void the_oldest_new_strand_is_not_bypassed_for_ever(void) {
  count_set(&spawns, 0);
  count_set(&oldest_ran_at, 0);
  start_runtime(1);
  spawn(spawn_old_then_many, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_NUMBERS(count_read(&oldest_ran_at), <=, 1000);
  stop_runtime();
}

int main(void) {
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, a_strand_spawned_from_outside_runs_beside_two_yielders,
           "about one worker; under pct a strand may wait until the others are demoted");
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, a_strand_woken_from_outside_runs_beside_two_yielders,
           "about one worker; under pct a strand may wait until the others are demoted");
  CLAIM_IF(!is_virtual(), a_sleeper_wakes_beside_two_yielders,
           "a virtual clock stands still while a strand is ready");
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, a_ping_pong_pair_does_not_keep_others_from_running,
           "about one worker; under pct a strand may wait until the others are demoted");
  CLAIM_IF(workers_there(2) >= 2, a_busy_sleeper_does_not_delay_the_others_on_two_workers,
           "about two workers");
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, a_strand_that_waits_for_its_children_by_yielding_sees_them_run,
           "about one worker; under pct a strand may wait until the others are demoted");
  CLAIM(a_chain_of_spawns_and_a_yielder_share_one_worker);
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, the_oldest_new_strand_is_not_bypassed_for_ever,
           "about one worker; under pct a strand may wait until the others are demoted");
  return 0;
}
