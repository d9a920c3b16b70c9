/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* A deadlock is reported with who waits on what, ends nothing, and is never a false alarm under a hold. */
#include "harness.h"

#include <sched.h>

static strand_chan left;
static strand_chan right;
static uint64_t ran;

typedef struct crossing {
  strand_chan *wait_for;
  strand_chan *then_send;
} crossing;

static crossing alpha = {&left, &right};
static crossing beta = {&right, &left};

/* Each waits for the other before it sends: the classic. */
static void *wait_then_send(void *arg) {
  const crossing *mine = arg;
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(*mine->wait_for, &value, STRAND_FOREVER));
  CHECK_OK(strand_chan_send(*mine->then_send, &value, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void a_deadlock_names_strands_and_channels_and_ends_nothing(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    const uint64_t value = 1;
    count_set(&ran, 0);
    start_runtime(workers);
    left = new_named_channel("left-lane", sizeof value, 0);
    right = new_named_channel("right-lane", sizeof value, 1);
    spawn_named("alpha-strand", wait_then_send, &alpha);
    spawn_named("beta-strand", wait_then_send, &beta);
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
    CHECK_LAST_ERROR_SAYS("alpha-strand");
    CHECK_LAST_ERROR_SAYS("beta-strand");
    CHECK_LAST_ERROR_SAYS("left-lane");
    CHECK_LAST_ERROR_SAYS("right-lane");
    CHECK_EQUAL(count_read(&ran), 0);
    CHECK_EQUAL(read_statistics().live, 2);
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run()); /* still so */
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_wait_all(STRAND_FOREVER));
    CHECK_OK(strand_chan_send(right, &value, STRAND_FOREVER)); /* beta sends on left, alpha wakes */
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 2);
    CHECK_OK(strand_chan_release(left));
    CHECK_OK(strand_chan_release(right));
    stop_runtime();
  }
}

static strand_park_token token;
static void *park_for_ever(void *arg) {
  strand_park_token mine = 0;
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_park_begin(&mine));
  __atomic_store_n(&token, mine, __ATOMIC_SEQ_CST);
  CHECK_OK(strand_park(mine, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 8);
  count_up(&ran);
  return NULL;
}

static void after_a_deadlock_an_unpark_from_outside_and_another_run_go_on(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    start_runtime(workers);
    spawn_named("parked-strand", park_for_ever, NULL);
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
    CHECK_LAST_ERROR_SAYS("parked-strand");
    CHECK_OK(strand_unpark(__atomic_load_n(&token, __ATOMIC_SEQ_CST), 8));
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1);
    stop_runtime();
  }
}

static void *receive_one(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &value, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}
static void *send_one(void *arg) {
  const uint64_t value = 1;
  CHECK_OK(strand_chan_send(*(strand_chan *)arg, &value, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}
static void *join_the_given(void *arg) {
  CHECK_OK(strand_join(*(strand_id *)arg, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void a_deadlock_of_senders_receivers_and_joiners_names_each(void) {
  strand_id receiver;
  uint64_t value = 1;
  count_set(&ran, 0);
  start_runtime(2);
  left = new_named_channel("nobody-sends", sizeof value, 0);
  right = new_named_channel("nobody-receives", sizeof value, 0);
  receiver = spawn_named("a-receiver", receive_one, &left);
  spawn_named("a-sender", send_one, &right);
  spawn_named("a-joiner", join_the_given, &receiver);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("a-receiver");
  CHECK_LAST_ERROR_SAYS("a-sender");
  CHECK_LAST_ERROR_SAYS("a-joiner");
  CHECK_LAST_ERROR_SAYS("nobody-sends");
  CHECK_LAST_ERROR_SAYS("nobody-receives");
  CHECK_OK(strand_chan_recv(right, &value, STRAND_FOREVER));
  CHECK_OK(strand_chan_send(left, &value, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 3);
  CHECK_OK(strand_chan_release(left));
  CHECK_OK(strand_chan_release(right));
  stop_runtime();
}

static void *join_a_partner(void *arg) {
  const strand_id *partner = arg;
  while (__atomic_load_n(partner, __ATOMIC_SEQ_CST) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_join(__atomic_load_n(partner, __ATOMIC_SEQ_CST), STRAND_FOREVER));
  return NULL;
}

static void two_strands_that_join_one_another_are_a_deadlock(void) {
  static strand_id partners[2];
  memset(partners, 0, sizeof partners);
  start_runtime(2);
  __atomic_store_n(&partners[0], spawn_named("first-joiner", join_a_partner, &partners[1]), __ATOMIC_SEQ_CST);
  __atomic_store_n(&partners[1], spawn_named("second-joiner", join_a_partner, &partners[0]), __ATOMIC_SEQ_CST);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("first-joiner");
  CHECK_LAST_ERROR_SAYS("second-joiner");
  stop_runtime(); /* cancels both */
}

static strand_status told;
static void *wait_for_all_others(void *arg) {
  (void)arg;
  told = strand_wait_all(STRAND_FOREVER);
  return NULL;
}

static void wait_all_inside_a_strand_is_told_of_a_deadlock(void) {
  const uint64_t value = 1;
  count_set(&ran, 0);
  told = STRAND_OK;
  start_runtime(2);
  left = new_channel(sizeof value, 0);
  spawn(receive_one, &left);
  CHECK_OK(strand_join(spawn(wait_for_all_others, NULL), STRAND_FOREVER));
  CHECK_EQUAL(told, STRAND_ERR_DEADLOCK);
  CHECK_OK(strand_chan_send(left, &value, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(left));
  stop_runtime();
}

/* -------------------------------------------------------------------------------------- no false alarm */

static void *send_late(void *arg) {
  const uint64_t value = 1;
  (void)arg;
  nap(MILLISECONDS(200));
  CHECK_OK(strand_chan_send(left, &value, STRAND_FOREVER));
  CHECK_OK(strand_external_release());
  return NULL;
}

static void a_thread_that_sends_late_under_a_hold_causes_no_alarm(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    pthread_t thread;
    count_set(&ran, 0);
    start_runtime(workers);
    left = new_channel(sizeof(uint64_t), 0);
    spawn(receive_one, &left);
    CHECK_OK(strand_external_acquire());
    thread = start_thread(send_late, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1);
    join_thread(thread);
    CHECK_OK(strand_chan_release(left));
    stop_runtime();
  }
}

static uint64_t alarm_was_given;
static void *send_after_the_alarm(void *arg) {
  const uint64_t value = 1;
  (void)arg;
  await_count(&alarm_was_given, 1);
  CHECK_OK(strand_chan_send(left, &value, STRAND_FOREVER));
  return NULL;
}

/* The documented behaviour for a program that does not announce its foreign wakers. */
static void without_a_hold_the_alarm_is_given_and_a_later_send_still_works(void) {
  pthread_t thread;
  count_set(&ran, 0);
  count_set(&alarm_was_given, 0);
  start_runtime(2);
  left = new_channel(sizeof(uint64_t), 0);
  spawn(receive_one, &left);
  thread = start_thread(send_after_the_alarm, NULL);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  count_set(&alarm_was_given, 1);
  join_thread(thread);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_OK(strand_chan_release(left));
  stop_runtime();
}

static void *release_the_hold_late(void *arg) {
  (void)arg;
  nap(MILLISECONDS(20));
  CHECK_OK(strand_external_release());
  return NULL;
}

/* A run that is already waiting notices that the last hold is gone. */
static void the_alarm_comes_when_the_last_hold_is_released(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    pthread_t thread;
    const uint64_t value = 1;
    count_set(&ran, 0);
    start_runtime(workers);
    left = new_channel(sizeof(uint64_t), 0);
    spawn(receive_one, &left);
    CHECK_OK(strand_external_acquire());
    CHECK_OK(strand_external_acquire());
    CHECK_OK(strand_external_release()); /* counted */
    thread = start_thread(release_the_hold_late, NULL);
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
    join_thread(thread);
    CHECK_OK(strand_chan_send(left, &value, STRAND_FOREVER));
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_chan_release(left));
    stop_runtime();
  }
}

static void a_release_without_an_acquire_is_invalid(void) {
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_external_release());
  CHECK(strand_last_error(NULL, 0) > 0);
  CHECK_OK(strand_external_acquire());
  CHECK_OK(strand_external_release());
  CHECK_STATUS(STRAND_ERR_INVALID, strand_external_release());
  stop_runtime();
}

static void *receive_with_a_deadline(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(left, &value, strand_after(MILLISECONDS(20))));
  count_up(&ran);
  return NULL;
}
static void *sleep_then_send(void *arg) {
  const uint64_t value = 1;
  (void)arg;
  CHECK_OK(strand_sleep(MILLISECONDS(20)));
  CHECK_OK(strand_chan_send(right, &value, STRAND_FOREVER));
  return NULL;
}

static void a_pending_timer_is_no_deadlock(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&ran, 0);
    start_runtime(workers);
    left = new_channel(sizeof(uint64_t), 0);
    right = new_channel(sizeof(uint64_t), 0);
    spawn(receive_with_a_deadline, NULL);
    spawn(receive_one, &right);
    spawn(sleep_then_send, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 2);
    CHECK_OK(strand_chan_release(left));
    CHECK_OK(strand_chan_release(right));
    stop_runtime();
  }
}

static void *ask(void *arg) {
  (void)arg;
  for (uint64_t message = 0; message < 20; message += 1) {
    uint64_t value = 0;
    CHECK_OK(strand_chan_send(left, &message, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(right, &value, STRAND_FOREVER));
  }
  return NULL;
}
static void *answer(void *arg) {
  (void)arg;
  for (int message = 0; message < 20; message += 1) {
    uint64_t value = 0;
    CHECK_OK(strand_chan_recv(left, &value, STRAND_FOREVER));
    CHECK_OK(strand_chan_send(right, &value, STRAND_FOREVER));
  }
  return NULL;
}

/* The counters cross zero all the time here: an alarm that looks at them one after the other goes off. */
static void strands_that_wake_one_another_never_cause_an_alarm(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    start_runtime(workers);
    left = new_channel(sizeof(uint64_t), 0);
    right = new_channel(sizeof(uint64_t), 0);
    for (int round = 0; round < shortened(3000); round += 1) {
      spawn(ask, NULL);
      spawn(answer, NULL);
      CHECK_OK(strand_scheduler_run());
    }
    CHECK_OK(strand_chan_release(left));
    CHECK_OK(strand_chan_release(right));
    stop_runtime();
  }
}

/* And the other way round: every real deadlock is found, by counting, however often. */
static void every_one_of_many_deadlocks_is_found(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&ran, 0);
    start_runtime(workers);
    left = new_channel(sizeof(uint64_t), 0);
    right = new_channel(sizeof(uint64_t), 0);
    for (uint64_t round = 1; round <= (uint64_t)shortened(1000); round += 1) {
      const uint64_t value = 1;
      spawn(ask, NULL);
      spawn(answer, NULL);
      spawn(receive_one, &left); /* takes one message away from the pair */
      CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
      while (read_statistics().live > 0) {
        uint64_t taken = 0;
        (void)strand_chan_try_send(left, &value);
        (void)strand_chan_try_recv(left, &taken);
        (void)strand_chan_try_recv(right, &taken);
        (void)strand_chan_try_send(right, &value);
        if (is_stepped()) {
          let_strands_run(1);
        } else {
          sched_yield();
        }
      }
      CHECK_OK(strand_scheduler_run());
    }
    CHECK_OK(strand_chan_release(left));
    CHECK_OK(strand_chan_release(right));
    stop_runtime();
  }
}

static uint64_t threads_in_receive;
static void *receive_in_a_thread(void *arg) {
  uint64_t value = 0;
  count_up(&threads_in_receive);
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &value, STRAND_FOREVER));
  return NULL;
}

/* An OS thread that only waits makes nobody ready: no reason to hold the alarm back. */
static void a_thread_that_waits_itself_does_not_hold_the_alarm_back(void) {
  pthread_t thread;
  const uint64_t value = 1;
  count_set(&ran, 0);
  count_set(&threads_in_receive, 0);
  start_runtime(2);
  left = new_channel(sizeof(uint64_t), 0);
  right = new_channel(sizeof(uint64_t), 0);
  thread = start_thread(receive_in_a_thread, &right);
  await_count(&threads_in_receive, 1);
  spawn(receive_one, &left);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_OK(strand_chan_send(left, &value, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_send(right, &value, STRAND_FOREVER));
  join_thread(thread);
  CHECK_OK(strand_chan_release(left));
  CHECK_OK(strand_chan_release(right));
  stop_runtime();
}

static void an_uncounted_strand_that_waits_is_no_deadlock(void) {
  start_runtime(2);
  left = new_channel(sizeof(uint64_t), 0);
  {
    const uint64_t value = 1;
    spawn_flagged(STRAND_SPAWN_UNCOUNTED, receive_one, &left);
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_chan_send(left, &value, STRAND_FOREVER));
  }
  CHECK_OK(strand_chan_release(left));
  stop_runtime();
}

int main(void) {
  CLAIM(a_deadlock_names_strands_and_channels_and_ends_nothing);
  CLAIM(after_a_deadlock_an_unpark_from_outside_and_another_run_go_on);
  CLAIM(a_deadlock_of_senders_receivers_and_joiners_names_each);
  CLAIM(two_strands_that_join_one_another_are_a_deadlock);
  CLAIM(wait_all_inside_a_strand_is_told_of_a_deadlock);
  CLAIM(a_thread_that_sends_late_under_a_hold_causes_no_alarm);
  CLAIM(without_a_hold_the_alarm_is_given_and_a_later_send_still_works);
  CLAIM(the_alarm_comes_when_the_last_hold_is_released);
  CLAIM(a_release_without_an_acquire_is_invalid);
  CLAIM(a_pending_timer_is_no_deadlock);
  CLAIM(strands_that_wake_one_another_never_cause_an_alarm);
  CLAIM(every_one_of_many_deadlocks_is_found);
  CLAIM_IF(is_parallel(), a_thread_that_waits_itself_does_not_hold_the_alarm_back,
           "a thread that waits drives, and is told of the deadlock itself");
  CLAIM(an_uncounted_strand_that_waits_is_no_deadlock);
  return 0;
}
