/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* The end of a channel: close drains then says CLOSED, release frees and then says STALE, references are counted. */
#include "harness.h"

static strand_chan channel;
static uint64_t ran;
static uint64_t sent;

static void recv_on_closed_empty_channel_returns_closed(void) {
  static const size_t capacities[] = {0, 1, 3, STRAND_UNBOUNDED};
  start_runtime(1);
  for (size_t capacity = 0; capacity < sizeof capacities / sizeof capacities[0]; capacity += 1) {
    uint64_t value = 5;
    channel = new_channel(sizeof value, capacities[capacity]);
    CHECK_OK(strand_chan_close(channel));
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(channel, &value, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(channel, &value, STRAND_NO_WAIT));
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_try_recv(channel, &value));
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_send(channel, &value, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_try_send(channel, &value));
    CHECK_EQUAL(value, 5);
    CHECK_OK(strand_chan_release(channel));
  }
  stop_runtime();
}

static void close_drains_then_says_closed(void) {
  uint64_t value = 0;
  start_runtime(1);
  channel = new_channel(sizeof value, 8);
  for (value = 0; value < 8; value += 1) {
    CHECK_OK(strand_chan_try_send(channel, &value));
  }
  CHECK_OK(strand_chan_close(channel));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_send(channel, &value, STRAND_FOREVER)); /* senders at once */
  for (uint64_t expected = 0; expected < 8; expected += 1) {
    CHECK_OK(strand_chan_recv(channel, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, expected);
  }
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(channel, &value, STRAND_FOREVER));
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

static void *receive_until_closed(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(channel, &value, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}
static void *receive_until_closed_by_deadline(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(channel, &value, strand_after(SECONDS(1000))));
  count_up(&ran);
  return NULL;
}
static void *send_until_closed(void *arg) {
  const uint64_t value = 1;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_send(channel, &value, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void close_on_waiters(size_t capacity, strand_entry waiter) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    pthread_t threads[3];
    uint64_t parks;
    const uint64_t value = 0;
    count_set(&ran, 0);
    start_runtime(workers);
    CHECK_OK(strand_external_acquire());
    channel = new_channel(sizeof value, capacity);
    while (waiter == send_until_closed && strand_chan_try_send(channel, &value) == STRAND_OK) {
    }
    parks = read_statistics().parks;
    for (int strand = 0; strand < 50; strand += 1) {
      spawn(waiter, NULL);
    }
    await_parks(parks + 50);
    for (int thread = 0; thread < 3; thread += 1) {
      threads[thread] = start_thread(waiter, NULL);
    }
    CHECK_OK(strand_chan_close(channel));
    CHECK_OK(strand_external_release());
    CHECK_OK(strand_scheduler_run());
    for (int thread = 0; thread < 3; thread += 1) {
      join_thread(threads[thread]);
    }
    CHECK_EQUAL(count_read(&ran), 53);
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
  }
}

static void close_wakes_every_receiver(void) {
  close_on_waiters(0, receive_until_closed);
  close_on_waiters(3, receive_until_closed);
  close_on_waiters(STRAND_UNBOUNDED, receive_until_closed);
  close_on_waiters(3, receive_until_closed_by_deadline);
}
static void close_wakes_every_sender(void) {
  close_on_waiters(0, send_until_closed);
  close_on_waiters(3, send_until_closed);
}

static void wait_for_release_on_strands(size_t capacity, strand_entry waiter) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    uint64_t parks;
    uint64_t value = 0;
    size_t length = 0;
    count_set(&ran, 0);
    start_runtime(workers);
    channel = new_channel(sizeof value, capacity);
    while (waiter == send_until_closed && strand_chan_try_send(channel, &value) == STRAND_OK) {
    }
    parks = read_statistics().parks;
    for (int strand = 0; strand < 50; strand += 1) {
      spawn(waiter, NULL);
    }
    await_parks(parks + 50);
    CHECK_OK(strand_chan_release(channel));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_release(channel));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_retain(channel));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_close(channel));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_send(channel, &value, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_recv(channel, &value, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_try_send(channel, &value));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_try_recv(channel, &value));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_length(channel, &length));
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 50);
    stop_runtime();
  }
}

static void the_last_release_closes_then_the_handle_is_stale(void) {
  wait_for_release_on_strands(0, receive_until_closed);
  wait_for_release_on_strands(2, receive_until_closed);
  wait_for_release_on_strands(0, send_until_closed);
  wait_for_release_on_strands(2, send_until_closed);
}

static void retain_and_release_are_counted(void) {
  uint64_t value = 1;
  start_runtime(1);
  channel = new_channel(sizeof value, 1);
  for (int reference = 0; reference < 1000; reference += 1) {
    CHECK_OK(strand_chan_retain(channel));
  }
  for (int reference = 0; reference < 1000; reference += 1) {
    CHECK_OK(strand_chan_release(channel));
    CHECK_OK(strand_chan_try_send(channel, &value));
    CHECK_OK(strand_chan_try_recv(channel, &value));
  }
  CHECK_OK(strand_chan_release(channel));
  CHECK_STATUS(STRAND_ERR_STALE, strand_chan_try_send(channel, &value));
  stop_runtime();
}

static void a_new_channel_never_has_the_handle_of_an_old_one(void) {
  strand_chan old[1000];
  uint64_t value = 1;
  start_runtime(1);
  for (int round = 0; round < 1000; round += 1) {
    old[round] = new_channel(sizeof value, 1);
    CHECK(round == 0 || old[round] != old[round - 1]);
    CHECK(old[round] < (UINT64_C(1) << 62));
    CHECK_OK(strand_chan_release(old[round]));
  }
  channel = new_channel(sizeof value, 1);
  for (int round = 0; round < 1000; round += 1) {
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_try_send(old[round], &value));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_release(old[round]));
  }
  CHECK_OK(strand_chan_try_send(channel, &value));
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

/* -------------------------------------------------------------------------- close and release in a race */

static uint64_t received;

static void *send_until_refused(void *arg) {
  uint64_t value = 1;
  (void)arg;
  for (;;) {
    const strand_status status = strand_chan_send(channel, &value, STRAND_FOREVER);
    if (status != STRAND_OK) {
      CHECK_EQUAL(status, STRAND_ERR_CLOSED);
      break;
    }
    count_up(&sent);
    (void)strand_yield(); /* a send that finds room need not suspend */
  }
  return NULL;
}
static void *receive_until_refused(void *arg) {
  uint64_t value = 0;
  (void)arg;
  for (;;) {
    const strand_status status = strand_chan_recv(channel, &value, STRAND_FOREVER);
    if (status != STRAND_OK) {
      CHECK_EQUAL(status, STRAND_ERR_CLOSED);
      break;
    }
    count_up(&received);
  }
  return NULL;
}

/* What was sent with OK is received, whatever the moment of the close; nothing is received twice. */
static void close_beside_senders_and_receivers_loses_nothing(void) {
  static const size_t capacities[] = {0, 1, 3, STRAND_UNBOUNDED};
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    start_runtime(workers);
    for (int round = 0; round < 100; round += 1) {
      count_set(&sent, 0);
      count_set(&received, 0);
      CHECK_OK(strand_external_acquire());
      channel = new_channel(sizeof(uint64_t), capacities[round % 4]);
      for (int strand = 0; strand < 3; strand += 1) {
        spawn(send_until_refused, NULL);
        spawn(receive_until_refused, NULL);
      }
      await_count(&received, (uint64_t)round % 10);
      CHECK_OK(strand_chan_close(channel));
      CHECK_OK(strand_external_release());
      CHECK_OK(strand_scheduler_run());
      CHECK_EQUAL(count_read(&sent), count_read(&received));
      CHECK_OK(strand_chan_release(channel));
    }
    stop_runtime();
  }
}

static void *use_while_it_is_released(void *arg) {
  uint64_t value = 0;
  uint64_t dice = strand_self();
  (void)arg;
  for (;;) {
    const strand_status status = next_random(&dice) % 2 == 0 ? strand_chan_send(channel, &value, STRAND_FOREVER)
                                                               : strand_chan_recv(channel, &value, STRAND_NO_WAIT);
    if (status == STRAND_ERR_CLOSED || status == STRAND_ERR_STALE) {
      break;
    }
    CHECK(status == STRAND_OK || status == STRAND_ERR_WOULD_BLOCK);
    CHECK_OK(strand_yield());
  }
  count_up(&ran);
  return NULL;
}

static void release_beside_users_is_never_undefined(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    start_runtime(workers);
    for (int round = 0; round < 200; round += 1) {
      count_set(&ran, 0);
      CHECK_OK(strand_external_acquire());
      channel = new_channel(sizeof(uint64_t), 2);
      for (int strand = 0; strand < 6; strand += 1) {
        spawn(use_while_it_is_released, NULL);
      }
      CHECK_OK(strand_chan_release(channel));
      CHECK_OK(strand_external_release());
      CHECK_OK(strand_scheduler_run());
      CHECK_EQUAL(count_read(&ran), 6);
    }
    stop_runtime();
  }
}

/* --------------------------------------------------------------------------------------------- deadlines */

static void *keep_deadlines(void *arg) {
  uint64_t value = 3;
  int64_t deadline = strand_after(MILLISECONDS(5));
  const strand_chan empty = new_channel(sizeof value, 1);
  const strand_chan full = new_channel(sizeof value, 1);
  (void)arg;
  CHECK_OK(strand_chan_try_send(full, &value));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(empty, &value, deadline));
  CHECK_NUMBERS(strand_now(), >=, deadline);
  deadline = strand_after(MILLISECONDS(5));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_send(full, &value, deadline));
  CHECK_NUMBERS(strand_now(), >=, deadline);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(empty, &value, 1));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(empty, &value, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_chan_recv(empty, &value, -2));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_chan_send(full, &value, INT64_MIN));
  CHECK_OK(strand_chan_recv(full, &value, 1)); /* in the past: tries once, and there is one */
  CHECK_EQUAL(value, 3);
  CHECK_OK(strand_chan_send(full, &value, 1));
  CHECK_OK(strand_chan_recv(full, &value, strand_after(INT64_MAX)));
  CHECK_OK(strand_chan_release(empty));
  CHECK_OK(strand_chan_release(full));
  count_up(&ran);
  return NULL;
}

static void deadlines_are_kept_on_strands_and_threads(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    start_runtime(workers);
    spawn(keep_deadlines, NULL);
    CHECK_OK(strand_scheduler_run());
    keep_deadlines(NULL);
    CHECK_EQUAL(count_read(&ran), 2);
    stop_runtime();
  }
}

static void *receive_with_short_deadlines(void *arg) {
  uint64_t value = 0;
  (void)arg;
  for (;;) {
    const strand_status status = strand_chan_recv(channel, &value, strand_after(1000));
    if (status == STRAND_ERR_CLOSED) {
      break;
    }
    CHECK(status == STRAND_OK || status == STRAND_ERR_TIMEOUT);
    count_add(&received, status == STRAND_OK);
  }
  return NULL;
}
static void *send_with_short_deadlines(void *arg) {
  uint64_t value = 0;
  (void)arg;
  for (int message = 0; message < 2000; message += 1) {
    const strand_status status = strand_chan_send(channel, &value, strand_after(1000));
    CHECK(status == STRAND_OK || status == STRAND_ERR_TIMEOUT);
    count_add(&sent, status == STRAND_OK);
  }
  if (count_up(&ran) == 3) {
    CHECK_OK(strand_chan_close(channel));
  }
  return NULL;
}

/* A transfer and a deadline race: OK on one side if and only if OK on the other. */
static void a_timed_out_send_delivers_nothing(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&sent, 0);
    count_set(&received, 0);
    count_set(&ran, 0);
    start_runtime(workers);
    channel = new_channel(sizeof(uint64_t), 0);
    for (int strand = 0; strand < 3; strand += 1) {
      spawn(send_with_short_deadlines, NULL);
      spawn(receive_with_short_deadlines, NULL);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&sent), count_read(&received));
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
  }
}

int main(void) {
  CLAIM(recv_on_closed_empty_channel_returns_closed);
  CLAIM(close_drains_then_says_closed);
  CLAIM(close_wakes_every_receiver);
  CLAIM(close_wakes_every_sender);
  CLAIM(the_last_release_closes_then_the_handle_is_stale);
  CLAIM(retain_and_release_are_counted);
  CLAIM(a_new_channel_never_has_the_handle_of_an_old_one);
  CLAIM(close_beside_senders_and_receivers_loses_nothing);
  CLAIM(release_beside_users_is_never_undefined);
  CLAIM(deadlines_are_kept_on_strands_and_threads);
  CLAIM(a_timed_out_send_delivers_nothing);
  return 0;
}
