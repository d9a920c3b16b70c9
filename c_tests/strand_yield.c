/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 alone=yes */
/* Taking turns: yield, checkpoint and sleep are fair, shown by counters. */
#include "harness.h"

enum { STRANDS = 10, TURNS = 2000 };

static uint64_t turns[STRANDS];
static uint64_t all_started;
static uint64_t widest;

static void *take_turns(void *arg) {
  uint64_t *mine = arg;
  count_up(&all_started);
  while (count_read(&all_started) < STRANDS) {
    CHECK_OK(strand_yield());
  }
  for (int turn = 0; turn < TURNS; turn += 1) {
    count_up(mine);
    for (int other = 0; other < STRANDS; other += 1) {
      const uint64_t theirs = count_read(&turns[other]);
      const uint64_t gap = *mine > theirs ? *mine - theirs : 0;
      widest = gap > widest ? gap : widest; /* one worker: nobody else is here */
    }
    CHECK_OK(strand_yield());
  }
  return NULL;
}

/* Ten strands on one worker: none is ever more than a few turns ahead of another. */
static void yield_gives_everybody_a_turn(void) {
  memset(turns, 0, sizeof turns);
  count_set(&all_started, 0);
  widest = 0;
  start_runtime(1);
  for (int strand = 0; strand < STRANDS; strand += 1) {
    spawn(take_turns, &turns[strand]);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_NUMBERS(widest, <=, 4);
  CHECK_NUMBERS(read_statistics().yields, >=, STRANDS * TURNS);
  stop_runtime();
}

static uint64_t flag;
static uint64_t turns_after_spawn;

static void *raise_flag(void *arg) {
  (void)arg;
  count_set(&flag, 1);
  return NULL;
}

static void *spawn_and_yield_until_the_flag(void *arg) {
  (void)arg;
  spawn(raise_flag, NULL);
  while (count_read(&flag) == 0) {
    CHECK_OK(strand_yield());
    turns_after_spawn += 1;
  }
  return NULL;
}

static void a_strand_spawned_by_a_yielding_strand_runs_within_a_few_turns(void) {
  for (int round = 0; round < 100; round += 1) {
    count_set(&flag, 0);
    turns_after_spawn = 0;
    start_runtime(1);
    spawn(spawn_and_yield_until_the_flag, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_NUMBERS(turns_after_spawn, <=, 64);
    stop_runtime();
  }
}

static void *checkpoint_until_the_flag(void *arg) {
  (void)arg;
  while (count_read(&flag) == 0) {
    if (strand_poll_word != 0) {
      CHECK_OK(strand_checkpoint());
    }
  }
  return NULL;
}

/* One worker and a loop that only loads the poll word: the ticker raises it, the checkpoint gives way. */
static void a_loop_with_inline_checkpoints_lets_others_run_on_one_worker(void) {
  count_set(&flag, 0);
  start_runtime(1);
  for (int spinner = 0; spinner < 4; spinner += 1) {
    spawn(checkpoint_until_the_flag, NULL);
  }
  spawn(raise_flag, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *call_checkpoint_until_the_flag(void *arg) {
  (void)arg;
  while (count_read(&flag) == 0) {
    CHECK_OK(strand_checkpoint());
  }
  return NULL;
}

static strand_chan request;
static strand_chan answer;

static void *echo(void *arg) {
  uint64_t value = 0;
  (void)arg;
  while (strand_chan_recv(request, &value, STRAND_FOREVER) == STRAND_OK) {
    CHECK_OK(strand_chan_send(answer, &value, STRAND_FOREVER));
  }
  return NULL;
}

static void *ask_then_raise(void *arg) {
  (void)arg;
  for (uint64_t message = 0; message < 200; message += 1) {
    uint64_t value = 0;
    CHECK_OK(strand_chan_send(request, &message, STRAND_FOREVER));
    CHECK_OK(strand_chan_recv(answer, &value, STRAND_FOREVER));
    CHECK_EQUAL(value, message);
  }
  CHECK_OK(strand_chan_close(request));
  count_set(&flag, 1);
  return NULL;
}

static void four_spinners_and_an_echo_pair_on_two_workers_finish(void) {
  count_set(&flag, 0);
  start_runtime(2);
  request = new_channel(sizeof(uint64_t), 0);
  answer = new_channel(sizeof(uint64_t), 0);
  for (int spinner = 0; spinner < 4; spinner += 1) {
    spawn(call_checkpoint_until_the_flag, NULL);
  }
  spawn(echo, NULL);
  spawn(ask_then_raise, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(request));
  CHECK_OK(strand_chan_release(answer));
  stop_runtime();
}

static uint64_t woken;
static uint64_t order[8];

typedef struct nap_of {
  uint64_t rank;
  int64_t nanoseconds;
} nap_of;

static void *sleep_and_sign(void *arg) {
  const nap_of *mine = arg;
  const int64_t start = strand_now();
  CHECK_OK(strand_sleep(mine->nanoseconds));
  CHECK_NUMBERS(strand_now(), >=, start + mine->nanoseconds); /* never early */
  order[count_up(&woken) - 1] = mine->rank;
  return NULL;
}

/* How many of five sleepers were not in their order, whose deadlines lie so far apart. */
static int out_of_order(int64_t apart) {
  static const uint64_t ranks[5] = {3, 0, 4, 1, 2};
  static nap_of naps[5];
  int wrong = 0;
  count_set(&woken, 0);
  start_runtime(1);
  for (int sleeper = 0; sleeper < 5; sleeper += 1) {
    naps[sleeper] = (nap_of){ranks[sleeper], ((int64_t)ranks[sleeper] + 1) * apart};
    spawn(sleep_and_sign, &naps[sleeper]);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&woken), 5);
  for (uint64_t rank = 0; rank < 5; rank += 1) {
    wrong += order[rank] != rank;
  }
  stop_runtime();
  return wrong;
}
/* On a busy machine one may come to its sleep, or out of it, much later than another. */
static void sleepers_wake_in_the_order_of_their_deadlines(void) {
  int64_t apart = MILLISECONDS(40);
  while (out_of_order(apart) != 0) {
    CHECK(!is_virtual());
    CHECK_NUMBERS(apart, <, SECONDS(1));
    apart *= 2;
  }
}

static void *sleep_briefly(void *arg) {
  (void)arg;
  CHECK_OK(strand_sleep(0));
  CHECK_OK(strand_sleep(-5));
  CHECK_OK(strand_sleep(1));
  CHECK_OK(strand_sleep(MILLISECONDS(1)));
  count_up(&woken);
  return NULL;
}

static void thousands_of_sleepers_all_wake(void) {
  count_set(&woken, 0);
  start_runtime(2);
  for (int sleeper = 0; sleeper < 5000; sleeper += 1) {
    spawn(sleep_briefly, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&woken), 5000);
  stop_runtime();
}

static void an_os_thread_may_sleep_too(void) {
  int64_t start;
  start_runtime(1);
  start = strand_now();
  CHECK_OK(strand_sleep(MILLISECONDS(5)));
  CHECK_NUMBERS(strand_now(), >=, start + MILLISECONDS(5));
  stop_runtime();
}

static void deadlines_are_saturating_and_never_the_special_values(void) {
  CHECK_NUMBERS(strand_now(), >, 0); /* before init: the monotonic clock */
  start_runtime(1);
  CHECK_NUMBERS(strand_now(), >=, SECONDS(1));
  CHECK_NUMBERS(strand_after(INT64_MAX), >, strand_now());
  CHECK_NUMBERS(strand_after(INT64_MIN), >=, SECONDS(1));
  CHECK_NUMBERS(strand_after(-1), >=, SECONDS(1));
  CHECK_NUMBERS(strand_after(0), >=, SECONDS(1));
  const int64_t now = strand_now();
  CHECK_NUMBERS(strand_after(SECONDS(5)), >=, now + SECONDS(5));
  stop_runtime();
}

/* Whether half a second went by in which no worker was woken, no strand ran and next to no processor was used. */
static int rested_for_half_a_second(void) {
  struct timespec before;
  struct timespec after;
  const strand_statistics first = read_statistics();
  CHECK_EQUAL(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before), 0);
  nap(MILLISECONDS(500));
  CHECK_EQUAL(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
  const strand_statistics second = read_statistics();
  const int64_t used = (after.tv_sec - before.tv_sec) * SECONDS(1) + (after.tv_nsec - before.tv_nsec);
  printf("idle: %" PRIu64 " wakes, %" PRIu64 " switches, %" PRId64 " us\n", second.worker_wakes - first.worker_wakes,
         second.switches - first.switches, used / 1000);
  return second.worker_wakes == first.worker_wakes && second.switches == first.switches && used < MILLISECONDS(100);
}

/* An idle process uses no processor: its threads sleep in the kernel and nobody wakes them, once the last searcher lies down. */
static void an_idle_runtime_is_not_woken(void) {
  int tries = 1;
  start_runtime(4);
  spawn(raise_flag, NULL);
  CHECK_OK(strand_scheduler_run());
  nap(MILLISECONDS(50));
  while (!rested_for_half_a_second()) {
    CHECK_NUMBERS(tries, <, 8);
    tries += 1;
  }
  stop_runtime();
}

int main(void) {
  CLAIM_IF(takes_turns() && workers_there(1) == 1, yield_gives_everybody_a_turn,
           "about one worker and strands that are not drawn by lot");
  CLAIM_IF(!is_policy("pct") && workers_there(1) == 1, a_strand_spawned_by_a_yielding_strand_runs_within_a_few_turns,
           "about one worker; under pct a strand may wait until the others are demoted");
  CLAIM(a_loop_with_inline_checkpoints_lets_others_run_on_one_worker);
  CLAIM(four_spinners_and_an_echo_pair_on_two_workers_finish);
  CLAIM(sleepers_wake_in_the_order_of_their_deadlines);
  CLAIM(thousands_of_sleepers_all_wake);
  CLAIM(an_os_thread_may_sleep_too);
  CLAIM(deadlines_are_saturating_and_never_the_special_values);
  CLAIM_IF(is_parallel(), an_idle_runtime_is_not_woken,
           "it has no threads that could be woken");
  return 0;
}
