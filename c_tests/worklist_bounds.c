/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O2 instruments=none
 * test: engines=parallel,stepped engines-why="an allocation that fails inside the may library can end the process" */
/*
 * What of a worklist is bounded although nobody takes it away, and runs that go on with fewer strands than they asked for. The
 * allocation that fails is one of this program's own calloc, in front of the C library's.
 */
#include "worklist.h"

/* -------------------------------------------------------------------------------------------- faults */

static strand_device adapter;
static strand_device device;

static void faulty(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_work_fault(work, i, items[i]));
  }
}
static const char FAULTY[] = "fn run(item: Item) { fault(item.param); }\n";

static strand_worklist faulty_worklist(uint32_t faults_max) {
  strand_program_options made = native(faulty, STRAND_FIELD_PARAM);
  strand_worklist_options options = worklist_options();
  strand_program program = 0;
  strand_worklist list = 0;
  made.wgsl = FAULTY;
  made.wgsl_length = strlen(FAULTY);
  options.faults_max = faults_max;
  CHECK_OK(strand_program_new(device, &made, &program));
  CHECK_OK(strand_worklist_new(program, &options, &list));
  CHECK_OK(strand_program_release(program));
  return list;
}

static void run_faults(strand_worklist list, uint32_t first, uint32_t count) {
  uint32_t *items = malloc(count * sizeof *items);
  CHECK(items != NULL);
  for (uint32_t i = 0; i < count; i += 1) {
    items[i] = first + i;
  }
  push_items(list, items, count);
  free(items);
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 1));
  check_conserved(list);
}

static void check_faults(strand_worklist list, uint64_t faulted, uint64_t waiting, uint64_t taken) {
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.faulted, faulted);
  CHECK_EQUAL(s.faults_waiting, waiting);
  CHECK_EQUAL(s.faults_taken, taken);
  CHECK_EQUAL(s.faults_dropped, faulted - waiting - taken);
}

static void faults_are_kept_up_to_their_bound_and_then_counted(void) {
  static strand_worklist_fault faults[1000];
  const strand_worklist list = faulty_worklist(100);
  uint32_t count = 0;
  run_faults(list, 1, 70);
  check_faults(list, 70, 70, 0);
  run_faults(list, 1000, 5000);
  check_faults(list, 5070, 100, 0);
  /* A take makes room; those that were kept are whole, and the first of all among them. */
  CHECK_OK(strand_worklist_faults(list, faults, 80, &count));
  CHECK_EQUAL(count, 80);
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_EQUAL(faults[i].code, faults[i].task.param);
    CHECK(i < 70 ? faults[i].code <= 70 : faults[i].code >= 1000);
  }
  check_faults(list, 5070, 20, 80);
  run_faults(list, 1, 1000);
  check_faults(list, 6070, 100, 80);
  CHECK_OK(strand_worklist_faults(list, faults, 1000, &count));
  CHECK_EQUAL(count, 100);
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_worklist_faults(list, faults, 1000, &count));
  check_faults(list, 6070, 0, 180);
  CHECK_OK(strand_worklist_release(list));
}

static void unless_said_otherwise_65536_faults_are_kept(void) {
  const strand_worklist list = faulty_worklist(0);
  run_faults(list, 1, 70000);
  check_faults(list, 70000, 65536, 0);
  CHECK_OK(strand_worklist_release(list));
}

static void faults_are_kept_up_to_their_bound_and_then_counted__on_an_adapter(void) {
  device = adapter;
  faults_are_kept_up_to_their_bound_and_then_counted();
  device = processor;
}
static void unless_said_otherwise_65536_faults_are_kept__on_an_adapter(void) {
  device = adapter;
  unless_said_otherwise_65536_faults_are_kept();
  device = processor;
}

/* -------------------------------------------------------------------------------------------- strands of a run */

enum { HOOK_BYTES = 24 }; /* of an exit hook, which each strand of a run needs first of all */
static uint64_t watched, hooks, failed, batches;

/* The first strand of a watched run gets its hook, no further one does. */
extern void *__libc_calloc(size_t count, size_t size);
void *calloc(size_t count, size_t size) {
  if (count * size == HOOK_BYTES && count_read(&watched) == 1 && count_up(&hooks) > 1) {
    count_up(&failed);
    return NULL;
  }
  return __libc_calloc(count, size);
}

/* Takes its time, in a watched run until a further strand has been called and could not begin; with a bound, for on one worker it
 * cannot come meanwhile. */
static void slow(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work, (void)items, (void)count;
  count_up(&batches);
  const int64_t until = monotonic() + (data != NULL ? MILLISECONDS(20) : MILLISECONDS(1));
  while (monotonic() < until && (data == NULL || count_read(&failed) == 0)) {
  }
}

static void run_slowly(bool watch, uint32_t workers) {
  enum { ITEMS = 600 };
  static uint32_t items[ITEMS];
  strand_program_options made = native(slow, STRAND_FIELD_PARAM);
  made.kernel_data = watch ? &watched : NULL;
  const strand_worklist list = new_worklist(&made, NULL);
  push_items(list, items, ITEMS);
  count_set(&batches, 0);
  count_set(&hooks, 0);
  count_set(&failed, 0);
  count_set(&watched, watch);
  CHECK_OK(run_worklist(list, workers));
  count_set(&watched, 0);
  check_conserved(list);
  CHECK_EQUAL(worklist_statistics(list).finished, ITEMS);
  CHECK_OK(strand_worklist_release(list));
}

static void a_run_goes_on_where_a_further_strand_cannot_begin(void) {
  for (uint32_t trial = 0; trial < 5; trial += 1) {
    run_slowly(true, 4);
    /* Some were tried, and not again and again. */
    CHECK_NUMBERS(count_read(&failed), >=, 1);
    CHECK_NUMBERS(count_read(&failed), <=, 3);
    /* It went on behind the first batch. How large later ones are is decided by the time that earlier ones took. */
    CHECK_NUMBERS(count_read(&batches), >=, 2);
  }
}

static void a_run_goes_on_where_a_further_strand_cannot_be_made(void) {
  strand_config config;
  stop_runtime();
  config = default_config(2);
  config.max_strands = 1;
  CHECK_OK(strand_scheduler_init(&config));
  open_processor();
  run_slowly(false, 4);
  stop_runtime();
  start_runtime(2);
  open_processor();
  device = processor;
}

static void more_strands_than_there_may_be_are_refused(void) {
  const strand_worklist list = faulty_worklist(0);
  strand_run_options run = run_options(1025);
  strand_ticket ticket = 0;
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_worklist_dispatch(list, &run, &ticket));
  CHECK_LAST_ERROR_SAYS("workers is 1025: it can be at most 1024");
  run.workers = 1024;
  CHECK_OK(strand_worklist_dispatch(list, &run, &ticket));
  CHECK_OK(await_and_release(ticket));
  CHECK_OK(strand_worklist_release(list));
}

int main(void) {
  const char *why = "no adapter that is a program: Vulkan finds none";
  start_runtime(2);
  open_processor();
  device = processor;
  CLAIM(faults_are_kept_up_to_their_bound_and_then_counted);
  CLAIM(unless_said_otherwise_65536_faults_are_kept);
  CLAIM(a_run_goes_on_where_a_further_strand_cannot_begin);
  CLAIM(a_run_goes_on_where_a_further_strand_cannot_be_made);
  CLAIM(more_strands_than_there_may_be_are_refused);
  const bool there = open_adapter(&adapter);
  CLAIM_IF(there, faults_are_kept_up_to_their_bound_and_then_counted__on_an_adapter, why);
  CLAIM_IF(there, unless_said_otherwise_65536_faults_are_kept__on_an_adapter, why);
  stop_runtime();
  return 0;
}
