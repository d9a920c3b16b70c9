/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O2 instruments=none engines=parallel engines-why="the system refuses threads, which the stepped engine does not wait for" */
/* The system has no further thread: silent pipes leave those of the pool that there are to others. */
#include "ingest.h"

#include <dlfcn.h>

static uint64_t refuses;
static uint64_t refused;

/* The system's, until it refuses. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *arg) {
  static int (*of_system)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (of_system == NULL) {
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&of_system, &found, sizeof of_system);
  }
  if (count_read(&refuses) != 0) {
    count_up(&refused);
    return EAGAIN;
  }
  return of_system(thread, attributes, function, arg);
}

static void visit(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)items;
  (void)count;
  (void)data;
}

static uint64_t calls_made;
static void *call(void *arg) {
  count_up(&calls_made);
  return arg;
}
static void *offload_a_call(void *arg) {
  void *result = NULL;
  CHECK_OK(strand_offload(call, arg, strand_after(SECONDS(30)), &result));
  return arg;
}
static void compute(void) {
  for (volatile int turn = 0; turn < 20000000; turn += 1) {
  }
}
static void *keep_a_worker_busy(void *arg) {
  compute();
  return arg;
}

static void where_no_thread_can_be_had_a_silent_pipe_leaves_its_own_to_others(void) {
  const strand_config config = default_config(2);
  strand_program_options made = native(visit, STRAND_FIELD_PARAM);
  strand_program program = 0;
  strand_worklist list = 0;
  strand_ticket first = 0, second = 0;
  const uint32_t record = 7;
  start_runtime_and_stay(&config);
  CHECK_OK(strand_program_new(device, &made, &program));
  CHECK_OK(strand_worklist_new(program, NULL, &list));
  for (int strand = 0; strand < 4; strand += 1) {
    spawn(keep_a_worker_busy, NULL); /* both workers are there */
  }
  CHECK_OK(strand_scheduler_run());
  const pipe_ends one = new_pipe(), other = new_pipe();
  CHECK_OK(strand_worklist_ingest(list, one.out, NULL, &first));
  write_all(one.into, &record, 4);
  AWAIT(worklist_statistics(list).pushed == 1); /* its thread is there */
  count_set(&refuses, 1);
  CHECK_OK(strand_worklist_ingest(list, other.out, NULL, &second));
  for (int i = 0; i < 3; i += 1) {
    CHECK_OK(strand_join(spawn(offload_a_call, NULL), STRAND_FOREVER));
  }
  CHECK_EQUAL(count_read(&calls_made), 3);
  CHECK_NUMBERS(count_read(&refused), >, 0);
  write_all(other.into, &record, 4);
  AWAIT(worklist_statistics(list).pushed == 2);
  CHECK(is_pending(first) && is_pending(second));
  CHECK_OK(strand_worklist_close(list));
  CHECK_STATUS(STRAND_ERR_CLOSED, await_and_release(first));
  CHECK_STATUS(STRAND_ERR_CLOSED, await_and_release(second));
  count_set(&refuses, 0);
  stop_runtime();
}

int main(void) {
  CLAIM(where_no_thread_can_be_had_a_silent_pipe_leaves_its_own_to_others);
  return 0;
}
