/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 instruments=none */
/* The end of the process, in any way and at any moment, is the program's: no hang, no crash, its own exit status. */
#include "harness.h"

static uint64_t turns;

static void *yield_for_ever(void *arg) {
  while (strand_yield() == STRAND_OK) {
    count_up(&turns);
  }
  return arg;
}
static void *wait_for_ever(void *arg) {
  uint64_t value = 0;
  (void)strand_chan_recv(*(strand_chan *)arg, &value, STRAND_FOREVER);
  return NULL;
}

static strand_chan channel;

static void be_busy(void) {
  start_runtime(3);
  channel = new_channel(8, 0);
  for (int strand = 0; strand < 10; strand += 1) {
    spawn(yield_for_ever, NULL);
    spawn(wait_for_ever, &channel);
  }
  await_count(&turns, 1000);
}

static void leave_main_while_strands_are_busy(void) {
  be_busy();
  exit(5);
}

static void *end_the_process(void *arg) {
  CHECK_OK(strand_yield());
  exit((int)(uintptr_t)arg);
}
static void leave_from_a_strand(void) {
  be_busy();
  spawn(end_the_process, (void *)(uintptr_t)6);
  (void)strand_scheduler_run();
  _exit(99);
}

static void at_the_end(void) {
  fprintf(stderr, "the last words\n");
}
static void leave_with_a_handler_of_the_program(void) {
  CHECK_EQUAL(atexit(at_the_end), 0);
  be_busy();
  exit(7);
}

static void shut_down_at_exit(void) {
  CHECK_OK(strand_scheduler_shutdown(strand_after(SECONDS(20))));
}
static void shut_down_in_an_exit_handler(void) {
  CHECK_EQUAL(atexit(shut_down_at_exit), 0);
  be_busy();
  exit(8);
}

static void *run_in_a_thread(void *arg) {
  (void)strand_scheduler_run();
  return arg;
}
static void leave_while_threads_are_inside(void) {
  be_busy();
  start_thread(run_in_a_thread, NULL);
  start_thread(wait_for_ever, &channel);
  nap(MILLISECONDS(5));
  exit(9);
}

static void the_exit_status_is_that_of_the_program(void) {
  static void (*const ways[])(void) = {leave_main_while_strands_are_busy, leave_from_a_strand,
                                       leave_with_a_handler_of_the_program, shut_down_in_an_exit_handler,
                                       leave_while_threads_are_inside};
  for (int round = 0; round < 5; round += 1) {
    for (int way = 0; way < 5; way += 1) {
      child result;
      run_child(&result, ways[way]);
      CHECK_CHILD_EXITED(&result, 5 + way);
      if (way == 2) {
        CHECK_SAYS(result.text, "the last words");
      }
    }
  }
}

int main(void) {
  CLAIM(the_exit_status_is_that_of_the_program);
  return 0;
}
