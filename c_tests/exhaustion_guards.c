/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O2 instruments=none compilers=cc */
/*
 * A kernel without lightweight guards: the advice is refused, as an older kernel refuses it. Guards are then made by
 * changing protections, an overflow is still named, and the number of maps is bounded: beyond it there is a status with advice.
 */
#include "harness.h"

#include <sys/mman.h>
#include <sys/syscall.h>

enum { GUARD_INSTALL = 102 }; /* MADV_GUARD_INSTALL */

static uint64_t refused;

int madvise(void *address, size_t length, int advice) {
  if (advice == GUARD_INSTALL) {
    count_up(&refused);
    *__errno_location() = EINVAL;
    return -1;
  }
  return (int)syscall(SYS_madvise, address, length, advice);
}

static uint64_t ran;
static strand_chan gate;

static void *count_one(void *arg) {
  (void)arg;
  count_up(&ran);
  return NULL;
}
static void *wait_at_the_gate(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void live_on_an_older_kernel(void) {
  char guard[32] = "";
  start_runtime(2);
  for (int strand = 0; strand < 1000; strand += 1) {
    spawn(count_one, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1000);
  CHECK_NUMBERS(count_read(&refused), >, 0);
  CHECK_OK(strand_info("guard", guard, sizeof guard, NULL));
  CHECK_EQUAL(strcmp(guard, "mprotect"), 0);
  CHECK_EQUAL(read_statistics().guard_pages_kind, 2);
  stop_runtime();
}

static void without_lightweight_guards_protections_serve(void) {
  child result;
  run_child(&result, live_on_an_older_kernel);
  CHECK_CHILD_EXITED(&result, 0);
}

static volatile uint64_t deepest = UINT64_MAX;
static uint64_t recurse(uint64_t depth) {
  volatile uint64_t frame[16];
  frame[0] = depth;
  frame[15] = depth == deepest ? 0 : recurse(depth + 1);
  return frame[0] + frame[15];
}
static void *overflow(void *arg) {
  (void)arg;
  return (void *)(uintptr_t)recurse(1);
}
static void overflow_on_an_older_kernel(void) {
  start_runtime(1);
  spawn_named("bottomless", overflow, NULL);
  (void)strand_scheduler_run();
}

static void an_overflow_is_named_there_too(void) {
  child result;
  run_child(&result, overflow_on_an_older_kernel);
  CHECK_CHILD_CRASHED(&result);
  CHECK_SAYS(result.text, "overflow");
  CHECK_SAYS(result.text, "bottomless");
}

/* More parked strands than the default limit on maps (65,530) has room for, with a guard each. */
static void fill_the_maps(void) {
  uint64_t spawned = 0;
  uint64_t turned_away = 0;
  strand_status status;
  start_runtime(2);
  CHECK_OK(strand_external_acquire());
  gate = new_channel(0, 0);
  for (int strand = 0; strand < 40000; strand += 1) {
    status = strand_spawn(wait_at_the_gate, NULL, NULL);
    CHECK(status == STRAND_OK || status == STRAND_ERR_LIMIT || status == STRAND_ERR_NO_MEMORY);
    spawned += status == STRAND_OK;
    turned_away += status != STRAND_OK;
  }
  /* Each has either run once, and waits, or has ended with a fault; the process can still map memory of its own. */
  AWAIT(read_statistics().switches + read_statistics().faults >= spawned);
  free(malloc(64 << 20));
  CHECK_NUMBERS(count_maps(), <, 65530);
  CHECK_NUMBERS(read_statistics().live, >=, is_may() ? 15000 : 20000); /* there a strand takes four maps */
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_external_release());
  status = strand_scheduler_run();
  CHECK_EQUAL(count_read(&ran) + read_statistics().faults, spawned);
  CHECK_NUMBERS(read_statistics().faults + turned_away, >, 0);
  if (read_statistics().faults > 0) {
    CHECK_EQUAL(status, STRAND_ERR_FAILED);
    CHECK_LAST_ERROR_SAYS("fewer strands"); /* the advice */
  }
  count_set(&ran, 0);
  for (int strand = 0; strand < 1000; strand += 1) {
    spawn(count_one, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1000);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static void beyond_the_limit_on_maps_there_is_a_fault_with_advice(void) {
  child result;
  run_child(&result, fill_the_maps);
  CHECK_CHILD_EXITED(&result, 0);
}

/* On locked memory the kernel refuses the advice as well, this time truly. */
static void live_with_locked_memory(void) {
  strand_status status;
  const strand_config config = default_config(2);
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    _exit(77);
  }
  status = strand_scheduler_init(&config);
  if (status != STRAND_OK) {
    CHECK(status == STRAND_ERR_NO_MEMORY || status == STRAND_ERR_LIMIT);
    CHECK(strand_last_error(NULL, 0) > 0);
    _exit(78);
  }
  for (int strand = 0; strand < 1000; strand += 1) {
    spawn(count_one, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1000);
  stop_runtime();
}

static void with_locked_memory_it_runs_or_says_why_not(void) {
  child result;
  run_child(&result, live_with_locked_memory);
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77) {
    printf("part left out: this user may not lock memory\n");
    return;
  }
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 78) {
    printf("no init: the limit on locked memory\n");
    return;
  }
  CHECK_CHILD_EXITED(&result, 0);
}

int main(void) {
  CLAIM(without_lightweight_guards_protections_serve);
  CLAIM(an_overflow_is_named_there_too);
  CLAIM(beyond_the_limit_on_maps_there_is_a_fault_with_advice);
  CLAIM(with_locked_memory_it_runs_or_says_why_not);
  return 0;
}
