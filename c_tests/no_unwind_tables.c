/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 needs=x86_64 */
/* test: cflags="-fno-exceptions -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer" */
/*
 * Code of other compilers has frames that nobody can unwind. Waiting, failing, being cancelled and being abandoned
 * beneath such frames must all work, because the library never unwinds. Besides the flags there is one frame in
 * assembly that is sure to have no description at all.
 */
#include "harness.h"

#if defined(__x86_64__)

void call_without_tables(void (*function)(void *), void *data);
__asm__(".text\n"
        ".globl call_without_tables\n"
        ".type call_without_tables, @function\n"
        "call_without_tables:\n"
        "  pushq %rbx\n"
        "  movq %rdi, %rbx\n"
        "  movq %rsi, %rdi\n"
        "  call *%rbx\n"
        "  popq %rbx\n"
        "  ret\n"
        ".size call_without_tables, .-call_without_tables\n");

static strand_chan channel;
static uint64_t ran;
static uint64_t hooks;
static uint64_t reached;

static void count_hook(void *data) {
  (void)data;
  count_up(&hooks);
}

static void wait_beneath(void *data) {
  uint64_t value = 0;
  CHECK_STATUS(*(strand_status *)data, strand_chan_recv(channel, &value, STRAND_FOREVER));
  count_up(&reached);
}
static void *wait_beneath_bare_frames(void *arg) {
  CHECK_OK(strand_on_exit(count_hook, NULL));
  call_without_tables(wait_beneath, arg);
  count_up(&ran);
  return NULL;
}

static void fail_beneath(void *data) {
  (void)data;
  CHECK_OK(strand_yield());
  strand_fail(STRAND_ERR_FAILED, "beneath bare frames", 19);
}
static void *fail_beneath_bare_frames(void *arg) {
  CHECK_OK(strand_on_exit(count_hook, NULL));
  call_without_tables(fail_beneath, arg);
  count_up(&ran); /* never */
  return NULL;
}

static void waiting_beneath_bare_frames_works(void) {
  strand_status expected = STRAND_OK;
  count_set(&ran, 0);
  start_runtime(2);
  channel = new_channel(sizeof(uint64_t), 0);
  for (int strand = 0; strand < 20; strand += 1) {
    spawn(wait_beneath_bare_frames, &expected);
  }
  for (uint64_t message = 0; message < 20; message += 1) {
    CHECK_OK(strand_chan_send(channel, &message, STRAND_FOREVER));
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 20);
  stop_runtime();
}

static void failing_beneath_bare_frames_works(void) {
  count_set(&ran, 0);
  count_set(&hooks, 0);
  start_runtime(2);
  for (int strand = 0; strand < 100; strand += 1) {
    spawn(fail_beneath_bare_frames, NULL);
  }
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("beneath bare frames");
  CHECK_EQUAL(count_read(&ran), 0);
  CHECK_EQUAL(count_read(&hooks), 100);
  stop_runtime();
}

static void being_cancelled_beneath_bare_frames_works(void) {
  strand_status expected = STRAND_ERR_CANCELLED;
  uint64_t parks;
  count_set(&ran, 0);
  count_set(&hooks, 0);
  start_runtime(2);
  parks = read_statistics().parks;
  channel = new_channel(sizeof(uint64_t), 0);
  for (int strand = 0; strand < 20; strand += 1) {
    spawn(wait_beneath_bare_frames, &expected);
  }
  await_parks(parks + 20);
  stop_runtime();
  CHECK_EQUAL(count_read(&ran), 20);
  CHECK_EQUAL(count_read(&hooks), 20);
}

int main(void) {
  CLAIM(waiting_beneath_bare_frames_works);
  CLAIM(failing_beneath_bare_frames_works);
  CLAIM(being_cancelled_beneath_bare_frames_works);
  return 0;
}

#else
int main(void) { SKIP("needs x86_64"); }
#endif
