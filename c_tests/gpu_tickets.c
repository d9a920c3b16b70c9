/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 */
/*
 * Tickets: whoever waits gets the result, once it is there, and nobody else's. A run that lasts until its worklist is
 * closed is what a ticket is pending for here; it works on the device that STRAND_GPU says, else on what there is.
 */
#include "cases.h"
#include "worklist.h"

static void no_kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)items;
  (void)count;
  (void)data;
}

static int on_adapter;

static void open_what_there_is(void) {
  strand_device_info info;
  memset(&info, 0, sizeof info);
  info.size = (uint32_t)sizeof info;
  CHECK_OK(strand_device_open(NULL, &processor));
  CHECK_OK(strand_device_info_of(processor, &info));
  on_adapter = info.kind != STRAND_DEVICE_CPU;
}

static strand_worklist new_list(void) {
  strand_program_options made = native(no_kernel, STRAND_FIELD_PARAM);
  const strand_worklist_options options = worklist_options();
  made.wgsl = "fn run(item: Item) {}";
  return new_worklist(&made, &options);
}

/* A run that ends when its worklist is closed. */
static strand_ticket begin(strand_worklist list) {
  strand_run_options options = run_options(1);
  options.flags = STRAND_RUN_UNTIL_CLOSED;
  return dispatch(list, &options);
}

/* So many strands wait for the ticket of such a run, which began after `before` parks; its own strand waits for items. */
static void await_waiting(uint64_t before, uint64_t strands) { await_parks(before + strands + (on_adapter ? 0 : 1)); }

static void check_pending(strand_ticket ticket) {
  strand_status result = 77;
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_ticket_poll(ticket, &result));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_ticket_poll(ticket, NULL));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_ticket_await(ticket, STRAND_NO_WAIT));
  CHECK_EQUAL(result, 77);
}

static void check_result(strand_ticket ticket, strand_status expected) {
  strand_status result = 77;
  CHECK_OK(strand_ticket_poll(ticket, &result));
  CHECK_EQUAL(result, expected);
  CHECK_STATUS(expected, strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_STATUS(expected, strand_ticket_await(ticket, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_ticket_cancel(ticket));
}

/* Whether a deadline comes while a ticket of the device is pending: a virtual clock stands still for an adapter. */
static int time_passes(void) { return !(is_stepped() && on_adapter) || environment_says("LIBSTRAND_TEST_CLOCK", "real"); }

/* ------------------------------------------------------------------------------------------------ waiting */

typedef struct await {
  strand_ticket ticket;
  strand_status expected;
} await;
static uint64_t waited;

static void *await_it(void *arg) {
  const await *what = arg;
  CHECK_STATUS(what->expected, strand_ticket_await(what->ticket, STRAND_FOREVER));
  count_add(&waited, 1);
  return NULL;
}

static void strands_and_threads_get_the_same_result(void) {
  const strand_worklist list = new_list();
  const uint32_t items[3] = {1, 2, 3};
  const uint64_t parks = read_statistics().parks;
  await what = {begin(list), STRAND_OK};
  pthread_t threads[2];
  count_set(&waited, 0);
  check_pending(what.ticket);
  if (time_passes()) {
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_ticket_await(what.ticket, strand_after(MILLISECONDS(2))));
  }
  CHECK_OK(strand_external_acquire()); /* this thread, which closes the worklist in the end */
  for (int each = 0; each < 100; each += 1) {
    spawn(await_it, &what);
  }
  for (int each = 0; each < 2; each += 1) {
    threads[each] = start_thread(await_it, &what);
  }
  await_waiting(parks, 100);
  CHECK_EQUAL(count_read(&waited), 0);
  push_items(list, items, 3);
  check_pending(what.ticket);
  CHECK_OK(strand_worklist_close(list));
  CHECK_OK(strand_ticket_await(what.ticket, STRAND_FOREVER));
  await_count(&waited, 102);
  CHECK_OK(strand_external_release());
  for (int each = 0; each < 2; each += 1) {
    join_thread(threads[each]);
  }
  CHECK_OK(strand_scheduler_run());
  check_result(what.ticket, STRAND_OK);
  CHECK_EQUAL(worklist_statistics(list).finished, 3);
  CHECK_OK(strand_worklist_release(list));
  check_result(what.ticket, STRAND_OK); /* it is for itself */
  CHECK_OK(strand_ticket_release(what.ticket));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_await(what.ticket, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_poll(what.ticket, NULL));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_cancel(what.ticket));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_release(what.ticket));
}

static void a_release_leaves_those_who_wait_alone(void) {
  const strand_worklist list = new_list();
  const uint64_t parks = read_statistics().parks;
  await what = {begin(list), STRAND_OK};
  count_set(&waited, 0);
  spawn(await_it, &what);
  await_waiting(parks, 1);
  CHECK_OK(strand_ticket_release(what.ticket));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_poll(what.ticket, NULL));
  CHECK_OK(strand_worklist_close(list));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&waited), 1);
  CHECK_OK(strand_worklist_release(list));
}

static void a_strand_that_is_cancelled_leaves_the_ticket_alone(void) {
  const strand_worklist list = new_list();
  const uint64_t parks = read_statistics().parks;
  await what = {begin(list), STRAND_ERR_CANCELLED};
  strand_id id;
  count_set(&waited, 0);
  id = spawn(await_it, &what);
  await_waiting(parks, 1);
  CHECK_OK(strand_cancel_strand(id, 1));
  CHECK_OK(strand_join(id, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&waited), 1);
  check_pending(what.ticket);
  CHECK_OK(strand_worklist_close(list));
  CHECK_OK(strand_ticket_await(what.ticket, STRAND_FOREVER));
  CHECK_OK(strand_ticket_release(what.ticket));
  CHECK_OK(strand_worklist_release(list));
  CHECK_OK(strand_scheduler_run());
}

/* ------------------------------------------------------------------------------------------------- select */

static strand_case ticket_case(strand_ticket ticket, strand_status *result) {
  return make_case(STRAND_CASE_TICKET, ticket, result, 0);
}

static void select_three(void) {
  const strand_worklist list = new_list();
  const strand_ticket ticket = begin(list);
  const strand_chan channel = new_channel(8, 1);
  uint64_t value = 5, got = 0;
  strand_status result = 77;
  strand_case cases[3] = {receive_case(channel, &got), timer_case(STRAND_FOREVER), ticket_case(ticket, &result)};
  REFUSES(STRAND_ERR_WOULD_BLOCK, cases, 3, STRAND_NO_WAIT, 0);
  if (time_passes()) {
    cases[1].deadline = strand_after(MILLISECONDS(1));
    COMMITS(1, STRAND_OK, cases, 3, STRAND_FOREVER, 0);
    cases[1].deadline = STRAND_FOREVER;
  }
  CHECK_OK(strand_chan_send(channel, &value, STRAND_FOREVER));
  COMMITS(0, STRAND_OK, cases, 3, STRAND_FOREVER, 0);
  CHECK_EQUAL(got, 5);
  CHECK_EQUAL(result, 77);
  CHECK_OK(strand_ticket_cancel(ticket));
  COMMITS(2, STRAND_OK, cases, 3, STRAND_FOREVER, 0); /* it comes */
  CHECK_EQUAL(result, STRAND_ERR_CANCELLED);
  result = 77;
  COMMITS(2, STRAND_OK, cases, 3, STRAND_NO_WAIT, 0); /* it is there */
  CHECK_EQUAL(result, STRAND_ERR_CANCELLED);
  cases[2].element = NULL; /* nobody wants to know */
  COMMITS(2, STRAND_OK, cases, 3, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED);
  CHECK_OK(strand_ticket_release(ticket));
  REFUSES(STRAND_ERR_STALE, cases, 3, STRAND_FOREVER, 0);
  CHECK_LAST_ERROR_SAYS("case 2");
  CHECK_OK(strand_chan_release(channel));
  CHECK_OK(strand_worklist_release(list));
}
static void *select_on_strand(void *arg) {
  select_three();
  count_add(&waited, 1);
  return arg;
}
static void a_select_waits_for_a_message_a_moment_and_a_ticket(void) {
  count_set(&waited, 0);
  select_three();
  spawn(select_on_strand, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&waited), 1);
}

/* -------------------------------------------------------------------------------------------- many at once */

enum { LISTS = 8, RUNS = 50 };
static void *run_often(void *arg) {
  const strand_worklist list = new_list();
  uint64_t random = (uint64_t)(uintptr_t)arg + 1;
  for (uint32_t run = 0; run < RUNS; run += 1) {
    const uint64_t dice = next_random(&random) % 4;
    strand_ticket ticket;
    push_items(list, &run, 1);
    ticket = dispatch(list, NULL);
    if (dice == 0) {
      CHECK_OK(strand_ticket_release(ticket)); /* it goes on without */
      do { /* a second run at once is refused */
        const strand_status status = strand_worklist_dispatch(list, NULL, &ticket);
        CHECK(status == STRAND_OK || status == STRAND_ERR_BUSY);
        if (status == STRAND_OK) {
          break;
        }
        CHECK_OK(strand_yield());
      } while (1);
    } else if (dice == 1) {
      const strand_status status = strand_ticket_cancel(ticket);
      CHECK(status == STRAND_OK || status == STRAND_ERR_ALREADY);
    }
    {
      const strand_status status = strand_ticket_await(ticket, STRAND_FOREVER);
      CHECK(status == STRAND_OK || (dice == 1 && status == STRAND_ERR_CANCELLED));
    }
    CHECK_OK(strand_ticket_release(ticket));
  }
  CHECK_OK(run_worklist(list, 1));
  CHECK_EQUAL(worklist_statistics(list).finished, RUNS);
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
  count_add(&waited, 1);
  return NULL;
}
static void many_tickets_at_once_are_each_their_own(void) {
  count_set(&waited, 0);
  for (uintptr_t each = 0; each < LISTS; each += 1) {
    spawn(run_often, (void *)each);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&waited), LISTS);
}

/* -------------------------------------------------------------------------------------------------- ends */

static void a_closed_device_ends_its_tickets(void) {
  const strand_device before = processor;
  strand_worklist list;
  await what = {0, STRAND_ERR_CLOSED};
  const uint64_t parks = read_statistics().parks;
  CHECK_OK(strand_device_open(NULL, &processor));
  list = new_list();
  what.ticket = begin(list);
  count_set(&waited, 0);
  spawn(await_it, &what);
  await_waiting(parks, 1);
  CHECK_OK(strand_device_close(processor));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_ticket_await(what.ticket, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&waited), 1);
  CHECK_OK(strand_ticket_release(what.ticket));
  CHECK_OK(strand_worklist_release(list));
  processor = before;
}

static void *await_until_shutdown(void *arg) {
  const strand_ticket *ticket = arg;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_ticket_await(*ticket, STRAND_FOREVER));
  return NULL;
}
/* A thread on a busy machine may come when all is over. */
static void *await_until_shutdown_or_later(void *arg) {
  const strand_ticket *ticket = arg;
  const strand_status status = strand_ticket_await(*ticket, STRAND_FOREVER);
  CHECK(status == STRAND_ERR_CANCELLED || status == STRAND_ERR_NOT_INITIALISED);
  return NULL;
}
static void a_shutdown_ends_what_is_pending(void) {
  for (int turn = 0; turn < 3; turn += 1) {
    strand_ticket ticket;
    pthread_t thread;
    uint64_t parks;
    start_runtime(2);
    open_what_there_is();
    parks = read_statistics().parks;
    ticket = begin(new_list());
    spawn(await_until_shutdown, &ticket);
    await_waiting(parks, 1);
    CHECK_OK(strand_external_acquire()); /* this thread, which shuts down */
    thread = start_thread(await_until_shutdown_or_later, &ticket);
    nap(MILLISECONDS(5));
    stop_runtime();
    join_thread(thread);
    CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_ticket_poll(ticket, NULL));
  }
}

int main(void) {
  start_runtime(2);
  open_what_there_is();
  CLAIM(strands_and_threads_get_the_same_result);
  CLAIM(a_release_leaves_those_who_wait_alone);
  CLAIM(a_strand_that_is_cancelled_leaves_the_ticket_alone);
  CLAIM(a_select_waits_for_a_message_a_moment_and_a_ticket);
  CLAIM(many_tickets_at_once_are_each_their_own);
  CLAIM(a_closed_device_ends_its_tickets);
  stop_runtime();
  CLAIM(a_shutdown_ends_what_is_pending);
  return 0;
}
