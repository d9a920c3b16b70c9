/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static opt=O2 instruments=none alone=yes */
/* test: engines=parallel engines-why="a device does not work in steps: how much strands do meanwhile is chance there" */
/*
 * Strands go on while a device is busy. Everything runs on one worker, so a call that kept its thread would stop all strands; what they
 * do meanwhile is counted. Two strands pass a token to and fro until the run of a worklist has its result.
 */
#include "harness.h"

enum { ITEMS = 4096 };
static uint32_t rounds = 2000;      /* so often each item is queued again */

static void again(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i++) {
    if (items[i] < rounds) CHECK_OK(strand_work_requeue(work, i, items[i] + 1, 0, STRAND_BAND_SAME));
  }
}
static const char shader[] = "fn run(item: Item) { if (item.continuation_pc < 2000u) { requeue(item.continuation_pc + 1u, 0u, BAND_SAME); } }\n";

static strand_device device;
static uint32_t kind;
static strand_program program;
static strand_worklist list;

static void open_device(void) {
  strand_device_info info = {.size = sizeof info};
  CHECK_OK(strand_device_open(NULL, &device));
  CHECK_OK(strand_device_info_of(device, &info));
  kind = info.kind;
  const strand_program_options what = {.size = sizeof what, .fields = STRAND_FIELD_CONTINUATION_PC, .kernel = again, .wgsl = shader};
  CHECK_OK(strand_program_new(device, &what, &program));
  const strand_worklist_options how = {.size = sizeof how, .capacity = ITEMS, .mode = STRAND_WORKLIST_NON_BLOCKING};
  CHECK_OK(strand_worklist_new(program, &how, &list));
}
static void close_device(void) {
  CHECK_OK(strand_worklist_release(list));
  CHECK_OK(strand_program_release(program));
  CHECK_OK(strand_device_close(device));
}
static strand_ticket begin_run(void) {
  static const uint32_t items[ITEMS];
  strand_ticket ticket;
  CHECK_OK(strand_worklist_push(list, items, ITEMS, 0, 0, STRAND_FOREVER));
  CHECK_OK(strand_worklist_dispatch(list, NULL, &ticket));
  return ticket;
}
static strand_ticket begin_short_run(void) { /* of one item */
  const uint32_t item = rounds;
  strand_ticket ticket;
  CHECK_OK(strand_worklist_push(list, &item, 1, 0, 0, STRAND_FOREVER));
  CHECK_OK(strand_worklist_dispatch(list, NULL, &ticket));
  return ticket;
}
static int is_pending(strand_ticket ticket) {
  strand_status result = STRAND_OK;
  const strand_status status = strand_ticket_poll(ticket, &result);
  if (status == STRAND_ERR_WOULD_BLOCK) return 1;
  CHECK_OK(status);
  CHECK_OK(result);
  return 0;
}
static uint64_t visits_now(void) {
  strand_worklist_statistics statistics = {.size = sizeof statistics};
  CHECK_OK(strand_worklist_stats(list, &statistics));
  return statistics.visits;
}

/* ------------------------------------------------------------------------------------------------- to and fro */

static strand_chan there, back;
static uint64_t trips;

static void *pong(void *arg) {
  uint64_t token;
  while (strand_chan_recv(there, &token, STRAND_FOREVER) == STRAND_OK) CHECK_OK(strand_chan_send(back, &token, STRAND_FOREVER));
  return arg;
}
static void one_trip(void) {
  uint64_t token = trips, answer = 0;
  CHECK_OK(strand_chan_send(there, &token, STRAND_FOREVER));
  CHECK_OK(strand_chan_recv(back, &answer, STRAND_FOREVER));
  CHECK_EQUAL(answer, token);
  count_up(&trips);
}
static void *trip_after_trip(void *arg) { /* in the background, until the channel is closed */
  uint64_t token = 0;
  while (strand_chan_send(there, &token, STRAND_FOREVER) == STRAND_OK && strand_chan_recv(back, &token, STRAND_FOREVER) == STRAND_OK) count_up(&trips);
  return arg;
}
static strand_id begin_pong(void) {
  there = new_channel(sizeof(uint64_t), 0);
  back = new_channel(sizeof(uint64_t), 0);
  count_set(&trips, 0);
  return spawn(pong, NULL);
}
static void end_pong(strand_id id) {
  CHECK_OK(strand_chan_close(there));
  CHECK_OK(strand_chan_close(back));
  CHECK_OK(strand_join(id, STRAND_FOREVER));
  CHECK_OK(strand_chan_release(there));
  CHECK_OK(strand_chan_release(back));
}
/* Processor time of this thread: with one worker, that of all strands. */
static int64_t worker_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* ----------------------------------------------------------------------------------------------------- claims */

static void *while_a_run_is_under_way(void *arg) {
  open_device();
  const strand_id partner = begin_pong();
  /* Once will do: this worker's thread may be stopped while the device, or another worker, does a whole run. */
  uint64_t most = 0;
  for (uint64_t run = 1; run <= 20 && most < 200; run++) {
    const uint64_t before = count_read(&trips);
    const strand_ticket ticket = begin_run();
    while (is_pending(ticket)) one_trip();
    const uint64_t meanwhile = count_read(&trips) - before;
    if (meanwhile > most) most = meanwhile;
    printf("%" PRIu64 " round trips while %d items were run\n", meanwhile, ITEMS * (2000 + 1));
    CHECK_EQUAL(visits_now(), run * ITEMS * (2000 + 1));
    CHECK_OK(strand_ticket_release(ticket));
  }
  CHECK_NUMBERS(most, >=, 200);
  end_pong(partner);
  close_device();
  return arg;
}
static void strands_go_on_while_a_run_is_under_way(void) {
  start_runtime(1);
  spawn(while_a_run_is_under_way, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* A strand that keeps its thread until the ticket is resolved: then nothing goes on, and the counter says so. */
static void *keeping_the_thread(void *arg) {
  open_device();
  const strand_id partner = begin_pong();
  const strand_id caller = spawn(trip_after_trip, NULL);
  const strand_ticket ticket = begin_run();
  const uint64_t before = count_read(&trips);
  while (is_pending(ticket)) {}
  CHECK_EQUAL(count_read(&trips), before);
  CHECK_OK(strand_ticket_release(ticket));
  end_pong(partner);
  CHECK_OK(strand_join(caller, STRAND_FOREVER));
  close_device();
  return arg;
}
static void control_a_strand_that_keeps_its_thread_stops_them(void) {
  start_runtime(1);
  spawn(keeping_the_thread, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* What a round trip costs the worker itself, in its own processor time, beside a busy device and beside an idle one. */
static void *cost_of_a_trip(void *arg) {
  open_device();
  const strand_id partner = begin_pong();
  for (int n = 0; n < 1000; n++) one_trip();
  /* The best of each; where neighbours take caches and cores away, they do not all the time. */
  int64_t idle = INT64_MAX, busy = INT64_MAX;
  for (int run = 0; run < 30 && (run < 2 || busy == INT64_MAX || busy > 2 * idle); run++) {
    for (int part = 0; part < 10; part++) {
      const int64_t began = worker_time();
      for (int n = 0; n < 1000; n++) one_trip();
      const int64_t each = (worker_time() - began) / 1000;
      if (each < idle) idle = each;
    }
    const strand_ticket ticket = begin_run();
    for (int part = 0; part < 10 && is_pending(ticket); part++) {
      const int64_t began = worker_time();
      for (int n = 0; n < 1000; n++) one_trip();
      const int64_t each = (worker_time() - began) / 1000;
      if (!is_pending(ticket)) break; /* it was not busy all the time */
      if (each < busy) busy = each;
    }
    CHECK_OK(strand_ticket_await(ticket, STRAND_FOREVER));
    CHECK_OK(strand_ticket_release(ticket));
  }
  CHECK_NUMBERS(busy, <, INT64_MAX);
  printf("a round trip takes the worker %" PRId64 " ns beside an idle device, %" PRId64 " ns beside a busy one\n", idle, busy);
  CHECK_NUMBERS(busy, <=, 2 * idle);
  end_pong(partner);
  close_device();
  return arg;
}
static void a_round_trip_costs_the_same_beside_a_busy_device(void) {
  start_runtime(1);
  spawn(cost_of_a_trip, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------ a device that waits */

/* Processor time of all threads. */
static int64_t process_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
enum { A_WHILE = 500 * 1000000 };   /* nanoseconds */

/* A ticket is pending, and nothing comes: after a moment nobody looks out for it. */
static void *a_run_that_waits_for_items(void *arg) {
  const strand_run_options run = {.size = sizeof run, .flags = STRAND_RUN_UNTIL_CLOSED};
  strand_ticket ticket;
  open_device();
  for (int n = 0; n < 10; n++) {    /* short ones, for which it pays to look out */
    const strand_ticket one = begin_short_run();
    CHECK_OK(strand_ticket_await(one, STRAND_FOREVER));
    CHECK_OK(strand_ticket_release(one));
  }
  CHECK_OK(strand_worklist_dispatch(list, &run, &ticket));
  int64_t cost = A_WHILE;
  for (int trial = 0; trial < 10 && cost >= A_WHILE / 10; trial++) { /* what others take from a virtual machine may count as its own */
    CHECK_OK(strand_sleep(A_WHILE / 5));
    const int64_t before = process_time();
    CHECK_OK(strand_sleep(A_WHILE));
    cost = process_time() - before;
    printf("a run that waits for items takes %" PRId64 " us of processor time in %d ms\n", cost / 1000, A_WHILE / 1000000);
  }
  CHECK_NUMBERS(cost, <, A_WHILE / 10);
  CHECK_OK(strand_worklist_close(list));
  CHECK_OK(strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_OK(strand_ticket_release(ticket));
  close_device();
  return arg;
}
static void a_device_that_waits_costs_no_processor(void) {
  start_runtime(2);
  spawn(a_run_that_waits_for_items, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}
/* Somebody who looks all the time is noticed. */
static void *looking_all_the_time(void *arg) {
  int64_t cost = 0;
  for (int trial = 0; trial < 20 && cost < A_WHILE / 10; trial++) { /* neighbours may leave it no time at all for a while */
    const int64_t end = monotonic() + A_WHILE, before = process_time();
    while (monotonic() < end) CHECK_OK(strand_yield());
    cost = process_time() - before;
  }
  CHECK_NUMBERS(cost, >=, A_WHILE / 10);
  return arg;
}
static void control_who_looks_all_the_time_costs_it(void) {
  start_runtime(2);
  spawn(looking_all_the_time, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *look_at_device(void *arg) {
  strand_device_info info = {.size = sizeof info};
  CHECK_OK(strand_device_open(NULL, &device));
  CHECK_OK(strand_device_info_of(device, &info));
  kind = info.kind;
  CHECK_OK(strand_device_close(device));
  return arg;
}

int main(void) {
  start_runtime(1);
  spawn(look_at_device, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  CLAIM(strands_go_on_while_a_run_is_under_way);
  CLAIM(a_device_that_waits_costs_no_processor);
  CLAIM(control_who_looks_all_the_time_costs_it);
  if (kind != STRAND_DEVICE_CPU) {
    /* On the processor the worker itself runs the items: a strand that keeps it would wait for itself. */
    CLAIM_IF(workers_there(1) == 1, control_a_strand_that_keeps_its_thread_stops_them, "about one worker");
    CLAIM_IF(workers_there(1) == 1, a_round_trip_costs_the_same_beside_a_busy_device, "it looks at the time of one worker's thread");
  }
  return 0;
}
