/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* Shutdown under load: everything that waits is told CANCELLED, everything that was handed over is dropped once. */
#include "harness.h"

enum { EACH = 25, THREADS = 3 };

typedef struct counts {
  uint64_t started_yielders;
  uint64_t yielders;
  uint64_t receivers;
  uint64_t senders;
  uint64_t sleepers;
  uint64_t parkers;
  uint64_t joiners;
  uint64_t waiters;
  uint64_t refused_spawns;
  uint64_t hooks;
  uint64_t threads;
  uint64_t transfers;
  uint64_t drops;
  uint64_t arguments;
  uint64_t local_drops;
} counts;

static counts seen;
static strand_chan never_sent;
static strand_chan full;
static strand_chan buffered;
static strand_id first_yielder;
static uint32_t local_key;

static void count_hook(void *data) { count_up((uint64_t *)data); }
static void count_argument(void *arg) {
  (void)arg;
  count_up(&seen.arguments);
}
static void copy_element(void *copy, const void *element, size_t size, void *data) {
  memcpy(copy, element, size);
  count_up(&((counts *)data)->transfers);
}
static void drop_element(void *element, size_t size, void *data) {
  (void)element;
  (void)size;
  count_up(&((counts *)data)->drops);
}

static void *count_one(void *arg) {
  count_up((uint64_t *)arg);
  return NULL;
}

static void *yield_until_cancelled(void *arg) {
  strand_status status = STRAND_OK;
  (void)arg;
  CHECK_OK(strand_on_exit(count_hook, &seen.hooks));
  count_up(&seen.started_yielders);
  CHECK_OK(strand_local_set(local_key, &seen.local_drops));
  while (status == STRAND_OK) {
    status = strand_yield();
  }
  CHECK_EQUAL(status, STRAND_ERR_CANCELLED);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_checkpoint()); /* level, not edge */
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(1));
  if (strand_spawn(count_one, &seen.arguments, NULL) == STRAND_ERR_CANCELLED) {
    count_up(&seen.refused_spawns);
  }
  count_up(&seen.yielders);
  return NULL;
}

static void *receive_until_cancelled(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_on_exit(count_hook, &seen.hooks));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(never_sent, &value, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(never_sent, &value, strand_after(SECONDS(100))));
  count_up(&seen.receivers);
  return NULL;
}

static void *send_until_cancelled(void *arg) {
  const uint64_t value = 1;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_send(full, &value, STRAND_FOREVER));
  count_up(&seen.senders);
  return NULL;
}

static void *sleep_until_cancelled(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(SECONDS(1000)));
  count_up(&seen.sleepers);
  return NULL;
}

static void *park_until_cancelled(void *arg) {
  strand_park_token token = 0;
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_park_begin(&token));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_park(token, STRAND_FOREVER, &value));
  count_up(&seen.parkers);
  return NULL;
}

static void *join_until_cancelled(void *arg) {
  const strand_status status = strand_join(first_yielder, STRAND_FOREVER);
  (void)arg;
  CHECK(status == STRAND_ERR_CANCELLED || status == STRAND_OK); /* that one ends as well: either may come first */
  count_up(&seen.joiners);
  return NULL;
}

static void *wait_all_until_cancelled(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_wait_all(STRAND_FOREVER));
  count_up(&seen.waiters);
  return NULL;
}

/* A thread that is still on its way into the call when shutdown has ended finds no runtime. */
static void check_ended_by_shutdown(strand_status status) {
  CHECK(status == STRAND_ERR_CANCELLED || status == STRAND_ERR_NOT_INITIALISED);
  count_up(&seen.threads);
}

static uint64_t threads_inside;
static void *thread_receives(void *arg) {
  uint64_t value = 0;
  (void)arg;
  count_up(&threads_inside);
  check_ended_by_shutdown(strand_chan_recv(never_sent, &value, STRAND_FOREVER));
  return NULL;
}
static void *thread_sends(void *arg) {
  const uint64_t value = 1;
  (void)arg;
  count_up(&threads_inside);
  check_ended_by_shutdown(strand_chan_send(full, &value, STRAND_FOREVER));
  return NULL;
}
static void *thread_joins(void *arg) {
  strand_status status;
  (void)arg;
  count_up(&threads_inside);
  status = strand_join(first_yielder, STRAND_FOREVER);
  check_ended_by_shutdown(status == STRAND_OK ? STRAND_ERR_CANCELLED : status);
  return NULL;
}
static void *thread_runs(void *arg) {
  strand_status status;
  (void)arg;
  count_up(&threads_inside);
  status = strand_scheduler_run(); /* cancelled, or the last strand has ended before it was told */
  if (is_stepped() && status == STRAND_ERR_BUSY) {
    status = STRAND_ERR_CANCELLED; /* one at a time */
  }
  check_ended_by_shutdown(status == STRAND_OK ? STRAND_ERR_CANCELLED : status);
  return NULL;
}

static void shutdown_under_load_ends_everything(uint32_t workers) {
  static void *(*const thread_entries[])(void *) = {thread_receives, thread_sends, thread_joins, thread_runs};
  enum { KINDS = sizeof thread_entries / sizeof thread_entries[0] };
  pthread_t threads[KINDS * THREADS];
  strand_chan_options hooked;
  strand_spawn_options dormant = default_spawn("never started");
  const uint64_t value = 7;
  memset(&seen, 0, sizeof seen);
  count_set(&threads_inside, 0);
  memset(&hooked, 0, sizeof hooked);
  hooked.size = (uint32_t)sizeof hooked;
  hooked.element_size = sizeof value;
  hooked.capacity = STRAND_UNBOUNDED;
  hooked.transfer = copy_element;
  hooked.drop = drop_element;
  hooked.data = &seen;

  start_runtime(workers);
  CHECK_OK(strand_external_acquire()); /* nothing here is meant as a deadlock */
  CHECK_OK(strand_local_new(count_hook, 0, &local_key));
  never_sent = new_channel(sizeof value, 0);
  full = new_channel(sizeof value, 1);
  CHECK_OK(strand_chan_send(full, &value, STRAND_NO_WAIT));
  CHECK_OK(strand_chan_new_with(&hooked, &buffered));
  for (int element = 0; element < 100; element += 1) {
    CHECK_OK(strand_chan_send(buffered, &value, STRAND_NO_WAIT));
  }
  first_yielder = spawn(yield_until_cancelled, NULL);
  for (int strand = 1; strand < EACH; strand += 1) {
    spawn(yield_until_cancelled, NULL);
  }
  for (int strand = 0; strand < EACH; strand += 1) {
    spawn(receive_until_cancelled, NULL);
    spawn(send_until_cancelled, NULL);
    spawn(sleep_until_cancelled, NULL);
    spawn(park_until_cancelled, NULL);
    spawn(join_until_cancelled, NULL);
    spawn(wait_all_until_cancelled, NULL);
  }
  dormant.flags = STRAND_SPAWN_DORMANT;
  dormant.arg_drop = count_argument;
  CHECK_OK(strand_spawn_with(&dormant, count_one, &seen.arguments, NULL));
  for (int thread = 0; thread < KINDS * THREADS; thread += 1) {
    threads[thread] = start_thread(thread_entries[thread % KINDS], NULL);
  }
  await_count(&threads_inside, KINDS * THREADS);
  await_count(&seen.started_yielders, EACH);
  await_parks(6 * EACH);
  nap(MILLISECONDS(20)); /* lets the threads get from their counter into the call */
  stop_runtime();

  for (int thread = 0; thread < KINDS * THREADS; thread += 1) {
    join_thread(threads[thread]);
  }
  CHECK_EQUAL(seen.yielders, EACH);
  CHECK_EQUAL(seen.refused_spawns, EACH);
  CHECK_EQUAL(seen.receivers, EACH);
  CHECK_EQUAL(seen.senders, EACH);
  CHECK_EQUAL(seen.sleepers, EACH);
  CHECK_EQUAL(seen.parkers, EACH);
  CHECK_EQUAL(seen.joiners, EACH);
  CHECK_EQUAL(seen.waiters, EACH);
  CHECK_EQUAL(seen.hooks, 2 * EACH);
  CHECK_EQUAL(seen.local_drops, EACH);
  CHECK_EQUAL(seen.threads, KINDS * THREADS);
  CHECK_EQUAL(seen.transfers, 100);
  CHECK_EQUAL(seen.drops, 100);
  CHECK_EQUAL(seen.arguments, 1); /* the dormant strand's argument was dropped, its entry never ran */
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_spawn(count_one, &seen.arguments, NULL));
}

static void shutdown_with_one_worker_ends_everything(void) { shutdown_under_load_ends_everything(1); }
static void shutdown_with_two_workers_ends_everything(void) { shutdown_under_load_ends_everything(2); }
static void shutdown_with_eight_workers_ends_everything(void) { shutdown_under_load_ends_everything(8); }

static void ten_shutdowns_under_load_in_a_row_work(void) {
  for (int round = 0; round < 10; round += 1) {
    shutdown_under_load_ends_everything(2);
  }
}

static void *shut_down_in_a_thread(void *arg) {
  const strand_status status = strand_scheduler_shutdown(strand_after(SECONDS(60)));
  (void)arg;
  CHECK(status == STRAND_OK || status == STRAND_ERR_BUSY || status == STRAND_ERR_NOT_INITIALISED);
  if (status == STRAND_OK) {
    count_up(&seen.threads);
  }
  return NULL;
}

static void of_several_callers_of_shutdown_exactly_one_does_it(void) {
  for (int round = 0; round < shortened(50); round += 1) {
    pthread_t threads[4];
    memset(&seen, 0, sizeof seen);
    start_runtime(2);
    CHECK_OK(strand_local_new(count_hook, 0, &local_key));
    for (int strand = 0; strand < 10; strand += 1) {
      spawn(yield_until_cancelled, NULL);
    }
    for (int thread = 0; thread < 4; thread += 1) {
      threads[thread] = start_thread(shut_down_in_a_thread, NULL);
    }
    for (int thread = 0; thread < 4; thread += 1) {
      join_thread(threads[thread]);
    }
    CHECK_EQUAL(seen.threads, 1);
  }
}

int main(void) {
  CLAIM(shutdown_with_one_worker_ends_everything);
  CLAIM(shutdown_with_two_workers_ends_everything);
  CLAIM(shutdown_with_eight_workers_ends_everything);
  CLAIM(ten_shutdowns_under_load_in_a_row_work);
  CLAIM(of_several_callers_of_shutdown_exactly_one_does_it);
  return 0;
}
