/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 instruments=asan */
/*
 * Bands, tenants, masks and quotas, the same on the processor and on an adapter that is a program: whom nobody may keep out,
 * who stops when he is switched off, and that random programs that are meddled with all the while lose and double nothing.
 * Each claim is made for both; without such an adapter the second half is skipped, and says so.
 */
#include "worklist.h"

static strand_device adapter;
/* The one that the claim is about. */
static strand_device device;

static strand_program_options both(strand_kernel kernel, const char *wgsl, uint32_t fields) {
  strand_program_options options = native(kernel, fields);
  options.wgsl = wgsl;
  options.wgsl_length = strlen(wgsl);
  return options;
}

static strand_worklist list_of(const strand_program_options *made, const strand_worklist_options *options) {
  strand_program program = 0;
  strand_worklist list = 0;
  CHECK_OK(strand_program_new(device, made, &program));
  CHECK_OK(strand_worklist_new(program, options, &list));
  CHECK_OK(strand_program_release(program));
  return list;
}

enum { COUNTERS = 64, STOP = 63 };
static strand_buffer new_counters(void) {
  strand_buffer buffer = 0;
  CHECK_OK(strand_buffer_new(device, COUNTERS * sizeof(uint32_t), 0, &buffer));
  return buffer;
}

static void read_counters(strand_buffer buffer, uint32_t *counters) {
  strand_ticket ticket = 0;
  CHECK_OK(strand_buffer_read(buffer, 0, counters, COUNTERS * sizeof(uint32_t), &ticket));
  CHECK_OK(await_and_release(ticket));
}

/* -------------------------------------------------------------------------------------------- bands */

static void urgent(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    if (items[i] == 0) {
      CHECK_OK(strand_work_requeue(work, i, 0, 0, STRAND_BAND_SAME));
    } else {
      CHECK_OK(strand_work_emit(work, i, &items[i]));
    }
  }
}
static const char URGENT[] =
    "fn run(item: Item) {\n"
    "  if (item.param == 0u) { requeue(0u, 0u, BAND_SAME); } else { emit(Record(item.param)); }\n"
    "}\n";

/* How many of `idle` items of the last band have ended after so many rounds beside urgent ones that never end. */
static uint32_t ended_beside_urgent(uint32_t order, uint32_t bands, uint32_t idle, uint64_t rounds) {
  static const uint32_t ENDLESS[8];
  strand_program_options made = both(urgent, URGENT, STRAND_FIELD_PARAM);
  strand_worklist_options options = worklist_options();
  strand_run_options run = run_options(1);
  uint32_t records[64], count = 0;
  made.emit_max = 1;
  made.emit_words = 1;
  options.bands = bands;
  options.order = order;
  options.mode = STRAND_WORKLIST_NON_BLOCKING;
  run.rounds_max = rounds;
  const strand_worklist list = list_of(&made, &options);
  push_items(list, ENDLESS, 8);
  for (uint32_t i = 1; i <= idle; i += 1) {
    CHECK_OK(strand_worklist_push(list, &i, 1, bands - 1, 0, STRAND_FOREVER));
  }
  CHECK_STATUS(STRAND_ERR_LIMIT, await_and_release(dispatch(list, &run)));
  check_conserved(list);
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.rounds, rounds);
  const strand_status status = strand_worklist_take(list, records, 64, &count);
  CHECK(status == STRAND_OK || status == STRAND_ERR_EMPTY);
  CHECK_EQUAL(s.queued, 8 + idle - (status == STRAND_OK ? count : 0));
  CHECK(rounds < 17 || s.guarded > 0);
  CHECK_OK(strand_worklist_release(list));
  return status == STRAND_OK ? count : 0;
}

static void an_idle_item_begins_within_twenty_rounds_beside_urgent_ones_that_never_end(void) {
  for (uint32_t order = 0; order < 2; order += 1) {
    /* 16 + bands - 2 times passed over, and then its own round; and none of the first sixteen is its own. */
    CHECK_EQUAL(ended_beside_urgent(order, 5, 1, 20), 1);
    CHECK_EQUAL(ended_beside_urgent(order, 2, 9, 17), 9);
    CHECK_EQUAL(ended_beside_urgent(order, 5, 1, 16), 0);
  }
}

/* -------------------------------------------------------------------------------------------- tenants */

static void for_ever(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  uint64_t bytes = 0;
  uint32_t *seen = strand_work_buffer(work, 0, &bytes);
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    __atomic_fetch_add(&seen[items[i]], 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&seen[STOP], __ATOMIC_SEQ_CST) == 0) {
      CHECK_OK(strand_work_requeue(work, i, 0, 0, STRAND_BAND_SAME));
    }
  }
}
static const char FOR_EVER[] =
    "@group(1) @binding(0) var<storage, read_write> seen: array<atomic<u32>, 64>;\n"
    "fn run(item: Item) {\n"
    "  atomicAdd(&seen[item.param], 1u);\n"
    "  if (atomicLoad(&seen[63]) == 0u) { requeue(0u, 0u, BAND_SAME); }\n"
    "}\n";

/* A worklist whose items run until the counter STOP is set, so many of each tenant, each of which counts its visits. */
static strand_worklist endless(strand_buffer *buffer, uint32_t tenants, uint32_t items, uint32_t mode, uint32_t order) {
  strand_program_options made = both(for_ever, FOR_EVER, STRAND_FIELD_PARAM);
  strand_worklist_options options = worklist_options();
  *buffer = new_counters();
  made.buffer_count = 1;
  options.buffers = buffer;
  options.buffer_count = 1;
  options.tenants = tenants;
  options.mode = mode;
  options.order = order;
  const strand_worklist list = list_of(&made, &options);
  for (uint32_t tenant = 0; tenant < tenants; tenant += 1) {
    for (uint32_t i = 0; i < items; i += 1) {
      CHECK_OK(strand_worklist_push(list, &tenant, 1, 0, tenant, STRAND_FOREVER));
    }
  }
  return list;
}

static void await_submissions(strand_worklist list, uint64_t more) {
  const uint64_t until = worklist_statistics(list).submissions + more;
  AWAIT(worklist_statistics(list).submissions >= until);
}

static uint32_t visits_of(strand_buffer buffer, uint32_t tenant) {
  uint32_t counters[COUNTERS];
  read_counters(buffer, counters);
  return counters[tenant];
}

static void stop(strand_buffer buffer) {
  const uint32_t one = 1;
  CHECK_OK(strand_buffer_write(buffer, STOP * sizeof one, &one, sizeof one));
}

static void a_tenant_that_is_switched_off_stops_after_the_submission_that_is_on(void) {
  for (uint32_t trial = 0; trial < 4; trial += 1) {
    const uint32_t mode = trial % 2 == 0 ? STRAND_WORKLIST_BLOCKING : STRAND_WORKLIST_NON_BLOCKING;
    strand_buffer buffer = 0;
    /* Where the newest go first, and none ever ends, only those run that fit a slice: 64 do on any device. */
    const uint32_t each = trial / 2 == STRAND_WORKLIST_LIFO ? 20 : 100;
    const strand_worklist list = endless(&buffer, 3, each, mode, trial / 2);
    const strand_run_options run = run_options(1);
    const strand_ticket ticket = dispatch(list, &run);
    for (uint32_t off = 0; off < 3; off += 1) {
      /* It runs all the while: the control of what follows. */
      const uint32_t before = visits_of(buffer, off);
      AWAIT(visits_of(buffer, off) != before);
      CHECK_OK(strand_worklist_tenant(list, off, 0, 0));
      await_submissions(list, 2);
      const uint32_t then = visits_of(buffer, off), others = visits_of(buffer, (off + 1) % 3);
      await_submissions(list, 10);
      AWAIT(visits_of(buffer, (off + 1) % 3) != others);
      CHECK_EQUAL(visits_of(buffer, off), then);
      CHECK_NUMBERS(worklist_statistics(list).queued, >=, each);
      CHECK_OK(strand_worklist_tenant(list, off, 1, 0));
      AWAIT(visits_of(buffer, off) != then);
    }
    /* What is left of one that is off is no reason to go on; everything ends when it is on again. */
    CHECK_OK(strand_worklist_tenant(list, 1, 0, 0));
    await_submissions(list, 2);
    stop(buffer);
    CHECK_OK(await_and_release(ticket));
    check_conserved(list);
    CHECK_EQUAL(worklist_statistics(list).queued, each);
    CHECK_OK(strand_worklist_tenant(list, 1, 1, 0));
    CHECK_OK(run_worklist(list, 1));
    check_conserved(list);
    CHECK_EQUAL(worklist_statistics(list).finished, 3 * each);
    CHECK_OK(strand_worklist_release(list));
    CHECK_OK(strand_buffer_release(buffer));
  }
}

static void a_quota_that_is_lowered_holds_after_the_submission_that_is_on(void) {
  strand_buffer buffer = 0;
  const strand_worklist list = endless(&buffer, 2, 500, STRAND_WORKLIST_NON_BLOCKING, STRAND_WORKLIST_FIFO);
  const strand_run_options run = run_options(1);
  const strand_ticket ticket = dispatch(list, &run);
  AWAIT(worklist_statistics(list).device_peak > 17); /* the control: without quotas more are taken at once */
  CHECK_OK(strand_worklist_tenant(list, 0, 1, 10));
  CHECK_OK(strand_worklist_tenant(list, 1, 1, 7));
  await_submissions(list, 2);
  const uint32_t before[2] = {visits_of(buffer, 0), visits_of(buffer, 1)};
  for (int i = 0; i < 200; i += 1) {
    CHECK_NUMBERS(worklist_statistics(list).in_flight, <=, 17);
    let_strands_run(4);
  }
  AWAIT(visits_of(buffer, 0) != before[0] && visits_of(buffer, 1) != before[1]);
  stop(buffer);
  CHECK_OK(await_and_release(ticket));
  check_conserved(list);
  CHECK_EQUAL(worklist_statistics(list).finished, 1000);
  CHECK_OK(strand_worklist_release(list));
  CHECK_OK(strand_buffer_release(buffer));
}

/* -------------------------------------------------------------------------------------------- random programs */

enum { WORDS = 3, TENANTS = 30, ROOTS = 120, FUEL = 5 };
#define FIELDS (STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC | STRAND_FIELD_CONTINUATION_DATA)

/* What an item does follows from its number and its step; it also carries its tenant, and how many generations may follow. It
 * counts its visit for its tenant. Bands that there are not are refused, visibly. */
static void random_item(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  uint64_t bytes = 0;
  uint32_t *seen = strand_work_buffer(work, 0, &bytes);
  (void)data;
  for (uint32_t i = 0; i < count; i += 1, items += WORDS) {
    const uint32_t h = mix(items[0], items[1]), tenant = items[2] >> 8, fuel = items[2] & 255;
    __atomic_fetch_add(&seen[tenant], 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&seen[TENANTS + tenant], h, __ATOMIC_SEQ_CST);
    CHECK_OK(strand_work_emit(work, i, items));
    if (fuel == 0) {
      continue;
    }
    for (uint32_t c = 0; c < (h >> 8) % 3; c += 1) {
      const uint32_t child[WORDS] = {mix(h, c + 2), 0, items[2] - 1};
      CHECK_OK(strand_work_push(work, i, child, mix(h, c + 50) % 2));
    }
    const uint32_t kind = mix(h, 99) % 8;
    if (kind < 3) {
      CHECK_OK(strand_work_requeue(work, i, h, items[2] - 1, mix(h, 100) % 2));
    } else if (kind == 3) {
      CHECK_OK(strand_work_yield(work, i, h, items[2] - 1));
    } else if (kind == 4) {
      CHECK_OK(strand_work_fault(work, i, h >> 1));
    }
  }
}
static const char RANDOM_ITEM[] =
    "@group(1) @binding(0) var<storage, read_write> seen: array<atomic<u32>, 64>;\n"
    MIX_IN_WGSL
    "fn run(item: Item) {\n"
    "  let h = mix(item.param, item.continuation_pc);\n"
    "  let data = item.continuation_data;\n"
    "  atomicAdd(&seen[data >> 8u], 1u);\n"
    "  atomicAdd(&seen[30u + (data >> 8u)], h);\n"
    "  emit(Record(item.param));\n"
    "  if ((data & 255u) == 0u) { return; }\n"
    "  for (var c = 0u; c < (h >> 8u) % 3u; c++) {\n"
    "    push(Item(mix(h, c + 2u), 0u, data - 1u), mix(h, c + 50u) % 2u);\n"
    "  }\n"
    "  let kind = mix(h, 99u) % 8u;\n"
    "  if (kind < 3u) { requeue(h, data - 1u, mix(h, 100u) % 2u); }\n"
    "  else if (kind == 3u) { yield_now(h, data - 1u); }\n"
    "  else if (kind == 4u) { fault(h >> 1u); }\n"
    "}\n";

/* The reference: one item, and all that comes of it. `loses`: every 100th child is lost, which must show. */
typedef struct sums {
  uint32_t counters[COUNTERS];
  uint64_t faults, visits;
} sums;
static void reference(sums *all, uint32_t number, uint32_t pc, uint32_t data, bool loses) {
  const uint32_t h = mix(number, pc), tenant = data >> 8;
  all->counters[tenant] += 1;
  all->counters[TENANTS + tenant] += h;
  all->visits += 1;
  if ((data & 255) == 0) {
    return;
  }
  const uint32_t kind = mix(h, 99) % 8;
  if (kind == 4) {
    all->faults += 1;
    return;
  }
  for (uint32_t c = 0; c < (h >> 8) % 3; c += 1) {
    if (!loses || all->visits % 100 != 0) {
      reference(all, mix(h, c + 2), 0, data - 1, loses);
    }
  }
  if (kind < 4) {
    reference(all, number, h, data - 1, loses);
  }
}

/* What must agree at any moment, also while a run is on: whoever looks sees nothing lost and nothing doubled. */
static void check_sums(strand_worklist list) {
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.pushed + s.children, s.finished + s.faulted + s.withdrawn + s.lost + s.queued + s.paused + s.in_flight);
  CHECK_EQUAL(s.visits, s.finished + s.faulted + s.requeued + s.yielded + s.pauses);
  CHECK_EQUAL(s.emitted, s.taken + s.emitted_waiting);
}

/* One run, meddled with until it ends: tenants are switched off and on and get quotas, from another thread. */
static void meddle_with_a_run(strand_worklist list, strand_buffer buffer, uint32_t tenants, uint64_t *draws) {
  const uint32_t off = (uint32_t)next_random(draws) % tenants;
  strand_run_options run = run_options(1 + next_random(draws) % 2);
  strand_status result = STRAND_OK;
  CHECK_OK(strand_worklist_tenant(list, off, 0, 0));
  const uint32_t before = visits_of(buffer, off);
  const strand_ticket ticket = dispatch(list, &run);
  while (strand_ticket_poll(ticket, &result) == STRAND_ERR_WOULD_BLOCK) {
    const uint32_t tenant = (uint32_t)next_random(draws) % tenants;
    if (tenant != off) {
      const uint64_t quota = next_random(draws) % 2 == 0 ? 0 : 1 + next_random(draws) % 50;
      CHECK_OK(strand_worklist_tenant(list, tenant, next_random(draws) % 4 != 0, quota));
    }
    for (int look = 0; look < 200; look += 1) {
      check_sums(list);
    }
    uint32_t records[64];
    (void)strand_worklist_take(list, records, 64, NULL);
    if (next_random(draws) % 4 == 0) {
      let_strands_run(1 + next_random(draws) % 16);
    }
  }
  CHECK(result == STRAND_OK || result == STRAND_ERR_FAILED);
  CHECK_OK(strand_ticket_release(ticket));
  check_conserved(list);
  CHECK_EQUAL(visits_of(buffer, off), before);
}

static void random_programs_that_are_meddled_with_lose_and_double_nothing(void) {
  uint64_t draws = test_seed();
  uint32_t caught = 0;
  const uint32_t programs = (uint32_t)shortened(scaled(12));
  for (uint32_t number = 0; number < programs; number += 1) {
    static sums expected, wrong, found;
    static strand_worklist_fault faults[256];
    strand_program_options made = both(random_item, RANDOM_ITEM, FIELDS);
    strand_worklist_options options = worklist_options();
    uint32_t count = 0;
    strand_buffer buffer = new_counters();
    memset(&expected, 0, sizeof expected);
    memset(&wrong, 0, sizeof wrong);
    memset(&found, 0, sizeof found);
    made.fan_out_max = 2;
    made.emit_max = 1;
    made.emit_words = 1;
    made.buffer_count = 1;
    options.buffers = &buffer;
    options.buffer_count = 1;
    options.bands = 2 + (uint32_t)next_random(&draws) % 4;
    options.tenants = 2 + (uint32_t)next_random(&draws) % (TENANTS - 1);
    options.order = (uint32_t)next_random(&draws) % 2;
    options.mode = (uint32_t)next_random(&draws) % 3;
    options.capacity = (const uint32_t[]){16, 300, 0}[next_random(&draws) % 3];
    const strand_worklist list = list_of(&made, &options);
    for (uint32_t i = 0; i < ROOTS; i += 1) {
      const uint32_t tenant = i % options.tenants, root[WORDS] = {(uint32_t)next_random(&draws), 0, tenant << 8 | FUEL};
      CHECK_OK(strand_worklist_push(list, root, 1, i % options.bands, tenant, STRAND_FOREVER));
      reference(&expected, root[0], 0, root[2], false);
      reference(&wrong, root[0], 0, root[2], true);
    }
    for (int run = 0; run < 3; run += 1) {
      meddle_with_a_run(list, buffer, options.tenants, &draws);
      for (uint32_t tenant = 0; tenant < options.tenants; tenant += 1) {
        CHECK_OK(strand_worklist_tenant(list, tenant, 1, 0));
      }
    }
    const strand_status last = run_worklist(list, 2);
    CHECK(last == STRAND_OK || last == STRAND_ERR_FAILED);
    check_conserved(list);
    CHECK_EQUAL(worklist_statistics(list).queued, 0);
    read_counters(buffer, found.counters);
    while (strand_worklist_faults(list, faults, 256, &count) == STRAND_OK) {
      for (uint32_t i = 0; i < count; i += 1) {
        CHECK_EQUAL(faults[i].task.tenant_id, faults[i].task.continuation_data >> 8);
      }
      found.faults += count;
    }
    found.visits = worklist_statistics(list).visits;
    if (memcmp(&found, &expected, sizeof found) != 0) {
      fprintf(stderr, "program %u of seed %" PRIu64 ": %" PRIu64 " visits for %" PRIu64 ", %" PRIu64 " faults for %" PRIu64 "\n",
              number, test_seed(), found.visits, expected.visits, found.faults, expected.faults);
      exit(1);
    }
    caught += memcmp(&found, &wrong, sizeof found) != 0;
    CHECK_OK(strand_worklist_release(list));
    CHECK_OK(strand_buffer_release(buffer));
  }
  CHECK_EQUAL(caught, programs);
}

#define ON_AN_ADAPTER(claim)               \
  static void claim##__on_an_adapter(void) { \
    device = adapter;                      \
    claim();                               \
    device = processor;                    \
  }
ON_AN_ADAPTER(an_idle_item_begins_within_twenty_rounds_beside_urgent_ones_that_never_end)
ON_AN_ADAPTER(a_tenant_that_is_switched_off_stops_after_the_submission_that_is_on)
ON_AN_ADAPTER(a_quota_that_is_lowered_holds_after_the_submission_that_is_on)
ON_AN_ADAPTER(random_programs_that_are_meddled_with_lose_and_double_nothing)

int main(void) {
  const char *alone = "nobody drives the strands of a run but who awaits it";
  const char *why = "no adapter that is a program: Vulkan finds none";
  start_runtime(2);
  open_processor();
  device = processor;
  CLAIM(an_idle_item_begins_within_twenty_rounds_beside_urgent_ones_that_never_end);
  CLAIM_IF(is_parallel(), a_tenant_that_is_switched_off_stops_after_the_submission_that_is_on, alone);
  CLAIM_IF(is_parallel(), a_quota_that_is_lowered_holds_after_the_submission_that_is_on, alone);
  CLAIM_IF(is_parallel(), random_programs_that_are_meddled_with_lose_and_double_nothing, alone);
  const bool there = open_adapter(&adapter) && is_parallel();
  why = is_parallel() ? why : alone;
  CLAIM_IF(there, an_idle_item_begins_within_twenty_rounds_beside_urgent_ones_that_never_end__on_an_adapter, why);
  CLAIM_IF(there, a_tenant_that_is_switched_off_stops_after_the_submission_that_is_on__on_an_adapter, why);
  CLAIM_IF(there, a_quota_that_is_lowered_holds_after_the_submission_that_is_on__on_an_adapter, why);
  CLAIM_IF(there, random_programs_that_are_meddled_with_lose_and_double_nothing__on_an_adapter, why);
  stop_runtime();
  return 0;
}
