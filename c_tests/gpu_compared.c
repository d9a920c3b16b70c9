/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 instruments=asan */
/*
 * Runs that are made twice and compared, while others push, resume, take, and cancel, and runs end by deadlines and limits:
 * every item comes to its end once, whatever was refused, cut off or cancelled meanwhile, and no run is ever found different.
 */
#include "worklist.h"

enum { PUSHERS = 2, EACH = 6000, ALL = PUSHERS * EACH, ROOM = 256, EPOCH = 3 };

static strand_device adapter;
static strand_worklist list;
static uint64_t pushed, over, none_out, busy, results[40];
static unsigned char seen[ALL]; /* how often an item has come to its end */

/* param: which item; continuation_pc: 0, then 1. Every third one waits for an epoch, every third one runs twice. */
static void kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1, items += 2) {
    if (items[1] == 0 && items[0] % 3 == 0) {
      CHECK_OK(strand_work_pause(work, i, 1, 0, EPOCH));
    } else if (items[1] == 0 && items[0] % 3 == 1) {
      CHECK_OK(strand_work_requeue(work, i, 1, 0, STRAND_BAND_SAME));
    } else if (items[0] % 50 == 2) {
      CHECK_OK(strand_work_fault(work, i, 5));
    } else {
      CHECK_OK(strand_work_emit(work, i, items));
    }
  }
}
static const char SHADER[] =
    "fn run(item: Item) {\n"
    "  if (item.continuation_pc == 0u && item.param % 3u == 0u) { pause(1u, 0u, 3u); }\n"
    "  else if (item.continuation_pc == 0u && item.param % 3u == 1u) { requeue(1u, 0u, BAND_SAME); }\n"
    "  else if (item.param % 50u == 2u) { fault(5u); }\n"
    "  else { emit(Record(item.param)); }\n"
    "}\n";

/* What a call answers that a run may refuse for a while. */
static bool was_done(strand_status status) {
  CHECK(status == STRAND_OK || status == STRAND_ERR_BUSY || status == STRAND_ERR_EMPTY || status == STRAND_ERR_WOULD_BLOCK ||
        status == STRAND_ERR_TIMEOUT);
  if (status == STRAND_ERR_BUSY) {
    count_add(&busy, 1);
  }
  return status == STRAND_OK;
}

static void *push_each(void *arg) {
  const uint32_t first = (uint32_t)(uintptr_t)arg * EACH;
  for (uint32_t item = first; item < first + EACH;) {
    /* Alone, together, as tasks; without waiting, for a while, or until there is room. */
    const uint32_t count = item % 7 == 0 && item + 20 <= first + EACH ? 20 : 1;
    const int64_t deadlines[] = {STRAND_NO_WAIT, strand_after(MILLISECONDS(1)), STRAND_FOREVER};
    uint32_t records[20][2];
    strand_work_task tasks[20];
    memset(tasks, 0, sizeof tasks);
    for (uint32_t i = 0; i < count; i += 1) {
      records[i][0] = tasks[i].param = item + i;
      records[i][1] = 0;
      tasks[i].state = STRAND_WORK_READY;
    }
    if (was_done(item % 2 == 0 ? strand_worklist_push(list, records[0], count, 0, 0, deadlines[item % 3])
                               : strand_worklist_push_tasks(list, tasks, count, deadlines[item % 3]))) {
      item += count;
      count_add(&pushed, count);
    } else {
      nap(MILLISECONDS(1) / 4);
    }
  }
  return arg;
}

static void ended(uint32_t item) {
  CHECK_NUMBERS(item, <, ALL);
  seen[item] += 1;
}

/* What has come to an end; what is queued is taken out and put back now and then. */
static bool take_some(uint64_t dice) {
  static uint32_t records[ROOM];
  static strand_worklist_fault faults[ROOM];
  static strand_work_task tasks[30];
  uint32_t count = 0;
  if (was_done(strand_worklist_take(list, records, ROOM, &count))) {
    for (uint32_t i = 0; i < count; i += 1) {
      ended(records[i]);
    }
  }
  if (was_done(strand_worklist_faults(list, faults, ROOM, &count))) {
    for (uint32_t i = 0; i < count; i += 1) {
      CHECK_EQUAL(faults[i].code, 5);
      ended(faults[i].task.param);
    }
  }
  if (dice % 4 == 0) {
    was_done(strand_worklist_resume(list, EPOCH - (uint32_t)(dice / 4 % 2), NULL));
  }
  if (dice % 5 == 0 && was_done(strand_worklist_take_tasks(list, tasks, 30, &count))) {
    /* A full list has room again once it has been run, and what waits in it only runs once it is resumed. */
    while (!was_done(strand_worklist_push_tasks(list, tasks, count, STRAND_NO_WAIT))) {
      was_done(strand_worklist_resume(list, EPOCH, NULL));
      nap(MILLISECONDS(1) / 4);
    }
  }
  return true;
}
static void *take_all_the_time(void *arg) {
  uint64_t random = 99;
  while (count_read(&over) == 0) {
    take_some(next_random(&random));
    nap(MILLISECONDS(1) / 2);
  }
  count_set(&none_out, 1);
  return arg;
}

static void check_parity(void) {
  strand_evidence evidence;
  memset(&evidence, 0, sizeof evidence);
  evidence.size = (uint32_t)sizeof evidence;
  CHECK_OK(strand_worklist_evidence(list, &evidence));
  CHECK(evidence.parity != STRAND_PARITY_DIFFERENT);
}

/* Items that have not come to their end once. */
static uint32_t wrong_items(void) {
  uint32_t wrong = 0;
  for (uint32_t item = 0; item < ALL; item += 1) {
    wrong += seen[item] != 1;
  }
  return wrong;
}

/* One run after the other: to its end, or cut off. */
static void run_one(uint64_t dice) {
  strand_run_options options = run_options(0);
  strand_ticket ticket = 0;
  strand_status status;
  options.deadline = dice % 5 == 1 ? strand_after(MILLISECONDS(3)) : 0;
  options.visits_max = dice % 5 == 2 ? 40 : 0;
  options.rounds_max = dice % 5 == 3 ? 1 : 0;
  CHECK_OK(strand_worklist_dispatch(list, &options, &ticket));
  if (dice % 5 == 4) {
    nap((int64_t)(dice / 5 % 4) * MILLISECONDS(1) / 2);
    status = strand_ticket_cancel(ticket);
    CHECK(status == STRAND_OK || status == STRAND_ERR_ALREADY);
  }
  status = await_and_release(ticket);
  CHECK(status == STRAND_OK || status == STRAND_ERR_FAILED || status == STRAND_ERR_CANCELLED || status == STRAND_ERR_TIMEOUT ||
        status == STRAND_ERR_LIMIT);
  count_add(&results[-status], 1);
  check_parity();
}

static void whatever_comes_between_each_item_ends_once(void) {
  strand_program_options made = native(kernel, PAIR);
  strand_worklist_options options = worklist_options();
  strand_program program = 0;
  pthread_t threads[PUSHERS + 1];
  uint64_t random = 5;
  made.emit_max = 1;
  made.wgsl = SHADER;
  options.flags = STRAND_WORKLIST_DIFFERENTIAL;
  options.host_items_max = 150;
  CHECK_OK(strand_program_new(adapter, &made, &program));
  CHECK_OK(strand_worklist_new(program, &options, &list));
  CHECK_OK(strand_program_release(program));
  for (uintptr_t each = 0; each < PUSHERS; each += 1) {
    threads[each] = start_thread(push_each, (void *)each);
  }
  threads[PUSHERS] = start_thread(take_all_the_time, NULL);
  while (count_read(&pushed) < ALL) {
    run_one(next_random(&random));
    nap(MILLISECONDS(1)); /* the others' turn */
  }
  for (int each = 0; each < PUSHERS; each += 1) {
    join_thread(threads[each]);
  }
  count_set(&over, 1);
  while (count_read(&none_out) == 0) { /* what was taken out needs room to be put back */
    run_one(next_random(&random));
    nap(MILLISECONDS(1));
  }
  join_thread(threads[PUSHERS]);
  CHECK_OK(strand_worklist_resume(list, EPOCH, NULL));
  const strand_status last = run_worklist(list, 0);
  CHECK(last == STRAND_OK || last == STRAND_ERR_FAILED);
  CHECK_OK(strand_worklist_resume(list, EPOCH, NULL));
  const strand_status rest = run_worklist(list, 0);
  CHECK(rest == STRAND_OK || rest == STRAND_ERR_FAILED);
  check_parity();
  for (int turn = 0; turn < ALL / ROOM + 2; turn += 1) {
    take_some(1);
  }
  check_conserved(list);
  CHECK_EQUAL(wrong_items(), 0);
  seen[7] -= 1; /* the controls: an item that is lost, and one that is doubled */
  seen[8] += 1;
  CHECK_EQUAL(wrong_items(), 2);
  printf("%" PRIu64 " ok, %" PRIu64 " with faults, %" PRIu64 " cancelled, %" PRIu64 " late, %" PRIu64 " limits; %" PRIu64 " refusals\n",
         results[0], results[-STRAND_ERR_FAILED], results[-STRAND_ERR_CANCELLED], results[-STRAND_ERR_TIMEOUT],
         results[-STRAND_ERR_LIMIT], count_read(&busy));
  CHECK_NUMBERS(busy, >, 0);
  CHECK_NUMBERS(results[-STRAND_ERR_CANCELLED] + results[-STRAND_ERR_TIMEOUT] + results[-STRAND_ERR_LIMIT], >, 0);
  CHECK_OK(strand_worklist_release(list));
}

int main(void) {
  start_runtime(2);
  const bool there = open_adapter(&adapter);
  CLAIM_IF(there && !is_stepped(), whatever_comes_between_each_item_ends_once,
           there ? "threads of their own push while strands run" : "no adapter that is a program is here");
  stop_runtime();
  return 0;
}
