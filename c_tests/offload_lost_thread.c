/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static opt=O2 instruments=none engines=parallel engines-why="two strands at once, one of them inside pthread_create" */
/* The one thread that two calls count on cannot be started: neither call is lost. */
#include "harness.h"

#include <dlfcn.h>

static uint64_t fails_for; /* a strand: where others start a thread, workers too, it is the system's */
static uint64_t inside;
static uint64_t ran, expected;

/* The system's, but the one that this strand starts fails, after a while in which others may come to count on it. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *arg) {
  static int (*of_system)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (of_system == NULL) {
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&of_system, &found, sizeof of_system);
  }
  if (count_read(&fails_for) != 0 && strand_self() == count_read(&fails_for)) {
    count_set(&fails_for, 0);
    count_up(&inside);
    nap(MILLISECONDS(200));
    return EAGAIN;
  }
  return of_system(thread, attributes, function, arg);
}

static void *call(void *arg) {
  count_up(&ran);
  return arg;
}

/* Unless the other one, which is sent back first, has got a thread by the time that this one is told. */
static void *is_refused(void *arg) {
  count_set(&fails_for, strand_self());
  const strand_status status = strand_offload(call, NULL, STRAND_FOREVER, NULL);
  CHECK(status == STRAND_ERR_LIMIT || status == STRAND_OK);
  count_add(&expected, status == STRAND_OK);
  return arg;
}

static void *counts_on_the_same(void *arg) {
  void *result = NULL;
  while (count_read(&inside) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_offload(call, arg, strand_after(SECONDS(20)), &result));
  count_up(&expected);
  CHECK(result == arg);
  return NULL;
}

static void compute(void) {
  for (volatile int turn = 0; turn < 20000000; turn += 1) {
  }
}
static void *keep_a_worker_busy(void *arg) {
  compute();
  return arg;
}

static void a_call_that_counted_on_a_thread_that_never_came_is_made_by_another(void) {
  static int one;
  start_runtime(2);
  for (int strand = 0; strand < 4; strand += 1) {
    spawn(keep_a_worker_busy, NULL); /* both workers are there */
  }
  CHECK_OK(strand_scheduler_run());
  spawn(counts_on_the_same, &one);
  nap(MILLISECONDS(20));
  spawn(is_refused, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&inside), 1);
  CHECK_EQUAL(count_read(&ran), count_read(&expected));
  stop_runtime();
}

int main(void) {
  CLAIM(a_call_that_counted_on_a_thread_that_never_came_is_made_by_another);
  return 0;
}
