/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* Timers: never early, each expiration once, a message or a count; what was stopped says nothing any more. */
#include "harness.h"

#include <stdbool.h>

static strand_chan ticks;
static strand_timer timer;
static uint64_t ran;

static strand_timer new_timer(strand_chan chan, uint64_t value) {
  strand_timer made = 0;
  CHECK_OK(strand_timer_new(chan, value, &made));
  CHECK(made != 0 && made < (UINT64_C(1) << 62));
  return made;
}

/* A claim that runs on one strand: the runtime around it. */
static void on_a_strand(strand_entry entry) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    start_runtime(workers);
    spawn(entry, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1);
    stop_runtime();
  }
}

/* What must be done before a time comes may come too late on a busy machine: it is tried again with a time that lies farther ahead. */
static int64_t twice(int64_t distance) {
  CHECK_NUMBERS(distance, <, SECONDS(4));
  return 2 * distance;
}

/* ------------------------------------------------------------------------------------------ never early */

#define SLEEPERS scaled(shortened(100000))
static int64_t *lateness;
static uint64_t places;

static int earlier(const void *left, const void *right) {
  const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static void *sleep_and_compare(void *arg) {
  const uint64_t place = (uint64_t)(uintptr_t)arg;
  uint64_t random = place * 2654435761 + 88172645463325252;
  int64_t deadline = 0;
  next_random(&random);
  switch (place % 3) {
    case 0:
      deadline = strand_after((int64_t)(next_random(&random) % 2000000)); /* below and about a tick */
      CHECK_OK(strand_sleep_until(deadline));
      break;
    case 1:
      deadline = strand_after((int64_t)(next_random(&random) % 150000000));
      CHECK_OK(strand_sleep_until(deadline));
      break;
    default: {
      strand_park_token token = 0;
      deadline = strand_after((int64_t)(next_random(&random) % 80000000));
      CHECK_OK(strand_park_begin(&token));
      CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_park(token, deadline, NULL));
    }
  }
  lateness[count_up(&places) - 1] = strand_now() - deadline;
  CHECK_NUMBERS(strand_now(), >=, deadline);
  return NULL;
}

static void a_hundred_thousand_random_deadlines_come_and_none_is_early(void) {
  const int count = SLEEPERS;
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    lateness = calloc((size_t)count, sizeof *lateness);
    CHECK(lateness != NULL);
    count_set(&places, 0);
    start_runtime(workers);
    for (int place = 0; place < count; place += 1) {
      spawn(sleep_and_compare, (void *)(uintptr_t)place);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&places), count);
    qsort(lateness, (size_t)count, sizeof *lateness, earlier);
    CHECK_NUMBERS(lateness[0], >=, 0);
    if (is_virtual()) {
      CHECK_EQUAL(lateness[count - 1], 0);
    }
    printf("late with %u workers: half %" PRId64 " us, 99 of 100 %" PRId64 " us, all %" PRId64 " us\n", workers,
           lateness[count / 2] / 1000, lateness[count / 100 * 99] / 1000, lateness[count - 1] / 1000);
    stop_runtime();
    free(lateness);
  }
}

enum { MANY = 2000 };
static int64_t deadlines[MANY];

static void *start_many_and_receive_all(void *arg) {
  static strand_timer timers[MANY];
  static unsigned char seen[MANY];
  const int many = scaled(shortened(MANY));
  uint64_t random = 77;
  memset(seen, 0, sizeof seen);
  ticks = new_channel(8, STRAND_UNBOUNDED);
  for (int place = 0; place < many; place += 1) {
    timers[place] = new_timer(ticks, (uint64_t)place);
    deadlines[place] = strand_after((int64_t)(next_random(&random) % 40000000));
    CHECK_OK(strand_timer_start(timers[place], deadlines[place], 0));
  }
  for (int left = many; left > 0; left -= 1) {
    uint64_t value = 0;
    CHECK_OK(strand_chan_recv(ticks, &value, strand_after(SECONDS(60))));
    CHECK(value < (uint64_t)many && !seen[value]);
    seen[value] = 1;
    CHECK_NUMBERS(strand_now(), >=, deadlines[value]);
  }
  for (int place = 0; place < many; place += 1) {
    CHECK_STATUS(STRAND_ERR_ALREADY, strand_timer_stop(timers[place]));
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_timer_wait(timers[place], STRAND_NO_WAIT, NULL));
    CHECK_OK(strand_timer_release(timers[place]));
  }
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(ticks, &random, STRAND_NO_WAIT));
  CHECK_OK(strand_chan_release(ticks));
  count_up(&ran);
  return arg;
}
static void each_of_many_timers_sends_once_and_not_before_its_time(void) { on_a_strand(start_many_and_receive_all); }

/* --------------------------------------------------------------------------------- stop, start, release */

static void *stop_before_and_after(void *arg) {
  uint64_t value = 0;
  uint64_t count = 77;
  ticks = new_channel(8, 1);
  timer = new_timer(ticks, 5);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_timer_stop(timer)); /* never started */
  CHECK_OK(strand_timer_start(timer, strand_after(SECONDS(3600)), 0));
  CHECK_OK(strand_timer_stop(timer));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_timer_stop(timer));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(ticks, &value, strand_after(MILLISECONDS(2))));
  CHECK_OK(strand_timer_start(timer, strand_after(MILLISECONDS(1)), 0));
  CHECK_OK(strand_chan_recv(ticks, &value, strand_after(SECONDS(60))));
  CHECK_EQUAL(value, 5);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_timer_stop(timer));
  /* Started again while armed: only the new time counts. */
  bool in_time = false;
  for (int64_t distance = MILLISECONDS(2); !in_time; distance = twice(distance)) {
    const int64_t first = strand_after(distance);
    CHECK_OK(strand_timer_start(timer, first, 0));
    CHECK_OK(strand_timer_start(timer, first + 3 * distance, 0));
    in_time = strand_now() < first;
    CHECK_OK(strand_chan_recv(ticks, &value, strand_after(SECONDS(60))));
    if (in_time) {
      CHECK_NUMBERS(strand_now(), >=, first + 3 * distance);
    } else { /* it may have expired before it was started again */
      (void)strand_timer_stop(timer);
      (void)strand_chan_recv(ticks, &value, STRAND_NO_WAIT);
      (void)strand_timer_wait(timer, STRAND_NO_WAIT, NULL);
    }
  }
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(ticks, &value, strand_after(MILLISECONDS(2))));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_timer_wait(timer, STRAND_NO_WAIT, &count));
  CHECK_EQUAL(count, 77);
  CHECK_OK(strand_timer_release(timer));
  CHECK_STATUS(STRAND_ERR_STALE, strand_timer_release(timer));
  CHECK_STATUS(STRAND_ERR_STALE, strand_timer_start(timer, strand_after(1), 0));
  CHECK_STATUS(STRAND_ERR_STALE, strand_timer_wait(timer, STRAND_FOREVER, NULL));
  CHECK_OK(strand_chan_release(ticks));
  count_up(&ran);
  return arg;
}
static void a_stopped_timer_says_nothing_and_stop_says_whether_it_was_armed(void) { on_a_strand(stop_before_and_after); }

#define RACES scaled(shortened(4000))
static uint64_t stopped;
static uint64_t expired;

/* The one that stops looks at once what has become of the message: there, or never. */
static void *race_a_stop(void *arg) {
  uint64_t random = (uint64_t)(uintptr_t)arg * 77777 + 5;
  const strand_chan mine = new_channel(8, 1);
  const strand_timer racer = new_timer(mine, 9);
  for (int round = 0; round < RACES; round += 1) {
    uint64_t value = 0;
    CHECK_OK(strand_timer_start(racer, strand_after((int64_t)(next_random(&random) % 60000)), 0));
    if (next_random(&random) % 2 == 0) {
      CHECK_OK(strand_sleep((int64_t)(next_random(&random) % 60000)));
    } else {
      const int64_t until = strand_after((int64_t)(next_random(&random) % 60000));
      for (int spins = 0; strand_now() < until && spins < 1000; spins += 1) {
        CHECK_OK(strand_yield());
      }
    }
    const strand_status status = strand_timer_stop(racer);
    if (status == STRAND_OK) {
      count_up(&stopped);
      CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(mine, &value, STRAND_NO_WAIT));
    } else {
      CHECK_STATUS(STRAND_ERR_ALREADY, status);
      count_up(&expired);
      CHECK_OK(strand_chan_recv(mine, &value, STRAND_NO_WAIT));
      CHECK_EQUAL(value, 9);
    }
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_timer_wait(racer, STRAND_NO_WAIT, NULL));
  }
  CHECK_OK(strand_timer_release(racer));
  CHECK_OK(strand_chan_release(mine));
  count_up(&ran);
  return NULL;
}

static void *keep_a_worker_busy(void *arg) {
  while (count_read(&ran) < 2) {
    CHECK_OK(strand_sleep(1000));
  }
  return arg;
}

static void a_timer_expires_once_or_is_stopped_and_never_both(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    count_set(&stopped, 0);
    count_set(&expired, 0);
    start_runtime(workers);
    spawn(race_a_stop, (void *)(uintptr_t)1);
    spawn(race_a_stop, (void *)(uintptr_t)2);
    spawn(keep_a_worker_busy, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&stopped) + count_read(&expired), 2 * RACES);
    printf("stopped %" PRIu64 ", expired %" PRIu64 "\n", count_read(&stopped), count_read(&expired));
    stop_runtime();
  }
}

/* Two strands start and stop one timer as they like: what is received is at most what was not stopped. */
static uint64_t starts;
static uint64_t received;

static void *start_and_stop(void *arg) {
  uint64_t random = (uint64_t)(uintptr_t)arg * 12345 + 7;
  for (int round = 0; round < RACES; round += 1) {
    if (next_random(&random) % 2 == 0) {
      CHECK_OK(strand_timer_start(timer, strand_after((int64_t)(next_random(&random) % 30000)), 0));
      count_up(&starts);
    } else if (strand_timer_stop(timer) == STRAND_OK) {
      count_up(&stopped);
    }
    if (next_random(&random) % 4 == 0) {
      CHECK_OK(strand_sleep((int64_t)(next_random(&random) % 20000)));
    }
  }
  count_up(&ran);
  return NULL;
}

static void *receive_until_closed(void *arg) {
  uint64_t value = 0;
  strand_status status;
  while ((status = strand_chan_recv(ticks, &value, STRAND_FOREVER)) == STRAND_OK) {
    count_up(&received);
  }
  CHECK_STATUS(STRAND_ERR_CLOSED, status);
  return arg;
}

static void many_who_start_and_stop_one_timer_get_no_message_too_many(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    count_set(&starts, 0);
    count_set(&stopped, 0);
    count_set(&received, 0);
    start_runtime(workers);
    ticks = new_channel(8, STRAND_UNBOUNDED);
    timer = new_timer(ticks, 1);
    spawn(receive_until_closed, NULL);
    const strand_id first = spawn(start_and_stop, (void *)(uintptr_t)1);
    const strand_id second = spawn(start_and_stop, (void *)(uintptr_t)2);
    CHECK_OK(strand_join(first, STRAND_FOREVER));
    CHECK_OK(strand_join(second, STRAND_FOREVER));
    if (strand_timer_stop(timer) == STRAND_OK) {
      count_up(&stopped);
    }
    CHECK_OK(strand_chan_close(ticks));
    CHECK_OK(strand_scheduler_run());
    CHECK_NUMBERS(count_read(&received) + count_read(&stopped), <=, count_read(&starts));
    CHECK_OK(strand_timer_release(timer));
    CHECK_OK(strand_chan_release(ticks));
    stop_runtime();
  }
}

/* --------------------------------------------------------------------------------------------- tickers */

enum { PERIODS = 50 };

static void *tick_without_a_channel(void *arg) {
  const int64_t period = MILLISECONDS(1) + 333;
  uint64_t all = 0;
  timer = new_timer(0, 0);
  const int64_t first = strand_after(period);
  CHECK_OK(strand_timer_start(timer, first, period));
  while (all < PERIODS) {
    uint64_t count = 0;
    CHECK_OK(strand_timer_wait(timer, strand_after(SECONDS(60)), &count));
    CHECK_NUMBERS(count, >=, 1);
    all += count;
    /* So many periods have passed, and on a virtual clock not a nanosecond more. */
    CHECK_NUMBERS(strand_now(), >=, first + (int64_t)(all - 1) * period);
    if (is_virtual()) {
      CHECK_EQUAL(strand_now(), first + (int64_t)(all - 1) * period);
    }
  }
  CHECK_OK(strand_timer_stop(timer));
  CHECK_OK(strand_timer_release(timer));
  count_up(&ran);
  return arg;
}
static void a_ticker_does_not_drift(void) { on_a_strand(tick_without_a_channel); }

/* Late by five periods and a half: one message, the rest is counted, and the next one is on the grid again. False: another
 * worker, or this one, came so late that the times that follow had passed too. */
static bool come_late_by_periods_of(int64_t period) {
  uint64_t value = 0;
  uint64_t count = 0;
  ticks = new_channel(8, 1);
  timer = new_timer(ticks, 3);
  const int64_t first = strand_after(period);
  CHECK_OK(strand_timer_start(timer, first, period));
  CHECK_OK(strand_sleep_until(first + 5 * period + period / 2));
  /* Whoever fires the timer may not be done with it. */
  CHECK_OK(strand_chan_recv(ticks, &value, is_virtual() ? STRAND_NO_WAIT : strand_after(SECONDS(60))));
  CHECK_EQUAL(value, 3);
  const strand_status counted = strand_timer_wait(timer, STRAND_NO_WAIT, &count);
  const strand_status again = strand_timer_wait(timer, STRAND_NO_WAIT, NULL);
  const bool in_time = strand_now() < first + 6 * period;
  bool as_said = counted == STRAND_OK && count == 5;
  if (in_time && counted == STRAND_OK) {
    CHECK_NUMBERS(count, <=, 5);
    as_said &= again == STRAND_ERR_WOULD_BLOCK; /* collected once */
  }
  CHECK(as_said || !is_virtual());
  CHECK_OK(strand_chan_recv(ticks, &value, strand_after(SECONDS(60))));
  if (as_said && in_time) {
    CHECK_NUMBERS(strand_now(), >=, first + 6 * period);
  }
  if (is_virtual()) {
    CHECK_EQUAL(strand_now(), first + 6 * period);
  }
  CHECK_OK(strand_timer_release(timer));
  CHECK_OK(strand_chan_release(ticks));
  return as_said && in_time;
}
static void *come_late(void *arg) {
  for (int64_t period = MILLISECONDS(4); !come_late_by_periods_of(period); period = twice(period)) {
  }
  count_up(&ran);
  return arg;
}
static void a_message_that_finds_no_room_is_counted(void) { on_a_strand(come_late); }

static void *wait_once(void *arg) {
  uint64_t count = 0;
  CHECK_OK(strand_timer_wait(timer, STRAND_FOREVER, &count));
  count_add((uint64_t *)arg, count);
  count_up(&ran);
  return NULL;
}

static void each_expiration_is_collected_by_one_of_those_who_wait(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    uint64_t all = 0;
    count_set(&ran, 0);
    start_runtime(workers);
    timer = new_timer(0, 0);
    for (int waiters = 0; waiters < 3; waiters += 1) {
      spawn(wait_once, &all);
    }
    const int64_t first = strand_after(MILLISECONDS(3));
    CHECK_OK(strand_timer_start(timer, first, MILLISECONDS(2)));
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 3);
    CHECK_NUMBERS(count_read(&all), >=, 3);
    CHECK_NUMBERS(strand_now(), >=, first + ((int64_t)count_read(&all) - 1) * MILLISECONDS(2));
    CHECK_OK(strand_timer_release(timer));
    stop_runtime();
  }
}

static void *select_over_two(void *arg) {
  const strand_chan quit = new_channel(8, 1);
  uint64_t tick = 0;
  uint64_t order = 0;
  int heard = 0;
  ticks = new_channel(8, 1);
  timer = new_timer(ticks, 11);
  const strand_timer quitter = new_timer(quit, 22);
  CHECK_OK(strand_timer_start(timer, strand_after(MILLISECONDS(2)), MILLISECONDS(2)));
  CHECK_OK(strand_timer_start(quitter, strand_after(MILLISECONDS(9)), 0));
  for (;;) {
    strand_case cases[2];
    size_t index = 9;
    memset(cases, 0, sizeof cases);
    cases[0] = (strand_case){.size = sizeof cases[0], .kind = STRAND_CASE_RECV, .handle = ticks, .element = &tick};
    cases[1] = (strand_case){.size = sizeof cases[0], .kind = STRAND_CASE_RECV, .handle = quit, .element = &order};
    CHECK_OK(strand_select(cases, 2, strand_after(SECONDS(60)), STRAND_SELECT_FAIR, &index));
    CHECK_OK(cases[index].status);
    if (index == 1) {
      break;
    }
    CHECK_EQUAL(tick, 11);
    heard += 1;
  }
  CHECK_EQUAL(order, 22);
  if (is_virtual()) {
    CHECK_EQUAL(heard, 4);
  }
  CHECK_OK(strand_timer_release(timer));
  CHECK_OK(strand_timer_release(quitter));
  CHECK_OK(strand_chan_release(ticks));
  CHECK_OK(strand_chan_release(quit));
  count_up(&ran);
  return arg;
}
static void a_select_hears_tickers_beside_other_channels(void) { on_a_strand(select_over_two); }

/* ------------------------------------------------------------------------- what goes away before its time */

static void *close_and_release(void *arg) {
  uint64_t count = 0;
  bool in_time = false;
  for (int64_t distance = MILLISECONDS(1); !in_time; distance = twice(distance)) {
    ticks = new_channel(8, 1);
    timer = new_timer(ticks, 1);
    const int64_t first = strand_after(distance);
    CHECK_OK(strand_timer_start(timer, first, MILLISECONDS(1)));
    CHECK_OK(strand_chan_close(ticks));
    in_time = strand_now() < first;
    if (!in_time) { /* the channel may have taken one, and another one been counted */
      CHECK_OK(strand_timer_release(timer));
      CHECK_OK(strand_chan_release(ticks));
    }
  }
  CHECK_OK(strand_timer_wait(timer, strand_after(SECONDS(60)), &count)); /* what a closed channel does not take */
  CHECK_NUMBERS(count, >=, 1);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_timer_stop(timer)); /* it has stopped by itself */
  CHECK_OK(strand_timer_start(timer, strand_after(MILLISECONDS(1)), MILLISECONDS(1)));
  CHECK_OK(strand_chan_release(ticks));
  CHECK_OK(strand_timer_wait(timer, strand_after(SECONDS(60)), &count));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_timer_stop(timer));
  /* A channel that takes the place of the released one gets nothing of it. */
  const strand_chan next = new_channel(8, 1);
  CHECK_OK(strand_timer_start(timer, strand_after(1), 0));
  CHECK_OK(strand_timer_wait(timer, strand_after(SECONDS(60)), &count));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(next, &count, STRAND_NO_WAIT));
  CHECK_OK(strand_chan_release(next));
  /* Released while it is armed. */
  in_time = false;
  for (int64_t distance = MILLISECONDS(1); !in_time; distance = twice(distance)) {
    ticks = new_channel(8, 1);
    const strand_timer other = new_timer(ticks, 2);
    const int64_t first = strand_after(distance);
    CHECK_OK(strand_timer_start(other, first, MILLISECONDS(1)));
    CHECK_OK(strand_timer_release(other));
    in_time = strand_now() < first;
    if (in_time) {
      CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(ticks, &count, first + MILLISECONDS(3)));
    }
    CHECK_OK(strand_chan_release(ticks));
  }
  CHECK_OK(strand_timer_release(timer));
  count_up(&ran);
  return arg;
}
static void a_channel_that_is_closed_or_gone_stops_its_timer(void) { on_a_strand(close_and_release); }

static void *wait_until_released(void *arg) {
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_timer_wait(timer, STRAND_FOREVER, NULL));
  count_up(&ran);
  return arg;
}
static void *release_when_both_wait(void *arg) {
  while (read_statistics().parks < 2) {
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_timer_release(timer));
  return arg;
}

static void a_release_ends_the_waits_for_the_timer(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    start_runtime(workers);
    timer = new_timer(0, 0);
    spawn(wait_until_released, NULL);
    spawn(wait_until_released, NULL);
    spawn(release_when_both_wait, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 2);
    stop_runtime();
  }
}

static void a_shutdown_stops_all_timers_and_their_handles_are_stale(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    strand_timer armed[100];
    start_runtime(workers);
    ticks = new_channel(8, 1);
    for (int place = 0; place < 100; place += 1) {
      armed[place] = new_timer(ticks, 0);
      CHECK_OK(strand_timer_start(armed[place], strand_after(place * 10000), place % 2 == 0 ? 0 : 1000));
    }
    nap(MILLISECONDS(1));
    stop_runtime();
    CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_timer_stop(armed[0]));
    start_runtime(workers);
    for (int place = 0; place < 100; place += 1) {
      CHECK_STATUS(STRAND_ERR_STALE, strand_timer_stop(armed[place]));
    }
    stop_runtime();
  }
}

/* --------------------------------------------------------------------------- the run, and who waits in vain */

static void *wait_for_the_ticker(void *arg) {
  CHECK_OK(strand_timer_wait(timer, STRAND_FOREVER, NULL));
  count_up(&ran);
  return arg;
}
static void *receive_a_tick(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(ticks, &value, STRAND_FOREVER));
  count_up(&ran);
  return arg;
}
static strand_chan nobody_sends;
static void *wait_in_vain(void *arg) {
  uint64_t value = 0;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(nobody_sends, &value, STRAND_FOREVER));
  return arg;
}

static void a_timer_that_nobody_waits_for_hides_no_deadlock(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    start_runtime(workers);
    ticks = new_channel(8, 1);
    nobody_sends = new_channel(8, 0);
    timer = new_timer(ticks, 0);
    const strand_timer ticker = new_timer(0, 0);
    CHECK_OK(strand_timer_start(timer, strand_after(MILLISECONDS(30)), MILLISECONDS(1)));
    CHECK_OK(strand_timer_start(ticker, strand_after(MILLISECONDS(1)), MILLISECONDS(1)));
    spawn(wait_in_vain, NULL);
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
    /* But where somebody waits for one of them, it is none. */
    const strand_id receiver = spawn(receive_a_tick, NULL);
    CHECK_OK(strand_join(receiver, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
    CHECK_OK(strand_timer_stop(timer));
    timer = ticker;
    const strand_id waiter = spawn(wait_for_the_ticker, NULL);
    CHECK_OK(strand_join(waiter, STRAND_FOREVER));
    CHECK_EQUAL(count_read(&ran), 2);
    CHECK_OK(strand_timer_stop(ticker));
    (void)strand_timer_wait(ticker, STRAND_NO_WAIT, NULL); /* what was counted until then */
    const strand_id never = spawn(wait_for_the_ticker, NULL); /* nobody starts it */
    CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
    CHECK_LAST_ERROR_SAYS("waits for timer");
    CHECK_OK(strand_timer_start(ticker, strand_after(1000), 0));
    CHECK_OK(strand_join(never, STRAND_FOREVER));
    CHECK_OK(strand_chan_close(nobody_sends));
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

static void *start_a_ticker(void *arg) {
  CHECK_OK(strand_timer_start(timer, strand_after(1000), 1000));
  return arg;
}
static void armed_timers_do_not_hold_up_the_run(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    start_runtime(workers);
    ticks = new_channel(8, 4);
    timer = new_timer(ticks, 0);
    spawn(start_a_ticker, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_wait_all(STRAND_FOREVER));
    stop_runtime();
  }
}

/* ------------------------------------------------------------------------------------------ OS threads */

static void an_os_thread_starts_timers_and_receives_from_them(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    uint64_t value = 0;
    uint64_t count = 0;
    start_runtime(workers); /* no strand has run: no worker has a thread */
    ticks = new_channel(8, 1);
    timer = new_timer(ticks, 42);
    for (int round = 0; round < 5; round += 1) {
      const int64_t deadline = strand_after(MILLISECONDS(round));
      CHECK_OK(strand_timer_start(timer, deadline, 0));
      CHECK_OK(strand_chan_recv(ticks, &value, strand_after(SECONDS(60))));
      CHECK_EQUAL(value, 42);
      CHECK_NUMBERS(strand_now(), >=, deadline);
      /* The workers sleep until a time that lies far ahead: an earlier one must wake them. */
      const strand_timer far = new_timer(0, 0);
      CHECK_OK(strand_timer_start(far, strand_after(SECONDS(3600)), 0));
      if (is_parallel()) {
        nap(MILLISECONDS(2));
      }
      CHECK_OK(strand_timer_start(timer, strand_after(MILLISECONDS(1)), 0));
      CHECK_OK(strand_chan_recv(ticks, &value, strand_after(SECONDS(60))));
      CHECK_OK(strand_timer_stop(far));
      CHECK_OK(strand_timer_release(far));
    }
    const strand_timer ticker = new_timer(0, 0);
    CHECK_OK(strand_timer_start(ticker, strand_after(1), MILLISECONDS(1)));
    CHECK_OK(strand_timer_wait(ticker, strand_after(SECONDS(60)), &count));
    CHECK_OK(strand_timer_wait(ticker, strand_after(SECONDS(60)), &count));
    CHECK_OK(strand_timer_release(ticker));
    CHECK_OK(strand_sleep_until(strand_after(MILLISECONDS(1))));
    stop_runtime();
  }
}

/* ------------------------------------------------------------------------------------- order and extremes */

/* False: the deadline came before all was prepared. */
static bool equal_deadlines_ahead(int64_t distance) {
  strand_timer timers[6];
  ticks = new_channel(8, 8);
  const int64_t deadline = strand_after(distance);
  for (int place = 0; place < 6; place += 1) {
    timers[place] = new_timer(ticks, (uint64_t)place);
    CHECK_OK(strand_timer_start(timers[place], deadline, 0));
  }
  CHECK_OK(strand_timer_start(timers[1], deadline, 0)); /* anew: it is the last now */
  const strand_status status = strand_timer_stop(timers[3]);
  static const uint64_t expected[] = {0, 2, 4, 5, 1};
  const bool in_time = strand_now() < deadline;
  if (in_time) {
    CHECK_OK(status);
    for (int place = 0; place < 5; place += 1) {
      uint64_t value = 99;
      CHECK_OK(strand_chan_recv(ticks, &value, strand_after(SECONDS(60))));
      CHECK_EQUAL(value, expected[place]);
    }
    CHECK_NUMBERS(strand_now(), >=, deadline);
  }
  if (is_virtual()) {
    CHECK_EQUAL(strand_now(), deadline);
  }
  for (int place = 0; place < 6; place += 1) {
    CHECK_OK(strand_timer_release(timers[place]));
  }
  CHECK_OK(strand_chan_release(ticks));
  return in_time;
}
static void *equal_deadlines(void *arg) {
  for (int64_t distance = MILLISECONDS(50); !equal_deadlines_ahead(distance); distance = twice(distance)) {
  }
  count_up(&ran);
  return arg;
}
static void equal_deadlines_expire_in_the_order_of_starting(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(equal_deadlines, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

static void *far_and_past(void *arg) {
  uint64_t count = 0;
  timer = new_timer(0, 0);
  CHECK_OK(strand_timer_start(timer, INT64_MAX, 0));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_timer_wait(timer, strand_after(MILLISECONDS(1)), &count));
  CHECK_OK(strand_timer_stop(timer));
  CHECK_OK(strand_timer_start(timer, INT64_MAX - 1, INT64_MAX));
  CHECK_OK(strand_timer_stop(timer));
  CHECK_OK(strand_timer_start(timer, 1, 0)); /* has passed: at once */
  CHECK_OK(strand_timer_wait(timer, strand_after(SECONDS(60)), &count));
  CHECK_EQUAL(count, 1);
  CHECK_OK(strand_timer_start(timer, strand_now(), INT64_MAX)); /* the second is beyond the end of the clock */
  CHECK_OK(strand_timer_wait(timer, strand_after(SECONDS(60)), &count));
  CHECK_EQUAL(count, 1);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_timer_stop(timer));
  /* Started long ago with a short period: all the times that have passed are counted at once. */
  const int64_t now = strand_now();
  CHECK_OK(strand_timer_start(timer, now - 900000000, 1000));
  CHECK_OK(strand_timer_wait(timer, strand_after(SECONDS(60)), &count));
  CHECK_NUMBERS(count, >=, 900001);
  CHECK_NUMBERS(count, <=, (strand_now() - now + 900000000) / 1000 + 1);
  CHECK_OK(strand_timer_release(timer));
  CHECK_OK(strand_sleep_until(STRAND_NO_WAIT));
  CHECK_OK(strand_sleep_until(now));
  count_up(&ran);
  return arg;
}
static void far_and_past_times_are_times_like_others(void) { on_a_strand(far_and_past); }

int main(void) {
  CLAIM_IF(!is_may(), a_hundred_thousand_random_deadlines_come_and_none_is_early, "the may engine has room for 28,000");
  CLAIM(each_of_many_timers_sends_once_and_not_before_its_time);
  CLAIM(a_stopped_timer_says_nothing_and_stop_says_whether_it_was_armed);
  CLAIM(a_timer_expires_once_or_is_stopped_and_never_both);
  CLAIM(many_who_start_and_stop_one_timer_get_no_message_too_many);
  CLAIM(a_ticker_does_not_drift);
  CLAIM(a_message_that_finds_no_room_is_counted);
  CLAIM(each_expiration_is_collected_by_one_of_those_who_wait);
  CLAIM(a_select_hears_tickers_beside_other_channels);
  CLAIM(a_channel_that_is_closed_or_gone_stops_its_timer);
  CLAIM(a_release_ends_the_waits_for_the_timer);
  CLAIM(a_shutdown_stops_all_timers_and_their_handles_are_stale);
  CLAIM(a_timer_that_nobody_waits_for_hides_no_deadlock);
  CLAIM(armed_timers_do_not_hold_up_the_run);
  CLAIM(an_os_thread_starts_timers_and_receives_from_them);
  CLAIM_IF(workers_there(1) == 1, equal_deadlines_expire_in_the_order_of_starting, "each worker has its own wheel");
  CLAIM(far_and_past_times_are_times_like_others);
  return 0;
}
