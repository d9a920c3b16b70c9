/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" env="STRAND_GUARD=mprotect" schedules=yes */
/* A fault ends its strand and nothing else, is never silent, and is reported once. */
#include "harness.h"

static uint64_t ran;

static void fail_here(const char *message) { strand_fail(STRAND_ERR_FAILED, message, strlen(message)); }

static void (*volatile fail_through)(const char *) = fail_here; /* the compiler cannot know that it ends here */

static void *fail_at_once(void *arg) {
  fail_here(arg != NULL ? (const char *)arg : "no reason given");
  count_up(&ran); /* never reached */
  return NULL;
}

static void *yield_and_count(void *arg) {
  (void)arg;
  for (int turn = 0; turn < 50; turn += 1) {
    CHECK_OK(strand_yield());
  }
  count_up(&ran);
  return NULL;
}

static void a_failing_strand_ends_alone_and_the_run_says_so_once(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    strand_id failing;
    count_set(&ran, 0);
    start_runtime(workers);
    for (int strand = 0; strand < 20; strand += 1) {
      spawn(yield_and_count, NULL);
    }
    failing = spawn_named("bad-apple", fail_at_once, (void *)(uintptr_t) "the ledger does not balance");
    for (int strand = 0; strand < 20; strand += 1) {
      spawn(yield_and_count, NULL);
    }
    CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
    CHECK_LAST_ERROR_SAYS("bad-apple");
    CHECK_LAST_ERROR_SAYS("the ledger does not balance");
    CHECK_EQUAL(count_read(&ran), 40);
    CHECK_EQUAL(read_statistics().faults, 1);
    CHECK_OK(strand_join(failing, STRAND_FOREVER)); /* ended, however it ended */
    CHECK_OK(strand_scheduler_run());               /* reported once */
    stop_runtime();
  }
}

static void every_one_of_many_faults_is_counted(void) {
  count_set(&ran, 0);
  start_runtime(2);
  for (int strand = 0; strand < 137; strand += 1) {
    spawn(fail_at_once, NULL);
    spawn(yield_and_count, NULL);
  }
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("136 other"); /* the first one and how many more */
  CHECK_EQUAL(read_statistics().faults, 137);
  CHECK_EQUAL(read_statistics().live, 0);
  CHECK_EQUAL(count_read(&ran), 137);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *fail_deep_inside(void *arg) {
  volatile char frame[2048];
  const uintptr_t depth = (uintptr_t)arg;
  frame[0] = (char)depth;
  frame[sizeof frame - 1] = frame[0];
  if (depth == 0) {
    CHECK_OK(strand_yield());
    fail_through("deep inside");
    return NULL;
  }
  fail_deep_inside((void *)(depth - 1));
  return (void *)(uintptr_t)frame[0];
}

/* Ten thousand failing strands need no more stacks than the first hundred: each stack is used again. */
static void the_stack_of_a_failing_strand_is_used_again(void) {
  uint64_t mapped;
  start_runtime(1);
  for (int strand = 0; strand < 100; strand += 1) {
    spawn(fail_deep_inside, (void *)(uintptr_t)10);
    CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  }
  mapped = read_statistics().stacks_mapped;
  for (int strand = 0; strand < 10000; strand += 1) {
    spawn(fail_deep_inside, (void *)(uintptr_t)10);
    CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  }
  CHECK_NUMBERS(read_statistics().stacks_mapped, <=, mapped);
  stop_runtime();
}

static strand_chan gate;
static void *fail_while_others_wait(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  fail_here("after the gate");
  return NULL;
}
static void *join_then_count(void *arg) {
  CHECK_OK(strand_join(*(strand_id *)arg, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void those_who_join_a_failing_strand_are_woken(void) {
  strand_id target;
  count_set(&ran, 0);
  start_runtime(2);
  gate = new_channel(0, 0);
  target = spawn(fail_while_others_wait, NULL);
  for (int joiner = 0; joiner < 20; joiner += 1) {
    spawn(join_then_count, &target);
  }
  CHECK_OK(strand_chan_close(gate));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 20);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static void *fail_with_a_long_message(void *arg) {
  static char message[100000];
  (void)arg;
  memset(message, 'm', sizeof message);
  strand_fail(STRAND_ERR_LIMIT, message, sizeof message);
  return NULL;
}
static void *fail_without_a_message(void *arg) {
  (void)arg;
  strand_fail(STRAND_ERR_LIMIT, NULL, 0);
  return NULL;
}

static void a_long_or_missing_message_is_no_trouble(void) {
  start_runtime(1);
  spawn(fail_with_a_long_message, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("mmm");
  spawn_named("speechless", fail_without_a_message, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("speechless");
  stop_runtime();
}

static void hook_that_fails(void *data) {
  (void)data;
  fail_here("in the exit hook");
}
static void hook_that_counts(void *data) {
  (void)data;
  count_up(&ran);
}
static void *leave_through_a_failing_hook(void *arg) {
  (void)arg;
  CHECK_OK(strand_on_exit(hook_that_counts, NULL));
  CHECK_OK(strand_on_exit(hook_that_fails, NULL));
  return NULL;
}

static void a_fault_inside_an_exit_hook_still_runs_the_others(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(leave_through_a_failing_hook, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_EQUAL(read_statistics().live, 0);
  stop_runtime();
}

static void wait_all_leaves_the_report_to_run(void) {
  start_runtime(1);
  spawn(fail_at_once, NULL);
  CHECK_OK(strand_wait_all(STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* ---------------------------------------------------------------------------------- the ways that abort */

static void run_a_fault_under_abort(void) {
  strand_config config = default_config(1);
  config.fault_policy = STRAND_FAULT_ABORT;
  CHECK_OK(strand_scheduler_init(&config));
  spawn_named("last-straw", fail_at_once, (void *)(uintptr_t) "broken beyond repair");
  (void)strand_scheduler_run();
}

static void the_abort_policy_names_the_strand_and_aborts(void) {
  child result;
  run_child(&result, run_a_fault_under_abort);
  CHECK(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
  CHECK_SAYS(result.text, "last-straw");
  CHECK_SAYS(result.text, "broken beyond repair");
}

static void say_it(const char *message, size_t length, void *data) {
  fprintf(stderr, "fatal hook %s: %.*s\n", (const char *)data, (int)length, message);
}

static void fail_off_a_strand(void) {
  strand_language_hooks hooks;
  strand_config config = default_config(1);
  static char name[] = "of the language";
  memset(&hooks, 0, sizeof hooks);
  hooks.size = (uint32_t)sizeof hooks;
  hooks.data = name;
  hooks.fatal = say_it;
  config.hooks = &hooks;
  CHECK_OK(strand_scheduler_init(&config));
  fail_here("no strand here");
  fprintf(stderr, "strand_fail returned\n");
}

static void strand_fail_off_a_strand_calls_the_fatal_hook_and_aborts(void) {
  child result;
  run_child(&result, fail_off_a_strand);
  CHECK(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
  CHECK_SAYS(result.text, "fatal hook of the language");
  CHECK_SAYS(result.text, "no strand here");
  CHECK(strstr(result.text, "returned") == NULL);
}

int main(void) {
  CLAIM(the_abort_policy_names_the_strand_and_aborts); /* children first: before any init here */
  CLAIM(strand_fail_off_a_strand_calls_the_fatal_hook_and_aborts);
  CLAIM(a_failing_strand_ends_alone_and_the_run_says_so_once);
  CLAIM(every_one_of_many_faults_is_counted);
  CLAIM_IF(workers_there(1) == 1, the_stack_of_a_failing_strand_is_used_again,
           "each worker keeps some stacks of its own");
  CLAIM(those_who_join_a_failing_strand_are_woken);
  CLAIM(a_long_or_missing_message_is_no_trouble);
  CLAIM(a_fault_inside_an_exit_hook_still_runs_the_others);
  CLAIM(wait_all_leaves_the_report_to_run);
  return 0;
}
