/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 instruments=none */
/* test: engines=none engines-why="it needs the stepped engine and chooses it itself" */
/*
 * Where exploration and the stepped engine could go wrong without a word: a program that ignores its children, that
 * initialises twice, that explores inside an exploration; strands that look at no status, that are held, that a reset
 * spawns; a callback that sleeps; equal deadlines.
 */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void start_stepped(void) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  CHECK_OK(strand_scheduler_init(&config));
}

static void *nothing(void *unused) {
  (void)unused;
  strand_yield();
  return NULL;
}

/* The exit status of `program`, run in a process of its own under exploration. */
static int explored(int (*program)(void)) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("STRAND_EXPLORE", "random:runs=3,jobs=1", 1);
    dup2(open("/dev/null", O_WRONLY), 2);
    alarm(60);
    _exit(program());
  }
  int status = 0;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_and_end_with(int status) {
  CHECK_OK(strand_scheduler_init(NULL));
  CHECK_OK(strand_spawn(nothing, NULL, NULL));
  CHECK_OK(strand_scheduler_run());
  return status;
}
static void take_all(int signal) {
  (void)signal;
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}
static int ignores_and_fails(void) { signal(SIGCHLD, SIG_IGN); return run_and_end_with(3); }
static int takes_and_fails(void) { signal(SIGCHLD, take_all); return run_and_end_with(3); }
static int ignores_and_passes(void) { signal(SIGCHLD, SIG_IGN); return run_and_end_with(0); }

static void a_failure_is_found_whatever_the_program_does_about_its_children(void) {
  CHECK_EQUAL(explored(ignores_and_passes), 0); /* control */
  CHECK_EQUAL(explored(ignores_and_fails), 1);
  CHECK_EQUAL(explored(takes_and_fails), 1);
}

static int lives_counted_in = -1;
static int three_lives(void) {
  for (int life = 0; life < 3; life += 1) {
    CHECK_OK(strand_scheduler_init(NULL));
    if (write(lives_counted_in, "x", 1) != 1) return 2;
    CHECK_OK(strand_spawn(nothing, NULL, NULL));
    CHECK_OK(strand_spawn(nothing, NULL, NULL));
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
  }
  return 0;
}
static void a_program_that_initialises_again_is_one_schedule(void) {
  int ends[2];
  char marks[256];
  CHECK_EQUAL(pipe(ends), 0);
  lives_counted_in = ends[1];
  CHECK_EQUAL(explored(three_lives), 0);
  CHECK_EQUAL(read(ends[0], marks, sizeof marks), 9); /* three schedules of three lives */
}

static void *fails_late(void *unused) {
  (void)unused;
  strand_yield();
  strand_assert(0, "late");
  return NULL;
}
static int explores_inside(void) {
  CHECK_OK(strand_scheduler_init(NULL));
  strand_explore(NULL, nothing, NULL, NULL);
  CHECK_OK(strand_spawn(fails_late, NULL, NULL));
  strand_scheduler_run();
  return 0;
}
static int is_refused_inside(void) {
  CHECK_OK(strand_scheduler_init(NULL));
  return strand_explore(NULL, nothing, NULL, NULL) == STRAND_ERR_BUSY ? 0 : 7;
}
static void an_exploration_inside_an_exploration_is_refused_and_hides_nothing(void) {
  CHECK_EQUAL(explored(explores_inside), 1);
  CHECK_EQUAL(explored(is_refused_inside), 0);
}

static int flag;
static void *looks_at_no_status(void *unused) {
  (void)unused;
  while (!flag) strand_yield();
  return NULL;
}
static void *one_fails_beside_one_that_looks_at_no_status(void *unused) {
  (void)unused;
  strand_spawn(looks_at_no_status, NULL, NULL);
  strand_spawn(fails_late, NULL, NULL);
  return NULL;
}
static void a_strand_that_looks_at_no_status_is_no_hang(void) {
  start_stepped();
  flag = 0;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_explore(NULL, one_fails_beside_one_that_looks_at_no_status, NULL, NULL));
  CHECK_STATUS(STRAND_ERR_BUSY, strand_explore(NULL, nothing, NULL, NULL)); /* it is still there */
  flag = 1;
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_explore(NULL, nothing, NULL, NULL));
  CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
}

static void *holds_itself(void *unused) {
  (void)unused;
  strand_pause(strand_self());
  strand_yield();
  return NULL;
}
static void a_schedule_whose_strands_are_held_for_ever_fails(void) {
  start_stepped();
  CHECK_STATUS(STRAND_ERR_FAILED, strand_explore(NULL, holds_itself, NULL, NULL));
  CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
}

static void spawns(void *unused) {
  (void)unused;
  strand_spawn(nothing, NULL, NULL);
}
static void a_reset_that_spawns_is_refused_and_its_strand_goes_on(void) {
  start_stepped();
  const strand_explore_options options = {.size = sizeof options, .reset = spawns};
  CHECK_STATUS(STRAND_ERR_INVALID, strand_explore(&options, nothing, NULL, NULL));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
}

static int slept;
static void sleeps(void *element, size_t size, void *unused) {
  (void)element, (void)size, (void)unused;
  slept += strand_sleep(1000000) == STRAND_OK;
}
static void a_callback_of_an_os_thread_may_sleep(void) {
  start_stepped();
  const strand_chan_options options = {.size = sizeof options, .element_size = sizeof(int), .capacity = 1, .drop = sleeps};
  strand_chan chan = 0;
  CHECK_OK(strand_chan_new_with(&options, &chan));
  CHECK_OK(strand_chan_send(chan, &slept, STRAND_NO_WAIT));
  CHECK_OK(strand_chan_release(chan));
  CHECK_EQUAL(slept, 1);
  CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
}

static int64_t together;
static int woken[40], woken_count;
static void *parks_until_then(void *number) {
  strand_park_token token = 0;
  CHECK_OK(strand_park_begin(&token));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_park(token, together, NULL));
  woken[woken_count] = (int)(intptr_t)number;
  woken_count += 1;
  return NULL;
}
static void equal_deadlines_come_in_the_order_of_the_waits(void) {
  start_stepped();
  together = strand_after(1000000);
  for (int number = 0; number < 40; number += 1) CHECK_OK(strand_spawn(parks_until_then, (void *)(intptr_t)number, NULL));
  CHECK_OK(strand_scheduler_run());
  for (int number = 0; number < 40; number += 1) CHECK_EQUAL(woken[number], number);
  CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
}

int main(void) {
  CLAIM(a_failure_is_found_whatever_the_program_does_about_its_children);
  CLAIM(a_program_that_initialises_again_is_one_schedule);
  CLAIM(an_exploration_inside_an_exploration_is_refused_and_hides_nothing);
  CLAIM(a_strand_that_looks_at_no_status_is_no_hang);
  CLAIM(a_schedule_whose_strands_are_held_for_ever_fails);
  CLAIM(a_reset_that_spawns_is_refused_and_its_strand_goes_on);
  CLAIM(a_callback_of_an_os_thread_may_sleep);
  CLAIM(equal_deadlines_come_in_the_order_of_the_waits);
  return 0;
}
