/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 */
/* Shutdown past its deadline names who is left, frees nothing under it, and may be called again. */
#include "harness.h"

static uint64_t spinning;
static uint64_t let_go;
static uint64_t finished;

/* No checkpoint, no call of the library: nothing can stop it. */
static void *spin(void *arg) {
  (void)arg;
  count_up(&spinning);
  while (count_read(&let_go) == 0) {
  }
  count_up(&finished);
  return NULL;
}

static void *nothing(void *arg) { return arg; }

static void shutdown_past_its_deadline_names_the_survivors(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&spinning, 0);
    count_set(&let_go, 0);
    count_set(&finished, 0);
    start_runtime(workers);
    spawn_named("stubborn-spinner", spin, NULL);
    await_count(&spinning, 1);
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(50))));
    CHECK_LAST_ERROR_SAYS("stubborn-spinner");
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(1))));
    CHECK_LAST_ERROR_SAYS("stubborn-spinner");
    count_set(&let_go, 1);
    CHECK_OK(strand_scheduler_shutdown(strand_after(SECONDS(60))));
    CHECK_EQUAL(count_read(&finished), 1); /* it ran to its end: nothing was freed under it */
    CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_scheduler_shutdown(STRAND_FOREVER));
  }
}

static void a_runtime_that_is_shutting_down_refuses_spawns_as_cancelled(void) {
  count_set(&spinning, 0);
  count_set(&let_go, 0);
  start_runtime(2);
  spawn_named("stubborn-spinner", spin, NULL);
  await_count(&spinning, 1);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(20))));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_spawn(nothing, NULL, NULL));
  CHECK(strand_last_error(NULL, 0) > 0);
  count_set(&let_go, 1);
  stop_runtime();
}

static void init_after_a_late_shutdown_works(void) {
  count_set(&finished, 0);
  count_set(&let_go, 1);
  start_runtime(2);
  spawn(spin, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&finished), 1);
  stop_runtime();
}

static uint64_t rounds;

/* Ignores that it was cancelled until it is let go; each of its calls answers at once. */
static void *ignore_cancel(void *arg) {
  (void)arg;
  count_up(&spinning);
  while (count_read(&let_go) == 0) {
    const strand_status status = strand_yield();
    CHECK(status == STRAND_OK || status == STRAND_ERR_CANCELLED);
    count_up(&rounds);
  }
  count_up(&finished);
  return NULL;
}

static void a_strand_that_ignores_cancel_is_a_survivor_too(void) {
  count_set(&spinning, 0);
  count_set(&let_go, 0);
  count_set(&finished, 0);
  start_runtime(1);
  spawn_named("deaf", ignore_cancel, NULL);
  await_count(&spinning, 1);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(20))));
  CHECK_LAST_ERROR_SAYS("deaf");
  count_set(&let_go, 1);
  stop_runtime();
  CHECK_EQUAL(count_read(&finished), 1);
}

/* Shielded: every one of its yields gives its turn away. */
static void yield_in_the_hook(void *data) {
  (void)data;
  count_up(&spinning);
  while (count_read(&let_go) == 0) {
    CHECK_OK(strand_yield());
  }
  count_up(&finished);
}
static void *end_with_a_hook_that_yields(void *arg) {
  CHECK_OK(strand_on_exit(yield_in_the_hook, NULL));
  return arg;
}

static void a_hook_that_goes_on_and_on_is_a_survivor_too(void) {
  count_set(&spinning, 0);
  count_set(&let_go, 0);
  count_set(&finished, 0);
  start_runtime(1);
  spawn_named("restless-at-its-end", end_with_a_hook_that_yields, NULL);
  await_count(&spinning, 1);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(20))));
  CHECK_LAST_ERROR_SAYS("restless-at-its-end");
  count_set(&let_go, 1);
  stop_runtime();
  CHECK_EQUAL(count_read(&finished), 1);
}

static strand_chan never_sent;
static void wait_in_the_hook(void *data) {
  uint64_t value = 0;
  (void)data;
  count_up(&spinning);
  /* Shielded: not told of the cancel, so it waits for ever; a second runtime never hears of it. */
  (void)strand_chan_recv(never_sent, &value, STRAND_FOREVER);
  count_up(&finished);
}
static void *end_with_a_hook_that_waits(void *arg) {
  CHECK_OK(strand_on_exit(wait_in_the_hook, NULL));
  return arg;
}

static void survivors_that_wait_are_abandoned_and_init_may_follow(void) {
  if (strcmp(STRAND_TEST_INSTRUMENT, "none") != 0) {
    return; /* what is abandoned is a leak, to an instrument */
  }
  for (int round = 0; round < 3; round += 1) {
    uint64_t parks;
    count_set(&spinning, 0);
    count_set(&finished, 0);
    start_runtime(2);
    never_sent = new_channel(sizeof(uint64_t), 0);
    parks = read_statistics().parks;
    spawn_named("waits-in-its-hook", end_with_a_hook_that_waits, NULL);
    await_parks(parks + 1);
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(20))));
    CHECK_LAST_ERROR_SAYS("waits-in-its-hook");
    /* On a busy machine its worker may not sleep yet, which the runtime does not go without: it is asked again. */
    strand_status status = STRAND_ERR_TIMEOUT;
    for (int attempt = 0; attempt < 3000 && status == STRAND_ERR_TIMEOUT; attempt += 1) {
      status = strand_scheduler_shutdown(strand_after(MILLISECONDS(20)));
    }
    CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, status);
    start_runtime(2);
    count_set(&let_go, 1);
    spawn(spin, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&finished), 1); /* the new one, not the abandoned */
    stop_runtime();
  }
}

int main(void) {
  CLAIM_IF(is_parallel(), shutdown_past_its_deadline_names_the_survivors,
           "a strand that calls nothing cannot be stepped past");
  CLAIM_IF(is_parallel(), a_runtime_that_is_shutting_down_refuses_spawns_as_cancelled,
           "a strand that calls nothing cannot be stepped past");
  CLAIM(init_after_a_late_shutdown_works);
  CLAIM_IF(is_parallel(), a_strand_that_ignores_cancel_is_a_survivor_too,
           "cancelled, its yields come back at once, and nothing steps past it");
  CLAIM(a_hook_that_goes_on_and_on_is_a_survivor_too);
  CLAIM(survivors_that_wait_are_abandoned_and_init_may_follow);
  return 0;
}
