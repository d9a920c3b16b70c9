/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 */
/*
 * Worklists on an adapter that is a program: the same work twice, as a native kernel on the processor and as a shader, comes
 * to the same; and what a run on an adapter does beside that. Without such an adapter each claim is skipped, and says so.
 */
#include <stdbool.h>

#include "worklist.h"

#define WORDS 3
#define FIELDS (STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC | STRAND_FIELD_CONTINUATION_DATA)

static strand_device adapter;

/* -------------------------------------------------------------------------------------------- a program, twice */

/* What an item does follows from its words: everything that an item can do is among it. */
static void everything(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  uint64_t bytes = 0;
  uint32_t *sums = strand_work_buffer(work, 0, &bytes);
  const bool wrong = data != NULL;
  for (uint32_t i = 0; i < count; i += 1, items += WORDS) {
    const uint32_t h = mix(items[0], items[1]), fuel = items[2], g = mix(h, 1);
    for (uint32_t e = 0; e < g % 3; e += 1) {
      const uint32_t record[2] = {items[0] + (wrong && h % 1000 == 7), items[1] + e};
      CHECK_OK(strand_work_emit(work, i, record));
    }
    __atomic_fetch_add(&sums[items[0] % 64], h, __ATOMIC_RELAXED);
    if (fuel == 0) {
      continue;
    }
    for (uint32_t c = 0; c < (g >> 8) % 4; c += 1) {
      const uint32_t child[WORDS] = {mix(h, c + 2), 0, fuel - 1};
      (void)strand_work_push(work, i, child, mix(h, c + 50) % 3);
    }
    /* Where too many were pushed the item has ended already. */
    const uint32_t kind = mix(h, 99) % 100;
    if (kind < 20) {
      (void)strand_work_requeue(work, i, h, fuel - 1, mix(h, 100) % 3);
    } else if (kind < 30) {
      (void)strand_work_yield(work, i, h, fuel - 1);
    } else if (kind < 40) {
      (void)strand_work_pause(work, i, h, fuel - 1, 5);
    } else if (kind < 45) {
      (void)strand_work_fault(work, i, h >> 1);
    }
  }
}

static const char EVERYTHING[] =
    "@group(1) @binding(0) var<storage, read_write> sums: array<atomic<u32>, 64>;\n"
    MIX_IN_WGSL
    "fn run(item: Item) {\n"
    "  let h = mix(item.param, item.continuation_pc);\n"
    "  let fuel = item.continuation_data;\n"
    "  let g = mix(h, 1u);\n"
    "  for (var e = 0u; e < g % 3u; e++) { emit(Record(item.param, item.continuation_pc + e)); }\n"
    "  atomicAdd(&sums[item.param % 64u], h);\n"
    "  if (fuel == 0u) { return; }\n"
    "  for (var c = 0u; c < (g >> 8u) % 4u; c++) {\n"
    "    push(Item(mix(h, c + 2u), 0u, fuel - 1u), mix(h, c + 50u) % 3u);\n"
    "  }\n"
    "  let kind = mix(h, 99u) % 100u;\n"
    "  if (kind < 20u) { requeue(h, fuel - 1u, mix(h, 100u) % 3u); }\n"
    "  else if (kind < 30u) { yield_now(h, fuel - 1u); }\n"
    "  else if (kind < 40u) { pause(h, fuel - 1u, 5u); }\n"
    "  else if (kind < 45u) { fault(h >> 1u); }\n"
    "}\n";

static strand_program_options both(strand_kernel kernel, const char *wgsl, uint32_t fields) {
  strand_program_options options = native(kernel, fields);
  options.wgsl = wgsl;
  options.wgsl_length = strlen(wgsl);
  return options;
}

static strand_worklist list_on(strand_device device, const strand_program_options *made,
                               const strand_worklist_options *options) {
  strand_program program = 0;
  strand_worklist list = 0;
  CHECK_OK(strand_program_new(device, made, &program));
  CHECK_OK(strand_worklist_new(program, options, &list));
  CHECK_OK(strand_program_release(program));
  return list;
}

static int by_words(const void *left, const void *right) { return memcmp(left, right, 8); }
static int by_fault(const void *left, const void *right) { return memcmp(left, right, sizeof(strand_worklist_fault)); }

typedef struct {
  uint32_t *records;
  uint32_t record_count, fault_count;
  strand_worklist_fault *faults;
  strand_worklist_statistics counted;
  uint32_t sums[64];
} results;

enum { ROOM = 1 << 20 };

/* Runs the program to its very end, paused items included; what came of it, sorted. */
static results run_everything(strand_device device, const uint32_t *items, uint32_t count, uint32_t seed, bool wrong) {
  static int mistake;
  strand_program_options made = both(everything, EVERYTHING, FIELDS);
  strand_worklist_options options = worklist_options();
  strand_buffer buffer = 0;
  results found;
  memset(&found, 0, sizeof found);
  made.fan_out_max = 2; /* three are pushed now and then */
  made.emit_max = 2;
  made.emit_words = 2;
  made.buffer_count = 1;
  made.inner_steps = 1 + seed % 3;
  made.kernel_data = wrong ? &mistake : NULL;
  CHECK_OK(strand_buffer_new(device, sizeof found.sums, 0, &buffer));
  options.bands = 3;
  options.tenants = 1 + seed % 2;
  options.order = seed / 2 % 2;
  options.capacity = (const uint32_t[]){64, 1000, 0}[seed % 3];
  options.mode = seed / 4 % 3;
  options.buffers = &buffer;
  options.buffer_count = 1;
  const strand_worklist list = list_on(device, &made, &options);
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_worklist_push(list, &items[i * WORDS], 1, i % 3, i % options.tenants, STRAND_FOREVER));
  }
  for (uint64_t more = 1; more > 0;) {
    const strand_status status = run_worklist(list, 2);
    CHECK(status == STRAND_OK || status == STRAND_ERR_FAILED);
    check_conserved(list);
    CHECK_OK(strand_worklist_resume(list, 5, &more));
  }
  found.counted = worklist_statistics(list);
  found.records = calloc(ROOM, 8);
  found.faults = calloc(ROOM / 16, sizeof *found.faults);
  CHECK(found.records != NULL && found.faults != NULL);
  const strand_status taken = strand_worklist_take(list, found.records, ROOM, &found.record_count);
  CHECK(taken == STRAND_OK || taken == STRAND_ERR_EMPTY);
  const strand_status told = strand_worklist_faults(list, found.faults, ROOM / 16, &found.fault_count);
  CHECK(told == STRAND_OK || told == STRAND_ERR_EMPTY);
  CHECK_EQUAL(found.record_count, found.counted.emitted);
  CHECK_EQUAL(found.fault_count, found.counted.faulted);
  qsort(found.records, found.record_count, 8, by_words);
  qsort(found.faults, found.fault_count, sizeof *found.faults, by_fault);
  strand_ticket read = 0;
  CHECK_OK(strand_buffer_read(buffer, 0, found.sums, sizeof found.sums, &read));
  CHECK_OK(await_and_release(read));
  CHECK_OK(strand_worklist_release(list));
  CHECK_OK(strand_buffer_release(buffer));
  return found;
}

static bool same(const results *a, const results *b) {
  return a->record_count == b->record_count && a->fault_count == b->fault_count &&
         memcmp(a->records, b->records, (size_t)a->record_count * 8) == 0 &&
         memcmp(a->faults, b->faults, (size_t)a->fault_count * sizeof *a->faults) == 0 &&
         memcmp(a->sums, b->sums, sizeof a->sums) == 0 && a->counted.visits == b->counted.visits &&
         a->counted.finished == b->counted.finished && a->counted.children == b->counted.children &&
         a->counted.requeued == b->counted.requeued && a->counted.yielded == b->counted.yielded &&
         a->counted.pauses == b->counted.pauses && a->counted.resumed == b->counted.resumed;
}

static bool compare(uint32_t seed, bool wrong) {
  enum { COUNT = 600 };
  uint32_t items[COUNT * WORDS];
  for (uint32_t i = 0; i < COUNT; i += 1) {
    items[i * WORDS] = mix(seed, i);
    items[i * WORDS + 1] = 0;
    items[i * WORDS + 2] = mix(seed, i + 1000) % 9;
  }
  results on_adapter = run_everything(adapter, items, COUNT, seed, false);
  results on_processor = run_everything(processor, items, COUNT, seed, wrong);
  CHECK_NUMBERS(on_processor.counted.visits, >, 1000);
  CHECK_NUMBERS(on_processor.fault_count, >, 10);
  const bool equal = same(&on_adapter, &on_processor);
  free(on_adapter.records);
  free(on_adapter.faults);
  free(on_processor.records);
  free(on_processor.faults);
  return equal;
}

static void a_shader_and_a_kernel_come_to_the_same(void) {
  for (uint32_t seed = 0; seed < 12; seed += 1) {
    CHECK(compare(seed, false));
  }
}

static void control_a_kernel_that_is_a_little_wrong_is_noticed(void) {
  uint32_t noticed = 0;
  for (uint32_t seed = 0; seed < 6; seed += 1) {
    noticed += !compare(seed, true);
  }
  CHECK_NUMBERS(noticed, >, 0);
}

/* -------------------------------------------------------------------------------------------- runs */

static const char COUNT_DOWN[] =
    "fn run(item: Item) {\n"
    "  if (item.continuation_pc > 1u) { requeue(item.continuation_pc - 1u, 0u, BAND_SAME); } else { emit(Record(item.param)); }\n"
    "}\n";

static strand_worklist counting_down(const strand_worklist_options *options) {
  strand_program_options made = both(NULL, COUNT_DOWN, PAIR);
  made.emit_max = 1;
  return list_on(adapter, &made, options);
}

static void ten_thousand_times_a_hundred_through_a_small_queue(void) {
  enum { COUNT = 10000, BATCHES = 20 };
  static uint32_t items[2 * COUNT], out[COUNT];
  strand_worklist_options options = worklist_options();
  options.capacity = 1024;
  const strand_worklist list = counting_down(&options);
  for (uint32_t batch = 0; batch < BATCHES; batch += 1) {
    for (uint32_t i = 0; i < COUNT; i += 1) {
      items[2 * i] = batch * COUNT + i;
      items[2 * i + 1] = 1 + i % 3;
    }
    push_items(list, items, COUNT);
  }
  CHECK_OK(run_worklist(list, 0));
  check_conserved(list);
  uint8_t *seen = calloc(COUNT * BATCHES, 1);
  CHECK(seen != NULL);
  for (uint32_t count = 0; strand_worklist_take(list, out, COUNT, &count) == STRAND_OK;) {
    for (uint32_t i = 0; i < count; i += 1) {
      CHECK_NUMBERS(out[i], <, COUNT * BATCHES);
      CHECK_EQUAL(seen[out[i]], 0);
      seen[out[i]] = 1;
    }
  }
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.taken, COUNT * BATCHES);
  CHECK_NUMBERS(s.device_peak, <=, 2 * 1024);
  CHECK_NUMBERS(s.submissions, >, 0);
  CHECK_NUMBERS(s.active_ns, >, 0);
  free(seen);
  CHECK_OK(strand_worklist_release(list));
}

static void a_budget_stops_what_never_ends(void) {
  strand_worklist_options options = worklist_options();
  const strand_worklist list = counting_down(&options);
  const uint32_t items[4] = {1, UINT32_MAX, 2, 10};
  push_items(list, items, 2);
  strand_run_options run = run_options(0);
  run.visits_max = 5000;
  for (uint64_t turn = 1; turn <= 3; turn += 1) {
    const strand_ticket ticket = dispatch(list, &run);
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_ticket_await(ticket, STRAND_FOREVER));
    CHECK_LAST_ERROR_SAYS("5000 visits");
    CHECK_OK(strand_ticket_release(ticket));
    CHECK_EQUAL(worklist_statistics(list).visits, 5000 * turn);
    check_conserved(list);
  }
  strand_work_task task;
  uint32_t count = 0;
  CHECK_OK(strand_worklist_take_tasks(list, &task, 1, &count));
  CHECK_EQUAL(task.param, 1);
  CHECK_EQUAL(task.continuation_pc, UINT32_MAX - (15000 - 10));
  CHECK_OK(strand_worklist_release(list));
}

static void a_cancel_ends_a_run_and_the_items_stay(void) {
  const strand_worklist list = counting_down(NULL);
  const uint32_t items[2] = {1, UINT32_MAX};
  push_items(list, items, 1);
  strand_ticket ticket = dispatch(list, NULL);
  strand_ticket second = 0;
  CHECK_STATUS(STRAND_ERR_BUSY, strand_worklist_dispatch(list, NULL, &second));
  CHECK_OK(strand_ticket_cancel(ticket));
  CHECK_STATUS(STRAND_ERR_CANCELLED, await_and_release(ticket));
  check_conserved(list);
  CHECK_EQUAL(worklist_statistics(list).queued, 1);
  CHECK_OK(strand_worklist_release(list));
}

static void a_deadline_ends_a_run_and_the_items_stay(void) {
  const strand_worklist list = counting_down(NULL);
  const uint32_t items[2] = {1, UINT32_MAX};
  push_items(list, items, 1);
  strand_run_options run = run_options(0);
  run.deadline = strand_after(20000000);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, await_and_release(dispatch(list, &run)));
  check_conserved(list);
  CHECK_EQUAL(worklist_statistics(list).queued, 1);
  CHECK_OK(strand_worklist_release(list));
}

static strand_worklist stream;
static void *push_slowly(void *arg) {
  for (uint32_t i = 0; i < 50; i += 1) {
    const uint32_t items[2] = {i, 2};
    push_items(stream, items, 1);
    if (i % 10 == 0) {
      CHECK_OK(strand_sleep(1000000));
    }
  }
  CHECK_OK(strand_worklist_close(stream));
  return arg;
}
static void *await_stream(void *arg) {
  strand_run_options run = run_options(0);
  run.flags = STRAND_RUN_UNTIL_CLOSED;
  CHECK_OK(await_and_release(dispatch(stream, &run)));
  return arg;
}
static void items_may_come_while_a_run_is_on(void) {
  stream = counting_down(NULL);
  spawn(await_stream, NULL);
  spawn(push_slowly, NULL);
  CHECK_OK(strand_scheduler_run());
  uint32_t out[64], count = 0;
  CHECK_OK(strand_worklist_take(stream, out, 64, &count));
  CHECK_EQUAL(count, 50);
  check_conserved(stream);
  CHECK_OK(strand_worklist_release(stream));
}

static void pushes_wait_for_room_that_the_device_makes(void) {
  strand_worklist_options options = worklist_options();
  options.host_items_max = 16;
  options.capacity = 8;
  stream = counting_down(&options);
  spawn(await_stream, NULL);
  spawn(push_slowly, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(worklist_statistics(stream).emitted, 50);
  check_conserved(stream);
  CHECK_OK(strand_worklist_release(stream));
}

static void a_tenant_that_is_switched_off_or_has_a_quota_waits(void) {
  strand_worklist_options options = worklist_options();
  options.tenants = 3;
  const strand_worklist list = counting_down(&options);
  for (uint32_t tenant = 0; tenant < 3; tenant += 1) {
    for (uint32_t i = 0; i < 100; i += 1) {
      const uint32_t item[2] = {tenant, 3};
      CHECK_OK(strand_worklist_push(list, item, 1, 0, tenant, STRAND_FOREVER));
    }
  }
  CHECK_OK(strand_worklist_tenant(list, 1, 0, 0));
  CHECK_OK(strand_worklist_tenant(list, 2, 1, 7));
  CHECK_OK(run_worklist(list, 0));
  check_conserved(list);
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.queued, 100);
  CHECK_EQUAL(s.finished, 200);
  CHECK_NUMBERS(s.submissions, >=, 100 / 7);
  CHECK_OK(strand_worklist_tenant(list, 1, 1, 0));
  CHECK_OK(run_worklist(list, 0));
  CHECK_EQUAL(worklist_statistics(list).finished, 300);
  CHECK_OK(strand_worklist_release(list));
}

static void loops_that_the_driver_would_cut_off_are_faults(void) {
  static const char SOURCE[] =
      "fn run(item: Item) {\n"
      "  var n = 0u;\n"
      "  for (var i = 0u; i < item.param; i++) { for (var j = 0u; j < item.continuation_pc; j++) { n += 1u; } }\n"
      "  emit(Record(n));\n"
      "}\n";
  strand_program_options made = both(NULL, SOURCE, PAIR);
  made.emit_max = 1;
  const strand_worklist list = list_on(adapter, &made, NULL);
  const uint32_t items[8] = {1, 70000, 280, 250, 100, 100, 70000, 1};
  for (uint32_t i = 0; i < 4; i += 1) {
    push_items(list, &items[2 * i], 1);
    CHECK_STATUS(i == 2 ? STRAND_OK : STRAND_ERR_FAILED, run_worklist(list, 0));
  }
  uint32_t out[8], count = 0;
  strand_worklist_fault faults[8];
  CHECK_OK(strand_worklist_take(list, out, 4, &count));
  CHECK_EQUAL(count, 1);
  CHECK_EQUAL(out[0], 10000);
  CHECK_OK(strand_worklist_faults(list, faults, 4, &count));
  CHECK_EQUAL(count, 3);
  for (uint32_t i = 0; i < 3; i += 1) {
    CHECK_EQUAL(faults[i].code, STRAND_WORK_FAULT_LOOP_LIMIT);
    CHECK_EQUAL(faults[i].task.state, STRAND_WORK_FAULTED);
  }
  /* Together, their iterations add up for the driver: there is no wrong answer then either. */
  push_items(list, items, 4);
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 0));
  CHECK_OK(strand_worklist_faults(list, faults, 8, &count));
  CHECK_NUMBERS(count, >=, 3);
  const uint32_t left = 4 - count;
  if (left > 0) {
    CHECK_OK(strand_worklist_take(list, out, 8, &count));
    CHECK_EQUAL(count, left);
    CHECK_EQUAL(out[0], 10000);
  }
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
}

static void a_shader_that_is_wrong_says_where(void) {
  static const char WRONG[] = "fn run(item: Item) {\n  var x = 1u;\n  nonsense(x);\n}\n";
  const strand_program_options made = both(NULL, WRONG, PAIR);
  strand_program program = 0;
  CHECK_STATUS(STRAND_ERR_SHADER, strand_program_new(adapter, &made, &program));
  CHECK_LAST_ERROR_SAYS("line 3, column 3");
}

static void a_capacity_that_does_not_fit_ends_the_run_and_the_items_stay(void) {
  strand_worklist_options options = worklist_options();
  options.capacity = 1u << 28;
  const strand_worklist list = counting_down(&options);
  const uint32_t item[2] = {1, 1};
  push_items(list, item, 1);
  const strand_ticket ticket = dispatch(list, NULL);
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("does not fit this device");
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_EQUAL(worklist_statistics(list).queued, 1);
  check_conserved(list);
  CHECK_OK(strand_worklist_release(list));
}

/* The last of all: the device is gone then. */
static void a_device_that_is_closed_gives_the_items_back(void) {
  const strand_worklist list = counting_down(NULL);
  const uint32_t items[6] = {1, UINT32_MAX, 2, UINT32_MAX, 3, UINT32_MAX};
  push_items(list, items, 3);
  const strand_ticket ticket = dispatch(list, NULL);
  CHECK_OK(strand_device_close(adapter));
  CHECK_STATUS(STRAND_ERR_CLOSED, await_and_release(ticket));
  check_conserved(list);
  strand_work_task tasks[4];
  uint32_t count = 0;
  CHECK_OK(strand_worklist_take_tasks(list, tasks, 4, &count));
  CHECK_EQUAL(count, 3);
  CHECK_OK(strand_worklist_release(list));
}

/* With a device of its own, which is destroyed, or whose graphics library panics, after some submissions. */
static void lose(const char *when, strand_status expected) {
  enum { COUNT = 5000, ON_DEVICE = 1000 };
  static uint32_t items[2 * COUNT];
  const strand_device before = adapter;
  strand_worklist_options options = worklist_options();
  options.capacity = ON_DEVICE;
  CHECK_EQUAL(setenv("STRAND_TEST_DEVICE_LOST", when, 1), 0);
  CHECK(open_adapter(&adapter));
  CHECK_EQUAL(unsetenv("STRAND_TEST_DEVICE_LOST"), 0);
  const strand_worklist list = counting_down(&options);
  for (uint32_t i = 0; i < COUNT; i += 1) {
    items[2 * i] = i;
    items[2 * i + 1] = UINT32_MAX;
  }
  push_items(list, items, COUNT);
  CHECK_STATUS(expected, await_and_release(dispatch(list, NULL)));
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.queued + s.lost, COUNT);
  CHECK_EQUAL(s.lost, ON_DEVICE);
  CHECK_EQUAL(s.in_flight, 0);
  CHECK_OK(strand_worklist_release(list));
  (void)strand_device_close(adapter);
  adapter = before;
}
static void a_device_that_is_lost_takes_what_lies_on_it_and_nothing_else(void) {
  lose("20", STRAND_ERR_DEVICE);
  lose("panic:20", STRAND_ERR_PANIC);
}

int main(void) {
  start_runtime(2);
  open_processor();
  const bool there = open_adapter(&adapter);
  const char *why = "no adapter that is a program: Vulkan finds none";
  CLAIM_IF(there, a_shader_and_a_kernel_come_to_the_same, why);
  CLAIM_IF(there, control_a_kernel_that_is_a_little_wrong_is_noticed, why);
  CLAIM_IF(there, ten_thousand_times_a_hundred_through_a_small_queue, why);
  CLAIM_IF(there, a_budget_stops_what_never_ends, why);
  CLAIM_IF(there, a_cancel_ends_a_run_and_the_items_stay, why);
  CLAIM_IF(there && !is_virtual(), a_deadline_ends_a_run_and_the_items_stay, there ? "its clock stands still" : why);
  CLAIM_IF(there, items_may_come_while_a_run_is_on, why);
  CLAIM_IF(there, pushes_wait_for_room_that_the_device_makes, why);
  CLAIM_IF(there, a_tenant_that_is_switched_off_or_has_a_quota_waits, why);
  CLAIM_IF(there, loops_that_the_driver_would_cut_off_are_faults, why);
  CLAIM_IF(there, a_shader_that_is_wrong_says_where, why);
  CLAIM_IF(there, a_capacity_that_does_not_fit_ends_the_run_and_the_items_stay, why);
  CLAIM_IF(there, a_device_that_is_lost_takes_what_lies_on_it_and_nothing_else, why);
  CLAIM_IF(there, a_device_that_is_closed_gives_the_items_back, why);
  stop_runtime();
  return 0;
}
