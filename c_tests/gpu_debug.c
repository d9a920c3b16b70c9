/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 */
/*
 * Notes of kernels and of shaders: what is written down is there, with the item, whatever becomes of it; what has no room is
 * counted. On the processor, and on an adapter that is a program where there is one.
 */
#include <stdbool.h>

#include "worklist.h"

#define FIELDS (STRAND_FIELD_TASK_ID | PAIR | STRAND_FIELD_CONTINUATION_DATA)

/* The words of a record: param, pc, data, task_id. Every third item is noted; every fifth faults, and one of those is noted. */
static void note(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1, items += 4) {
    const uint32_t words[4] = {items[0], items[1], items[0] * 3, 0xabcdef01};
    if (items[0] % 3 == 0) {
      CHECK_OK(strand_work_debug(work, i, words));
    }
    if (items[0] % 5 == 0) {
      CHECK_OK(strand_work_fault(work, i, 9));
    } else if (items[1] < 2) {
      CHECK_OK(strand_work_requeue(work, i, items[1] + 1, 70 + items[1], STRAND_BAND_SAME));
    }
  }
}
static const char NOTE[] =
    "fn run(item: Item) {\n"
    "  if (item.param % 3u == 0u) { debug(item.param, item.continuation_pc, item.param * 3u, 0xabcdef01u); }\n"
    "  if (item.param % 5u == 0u) { fault(9u); }\n"
    "  else if (item.continuation_pc < 2u) { requeue(item.continuation_pc + 1u, 70u + item.continuation_pc, BAND_SAME); }\n"
    "}\n";

static strand_device device;

static strand_worklist new_list(strand_kernel kernel, const char *wgsl, const strand_worklist_options *options) {
  strand_program_options made = native(kernel, FIELDS);
  strand_program program = 0;
  strand_worklist list = 0;
  made.wgsl = wgsl;
  made.wgsl_length = strlen(wgsl);
  CHECK_OK(strand_program_new(device, &made, &program));
  CHECK_OK(strand_worklist_new(program, options, &list));
  CHECK_OK(strand_program_release(program));
  return list;
}

/* Items 0 to count - 1, of band param % 2 and tenant 1. */
static void push_numbered(strand_worklist list, uint32_t count) {
  for (uint32_t i = 0; i < count; i += 1) {
    const uint32_t item[4] = {i, 0, 0, 1000 + i};
    CHECK_OK(strand_worklist_push(list, item, 1, i % 2, 1, STRAND_FOREVER));
  }
}

static strand_worklist_options two_of_each(uint32_t debug_max) {
  strand_worklist_options options = worklist_options();
  options.bands = 2;
  options.tenants = 2;
  options.debug_max = debug_max;
  return options;
}

static int by_words(const void *left, const void *right) {
  const strand_work_note *a = left, *b = right;
  if (a->words[0] != b->words[0]) return a->words[0] < b->words[0] ? -1 : 1;
  return a->words[1] < b->words[1] ? -1 : a->words[1] > b->words[1];
}

enum { ITEMS = 100 };

/* Every visit of every third item: three of each that does not fault, one of each that does. */
static void every_note_is_there_with_its_item_whatever_became_of_it(void) {
  const strand_worklist_options options = two_of_each(0);
  const strand_worklist list = new_list(note, NOTE, &options);
  strand_work_note notes[ITEMS * 3];
  uint32_t count = 77, faulted = 0;
  uint64_t lost = 77;
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_worklist_debug(list, notes, 1, &count, &lost));
  CHECK_EQUAL(count, 77);
  CHECK_EQUAL(lost, 0);
  push_numbered(list, ITEMS);
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 2));
  CHECK_OK(strand_worklist_debug(list, notes, 10, &count, NULL));
  CHECK_EQUAL(count, 10);
  CHECK_OK(strand_worklist_debug(list, notes + 10, ITEMS * 3 - 10, &count, &lost));
  CHECK_EQUAL(lost, 0);
  count += 10;
  qsort(notes, count, sizeof *notes, by_words);
  uint32_t at = 0;
  for (uint32_t i = 0; i < ITEMS; i += 3) {
    for (uint32_t pc = 0; pc <= (i % 5 == 0 ? 0 : 2); pc += 1, at += 1) {
      CHECK_NUMBERS(at, <, count);
      const strand_work_note *n = &notes[at];
      CHECK_EQUAL(n->words[0], i);
      CHECK_EQUAL(n->words[1], pc);
      CHECK_EQUAL(n->words[2], i * 3);
      CHECK_EQUAL(n->words[3], 0xabcdef01);
      CHECK_EQUAL(n->task.param, i);
      CHECK_EQUAL(n->task.task_id, 1000 + i);
      CHECK_EQUAL(n->task.continuation_pc, pc); /* as the visit began, not as it ended */
      CHECK_EQUAL(n->task.continuation_data, pc == 0 ? 0 : 69 + pc);
      CHECK_EQUAL(n->task.priority, i % 2);
      CHECK_EQUAL(n->task.tenant_id, 1);
      CHECK_EQUAL(n->task.state, STRAND_WORK_READY);
      faulted += i % 5 == 0;
    }
  }
  CHECK_EQUAL(at, count); /* and no others */
  CHECK_EQUAL(faulted, 7);
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_worklist_debug(list, notes, 1, &count, NULL));
  CHECK_OK(strand_worklist_release(list));
}

static void what_the_ring_has_no_room_for_is_counted(void) {
  const strand_worklist_options options = two_of_each(5);
  const strand_worklist list = new_list(note, NOTE, &options);
  strand_work_note notes[ITEMS];
  uint32_t count = 0;
  uint64_t lost = 0;
  push_numbered(list, ITEMS);
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 1));
  CHECK_OK(strand_worklist_debug(list, notes, ITEMS, &count, &lost));
  CHECK_EQUAL(count, 5);
  CHECK_EQUAL(lost, 34 * 3 - 7 * 2 - 5);
  /* There is room again. */
  const uint32_t item[4] = {3, 2, 0, 0};
  CHECK_OK(strand_worklist_push(list, item, 1, 0, 0, STRAND_FOREVER));
  CHECK_OK(run_worklist(list, 1));
  CHECK_OK(strand_worklist_debug(list, notes, ITEMS, &count, &lost));
  CHECK_EQUAL(count, 1);
  CHECK_EQUAL(notes[0].words[0], 3);
  CHECK_EQUAL(lost, 34 * 3 - 7 * 2 - 5);
  CHECK_OK(strand_worklist_release(list));
}

/* One item that says much: more than a batch or a submission keeps. */
static void say_much(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    for (uint32_t n = 0; n < 5000; n += 1) {
      const uint32_t words[4] = {n, 0, 0, 0};
      CHECK_OK(strand_work_debug(work, i, words));
    }
  }
  (void)items;
}
static const char SAY_MUCH[] = "fn run(item: Item) { for (var n = 0u; n < 5000u; n++) { debug(n, 0u, 0u, 0u); } }\n";
static void of_one_batch_so_many_are_kept(void) {
  static strand_work_note notes[6000];
  const strand_worklist_options options = two_of_each(1 << 20);
  const strand_worklist list = new_list(say_much, SAY_MUCH, &options);
  uint32_t count = 0;
  uint64_t lost = 0;
  push_numbered(list, 1);
  CHECK_OK(run_worklist(list, 1));
  CHECK_OK(strand_worklist_debug(list, notes, 6000, &count, &lost));
  CHECK_EQUAL(count, 4096);
  CHECK_EQUAL(lost, 5000 - 4096);
  for (uint32_t n = 0; n < count; n += 1) {
    CHECK_EQUAL(notes[n].words[0], n); /* in order */
  }
  CHECK_OK(strand_worklist_release(list));
}

/* A program may have a function of that name: it is its own. */
static void silent(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)items;
  (void)count;
  (void)data;
}
static void check_silence(const char *shader) {
  const strand_worklist_options options = two_of_each(0);
  const strand_worklist list = new_list(silent, shader, &options);
  strand_work_note one;
  push_numbered(list, 10);
  CHECK_OK(run_worklist(list, 1));
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_worklist_debug(list, &one, 1, NULL, NULL));
  CHECK_OK(strand_worklist_release(list));
}
static void a_program_that_declares_the_name_itself_makes_no_notes(void) {
  check_silence("fn debug(a: u32, b: u32, c: u32, d: u32) {}\nfn run(item: Item) { debug(1u, 2u, 3u, 4u); }");
}
static void a_variable_of_that_name_is_the_programs_own(void) {
  check_silence("var<private> debug: u32;\nfn run(item: Item) { debug = item.param; }");
}

/* A kernel that ends its strand in the middle of a batch: what it wrote before is there. */
static void give_up(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  const uint32_t words[4] = {items[0], count, 0, 0};
  (void)data;
  CHECK_OK(strand_work_debug(work, 0, words));
  strand_fail(3, "the kernel gives up", 19);
}
static void notes_of_a_kernel_that_ended_its_strand_are_kept(void) {
  const strand_worklist_options options = two_of_each(0);
  const strand_worklist list = new_list(give_up, NOTE, &options);
  strand_work_note one;
  uint32_t count = 0;
  push_numbered(list, 1);
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 1));
  CHECK_OK(strand_worklist_debug(list, &one, 1, &count, NULL));
  CHECK_EQUAL(one.words[1], 1);
  CHECK_EQUAL(one.task.task_id, 1000);
  CHECK_OK(strand_worklist_release(list));
}

/* Twice the same run: the notes of the shader are there, once, and nothing is compared. */
static void other_note(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  const uint32_t words[4] = {1, 1, 1, 1};
  CHECK_OK(strand_work_debug(work, 0, words));
  note(work, items, count, data);
}
static void a_run_that_is_compared_keeps_the_notes_of_the_shader(void) {
  strand_worklist_options options = two_of_each(0);
  options.flags = STRAND_WORKLIST_DIFFERENTIAL;
  const strand_worklist list = new_list(other_note, NOTE, &options);
  strand_work_note notes[ITEMS * 3];
  uint32_t count = 0;
  push_numbered(list, ITEMS);
  CHECK_STATUS(STRAND_ERR_FAILED, run_worklist(list, 1)); /* items have faulted; no STRAND_ERR_PARITY */
  CHECK_OK(strand_worklist_debug(list, notes, ITEMS * 3, &count, NULL));
  CHECK_EQUAL(count, 34 * 3 - 7 * 2);
  for (uint32_t i = 0; i < count; i += 1) {
    CHECK_EQUAL(notes[i].words[3], 0xabcdef01);
  }
  CHECK_OK(strand_worklist_release(list));
}

static void claims_on_a_device(void) {
  CLAIM(every_note_is_there_with_its_item_whatever_became_of_it);
  CLAIM(what_the_ring_has_no_room_for_is_counted);
  CLAIM(of_one_batch_so_many_are_kept);
  CLAIM(a_program_that_declares_the_name_itself_makes_no_notes);
  CLAIM(a_variable_of_that_name_is_the_programs_own);
}

int main(void) {
  start_runtime(2);
  open_processor();
  device = processor;
  claims_on_a_device();
  CLAIM(notes_of_a_kernel_that_ended_its_strand_are_kept);
  if (open_adapter(&device)) {
    printf("on an adapter:\n");
    claims_on_a_device();
    CLAIM(a_run_that_is_compared_keeps_the_notes_of_the_shader);
    CHECK_OK(strand_device_close(device));
  }
  stop_runtime();
  return 0;
}
