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

int main(void) {
  CLAIM(shutdown_past_its_deadline_names_the_survivors);
  CLAIM(a_runtime_that_is_shutting_down_refuses_spawns_as_cancelled);
  CLAIM(init_after_a_late_shutdown_works);
  CLAIM(a_strand_that_ignores_cancel_is_a_survivor_too);
  return 0;
}
