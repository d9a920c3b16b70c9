/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/*
 * The mutex: one holds it at a time, whether strand or OS thread; whoever waits is woken alone and in order, and overtaken
 * a bounded number of times; misuse is answered; who is cancelled or late holds nothing.
 */
#include "harness.h"

static strand_mutex mutex = STRAND_MUTEX_INIT;
static strand_mutex second; /* all zero is free */
static uint64_t arrived;
static uint64_t acquired;
static uint64_t ended;

static void forget(void) {
  memset(&mutex, 0, sizeof mutex);
  memset(&second, 0, sizeof second);
  count_set(&arrived, 0);
  count_set(&acquired, 0);
  count_set(&ended, 0);
}

static void lock(strand_mutex *one) { CHECK_OK(strand_mutex_lock(one, STRAND_FOREVER)); }
static void unlock(strand_mutex *one) { CHECK_OK(strand_mutex_unlock(one)); }

/* ---------------------------------------------------------------------------------------- mutual exclusion */

/* A counter whose increment falls apart when two are in it. */
typedef struct torn {
  volatile uint64_t low;
  volatile uint64_t high;
} torn;
static torn counter;
static int is_guarded;
static int rounds;
static uint64_t seen_torn;
enum { ALL = 10 };

/* The first time without the mutex, all strands are in it together, whoever is quick. */
static void increment(int suspends, int meets) {
  const uint64_t low = counter.low;
  if (low != counter.high) {
    count_up(&seen_torn);
  }
  if (meets) {
    count_up(&arrived);
    while (count_read(&arrived) < ALL) {
      CHECK_OK(strand_yield());
    }
  }
  if (suspends) {
    strand_yield();
  }
  counter.low = low + 1;
  counter.high = low + 1;
}

static void *count_with_the_mutex(void *arg) {
  for (int i = 0; i < rounds; i += 1) {
    if (is_guarded) {
      lock(&mutex);
    }
    increment(arg != NULL && i % 4 == 0, !is_guarded && i == 0);
    if (is_guarded) {
      unlock(&mutex);
    }
  }
  return NULL;
}

static uint64_t count_together(uint32_t workers, int strands, int threads, int guarded) {
  pthread_t others[4];
  forget();
  memset((void *)&counter, 0, sizeof counter);
  count_set(&seen_torn, 0);
  is_guarded = guarded;
  start_runtime(workers);
  for (int i = 0; i < strands; i += 1) {
    spawn(count_with_the_mutex, &counter);
  }
  CHECK_OK(strand_external_acquire()); /* a thread outside of a call may hold the mutex */
  for (int i = 0; i < threads; i += 1) {
    others[i] = start_thread(count_with_the_mutex, NULL);
  }
  for (int i = 0; i < threads; i += 1) {
    join_thread(others[i]);
  }
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  return counter.low;
}

static void one_holds_it_at_a_time(void) {
  rounds = shortened(scaled(2000));
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    CHECK_EQUAL(count_together(workers, ALL, 0, 1), (uint64_t)rounds * ALL);
    CHECK_EQUAL(count_read(&seen_torn), 0);
    CHECK_EQUAL(count_together(workers, 6, 2, 1), (uint64_t)rounds * 8);
    CHECK_EQUAL(count_read(&seen_torn), 0);
  }
}

static void control_without_the_mutex_increments_are_lost(void) {
  rounds = 100;
  CHECK_NUMBERS(count_together(1, ALL, 0, 0), <, (uint64_t)rounds * ALL);
}

/* ------------------------------------------------------------------------------------------ who may, who not */

static void *check_the_owner(void *unused) {
  (void)unused;
  lock(&mutex);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_mutex_lock(&mutex, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("held by the caller");
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_mutex_lock(&mutex, strand_after(MILLISECONDS(1))));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_mutex_lock(&mutex, STRAND_NO_WAIT));
  unlock(&mutex);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_mutex_unlock(&mutex));
  CHECK_LAST_ERROR_SAYS("not held by anybody");
  CHECK_OK(strand_mutex_lock(&mutex, STRAND_NO_WAIT));
  unlock(&mutex);
  return NULL;
}

static void the_owner_who_locks_again_is_told_at_once(void) {
  forget();
  start_runtime(1);
  spawn(check_the_owner, NULL);
  CHECK_OK(strand_scheduler_run());
  check_the_owner(NULL); /* an OS thread too */
  stop_runtime();
}

static void *hold_until_told(void *unused) {
  (void)unused;
  lock(&mutex);
  count_up(&acquired);
  while (count_read(&ended) == 0) {
    CHECK_OK(strand_yield());
  }
  unlock(&mutex);
  return NULL;
}

static void *unlock_what_another_holds(void *unused) {
  char id[32];
  (void)unused;
  while (count_read(&acquired) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_STATUS(STRAND_ERR_INVALID, strand_mutex_unlock(&mutex));
  CHECK_LAST_ERROR_SAYS("held by strand 0x");
  CHECK_LAST_ERROR_SAYS("\"holder\"");
  snprintf(id, sizeof id, "%#" PRIx64, strand_self());
  CHECK_LAST_ERROR_SAYS(id);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_mutex_lock(&mutex, STRAND_NO_WAIT));
  count_up(&ended);
  return NULL;
}

static void an_unlock_by_another_names_the_owner(void) {
  char thread[32];
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    forget();
    start_runtime(workers);
    spawn_named("holder", hold_until_told, NULL);
    await_count(&acquired, 1);
    CHECK_STATUS(STRAND_ERR_INVALID, strand_mutex_unlock(&mutex));
    CHECK_LAST_ERROR_SAYS("\"holder\"");
    snprintf(thread, sizeof thread, "OS thread %d", (int)gettid());
    CHECK_LAST_ERROR_SAYS(thread);
    spawn(unlock_what_another_holds, NULL);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

/* -------------------------------------------------------------------------------------------- time and order */

static void *lock_for_a_moment(void *unused) {
  (void)unused;
  count_up(&arrived);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_mutex_lock(&mutex, strand_after(MILLISECONDS(2))));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_mutex_lock(&mutex, 1));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_mutex_unlock(&mutex)); /* nothing was held */
  count_up(&acquired);
  return NULL;
}

static void a_lock_that_times_out_holds_nothing(void) {
  forget();
  start_runtime(2);
  lock(&mutex); /* this thread */
  for (int i = 0; i < 5; i += 1) {
    spawn(lock_for_a_moment, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&acquired), 5);
  unlock(&mutex);
  lock(&mutex); /* and nobody stands in the way */
  unlock(&mutex);
  stop_runtime();
}

enum { QUEUE = 20 };
static uint64_t order[QUEUE];

static void *take_my_turn(void *arg) {
  lock(&mutex);
  order[count_up(&acquired) - 1] = (uint64_t)(uintptr_t)arg;
  CHECK_OK(strand_yield());
  unlock(&mutex);
  return NULL;
}

static void what_is_held_over_a_suspension_goes_to_the_first_who_waits(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    forget();
    start_runtime(workers);
    spawn(hold_until_told, NULL);
    await_count(&acquired, 1);
    count_set(&acquired, 0);
    for (uint64_t i = 0; i < QUEUE; i += 1) {
      const uint64_t parks = read_statistics().parks;
      spawn(take_my_turn, (void *)(uintptr_t)i);
      await_parks(parks + 1);
    }
    count_up(&ended);
    CHECK_OK(strand_scheduler_run());
    for (uint64_t i = 0; i < QUEUE; i += 1) {
      CHECK_EQUAL(order[i], i);
    }
    stop_runtime();
  }
}

static void *hold_for_ever(void *unused) {
  (void)unused;
  lock(&mutex);
  count_up(&acquired);
  while (count_read(&ended) == 0) {
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
  unlock(&mutex);
  return NULL;
}

static void *hold_over_a_yield(void *unused) {
  (void)unused;
  lock(&mutex);
  count_up(&acquired);
  CHECK_OK(strand_yield());
  unlock(&mutex);
  return NULL;
}

/* What it would be if an unlock woke everybody: those who come too late park once more. */
enum { HERD = 50 };
static strand_park_token herd[HERD];
static uint64_t in_the_herd; /* one worker */

static void wake_the_herd(void) {
  const uint64_t woken = in_the_herd;
  in_the_herd = 0;
  for (uint64_t i = 0; i < woken; i += 1) {
    CHECK_OK(strand_unpark(herd[i], 0));
  }
}

static void *lock_among_a_herd(void *unused) {
  (void)unused;
  while (strand_mutex_lock(&mutex, STRAND_NO_WAIT) != STRAND_OK) {
    strand_park_token token;
    CHECK_OK(strand_park_begin(&token));
    herd[in_the_herd++] = token;
    CHECK_OK(strand_park(token, STRAND_FOREVER, NULL));
  }
  count_up(&acquired);
  CHECK_OK(strand_yield());
  unlock(&mutex);
  wake_the_herd();
  return NULL;
}

static void *open_the_gate(void *unused) {
  (void)unused;
  lock(&mutex);
  count_up(&arrived);
  while (count_read(&ended) == 0) {
    CHECK_OK(strand_yield());
  }
  unlock(&mutex);
  wake_the_herd();
  return NULL;
}

/* How many waits it takes until all have had the mutex, of whom each has begun one. */
static uint64_t further_parks(uint32_t workers, strand_entry entry) {
  uint64_t parks;
  forget();
  in_the_herd = 0;
  start_runtime(workers);
  spawn(open_the_gate, NULL);
  await_count(&arrived, 1);
  parks = read_statistics().parks;
  for (uint64_t i = 0; i < HERD; i += 1) {
    spawn(entry, NULL);
    await_parks(parks + i + 1);
  }
  parks = read_statistics().parks;
  count_up(&ended);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&acquired), HERD);
  parks = read_statistics().parks - parks;
  stop_runtime();
  return parks;
}

static void an_unlock_wakes_one_and_nobody_waits_twice(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    CHECK_EQUAL(further_parks(workers, hold_over_a_yield), 0);
  }
}

static void control_an_unlock_that_wakes_all_lets_them_wait_again(void) {
  CHECK_NUMBERS(further_parks(1, lock_among_a_herd), >, HERD);
}

/* ------------------------------------------------------------------------------------------------ overtaking */

static uint64_t overtaken;
static int polls;

static void *wait_behind_a_greedy_one(void *unused) {
  (void)unused;
  count_up(&arrived);
  if (polls) {
    while (strand_mutex_lock(&mutex, STRAND_NO_WAIT) != STRAND_OK) {
      CHECK_OK(strand_yield());
    }
  } else {
    lock(&mutex);
  }
  count_up(&acquired);
  unlock(&mutex);
  return NULL;
}

/* Gives back and takes again without a suspension in between: a processor that has the mutex at hand. */
static void *take_it_again_and_again(void *unused) {
  const uint64_t parks = read_statistics().parks;
  (void)unused;
  lock(&mutex);
  spawn(wait_behind_a_greedy_one, NULL);
  while (polls ? count_read(&arrived) == 0 : read_statistics().parks == parks) {
    CHECK_OK(strand_yield()); /* the other one waits now */
  }
  overtaken = 0;
  unlock(&mutex);
  for (int i = 0; i < 10000; i += 1) {
    lock(&mutex);
    if (count_read(&acquired) == 0) {
      overtaken += 1;
    }
    unlock(&mutex);
  }
  return NULL;
}

static uint64_t overtaken_by_a_greedy_one(uint32_t workers) {
  forget();
  start_runtime(workers);
  spawn(take_it_again_and_again, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  return overtaken;
}

static void *hold_without_a_suspension(void *unused) {
  (void)unused;
  lock(&mutex);
  count_up(&arrived);
  while (count_read(&ended) == 0) {
    /* on its processor */
  }
  overtaken = 0;
  unlock(&mutex);
  for (int i = 0; i < 100000; i += 1) {
    lock(&mutex);
    if (count_read(&acquired) == 0) {
      overtaken += 1;
    }
    unlock(&mutex);
  }
  return NULL;
}

/* The same with a holder that was seen running, so the mutex is not handed over but raced for. */
static void one_who_waits_is_overtaken_a_bounded_number_of_times(void) {
  const int trials = shortened(scaled(100)) + 1;
  uint64_t most = 0;
  polls = 0;
  for (int i = 0; i < trials || (most == 0 && i < trials + 2000); i += 1) { /* on one processor it is not often raced for */
    uint64_t parks;
    forget();
    start_runtime(2);
    parks = read_statistics().parks;
    spawn(hold_without_a_suspension, NULL);
    await_count(&arrived, 1);
    spawn(wait_behind_a_greedy_one, NULL);
    await_parks(parks + 1);
    count_up(&ended);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
    most = overtaken > most ? overtaken : most;
  }
  printf("overtaken at most %" PRIu64 " times\n", most);
  CHECK_NUMBERS(most, <=, STRAND_MUTEX_OVERTAKING_MAX);
  CHECK_NUMBERS(most, >, 0); /* it was raced for */
}

static void one_who_waits_for_a_greedy_one_on_its_own_worker_gets_its_turn(void) {
  polls = 0;
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    CHECK_NUMBERS(overtaken_by_a_greedy_one(workers), <=, STRAND_MUTEX_OVERTAKING_MAX);
  }
}

static void control_one_who_polls_is_overtaken_as_often_as_it_happens(void) {
  polls = 1;
  CHECK_NUMBERS(overtaken_by_a_greedy_one(1), >, STRAND_MUTEX_OVERTAKING_MAX);
}

/* ---------------------------------------------------------------------------------------------- deadlocks */

static void *lock_crosswise(void *arg) {
  strand_mutex *first = arg;
  strand_mutex *other = first == &mutex ? &second : &mutex;
  lock(first);
  count_up(&arrived);
  while (count_read(&arrived) < 2) {
    CHECK_OK(strand_yield());
  }
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_mutex_lock(other, STRAND_FOREVER));
  unlock(first);
  return NULL;
}

static void a_deadlock_names_who_holds_what(void) {
  char expected[200];
  char dump[TEXT_CAPACITY];
  strand_id left;
  strand_id right;
  forget();
  start_runtime(2);
  left = spawn_named("left", lock_crosswise, &mutex);
  right = spawn_named("right", lock_crosswise, &second);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  snprintf(expected, sizeof expected, "\"left\" waits for mutex %#" PRIxPTR ", held by strand %#" PRIx64 " \"right\"",
           (uintptr_t)&second, right);
  CHECK_LAST_ERROR_SAYS(expected);
  strand_dump(dump, sizeof dump);
  CHECK_SAYS(dump, expected);
  strand_snapshot(dump, sizeof dump);
  snprintf(expected, sizeof expected, "\"holder\":\"held by strand %#" PRIx64 " \\\"left\\\"\"", left);
  CHECK_SAYS(dump, expected);
  stop_runtime();
}

static void *end_with_the_mutex(void *unused) {
  (void)unused;
  lock(&mutex);
  return NULL;
}
static void *lock_in_vain(void *unused) {
  (void)unused;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_mutex_lock(&mutex, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_mutex_unlock(&mutex));
  count_up(&ended);
  return NULL;
}

static void a_mutex_of_a_strand_that_has_ended_stays_locked_and_the_report_says_so(void) {
  forget();
  start_runtime(2);
  spawn(end_with_the_mutex, NULL);
  CHECK_OK(strand_scheduler_run());
  spawn(lock_in_vain, NULL);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS(", which has ended");
  stop_runtime(); /* cancels who waits */
  CHECK_EQUAL(count_read(&ended), 1);
}

/* ------------------------------------------------------------------------------------------------- OS threads */

static void *a_thread_takes_turns(void *unused) {
  (void)unused;
  for (int i = 0; i < 200; i += 1) {
    lock(&mutex);
    count_up(&acquired);
    unlock(&mutex);
  }
  return NULL;
}

static void a_thread_waits_for_a_strand_and_a_strand_for_a_thread(void) {
  pthread_t other;
  forget();
  start_runtime(2);
  spawn(hold_for_ever, NULL);
  await_count(&acquired, 1);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_mutex_lock(&mutex, strand_after(MILLISECONDS(3))));
  count_up(&ended);
  lock(&mutex);
  CHECK_OK(strand_external_acquire()); /* this thread will let go of what the others wait for */
  for (int i = 0; i < 3; i += 1) {
    spawn(a_thread_takes_turns, NULL);
  }
  other = start_thread(a_thread_takes_turns, NULL);
  let_strands_run(50);
  unlock(&mutex);
  join_thread(other);
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&acquired), 801);
  stop_runtime();
}

static void a_thread_unlocks_also_when_the_runtime_is_gone(void) {
  forget();
  start_runtime(1);
  lock(&mutex);
  stop_runtime();
  unlock(&mutex);
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_mutex_unlock(&mutex));
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_mutex_lock(&mutex, STRAND_FOREVER));
  start_runtime(1);
  CHECK_OK(strand_mutex_lock(&mutex, STRAND_NO_WAIT));
  unlock(&mutex);
  stop_runtime();
}

/* One that is still on its way into the call when all is over finds no runtime. */
static void *wait_out_the_shutdown(void *unused) {
  (void)unused;
  count_up(&arrived);
  const strand_status status = strand_mutex_lock(&mutex, STRAND_FOREVER);
  if (status != STRAND_ERR_NOT_INITIALISED) {
    CHECK_STATUS(STRAND_ERR_CANCELLED, status);
    count_up(&ended);
  }
  return NULL;
}

static void a_shutdown_ends_the_wait_of_a_thread(void) {
  uint64_t waited = 0;
  for (int64_t patience = MILLISECONDS(20); !waited; patience *= 2) {
    CHECK_NUMBERS(patience, <, SECONDS(20));
    pthread_t waiter;
    forget();
    start_runtime(2);
    spawn(end_with_the_mutex, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_external_acquire()); /* or the wait would be a deadlock */
    waiter = start_thread(wait_out_the_shutdown, NULL);
    await_count(&arrived, 1);
    nap(patience); /* lets it get from its counter into the call */
    stop_runtime();
    join_thread(waiter);
    waited = count_read(&ended);
  }
}

/* --------------------------------------------------------------------------------------------------- memory */

typedef struct shared_object {
  strand_mutex mutex;
  int references;
} shared_object;

/* The last one to give it back frees it, at once: nobody may touch the mutex after having unlocked it. */
static void *give_back(void *arg) {
  shared_object *object = arg;
  int last;
  lock(&object->mutex);
  last = --object->references == 0;
  unlock(&object->mutex);
  if (last) {
    memset(object, 0xff, sizeof *object);
    free(object);
    count_up(&ended);
  }
  return NULL;
}

static void a_mutex_may_be_freed_as_soon_as_it_was_unlocked(void) {
  const int objects = shortened(scaled(5000));
  forget();
  start_runtime(4);
  for (int i = 0; i < objects; i += 1) {
    shared_object *object = calloc(1, sizeof *object);
    CHECK(object != NULL);
    object->references = 4;
    for (int j = 0; j < 3; j += 1) {
      spawn(give_back, object);
    }
    if (i % 16 == 0 && !is_stepped()) {
      join_thread(start_thread(give_back, object));
    } else {
      give_back(object);
    }
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ended), objects);
  stop_runtime();
}

/* Many at once, so that many share a place in the lot; some give up, some only try. */
enum { MANY = 1500 };
static strand_mutex many[MANY];
static uint64_t held[MANY];
static uint64_t sums[MANY];
static uint64_t expected_sum;

static void *take_any(void *arg) {
  uint64_t state = (uint64_t)(uintptr_t)arg * 977 + 1;
  for (int i = 0; i < rounds; i += 1) {
    const uint64_t die = next_random(&state);
    const size_t one = (size_t)(die >> 32) % (die % 3 == 0 ? 3 : MANY);
    const int64_t deadline = die % 5 == 0 ? STRAND_NO_WAIT : die % 5 == 1 ? strand_after(1000) : STRAND_FOREVER;
    const strand_status status = strand_mutex_lock(&many[one], deadline);
    if (status != STRAND_OK) {
      CHECK(deadline == STRAND_NO_WAIT ? status == STRAND_ERR_WOULD_BLOCK : status == STRAND_ERR_TIMEOUT);
      continue;
    }
    CHECK_EQUAL(count_up(&held[one]), 1);
    sums[one] += 1;
    count_up(&expected_sum);
    if (die % 7 == 0) {
      CHECK_OK(strand_yield());
    }
    CHECK_EQUAL(__atomic_sub_fetch(&held[one], 1, __ATOMIC_SEQ_CST), 0);
    unlock(&many[one]);
  }
  return NULL;
}

static void many_mutexes_do_not_get_into_each_others_way(void) {
  rounds = shortened(scaled(3000));
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    uint64_t sum = 0;
    memset(many, 0, sizeof many);
    memset(sums, 0, sizeof sums);
    count_set(&expected_sum, 0);
    start_runtime(workers);
    for (uintptr_t i = 0; i < 30; i += 1) {
      spawn(take_any, (void *)i);
    }
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
    for (size_t i = 0; i < MANY; i += 1) {
      sum += sums[i];
      CHECK_EQUAL(many[i].opaque[0] & ((UINT64_C(1) << 58) - 1), 0); /* nobody owns it */
    }
    CHECK_EQUAL(sum, count_read(&expected_sum));
  }
}

int main(void) {
  CLAIM(one_holds_it_at_a_time);
  CLAIM_IF(takes_turns(), control_without_the_mutex_increments_are_lost, "the lot may give each its turn alone");
  CLAIM(the_owner_who_locks_again_is_told_at_once);
  CLAIM(an_unlock_by_another_names_the_owner);
  CLAIM(a_lock_that_times_out_holds_nothing);
  CLAIM(what_is_held_over_a_suspension_goes_to_the_first_who_waits);
  CLAIM(an_unlock_wakes_one_and_nobody_waits_twice);
  CLAIM_IF(has_workers_as_written(), control_an_unlock_that_wakes_all_lets_them_wait_again, "written for one worker");
  CLAIM_IF(has_workers_as_written(), one_who_waits_is_overtaken_a_bounded_number_of_times,
           "two run at the same time");
  CLAIM(one_who_waits_for_a_greedy_one_on_its_own_worker_gets_its_turn);
  CLAIM_IF(has_workers_as_written(), control_one_who_polls_is_overtaken_as_often_as_it_happens,
           "nobody else runs meanwhile");
  CLAIM(a_deadlock_names_who_holds_what);
  CLAIM(a_mutex_of_a_strand_that_has_ended_stays_locked_and_the_report_says_so);
  CLAIM(a_thread_waits_for_a_strand_and_a_strand_for_a_thread);
  CLAIM(a_thread_unlocks_also_when_the_runtime_is_gone);
  CLAIM(a_shutdown_ends_the_wait_of_a_thread);
  CLAIM(a_mutex_may_be_freed_as_soon_as_it_was_unlocked);
  CLAIM(many_mutexes_do_not_get_into_each_others_way);
  return 0;
}
