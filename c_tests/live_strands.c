/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=180 modes=static,shared opt=O2 needs=memory:2 instruments=none */
/* 100,000 live parked strands: few maps, one page each, and all of it comes back. (A million: examples/million.) */
#include "harness.h"

enum { STRANDS = 100000, MOST_MAPS = 24, MOST_BYTES = 4400 };

static strand_chan gate;
static uint64_t ran;

static void *wait_at_the_gate(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void one_hundred_thousand_parked_strands_take_a_page_each(void) {
  char guard[32] = "";
  int64_t maps;
  int64_t resident;
  int64_t bytes;
  int64_t of_the_program = count_maps();
  count_set(&ran, 0);
  start_runtime(2);
  CHECK_OK(strand_external_acquire());
  gate = new_channel(0, 0);
  resident = resident_kilobytes();
  for (int strand = 0; strand < STRANDS; strand += 1) {
    CHECK_OK(strand_spawn(wait_at_the_gate, NULL, NULL));
  }
  AWAIT(read_statistics().switches + read_statistics().faults >= STRANDS);
  CHECK_OK(strand_info("guard", guard, sizeof guard, NULL));
  if (strcmp(guard, "mprotect") == 0) {
    SKIP("this kernel has no lightweight guards: %" PRIu64 " of %d strands are over the limit on maps",
         read_statistics().faults, STRANDS);
  }
  await_parks(STRANDS);
  CHECK_EQUAL(read_statistics().live, STRANDS);
  CHECK_EQUAL(read_statistics().faults, 0);
  maps = count_maps() - of_the_program; /* a library that it links has five */
  bytes = (resident_kilobytes() - resident) * 1024 / STRANDS;
  printf("%d parked strands: %" PRId64 " maps, %" PRId64 " bytes each\n", STRANDS, maps, bytes);
  CHECK_NUMBERS(maps, <=, MOST_MAPS + 8 * workers_there(2)); /* a thread has some of its own */
  CHECK_NUMBERS(bytes, <=, MOST_BYTES);
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), STRANDS);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
  /* Nearly all of it is given back at the latest now. */
  CHECK_NUMBERS(resident_kilobytes(), <=, resident + 32 * 1024);
}

/* Strands that were spawned and have not run yet cost one line of a table, not a stack. */
static uint64_t blocked;
static uint64_t let_go;
static void *hold_the_worker(void *arg) {
  (void)arg;
  count_set(&blocked, 1);
  while (count_read(&let_go) == 0) {
  }
  return NULL;
}
static void *count_one(void *arg) {
  (void)arg;
  count_up(&ran);
  return NULL;
}

static void strands_that_never_ran_have_no_stack(void) {
  int64_t resident;
  uint64_t stacks;
  count_set(&ran, 0);
  count_set(&blocked, 0);
  count_set(&let_go, 0);
  start_runtime(1);
  if (is_parallel()) { /* stepped: nothing runs while nobody drives */
    spawn(hold_the_worker, NULL);
    await_count(&blocked, 1);
  }
  resident = resident_kilobytes();
  stacks = read_statistics().stacks_mapped;
  for (int strand = 0; strand < STRANDS; strand += 1) {
    spawn(count_one, NULL);
  }
  printf("%d queued strands: %" PRId64 " bytes each\n", STRANDS,
         (resident_kilobytes() - resident) * 1024 / STRANDS);
  CHECK_EQUAL(read_statistics().stacks_mapped, stacks);
  CHECK_NUMBERS((resident_kilobytes() - resident) * 1024 / STRANDS, <=, 256);
  count_set(&let_go, 1);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), STRANDS);
  CHECK_NUMBERS(read_statistics().stacks_mapped, <=, 64); /* one after the other used the same few */
  stop_runtime();
}

int main(void) {
  CLAIM_IF(!is_may(), one_hundred_thousand_parked_strands_take_a_page_each, "the may engine has room for 28,000");
  CLAIM_IF(workers_there(1) == 1 && !is_may(), strands_that_never_ran_have_no_stack,
           "one worker is held");
  return 0;
}
