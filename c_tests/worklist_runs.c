/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 */
/*
 * Runs of worklists on the processor: what an item may do, how a run ends, and that what is left stays.
 */
#include "worklist.h"

/* -------------------------------------------------------------------------------------------- kernels */

/* Emits its record. */
static void emit_itself(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_work_emit(work, i, &items[i]));
  }
}

/* A pair (id, n): n visits, then id is emitted. */
static void count_down(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    if (items[2 * i + 1] > 1) {
      CHECK_OK(strand_work_requeue(work, i, items[2 * i + 1] - 1, 0, STRAND_BAND_SAME));
    } else {
      CHECK_OK(strand_work_emit(work, i, &items[2 * i]));
    }
  }
}

static strand_program_options counting_down(void) {
  strand_program_options options = native(count_down, PAIR);
  options.emit_max = 1;
  return options;
}

static strand_program_options emitting(void) {
  strand_program_options options = native(emit_itself, STRAND_FIELD_PARAM);
  options.emit_max = 1;
  return options;
}

static uint32_t take_all(strand_worklist list, uint32_t *out, uint32_t capacity) {
  uint32_t count = 0;
  const strand_status status = strand_worklist_take(list, out, capacity, &count);
  CHECK(status == STRAND_OK || status == STRAND_ERR_EMPTY);
  CHECK_EQUAL(status == STRAND_OK, count > 0);
  return count;
}

/* -------------------------------------------------------------------------------------------- order */

static void check_order(uint32_t order, const uint32_t *expected, uint32_t count) {
  const strand_program_options made = emitting();
  strand_worklist_options options = worklist_options();
  uint32_t out[64];
  options.order = order;
  options.bands = 3;
  const strand_worklist list = new_worklist(&made, &options);
  for (uint32_t i = 0; i < 9; i += 1) {
    CHECK_OK(strand_worklist_push(list, &i, 1, 2 - i % 3, 0, STRAND_NO_WAIT));
  }
  strand_run_options run = run_options(1);
  run.rounds_max = 0;
  CHECK_OK(await_and_release(dispatch(list, &run)));
  CHECK_EQUAL(take_all(list, out, 64), count);
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_EQUAL(out[i], expected[i]);
  }
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
}
static void the_highest_band_comes_first_and_a_band_keeps_its_order(void) {
  static const uint32_t expected[] = {2, 5, 8, 1, 4, 7, 0, 3, 6};
  check_order(STRAND_WORKLIST_FIFO, expected, 9);
  /* A slice of a LIFO keeps its order, and all three items of a band are one. */
  check_order(STRAND_WORKLIST_LIFO, expected, 9);
}

/* -------------------------------------------------------------------------------------------- nothing, closed */

static void a_run_of_an_empty_worklist_has_ended_when_it_begins(void) {
  const strand_program_options made = emitting();
  const strand_worklist list = new_worklist(&made, NULL);
  strand_status result = 77;
  strand_ticket ticket = dispatch(list, NULL);
  CHECK_OK(strand_ticket_poll(ticket, &result));
  CHECK_EQUAL(result, STRAND_OK);
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_release(ticket));
  CHECK_EQUAL(worklist_statistics(list).runs, 1);
  CHECK_OK(strand_worklist_push(list, NULL, 0, 0, 0, STRAND_NO_WAIT));
  CHECK_OK(strand_worklist_close(list));
  CHECK_OK(strand_worklist_close(list));
  const uint32_t item = 1;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_worklist_push(list, &item, 1, 0, 0, STRAND_FOREVER));
  const strand_run_options forever = {.size = sizeof forever, .flags = STRAND_RUN_UNTIL_CLOSED};
  CHECK_OK(await_and_release(dispatch(list, &forever)));
  CHECK_OK(strand_worklist_release(list));
  CHECK_STATUS(STRAND_ERR_STALE, strand_worklist_push(list, &item, 1, 0, 0, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_STALE, strand_worklist_release(list));
}

/* -------------------------------------------------------------------------------------------- requeue, budget */

static void a_budget_stops_what_would_never_end_and_the_frontier_is_intact(void) {
  const uint32_t modes[] = {STRAND_WORKLIST_AUTO, STRAND_WORKLIST_BLOCKING, STRAND_WORKLIST_NON_BLOCKING};
  for (size_t m = 0; m < 3; m += 1) {
    const strand_program_options made = counting_down();
    strand_worklist_options options = worklist_options();
    uint32_t items[200], out[100];
    options.mode = modes[m];
    const strand_worklist list = new_worklist(&made, &options);
    for (uint32_t i = 0; i < 100; i += 1) {
      items[2 * i] = i;
      items[2 * i + 1] = i < 50 ? UINT32_MAX : 10;
    }
    push_items(list, items, 100);
    strand_run_options run = run_options(1);
    run.visits_max = 12345;
    for (uint64_t turn = 1; turn <= 3; turn += 1) {
      const strand_ticket ticket = dispatch(list, &run);
      CHECK_STATUS(STRAND_ERR_LIMIT, strand_ticket_await(ticket, STRAND_FOREVER));
      CHECK_LAST_ERROR_SAYS("12345 visits");
      CHECK_OK(strand_ticket_release(ticket));
      const strand_worklist_statistics s = worklist_statistics(list);
      CHECK_EQUAL(s.visits, 12345 * turn);
      check_conserved(list);
    }
    /* Those that end have ended, each once; the others are all there, as far as they have come. */
    CHECK_EQUAL(take_all(list, out, 100), 50);
    uint32_t seen[100] = {0};
    for (uint32_t i = 0; i < 50; i += 1) {
      CHECK_NUMBERS(out[i], >=, 50);
      seen[out[i]] += 1;
      CHECK_EQUAL(seen[out[i]], 1);
    }
    strand_work_task tasks[60];
    uint32_t count = 0;
    CHECK_OK(strand_worklist_take_tasks(list, tasks, 60, &count));
    CHECK_EQUAL(count, 50);
    uint64_t visits = 0;
    for (uint32_t i = 0; i < count; i += 1) {
      seen[tasks[i].param] += 1;
      CHECK_EQUAL(seen[tasks[i].param], 1);
      visits += UINT32_MAX - tasks[i].continuation_pc;
    }
    CHECK_EQUAL(visits + 500, 12345 * 3);
    CHECK_STATUS(STRAND_ERR_EMPTY, strand_worklist_take_tasks(list, tasks, 60, &count));
    check_conserved(list);
    CHECK_OK(strand_worklist_release(list));
  }
}

static void rounds_can_be_limited_too(void) {
  const strand_program_options made = counting_down();
  strand_worklist_options options = worklist_options();
  const uint32_t item[2] = {1, 1000};
  options.mode = STRAND_WORKLIST_NON_BLOCKING;
  const strand_worklist list = new_worklist(&made, &options);
  push_items(list, item, 1);
  strand_run_options run = run_options(1);
  run.rounds_max = 400;
  CHECK_STATUS(STRAND_ERR_LIMIT, await_and_release(dispatch(list, &run)));
  CHECK_EQUAL(worklist_statistics(list).visits, 400);
  CHECK_STATUS(STRAND_ERR_LIMIT, await_and_release(dispatch(list, &run)));
  CHECK_OK(await_and_release(dispatch(list, &run)));
  CHECK_EQUAL(worklist_statistics(list).visits, 1000);
  CHECK_OK(strand_worklist_release(list));
}

/* -------------------------------------------------------------------------------------------- faults */

/* Record (what, id): what it does. */
enum { FINE, TOO_MANY_CHILDREN, TOO_MANY_EMITS, OWN_CODE, BAD_BAND, TWICE, NOT_CARRIED, PUSHED_THEN_FAULTED, KINDS };
static void misbehave(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    const uint32_t *item = &items[2 * i];
    const uint32_t child[2] = {FINE, item[1] + 100000};
    switch (item[0]) {
      case TOO_MANY_CHILDREN:
        CHECK_OK(strand_work_push(work, i, child, STRAND_BAND_SAME));
        CHECK_OK(strand_work_push(work, i, child, 0));
        CHECK_STATUS(STRAND_ERR_LIMIT, strand_work_push(work, i, child, STRAND_BAND_SAME));
        break;
      case TOO_MANY_EMITS:
        CHECK_OK(strand_work_emit(work, i, &item[1]));
        CHECK_STATUS(STRAND_ERR_LIMIT, strand_work_emit(work, i, &item[1]));
        break;
      case OWN_CODE: {
        CHECK_OK(strand_work_requeue(work, i, 0, 0, STRAND_BAND_SAME));
        CHECK_OK(strand_work_fault(work, i, 4711));
        CHECK_STATUS(STRAND_ERR_ALREADY, strand_work_fault(work, i, 4712));
        break;
      }
      case BAD_BAND:
        CHECK_STATUS(STRAND_ERR_INVALID, strand_work_push(work, i, child, 2));
        break;
      case TWICE:
        CHECK_OK(strand_work_yield(work, i, 0, 0));
        CHECK_STATUS(STRAND_ERR_ALREADY, strand_work_pause(work, i, 0, 0, 5));
        break;
      case NOT_CARRIED:
        CHECK_STATUS(STRAND_ERR_INVALID, strand_work_requeue(work, i, 0, 9, STRAND_BAND_SAME));
        break;
      case PUSHED_THEN_FAULTED:
        CHECK_OK(strand_work_push(work, i, child, 1));
        CHECK_OK(strand_work_emit(work, i, &item[1]));
        CHECK_OK(strand_work_fault(work, i, 1));
        break;
      default:
        CHECK_OK(strand_work_emit(work, i, &item[1]));
        CHECK_STATUS(STRAND_ERR_INVALID, strand_work_emit(work, count, &item[1]));
        CHECK_STATUS(STRAND_ERR_INVALID, strand_work_fault(work, i, STRAND_WORK_FAULT_BAND));
        CHECK_STATUS(STRAND_ERR_INVALID, strand_work_push(work, i, NULL, 0));
        CHECK(strand_work_buffer(work, 0, NULL) == NULL);
    }
  }
}

static void of_an_item_that_faults_nothing_is_pushed_or_emitted_and_each_fault_is_seen(void) {
  static const uint32_t codes[KINDS] = {0,    STRAND_WORK_FAULT_FAN_OUT, STRAND_WORK_FAULT_EMITS,
                                        4711, STRAND_WORK_FAULT_BAND,    STRAND_WORK_FAULT_ENDED_TWICE,
                                        STRAND_WORK_FAULT_NOT_CARRIED,   1};
  enum { COUNT = 4000 };
  static uint32_t items[2 * COUNT], out[COUNT], seen[COUNT];
  strand_program_options made = native(misbehave, STRAND_FIELD_PARAM | STRAND_FIELD_TASK_ID);
  strand_worklist_options options = worklist_options();
  made.fan_out_max = 2;
  made.emit_max = 1;
  options.bands = 2;
  const strand_worklist list = new_worklist(&made, &options);
  uint32_t fine = 0;
  memset(seen, 0, sizeof seen);
  for (uint32_t i = 0; i < COUNT; i += 1) {
    items[2 * i] = (i * 7 + i / 13) % KINDS;
    items[2 * i + 1] = i;
    fine += items[2 * i] == FINE;
  }
  push_items(list, items, COUNT);
  strand_ticket ticket = dispatch(list, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("items have faulted");
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_EQUAL(take_all(list, out, COUNT), fine);
  for (uint32_t i = 0; i < fine; i += 1) {
    CHECK_NUMBERS(out[i], <, COUNT);
    CHECK_EQUAL(items[2 * out[i]], FINE);
    seen[out[i]] += 1;
  }
  strand_worklist_fault faults[100];
  uint32_t count = 0, all = 0;
  while (strand_worklist_faults(list, faults, 100, &count) == STRAND_OK) {
    for (uint32_t i = 0; i < count; i += 1) {
      const strand_work_task *task = &faults[i].task;
      CHECK_EQUAL(task->state, STRAND_WORK_FAULTED);
      CHECK_EQUAL(faults[i].code, codes[task->param]);
      CHECK_EQUAL(items[2 * task->task_id], task->param);
      seen[task->task_id] += 1;
    }
    all += count;
  }
  CHECK_EQUAL(all + fine, COUNT);
  for (uint32_t i = 0; i < COUNT; i += 1) {
    CHECK_EQUAL(seen[i], 1);
  }
  CHECK_EQUAL(worklist_statistics(list).children, 0);
  check_conserved(list);
  /* Faults of an earlier run do not make a later one fail. */
  const uint32_t good[2] = {FINE, 1};
  push_items(list, good, 1);
  CHECK_OK(run_worklist(list, 1));
  CHECK_OK(strand_worklist_release(list));
}

/* -------------------------------------------------------------------------------------------- pause and resume */

static void pause_for_epochs(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    const uint32_t id = items[2 * i], pc = items[2 * i + 1];
    if (pc < id % 4) {
      CHECK_OK(strand_work_pause(work, i, pc + 1, 0, 10 * (pc + 1)));
    } else {
      CHECK_OK(strand_work_emit(work, i, &id));
    }
  }
}

static void paused_items_go_on_when_their_epoch_has_come(void) {
  strand_program_options made = native(pause_for_epochs, PAIR);
  uint32_t items[80], out[40];
  uint64_t resumed = 0;
  made.emit_max = 1;
  const strand_worklist list = new_worklist(&made, NULL);
  for (uint32_t i = 0; i < 40; i += 1) {
    items[2 * i] = i;
    items[2 * i + 1] = 0;
  }
  push_items(list, items, 40);
  for (uint32_t epoch = 1; epoch <= 4; epoch += 1) {
    CHECK_OK(run_worklist(list, 1));
    CHECK_EQUAL(take_all(list, out, 40), 10);
    for (uint32_t i = 0; i < 10; i += 1) {
      CHECK_EQUAL(out[i], 4 * i + epoch - 1);
    }
    CHECK_OK(strand_worklist_resume(list, 10 * epoch - 1, &resumed));
    CHECK_EQUAL(resumed, 0);
    CHECK_OK(strand_worklist_resume(list, 10 * epoch, &resumed));
    CHECK_EQUAL(resumed, 40 - 10 * epoch);
  }
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
}

/* -------------------------------------------------------------------------------------------- tasks */

static void tasks_go_in_and_come_out_and_what_would_be_lost_is_refused(void) {
  strand_program_options made = native(emit_itself, STRAND_FIELD_PARAM | STRAND_FIELD_TASK_ID | STRAND_FIELD_STATE);
  strand_worklist_options options = worklist_options();
  strand_work_task tasks[6], back[8];
  uint32_t count = 0;
  options.bands = 5;
  options.tenants = 3;
  const strand_worklist list = new_worklist(&made, &options);
  memset(tasks, 0, sizeof tasks);
  const uint32_t states[6] = {STRAND_WORK_READY,  STRAND_WORK_PAUSED, STRAND_WORK_YIELDED,
                              STRAND_WORK_PAUSED, STRAND_WORK_READY,  STRAND_WORK_REQUEUED};
  for (uint32_t i = 0; i < 6; i += 1) {
    tasks[i].state = states[i];
    tasks[i].priority = i % 5;
    tasks[i].tenant_id = i % 3;
    tasks[i].task_id = 100 + i;
    tasks[i].resume_epoch = states[i] == STRAND_WORK_PAUSED ? 7 : 0;
  }
  CHECK_OK(strand_worklist_push_tasks(list, tasks, 6, STRAND_NO_WAIT));
  for (int turn = 0; turn < 2; turn += 1) {
    CHECK_OK(strand_worklist_take_tasks(list, back, 8, &count));
    CHECK_EQUAL(count, 6);
    static const uint32_t ids[6] = {100, 105, 102, 104, 101, 103};
    for (uint32_t i = 0; i < 6; i += 1) {
      const strand_work_task *was = &tasks[ids[i] - 100];
      CHECK_EQUAL(back[i].task_id, ids[i]);
      CHECK_EQUAL(back[i].state, was->state);
      CHECK_EQUAL(back[i].priority, was->priority);
      CHECK_EQUAL(back[i].tenant_id, was->tenant_id);
      CHECK_EQUAL(back[i].resume_epoch, was->resume_epoch);
    }
    CHECK_OK(strand_worklist_push_tasks(list, back, count, STRAND_NO_WAIT));
  }
  CHECK_EQUAL(worklist_statistics(list).paused, 2);
  struct {
    uint32_t state, priority, tenant, other;
  } wrong[] = {{STRAND_WORK_EMPTY, 0, 0, 0},   {STRAND_WORK_RUNNING, 0, 0, 0}, {STRAND_WORK_DONE, 0, 0, 0},
               {STRAND_WORK_FAULTED, 0, 0, 0}, {8, 0, 0, 0},                   {STRAND_WORK_READY, 5, 0, 0},
               {STRAND_WORK_READY, 0, 3, 0},   {STRAND_WORK_READY, 0, 0, 1}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i += 1) {
    tasks[1] = tasks[0];
    tasks[1].state = wrong[i].state;
    tasks[1].priority = wrong[i].priority;
    tasks[1].tenant_id = wrong[i].tenant;
    tasks[1].input_handle = wrong[i].other;
    CHECK_STATUS(STRAND_ERR_INVALID, strand_worklist_push_tasks(list, tasks, 2, STRAND_NO_WAIT));
    CHECK_LAST_ERROR_SAYS("task 1");
  }
  CHECK_EQUAL(worklist_statistics(list).queued, 4);
  CHECK_OK(strand_worklist_release(list));
}

/* -------------------------------------------------------------------------------------------- tenants */

static void a_tenant_that_is_switched_off_waits(void) {
  const strand_program_options made = emitting();
  strand_worklist_options options = worklist_options();
  uint32_t out[8];
  options.tenants = 30;
  const strand_worklist list = new_worklist(&made, &options);
  const uint32_t a = 1, b = 2;
  CHECK_OK(strand_worklist_push(list, &a, 1, 0, 29, STRAND_NO_WAIT));
  CHECK_OK(strand_worklist_push(list, &b, 1, 0, 3, STRAND_NO_WAIT));
  CHECK_OK(strand_worklist_tenant(list, 29, 0, 0));
  CHECK_OK(run_worklist(list, 2));
  CHECK_EQUAL(take_all(list, out, 8), 1);
  CHECK_EQUAL(out[0], 2);
  CHECK_EQUAL(worklist_statistics(list).queued, 1);
  CHECK_OK(strand_worklist_tenant(list, 29, 1, 1));
  CHECK_OK(run_worklist(list, 2));
  CHECK_EQUAL(take_all(list, out, 8), 1);
  CHECK_EQUAL(out[0], 1);
  CHECK_OK(strand_worklist_release(list));
}

/* -------------------------------------------------------------------------------------------- calls in a kernel */

static strand_worklist called_on;
static uint64_t calls_made;
static strand_chan a_channel;
static void *nothing(void *arg) { return arg; }
static void call_what_would_switch(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  uint64_t value = 0;
  (void)work;
  (void)items;
  (void)data;
  CHECK_EQUAL(count, 1);
  CHECK(strand_self() != 0);
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_yield());
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_sleep(1000));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_chan_recv(a_channel, &value, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(a_channel, &value, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_join(strand_self(), STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_world_stop(STRAND_FOREVER));
  CHECK_OK(strand_checkpoint());
  CHECK_STATUS(STRAND_ERR_INVALID, strand_block_end());
  CHECK_OK(strand_block_begin());
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_yield());
  CHECK_OK(strand_block_end());
  CHECK_STATUS(STRAND_ERR_INVALID, strand_block_end());
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_dispatch(called_on, NULL, &value));
  if (worklist_statistics(called_on).queued == 0 && worklist_statistics(called_on).visits == 0) {
    const uint32_t another = 2;
    CHECK_OK(strand_worklist_push(called_on, &another, 1, 0, 0, STRAND_NO_WAIT));
    CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_worklist_push(called_on, &another, 1, 0, 0, STRAND_FOREVER));
    CHECK_OK(strand_spawn(nothing, NULL, NULL));
  }
  count_up(&calls_made);
}

static void a_kernel_calls_nothing_that_switches_and_everything_else(void) {
  const strand_program_options made = native(call_what_would_switch, STRAND_FIELD_PARAM);
  strand_worklist_options options = worklist_options();
  options.host_items_max = 1;
  a_channel = new_channel(8, 1);
  called_on = new_worklist(&made, &options);
  const uint32_t item = 1;
  count_set(&calls_made, 0);
  push_items(called_on, &item, 1);
  CHECK_OK(run_worklist(called_on, 1));
  CHECK_EQUAL(count_read(&calls_made), 2);
  check_conserved(called_on);
  CHECK_OK(strand_worklist_release(called_on));
  CHECK_OK(strand_chan_release(a_channel));
  CHECK_OK(strand_wait_all(STRAND_FOREVER));
}

/* -------------------------------------------------------------------------------------------- ends in the middle */

static void fail_at_seven(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_work_emit(work, i, &items[i]));
    if (items[i] == 7) {
      if (data == NULL) {
        strand_fail(STRAND_ERR_IO, "seven", 5);
      }
      strand_exit(NULL);
    }
  }
}

static void a_kernel_that_ends_its_strand_faults_its_batch_and_nothing_else(void) {
  for (uintptr_t way = 0; way < 2; way += 1) {
    strand_program_options made = native(fail_at_seven, STRAND_FIELD_PARAM);
    uint32_t out[8], count = 0;
    strand_worklist_fault faults[20];
    made.emit_max = 1;
    made.kernel_data = (void *)way;
    strand_worklist_options options = worklist_options();
    options.capacity = 4; /* batches of four */
    const strand_worklist list = new_worklist(&made, &options);
    for (uint32_t i = 0; i < 12; i += 1) {
      push_items(list, &i, 1);
    }
    strand_ticket ticket = dispatch(list, &(strand_run_options){.size = sizeof(strand_run_options), .workers = 1});
    CHECK_STATUS(STRAND_ERR_FAILED, strand_ticket_await(ticket, STRAND_FOREVER));
    CHECK_LAST_ERROR_SAYS("ended the strand");
    CHECK_OK(strand_ticket_release(ticket));
    CHECK_EQUAL(take_all(list, out, 8), 4);
    CHECK_OK(strand_worklist_faults(list, faults, 20, &count));
    CHECK_EQUAL(count, 4);
    for (uint32_t i = 0; i < 4; i += 1) {
      CHECK_EQUAL(faults[i].code, STRAND_WORK_FAULT_KERNEL);
      CHECK_EQUAL(faults[i].task.param, 4 + i);
    }
    check_conserved(list);
    CHECK_EQUAL(worklist_statistics(list).queued, 4);
    CHECK_OK(run_worklist(list, 1));
    CHECK_EQUAL(take_all(list, out, 8), 4);
    CHECK_EQUAL(out[0], 8);
    CHECK_OK(strand_worklist_release(list));
  }
}

static strand_ticket to_cancel;
static strand_worklist to_release;
static void end_it_at_1000(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_work_requeue(work, i, items[2 * i + 1] + 1, 0, STRAND_BAND_SAME));
    if (items[2 * i + 1] == 1000) {
      switch ((uintptr_t)data) {
        case 0:
          while (__atomic_load_n(&to_cancel, __ATOMIC_SEQ_CST) == 0) { /* the dispatch has not returned yet */
          }
          CHECK_OK(strand_ticket_cancel(to_cancel));
          break;
        default: CHECK_OK(strand_worklist_release(to_release));
      }
    }
  }
}

static void a_cancel_or_a_release_ends_a_run_between_two_batches(void) {
  for (uintptr_t way = 0; way < 2; way += 1) {
    strand_program_options made = native(end_it_at_1000, PAIR);
    const uint32_t item[2] = {5, 0};
    made.kernel_data = (void *)way;
    to_release = new_worklist(&made, NULL);
    const strand_worklist list = to_release;
    push_items(list, item, 1);
    __atomic_store_n(&to_cancel, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&to_cancel, dispatch(list, &(strand_run_options){.size = sizeof(strand_run_options), .workers = 1}),
                     __ATOMIC_SEQ_CST);
    const strand_status ended = strand_ticket_await(to_cancel, STRAND_FOREVER);
    CHECK_EQUAL(ended, way == 0 ? STRAND_ERR_CANCELLED : STRAND_ERR_CLOSED);
    CHECK_OK(strand_ticket_release(to_cancel));
    if (way == 0) {
      strand_work_task task;
      check_conserved(list);
      CHECK_OK(strand_worklist_take_tasks(list, &task, 1, NULL));
      CHECK_EQUAL(task.continuation_pc, 1001);
      CHECK_EQUAL(task.param, 5);
      CHECK_OK(strand_worklist_release(list));
    }
  }
}

static void run_for_ever(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  for (uint32_t i = 0; i < count; i += 1) {
    strand_work_requeue(work, i, items[2 * i + 1] + 1, 0, STRAND_BAND_SAME);
  }
  count_add(data, count);
}

static void a_deadline_ends_a_run(void) {
  uint64_t visits = 0;
  strand_program_options made = native(run_for_ever, PAIR);
  const uint32_t item[2] = {5, 0};
  made.kernel_data = &visits;
  const strand_worklist list = new_worklist(&made, NULL);
  push_items(list, item, 1);
  strand_run_options run = run_options(2);
  run.deadline = strand_after(MILLISECONDS(5));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, await_and_release(dispatch(list, &run)));
  CHECK_EQUAL(worklist_statistics(list).visits, count_read(&visits));
  CHECK_EQUAL(worklist_statistics(list).queued, 1);
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
}

static void a_device_that_is_closed_ends_its_runs_and_the_items_stay(void) {
  uint64_t visits = 0;
  strand_program_options made = native(run_for_ever, PAIR);
  const uint32_t item[2] = {5, 0};
  made.kernel_data = &visits;
  for (int waits = 0; waits < 2; waits += 1) {
    const strand_device kept = processor;
    open_processor();
    const strand_worklist list = new_worklist(&made, NULL);
    strand_run_options run = run_options(1);
    if (waits) {
      run.flags = STRAND_RUN_UNTIL_CLOSED;
    } else {
      push_items(list, item, 1);
    }
    const strand_ticket ticket = dispatch(list, &run);
    let_strands_run(20);
    CHECK_OK(strand_device_close(processor));
    processor = kept;
    CHECK_STATUS(STRAND_ERR_CLOSED, await_and_release(ticket));
    CHECK_EQUAL(worklist_statistics(list).queued, waits ? 0 : 1);
    check_conserved(list);
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_worklist_push(list, item, 1, 0, 0, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_CLOSED, strand_worklist_dispatch(list, &run, &to_cancel));
    CHECK_OK(strand_worklist_release(list));
  }
}

/* -------------------------------------------------------------------------------------------- room */

static void emitted_records_wait_for_room_and_a_take_makes_it(void) {
  const strand_program_options made = emitting();
  strand_worklist_options options = worklist_options();
  uint32_t items[1000], out[100], next = 0;
  options.emitted_max = 64;
  const strand_worklist list = new_worklist(&made, &options);
  for (uint32_t i = 0; i < 1000; i += 1) {
    items[i] = i;
  }
  push_items(list, items, 1000);
  while (next < 1000) {
    const strand_status status = run_worklist(list, 1);
    CHECK_EQUAL(status, next + 64 >= 1000 ? STRAND_OK : STRAND_ERR_LIMIT);
    check_conserved(list);
    const uint32_t count = take_all(list, out, 100);
    CHECK_EQUAL(count, next + 64 >= 1000 ? 1000 - next : 64);
    for (uint32_t i = 0; i < count; i += 1) {
      CHECK_EQUAL(out[i], next + i);
    }
    next += count;
  }
  CHECK_OK(strand_worklist_release(list));
}

static void records_for_which_there_can_be_no_room_are_refused_at_once(void) {
  strand_program_options made = emitting();
  strand_worklist_options options = worklist_options();
  strand_program program = 0;
  strand_worklist list = 0;
  made.emit_max = 8;
  CHECK_OK(strand_program_new(processor, &made, &program));
  options.emitted_max = 7;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_worklist_new(program, &options, &list));
  options.emitted_max = 8;
  CHECK_OK(strand_worklist_new(program, &options, &list));
  push_items(list, (const uint32_t[]){1}, 1);
  CHECK_OK(run_worklist(list, 1));
  CHECK_OK(strand_worklist_release(list));
  CHECK_OK(strand_program_release(program));
}

/* The last one pushes a child, so that more are queued than may be. */
static void leave_one(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    (void)strand_work_push(work, i, items, STRAND_BAND_SAME);
    (void)strand_work_push(work, i, items, STRAND_BAND_SAME);
  }
}
static void a_push_of_nothing_needs_no_room(void) {
  strand_program_options made = native(leave_one, STRAND_FIELD_PARAM);
  strand_worklist_options options = worklist_options();
  strand_run_options run = run_options(1);
  made.fan_out_max = 2;
  options.host_items_max = 1;
  run.visits_max = 1;
  const strand_worklist list = new_worklist(&made, &options);
  push_items(list, (const uint32_t[]){1}, 1);
  CHECK_STATUS(STRAND_ERR_LIMIT, await_and_release(dispatch(list, &run)));
  CHECK_EQUAL(worklist_statistics(list).queued, 2);
  CHECK_OK(strand_worklist_push(list, NULL, 0, 0, 0, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_worklist_push(list, (const uint32_t[]){1}, 1, 0, 0, STRAND_NO_WAIT));
  CHECK_OK(strand_worklist_close(list));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_worklist_push(list, NULL, 0, 0, 0, STRAND_NO_WAIT));
  CHECK_OK(strand_worklist_release(list));
}

static void push_two(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    for (uint32_t child = 0; child < 2 && items[i] > 0; child += 1) {
      const uint32_t smaller = items[i] - 1;
      CHECK_OK(strand_work_push(work, i, &smaller, STRAND_BAND_SAME));
    }
  }
}

static void where_nothing_may_be_spilled_the_run_ends_with_its_frontier(void) {
  for (int limited = 0; limited < 2; limited += 1) {
    strand_program_options made = native(push_two, STRAND_FIELD_PARAM);
    strand_worklist_options options = worklist_options();
    const uint32_t root = 12;
    made.fan_out_max = 2;
    options.capacity = 64;
    options.spill = limited ? STRAND_WORKLIST_SPILL_HOST : STRAND_WORKLIST_SPILL_ERROR;
    options.spill_items_max = limited ? 100 : 0;
    const strand_worklist list = new_worklist(&made, &options);
    push_items(list, &root, 1);
    int runs = 0;
    strand_status status;
    do {
      status = run_worklist(list, 1);
      CHECK(status == STRAND_ERR_LIMIT || status == STRAND_OK);
      check_conserved(list);
      runs += 1;
    } while (status != STRAND_OK);
    CHECK_NUMBERS(runs, >, 2);
    CHECK_EQUAL(worklist_statistics(list).finished, 8191);
    CHECK_NUMBERS(worklist_statistics(list).spilled, >, 0);
    CHECK_OK(strand_worklist_release(list));
  }
}

int main(void) {
  start_runtime(2);
  open_processor();
  CLAIM(the_highest_band_comes_first_and_a_band_keeps_its_order);
  CLAIM(a_run_of_an_empty_worklist_has_ended_when_it_begins);
  CLAIM(a_budget_stops_what_would_never_end_and_the_frontier_is_intact);
  CLAIM(rounds_can_be_limited_too);
  CLAIM(of_an_item_that_faults_nothing_is_pushed_or_emitted_and_each_fault_is_seen);
  CLAIM(paused_items_go_on_when_their_epoch_has_come);
  CLAIM(tasks_go_in_and_come_out_and_what_would_be_lost_is_refused);
  CLAIM(a_tenant_that_is_switched_off_waits);
  CLAIM(a_kernel_calls_nothing_that_switches_and_everything_else);
  CLAIM(a_kernel_that_ends_its_strand_faults_its_batch_and_nothing_else);
  CLAIM(a_cancel_or_a_release_ends_a_run_between_two_batches);
  CLAIM_IF(!is_virtual(), a_deadline_ends_a_run, "its clock stands still while strands run");
  CLAIM(a_device_that_is_closed_ends_its_runs_and_the_items_stay);
  CLAIM(emitted_records_wait_for_room_and_a_take_makes_it);
  CLAIM(records_for_which_there_can_be_no_room_are_refused_at_once);
  CLAIM(a_push_of_nothing_needs_no_room);
  CLAIM(where_nothing_may_be_spilled_the_run_ends_with_its_frontier);
  stop_runtime();
  return 0;
}
