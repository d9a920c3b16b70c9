/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/*
 * Conditions, wait-groups and once-only calls: no signal is lost, no broadcast wakes a herd, a wait comes back with the
 * mutex held whatever has ended it; zero lets all go; a call is made once.
 */
#include "harness.h"

static strand_mutex mutex = STRAND_MUTEX_INIT;
static strand_condition not_empty = STRAND_CONDITION_INIT;
static strand_condition not_full;
static strand_wait_group group = STRAND_WAIT_GROUP_INIT;
static strand_once once = STRAND_ONCE_INIT;
static uint64_t waiting;
static uint64_t passed;
static uint64_t calls;
static int is_open;

static void forget(void) {
  memset(&mutex, 0, sizeof mutex);
  memset(&not_empty, 0, sizeof not_empty);
  memset(&not_full, 0, sizeof not_full);
  memset(&group, 0, sizeof group);
  memset(&once, 0, sizeof once);
  count_set(&waiting, 0);
  count_set(&passed, 0);
  count_set(&calls, 0);
  is_open = 0;
}

static void lock(void) { CHECK_OK(strand_mutex_lock(&mutex, STRAND_FOREVER)); }
static void unlock(void) { CHECK_OK(strand_mutex_unlock(&mutex)); }

/* ------------------------------------------------------------------------------------------- a bounded buffer */

enum { ROOM = 4 };
static uint64_t buffer[ROOM];
static int length;
static int first;
static int each;
static uint64_t taken_sum;

static void *produce(void *unused) {
  (void)unused;
  for (int i = 1; i <= each; i += 1) {
    lock();
    while (length == ROOM) {
      CHECK_OK(strand_condition_wait(&not_full, &mutex, STRAND_FOREVER));
    }
    buffer[(first + length++) % ROOM] = (uint64_t)i;
    CHECK_OK(strand_condition_signal(&not_empty));
    unlock();
  }
  return NULL;
}

static void *consume(void *unused) {
  (void)unused;
  for (int i = 0; i < each; i += 1) {
    lock();
    while (length == 0) {
      CHECK_OK(strand_condition_wait(&not_empty, &mutex, STRAND_FOREVER));
    }
    count_add(&taken_sum, buffer[first]);
    first = (first + 1) % ROOM;
    length -= 1;
    unlock();
    CHECK_OK(strand_condition_signal(&not_full)); /* also without the mutex */
  }
  return NULL;
}

static void a_bounded_buffer_loses_nothing_between_strands_and_threads(void) {
  each = shortened(scaled(2000));
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    for (int threads = 0; threads <= 1; threads += 1) {
      pthread_t others[2];
      forget();
      length = first = 0;
      count_set(&taken_sum, 0);
      start_runtime(workers);
      for (int i = 0; i < 3; i += 1) {
        spawn(produce, NULL);
        spawn(consume, NULL);
      }
      if (threads) {
        CHECK_OK(strand_external_acquire()); /* a thread outside of a call is no reason to give up */
        others[0] = start_thread(produce, NULL);
        others[1] = start_thread(consume, NULL);
        join_thread(others[0]);
        join_thread(others[1]);
        CHECK_OK(strand_external_release());
      }
      CHECK_OK(strand_scheduler_run());
      CHECK_EQUAL(count_read(&taken_sum), (uint64_t)(3 + threads) * (uint64_t)each * (uint64_t)(each + 1) / 2);
      stop_runtime();
    }
  }
}

/* ---------------------------------------------------------------------------------------- signal, broadcast */

static void *wait_for_a_signal(void *unused) {
  (void)unused;
  lock();
  count_up(&waiting);
  CHECK_OK(strand_condition_wait(&not_empty, &mutex, STRAND_FOREVER)); /* none without a signal */
  count_up(&passed);
  CHECK_OK(strand_yield()); /* with the mutex held: the next one stays where it is */
  unlock();
  return NULL;
}

enum { CROWD = 40 };
static void gather_a_crowd(void) {
  const uint64_t parks = read_statistics().parks;
  for (uint64_t i = 0; i < CROWD; i += 1) {
    spawn(wait_for_a_signal, NULL);
    await_parks(parks + i + 1);
  }
}

static void a_signal_lets_one_go_and_there_are_no_others(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    forget();
    start_runtime(workers);
    CHECK_OK(strand_condition_signal(&not_empty)); /* nobody waits: nothing is kept */
    gather_a_crowd();
    CHECK_EQUAL(count_read(&waiting), CROWD);
    for (uint64_t i = 1; i <= CROWD; i += 1) {
      CHECK_EQUAL(count_read(&passed), i - 1);
      CHECK_OK(strand_condition_signal(&not_empty));
      await_count(&passed, i);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&passed), CROWD);
    stop_runtime();
  }
}

static void a_broadcast_lets_all_go_and_nobody_waits_twice(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    for (int with_the_mutex = 0; with_the_mutex <= 1; with_the_mutex += 1) {
      uint64_t parks;
      forget();
      start_runtime(workers);
      gather_a_crowd();
      if (with_the_mutex) {
        lock();
      }
      parks = read_statistics().parks;
      CHECK_OK(strand_condition_broadcast(&not_empty));
      if (with_the_mutex) {
        CHECK_EQUAL(count_read(&passed), 0);
        unlock();
      }
      CHECK_OK(strand_scheduler_run());
      CHECK_EQUAL(count_read(&passed), CROWD);
      CHECK_EQUAL(read_statistics().parks, parks); /* no herd: each was resumed with the mutex its own */
      stop_runtime();
    }
  }
}

static void *wait_for_the_gate(void *unused) {
  (void)unused;
  lock();
  while (!is_open) {
    CHECK_OK(strand_condition_wait(&not_empty, &mutex, STRAND_FOREVER));
  }
  count_up(&passed);
  unlock();
  return NULL;
}
static void *open_the_gate(void *unused) {
  (void)unused;
  lock();
  is_open = 1;
  unlock();
  CHECK_OK(strand_condition_broadcast(&not_empty));
  return NULL;
}

static void nobody_misses_a_gate_that_opens(void) {
  for (int i = 0; i < shortened(scaled(300)) + 1; i += 1) {
    forget();
    start_runtime(1 + (uint32_t)i % 4);
    spawn(wait_for_the_gate, NULL);
    spawn(wait_for_the_gate, NULL);
    spawn(open_the_gate, NULL);
    spawn(wait_for_the_gate, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&passed), 3);
    stop_runtime();
  }
}

/* The same without the mutex around what is waited for: the signal comes between the look and the wait. */
static void *wait_for_the_gate_wrongly(void *unused) {
  (void)unused;
  lock();
  if (!__atomic_load_n(&is_open, __ATOMIC_SEQ_CST)) {
    count_up(&waiting);
    while (count_read(&calls) == 0) {
      CHECK_OK(strand_yield());
    }
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_condition_wait(&not_empty, &mutex, STRAND_FOREVER));
    count_up(&passed);
  }
  unlock();
  return NULL;
}
static void *open_the_gate_wrongly(void *unused) {
  (void)unused;
  while (count_read(&waiting) == 0) {
    CHECK_OK(strand_yield());
  }
  __atomic_store_n(&is_open, 1, __ATOMIC_SEQ_CST);
  CHECK_OK(strand_condition_broadcast(&not_empty));
  count_up(&calls);
  return NULL;
}
static void control_without_the_mutex_the_signal_is_missed(void) {
  forget();
  start_runtime(1);
  spawn(wait_for_the_gate_wrongly, NULL);
  spawn(open_the_gate_wrongly, NULL);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("waits for condition 0x");
  stop_runtime();
  CHECK_EQUAL(count_read(&passed), 1);
}

/* ------------------------------------------------------------------------- the mutex is held, whatever happens */

static void *wait_a_moment(void *unused) {
  strand_condition other = STRAND_CONDITION_INIT;
  strand_mutex own = STRAND_MUTEX_INIT;
  (void)unused;
  lock();
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_condition_wait(&not_empty, &mutex, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_condition_wait(&not_empty, &mutex, 1));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_condition_wait(&not_empty, &mutex, strand_after(MILLISECONDS(2))));
  unlock();
  CHECK_STATUS(STRAND_ERR_INVALID, strand_condition_wait(&other, &own, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("not held by anybody");
  count_up(&passed);
  return NULL;
}

static void a_wait_that_times_out_has_the_mutex(void) {
  forget();
  start_runtime(2);
  for (int i = 0; i < 5; i += 1) {
    spawn(wait_a_moment, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  wait_a_moment(NULL); /* a thread too */
  CHECK_EQUAL(count_read(&passed), 6);
  stop_runtime();
}

static uint64_t inside;
static void *wait_until_cancelled(void *unused) {
  strand_mutex own = STRAND_MUTEX_INIT;
  (void)unused;
  lock();
  count_up(&waiting);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_condition_wait(&not_empty, &mutex, STRAND_FOREVER));
  CHECK_EQUAL(count_up(&inside), 1); /* held */
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_condition_wait(&not_empty, &mutex, strand_after(SECONDS(1))));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_mutex_lock(&mutex, STRAND_FOREVER)); /* before it tries anything */
  CHECK_EQUAL(__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST), 0);
  unlock();
  CHECK_OK(strand_mutex_lock(&own, STRAND_NO_WAIT)); /* no suspension point */
  CHECK_OK(strand_mutex_unlock(&own));
  count_up(&passed);
  return NULL;
}

static void a_wait_that_is_cancelled_has_the_mutex(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    const int strands = 12;
    forget();
    start_runtime(workers);
    for (int i = 0; i < strands; i += 1) {
      spawn(wait_until_cancelled, NULL);
    }
    await_parks((uint64_t)strands);
    await_count(&waiting, (uint64_t)strands);
    stop_runtime();
    CHECK_EQUAL(count_read(&passed), strands);
  }
}

static void *wait_without_holding(void *unused) {
  (void)unused;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_condition_wait(&not_empty, &mutex, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("held by OS thread");
  return NULL;
}
static void a_wait_without_the_mutex_names_who_holds_it(void) {
  forget();
  start_runtime(1);
  lock();
  spawn(wait_without_holding, NULL);
  CHECK_OK(strand_scheduler_run());
  unlock();
  stop_runtime();
}

/* A signal and a deadline at the same moment: a signal that was sent is received by somebody. */
static uint64_t timeouts;
static void *wait_at_the_deadline(void *arg) {
  lock();
  count_up(&waiting);
  const strand_status status = strand_condition_wait(&not_empty, &mutex, *(const int64_t *)arg);
  if (status == STRAND_OK) {
    count_up(&passed);
  } else {
    CHECK_STATUS(STRAND_ERR_TIMEOUT, status);
    count_up(&timeouts);
  }
  unlock();
  return NULL;
}
static void *signal_at_the_deadline(void *arg) {
  CHECK_OK(strand_sleep(*(const int64_t *)arg - strand_now() - 20000));
  for (int i = 0; i < 4; i += 1) {
    lock();
    CHECK_OK(strand_condition_signal(&not_empty));
    unlock();
  }
  count_up(&calls);
  return NULL;
}
static void a_deadline_takes_no_signal_away_from_others(void) {
  for (int i = 0; i < shortened(scaled(100)) + 1; i += 1) {
    int64_t deadline;
    int64_t late = STRAND_FOREVER;
    forget();
    count_set(&timeouts, 0);
    start_runtime(1 + (uint32_t)i % 3);
    deadline = strand_after(MILLISECONDS(1));
    for (int j = 0; j < 4; j += 1) {
      spawn(wait_at_the_deadline, &deadline);
    }
    AWAIT(count_read(&waiting) == 4);
    for (int j = 0; j < 4; j += 1) {
      spawn(wait_at_the_deadline, &late); /* whatever the first four do not take is theirs */
    }
    AWAIT(count_read(&waiting) == 8);
    lock(); /* whoever has counted itself waits */
    unlock();
    spawn(signal_at_the_deadline, &deadline);
    AWAIT(count_read(&calls) == 1);
    AWAIT(count_read(&passed) >= 4); /* there was always somebody for whom the signal could be */
    CHECK_EQUAL(count_read(&passed), 4);
    while (count_read(&passed) + count_read(&timeouts) < 8) {
      CHECK_OK(strand_condition_broadcast(&not_empty));
      let_strands_run(16);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_NUMBERS(count_read(&timeouts), <=, 4);
    stop_runtime();
  }
}

/* ---------------------------------------------------------------------------------------------- wait-groups */

static uint64_t done;
static void *work(void *unused) {
  (void)unused;
  CHECK_OK(strand_yield());
  count_up(&done);
  CHECK_OK(strand_wait_group_done(&group));
  return NULL;
}
static void *wait_for_the_work(void *arg) {
  CHECK_OK(strand_wait_group_wait(&group, STRAND_FOREVER));
  CHECK_NUMBERS(count_read(&done), >=, (uint64_t)(uintptr_t)arg);
  count_up(&passed);
  return NULL;
}

static void zero_lets_all_go_who_wait(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    forget();
    count_set(&done, 0);
    start_runtime(workers);
    CHECK_OK(strand_wait_group_wait(&group, STRAND_NO_WAIT)); /* nothing to do */
    for (uintptr_t round = 1; round <= 20; round += 1) {
      CHECK_OK(strand_wait_group_add(&group, 10));
      CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_wait_group_wait(&group, STRAND_NO_WAIT));
      CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_wait_group_wait(&group, 1));
      for (int i = 0; i < 5; i += 1) {
        spawn(wait_for_the_work, (void *)(round * 10));
        spawn(work, NULL);
        spawn(work, NULL);
      }
      CHECK_OK(strand_wait_group_wait(&group, STRAND_FOREVER));
      CHECK_EQUAL(count_read(&done), round * 10); /* and the group is used again at once */
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&passed), 100);
    stop_runtime();
  }
}

static void a_wait_group_does_not_go_below_zero(void) {
  forget();
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_wait_group_done(&group));
  CHECK_LAST_ERROR_SAYS("below zero");
  CHECK_OK(strand_wait_group_add(&group, 3));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_wait_group_add(&group, -4));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_wait_group_add(&group, INT64_MIN));
  CHECK_OK(strand_wait_group_add(&group, -3)); /* it was still 3 */
  CHECK_OK(strand_wait_group_wait(&group, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_wait_group_add(&group, INT64_MAX));
  stop_runtime();
}

/* The one who waits frees the group as soon as it is zero: whoever brought it there does not touch it any more. */
static void *free_the_group(void *arg) {
  strand_wait_group *own = arg;
  CHECK_OK(strand_wait_group_wait(own, STRAND_FOREVER));
  memset(own, 0xff, sizeof *own);
  free(own);
  count_up(&passed);
  return NULL;
}
static void *finish_the_group(void *arg) {
  CHECK_OK(strand_wait_group_done(arg));
  return NULL;
}
static void a_wait_group_may_be_freed_by_the_one_who_waited(void) {
  const int groups = shortened(scaled(2000));
  forget();
  start_runtime(4);
  for (int i = 0; i < groups; i += 1) {
    strand_wait_group *own = calloc(1, sizeof *own);
    CHECK(own != NULL);
    CHECK_OK(strand_wait_group_add(own, 2));
    spawn(free_the_group, own);
    spawn(finish_the_group, own);
    spawn(finish_the_group, own);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&passed), groups);
  stop_runtime();
}

/* ---------------------------------------------------------------------------------------------- once-only calls */

static void make_the_call(void *data) {
  CHECK(data == &calls);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_once_do(&once, make_the_call, data, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("would wait for itself");
  if (strand_self() != 0) {
    CHECK_OK(strand_yield());
  }
  count_up(&calls);
}
static void *make_it_once(void *unused) {
  (void)unused;
  CHECK_OK(strand_once_do(&once, make_the_call, &calls, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&calls), 1); /* it has returned */
  count_up(&passed);
  return NULL;
}

static void a_call_is_made_once_and_everybody_waits_for_its_end(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    for (int threads = 0; threads <= 1; threads += 1) {
      forget();
      start_runtime(workers);
      for (int i = 0; i < 20; i += 1) {
        spawn(make_it_once, NULL);
      }
      if (threads) {
        make_it_once(NULL);
      }
      CHECK_OK(strand_scheduler_run());
      CHECK_EQUAL(count_read(&passed), (uint64_t)(20 + threads));
      CHECK_OK(strand_once_do(&once, make_the_call, &calls, STRAND_NO_WAIT));
      CHECK_EQUAL(count_read(&calls), 1);
      stop_runtime();
    }
  }
}

static void fail_inside(void *unused) {
  (void)unused;
  CHECK_OK(strand_yield());
  if (count_up(&calls) < 3) {
    strand_fail(STRAND_ERR_IO, "no", 2);
  }
}
static void *try_until_it_is_made(void *unused) {
  (void)unused;
  CHECK_OK(strand_once_do(&once, fail_inside, NULL, STRAND_FOREVER));
  count_up(&passed);
  return NULL;
}
static void count_hook(void *data) { count_up(data); }
static uint64_t hooks;
static void *have_hooks_around_the_call(void *unused) {
  (void)unused;
  CHECK_OK(strand_on_exit(count_hook, &hooks));
  return try_until_it_is_made(NULL);
}

static void a_call_that_fails_was_not_made_and_the_next_one_makes_it(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    forget();
    count_set(&hooks, 0);
    start_runtime(workers);
    for (int i = 0; i < 10; i += 1) {
      spawn(have_hooks_around_the_call, NULL);
    }
    CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
    CHECK_EQUAL(count_read(&calls), 3);
    CHECK_EQUAL(count_read(&passed), 8); /* two have failed */
    CHECK_EQUAL(count_read(&hooks), 10);
    stop_runtime();
  }
}

static void register_a_hook(void *data) { CHECK_OK(strand_on_exit(count_hook, data)); }
static void *register_hooks_in_the_call(void *unused) {
  (void)unused;
  CHECK_OK(strand_on_exit(count_hook, &hooks));
  CHECK_OK(strand_once_do(&once, register_a_hook, &hooks, STRAND_FOREVER));
  CHECK_OK(strand_on_exit(count_hook, &hooks));
  return NULL;
}
static void hooks_that_the_call_registers_stay(void) {
  forget();
  count_set(&hooks, 0);
  start_runtime(1);
  spawn(register_hooks_in_the_call, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&hooks), 3);
  stop_runtime();
}

static void wait_inside(void *unused) {
  (void)unused;
  count_up(&waiting);
  while (count_read(&passed) == 0) {
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
}
static void *make_a_long_call(void *unused) {
  (void)unused;
  CHECK_OK(strand_once_do(&once, wait_inside, NULL, STRAND_FOREVER));
  return NULL;
}
static void *not_wait_for_long(void *unused) {
  (void)unused;
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_once_do(&once, wait_inside, NULL, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_once_do(&once, wait_inside, NULL, strand_after(MILLISECONDS(1))));
  count_up(&passed);
  return NULL;
}
static void one_who_waits_for_the_call_may_give_up(void) {
  forget();
  start_runtime(1);
  spawn(make_a_long_call, NULL);
  await_count(&waiting, 1);
  spawn(not_wait_for_long, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&waiting), 1);
  stop_runtime();
}

int main(void) {
  CLAIM(a_bounded_buffer_loses_nothing_between_strands_and_threads);
  CLAIM(a_signal_lets_one_go_and_there_are_no_others);
  CLAIM(a_broadcast_lets_all_go_and_nobody_waits_twice);
  CLAIM(nobody_misses_a_gate_that_opens);
  CLAIM(control_without_the_mutex_the_signal_is_missed);
  CLAIM(a_wait_that_times_out_has_the_mutex);
  CLAIM(a_wait_that_is_cancelled_has_the_mutex);
  CLAIM(a_wait_without_the_mutex_names_who_holds_it);
  CLAIM(a_deadline_takes_no_signal_away_from_others);
  CLAIM(zero_lets_all_go_who_wait);
  CLAIM(a_wait_group_does_not_go_below_zero);
  CLAIM(a_wait_group_may_be_freed_by_the_one_who_waited);
  CLAIM(a_call_is_made_once_and_everybody_waits_for_its_end);
  CLAIM(a_call_that_fails_was_not_made_and_the_next_one_makes_it);
  CLAIM(hooks_that_the_call_registers_stay);
  CLAIM(one_who_waits_for_the_call_may_give_up);
  return 0;
}
