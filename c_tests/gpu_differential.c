/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 */
/*
 * Worklists whose runs are made twice, by the shader on an adapter and by the native kernel on the processor, and compared.
 * Equal programs pass; each seeded mistake of either is an error that says what differs. Without an adapter that is a
 * program the claims about one are skipped, and say so.
 */
#include <stdbool.h>

#include "worklist.h"

#define WORDS 3
#define FIELDS (STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC | STRAND_FIELD_CONTINUATION_DATA)
enum { SUMS = 64, EPOCH = 5, ITEMS = 300, FUEL = 3, ROOM = 1 << 16 };

static strand_device adapter;

/* -------------------------------------------------------------------------------------------- a program, twice */

/* What the native kernel does otherwise than the shader. */
typedef enum {
  NOTHING,
  A_RECORD_MORE,
  A_RECORD_LESS,
  A_RECORD_CHANGED,
  A_FAULT_LESS,
  A_FAULT_MORE,
  A_FAULT_CHANGED,
  A_WORD_CHANGED,
  A_PAUSE_LESS,
  NO_END,
  ITS_STRAND_ENDS
} mistake;

/* The kernel waits until it is opened. */
static int gate = 1, entered;
static void wait_at_the_gate(void) {
  __atomic_store_n(&entered, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&gate, __ATOMIC_SEQ_CST) == 0) {
    usleep(200);
  }
}

/* param: which item, of 0 to 999; continuation_pc: how often it ran; continuation_data: how many generations follow. */
static void kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  const mistake wrong = data == NULL ? NOTHING : *(const mistake *)data;
  uint64_t bytes = 0;
  uint32_t *sums = strand_work_buffer(work, 0, &bytes);
  CHECK_EQUAL(bytes, SUMS * sizeof *sums);
  wait_at_the_gate();
  for (uint32_t i = 0; i < count; i += 1, items += WORDS) {
    const uint32_t param = items[0], pc = items[1], fuel = items[2];
    const bool here = param == 77 && pc == 0 && fuel == FUEL; /* this one is treated otherwise */
    __atomic_fetch_add(&sums[param % SUMS], pc + fuel + (here && wrong == A_WORD_CHANGED), __ATOMIC_RELAXED);
    const bool faults = param % 50 == 9 && !(wrong == A_FAULT_LESS && param == 59 && fuel == FUEL);
    if (faults || (here && wrong == A_FAULT_MORE)) {
      CHECK_OK(strand_work_fault(work, i, 7 + param + (wrong == A_FAULT_CHANGED && param == 59 && fuel == FUEL)));
      continue;
    }
    if (here && wrong == ITS_STRAND_ENDS) {
      strand_exit(NULL);
    }
    const uint32_t record[2] = {param + (here && wrong == A_RECORD_CHANGED ? 1000 : 0), 10 * pc + fuel};
    if (!(here && wrong == A_RECORD_LESS)) {
      CHECK_OK(strand_work_emit(work, i, record));
    }
    if (here && wrong == A_RECORD_MORE) {
      CHECK_OK(strand_work_emit(work, i, record));
    }
    if (here && wrong == NO_END) {
      const uint32_t again[WORDS] = {param, pc, fuel};
      CHECK_OK(strand_work_push(work, i, again, STRAND_BAND_SAME));
    }
    if (pc == 0 && param % 20 == 3 && !(wrong == A_PAUSE_LESS && param == 23 && fuel == FUEL)) {
      CHECK_OK(strand_work_pause(work, i, 1, fuel, EPOCH));
    } else if (pc < 2 && param % 7 == 1) {
      CHECK_OK(strand_work_requeue(work, i, pc + 1, fuel, STRAND_BAND_SAME));
    } else if (pc < 2 && param % 7 == 2) {
      CHECK_OK(strand_work_yield(work, i, pc + 1, fuel));
    } else if (fuel > 0) {
      const uint32_t one[WORDS] = {param * 2 % 1000, 0, fuel - 1}, two[WORDS] = {(param * 2 + 1) % 1000, 0, fuel - 1};
      CHECK_OK(strand_work_push(work, i, one, 0));
      CHECK_OK(strand_work_push(work, i, two, STRAND_BAND_SAME));
    }
  }
}

#define SHADER(record)                                                                                      \
  "@group(1) @binding(0) var<storage, read_write> sums: array<atomic<u32>, 64>;\n"                          \
  "fn run(item: Item) {\n"                                                                                  \
  "  let param = item.param; let pc = item.continuation_pc; let fuel = item.continuation_data;\n"           \
  "  atomicAdd(&sums[param % 64u], pc + fuel);\n"                                                           \
  "  if (param % 50u == 9u) { fault(7u + param); return; }\n"                                               \
  "  emit(Record(param, " record "));\n"                                                                    \
  "  if (pc == 0u && param % 20u == 3u) { pause(1u, fuel, 5u); }\n"                                         \
  "  else if (pc < 2u && param % 7u == 1u) { requeue(pc + 1u, fuel, BAND_SAME); }\n"                        \
  "  else if (pc < 2u && param % 7u == 2u) { yield_now(pc + 1u, fuel); }\n"                                 \
  "  else if (fuel > 0u) {\n"                                                                               \
  "    push(Item(param * 2u % 1000u, 0u, fuel - 1u), 0u);\n"                                                \
  "    push(Item((param * 2u + 1u) % 1000u, 0u, fuel - 1u), BAND_SAME);\n"                                  \
  "  }\n"                                                                                                   \
  "}\n"
static const char RIGHT[] = SHADER("10u * pc + fuel");
static const char WRONG[] = SHADER("select(10u * pc + fuel, 4u, param == 77u && pc == 0u && fuel == 3u)");

static strand_program_options program_of(const char *wgsl, mistake *wrong) {
  strand_program_options made = native(kernel, FIELDS);
  made.fan_out_max = 3;
  made.emit_max = 2;
  made.emit_words = 2;
  made.buffer_count = 1;
  made.wgsl = wgsl;
  made.wgsl_length = strlen(wgsl);
  made.kernel_data = wrong;
  return made;
}

static strand_worklist_options twice(void) {
  strand_worklist_options options = worklist_options();
  options.flags = STRAND_WORKLIST_DIFFERENTIAL;
  return options;
}

/* The worklist that is tried, with its buffer; both are given up by `done_with`. */
static strand_buffer sums;
static strand_worklist list_of(const strand_program_options *made, const strand_worklist_options *asked) {
  strand_worklist_options options = *asked;
  strand_program program = 0;
  strand_worklist list = 0;
  if (made->buffer_count == 1) {
    const uint32_t first[SUMS] = {3, 1, 4, 1, 5};
    CHECK_OK(strand_buffer_new(adapter, sizeof first, 0, &sums));
    CHECK_OK(strand_buffer_write(sums, 0, first, sizeof first));
    options.buffers = &sums;
    options.buffer_count = 1;
  }
  CHECK_OK(strand_program_new(adapter, made, &program));
  CHECK_OK(strand_worklist_new(program, &options, &list));
  CHECK_OK(strand_program_release(program));
  return list;
}

static void done_with(strand_worklist list) {
  CHECK_OK(strand_worklist_release(list));
  if (sums != 0) {
    CHECK_OK(strand_buffer_release(sums));
    sums = 0;
  }
}

static void push_all(strand_worklist list, uint32_t bands, uint32_t tenants, uint32_t fuel) {
  for (uint32_t i = 0; i < ITEMS; i += 1) {
    const uint32_t item[WORDS] = {i, 0, fuel};
    CHECK_OK(strand_worklist_push(list, item, 1, i % bands, i % tenants, STRAND_FOREVER));
  }
}

static uint32_t parity_of(strand_worklist list) {
  strand_evidence evidence;
  memset(&evidence, 0, sizeof evidence);
  evidence.size = (uint32_t)sizeof evidence;
  CHECK_OK(strand_worklist_evidence(list, &evidence));
  return evidence.parity;
}

static uint32_t records[2 * ROOM];
static strand_worklist_fault faults[ROOM];
static uint32_t take_records(strand_worklist list) {
  uint32_t count = 0;
  const strand_status status = strand_worklist_take(list, records, ROOM, &count);
  CHECK(status == STRAND_OK || status == STRAND_ERR_EMPTY);
  return status == STRAND_OK ? count : 0;
}
static uint32_t take_faults(strand_worklist list) {
  uint32_t count = 0;
  const strand_status status = strand_worklist_faults(list, faults, ROOM, &count);
  CHECK(status == STRAND_OK || status == STRAND_ERR_EMPTY);
  return status == STRAND_OK ? count : 0;
}

/* -------------------------------------------------------------------------------------------- equal */

static void equal_programs_pass(void) {
  for (uint32_t trial = 0; trial < 6; trial += 1) {
    const strand_program_options made = program_of(RIGHT, NULL);
    strand_worklist_options options = twice();
    options.bands = 1 + trial % 3;
    options.tenants = 1 + trial % 2;
    options.order = trial % 2;
    options.mode = trial % 3;
    options.capacity = trial < 3 ? 0 : 64;
    const strand_worklist list = list_of(&made, &options);
    CHECK_EQUAL(parity_of(list), STRAND_PARITY_UNCHECKED);
    push_all(list, options.bands, options.tenants, FUEL);
    CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 0));
    CHECK_LAST_ERROR_SAYS("items have faulted");
    CHECK_EQUAL(parity_of(list), STRAND_PARITY_EQUAL);
    check_conserved(list);
    const strand_worklist_statistics first = worklist_statistics(list);
    CHECK_NUMBERS(first.emitted, >, ITEMS);
    CHECK_NUMBERS(first.paused, >, 0);
    /* What waited before, records and faults too, is no part of the next run. */
    uint64_t resumed = 0;
    CHECK_OK(strand_worklist_resume(list, EPOCH, &resumed));
    CHECK_EQUAL(resumed, first.paused);
    const strand_status second = run_worklist(list, 0);
    CHECK(second == STRAND_OK || second == STRAND_ERR_FAILED);
    CHECK_EQUAL(parity_of(list), STRAND_PARITY_EQUAL);
    const strand_worklist_statistics s = worklist_statistics(list);
    CHECK_NUMBERS(s.emitted, >, first.emitted);
    CHECK_EQUAL(s.queued, 0);
    CHECK_EQUAL(take_records(list), s.emitted);
    CHECK_EQUAL(take_faults(list), s.faulted);
    check_conserved(list);
    done_with(list);
  }
}

/* Nothing faults, and the run is OK; a run of nothing has ended at once. */
static void a_run_without_faults_is_ok(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  const uint32_t item[WORDS] = {5, 0, 1};
  CHECK_OK(run_worklist(list, 0));
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_UNCHECKED);
  push_items(list, item, 1);
  CHECK_OK(run_worklist(list, 0));
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_EQUAL);
  CHECK_EQUAL(take_records(list), worklist_statistics(list).emitted);
  done_with(list);
}

static void *equal_on_a_strand(void *arg) {
  equal_programs_pass();
  return arg;
}
static void a_strand_may_begin_it_and_wait(void) {
  spawn(equal_on_a_strand, NULL);
  CHECK_OK(strand_scheduler_run());
}

/* Items of a tenant that is switched off are left by both. */
static void what_both_leave_is_equal(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  strand_worklist_options options = twice();
  options.tenants = 2;
  const strand_worklist list = list_of(&made, &options);
  push_all(list, 1, 2, 0);
  CHECK_OK(strand_worklist_tenant(list, 1, 0, 0));
  CHECK_OK(strand_worklist_tenant(list, 0, 1, 7));
  CHECK_OK(run_worklist(list, 0)); /* those that fault have odd numbers */
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_EQUAL);
  CHECK_EQUAL(worklist_statistics(list).queued, ITEMS / 2);
  done_with(list);
}

/* -------------------------------------------------------------------------------------------- seeded mistakes */

static void is_caught(const char *wgsl, mistake wrong, const char *words) {
  const strand_program_options made = program_of(wgsl, &wrong);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  push_all(list, 1, 1, FUEL);
  CHECK_STATUS(STRAND_ERR_PARITY, run_worklist(list, 0));
  CHECK_LAST_ERROR_SAYS(words);
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_DIFFERENT);
  /* What the device has found is there. */
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(take_records(list), s.emitted);
  CHECK_EQUAL(take_faults(list), s.faulted);
  check_conserved(list);
  /* An equal run later does not make it good. */
  const uint32_t item[WORDS] = {5, 0, 1};
  push_items(list, item, 1);
  CHECK_OK(run_worklist(list, 0));
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_DIFFERENT);
  done_with(list);
}

static void control_a_record_more_or_less_is_caught(void) {
  is_caught(RIGHT, A_RECORD_MORE, "the record [77, 3] was emitted 1 times by the device and 2 by the processor");
  is_caught(RIGHT, A_RECORD_LESS, "the record [77, 3] was emitted 1 times by the device and 0 by the processor");
}
static void control_a_record_that_is_changed_is_caught(void) {
  is_caught(RIGHT, A_RECORD_CHANGED, "the record [77, 3] was emitted 1 times by the device and 0 by the processor");
}
static void control_a_fault_that_is_missing_is_caught(void) {
  is_caught(RIGHT, A_FAULT_LESS, "the record [59, 3] was emitted 0 times by the device and 1 by the processor");
}
static void control_a_fault_too_many_is_caught(void) {
  is_caught(RIGHT, A_FAULT_MORE, "the record [77, 3] was emitted 1 times by the device and 0 by the processor");
}
static void control_a_fault_that_is_changed_is_caught(void) {
  is_caught(RIGHT, A_FAULT_CHANGED, "the fault 0x42 of the item with param 59 and task_id 0 was seen 1 times by the device");
}
static void control_a_word_of_a_buffer_is_caught(void) {
  is_caught(RIGHT, A_WORD_CHANGED, "byte 52 of buffer 0 is ");
}
static void control_a_pause_that_is_missing_is_caught(void) {
  is_caught(RIGHT, A_PAUSE_LESS, "by the processor");
}
static void control_a_kernel_without_an_end_is_caught(void) {
  is_caught(RIGHT, NO_END, "the processor has not come to an end after ");
}
static void control_a_kernel_that_ends_its_strand_is_caught(void) {
  is_caught(RIGHT, ITS_STRAND_ENDS, "by the device and ");
}
static void control_a_shader_that_is_wrong_is_caught(void) {
  is_caught(WRONG, NOTHING, "the record [77, 3] was emitted 0 times by the device and 1 by the processor");
}

/* Only a fault, only a pause: nothing else is different. */
static void quiet(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  const mistake wrong = *(const mistake *)data;
  for (uint32_t i = 0; i < count; i += 1, items += 2) {
    if (items[0] == 5 && wrong != A_FAULT_LESS) {
      CHECK_OK(strand_work_fault(work, i, 9));
    } else if (items[0] == 6 && items[1] == 0 && wrong != A_PAUSE_LESS) {
      CHECK_OK(strand_work_pause(work, i, 1, 0, EPOCH));
    }
  }
}
static void quietly_caught(mistake wrong, const char *words) {
  static const char SOURCE[] =
      "fn run(item: Item) {\n"
      "  if (item.param == 5u) { fault(9u); }\n"
      "  else if (item.param == 6u && item.continuation_pc == 0u) { pause(1u, 0u, 5u); }\n"
      "}\n";
  strand_program_options made = native(quiet, PAIR);
  made.wgsl = SOURCE;
  made.wgsl_length = strlen(SOURCE);
  made.kernel_data = &wrong;
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  for (uint32_t i = 0; i < 10; i += 1) {
    const uint32_t item[2] = {i, 0};
    push_items(list, item, 1);
  }
  CHECK_STATUS(wrong == NOTHING ? STRAND_ERR_FAILED : STRAND_ERR_PARITY, run_worklist(list, 0));
  CHECK_LAST_ERROR_SAYS(words);
  done_with(list);
}
static void control_a_fault_or_a_pause_alone_is_caught(void) {
  quietly_caught(NOTHING, "1 items have faulted");
  quietly_caught(A_FAULT_LESS, "the fault 0x9 of the item with param 5 and task_id 0 was seen 1 times by the device and 0 by");
  quietly_caught(A_PAUSE_LESS, "1 items were paused by the device and 0 by the processor");
}

/* -------------------------------------------------------------------------------------------- what is not compared */

static void what_has_not_drained_is_not_compared(void) {
  mistake wrong = A_RECORD_MORE; /* nobody notices: that is what is claimed */
  const strand_program_options made = program_of(RIGHT, &wrong);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  strand_run_options run = run_options(0);
  push_all(list, 1, 1, FUEL);
  run.rounds_max = 1;
  CHECK_STATUS(STRAND_ERR_LIMIT, await_and_release(dispatch(list, &run)));
  CHECK_LAST_ERROR_SAYS("not compared: the 1 rounds of the run are used up");
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_UNCHECKED);
  check_conserved(list);
  /* The rest is compared; but not everything was. */
  wrong = NOTHING;
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 0));
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_UNCHECKED);
  done_with(list);
}

static void looping(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  for (uint32_t i = 0; i < count; i += 1, items += 2) {
    const uint32_t record = items[0];
    CHECK_OK(strand_work_emit(work, i, &record));
  }
  (void)data;
}
static void what_the_loop_limit_has_cut_off_is_not_compared(void) {
  static const char SOURCE[] =
      "fn run(item: Item) {\n"
      "  var n = 0u;\n"
      "  for (var i = 0u; i < item.param; i++) { n += 1u; }\n"
      "  emit(Record(n));\n"
      "}\n";
  strand_program_options made = native(looping, PAIR);
  made.emit_max = 1;
  made.wgsl = SOURCE;
  made.wgsl_length = strlen(SOURCE);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  const uint32_t short_one[2] = {100, 0}, long_one[2] = {70000, 0};
  push_items(list, short_one, 1);
  CHECK_OK(run_worklist(list, 0));
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_EQUAL);
  push_items(list, long_one, 1);
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 0));
  CHECK_LAST_ERROR_SAYS("not compared, because items have reached the loop limit");
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_UNCHECKED);
  done_with(list);
}

/* -------------------------------------------------------------------------------------------- while it is on */

static void begin_at_the_gate(strand_worklist list, strand_ticket *ticket) {
  __atomic_store_n(&gate, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&entered, 0, __ATOMIC_SEQ_CST);
  *ticket = dispatch(list, NULL);
  /* The strands of the stepped engine begin when somebody waits. */
  while (!is_stepped() && __atomic_load_n(&entered, __ATOMIC_SEQ_CST) == 0) {
    usleep(200);
  }
}
static void open_the_gate(void) { __atomic_store_n(&gate, 1, __ATOMIC_SEQ_CST); }

static void nobody_changes_the_worklist_meanwhile(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  const uint32_t item[WORDS] = {5, 0, 1};
  strand_work_task task;
  memset(&task, 0, sizeof task);
  task.state = STRAND_WORK_READY;
  strand_ticket ticket = 0, second = 0;
  uint32_t count = 0;
  uint64_t resumed = 0;
  push_items(list, item, 1);
  begin_at_the_gate(list, &ticket);
  CHECK_EQUAL(worklist_statistics(list).running, 1);
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_push(list, item, 1, 0, 0, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("whose results will be compared");
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_push_tasks(list, &task, 1, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_take(list, records, ROOM, &count));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_take_tasks(list, &task, 1, &count));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_faults(list, faults, ROOM, &count));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_resume(list, EPOCH, &resumed));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_tenant(list, 0, 0, 0));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_dispatch(list, NULL, &second));
  open_the_gate();
  CHECK_OK(await_and_release(ticket));
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_EQUAL);
  push_items(list, item, 1);
  CHECK_OK(run_worklist(list, 0));
  CHECK_EQUAL(take_records(list), worklist_statistics(list).emitted);
  check_conserved(list);
  done_with(list);
}

static void it_is_cancelled(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  strand_ticket ticket = 0;
  push_all(list, 1, 1, FUEL);
  begin_at_the_gate(list, &ticket);
  CHECK_OK(strand_ticket_cancel(ticket));
  open_the_gate();
  CHECK_STATUS(STRAND_ERR_CANCELLED, await_and_release(ticket));
  CHECK_EQUAL(parity_of(list), STRAND_PARITY_UNCHECKED);
  check_conserved(list);
  const strand_status rest = run_worklist(list, 0);
  CHECK(rest == STRAND_OK || rest == STRAND_ERR_FAILED);
  done_with(list);
}

static void a_worklist_that_is_released_ends_it(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  strand_ticket ticket = 0;
  push_all(list, 1, 1, FUEL);
  begin_at_the_gate(list, &ticket);
  done_with(list);
  open_the_gate();
  CHECK_STATUS(STRAND_ERR_CLOSED, await_and_release(ticket));
}

static strand_worklist full;
static void *push_one_more(void *arg) {
  const uint32_t item[WORDS] = {5, 0, 1};
  CHECK_OK(strand_worklist_push(full, item, 1, 0, 0, STRAND_FOREVER));
  return arg;
}
static void *run_the_full_one(void *arg) {
  while (worklist_statistics(full).waited == 0) {
    CHECK_OK(strand_sleep(1000000));
  }
  CHECK_OK(run_worklist(full, 0));
  return arg;
}
/* It was there before the run, and comes after it. */
static void a_push_that_waits_goes_on_waiting(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  strand_worklist_options options = twice();
  const uint32_t item[WORDS] = {5, 0, 1};
  options.host_items_max = 1;
  full = list_of(&made, &options);
  push_items(full, item, 1);
  spawn(push_one_more, NULL);
  spawn(run_the_full_one, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(worklist_statistics(full).queued, 1);
  CHECK_EQUAL(parity_of(full), STRAND_PARITY_EQUAL);
  CHECK_OK(run_worklist(full, 0));
  CHECK_EQUAL(parity_of(full), STRAND_PARITY_EQUAL);
  done_with(full);
}

/* -------------------------------------------------------------------------------------------- what cannot be */

static void until_closed_cannot_be(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  strand_run_options run = run_options(0);
  strand_ticket ticket = 0;
  run.flags = STRAND_RUN_UNTIL_CLOSED;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_worklist_dispatch(list, &run, &ticket));
  CHECK_LAST_ERROR_SAYS("takes nothing that is pushed meanwhile");
  done_with(list);
}

static void a_program_without_a_kernel_cannot_be(void) {
  strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  strand_program program = 0;
  strand_worklist list = 0;
  made.kernel = NULL;
  CHECK_OK(strand_program_new(adapter, &made, &program));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_worklist_new(program, &options, &list));
  CHECK_LAST_ERROR_SAYS("the program has no native kernel");
  CHECK_OK(strand_program_release(program));
}

static void the_processor_alone_has_nothing_to_compare(void) {
  const strand_program_options made = native(looping, PAIR);
  const strand_worklist_options options = twice();
  strand_program program = 0;
  strand_worklist list = 0;
  CHECK_OK(strand_program_new(processor, &made, &program));
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_worklist_new(program, &options, &list));
  CHECK_LAST_ERROR_SAYS("the processor has one implementation");
  CHECK_OK(strand_program_release(program));
}

/* With a device of its own, which is destroyed after some submissions. */
static void a_device_that_is_lost_ends_it(void) {
  const strand_device before = adapter;
  for (uint32_t round = 0; round < 14; round += 1) {
    const uint32_t after = 1 + round / 2;
    const strand_status lost = round % 2 == 0 ? STRAND_ERR_DEVICE : STRAND_ERR_PANIC;
    char number[32];
    snprintf(number, sizeof number, "%s%u", round % 2 == 0 ? "" : "panic:", after);
    CHECK_EQUAL(setenv("STRAND_TEST_DEVICE_LOST", number, 1), 0);
    CHECK(open_adapter(&adapter));
    CHECK_EQUAL(unsetenv("STRAND_TEST_DEVICE_LOST"), 0);
    const strand_program_options made = program_of(RIGHT, NULL);
    const strand_worklist_options options = twice();
    strand_program program = 0;
    strand_worklist_options with = options;
    CHECK_OK(strand_buffer_new(adapter, SUMS * sizeof(uint32_t), 0, &sums));
    with.buffers = &sums;
    with.buffer_count = 1;
    CHECK_OK(strand_program_new(adapter, &made, &program));
    strand_worklist list = 0;
    CHECK_OK(strand_worklist_new(program, &with, &list));
    CHECK_OK(strand_program_release(program));
    push_all(list, 1, 1, FUEL);
    const strand_status status = run_worklist(list, 0);
    CHECK(status == lost || status == STRAND_ERR_FAILED);
    if (after < 3) {
      CHECK_STATUS(lost, status);
    }
    CHECK_EQUAL(parity_of(list), status == STRAND_ERR_FAILED ? STRAND_PARITY_EQUAL : STRAND_PARITY_UNCHECKED);
    CHECK_EQUAL(worklist_statistics(list).running, 0);
    done_with(list);
    (void)strand_device_close(adapter);
  }
  adapter = before;
}

/* The last of all: the device is gone then. */
static void a_device_that_is_closed_ends_it(void) {
  const strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  strand_ticket ticket = 0;
  push_all(list, 1, 1, FUEL);
  begin_at_the_gate(list, &ticket);
  open_the_gate();
  CHECK_OK(strand_device_close(adapter));
  const strand_status status = await_and_release(ticket);
  CHECK(status == STRAND_ERR_CLOSED || status == STRAND_ERR_DEVICE || status == STRAND_ERR_FAILED);
  CHECK_EQUAL(worklist_statistics(list).running, 0);
  done_with(list);
}

/* Nobody waits for it; the runtime goes down with it. */
static void a_shutdown_ends_it(void) {
  CHECK(open_adapter(&adapter));
  const strand_program_options made = program_of(RIGHT, NULL);
  const strand_worklist_options options = twice();
  const strand_worklist list = list_of(&made, &options);
  push_all(list, 1, 1, FUEL);
  (void)dispatch(list, NULL);
  stop_runtime();
  start_runtime(2);
}

int main(void) {
  start_runtime(2);
  open_processor();
  const bool there = open_adapter(&adapter);
  const char *why = "no adapter that is a program: Vulkan finds none";
  CLAIM(the_processor_alone_has_nothing_to_compare);
  CLAIM_IF(there, equal_programs_pass, why);
  CLAIM_IF(there, a_run_without_faults_is_ok, why);
  CLAIM_IF(there, a_strand_may_begin_it_and_wait, why);
  CLAIM_IF(there, what_both_leave_is_equal, why);
  CLAIM_IF(there, control_a_record_more_or_less_is_caught, why);
  CLAIM_IF(there, control_a_record_that_is_changed_is_caught, why);
  CLAIM_IF(there, control_a_fault_that_is_missing_is_caught, why);
  CLAIM_IF(there, control_a_fault_too_many_is_caught, why);
  CLAIM_IF(there, control_a_fault_that_is_changed_is_caught, why);
  CLAIM_IF(there, control_a_word_of_a_buffer_is_caught, why);
  CLAIM_IF(there, control_a_pause_that_is_missing_is_caught, why);
  CLAIM_IF(there, control_a_fault_or_a_pause_alone_is_caught, why);
  CLAIM_IF(there, control_a_kernel_without_an_end_is_caught, why);
  CLAIM_IF(there, control_a_kernel_that_ends_its_strand_is_caught, why);
  CLAIM_IF(there, control_a_shader_that_is_wrong_is_caught, why);
  CLAIM_IF(there, what_has_not_drained_is_not_compared, why);
  CLAIM_IF(there, what_the_loop_limit_has_cut_off_is_not_compared, why);
  CLAIM_IF(there, nobody_changes_the_worklist_meanwhile, why);
  CLAIM_IF(there, it_is_cancelled, why);
  CLAIM_IF(there, a_worklist_that_is_released_ends_it, why);
  CLAIM_IF(there, a_push_that_waits_goes_on_waiting, why);
  CLAIM_IF(there, until_closed_cannot_be, why);
  CLAIM_IF(there, a_program_without_a_kernel_cannot_be, why);
  CLAIM_IF(there, a_device_that_is_lost_ends_it, why);
  CLAIM_IF(there, a_device_that_is_closed_ends_it, why);
  CLAIM_IF(there, a_shutdown_ends_it, why);
  stop_runtime();
  return 0;
}
