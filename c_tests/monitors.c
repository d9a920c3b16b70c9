/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* Monitors: exactly one message about every end, whatever the channel is like and whoever else wants to know. */
#include "harness.h"

static strand_monitor_id monitor(uint64_t target, strand_chan chan, uint64_t tag) {
  strand_monitor_id made = 0;
  CHECK_OK(strand_monitor(target, chan, tag, &made));
  CHECK(made != 0 && made < (UINT64_C(1) << 62));
  return made;
}

static strand_down next_down(strand_chan chan) {
  strand_down down;
  memset(&down, 0xff, sizeof down);
  CHECK_OK(strand_chan_recv(chan, &down, STRAND_FOREVER));
  CHECK_EQUAL(down.size, sizeof down);
  CHECK_EQUAL(down.reserved, 0);
  return down;
}

static void nothing_more(strand_chan chan) {
  strand_down down;
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(chan, &down, STRAND_NO_WAIT));
}

/* ------------------------------------------------------------------------------------------ how things end */

static uint64_t hooks_run;

static void late_hook(void *data) {
  (void)data;
  strand_yield();
  count_up(&hooks_run);
}

static void *return_with_a_hook(void *arg) {
  CHECK_OK(strand_on_exit(late_hook, NULL));
  return arg;
}
static void *fail_as_told(void *arg) {
  CHECK_OK(strand_on_exit(late_hook, NULL));
  strand_fail((strand_status)(intptr_t)arg, "as told", 7);
  return NULL;
}

static void *watch_strands_end(void *arg) {
  const strand_chan chan = new_channel(sizeof(strand_down), (size_t)(uintptr_t)arg);
  strand_id target = spawn(return_with_a_hook, NULL);
  strand_monitor_id made = monitor(target, chan, 77);
  strand_down down = next_down(chan);
  CHECK_EQUAL(count_read(&hooks_run), 1);
  CHECK(down.monitor == made && down.target == target && down.tag == 77);
  /* On two workers it may have ended before it was watched. */
  CHECK(down.state == STRAND_SUCCEEDED || down.state == STRAND_GONE);
  CHECK(down.code == STRAND_OK && down.reason == 0);

  target = spawn_flagged(STRAND_SPAWN_DORMANT, fail_as_told, (void *)(intptr_t)STRAND_ERR_IO);
  made = monitor(target, chan, 78);
  nothing_more(chan);
  CHECK_OK(strand_start(target));
  down = next_down(chan);
  CHECK_EQUAL(count_read(&hooks_run), 2);
  CHECK(down.monitor == made && down.target == target && down.tag == 78);
  CHECK_EQUAL(down.state, STRAND_FAILED);
  CHECK_EQUAL(down.code, STRAND_ERR_IO);

  made = monitor(target, chan, 79); /* dead */
  down = next_down(chan);
  CHECK(down.monitor == made && down.target == target && down.tag == 79);
  CHECK_EQUAL(down.state, STRAND_GONE);
  nothing_more(chan);
  CHECK_STATUS(STRAND_ERR_STALE, strand_demonitor(made, 0));
  CHECK_OK(strand_chan_release(chan));
  return NULL;
}

static void the_end_of_a_strand_is_told_once_after_its_hooks(void) {
  static const size_t capacities[] = {0, 1, 8, STRAND_UNBOUNDED};
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    for (size_t which = 0; which < 4; which += 1) {
      count_set(&hooks_run, 0);
      start_runtime(workers);
      spawn(watch_strands_end, (void *)(uintptr_t)capacities[which]);
      CHECK_OK(strand_scheduler_run()); /* a fault that a monitor has told is not told again */
      stop_runtime();
    }
  }
}

static strand_status do_as_told(void *arg, uint64_t *value) {
  const strand_status told = (strand_status)(intptr_t)arg;
  *value = 5;
  if (told == STRAND_ERR_CANCELLED) {
    return strand_sleep(SECONDS(3600));
  }
  return told;
}

static void *watch_tasks_end(void *arg) {
  const strand_chan chan = new_channel(sizeof(strand_down), STRAND_UNBOUNDED);
  static const strand_status told[] = {STRAND_OK, STRAND_ERR_DEVICE, STRAND_ERR_CANCELLED};
  static const uint32_t states[] = {STRAND_SUCCEEDED, STRAND_FAILED, STRAND_CANCELLED};
  (void)arg;
  for (int way = 0; way < 3; way += 1) {
    strand_task task = 0;
    strand_down down;
    CHECK_OK(strand_task_spawn(0, do_as_told, (void *)(intptr_t)told[way], &task));
    monitor(task, chan, 1);
    if (way == 2) {
      CHECK_OK(strand_task_cancel(task, 4711));
    }
    for (int again = 0; again < 2; again += 1) { /* the outcome is there also afterwards */
      down = next_down(chan);
      CHECK(down.target == task && down.tag == (uint64_t)again + 1);
      CHECK_EQUAL(down.state, states[way]);
      CHECK_EQUAL(down.code, way == 1 ? told[way] : STRAND_OK);
      CHECK_EQUAL(down.reason, way == 2 ? 4711 : 0);
      monitor(task, chan, 2);
    }
    next_down(chan);
    CHECK_OK(strand_task_release(task));
    monitor(task, chan, 3);
    down = next_down(chan);
    CHECK_EQUAL(down.state, STRAND_GONE);
    nothing_more(chan);
  }
  CHECK_OK(strand_chan_release(chan));
  return NULL;
}

static void the_end_of_a_task_is_told_with_its_outcome(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    start_runtime(workers);
    spawn(watch_tasks_end, NULL);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

static void *watch_a_promise(void *arg) {
  const strand_chan chan = new_channel(sizeof(strand_down), 1);
  strand_promise promise = 0;
  strand_task task = 0;
  strand_down down;
  (void)arg;
  CHECK_OK(strand_promise_new(0, &promise, &task));
  monitor(task, chan, 1);
  CHECK_OK(strand_promise_complete(promise, 9));
  down = next_down(chan);
  CHECK_EQUAL(down.state, STRAND_SUCCEEDED);
  CHECK_OK(strand_promise_release(promise));
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_promise_new(0, &promise, &task));
  monitor(task, chan, 2);
  CHECK_OK(strand_promise_release(promise));
  down = next_down(chan);
  CHECK_EQUAL(down.state, STRAND_CANCELLED);
  CHECK(down.reason != 0);
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_chan_release(chan));
  return NULL;
}

static void the_end_of_a_promise_is_told(void) {
  start_runtime(2);
  spawn(watch_a_promise, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* ------------------------------------------------------------------------------ whatever the channel is like */

enum { MANY = 300 };

static void *return_at_once(void *arg) { return arg; }

/* Nobody receives before everything has ended: far more messages than there is room for. */
static void *watch_many(void *arg) {
  const strand_chan chan = new_channel(sizeof(strand_down), (size_t)(uintptr_t)arg);
  strand_id targets[MANY];
  char seen[2 * MANY] = {0};
  for (int index = 0; index < MANY; index += 1) {
    targets[index] = spawn_flagged(STRAND_SPAWN_DORMANT, return_at_once, NULL);
    monitor(targets[index], chan, (uint64_t)index);
    monitor(targets[index], chan, (uint64_t)(MANY + index));
    CHECK_OK(strand_start(targets[index]));
  }
  for (int index = 0; index < MANY; index += 1) {
    CHECK_OK(strand_join(targets[index], STRAND_FOREVER));
  }
  for (int count = 0; count < 2 * MANY; count += 1) {
    strand_down down;
    CHECK_OK(strand_chan_recv(chan, &down, STRAND_NO_WAIT)); /* they are all there */
    CHECK_EQUAL(down.state, STRAND_SUCCEEDED);
    CHECK(down.tag < 2 * MANY && !seen[down.tag]);
    seen[down.tag] = 1;
    CHECK(down.target == targets[down.tag % MANY]);
  }
  nothing_more(chan);
  CHECK_OK(strand_chan_release(chan));
  return NULL;
}

/* The message is there for whoever has seen the end, also for one who did not wait for it but looked. */
static void *look_until_it_has_ended(void *arg) {
  const strand_chan chan = new_channel(sizeof(strand_down), 1);
  for (int round = 0; round < 3000; round += 1) {
    const strand_id target = spawn_flagged(STRAND_SPAWN_DORMANT, return_at_once, arg);
    strand_down down;
    monitor(target, chan, (uint64_t)round);
    CHECK_OK(strand_start(target));
    for (int look = 1; strand_join(target, STRAND_NO_WAIT) != STRAND_OK; look += 1) {
      if (look % 1000 == 0) {
        CHECK_OK(strand_yield());
      }
    }
    CHECK_OK(strand_chan_recv(chan, &down, STRAND_NO_WAIT));
    CHECK_EQUAL(down.tag, (uint64_t)round);
  }
  CHECK_OK(strand_chan_release(chan));
  return NULL;
}
static void whoever_sees_the_end_finds_the_message(void) {
  start_runtime(2);
  spawn(look_until_it_has_ended, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void none_is_lost_because_there_is_no_room(void) {
  static const size_t capacities[] = {0, 1, 7, STRAND_UNBOUNDED};
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    for (size_t which = 0; which < 4; which += 1) {
      start_runtime(workers);
      spawn(watch_many, (void *)(uintptr_t)capacities[which]);
      CHECK_OK(strand_scheduler_run());
      stop_runtime();
    }
  }
}

/* The same by hand: each strand itself sends the message when it ends, without waiting. */
static strand_chan by_hand;
static void send_by_hand(void *data) {
  strand_down down;
  memset(&down, 0, sizeof down);
  down.tag = (uint64_t)(uintptr_t)data;
  strand_chan_try_send(by_hand, &down);
}
static void *end_by_hand(void *arg) {
  CHECK_OK(strand_on_exit(send_by_hand, arg));
  return NULL;
}

static void *count_those_sent_by_hand(void *arg) {
  strand_down down;
  uint64_t count = 0;
  by_hand = new_channel(sizeof(strand_down), 7);
  for (uintptr_t index = 0; index < MANY; index += 1) {
    CHECK_OK(strand_join(spawn(end_by_hand, (void *)index), STRAND_FOREVER));
  }
  while (strand_chan_recv(by_hand, &down, STRAND_NO_WAIT) == STRAND_OK) {
    count += 1;
  }
  CHECK_OK(strand_chan_release(by_hand));
  *(uint64_t *)arg = count;
  return NULL;
}

static void control_messages_that_are_sent_by_hand_are_lost(void) {
  uint64_t count = 0;
  start_runtime(1);
  spawn(count_those_sent_by_hand, &count);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count, 7);
  stop_runtime();
}

static void *leave_messages_unread(void *arg) {
  const strand_chan chan = new_channel(sizeof(strand_down), 2);
  (void)arg;
  for (int index = 0; index < 20; index += 1) {
    const strand_id target = spawn(return_at_once, NULL);
    monitor(target, chan, 0);
    CHECK_OK(strand_join(target, STRAND_FOREVER));
    if (index == 9) {
      strand_monitor_id made;
      CHECK_OK(strand_chan_close(chan));
      CHECK_STATUS(STRAND_ERR_CLOSED, strand_monitor(target, chan, 0, &made));
      break;
    }
  }
  next_down(chan);
  next_down(chan);
  { /* those that had no room were dropped by the close */
    strand_down down;
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(chan, &down, STRAND_FOREVER));
  }
  CHECK_OK(strand_chan_release(chan));
  return NULL;
}

static void a_closed_channel_drops_them(void) {
  start_runtime(1);
  spawn(leave_messages_unread, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static uint64_t gone_channel_seen;

static void *watch_into_a_channel_that_goes(void *arg) {
  strand_monitor_id made = 0;
  (void)arg;
  for (int index = 0; index < 50; index += 1) {
    const strand_chan chan = new_channel(sizeof(strand_down), 0);
    const strand_id target = spawn_flagged(STRAND_SPAWN_DORMANT, return_at_once, NULL);
    monitor(target, chan, 0);
    CHECK_OK(strand_chan_release(chan));
    CHECK_STATUS(STRAND_ERR_STALE, strand_monitor(target, chan, 0, &made));
    CHECK_OK(strand_start(target));
    CHECK_OK(strand_join(target, STRAND_FOREVER));
    count_up(&gone_channel_seen);
  }
  return NULL;
}

static void a_released_channel_drops_them(void) {
  count_set(&gone_channel_seen, 0);
  start_runtime(2);
  spawn(watch_into_a_channel_that_goes, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&gone_channel_seen), 50);
  stop_runtime();
}

static void *select_between_a_message_and_an_end(void *arg) {
  const strand_chan words = new_channel(sizeof(uint64_t), 4);
  const strand_chan downs = new_channel(sizeof(strand_down), 0);
  const strand_id target = spawn_flagged(STRAND_SPAWN_DORMANT, return_at_once, NULL);
  strand_down down;
  uint64_t word = 0;
  size_t index = 9;
  strand_case cases[2];
  (void)arg;
  memset(cases, 0, sizeof cases);
  cases[0].size = cases[1].size = (uint32_t)sizeof cases[0];
  cases[0].kind = cases[1].kind = STRAND_CASE_RECV;
  cases[0].handle = words;
  cases[0].element = &word;
  cases[1].handle = downs;
  cases[1].element = &down;
  monitor(target, downs, 3);
  CHECK_OK(strand_start(target));
  CHECK_OK(strand_select(cases, 2, STRAND_FOREVER, 0, &index));
  CHECK_EQUAL(index, 1);
  CHECK(down.target == target && down.tag == 3);
  return NULL;
}

static void a_select_waits_for_an_end_as_for_a_message(void) {
  start_runtime(2);
  spawn(select_between_a_message_and_an_end, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void the_shutdown_tells_of_dormant_ones_and_drops_what_nobody_reads(void) {
  start_runtime(1);
  {
    const strand_chan chan = new_channel(sizeof(strand_down), 0);
    for (int index = 0; index < 5; index += 1) {
      monitor(spawn_flagged(STRAND_SPAWN_DORMANT, return_at_once, NULL), chan, 0);
    }
  }
  stop_runtime();
}

/* -------------------------------------------------------------------------------------------- taken back */

static void *take_monitors_back(void *arg) {
  const strand_chan chan = new_channel(sizeof(strand_down), (size_t)(uintptr_t)arg);
  for (int index = 0; index < 20; index += 1) {
    const strand_id target = spawn_flagged(STRAND_SPAWN_DORMANT, return_at_once, NULL);
    const strand_monitor_id early = monitor(target, chan, 1);
    const strand_monitor_id read = monitor(target, chan, 2);
    const strand_monitor_id flushed = monitor(target, chan, 3);
    const strand_monitor_id sent = monitor(target, chan, 4);
    CHECK_OK(strand_demonitor(early, 0));
    CHECK_STATUS(STRAND_ERR_STALE, strand_demonitor(early, 0));
    CHECK_OK(strand_start(target));
    CHECK_OK(strand_join(target, STRAND_FOREVER));
    CHECK_OK(strand_demonitor(flushed, chan));                    /* it lies somewhere in the channel */
    CHECK_STATUS(STRAND_ERR_STALE, strand_demonitor(flushed, chan));
    CHECK_STATUS(STRAND_ERR_STALE, strand_demonitor(sent, 0));
    for (int left = 0; left < 2; left += 1) {
      const strand_down down = next_down(chan);
      CHECK(down.monitor == (left == 0 ? read : sent)); /* in the order in which they were made */
    }
    CHECK_STATUS(STRAND_ERR_STALE, strand_demonitor(read, chan));
    nothing_more(chan);
  }
  CHECK_OK(strand_chan_release(chan));
  return NULL;
}

static void what_was_taken_back_is_not_told(void) {
  static const size_t capacities[] = {0, 1, 2, 8, STRAND_UNBOUNDED};
  for (size_t which = 0; which < 5; which += 1) {
    start_runtime(2);
    spawn(take_monitors_back, (void *)(uintptr_t)capacities[which]);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

/* ------------------------------------------------------------------------- random histories against a model */

/* Targets end while monitors are made and taken back on other workers: each monitor is told of once, or taken back. */
enum { ACTORS = 4, TARGETS = 12, MONITORS_EACH = 60 };

static strand_id racing_targets[TARGETS];
static strand_chan racing_channel;
static uint64_t taken_back[ACTORS * MONITORS_EACH];
static uint64_t received[ACTORS * MONITORS_EACH];
static uint64_t random_seed;

static void *end_when_told(void *arg) {
  uint64_t state = random_seed + (uint64_t)(uintptr_t)arg * 77 + 1;
  for (uint64_t turns = next_random(&state) % 40; turns > 0; turns -= 1) {
    CHECK_OK(strand_yield());
  }
  if (next_random(&state) % 4 == 0) {
    strand_fail(STRAND_ERR_IO, "raced", 5);
  }
  return NULL;
}

static void *make_and_take_back(void *arg) {
  const uint64_t actor = (uint64_t)(uintptr_t)arg;
  uint64_t state = random_seed * 31 + actor + 1;
  strand_monitor_id made[MONITORS_EACH];
  for (uint64_t index = 0; index < MONITORS_EACH; index += 1) {
    const strand_id target = racing_targets[next_random(&state) % TARGETS];
    CHECK_OK(strand_monitor(target, racing_channel, actor * MONITORS_EACH + index, &made[index]));
    if (next_random(&state) % 3 == 0) {
      CHECK_OK(strand_yield());
    }
    if (next_random(&state) % 2 == 0) {
      const uint64_t which = next_random(&state) % (index + 1);
      const strand_chan flush = next_random(&state) % 2 == 0 ? racing_channel : 0;
      if (strand_demonitor(made[which], flush) == STRAND_OK) {
        count_up(&taken_back[actor * MONITORS_EACH + which]);
      }
    }
  }
  return NULL;
}

static uint64_t actors_done;

static void *act(void *arg) {
  make_and_take_back(arg);
  count_up(&actors_done);
  return NULL;
}

static void *receive_what_comes(void *arg) {
  (void)arg;
  for (;;) {
    strand_down down;
    const strand_status status = strand_chan_recv(racing_channel, &down, STRAND_FOREVER);
    if (status == STRAND_ERR_CLOSED) {
      return NULL;
    }
    CHECK_OK(status);
    count_up(&received[down.tag]);
  }
}

static void *run_the_race(void *arg) {
  const size_t capacity = (size_t)(uintptr_t)arg;
  strand_id strands[TARGETS + ACTORS];
  strand_id receiver;
  racing_channel = new_channel(sizeof(strand_down), capacity);
  receiver = spawn(receive_what_comes, NULL);
  for (uint64_t index = 0; index < TARGETS; index += 1) {
    racing_targets[index] = spawn_flagged(STRAND_SPAWN_DORMANT, end_when_told, (void *)(uintptr_t)index);
  }
  for (uint64_t index = 0; index < ACTORS; index += 1) {
    strands[index] = spawn(act, (void *)(uintptr_t)index);
  }
  for (uint64_t index = 0; index < TARGETS; index += 1) {
    CHECK_OK(strand_start(racing_targets[index]));
    CHECK_OK(strand_yield());
  }
  for (uint64_t index = 0; index < ACTORS; index += 1) {
    CHECK_OK(strand_join(strands[index], STRAND_FOREVER));
  }
  for (uint64_t index = 0; index < TARGETS; index += 1) {
    CHECK_OK(strand_join(racing_targets[index], STRAND_FOREVER));
  }
  /* Every message was sent before its target's joiner went on: the receiver gets what there is. */
  for (;;) {
    uint64_t sum = 0;
    for (int index = 0; index < ACTORS * MONITORS_EACH; index += 1) {
      sum += count_read(&received[index]) + count_read(&taken_back[index]);
    }
    if (sum >= ACTORS * MONITORS_EACH) {
      break;
    }
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_chan_close(racing_channel));
  CHECK_OK(strand_join(receiver, STRAND_FOREVER));
  CHECK_OK(strand_chan_release(racing_channel));
  return NULL;
}

static void each_is_told_once_or_taken_back_never_both_never_neither(void) {
  static const size_t capacities[] = {0, 1, 16, STRAND_UNBOUNDED};
  uint64_t seed = test_seed();
  const int rounds = shortened(scaled(60)) < 2 ? 2 : shortened(scaled(60));
  uint64_t backs = 0;
  /* On a busy machine everything may have been told before somebody comes to take it back. */
  for (int round = 0; round < rounds || (backs == 0 && round < rounds + 200); round += 1) {
    random_seed = next_random(&seed);
    memset(taken_back, 0, sizeof taken_back);
    memset(received, 0, sizeof received);
    start_runtime(1 + (uint32_t)round % 4);
    spawn(run_the_race, (void *)(uintptr_t)capacities[round % 4]);
    {
      const strand_status status = strand_scheduler_run();
      CHECK(status == STRAND_OK || status == STRAND_ERR_FAILED); /* a target that nobody watched may have failed */
    }
    for (int index = 0; index < ACTORS * MONITORS_EACH; index += 1) {
      CHECK_EQUAL(received[index] + taken_back[index], 1);
      backs += taken_back[index];
    }
    stop_runtime();
  }
  CHECK_NUMBERS(backs, >, 0);
}

int main(void) {
  CLAIM(the_end_of_a_strand_is_told_once_after_its_hooks);
  CLAIM(the_end_of_a_task_is_told_with_its_outcome);
  CLAIM(the_end_of_a_promise_is_told);
  CLAIM(none_is_lost_because_there_is_no_room);
  CLAIM(whoever_sees_the_end_finds_the_message);
  CLAIM(control_messages_that_are_sent_by_hand_are_lost);
  CLAIM(a_closed_channel_drops_them);
  CLAIM(a_released_channel_drops_them);
  CLAIM(a_select_waits_for_an_end_as_for_a_message);
  CLAIM(the_shutdown_tells_of_dormant_ones_and_drops_what_nobody_reads);
  CLAIM(what_was_taken_back_is_not_told);
  CLAIM(each_is_told_once_or_taken_back_never_both_never_neither);
  return 0;
}
