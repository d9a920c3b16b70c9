/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 */
/* Signals: none of the program's reach a worker, and a storm of them breaks no wait of an OS thread. */
#include "harness.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/time.h>

static uint64_t arrived;
static uint64_t arrived_elsewhere;
static pid_t main_thread;

static void count_signal(int number) {
  (void)number;
  count_up(&arrived);
  if ((pid_t)syscall(SYS_gettid) != main_thread) {
    count_up(&arrived_elsewhere);
  }
}

static void handle(int number) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = count_signal; /* no SA_RESTART: every system call is interrupted */
  CHECK_EQUAL(sigaction(number, &action, NULL), 0);
}

static uint64_t stop;
static uint64_t turns;
static void *yield_until_stopped(void *arg) {
  (void)arg;
  while (count_read(&stop) == 0) {
    CHECK_OK(strand_yield());
    count_up(&turns);
  }
  return NULL;
}
static void *spin_until_stopped(void *arg) {
  (void)arg;
  while (count_read(&stop) == 0) {
    count_up(&turns);
  }
  return NULL;
}

static void signals_of_the_process_never_reach_a_worker(void) {
  sigset_t blocked;
  count_set(&stop, 0);
  count_set(&turns, 0);
  count_set(&arrived, 0);
  handle(SIGUSR1);
  start_runtime(3);
  spawn(yield_until_stopped, NULL);
  spawn(spin_until_stopped, NULL);
  await_count(&turns, 1000);
  CHECK_EQUAL(sigemptyset(&blocked), 0);
  CHECK_EQUAL(sigaddset(&blocked, SIGUSR1), 0);
  for (int signal = 0; signal < 200; signal += 1) {
    /* Blocked here for a moment: if any thread of the library would take it, it would go there. */
    CHECK_EQUAL(pthread_sigmask(SIG_BLOCK, &blocked, NULL), 0);
    CHECK_EQUAL(kill(getpid(), SIGUSR1), 0);
    sched_yield();
    CHECK_EQUAL(pthread_sigmask(SIG_UNBLOCK, &blocked, NULL), 0);
  }
  count_set(&stop, 1);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&arrived), 200);
  CHECK_EQUAL(count_read(&arrived_elsewhere), 0);
  stop_runtime();
}

static strand_chan request;
static strand_chan answer;
static void *echo_slowly(void *arg) {
  uint64_t value = 0;
  (void)arg;
  while (strand_chan_recv(request, &value, STRAND_FOREVER) == STRAND_OK) {
    CHECK_OK(strand_sleep(200000));
    CHECK_OK(strand_chan_send(answer, &value, STRAND_FOREVER));
  }
  return NULL;
}
static void *sleep_a_little(void *arg) {
  CHECK_OK(strand_sleep(MILLISECONDS(3)));
  return arg;
}

static void interrupted_waits_of_a_thread_go_on(void) {
  struct itimerval often;
  struct itimerval never;
  const int64_t tick = 300;
  count_set(&arrived, 0);
  memset(&never, 0, sizeof never);
  memset(&often, 0, sizeof often);
  often.it_interval.tv_usec = tick;
  often.it_value.tv_usec = tick;
  handle(SIGALRM);
  start_runtime(2);
  request = new_channel(sizeof(uint64_t), 0);
  answer = new_channel(sizeof(uint64_t), 0);
  spawn(echo_slowly, NULL);
  CHECK_EQUAL(setitimer(ITIMER_REAL, &often, NULL), 0);
  for (uint64_t message = 0; message < 200 || count_read(&arrived) <= 10; message += 1) {
    uint64_t value = 0;
    CHECK_OK(strand_chan_send(request, &message, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(answer, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, message);
  }
  for (int round = 0; round < 20; round += 1) {
    const int64_t deadline = strand_after(MILLISECONDS(2));
    uint64_t value = 0;
    CHECK_OK(strand_join(spawn(sleep_a_little, NULL), STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(answer, &value, deadline));
    CHECK_NUMBERS(strand_now(), >=, deadline); /* not a moment before, however often it was interrupted */
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
  CHECK_OK(strand_chan_close(request));
  CHECK_OK(strand_scheduler_run());
  stop_runtime(); /* interrupted as well */
  CHECK_EQUAL(setitimer(ITIMER_REAL, &never, NULL), 0);
  CHECK_NUMBERS(count_read(&arrived), >, 10);
}

int main(void) {
  main_thread = (pid_t)syscall(SYS_gettid);
  CLAIM_IF(is_parallel(), signals_of_the_process_never_reach_a_worker,
           "the thread that drives is the only worker");
  CLAIM(interrupted_waits_of_a_thread_go_on);
  return 0;
}
