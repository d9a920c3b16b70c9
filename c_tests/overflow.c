/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 instruments=none env="" env="STRAND_IDENTITY=tls" env="STRAND_GUARD=mprotect" */
/*
 * A stack overflow with a C main names the strand, its stack size and the remedy, then chains to the handler that
 * was there before. Other faults go to that handler untouched. Each case dies in a child, which is looked at.
 */
#include "harness.h"

#include <sys/mman.h>

enum { EARLIER_HANDLER = 42, EARLIER_HANDLER_WRONG = 43 };

static size_t stack_bytes;
static uint32_t worker_count;

static volatile uint64_t deepest = UINT64_MAX; /* never reached, which the compiler cannot know */

/* Small frames, so that no guard is stepped over; the result is used, so that no tail call is made. */
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

static void *yield_for_ever(void *arg) {
  (void)arg;
  while (strand_yield() == STRAND_OK) {
  }
  return NULL;
}

static void overflow_on_a_strand(void) {
  strand_spawn_options options = default_spawn("bottomless");
  start_runtime(worker_count);
  for (int strand = 0; strand < 10; strand += 1) {
    spawn(yield_for_ever, NULL); /* overflow is noticed amid others as well */
  }
  options.stack_bytes = stack_bytes;
  CHECK_OK(strand_spawn_with(&options, overflow, NULL, NULL));
  (void)strand_scheduler_run();
  fprintf(stderr, "the program went on after a stack overflow\n");
}

static void check_report(const child *result, const char *kilobytes, const char *bytes) {
  CHECK_SAYS(result->text, "overflow");
  CHECK_SAYS(result->text, "bottomless");
  CHECK_SAYS(result->text, "stack_bytes"); /* the remedy, by the name of the option */
  CHECK(strstr(result->text, kilobytes) != NULL || strstr(result->text, bytes) != NULL);
}

static void an_overflow_names_the_strand_its_size_and_the_remedy(void) {
  for (worker_count = 1; worker_count <= 2; worker_count += 1) {
    child result;
    stack_bytes = 0;
    run_child(&result, overflow_on_a_strand);
    CHECK_CHILD_CRASHED(&result);
    check_report(&result, "64 K", "65536");
  }
}

static void an_overflow_of_a_larger_stack_names_its_own_size(void) {
  child result;
  worker_count = 1;
  stack_bytes = 200 * 1024;
  run_child(&result, overflow_on_a_strand);
  CHECK_CHILD_CRASHED(&result);
  check_report(&result, "256 K", "262144");
}

/* Negative control: the same program with enough stack for a bounded recursion reports nothing. */
static void *recurse_within_bounds(void *arg) {
  volatile unsigned char frame[40 * 1024];
  frame[0] = 1;
  frame[sizeof frame - 1] = frame[0];
  return arg;
}
static void stay_within_the_stack(void) {
  start_runtime(1);
  spawn(recurse_within_bounds, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}
static void a_strand_that_stays_within_its_stack_reports_nothing(void) {
  child result;
  run_child(&result, stay_within_the_stack);
  CHECK_CHILD_EXITED(&result, 0);
  CHECK_EQUAL(result.text[0], 0);
}

/* --------------------------------------------------------------------------------- the handler before us */

static volatile uintptr_t expected_address;

static void say(const char *text) {
  const ssize_t written = write(2, text, strlen(text));
  (void)written;
}

static void earlier_handler(int number, siginfo_t *info, void *context) {
  if ((number != SIGSEGV && number != SIGBUS) || context == NULL ||
      (expected_address != 0 && (uintptr_t)info->si_addr != expected_address)) {
    _exit(EARLIER_HANDLER_WRONG);
  }
  say("earlier handler\n");
  _exit(EARLIER_HANDLER);
}

static void old_style_handler(int number) {
  (void)number;
  say("earlier handler\n");
  _exit(EARLIER_HANDLER);
}

static void install_earlier_handler(int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  if ((flags & SA_SIGINFO) != 0) {
    action.sa_sigaction = earlier_handler;
  } else {
    action.sa_handler = old_style_handler;
  }
  action.sa_flags = flags;
  CHECK_EQUAL(sigaction(SIGSEGV, &action, NULL), 0);
  CHECK_EQUAL(sigaction(SIGBUS, &action, NULL), 0);
}

static int handler_flags;

static void overflow_with_an_earlier_handler(void) {
  install_earlier_handler(handler_flags);
  overflow_on_a_strand();
}

static void an_overflow_is_reported_then_chains_to_the_earlier_handler(void) {
  static const int flags[] = {SA_SIGINFO | SA_ONSTACK, SA_SIGINFO, SA_ONSTACK, 0};
  worker_count = 1;
  stack_bytes = 0;
  for (size_t kind = 0; kind < sizeof flags / sizeof flags[0]; kind += 1) {
    child result;
    handler_flags = flags[kind];
    run_child(&result, overflow_with_an_earlier_handler);
    CHECK_CHILD_EXITED(&result, EARLIER_HANDLER);
    check_report(&result, "64 K", "65536");
    CHECK_SAYS(result.text, "earlier handler");
  }
}

static void *touch_the_forbidden(void *arg) {
  *(volatile int *)arg = 1;
  return NULL;
}

static void *forbidden_page(void) {
  void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  return page;
}

static void touch_on_a_strand_with_a_handler(void) {
  void *page = forbidden_page();
  install_earlier_handler(handler_flags);
  expected_address = (uintptr_t)page;
  start_runtime(1);
  spawn(touch_the_forbidden, page);
  (void)strand_scheduler_run();
}

static void a_plain_fault_on_a_strand_goes_to_the_earlier_handler(void) {
  static const int flags[] = {SA_SIGINFO | SA_ONSTACK, SA_SIGINFO, 0};
  for (size_t kind = 0; kind < sizeof flags / sizeof flags[0]; kind += 1) {
    child result;
    handler_flags = flags[kind];
    run_child(&result, touch_on_a_strand_with_a_handler);
    CHECK_CHILD_EXITED(&result, EARLIER_HANDLER);
    CHECK_SAYS(result.text, "earlier handler");
    CHECK(strstr(result.text, "overflow") == NULL);
  }
}

static void touch_on_the_main_thread_with_a_handler(void) {
  void *page = forbidden_page();
  install_earlier_handler(SA_SIGINFO | SA_ONSTACK);
  expected_address = (uintptr_t)page;
  start_runtime(1);
  spawn(yield_for_ever, NULL);
  touch_the_forbidden(page);
}

static void a_plain_fault_on_the_main_thread_goes_to_the_earlier_handler(void) {
  child result;
  run_child(&result, touch_on_the_main_thread_with_a_handler);
  CHECK_CHILD_EXITED(&result, EARLIER_HANDLER);
  CHECK(strstr(result.text, "overflow") == NULL);
}

static void touch_on_a_strand(void) {
  start_runtime(1);
  spawn(touch_the_forbidden, forbidden_page());
  (void)strand_scheduler_run();
}

static void a_plain_fault_without_any_handler_kills_as_ever(void) {
  child result;
  run_child(&result, touch_on_a_strand);
  CHECK(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGSEGV);
  CHECK(strstr(result.text, "overflow") == NULL);
}

/* A handler may fix what was wrong and return: the faulting instruction runs again. */
static void *volatile page_to_open;
static void opening_handler(int number) {
  (void)number;
  if (mprotect(page_to_open, 4096, PROT_READ | PROT_WRITE) != 0) {
    _exit(EARLIER_HANDLER_WRONG);
  }
}
static void touch_a_page_that_the_handler_opens(void) {
  struct sigaction action;
  page_to_open = forbidden_page();
  memset(&action, 0, sizeof action);
  action.sa_handler = opening_handler;
  CHECK_EQUAL(sigaction(SIGSEGV, &action, NULL), 0);
  start_runtime(1);
  spawn(touch_the_forbidden, page_to_open);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(*(volatile int *)page_to_open, 1);
  stop_runtime();
}

static void an_earlier_handler_may_mend_the_fault_and_return(void) {
  child result;
  run_child(&result, touch_a_page_that_the_handler_opens);
  CHECK_CHILD_EXITED(&result, 0);
}

int main(void) {
  CLAIM(an_overflow_names_the_strand_its_size_and_the_remedy);
  CLAIM(an_overflow_of_a_larger_stack_names_its_own_size);
  CLAIM(a_strand_that_stays_within_its_stack_reports_nothing);
  CLAIM(an_overflow_is_reported_then_chains_to_the_earlier_handler);
  CLAIM(a_plain_fault_on_a_strand_goes_to_the_earlier_handler);
  CLAIM(a_plain_fault_on_the_main_thread_goes_to_the_earlier_handler);
  CLAIM(a_plain_fault_without_any_handler_kills_as_ever);
  CLAIM(an_earlier_handler_may_mend_the_fault_and_return);
  return 0;
}
