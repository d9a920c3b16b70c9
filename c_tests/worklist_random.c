/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=180 opt=O0,O2 schedules=yes */
/*
 * Random programs of items against an interpreter in this file: what each item does is drawn from its record, so both
 * must make the same visits, emits and faults, however the library orders and cuts them. Results are compared as sums
 * over mixed 64-bit numbers, so that one that is missing, doubled or changed shows. An interpreter with a defect must
 * differ: the comparison can fail.
 */
#include "worklist.h"

enum { FIELDS = STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC | STRAND_FIELD_TASK_ID, STEPS_MAX = 6, DEPTH_MAX = 9 };

typedef struct sums {
  uint64_t visits, visit_sum, emits, emit_sum, faults, fault_sum, children, pauses, finished, moved;
} sums;

static uint64_t seed;
static uint32_t bands;
static sums seen;

static uint64_t mix_of_three(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) ^ (b + UINT64_C(0x7f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9) ^
               (c + 1) * UINT64_C(0x94d049bb133111eb) ^ seed;
  x ^= x >> 31;
  x *= UINT64_C(0xd6e8feb86659fd93);
  x ^= x >> 32;
  x *= UINT64_C(0xd6e8feb86659fd93);
  return x ^ x >> 32;
}

/* What an item does: all of it follows from (id, pc, depth). */
typedef struct action {
  uint32_t children, emits, end, band;
} action;
enum { DONE, REQUEUE, YIELD, PAUSE, FAULT, TOO_MANY };
static action drawn(uint32_t id, uint32_t pc, uint32_t depth) {
  const uint64_t draw = mix_of_three(id, pc, depth);
  action does = {0, draw >> 8 & 1, DONE, STRAND_BAND_SAME};
  if (depth < DEPTH_MAX) {
    does.children = (uint32_t)(draw >> 10 & 3) % 3;
  }
  if (pc < STEPS_MAX) {
    static const uint32_t ends[16] = {DONE,    DONE,    DONE,  DONE,  DONE,  DONE,    REQUEUE, REQUEUE,
                                      REQUEUE, REQUEUE, YIELD, PAUSE, PAUSE, REQUEUE, FAULT,   TOO_MANY};
    does.end = ends[draw >> 20 & 15];
  }
  if ((draw >> 30 & 3) == 0) {
    does.band = (uint32_t)(draw >> 32) % bands;
  }
  return does;
}

static void act(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  sums mine;
  (void)data;
  memset(&mine, 0, sizeof mine);
  for (uint32_t i = 0; i < count; i += 1) {
    const uint32_t depth = items[3 * i], pc = items[3 * i + 1], id = items[3 * i + 2];
    const action does = drawn(id, pc, depth);
    mine.visits += 1;
    mine.visit_sum += mix_of_three(id, pc, 1000);
    for (uint32_t e = 0; e < does.emits; e += 1) {
      const uint32_t record[2] = {id, pc};
      CHECK_OK(strand_work_emit(work, i, record));
    }
    const uint32_t pushed = does.end == TOO_MANY ? 3 : does.children;
    for (uint32_t c = 0; c < pushed; c += 1) {
      const uint32_t child[3] = {depth + 1, 0, (uint32_t)mix_of_three(id, pc, 2000 + c)};
      const strand_status status = strand_work_push(work, i, child, does.band);
      CHECK_EQUAL(status, c < 2 ? STRAND_OK : STRAND_ERR_LIMIT);
    }
    switch (does.end) {
      case REQUEUE: CHECK_OK(strand_work_requeue(work, i, pc + 1, 0, does.band)); break;
      case YIELD: CHECK_OK(strand_work_yield(work, i, pc + 1, 0)); break;
      case PAUSE: CHECK_OK(strand_work_pause(work, i, pc + 1, 0, id % 5)); break;
      case FAULT: CHECK_OK(strand_work_fault(work, i, 100 + pc)); break;
      default: break;
    }
  }
  count_add(&seen.visits, mine.visits);
  count_add(&seen.visit_sum, mine.visit_sum);
}

/* The interpreter: a stack of items, one visit after the other. */
typedef struct pending {
  uint32_t id, pc, depth;
} pending;
enum defect { NONE, LOSES_A_CHILD, DOUBLES_AN_EMIT, KEEPS_WHAT_FAULTED, SKIPS_A_CONTINUATION, DEFECTS };
static sums interpret(const pending *roots, uint32_t count, enum defect defect) {
  static pending stack[1 << 20];
  sums all;
  uint32_t depth = 0;
  memset(&all, 0, sizeof all);
  for (uint32_t i = 0; i < count; i += 1) {
    stack[depth++] = roots[i];
  }
  while (depth > 0) {
    const pending item = stack[--depth];
    const action does = drawn(item.id, item.pc, item.depth);
    const int faults = does.end == FAULT || does.end == TOO_MANY;
    all.visits += 1;
    all.visit_sum += mix_of_three(item.id, item.pc, 1000);
    const int loses = defect == LOSES_A_CHILD && all.visits == 100;
    if (!faults || defect == KEEPS_WHAT_FAULTED) {
      for (uint32_t e = 0; e < does.emits + (defect == DOUBLES_AN_EMIT && all.visits == 100); e += 1) {
        all.emits += 1;
        all.emit_sum += mix_of_three(item.id, item.pc, 3000);
      }
      for (uint32_t c = loses ? 1 : 0; c < does.children; c += 1) {
        all.children += 1;
        CHECK(depth < sizeof stack / sizeof stack[0]);
        stack[depth++] = (pending){(uint32_t)mix_of_three(item.id, item.pc, 2000 + c), 0, item.depth + 1};
      }
    }
    if (faults) {
      all.faults += 1;
      all.fault_sum += mix_of_three(item.id, does.end == FAULT ? 100 + item.pc : STRAND_WORK_FAULT_FAN_OUT, 4000);
    } else if (does.end == DONE) {
      all.finished += 1;
    } else {
      all.moved += does.end == REQUEUE;
      all.pauses += does.end == PAUSE;
      const uint32_t step = defect == SKIPS_A_CONTINUATION && all.moved == 10 ? 2 : 1;
      stack[depth++] = (pending){item.id, item.pc + step, item.depth};
    }
  }
  return all;
}

static void take_results(strand_worklist list) {
  uint32_t records[600], count = 0;
  strand_worklist_fault faults[50];
  while (strand_worklist_take(list, records, 300, &count) == STRAND_OK) {
    for (uint32_t i = 0; i < count; i += 1) {
      seen.emit_sum += mix_of_three(records[2 * i], records[2 * i + 1], 3000);
    }
    seen.emits += count;
  }
  while (strand_worklist_faults(list, faults, 50, &count) == STRAND_OK) {
    for (uint32_t i = 0; i < count; i += 1) {
      seen.fault_sum += mix_of_three(faults[i].task.task_id, faults[i].code, 4000);
    }
    seen.faults += count;
  }
}

static void run_to_the_end(strand_worklist list, uint64_t *draws) {
  for (;;) {
    strand_run_options run = run_options(1 + next_random(draws) % 3);
    if (next_random(draws) % 2 == 0) {
      run.visits_max = 1 + next_random(draws) % 2000;
    }
    const strand_status status = await_and_release(dispatch(list, &run));
    CHECK(status == STRAND_OK || status == STRAND_ERR_FAILED || status == STRAND_ERR_LIMIT);
    check_conserved(list);
    take_results(list);
    const strand_worklist_statistics s = worklist_statistics(list);
    if (status == STRAND_ERR_LIMIT) {
      CHECK_NUMBERS(s.queued, >, 0);
    } else {
      CHECK_EQUAL(s.queued, 0);
      if (s.paused == 0) {
        return;
      }
      CHECK_OK(strand_worklist_resume(list, (uint32_t)next_random(draws) % 6, NULL));
    }
  }
}

static uint64_t start, caught[DEFECTS];
static void one_program(uint64_t number) {
  uint64_t draws = start + number;
  enum { ROOTS = 40 };
  pending roots[ROOTS];
  strand_program_options made = native(act, FIELDS);
  strand_worklist_options options = worklist_options();
  seed = next_random(&draws);
  bands = 1 + (uint32_t)(next_random(&draws) % 5);
  memset(&seen, 0, sizeof seen);
  made.fan_out_max = 2;
  made.emit_max = 1;
  made.emit_words = 2;
  made.inner_steps = 1 + (uint32_t)(next_random(&draws) % 4);
  options.bands = bands;
  options.tenants = 1 + (uint32_t)(next_random(&draws) % 30);
  options.order = (uint32_t)(next_random(&draws) % 2);
  options.mode = (uint32_t)(next_random(&draws) % 3);
  options.capacity = 1 + (uint32_t)(next_random(&draws) % 3000);
  const strand_worklist list = new_worklist(&made, &options);
  for (uint32_t i = 0; i < ROOTS; i += 1) {
    roots[i] = (pending){i, 0, 0};
    const uint32_t record[3] = {0, 0, i};
    CHECK_OK(strand_worklist_push(list, record, 1, (uint32_t)next_random(&draws) % bands,
                                  (uint32_t)next_random(&draws) % options.tenants, STRAND_NO_WAIT));
  }
  run_to_the_end(list, &draws);
  const strand_worklist_statistics s = worklist_statistics(list);
  seen.children = s.children;
  seen.pauses = s.pauses;
  seen.finished = s.finished;
  seen.moved = s.requeued;
  CHECK_EQUAL(s.visits, seen.visits);
  CHECK_OK(strand_worklist_release(list));
  const sums expected = interpret(roots, ROOTS, NONE);
  if (memcmp(&expected, &seen, sizeof seen) != 0) {
    fprintf(stderr,
            "program %" PRIu64 " of seed %" PRIu64 ": visits %" PRIu64 " for %" PRIu64 ", emits %" PRIu64 " for %" PRIu64
            ", faults %" PRIu64 " for %" PRIu64 ", children %" PRIu64 " for %" PRIu64 "\n",
            number, start, seen.visits, expected.visits, seen.emits, expected.emits, seen.faults,
            expected.faults, seen.children, expected.children);
    exit(1);
  }
  for (int defect = NONE + 1; defect < DEFECTS; defect += 1) {
    const sums wrong = interpret(roots, ROOTS, (enum defect)defect);
    caught[defect] += memcmp(&wrong, &seen, sizeof seen) != 0;
  }
}

static void random_programs_do_what_an_interpreter_does(void) {
  const uint64_t programs = (uint64_t)shortened(scaled(200));
  start = test_seed();
  memset(caught, 0, sizeof caught);
  for (uint64_t number = 0; number < programs; number += 1) {
    one_program(number);
  }
  /* A defect may lie where nothing happens, so not in every program. */
  for (int defect = NONE + 1; defect < DEFECTS; defect += 1) {
    CHECK_NUMBERS(caught[defect] * (programs < 100 ? programs : 3), >=, programs);
  }
}

/* The same program makes as many visits, and on the stepped engine in the same order, byte for byte. On the others the time
 * that batches take decides how large they are, and how the worklist drives its items. */
static uint32_t visits_made[2][20000];
static uint64_t made_count;
static int recording;
static void record_visits(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  for (uint32_t i = 0; i < count; i += 1) {
    const uint64_t at = __atomic_fetch_add(&made_count, 1, __ATOMIC_SEQ_CST);
    if (at < 20000) {
      visits_made[recording][at] = items[3 * i + 2];
    }
  }
  act(work, items, count, data);
}
static uint64_t record_program(uint32_t workers) {
  strand_program_options made = native(record_visits, FIELDS);
  made.fan_out_max = 2;
  made.emit_max = 1;
  made.emit_words = 2;
  const strand_worklist list = new_worklist(&made, NULL);
  count_set(&made_count, 0);
  for (uint32_t i = 0; i < 30; i += 1) {
    const uint32_t record[3] = {0, 0, i};
    push_items(list, record, 1);
  }
  run_worklist(list, workers);
  CHECK_OK(strand_worklist_release(list));
  return count_read(&made_count);
}
static void the_same_program_makes_the_same_visits(void) {
  seed = 42;
  bands = 1;
  const uint32_t workers = is_stepped() && takes_turns() ? 3 : 1;
  memset(visits_made, 0, sizeof visits_made);
  recording = 0;
  const uint64_t first = record_program(workers);
  recording = 1;
  CHECK_EQUAL(record_program(workers), first);
  if (is_stepped()) {
    CHECK_EQUAL(memcmp(visits_made[0], visits_made[1], sizeof visits_made[0]), 0);
  }
  seed = 43;
  record_program(workers);
  CHECK(memcmp(visits_made[0], visits_made[1], sizeof visits_made[0]) != 0);
}

int main(void) {
  start_runtime(2);
  open_processor();
  CLAIM(random_programs_do_what_an_interpreter_does);
  CLAIM(the_same_program_makes_the_same_visits);
  stop_runtime();
  return 0;
}
