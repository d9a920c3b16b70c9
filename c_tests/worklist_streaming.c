/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 */
/*
 * Worklists that are filled while they run: a run that waits for pushes, pushes that wait for room, what a close and a
 * release do to both; and runs beside other strands.
 */
#include "worklist.h"

#include <sched.h>
#include <sys/syscall.h>

static uint8_t *visited; /* each item's id is counted */
static void count_visits(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    __atomic_fetch_add(&visited[items[i]], 1, __ATOMIC_RELAXED);
  }
}
static void check_visited_once(uint32_t count) {
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_EQUAL(visited[i], 1);
  }
}

static strand_worklist stream;
enum { SOURCES = 4 };
static uint32_t per_source;
static void push_share(uintptr_t source) {
  uint32_t items[256], held = 0;
  uint64_t draws = source + 1;
  uint32_t most = 1;
  for (uint32_t i = 0; i < per_source; i += 1) {
    items[held++] = (uint32_t)source * per_source + i;
    if (held == most || i + 1 == per_source) {
      CHECK_OK(strand_worklist_push(stream, items, held, 0, 0, STRAND_FOREVER));
      held = 0;
      most = 1 + (uint32_t)(next_random(&draws) % 256);
    }
  }
}
static void *push_from_strand(void *source) {
  push_share((uintptr_t)source);
  return NULL;
}
static void *push_from_thread(void *source) {
  push_share((uintptr_t)source);
  return NULL;
}

static strand_worklist new_stream(uint64_t host_items_max) {
  const strand_program_options made = native(count_visits, STRAND_FIELD_PARAM);
  strand_worklist_options options = worklist_options();
  options.host_items_max = host_items_max;
  return new_worklist(&made, &options);
}

static void strands_and_threads_stream_through_a_small_queue(void) {
  pthread_t threads[2];
  strand_id strands[2];
  per_source = (uint32_t)scaled(100000);
  visited = calloc(SOURCES * per_source, 1);
  stream = new_stream(512);
  strand_run_options run = run_options(2);
  run.flags = STRAND_RUN_UNTIL_CLOSED;
  const strand_ticket ticket = dispatch(stream, &run);
  for (uintptr_t i = 0; i < 2; i += 1) {
    strands[i] = spawn(push_from_strand, (void *)i);
    CHECK_EQUAL(pthread_create(&threads[i], NULL, push_from_thread, (void *)(i + 2)), 0);
  }
  for (int i = 0; i < 2; i += 1) {
    CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    CHECK_OK(strand_join(strands[i], STRAND_FOREVER));
  }
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_dispatch(stream, NULL, &(strand_ticket){0}));
  CHECK_OK(strand_worklist_close(stream));
  CHECK_OK(await_and_release(ticket));
  check_visited_once(SOURCES * per_source);
  const strand_worklist_statistics s = worklist_statistics(stream);
  CHECK_EQUAL(s.finished, SOURCES * per_source);
  CHECK_NUMBERS(s.waited, >, 0);
  check_conserved(stream);
  CHECK_OK(strand_worklist_release(stream));
  free(visited);
}

/* A push that waits: what ends its wait. */
static strand_status wait_result;
static void *push_one(void *arg) {
  const uint32_t items[2] = {0, 1};
  wait_result = strand_worklist_push(stream, items, (uint32_t)(uintptr_t)arg, 0, 0, STRAND_FOREVER);
  return NULL;
}
/* Until so many pushes have had to wait. */
static void let_wait(uint64_t pushes) {
  while (worklist_statistics(stream).waited < pushes) {
    let_strands_run(1);
  }
}
static void a_push_waits_for_room_and_learns_of_the_end(void) {
  const uint32_t items[4] = {0, 1, 2, 3};
  visited = calloc(8, 1);
  for (int way = 0; way < 4; way += 1) {
    stream = new_stream(4);
    CHECK_OK(strand_worklist_push(stream, items, 4, 0, 0, STRAND_NO_WAIT));
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_worklist_push(stream, items, 1, 0, 0, STRAND_NO_WAIT));
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_worklist_push(stream, items, 1, 0, 0, strand_after(1000)));
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_worklist_push(stream, items, 5, 0, 0, STRAND_NO_WAIT));
    wait_result = 77;
    const uint64_t waited = worklist_statistics(stream).waited; /* 0 where the time had passed already */
    const strand_id pusher = spawn(push_one, (void *)1);
    let_wait(waited + 1);
    CHECK_EQUAL(wait_result, 77);
    strand_work_task task;
    switch (way) {
      case 0: CHECK_OK(run_worklist(stream, 1)); break;
      case 1: CHECK_OK(strand_worklist_close(stream)); break;
      case 2: CHECK_OK(strand_worklist_release(stream)); break;
      default: CHECK_OK(strand_worklist_take_tasks(stream, &task, 1, NULL)); break;
    }
    CHECK_OK(strand_join(pusher, STRAND_FOREVER));
    CHECK_EQUAL(wait_result, way == 0 || way == 3 ? STRAND_OK : STRAND_ERR_CLOSED);
    if (way != 2) {
      CHECK_OK(strand_worklist_release(stream));
    }
  }
  free(visited);
}

static void who_waits_in_line_is_not_overtaken(void) {
  const uint32_t items[4] = {0, 1, 2, 3};
  strand_work_task task;
  stream = new_stream(4);
  CHECK_OK(strand_worklist_push(stream, items, 4, 0, 0, STRAND_NO_WAIT));
  wait_result = 77;
  const strand_id pusher = spawn(push_one, (void *)2);
  let_wait(1);
  /* Room for one: not for the two that wait, and nobody else gets it. */
  CHECK_OK(strand_worklist_take_tasks(stream, &task, 1, NULL));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_worklist_push(stream, items, 1, 0, 0, STRAND_NO_WAIT));
  CHECK_EQUAL(wait_result, 77);
  CHECK_OK(strand_worklist_take_tasks(stream, &task, 1, NULL));
  CHECK_OK(strand_join(pusher, STRAND_FOREVER));
  CHECK_EQUAL(wait_result, STRAND_OK);
  CHECK_EQUAL(worklist_statistics(stream).queued, 4);
  /* One that is cancelled leaves the line to those behind it. */
  const strand_id second = spawn(push_one, (void *)2);
  let_wait(2);
  CHECK_OK(strand_worklist_take_tasks(stream, &task, 1, NULL));
  CHECK_OK(strand_cancel_strand(second, 0));
  CHECK_OK(strand_join(second, STRAND_FOREVER));
  CHECK_EQUAL(wait_result, STRAND_ERR_CANCELLED);
  CHECK_OK(strand_worklist_push(stream, items, 1, 0, 0, STRAND_NO_WAIT));
  CHECK_OK(strand_worklist_release(stream));
}

/* Nobody is left who could push: that is a deadlock, and it is found. */
static void *await_the_stream(void *ticket) {
  wait_result = strand_ticket_await((strand_ticket)(uintptr_t)ticket, STRAND_FOREVER);
  return NULL;
}
static void a_run_that_waits_for_nobody_is_a_deadlock(void) {
  stream = new_stream(4);
  const strand_run_options run = {.size = sizeof run, .flags = STRAND_RUN_UNTIL_CLOSED, .workers = 2};
  const strand_ticket ticket = dispatch(stream, &run);
  const strand_id waiter = spawn(await_the_stream, (void *)(uintptr_t)ticket);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_OK(strand_ticket_cancel(ticket));
  CHECK_OK(strand_join(waiter, STRAND_FOREVER));
  CHECK_EQUAL(wait_result, STRAND_ERR_CANCELLED);
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_OK(strand_worklist_release(stream));
}

static void emit_and_go_on(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_work_emit(work, i, &items[2 * i + 1]));
    if (items[2 * i + 1] > 0) {
      CHECK_OK(strand_work_requeue(work, i, items[2 * i + 1] - 1, 0, STRAND_BAND_SAME));
    }
  }
}
static void records_are_taken_while_a_run_is_on(void) {
  strand_program_options made = native(emit_and_go_on, PAIR);
  const uint32_t rounds = (uint32_t)scaled(5000);
  const uint32_t item[2] = {0, rounds};
  made.emit_max = 1;
  const strand_worklist list = new_worklist(&made, NULL);
  push_items(list, item, 1);
  const strand_run_options run = run_options(1);
  const strand_ticket ticket = dispatch(list, &run);
  uint32_t expected = rounds, records[100], count = 0;
  while (expected != UINT32_MAX) {
    const strand_status status = strand_worklist_take(list, records, 100, &count);
    if (status == STRAND_ERR_EMPTY) {
      /* A little later; it may have ended meanwhile, but then there is something to take. */
      const strand_status waited = strand_ticket_await(ticket, strand_after(1000));
      CHECK(waited == STRAND_ERR_TIMEOUT || (waited == STRAND_OK && worklist_statistics(list).emitted_waiting > 0));
      continue;
    }
    CHECK_OK(status);
    for (uint32_t i = 0; i < count; i += 1) {
      CHECK_EQUAL(records[i], expected);
      expected -= 1;
    }
  }
  CHECK_OK(await_and_release(ticket));
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
}

/* Two workers: both run batches. Where the other one comes late the items go on until it has come, up to a time. */
static pid_t first_thread;
static uint64_t on_first, on_other, visits_more;
static strand_worklist burnt;
static int64_t burn_until;
static bool other_is_late(void) {
  return monotonic() < burn_until && (count_read(&on_other) == 0 || worklist_statistics(burnt).device_peak < 8);
}
static void burn(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  const pid_t me = (pid_t)syscall(SYS_gettid);
  pid_t nobody = 0;
  __atomic_compare_exchange_n(&first_thread, &nobody, me, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  volatile uint64_t sum = 0;
  for (int i = 0; i < 20000; i += 1) {
    sum += (uint64_t)i;
  }
  (void)sum;
  count_up(me == first_thread ? &on_first : &on_other);
  for (uint32_t i = 0; i < count; i += 1) {
    if (items[2 * i + 1] > 0) {
      CHECK_OK(strand_work_requeue(work, i, items[2 * i + 1] - 1, 0, STRAND_BAND_SAME));
    } else if (other_is_late()) {
      count_up(&visits_more);
      CHECK_OK(strand_work_requeue(work, i, 0, 0, STRAND_BAND_SAME));
    }
  }
}
static void two_workers_both_run_batches(void) {
  const strand_program_options made = native(burn, PAIR);
  strand_worklist_options options = worklist_options();
  const uint32_t again = (uint32_t)scaled(2000);
  options.capacity = 4;
  const strand_worklist list = new_worklist(&made, &options);
  for (uint32_t i = 0; i < 64; i += 1) {
    const uint32_t item[2] = {i, again};
    push_items(list, item, 1);
  }
  first_thread = 0;
  burnt = list;
  burn_until = again == 2000 ? monotonic() + SECONDS(30) : 0;
  CHECK_OK(run_worklist(list, 2));
  printf("%" PRIu64 " batches by one and %" PRIu64 " by the other\n", on_first, on_other);
  if (again == 2000) { /* under an instrument it is over before the other one comes */
    CHECK_NUMBERS(on_first, >, 0);
    CHECK_NUMBERS(on_other, >, 0);
    CHECK_EQUAL(worklist_statistics(list).device_peak, 8); /* two batches of four at once */
  }
  CHECK_EQUAL(worklist_statistics(list).visits, 64 * (again + 1) + visits_more);
  CHECK_OK(strand_worklist_release(list));
}

/* A wait that was ended by something else says nothing of the room that the next one in line needs. */
static strand_status outcome_of_ten;
static void *push_one_and_be_cancelled(void *arg) {
  const uint32_t item = 0;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_worklist_push(stream, &item, 1, 0, 0, STRAND_FOREVER));
  return arg;
}
static void *push_ten(void *arg) {
  const uint32_t items[10] = {0};
  outcome_of_ten = strand_worklist_push(stream, items, 10, 0, 0, STRAND_FOREVER);
  return arg;
}
static void *cancel_one_and_make_room_for_it(void *token) {
  strand_work_task task;
  while (worklist_statistics(stream).waited < 2) {
    CHECK_OK(strand_yield());
  }
  /* With one worker the cancelled strand has not left the line when the room is given. */
  CHECK_OK(strand_cancel_fire(*(strand_cancel *)token, 1));
  CHECK_OK(strand_worklist_take_tasks(stream, &task, 1, NULL));
  for (int i = 0; i < 10; i += 1) {
    CHECK_OK(strand_yield());
  }
  CHECK_EQUAL(worklist_statistics(stream).queued, 9);
  CHECK_OK(strand_worklist_close(stream));
  return NULL;
}
static void go_on_never(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)items;
  (void)count;
  (void)data;
}
static void room_for_who_has_given_up_is_not_given_to_the_next(void) {
  const uint32_t items[10] = {0};
  strand_cancel token = 0;
  strand_id ids[3];
  start_runtime(1);
  open_processor();
  stream = new_stream(10);
  push_items(stream, items, 10);
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &token));
  strand_spawn_options options = default_spawn("cancelled");
  options.cancel = token;
  CHECK_OK(strand_spawn_with(&options, push_one_and_be_cancelled, NULL, &ids[0]));
  while (worklist_statistics(stream).waited < 1) {
    let_strands_run(1);
  }
  ids[1] = spawn(push_ten, NULL);
  ids[2] = spawn(cancel_one_and_make_room_for_it, &token);
  for (int i = 0; i < 3; i += 1) {
    CHECK_OK(strand_join(ids[i], STRAND_FOREVER));
  }
  CHECK_STATUS(STRAND_ERR_CLOSED, outcome_of_ten);
  CHECK_OK(strand_cancel_release(token));
  stop_runtime();
}

/* Claims that look for a moment try as often as they like, but no longer than this. */
#define LONG_ENOUGH SECONDS(20)

/* Each second item comes at another moment around the one in which the runner, whose visits are used up, lies down. */
static void a_push_beyond_the_visits_ends_a_run_that_waits(void) {
  const strand_program_options made = native(go_on_never, PAIR);
  const uint32_t item[2] = {0, 0};
  strand_run_options run = run_options(1);
  uint64_t draws = 1;
  strand_work_task tasks[2];
  start_runtime(1);
  open_processor();
  const strand_worklist list = new_worklist(&made, NULL);
  run.flags = STRAND_RUN_UNTIL_CLOSED;
  run.visits_max = 1;
  const int64_t until = monotonic() + LONG_ENOUGH;
  for (int round = scaled(40000); round > 0 && monotonic() < until; round -= 1) {
    const strand_ticket ticket = dispatch(list, &run);
    push_items(list, item, 1);
    for (uint64_t spin = next_random(&draws) % 30000; spin > 0; spin -= 1) {
      __asm__ volatile("");
    }
    push_items(list, item, 1);
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_ticket_await(ticket, strand_after(SECONDS(60))));
    CHECK_OK(strand_ticket_release(ticket));
    CHECK_OK(strand_worklist_take_tasks(list, tasks, 2, NULL));
  }
  check_conserved(list);
  stop_runtime();
}

/* Whoever pushes and learns that a run is on leaves the items to it, also where that run is about to end. */
static void idle_for_a_while(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)items;
  (void)data;
  for (uint32_t i = 0; i < count * 100; i += 1) {
    __asm__ volatile("");
  }
}
static void push_and_have_it_run(strand_worklist list, const uint32_t *items, uint32_t count) {
  strand_ticket ticket = 0;
  push_items(list, items, count);
  const strand_status status = strand_worklist_dispatch(list, NULL, &ticket);
  if (status != STRAND_ERR_BUSY) {
    CHECK_OK(status);
    CHECK_OK(strand_ticket_release(ticket));
  }
}
static void a_run_that_is_on_takes_what_was_pushed_until_then(void) {
  const strand_program_options made = native(idle_for_a_while, STRAND_FIELD_PARAM);
  static const uint32_t items[3000];
  uint64_t draws = 1;
  start_runtime(4);
  open_processor();
  const strand_worklist list = new_worklist(&made, NULL);
  const int64_t until = monotonic() + LONG_ENOUGH;
  for (int round = scaled(10000); round > 0 && monotonic() < until; round -= 1) {
    push_and_have_it_run(list, items, 3000);
    for (uint64_t spin = next_random(&draws) % 600000; spin > 0; spin -= 1) {
      __asm__ volatile("");
    }
    push_and_have_it_run(list, items, 3000);
    while (worklist_statistics(list).running != 0) {
      sched_yield();
    }
    CHECK_EQUAL(worklist_statistics(list).queued, 0);
  }
  stop_runtime();
}

/* A ping-pong keeps its pace beside a run that never ends, also where both have one worker: turns are counted by batches. */
static strand_chan ping, pong;
static uint64_t turns, batches, stop_turns;
static void *serve(void *arg) {
  uint64_t value;
  while (strand_chan_recv(ping, &value, STRAND_FOREVER) == STRAND_OK) {
    CHECK_OK(strand_chan_send(pong, &value, STRAND_FOREVER));
  }
  return arg;
}
static void *play(void *arg) {
  uint64_t value = 0;
  while (count_read(&stop_turns) == 0) {
    CHECK_OK(strand_chan_send(ping, &value, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(pong, &value, STRAND_FOREVER));
    count_up(&turns);
  }
  CHECK_OK(strand_chan_close(ping));
  return arg;
}
static void burn_one_batch(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  struct timespec before, now;
  (void)data;
  clock_gettime(CLOCK_MONOTONIC, &before);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - before.tv_sec) * 1000000000 + now.tv_nsec - before.tv_nsec < 150000);
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_work_requeue(work, i, items[2 * i + 1] + 1, 0, STRAND_BAND_SAME));
  }
  count_up(&batches);
}
static uint64_t turns_a_batch(void) {
  const strand_program_options made = native(burn_one_batch, PAIR);
  const uint32_t item[2] = {0, 0};
  const strand_worklist list = new_worklist(&made, NULL);
  ping = new_channel(8, 0);
  pong = new_channel(8, 0);
  count_set(&turns, 0);
  count_set(&batches, 0);
  count_set(&stop_turns, 0);
  push_items(list, item, 1);
  const strand_id server = spawn(serve, NULL), player = spawn(play, NULL);
  strand_run_options run = run_options(1);
  run.rounds_max = 300;
  CHECK_STATUS(STRAND_ERR_LIMIT, await_and_release(dispatch(list, &run)));
  const uint64_t played = count_read(&turns), ran = count_read(&batches);
  count_set(&stop_turns, 1);
  CHECK_OK(strand_join(player, STRAND_FOREVER));
  CHECK_OK(strand_join(server, STRAND_FOREVER));
  CHECK_EQUAL(ran, 300);
  printf("%" PRIu64 " turns a batch\n", played / ran);
  CHECK_OK(strand_worklist_release(list));
  CHECK_OK(strand_chan_release(ping));
  CHECK_OK(strand_chan_release(pong));
  return played / ran;
}
/* A batch of 150 us, then as much for the others, whose turn takes far below 2 us. A run of 300 batches may be over while a
 * thread that plays does not get a processor: one of several counts. */
static void a_ping_pong_keeps_its_pace_while_a_run_is_on(void) {
  for (int runs = 1; turns_a_batch() < 20; runs += 1) {
    CHECK_NUMBERS(runs, <, 20);
  }
}

/* A shutdown in the middle of runs: one that works, one that waits, and a push that waits. */
static void *push_for_ever(void *arg) {
  const uint32_t item = 0;
  while (strand_worklist_push(stream, &item, 1, 0, 0, STRAND_FOREVER) == STRAND_OK) {
  }
  return arg;
}
static void go_on_for_ever(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_work_requeue(work, i, items[2 * i + 1] + 1, 0, STRAND_BAND_SAME));
  }
}
static void a_shutdown_ends_runs(void) {
  const strand_program_options made = native(go_on_for_ever, PAIR);
  const uint32_t items[6] = {1, 2, 3, 4, 5, 6};
  visited = calloc(8, 1);
  const strand_worklist works = new_worklist(&made, NULL), waits = new_stream(4);
  stream = new_stream(1);
  push_items(works, items, 3);
  const strand_run_options run = {.size = sizeof run, .workers = 2},
                           until = {.size = sizeof until, .flags = STRAND_RUN_UNTIL_CLOSED, .workers = 2};
  dispatch(works, &run);
  dispatch(waits, &until);
  spawn(push_for_ever, NULL);
  let_strands_run(10);
  stop_runtime();
  free(visited);
}
/* Before any runner has had its turn. */
static void a_shutdown_ends_runs_that_have_not_begun(void) {
  const strand_program_options made = native(go_on_for_ever, PAIR);
  const uint32_t items[2] = {1, 2};
  start_runtime(2);
  open_processor();
  const strand_worklist list = new_worklist(&made, NULL);
  push_items(list, items, 1);
  dispatch(list, NULL);
  stop_runtime();
}

int main(void) {
  start_runtime(2);
  open_processor();
  CLAIM(strands_and_threads_stream_through_a_small_queue);
  CLAIM_IF(!is_virtual(), a_push_waits_for_room_and_learns_of_the_end, "its clock stands still");
  CLAIM(who_waits_in_line_is_not_overtaken);
  CLAIM(a_run_that_waits_for_nobody_is_a_deadlock);
  CLAIM(records_are_taken_while_a_run_is_on);
  CLAIM_IF(is_parallel() && workers_there(2) >= 2, two_workers_both_run_batches, "it has one worker");
  CLAIM_IF(is_parallel(), a_ping_pong_keeps_its_pace_while_a_run_is_on, "one strand runs at a time, by turns");
  CLAIM(a_shutdown_ends_runs);
  CLAIM(a_shutdown_ends_runs_that_have_not_begun);
  CLAIM(room_for_who_has_given_up_is_not_given_to_the_next);
  CLAIM_IF(is_parallel(), a_push_beyond_the_visits_ends_a_run_that_waits, "nobody pushes while a runner lies down");
  CLAIM_IF(is_parallel(), a_run_that_is_on_takes_what_was_pushed_until_then, "nobody pushes while a run ends");
  return 0;
}
