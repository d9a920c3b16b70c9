/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* Offload: a thread of the pool makes a call for a strand, which waits while the others go on. */
#include "harness.h"

#include <fenv.h>
#include <poll.h>
#include <sys/prctl.h>

static uint64_t ran;      /* offloaded functions that have begun */
static uint64_t ended;    /* and ended */
static uint64_t released; /* the blocker may go on */
static uint64_t answers;

static void forget(void) {
  count_set(&ran, 0);
  count_set(&ended, 0);
  count_set(&released, 0);
  count_set(&answers, 0);
}

static void start_with_threads(uint32_t workers, uint32_t threads) {
  strand_config config = default_config(workers);
  config.offload_threads = threads;
  CHECK_OK(strand_scheduler_init(&config));
}

/* An offloaded call that blocks until somebody lets it go. */
static void *block(void *arg) {
  count_up(&ran);
  while (count_read(&released) == 0) {
    poll(NULL, 0, 1);
  }
  count_up(&ended);
  return arg;
}
static void *count_and_return(void *arg) {
  count_up(&ran);
  return arg;
}

/* ----------------------------------------------------------------------------------------- what comes back */

typedef struct seen {
  pthread_t thread;
  strand_id self;
  int errno_before;
  int rounding;
  char name[16];
  sigset_t blocked;
} seen;

static void *look_around(void *arg) {
  seen *out = arg;
  out->thread = pthread_self();
  out->self = strand_self();
  out->errno_before = errno;
  out->rounding = fegetround();
  prctl(PR_GET_NAME, out->name);
  pthread_sigmask(SIG_BLOCK, NULL, &out->blocked);
  fesetround(FE_TOWARDZERO);
  errno = EDOM;
  return &out->rounding;
}

static void *offload_a_look(void *arg) {
  seen *out = arg;
  void *result = NULL;
  errno = EILSEQ;
  fesetround(FE_UPWARD);
  CHECK_OK(strand_offload(look_around, out, STRAND_FOREVER, &result));
  CHECK_EQUAL(errno, EDOM);
  CHECK_EQUAL(fegetround(), FE_TOWARDZERO);
  CHECK(result == &out->rounding);
  CHECK(strand_self() != 0);
  fesetround(FE_TONEAREST);
  count_up(&answers);
  return NULL;
}

static void a_call_is_made_elsewhere_as_if_it_were_made_here(void) {
  seen out;
  forget();
  start_runtime(2);
  memset(&out, 0, sizeof out);
  spawn(offload_a_look, &out);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&answers), 1);
  CHECK(!pthread_equal(out.thread, pthread_self()));
  CHECK_EQUAL(out.self, 0);
  CHECK_EQUAL(out.errno_before, EILSEQ);
  CHECK_EQUAL(out.rounding, FE_UPWARD);
  CHECK(strcmp(out.name, "strand-offload") == 0);
  for (int signal = 1; signal <= 31; signal += 1) {
    const int fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
                      signal == SIGTRAP || signal == SIGABRT || signal == SIGSYS;
    if (signal != SIGKILL && signal != SIGSTOP) {
      CHECK_EQUAL(sigismember(&out.blocked, signal), !fault);
    }
  }
  stop_runtime();
}

static void *offload_a_block(void *arg) {
  void *result = NULL;
  CHECK_OK(strand_offload(block, arg, STRAND_FOREVER, &result));
  CHECK(result == arg);
  count_up(&answers);
  return NULL;
}
static void *release_it(void *arg) {
  (void)arg;
  for (int turn = 0; turn < 100; turn += 1) {
    CHECK_OK(strand_yield());
  }
  CHECK_EQUAL(count_read(&answers), 0);
  count_up(&released);
  return NULL;
}

static void other_strands_of_the_same_worker_go_on_meanwhile(void) {
  static int value;
  forget();
  start_runtime(1);
  spawn(offload_a_block, &value);
  spawn(release_it, NULL); /* without it the call would never return */
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&answers), 1);
  stop_runtime();
}

static void *offload_and_add(void *arg) {
  uint64_t random = (uint64_t)(uintptr_t)arg;
  for (int round = 0; round < shortened(20); round += 1) {
    void *const sent = (void *)(uintptr_t)next_random(&random);
    void *result = NULL;
    errno = round;
    CHECK_OK(strand_offload(count_and_return, sent, STRAND_FOREVER, &result));
    CHECK(result == sent);
    CHECK_EQUAL(errno, round);
    if (round % 3 == 0) {
      CHECK_OK(strand_yield());
    }
  }
  count_up(&answers);
  return NULL;
}

static void every_call_gets_its_own_answer(void) {
  const uint64_t strands = (uint64_t)scaled(shortened(300));
  static const uint32_t threads[] = {1, 7, 64};
  for (size_t at = 0; at < 3; at += 1) {
    forget();
    start_with_threads(1 << at, threads[at]);
    for (uint64_t strand = 1; strand <= strands; strand += 1) {
      spawn(offload_and_add, (void *)(uintptr_t)strand);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&answers), strands);
    CHECK_EQUAL(count_read(&ran), strands * (uint64_t)shortened(20));
    stop_runtime();
  }
}

/* ------------------------------------------------------------------------------------------ queue and threads */

static uint64_t places[64];
static void *take_place(void *arg) {
  *(uint64_t *)arg = count_up(&ended);
  return NULL;
}
static void *offload_a_place(void *arg) {
  CHECK_OK(strand_offload(take_place, arg, STRAND_FOREVER, NULL));
  return NULL;
}

static void calls_are_made_in_the_order_in_which_they_came(void) {
  forget();
  start_with_threads(2, 1);
  spawn(offload_a_block, NULL);
  await_count(&ran, 1);
  for (uint64_t strand = 0; strand < 64; strand += 1) {
    spawn(offload_a_place, &places[strand]);
    await_parks(strand + 2);
  }
  count_up(&released);
  CHECK_OK(strand_scheduler_run());
  for (uint64_t strand = 0; strand < 64; strand += 1) {
    CHECK_EQUAL(places[strand], strand + 2); /* the blocker has ended first */
  }
  stop_runtime();
}

static uint64_t inside, most_inside;
static void *meet(void *arg) {
  const uint64_t now = count_up(&inside);
  uint64_t most = count_read(&most_inside);
  (void)arg;
  while (now > most && !__atomic_compare_exchange_n(&most_inside, &most, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    continue;
  }
  const int64_t until = monotonic() + SECONDS(60);
  while (count_read(&most_inside) < 3 && monotonic() < until) {
    poll(NULL, 0, 1); /* until as many are there as may be */
  }
  __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
  return NULL;
}
static void *offload_a_meeting(void *arg) {
  CHECK_OK(strand_offload(meet, arg, STRAND_FOREVER, NULL));
  return NULL;
}

static void there_are_as_many_threads_as_are_needed_and_may_be(void) {
  const int64_t before = count_threads();
  int64_t without;
  start_with_threads(1, 3);
  count_set(&most_inside, 0);
  CHECK_OK(strand_sleep(1)); /* nothing has run, so no thread of the pool is there */
  without = count_threads();
  CHECK_NUMBERS(without, <=, before + 2);
  for (int strand = 0; strand < 50; strand += 1) {
    spawn(offload_a_meeting, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&most_inside), 3);
  stop_runtime();
  await_threads_at_most(before);
}

static uint64_t gathered;
static void *gather(void *arg) {
  const uint64_t all = (uint64_t)(uintptr_t)arg;
  const uint64_t target = (count_up(&gathered) + all - 1) / all * all;
  while (count_read(&gathered) < target) {
    poll(NULL, 0, 1); /* each waits for all others: too few threads, and none ever goes on */
  }
  return NULL;
}
static void *offload_gatherings(void *arg) {
  for (int round = 0; round < shortened(50); round += 1) {
    CHECK_OK(strand_offload(gather, arg, STRAND_FOREVER, NULL));
  }
  return NULL;
}

static void calls_that_wait_for_each_other_all_run_where_there_may_be_threads_for_them(void) {
  static const uint64_t together = 8;
  for (uint32_t workers = 1; workers <= 8; workers *= 2) {
    count_set(&gathered, 0);
    start_with_threads(workers, 8);
    for (uint64_t strand = 0; strand < together; strand += 1) {
      spawn(offload_gatherings, (void *)(uintptr_t)together);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&gathered), together * (uint64_t)shortened(50));
    stop_runtime();
  }
}

static void a_runtime_that_went_leaves_no_thread_and_the_next_has_its_own(void) {
  const int64_t before = count_threads();
  for (int round = 0; round < shortened(20); round += 1) {
    forget();
    start_with_threads(1, 2);
    spawn(offload_and_add, (void *)(uintptr_t)1);
    spawn(offload_and_add, (void *)(uintptr_t)2);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&answers), 2);
    stop_runtime();
    await_threads_at_most(before);
  }
}

/* ------------------------------------------------------------------------------------- deadlines and cancels */

static void *offload_without_waiting(void *arg) {
  void *result = arg;
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_offload(count_and_return, NULL, STRAND_NO_WAIT, &result));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_offload(count_and_return, NULL, 1, &result));
  CHECK(result == arg); /* results are written only on OK */
  count_up(&answers);
  return NULL;
}

static void without_time_to_wait_nothing_is_called(void) {
  forget();
  start_runtime(1);
  spawn(offload_without_waiting, &answers);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&answers), 1);
  CHECK_EQUAL(count_read(&ran), 0);
  stop_runtime();
}

static void *offload_with_a_deadline(void *arg) {
  const int64_t deadline = strand_after(MILLISECONDS(20));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_offload(take_place, arg, deadline, NULL));
  CHECK_NUMBERS(strand_now(), >=, deadline);
  count_up(&answers);
  count_up(&released);
  return NULL;
}

static void a_call_that_has_not_begun_is_taken_back_at_its_deadline(void) {
  uint64_t place = 0;
  forget();
  start_with_threads(1, 1);
  spawn(offload_a_block, NULL);
  await_count(&ran, 1);
  spawn(offload_with_a_deadline, &place);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&answers), 2);
  CHECK_EQUAL(place, 0);
  spawn(offload_a_place, &place); /* control: that it was not called was the deadline's doing */
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(place, 2);
  stop_runtime();
}

static int64_t patience;
static uint64_t late_deadline;
/* On a busy machine a thread may come too late for the first deadlines: then nothing was called. */
static void *offload_beyond_its_deadline(void *arg) {
  void *result = NULL;
  strand_status status = STRAND_ERR_TIMEOUT;
  for (patience = MILLISECONDS(20); status == STRAND_ERR_TIMEOUT; patience *= 2) {
    CHECK_EQUAL(count_read(&ran), 0);
    CHECK_NUMBERS(patience, <, SECONDS(30));
    count_set(&late_deadline, (uint64_t)strand_after(patience));
    status = strand_offload(block, arg, (int64_t)count_read(&late_deadline), &result);
  }
  CHECK_OK(status);
  CHECK_NUMBERS(strand_now(), >=, count_read(&late_deadline));
  CHECK(result == arg);
  count_up(&answers);
  return NULL;
}
static void *release_late(void *arg) {
  (void)arg;
  while (count_read(&ran) == 0) {
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
  while (strand_now() < (int64_t)count_read(&late_deadline) + MILLISECONDS(40)) {
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
  CHECK_EQUAL(count_read(&answers), 0);
  count_up(&released);
  return NULL;
}

static void a_call_that_has_begun_is_waited_for_beyond_its_deadline(void) {
  forget();
  start_runtime(1);
  spawn(offload_beyond_its_deadline, &answers);
  spawn(release_late, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&answers), 1);
  stop_runtime();
}

static void *offload_until_cancelled(void *arg) {
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_offload(take_place, arg, STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_offload(take_place, arg, STRAND_FOREVER, NULL)); /* nor does another begin */
  count_up(&answers);
  return NULL;
}
static void *offload_whatever_comes(void *arg) {
  void *result = NULL;
  CHECK_OK(strand_offload(block, arg, STRAND_FOREVER, &result));
  CHECK(result == arg);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_yield()); /* it is told by the next call that may wait */
  count_up(&answers);
  return NULL;
}
static void *release_after_three(void *arg) {
  (void)arg;
  for (int tries = 0; tries < 30000 && count_read(&answers) < 3; tries += 1) {
    nap(MILLISECONDS(1));
  }
  count_up(&released);
  return NULL;
}

static void a_shutdown_takes_back_what_has_not_begun_and_waits_for_the_rest(void) {
  static uint64_t never[3];
  const int64_t before = count_threads();
  pthread_t helper;
  forget();
  start_with_threads(1, 1);
  spawn(offload_whatever_comes, &answers);
  await_count(&ran, 1);
  for (int strand = 0; strand < 3; strand += 1) {
    never[strand] = 0;
    spawn(offload_until_cancelled, &never[strand]);
  }
  await_parks(4);
  helper = start_thread(release_after_three, NULL);
  stop_runtime();
  CHECK_EQUAL(count_read(&answers), 4);
  CHECK_EQUAL(never[0] + never[1] + never[2], 0);
  join_thread(helper);
  await_threads_at_most(before);
}

static void a_shutdown_past_its_deadline_names_the_call_and_can_be_repeated(void) {
  const int64_t before = count_threads();
  forget();
  start_runtime(1);
  spawn(offload_whatever_comes, &answers);
  await_count(&ran, 1);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_scheduler_shutdown(strand_after(MILLISECONDS(30))));
  CHECK_LAST_ERROR_SAYS("1 offloaded calls have not returned");
  CHECK_EQUAL(count_read(&answers), 0);
  count_up(&released);
  stop_runtime();
  CHECK_EQUAL(count_read(&answers), 1);
  await_threads_at_most(before);
}

/* ---------------------------------------------------------------------------------- calls that are left behind */

static uint64_t dropped_arguments, dropped_results;
static void drop_argument(void *arg) {
  CHECK_EQUAL(*(uint64_t *)arg, 4711);
  count_up(&dropped_arguments);
}
static void drop_result(void *result) {
  CHECK(result == &dropped_results);
  count_up(&dropped_results);
}
static void *block_with_a_copy(void *arg) {
  const uint64_t *number = arg;
  CHECK_EQUAL(*number, 4711);
  block(NULL);
  CHECK_EQUAL(*number, 4711); /* its strand has long ended */
  return &dropped_results;
}
static strand_offload_options abandon(void) {
  strand_offload_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.flags = STRAND_OFFLOAD_ABANDON;
  options.arg_bytes = sizeof(uint64_t);
  options.arg_drop = drop_argument;
  options.result_drop = drop_result;
  return options;
}
static void *leave_behind(void *expected) {
  const strand_offload_options options = abandon();
  const strand_status told = (strand_status)(intptr_t)expected;
  uint64_t number = 4711;
  void *result = NULL;
  CHECK_STATUS(told, strand_offload_with(&options, block_with_a_copy, &number,
                                         patience == 0 ? STRAND_FOREVER : strand_after(patience), &result));
  CHECK(result == (told == STRAND_OK ? &dropped_results : NULL));
  number = 0;
  count_up(&answers);
  return NULL;
}

static void a_call_that_owns_its_argument_is_left_behind_at_its_deadline(void) {
  start_with_threads(1, 1);
  /* On a busy machine the thread may come too late for the first deadlines: then nothing was called. */
  for (patience = MILLISECONDS(20);; patience *= 2) {
    CHECK_NUMBERS(patience, <, SECONDS(30));
    forget();
    count_set(&dropped_arguments, 0);
    count_set(&dropped_results, 0);
    spawn(leave_behind, (void *)(intptr_t)STRAND_ERR_TIMEOUT);
    AWAIT(count_read(&ran) == 1 || count_read(&answers) == 1);
    if (count_read(&ran) == 1) {
      break;
    }
    CHECK_EQUAL(count_read(&dropped_arguments), 1);
  }
  spawn(leave_behind, (void *)(intptr_t)STRAND_ERR_TIMEOUT); /* this one never begins */
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&answers), 2);
  CHECK_EQUAL(count_read(&ended), 0);
  CHECK_EQUAL(count_read(&dropped_arguments), 1);
  count_up(&released);
  patience = 0;
  spawn(leave_behind, (void *)(intptr_t)STRAND_OK);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  CHECK_EQUAL(count_read(&ran), 2);
  CHECK_EQUAL(count_read(&dropped_results), 1); /* of the one that was left behind */
  CHECK_EQUAL(count_read(&dropped_arguments), 1);
}

static void a_call_that_owns_its_argument_is_left_behind_by_a_shutdown_which_waits_for_it(void) {
  pthread_t helper;
  forget();
  count_set(&dropped_arguments, 0);
  count_set(&dropped_results, 0);
  patience = 0;
  start_with_threads(1, 1);
  spawn(leave_behind, (void *)(intptr_t)STRAND_ERR_CANCELLED);
  await_count(&ran, 1);
  for (uint64_t strand = 0; strand < 2; strand += 1) {
    spawn(leave_behind, (void *)(intptr_t)STRAND_ERR_CANCELLED);
    await_parks(strand + 2);
  }
  helper = start_thread(release_after_three, NULL);
  stop_runtime();
  CHECK_EQUAL(count_read(&answers), 3);
  CHECK_EQUAL(count_read(&ended), 1);
  CHECK_EQUAL(count_read(&dropped_arguments), 2);
  CHECK_EQUAL(count_read(&dropped_results), 1);
  join_thread(helper);
}

/* ------------------------------------------------------------------------------------------ who else there is */

static void *who_am_i(void *arg) {
  *(pthread_t *)arg = pthread_self();
  return NULL;
}

static void an_os_thread_makes_the_call_itself(void) {
  pthread_t thread;
  memset(&thread, 0, sizeof thread);
  start_runtime(1);
  CHECK_OK(strand_offload(who_am_i, &thread, STRAND_FOREVER, NULL));
  CHECK(pthread_equal(thread, pthread_self()));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_offload(who_am_i, &thread, STRAND_NO_WAIT, NULL));
  stop_runtime();
}

static strand_park_token token;
static void *park_for_good(void *arg) {
  strand_status *status = arg;
  CHECK_OK(strand_park_begin(&token));
  count_up(&answers);
  *status = strand_park(token, STRAND_FOREVER, NULL);
  return NULL;
}
static void *unpark_it(void *arg) {
  poll(NULL, 0, 20); /* long enough for everybody else to wait */
  CHECK_OK(strand_unpark(token, 1));
  return arg;
}
static void *offload_an_unpark(void *arg) {
  while (count_read(&answers) == 0) {
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_offload(unpark_it, arg, STRAND_FOREVER, NULL));
  return NULL;
}

static void nothing_is_a_deadlock_while_a_call_is_out(void) {
  strand_status status = STRAND_ERR_FAILED;
  forget();
  start_runtime(2);
  spawn(park_for_good, &status);
  spawn(offload_an_unpark, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(status, STRAND_OK);
  forget();
  spawn(park_for_good, &status); /* control: with nobody out it is one */
  spawn(offload_a_place, &places[0]);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_OK(strand_unpark(token, 1));
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static strand_chan replies;
static void *receive_inside(void *arg) {
  uint64_t number = 0;
  void *result = NULL;
  pthread_t nested;
  CHECK_OK(strand_chan_recv(replies, &number, STRAND_FOREVER));
  CHECK_OK(strand_chan_send(replies, &number, STRAND_FOREVER));
  CHECK_OK(strand_offload(who_am_i, &nested, STRAND_FOREVER, &result)); /* here, at once */
  CHECK(pthread_equal(nested, pthread_self()));
  return (void *)(uintptr_t)(number + (arg != NULL));
}
static void *offload_a_conversation(void *arg) {
  void *result = NULL;
  CHECK_OK(strand_offload(receive_inside, arg, STRAND_FOREVER, &result));
  CHECK_EQUAL((uintptr_t)result, 42);
  return NULL;
}
static void *converse(void *arg) {
  uint64_t number = 41;
  (void)arg;
  CHECK_OK(strand_chan_send(replies, &number, STRAND_FOREVER));
  number = 0;
  CHECK_OK(strand_chan_recv(replies, &number, STRAND_FOREVER));
  CHECK_EQUAL(number, 41);
  return NULL;
}

static void the_function_may_use_the_library_as_an_os_thread(void) {
  start_runtime(2);
  replies = new_channel(sizeof(uint64_t), 0);
  spawn(offload_a_conversation, &replies);
  spawn(converse, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(replies));
  stop_runtime();
}

static void *fork_inside(void *arg) {
  const pid_t process = fork();
  int status = 0;
  CHECK(process >= 0);
  if (process == 0) {
    _exit(strand_spawn(take_place, arg, NULL) == STRAND_ERR_FORKED &&
                  strand_offload(take_place, arg, STRAND_FOREVER, NULL) == STRAND_ERR_FORKED
              ? 7
              : 8);
  }
  CHECK_EQUAL(waitpid(process, &status, 0), process);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  return NULL;
}
static void *offload_a_fork(void *arg) {
  CHECK_OK(strand_offload(fork_inside, arg, STRAND_FOREVER, NULL));
  CHECK_OK(strand_offload(take_place, arg, STRAND_FOREVER, NULL)); /* the parent has lost nothing */
  return NULL;
}

static void a_forked_child_of_a_call_is_told_so(void) {
  forget();
  start_runtime(1);
  spawn(offload_a_fork, &places[0]);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ended), 1);
  stop_runtime();
}

/* Waiting for its turn, running, taken back: whatever the moment, each call is made once or never. */
static uint64_t made;
static void *make_it(void *arg) {
  count_up(&made);
  count_up(arg);
  return NULL;
}
static void *offload_with_little_time(void *arg) {
  uint64_t random = (uint64_t)(uintptr_t)arg, here = 0, expected = 0;
  for (int round = 0; round < shortened(100); round += 1) {
    const int64_t deadline = strand_after((int64_t)(next_random(&random) % 200000));
    const strand_status status = strand_offload(make_it, &here, deadline, NULL);
    CHECK(status == STRAND_OK || status == STRAND_ERR_TIMEOUT);
    expected += status == STRAND_OK;
    CHECK_EQUAL(count_read(&here), expected);
  }
  count_add(&answers, expected);
  return NULL;
}

static void a_deadline_and_a_thread_that_race_agree_on_who_was_first(void) {
  const int strands = scaled(40);
  for (uint32_t workers = 1; workers <= 8; workers *= 2) {
    forget();
    count_set(&made, 0);
    start_with_threads(workers, 2);
    for (int strand = 1; strand <= strands; strand += 1) {
      spawn(offload_with_little_time, (void *)(uintptr_t)strand);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&made), count_read(&answers));
    printf("%" PRIu64 " of %d calls were made\n", count_read(&made), strands * shortened(100));
    stop_runtime();
  }
}

int main(void) {
  CLAIM(a_call_is_made_elsewhere_as_if_it_were_made_here);
  CLAIM(other_strands_of_the_same_worker_go_on_meanwhile);
  CLAIM(every_call_gets_its_own_answer);
  CLAIM(calls_are_made_in_the_order_in_which_they_came);
  CLAIM(there_are_as_many_threads_as_are_needed_and_may_be);
  CLAIM(calls_that_wait_for_each_other_all_run_where_there_may_be_threads_for_them);
  CLAIM(a_runtime_that_went_leaves_no_thread_and_the_next_has_its_own);
  CLAIM(without_time_to_wait_nothing_is_called);
  CLAIM_IF(!is_virtual(), a_call_that_has_not_begun_is_taken_back_at_its_deadline, "the clock stands still while a call is out");
  CLAIM_IF(!is_virtual(), a_call_that_has_begun_is_waited_for_beyond_its_deadline, "the clock stands still while a call is out");
  CLAIM(a_shutdown_takes_back_what_has_not_begun_and_waits_for_the_rest);
  CLAIM(a_shutdown_past_its_deadline_names_the_call_and_can_be_repeated);
  CLAIM_IF(!is_virtual(), a_call_that_owns_its_argument_is_left_behind_at_its_deadline, "the clock stands still while a call is out");
  CLAIM(a_call_that_owns_its_argument_is_left_behind_by_a_shutdown_which_waits_for_it);
  CLAIM(an_os_thread_makes_the_call_itself);
  CLAIM(nothing_is_a_deadlock_while_a_call_is_out);
  CLAIM(the_function_may_use_the_library_as_an_os_thread);
  CLAIM(a_forked_child_of_a_call_is_told_so);
  CLAIM_IF(!is_virtual(), a_deadline_and_a_thread_that_race_agree_on_who_was_first, "the clock stands still while a call is out");
  return 0;
}
