/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 */
/* The admission policy: its table, its totality, what measured times change, and the layout of a work item. */
#include "harness.h"

static strand_worklist_recommendation recommend(const strand_worklist_request *request) {
  strand_worklist_recommendation out;
  memset(&out, 0, sizeof out);
  out.size = (uint32_t)sizeof out;
  CHECK_OK(strand_worklist_recommend(request, &out));
  return out;
}

static strand_worklist_request request_of(uint32_t depth, uint32_t occupancy) {
  strand_worklist_request request;
  memset(&request, 0, sizeof request);
  request.size = (uint32_t)sizeof request;
  request.depth = depth;
  request.occupancy_bps = occupancy;
  return request;
}

static const struct {
  uint32_t depth, occupancy, mode;
  const char *label;
} table[] = {
    {0, 0, STRAND_ADMIT_EMPTY, "empty"},
    {0, 10000, STRAND_ADMIT_EMPTY, "empty"},
    {1, 4999, STRAND_ADMIT_NON_BLOCKING, "non_blocking"},
    {1, 5000, STRAND_ADMIT_BLOCKING, "blocking"},
    {63, 5000, STRAND_ADMIT_BLOCKING, "blocking"},
    {63, UINT32_MAX, STRAND_ADMIT_BLOCKING, "blocking"},
    {64, 10000, STRAND_ADMIT_NON_BLOCKING, "non_blocking"},
    {1048576, 10000, STRAND_ADMIT_NON_BLOCKING, "non_blocking"},
    {1048577, 0, STRAND_ADMIT_SPILL_REQUIRED, "spill_required"},
    {536870912, 0, STRAND_ADMIT_SPILL_REQUIRED, "spill_required"},
    {UINT32_MAX, 10000, STRAND_ADMIT_SPILL_REQUIRED, "spill_required"},
};

/* How many rows of the table a request with these thresholds disagrees with. */
static size_t disagreements(uint32_t nonblocking_depth, uint32_t low_occupancy) {
  size_t count = 0;
  for (size_t row = 0; row < sizeof table / sizeof table[0]; row += 1) {
    strand_worklist_request request = request_of(table[row].depth, table[row].occupancy);
    strand_worklist_recommendation out;
    request.visits = row + 1000;
    request.nonblocking_depth = nonblocking_depth;
    request.low_occupancy_bps = low_occupancy;
    out = recommend(&request);
    count += out.mode != table[row].mode || strcmp(out.label, table[row].label) != 0;
    CHECK_EQUAL(out.visits, row + 1000);
    CHECK_EQUAL(out.depth, table[row].depth);
    CHECK_EQUAL(out.visit_budget, (uint64_t)table[row].depth * 8);
    CHECK_NUMBERS(out.occupancy_bps, <=, 10000);
    CHECK(out.parity_required == 1 && out.reports_items == 1);
  }
  return count;
}

static void the_policy_is_its_table(void) { CHECK_EQUAL(disagreements(0, 0), 0); }

static void control_a_threshold_that_is_off_by_one_is_noticed(void) {
  CHECK_NUMBERS(disagreements(63, 0), >, 0);
  CHECK_NUMBERS(disagreements(65, 0), >, 0);
  CHECK_NUMBERS(disagreements(0, 4999), >, 0);
  CHECK_NUMBERS(disagreements(0, 5001), >, 0);
  CHECK_EQUAL(disagreements(64, 5000), 0); /* the defaults, said aloud */
}

static void a_budget_above_32_bits_is_spilled_and_never_run(void) {
  strand_worklist_request request = request_of(100000, 10000);
  request.spill_depth = UINT32_MAX;
  request.visits_per_item = 42949;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_NON_BLOCKING); /* 4,294,900,000 */
  request.visits_per_item = 42950;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_SPILL_REQUIRED);
  CHECK_EQUAL(recommend(&request).visit_budget, UINT64_C(4295000000));
}

static void times_count_only_where_they_are_asked_for_and_turn_by_a_tenth(void) {
  strand_worklist_request request = request_of(1000, 10000);
  request.blocking_ns = 500;
  request.nonblocking_ns = 1000;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_NON_BLOCKING);
  request.flags = STRAND_ADMIT_MEASURED;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_BLOCKING);
  request.mode_in_use = STRAND_ADMIT_NON_BLOCKING;
  request.blocking_ns = 900;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_NON_BLOCKING); /* just a tenth is not enough */
  request.blocking_ns = 899;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_BLOCKING);
  request.nonblocking_ns = 0; /* one time decides nothing */
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_NON_BLOCKING);
  request.nonblocking_ns = 1000;
  request.depth = 0;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_EMPTY);
  request.depth = 2000000;
  CHECK_EQUAL(recommend(&request).mode, STRAND_ADMIT_SPILL_REQUIRED); /* memory is no question of speed */
}

static void every_number_has_an_answer(void) {
  uint64_t state = 88172645463325252u;
  for (int round = 0; round < 100000; round += 1) {
    strand_worklist_request request;
    uint32_t words[sizeof request / 4];
    for (size_t word = 0; word < sizeof words / 4; word += 1) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      words[word] = (uint32_t)state;
    }
    memcpy(&request, words, sizeof request);
    request.size = (uint32_t)sizeof request;
    request.flags &= STRAND_ADMIT_MEASURED;
    request.mode_in_use %= 3;
    request.reserved = 0;
    CHECK_NUMBERS(recommend(&request).mode, <=, STRAND_ADMIT_SPILL_REQUIRED);
  }
}

static void a_work_item_has_the_layout_of_the_table(void) {
  static const struct {
    size_t offset;
    uint32_t bit;
  } words[] = {
#define WORD(name, NAME) {offsetof(strand_work_task, name), STRAND_FIELD_##NAME}
      WORD(state, STATE),
      WORD(op_handle, OP_HANDLE),
      WORD(tenant_id, TENANT_ID),
      WORD(priority, PRIORITY),
      WORD(input_handle, INPUT_HANDLE),
      WORD(output_handle, OUTPUT_HANDLE),
      WORD(param, PARAM),
      WORD(continuation_pc, CONTINUATION_PC),
      WORD(continuation_data, CONTINUATION_DATA),
      WORD(resume_epoch, RESUME_EPOCH),
      WORD(task_id, TASK_ID),
      WORD(parent_task_id, PARENT_TASK_ID),
      WORD(age_ticks, AGE_TICKS),
      WORD(requeue_count, REQUEUE_COUNT),
      WORD(yield_count, YIELD_COUNT),
      WORD(flags, FLAGS),
  };
  CHECK_EQUAL(sizeof(strand_work_task), 64);
  for (size_t word = 0; word < 16; word += 1) {
    CHECK_EQUAL(words[word].offset, 4 * word);
    CHECK_EQUAL(words[word].bit, UINT32_C(1) << word);
  }
}

int main(void) {
  CLAIM(the_policy_is_its_table);
  CLAIM(control_a_threshold_that_is_off_by_one_is_noticed);
  CLAIM(a_budget_above_32_bits_is_spilled_and_never_run);
  CLAIM(times_count_only_where_they_are_asked_for_and_turn_by_a_tenth);
  CLAIM(every_number_has_an_answer);
  CLAIM(a_work_item_has_the_layout_of_the_table);
  return 0;
}
