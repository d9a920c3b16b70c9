/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=300 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* strand_select, kind by kind: what commits, what is refused, what is left behind. */
#include "cases.h"

static uint64_t ran;

/* Runs a claim's body on a strand and on an OS thread: what it says holds on both. */
static void *on_a_strand(void *body) {
  ((void (*)(void))body)();
  count_up(&ran);
  return NULL;
}
static void on_both(void (*body)(void)) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    start_runtime(workers);
    count_set(&ran, 0);
    spawn(on_a_strand, (void *)body);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1);
    body();
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

/* ------------------------------------------------------------------------------------------- ready at once */

static void commit_what_is_ready(void) {
  const strand_chan empty = new_channel(8, 1), full = new_channel(8, 1);
  uint64_t sent = 5, received = 0, other = 6;
  strand_case cases[3] = {receive_case(empty, &other), none(), receive_case(full, &received)};
  CHECK_OK(strand_chan_try_send(full, &sent));
  COMMITS(2, STRAND_OK, cases, 3, STRAND_FOREVER, STRAND_SELECT_FAIR);
  CHECK_EQUAL(received, 5);
  CHECK_EQUAL(other, 6);
  REFUSES(STRAND_ERR_WOULD_BLOCK, cases, 3, STRAND_NO_WAIT, STRAND_SELECT_FAIR);
  REFUSES(STRAND_ERR_TIMEOUT, cases, 3, 1, STRAND_SELECT_FAIR);
  cases[0] = send_case(empty, &sent);
  COMMITS(0, STRAND_OK, cases, 3, STRAND_NO_WAIT, STRAND_SELECT_FAIR);
  CHECK_EQUAL(length_of(empty), 1);
  REFUSES(STRAND_ERR_WOULD_BLOCK, cases, 3, STRAND_NO_WAIT, STRAND_SELECT_FIRST_LISTED);
  CHECK_OK(strand_chan_release(empty));
  CHECK_OK(strand_chan_release(full));
}
static void what_is_ready_commits_and_nothing_else_does(void) { on_both(commit_what_is_ready); }

static void commit_closed(void) {
  const strand_chan quiet = new_channel(8, 0), closed = new_channel(8, 4);
  uint64_t value = 7;
  strand_case cases[2] = {receive_case(quiet, &value), receive_case(closed, &value)};
  CHECK_OK(strand_chan_try_send(closed, &value));
  CHECK_OK(strand_chan_close(closed));
  value = 8;
  COMMITS(1, STRAND_OK, cases, 2, STRAND_FOREVER, 0); /* drained first */
  CHECK_EQUAL(value, 7);
  COMMITS(1, STRAND_ERR_CLOSED, cases, 2, STRAND_FOREVER, 0);
  cases[1] = send_case(closed, &value);
  COMMITS(1, STRAND_ERR_CLOSED, cases, 2, STRAND_NO_WAIT, 0);
  CHECK_EQUAL(value, 7);
  CHECK_OK(strand_chan_release(closed));
  REFUSES(STRAND_ERR_STALE, cases, 2, STRAND_NO_WAIT, 0);
  CHECK_LAST_ERROR_SAYS("case 1");
  CHECK_OK(strand_chan_release(quiet));
}
static void a_closed_channel_commits_with_closed(void) { on_both(commit_closed); }

static void commit_the_first(void) {
  strand_chan channels[4];
  uint64_t value = 1;
  strand_case cases[4];
  for (int each = 0; each < 4; each += 1) {
    channels[each] = new_channel(8, 1);
    cases[each] = send_case(channels[each], &value);
  }
  for (size_t each = 0; each < 4; each += 1) {
    COMMITS(each, STRAND_OK, cases, 4, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED);
  }
  for (int each = 0; each < 4; each += 1) {
    cases[each] = receive_case(channels[each], &value);
  }
  for (size_t each = 0; each < 4; each += 1) {
    COMMITS(each, STRAND_OK, cases, 4, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED);
  }
  for (int each = 0; each < 4; each += 1) {
    CHECK_OK(strand_chan_release(channels[each]));
  }
}
static void with_the_flag_the_first_listed_commits(void) { on_both(commit_the_first); }

static void select_nothing(void) {
  strand_case cases[3] = {none(), none(), timer_case(STRAND_FOREVER)};
  const int64_t soon = strand_after(MILLISECONDS(5));
  for (size_t count = 0; count <= 3; count += 1) {
    REFUSES(STRAND_ERR_WOULD_BLOCK, cases, count, STRAND_NO_WAIT, 0);
    REFUSES(STRAND_ERR_TIMEOUT, cases, count, 1, 0);
    REFUSES(STRAND_ERR_TIMEOUT, cases, count, soon, 0);
    REFUSES(STRAND_ERR_INVALID, cases, count, STRAND_FOREVER, 0);
  }
  CHECK_NUMBERS(strand_now(), >=, soon);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_select(NULL, 0, STRAND_NO_WAIT, 0, &(size_t){0}));
}
static void without_a_case_the_deadline_decides(void) { on_both(select_nothing); }

/* ------------------------------------------------------------------------------------------------- waiting */

static strand_chan first_channel, second_channel;
static uint64_t mail[2];
static size_t index_told;
static strand_case waiting_cases[8];

/* Waits in a select over a few cases and tells what came. */
static size_t waiting_count;
static int64_t waiting_until;
static strand_status waiting_status;
static void *select_and_tell(void *arg) {
  (void)arg;
  waiting_status = strand_select(waiting_cases, waiting_count, waiting_until, 0, &index_told);
  count_up(&ran);
  return NULL;
}

static void release_the_second(void) { CHECK_OK(strand_chan_release(second_channel)); }

/* A strand, and then an OS thread, waits in the cases; then `act` is done to it. */
static void wait_and(void (*prepare)(void), void (*act)(void), void (*look)(void)) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    /* Nobody can tell when a thread waits, and before that a release makes the handle stale. */
    for (int on_thread = 0; on_thread < (act == release_the_second ? 1 : 2); on_thread += 1) {
      const uint64_t asleep = 1;
      uint64_t parks;
      pthread_t thread = 0;
      start_runtime(workers);
      CHECK_OK(strand_external_acquire());
      first_channel = new_channel(8, 0);
      second_channel = new_channel(8, 0);
      count_set(&ran, 0);
      waiting_until = STRAND_FOREVER;
      index_told = 4711;
      mail[0] = mail[1] = 0;
      prepare();
      parks = read_statistics().parks;
      if (on_thread) {
        thread = start_thread(select_and_tell, NULL);
        nap(MILLISECONDS(2));
      } else {
        spawn(select_and_tell, NULL);
        await_parks(parks + asleep);
      }
      act();
      await_count(&ran, 1);
      look();
      if (on_thread) {
        join_thread(thread);
      }
      CHECK_OK(strand_external_release());
      CHECK_OK(strand_scheduler_run());
      (void)strand_chan_release(first_channel);
      (void)strand_chan_release(second_channel);
      stop_runtime();
    }
  }
}
static void told(size_t expected, strand_status how) {
  CHECK_STATUS(STRAND_OK, waiting_status);
  CHECK_EQUAL(index_told, expected);
  check_only(waiting_cases, waiting_count, expected, how);
}

static void receive_from_both(void) {
  waiting_count = 2;
  waiting_cases[0] = receive_case(first_channel, &mail[0]);
  waiting_cases[1] = receive_case(second_channel, &mail[1]);
}
static void send_to_the_second(void) {
  const uint64_t value = 9;
  CHECK_OK(strand_chan_send(second_channel, &value, STRAND_FOREVER));
}
static void look_at_a_receive(void) {
  const uint64_t value = 1;
  told(1, STRAND_OK);
  CHECK_EQUAL(mail[0], 0);
  CHECK_EQUAL(mail[1], 9);
  /* The other case is not in the list of its channel any more. */
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(first_channel, &value));
}
static void a_message_ends_the_wait_of_its_case_alone(void) {
  wait_and(receive_from_both, send_to_the_second, look_at_a_receive);
}

static void send_or_receive(void) {
  mail[0] = 3;
  waiting_count = 3;
  waiting_cases[0] = send_case(first_channel, &mail[0]);
  waiting_cases[1] = none();
  waiting_cases[2] = receive_case(second_channel, &mail[1]);
}
static void receive_from_the_first(void) {
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(first_channel, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 3);
}
static void look_at_a_send(void) {
  const uint64_t value = 1;
  told(0, STRAND_OK);
  CHECK_EQUAL(mail[1], 0);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(second_channel, &value));
}
static void a_receiver_ends_the_wait_of_a_send_case(void) {
  wait_and(send_or_receive, receive_from_the_first, look_at_a_send);
}

static void close_the_second(void) { CHECK_OK(strand_chan_close(second_channel)); }
static void look_at_a_close(void) {
  told(waiting_count - 1, STRAND_ERR_CLOSED);
  CHECK_EQUAL(mail[1], 0);
}
static void a_close_ends_the_wait_with_closed(void) {
  wait_and(receive_from_both, close_the_second, look_at_a_close);
  wait_and(send_or_receive, close_the_second, look_at_a_close);
}
static void the_last_release_ends_the_wait_with_closed(void) {
  wait_and(receive_from_both, release_the_second, look_at_a_close);
}

/* Both sides of one channel in one call, and each twice. */
static void both_sides(void) {
  mail[0] = 4;
  waiting_count = 4;
  waiting_cases[0] = send_case(first_channel, &mail[0]);
  waiting_cases[1] = receive_case(first_channel, &mail[1]);
  waiting_cases[2] = send_case(first_channel, &mail[0]);
  waiting_cases[3] = receive_case(first_channel, &mail[1]);
}
static void check_asleep(void) {
  CHECK_EQUAL(count_read(&ran), 0); /* they have not met each other */
}
static void receive_a_four(void) {
  uint64_t value = 0;
  check_asleep();
  CHECK_OK(strand_chan_recv(first_channel, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 4);
}
static void look_at_both_sides_sent(void) {
  uint64_t value = 0;
  CHECK_OK(waiting_status);
  CHECK(index_told == 0 || index_told == 2);
  check_only(waiting_cases, waiting_count, index_told, STRAND_OK);
  CHECK_EQUAL(mail[1], 0);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_recv(first_channel, &value)); /* it sent once */
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(first_channel, &value)); /* and receives nothing */
}
static void send_a_five(void) {
  const uint64_t value = 5;
  check_asleep();
  CHECK_OK(strand_chan_send(first_channel, &value, STRAND_FOREVER));
}
static void look_at_both_sides_received(void) {
  uint64_t value = 0;
  CHECK_OK(waiting_status);
  CHECK(index_told == 1 || index_told == 3);
  check_only(waiting_cases, waiting_count, index_told, STRAND_OK);
  CHECK_EQUAL(mail[1], 5);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_recv(first_channel, &value));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(first_channel, &value));
}
static void a_send_and_a_receive_of_one_call_never_meet(void) {
  wait_and(both_sides, receive_a_four, look_at_both_sides_sent);
  wait_and(both_sides, send_a_five, look_at_both_sides_received);
}

static void *select_both_sides(void *cases) {
  size_t index = SIZE_MAX;
  CHECK_OK(strand_select(cases, 2, STRAND_FOREVER, 0, &index));
  count_add(&ran, index == 0 ? 1 : 100);
  return NULL;
}
static void control_two_calls_on_both_sides_meet(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    uint64_t sent[2] = {11, 12}, received[2] = {0, 0};
    strand_case cases[2][2];
    start_runtime(workers);
    first_channel = new_channel(8, 0);
    count_set(&ran, 0);
    for (int each = 0; each < 2; each += 1) {
      cases[each][0] = send_case(first_channel, &sent[each]);
      cases[each][1] = receive_case(first_channel, &received[each]);
      spawn(select_both_sides, cases[each]);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 101);
    CHECK_EQUAL(received[0] + received[1], received[0] != 0 ? 12 : 11);
    CHECK_OK(strand_chan_release(first_channel));
    stop_runtime();
  }
}

/* ----------------------------------------------------------------------------------------------- deadlines */

static void time_out(void) {
  const strand_chan channel = new_channel(8, 0);
  uint64_t value = 7;
  strand_case cases[2] = {receive_case(channel, &value), none()};
  for (int64_t delay = 0; delay < 4; delay += 1) {
    const int64_t deadline = strand_after(MILLISECONDS(delay));
    REFUSES(STRAND_ERR_TIMEOUT, cases, 2, deadline, 0);
    CHECK_NUMBERS(strand_now(), >=, deadline);
  }
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(channel, &value)); /* nobody receives any more */
  CHECK_EQUAL(value, 7);
  CHECK_OK(strand_chan_release(channel));
}
static void a_deadline_leaves_no_trace(void) { on_both(time_out); }

static void time_of_cases(void) {
  const strand_chan channel = new_channel(8, 0);
  uint64_t value = 7;
  const int64_t soon = strand_after(MILLISECONDS(3)), late = strand_after(SECONDS(1000));
  strand_case cases[4] = {receive_case(channel, &value), timer_case(late), timer_case(soon), timer_case(STRAND_FOREVER)};
  COMMITS(2, STRAND_OK, cases, 4, STRAND_FOREVER, 0);
  CHECK_NUMBERS(strand_now(), >=, soon);
  COMMITS(2, STRAND_OK, cases, 4, STRAND_NO_WAIT, 0); /* it has passed */
  cases[2] = timer_case(STRAND_NO_WAIT);
  COMMITS(2, STRAND_OK, cases, 4, STRAND_NO_WAIT, 0);
  COMMITS(2, STRAND_OK, cases, 4, STRAND_FOREVER, 0);
  const int64_t at_once = strand_after(MILLISECONDS(2));
  cases[2] = timer_case(at_once);
  COMMITS(2, STRAND_OK, cases, 4, at_once, 0); /* the case, not the call */
  cases[2] = timer_case(strand_after(SECONDS(1000)));
  REFUSES(STRAND_ERR_TIMEOUT, cases, 4, strand_after(MILLISECONDS(1)), 0);
  CHECK_OK(strand_chan_release(channel));
}
static void a_timer_case_fires_at_its_moment_and_not_before(void) { on_both(time_of_cases); }

/* --------------------------------------------------------------------------------------- strands and tokens */

static void *wait_for_mail(void *arg) {
  uint64_t value;
  (void)arg;
  (void)strand_chan_recv(second_channel, &value, STRAND_FOREVER);
  return NULL;
}
static strand_id waited_for;
static void end_of_a_strand(void) {
  waited_for = spawn(wait_for_mail, NULL);
  waiting_count = 3;
  waiting_cases[0] = receive_case(first_channel, &mail[0]);
  waiting_cases[1] = end_case(waited_for);
  waiting_cases[2] = end_case(waited_for);
}
static void look_at_an_end(void) {
  CHECK_OK(waiting_status);
  CHECK(index_told == 1 || index_told == 2);
  check_only(waiting_cases, waiting_count, index_told, STRAND_OK);
}
static void send_to_the_first(void) {
  const uint64_t value = 2;
  CHECK_OK(strand_chan_send(first_channel, &value, STRAND_FOREVER));
}
static void look_at_the_first(void) {
  told(0, STRAND_OK);
  CHECK_EQUAL(mail[0], 2);
  send_to_the_second(); /* the strand ends, and nobody waits for it */
  CHECK_OK(strand_join(waited_for, STRAND_FOREVER));
}
static void the_end_of_a_strand_is_a_case(void) {
  wait_and(end_of_a_strand, send_to_the_second, look_at_an_end);
  wait_and(end_of_a_strand, send_to_the_first, look_at_the_first);
}

static void *end_at_once(void *arg) { return arg; }
static void ended_strand(void) {
  const strand_id id = spawn(end_at_once, NULL);
  strand_case cases[2] = {none(), end_case(id)};
  CHECK_OK(strand_join(id, STRAND_FOREVER));
  COMMITS(1, STRAND_OK, cases, 2, STRAND_NO_WAIT, 0);
  COMMITS(1, STRAND_OK, cases, 2, STRAND_FOREVER, 0);
  if (strand_self() != 0) {
    cases[1] = end_case(strand_self());
    REFUSES(STRAND_ERR_INVALID, cases, 2, STRAND_FOREVER, 0);
    CHECK_LAST_ERROR_SAYS("case 1");
  }
}
static void a_strand_that_has_ended_is_ready(void) { on_both(ended_strand); }

static strand_park_token token;
static uint64_t parked;
static void *select_a_token(void *arg) {
  strand_park_token mine = 0;
  uint64_t value = 0, message = 0, further = 0;
  size_t index = SIZE_MAX;
  strand_case cases[3];
  CHECK_OK(strand_park_begin(&mine));
  __atomic_store_n(&token, mine, __ATOMIC_SEQ_CST);
  cases[0] = receive_case(first_channel, &message);
  cases[1] = park_case(mine, &value);
  cases[2] = park_case(mine, NULL);
  if (arg == NULL) {
    COMMITS(1, STRAND_OK, cases, 3, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED);
    CHECK_EQUAL(value, 21);
    CHECK_STATUS(STRAND_ERR_STALE, strand_park(mine, STRAND_NO_WAIT, &further)); /* that was it */
    REFUSES(STRAND_ERR_STALE, cases, 3, STRAND_FOREVER, 0);
  } else {
    COMMITS(0, STRAND_OK, cases, 3, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED);
    CHECK_EQUAL(message, 22);
    count_up(&ran);
    /* The wait of the token goes on, in a select and in a park. */
    CHECK_OK(strand_select(cases, 2, STRAND_FOREVER, 0, &index));
    CHECK_EQUAL(index, 1);
    CHECK_EQUAL(value, 23);
    CHECK_OK(strand_park_begin(&mine));
    cases[1] = park_case(mine, &value);
    REFUSES(STRAND_ERR_WOULD_BLOCK, &cases[1], 1, STRAND_NO_WAIT, 0);
    CHECK_EQUAL(cases[2].status, UNTOUCHED);
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_select(&cases[1], 1, strand_after(1), 0, &index));
    CHECK_OK(strand_unpark(mine, 24));
    CHECK_OK(strand_park(mine, STRAND_FOREVER, &further));
    CHECK_EQUAL(further, 24);
  }
  count_up(&ran);
  return NULL;
}
static void an_unpark_is_a_case(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    start_runtime(workers);
    first_channel = new_channel(8, 0);
    count_set(&ran, 0);
    parked = read_statistics().parks;
    spawn(select_a_token, NULL);
    await_parks(parked + 1);
    CHECK_OK(strand_unpark(token, 21));
    CHECK_STATUS(STRAND_ERR_STALE, strand_unpark(token, 21));
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1);
    CHECK_OK(strand_chan_release(first_channel));
    stop_runtime();
  }
}
static void a_token_is_as_it_was_when_another_case_commits(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    const uint64_t message = 22;
    start_runtime(workers);
    CHECK_OK(strand_external_acquire());
    first_channel = new_channel(8, 0);
    count_set(&ran, 0);
    parked = read_statistics().parks;
    spawn(select_a_token, &ran);
    await_parks(parked + 1);
    CHECK_OK(strand_chan_send(first_channel, &message, STRAND_FOREVER));
    await_count(&ran, 1);
    CHECK_OK(strand_unpark(token, 23));
    CHECK_OK(strand_external_release());
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 2);
    CHECK_OK(strand_chan_release(first_channel));
    stop_runtime();
  }
}

/* --------------------------------------------------------------------------------------------- cancellation */

static uint64_t asleep_now;
static void *select_until_cancelled(void *arg) {
  uint64_t value = 0;
  size_t index = 4711;
  strand_case cases[2] = {receive_case(first_channel, &value), receive_case(second_channel, &value)};
  const int64_t deadline = arg == NULL ? STRAND_FOREVER : strand_after(SECONDS(1000));
  count_up(&asleep_now);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_select(cases, 2, deadline, 0, &index));
  /* Refused before anything is tried, also where a case is ready; without waiting it works as always. */
  cases[1] = timer_case(STRAND_NO_WAIT);
  REFUSES(STRAND_ERR_CANCELLED, cases, 2, STRAND_FOREVER, 0);
  COMMITS(1, STRAND_OK, cases, 2, STRAND_NO_WAIT, 0);
  count_up(&ran);
  return NULL;
}
static uint64_t came_too_late;
static void *select_until_cancelled_on_a_thread(void *arg) {
  uint64_t value = 0;
  size_t index = 4711;
  strand_case cases[2] = {receive_case(first_channel, &value), receive_case(second_channel, &value)};
  (void)arg;
  count_up(&asleep_now);
  const strand_status status = strand_select(cases, 2, STRAND_FOREVER, 0, &index);
  if (status == STRAND_ERR_NOT_INITIALISED) { /* the runtime was gone when it called */
    count_up(&came_too_late);
  } else {
    CHECK_STATUS(STRAND_ERR_CANCELLED, status);
  }
  count_up(&ran);
  return NULL;
}
/* Nobody can tell when a thread waits: it is given time, and more if it was not enough. */
static void shut_down_beside_selects(uint32_t workers) {
  int64_t pause = MILLISECONDS(2);
  do {
    pthread_t threads[2];
    uint64_t parks;
    start_runtime(workers);
    CHECK_OK(strand_external_acquire());
    first_channel = new_channel(8, 0);
    second_channel = new_channel(8, 0);
    count_set(&ran, 0);
    count_set(&asleep_now, 0);
    count_set(&came_too_late, 0);
    parks = read_statistics().parks;
    for (int strand = 0; strand < 20; strand += 1) {
      spawn(select_until_cancelled, strand % 2 == 0 ? NULL : &ran);
    }
    await_parks(parks + 20);
    for (int thread = 0; thread < 2; thread += 1) {
      threads[thread] = start_thread(select_until_cancelled_on_a_thread, NULL);
    }
    AWAIT(count_read(&asleep_now) == 22);
    nap(pause);
    stop_runtime();
    for (int thread = 0; thread < 2; thread += 1) {
      join_thread(threads[thread]);
    }
    CHECK_EQUAL(count_read(&ran), 22);
    pause *= 2;
  } while (count_read(&came_too_late) > 0 && pause < SECONDS(4));
  CHECK_EQUAL(count_read(&came_too_late), 0);
}
static void a_shutdown_cancels_every_select(void) {
  shut_down_beside_selects(1);
  shut_down_beside_selects(2);
}

/* --------------------------------------------------------------------------------------------- many cases */

enum { MANY = 1000000 };
static void select_many(void) {
  const size_t many = (size_t)shortened(MANY);
  const strand_chan channel = new_channel(8, 1), other = new_channel(8, 1), hermit = new_channel(8, 0);
  strand_case *cases = malloc(many * sizeof *cases);
  uint64_t value = 0;
  const uint64_t sent = 3;
  CHECK(cases != NULL);
  for (size_t place = 0; place < many; place += 1) {
    cases[place] = place % 2 == 0 ? none() : receive_case(place % 4 == 1 ? channel : other, &value);
  }
  REFUSES(STRAND_ERR_WOULD_BLOCK, cases, many, STRAND_NO_WAIT, 0);
  REFUSES(STRAND_ERR_TIMEOUT, cases, many, strand_after(MILLISECONDS(1)), 0);
  CHECK_OK(strand_chan_try_send(channel, &sent));
  COMMITS(1, STRAND_OK, cases, many, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED);
  CHECK_EQUAL(value, 3);
  CHECK_EQUAL(length_of(channel), 0);
  /* Both sides of one channel, again and again: they do not meet, and that is not found out pair by pair. */
  for (size_t place = 0; place < many; place += 1) {
    cases[place] = place % 2 == 0 ? send_case(hermit, &value) : receive_case(hermit, &value);
  }
  REFUSES(STRAND_ERR_TIMEOUT, cases, many, strand_after(MILLISECONDS(1)), 0);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(hermit, &value));
  cases[many - 1].kind = 99;
  REFUSES(STRAND_ERR_INVALID, cases, many, STRAND_NO_WAIT, 0);
  free(cases);
  CHECK_OK(strand_chan_release(hermit));
  CHECK_OK(strand_chan_release(channel));
  CHECK_OK(strand_chan_release(other));
}
static void a_million_cases_work(void) { on_both(select_many); }

static void *send_to_each(void *channels) {
  for (uint64_t value = 0; value < 9; value += 1) {
    CHECK_OK(strand_chan_send(((strand_chan *)channels)[value], &value, STRAND_FOREVER));
  }
  return NULL;
}
static void select_nine(void) {
  strand_chan channels[9];
  uint64_t values[9], seen = 0;
  strand_case cases[9];
  for (int each = 0; each < 9; each += 1) {
    channels[each] = new_channel(8, 0);
    cases[each] = receive_case(channels[each], &values[each]);
  }
  spawn(send_to_each, channels);
  for (int turn = 0; turn < 9; turn += 1) {
    size_t index = SIZE_MAX;
    CHECK_OK(strand_select(cases, 9, STRAND_FOREVER, 0, &index));
    CHECK_EQUAL(values[index], index);
    seen |= UINT64_C(1) << index;
  }
  CHECK_EQUAL(seen, 511);
  for (int each = 0; each < 9; each += 1) {
    CHECK_OK(strand_chan_release(channels[each]));
  }
}
static void more_cases_than_fit_without_memory_work(void) { on_both(select_nine); }

/* ----------------------------------------------------------------------------------------------- bad cases */

/* What a case of a call gets wrong, and where it is told. */
static void refuse_at_two(strand_status expected, strand_case wrong, const char *words) {
  const strand_chan channel = new_channel(8, 1);
  uint64_t value = 1;
  strand_case cases[3] = {send_case(channel, &value), none(), wrong};
  REFUSES(expected, cases, 3, STRAND_FOREVER, 0);
  CHECK_LAST_ERROR_SAYS("case 2");
  CHECK_LAST_ERROR_SAYS(words);
  REFUSES(expected, cases, 3, STRAND_NO_WAIT, 0);
  CHECK_EQUAL(length_of(channel), 0); /* nothing was sent although it could be */
  CHECK_OK(strand_chan_release(channel));
}
static void refuse_bad_cases(void) {
  const strand_chan channel = new_channel(8, 1), gone = new_channel(8, 1), empty = new_channel(0, 1);
  uint64_t value = 0;
  strand_case wrong = receive_case(channel, &value);
  CHECK_OK(strand_chan_release(gone));
  refuse_at_two(STRAND_ERR_INVALID, make_case(10, channel, &value, 0), "kind 10");
  refuse_at_two(STRAND_ERR_INVALID, make_case(UINT32_MAX, channel, &value, 0), "kind");
  refuse_at_two(STRAND_ERR_UNSUPPORTED, make_case(STRAND_CASE_FD, 1, NULL, 0), "cannot wait for");
  refuse_at_two(STRAND_ERR_INVALID, make_case(STRAND_CASE_TICKET, 1, NULL, 0), "not the handle of a ticket");
  refuse_at_two(STRAND_ERR_INVALID, receive_case(0, &value), "not the handle of a channel");
  refuse_at_two(STRAND_ERR_INVALID, send_case(channel + 1000000, &value), "never made");
  refuse_at_two(STRAND_ERR_STALE, receive_case(gone, &value), "gone");
  refuse_at_two(STRAND_ERR_INVALID, receive_case(channel, NULL), "NULL");
  refuse_at_two(STRAND_ERR_INVALID, send_case(channel, NULL), "NULL");
  refuse_at_two(STRAND_ERR_INVALID, end_case(channel), "not the handle of a strand");
  refuse_at_two(STRAND_ERR_INVALID, timer_case(-2), "below");
  refuse_at_two(STRAND_ERR_INVALID, make_case(STRAND_CASE_TIMER, channel, NULL, 1), "timer case");
  if (strand_self() == 0) {
    refuse_at_two(STRAND_ERR_NOT_ON_STRAND, park_case(1, NULL), "own strand");
  } else {
    refuse_at_two(STRAND_ERR_INVALID, park_case(1, NULL), "not a token of this strand");
  }
  wrong.events = 1;
  refuse_at_two(STRAND_ERR_INVALID, wrong, "events");
  wrong = receive_case(channel, &value);
  wrong.size += 8;
  refuse_at_two(STRAND_ERR_INVALID, wrong, "size");
  wrong = receive_case(empty, NULL); /* elements without bytes */
  CHECK_OK(strand_chan_try_send(empty, NULL));
  COMMITS(0, STRAND_OK, &wrong, 1, STRAND_FOREVER, 0);
  wrong = send_case(empty, NULL);
  COMMITS(0, STRAND_OK, &wrong, 1, STRAND_FOREVER, 0);
  CHECK_OK(strand_chan_release(channel));
  CHECK_OK(strand_chan_release(empty));
}
static void what_makes_no_sense_is_refused_by_number(void) { on_both(refuse_bad_cases); }

/* A newer program's cases are larger: accepted while what we do not know is zero. */
typedef struct newer_case {
  strand_case known;
  uint64_t unknown;
} newer_case;
static void larger_cases(void) {
  const strand_chan channel = new_channel(8, 1);
  uint64_t value = 0;
  const uint64_t sent = 6;
  size_t index = SIZE_MAX;
  newer_case cases[3];
  memset(cases, 0, sizeof cases);
  for (int each = 0; each < 3; each += 1) {
    cases[each].known = each == 2 ? receive_case(channel, &value) : none();
    cases[each].known.size = (uint32_t)sizeof cases[each];
  }
  CHECK_OK(strand_chan_try_send(channel, &sent));
  cases[1].unknown = 1;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_select(&cases[0].known, 3, STRAND_NO_WAIT, 0, &index));
  CHECK_LAST_ERROR_SAYS("case 1");
  cases[1].unknown = 0;
  CHECK_OK(strand_select(&cases[0].known, 3, STRAND_NO_WAIT, 0, &index));
  CHECK_EQUAL(index, 2);
  CHECK_EQUAL(value, 6);
  CHECK_EQUAL(cases[2].known.status, STRAND_OK);
  CHECK_EQUAL(cases[1].known.status, UNTOUCHED);
  CHECK_OK(strand_chan_release(channel));
}
static void larger_cases_of_a_newer_program_are_accepted(void) { on_both(larger_cases); }

/* -------------------------------------------------------------------------------------------------- reports */

static void a_dump_names_the_cases(void) {
  char text[TEXT_CAPACITY];
  uint64_t parks;
  start_runtime(1);
  CHECK_OK(strand_external_acquire());
  first_channel = new_named_channel("orders", 8, 0);
  second_channel = new_channel(8, 0);
  count_set(&ran, 0);
  waiting_until = strand_after(SECONDS(100000));
  waiting_count = 5;
  waiting_cases[0] = receive_case(first_channel, &mail[0]);
  waiting_cases[1] = none();
  waiting_cases[2] = send_case(second_channel, &mail[0]);
  waiting_cases[3] = timer_case(waiting_until);
  waiting_cases[4] = receive_case(second_channel, &mail[1]);
  parks = read_statistics().parks;
  spawn(select_and_tell, NULL);
  await_parks(parks + 1);
  strand_dump(text, sizeof text);
  CHECK_SAYS(text, "waits in a select of 5 cases");
  CHECK_SAYS(text, "to receive from channel");
  CHECK_SAYS(text, "\"orders\"");
  CHECK_SAYS(text, "to send to channel");
  CHECK_SAYS(text, "for a moment");
  CHECK_SAYS(text, "and others");
  CHECK_OK(strand_chan_close(second_channel));
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void a_deadlock_report_names_the_cases(void) {
  char error[TEXT_CAPACITY];
  start_runtime(1);
  first_channel = new_channel(8, 0);
  waiting_until = STRAND_FOREVER;
  waiting_count = 2;
  waiting_cases[0] = receive_case(first_channel, &mail[0]);
  waiting_cases[1] = send_case(first_channel, &mail[1]);
  count_set(&ran, 0);
  spawn(select_and_tell, NULL);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  strand_last_error(error, sizeof error);
  CHECK_SAYS(error, "waits in a select of 2 cases (to receive from channel");
  CHECK_OK(strand_chan_close(first_channel));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

int main(void) {
  CLAIM(what_is_ready_commits_and_nothing_else_does);
  CLAIM(a_closed_channel_commits_with_closed);
  CLAIM(with_the_flag_the_first_listed_commits);
  CLAIM(without_a_case_the_deadline_decides);
  CLAIM(a_message_ends_the_wait_of_its_case_alone);
  CLAIM(a_receiver_ends_the_wait_of_a_send_case);
  CLAIM(a_close_ends_the_wait_with_closed);
  CLAIM(the_last_release_ends_the_wait_with_closed);
  CLAIM(a_send_and_a_receive_of_one_call_never_meet);
  CLAIM(control_two_calls_on_both_sides_meet);
  CLAIM(a_deadline_leaves_no_trace);
  CLAIM(a_timer_case_fires_at_its_moment_and_not_before);
  CLAIM(the_end_of_a_strand_is_a_case);
  CLAIM(a_strand_that_has_ended_is_ready);
  CLAIM(an_unpark_is_a_case);
  CLAIM(a_token_is_as_it_was_when_another_case_commits);
  CLAIM(a_shutdown_cancels_every_select);
  CLAIM(a_million_cases_work);
  CLAIM(more_cases_than_fit_without_memory_work);
  CLAIM(what_makes_no_sense_is_refused_by_number);
  CLAIM(larger_cases_of_a_newer_program_are_accepted);
  CLAIM(a_dump_names_the_cases);
  CLAIM(a_deadlock_report_names_the_cases);
  return 0;
}
