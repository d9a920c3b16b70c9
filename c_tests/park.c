/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=300 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* park and unpark: a token is one wait; exactly one waker wins it, everybody else is told STALE. */
#include "harness.h"

#include <sched.h>

static strand_park_token shared_token; /* written before token_ready is raised */
static uint64_t token_ready;
static uint64_t wins;
static uint64_t stale;
static uint64_t winning_value;
static uint64_t ran;

static void publish(strand_park_token token) {
  __atomic_store_n(&shared_token, token, __ATOMIC_SEQ_CST);
  count_up(&token_ready);
}
static strand_park_token published(void) { return __atomic_load_n(&shared_token, __ATOMIC_SEQ_CST); }

static void forget(void) {
  publish(0);
  count_set(&token_ready, 0);
  count_set(&wins, 0);
  count_set(&stale, 0);
  count_set(&winning_value, 0);
  count_set(&ran, 0);
}

static void *park_for_a_value(void *arg) {
  strand_park_token token = 0;
  uint64_t value = 0;
  CHECK_OK(strand_park_begin(&token));
  CHECK(token != 0 && token < (UINT64_C(1) << 62));
  publish(token);
  CHECK_OK(strand_park(token, STRAND_FOREVER, &value));
  *(uint64_t *)arg = value;
  CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(token, 5)); /* that wait is over */
  count_up(&ran);
  return NULL;
}

static void an_unpark_from_a_thread_delivers_its_value(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    uint64_t received = 0;
    forget();
    start_runtime(workers);
    spawn(park_for_a_value, &received);
    await_count(&token_ready, 1);
    CHECK_OK(strand_unpark(published(), UINT64_MAX - 3));
    CHECK_OK(strand_scheduler_run());
    CHECK(received == UINT64_MAX - 3);
    CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(published(), 1));
    stop_runtime();
  }
}

static void *unpark_the_published(void *arg) {
  (void)arg;
  while (count_read(&token_ready) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_unpark(published(), 77));
  return NULL;
}

static void an_unpark_from_a_strand_delivers_its_value(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    uint64_t received = 0;
    forget();
    start_runtime(workers);
    spawn(unpark_the_published, NULL);
    spawn(park_for_a_value, &received);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(received, 77);
    stop_runtime();
  }
}

static void *unpark_myself_first(void *arg) {
  strand_park_token token = 0;
  uint64_t value = 0;
  (void)arg;
  for (uint64_t round = 1; round <= 1000; round += 1) {
    CHECK_OK(strand_park_begin(&token));
    CHECK_OK(strand_unpark(token, round));
    CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(token, 1)); /* one waker wins, before the park as well */
    CHECK_OK(strand_park(token, STRAND_FOREVER, &value));
    CHECK_EQUAL(value, round);
  }
  count_up(&ran);
  return NULL;
}

static void an_unpark_before_the_park_is_not_lost(void) {
  forget();
  start_runtime(1);
  spawn(unpark_myself_first, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

static void *park_with_deadlines(void *arg) {
  strand_park_token token = 0;
  uint64_t value = 9;
  int64_t deadline;
  (void)arg;
  CHECK_OK(strand_park_begin(&token));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_park(token, STRAND_NO_WAIT, &value));
  CHECK_OK(strand_park_begin(&token));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_park(token, 1, &value));
  CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(token, 1));
  CHECK_OK(strand_park_begin(&token));
  deadline = strand_after(MILLISECONDS(5));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_park(token, deadline, &value));
  CHECK_NUMBERS(strand_now(), >=, deadline);
  CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(token, 1));
  CHECK_OK(strand_park_begin(&token));
  CHECK_OK(strand_unpark(token, 4));
  CHECK_OK(strand_park(token, 1, &value)); /* a deadline in the past tries once */
  CHECK_EQUAL(value, 4);
  CHECK_OK(strand_park_begin(&token));
  CHECK_OK(strand_unpark(token, 6));
  CHECK_OK(strand_park(token, STRAND_NO_WAIT, &value));
  CHECK_EQUAL(value, 6);
  CHECK_OK(strand_park_begin(&token));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_park(token, -2, &value));
  CHECK_EQUAL(value, 6); /* results are written only on OK */
  count_up(&ran);
  return NULL;
}

static void park_keeps_its_deadline_and_its_token_ends_with_it(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    forget();
    start_runtime(workers);
    spawn(park_with_deadlines, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1);
    stop_runtime();
  }
}

/* ------------------------------------------------------------------------------- n wakers on one wait */

enum { WAKERS = 6, ROUNDS = 40 };

static int seeded_defect; /* for the control: one waker that lost claims to have won */

static void wake_and_count(strand_park_token token, uint64_t value) {
  strand_status status = strand_unpark(token, value);
  if (seeded_defect && value % 1000 == 20 && status == STRAND_ERR_STALE) {
    status = STRAND_OK;
  }
  if (status == STRAND_OK) {
    count_set(&winning_value, value); /* before the count that publishes it */
    count_up(&wins);
  } else {
    CHECK_EQUAL(status, STRAND_ERR_STALE);
    count_up(&stale);
  }
}

static void *wake_every_round(void *arg) {
  const uint64_t waker = (uint64_t)(uintptr_t)arg;
  for (uint64_t round = 1; round <= ROUNDS; round += 1) {
    while (count_read(&token_ready) < round) {
      if (strand_self() != 0) {
        CHECK_OK(strand_yield());
      } else {
        sched_yield();
      }
    }
    wake_and_count(published(), waker * 1000 + round);
  }
  return NULL;
}

static int64_t race_deadline;
static uint64_t timeouts;

static void *be_woken_every_round(void *arg) {
  (void)arg;
  for (uint64_t round = 1; round <= ROUNDS; round += 1) {
    strand_park_token token = 0;
    uint64_t value = 0;
    strand_status status;
    CHECK_OK(strand_park_begin(&token));
    publish(token);
    status = strand_park(token, race_deadline > 0 ? strand_after(race_deadline) : STRAND_FOREVER, &value);
    while (count_read(&wins) + count_read(&stale) < WAKERS * round) {
      CHECK_OK(strand_yield());
    }
    if (status == STRAND_OK) {
      CHECK_EQUAL(count_read(&wins) + count_read(&timeouts), round);
      CHECK_EQUAL(value, count_read(&winning_value));
      CHECK_EQUAL(value % 1000, round); /* never a wake of another wait */
    } else {
      CHECK_EQUAL(status, STRAND_ERR_TIMEOUT);
      count_up(&timeouts);
      CHECK_EQUAL(count_read(&wins) + count_read(&timeouts), round); /* then nobody won */
    }
  }
  count_up(&ran);
  return NULL;
}

static void race_the_wakers(uint32_t workers) {
  pthread_t threads[WAKERS / 2];
  forget();
  count_set(&timeouts, 0);
  start_runtime(workers);
  CHECK_OK(strand_external_acquire());
  spawn(be_woken_every_round, NULL);
  for (uintptr_t waker = 0; waker < WAKERS / 2; waker += 1) {
    threads[waker] = start_thread(wake_every_round, (void *)(waker + 1));
    spawn(wake_every_round, (void *)(waker + 1 + WAKERS / 2));
  }
  CHECK_OK(strand_scheduler_run());
  for (int waker = 0; waker < WAKERS / 2; waker += 1) {
    join_thread(threads[waker]);
  }
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_EQUAL(count_read(&wins) + count_read(&timeouts), ROUNDS);
  CHECK_EQUAL(count_read(&stale), WAKERS * ROUNDS - count_read(&wins));
  CHECK_OK(strand_external_release());
  stop_runtime();
}

/* Negative control: two winners of one wait in 40 do not pass. */
static void race_with_a_defect(void) { race_the_wakers(2); }
static void a_second_winner_is_noticed(void) {
  child result;
  race_deadline = 0;
  seeded_defect = 1;
  run_child(&result, race_with_a_defect);
  seeded_defect = 0;
  CHECK_CHILD_FAILED(&result);
}

static void of_many_wakers_on_one_wait_exactly_one_wins(void) {
  race_deadline = 0;
  race_the_wakers(1);
  race_the_wakers(2);
  race_the_wakers(4);
  CHECK_EQUAL(count_read(&timeouts), 0);
}

static void wakers_and_a_deadline_race_and_exactly_one_wins(void) {
  race_deadline = 2000;
  race_the_wakers(1);
  race_the_wakers(2);
  race_the_wakers(4);
}

/* --------------------------------------------------------------------------- begin without park, misuse */

static strand_chan channel;

static void *begin_and_do_something_else(void *arg) {
  strand_park_token old = 0;
  strand_park_token token = 0;
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_park_begin(&old));
  CHECK_OK(strand_park_begin(&token));
  CHECK(old != token);
  CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(old, 1));
  CHECK_STATUS(STRAND_ERR_STALE, strand_park(old, STRAND_FOREVER, &value));
  CHECK_OK(strand_unpark(token, 11));
  CHECK_OK(strand_park(token, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 11);
  CHECK_STATUS(STRAND_ERR_STALE, strand_park(token, STRAND_FOREVER, &value));

  /* A wait that was begun lasts until its park, whatever the strand does in between, and disturbs none of it. */
  for (uint64_t message = 0; message < 2; message += 1) {
    CHECK_OK(strand_park_begin(&old));
    publish(old);
    CHECK_OK(strand_chan_recv(channel, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, 1000 + message); /* not what the unpark had to say */
    CHECK_OK(strand_sleep(1000));
    CHECK_OK(strand_park(old, STRAND_FOREVER, &value));
    CHECK_EQUAL(value, 99);
    CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(old, 1));
  }
  count_up(&ran);
  return NULL;
}

static void *unpark_then_send(void *arg) {
  (void)arg;
  for (uint64_t message = 0; message < 2; message += 1) {
    const uint64_t value = 1000 + message;
    while (count_read(&token_ready) <= message) {
      CHECK_OK(strand_sleep(1000)); /* not a yield: a virtual clock would stand still, and the other one sleeps too */
    }
    CHECK_OK(strand_unpark(published(), 99)); /* it waits in receive by now */
    for (int turn = 0; turn < 100; turn += 1) {
      CHECK_OK(strand_yield());
      CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(published(), 98));
    }
    CHECK_OK(strand_chan_send(channel, &value, STRAND_FOREVER));
  }
  return NULL;
}

static void a_wait_that_was_begun_disturbs_no_other(void) {
  forget();
  start_runtime(1);
  channel = new_channel(sizeof(uint64_t), 0);
  spawn(begin_and_do_something_else, NULL);
  spawn(unpark_then_send, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

static void *park_on_the_token_of_another(void *arg) {
  uint64_t value = 0;
  (void)arg;
  while (count_read(&token_ready) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_STATUS(STRAND_ERR_INVALID, strand_park(published(), STRAND_FOREVER, &value));
  CHECK(strand_last_error(NULL, 0) > 0);
  CHECK_OK(strand_unpark(published(), 3));
  return NULL;
}

static void parking_on_the_token_of_another_strand_is_invalid(void) {
  uint64_t received = 0;
  forget();
  start_runtime(2);
  spawn(park_for_a_value, &received);
  spawn(park_on_the_token_of_another, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(received, 3);
  stop_runtime();
}

static void *begin_and_end(void *arg) {
  strand_park_token token = 0;
  (void)arg;
  CHECK_OK(strand_park_begin(&token));
  publish(token);
  return NULL;
}

static void the_token_of_an_ended_strand_is_stale(void) {
  forget();
  start_runtime(1);
  spawn(begin_and_end, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(published(), 1));
  spawn(begin_and_end, NULL); /* most likely in the same block: still another wait */
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(published(), 1));
  stop_runtime();
}

static void *park_without_a_value_pointer(void *arg) {
  strand_park_token token = 0;
  (void)arg;
  CHECK_OK(strand_park_begin(&token));
  CHECK_OK(strand_unpark(token, 1));
  CHECK_OK(strand_park(token, STRAND_FOREVER, NULL));
  count_up(&ran);
  return NULL;
}

static void the_value_pointer_of_park_may_be_null(void) {
  forget();
  start_runtime(1);
  spawn(park_without_a_value_pointer, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

/* Two strands hand a turn back and forth through tokens alone: no wake-up may be lost in 20,000. */
#define HANDOVERS shortened(10000)
static strand_park_token turn_of[2];

static void *hand_over(void *arg) {
  const uintptr_t me = (uintptr_t)arg;
  for (int turn = 0; turn < HANDOVERS; turn += 1) {
    strand_park_token token = 0;
    strand_park_token other;
    uint64_t value = 0;
    CHECK_OK(strand_park_begin(&token));
    __atomic_store_n(&turn_of[me], token, __ATOMIC_SEQ_CST);
    if (me == 0 || turn > 0) {
      do {
        other = __atomic_exchange_n(&turn_of[1 - me], 0, __ATOMIC_SEQ_CST);
        if (other == 0) {
          CHECK_OK(strand_yield());
        }
      } while (other == 0);
      CHECK_OK(strand_unpark(other, (uint64_t)turn));
    }
    if (me == 1 || turn + 1 < HANDOVERS) {
      CHECK_OK(strand_park(token, STRAND_FOREVER, &value));
    }
  }
  count_up(&ran);
  return NULL;
}

static void no_wake_up_is_lost_between_two_strands(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    forget();
    turn_of[0] = 0;
    turn_of[1] = 0;
    start_runtime(workers);
    spawn(hand_over, (void *)(uintptr_t)0);
    spawn(hand_over, (void *)(uintptr_t)1);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 2);
    stop_runtime();
  }
}

int main(void) {
  CLAIM(a_second_winner_is_noticed); /* the child first: before any init here */
  CLAIM(an_unpark_from_a_thread_delivers_its_value);
  CLAIM(an_unpark_from_a_strand_delivers_its_value);
  CLAIM(an_unpark_before_the_park_is_not_lost);
  CLAIM(park_keeps_its_deadline_and_its_token_ends_with_it);
  CLAIM(of_many_wakers_on_one_wait_exactly_one_wins);
  CLAIM(wakers_and_a_deadline_race_and_exactly_one_wins);
  CLAIM(a_wait_that_was_begun_disturbs_no_other);
  CLAIM(parking_on_the_token_of_another_strand_is_invalid);
  CLAIM(the_token_of_an_ended_strand_is_stale);
  CLAIM(the_value_pointer_of_park_may_be_null);
  CLAIM(no_wake_up_is_lost_between_two_strands);
  return 0;
}
