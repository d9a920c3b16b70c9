/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* The life of the runtime: init, run, wait_all, shutdown, and what each says when it is called out of turn. */
#include "harness.h"

static uint64_t ran;

static void *count_one(void *arg) {
  (void)arg;
  count_up(&ran);
  return NULL;
}

static void *count_after_some_yields(void *arg) {
  (void)arg;
  for (int turn = 0; turn < 20; turn += 1) {
    CHECK_OK(strand_yield());
  }
  count_up(&ran);
  return NULL;
}

static void *receive_once(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &value, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void init_with_null_is_ok_and_again_is_ok_and_one_shutdown_ends_it(void) {
  CHECK_OK(strand_scheduler_init(NULL));
  CHECK_OK(strand_scheduler_init(NULL));
  CHECK_OK(strand_scheduler_init(NULL));
  stop_runtime();
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_scheduler_shutdown(STRAND_FOREVER));
}

static void init_again_with_the_same_configuration_is_ok_and_with_another_is_already(void) {
  strand_config config = default_config(1);
  CHECK_OK(strand_scheduler_init(&config));
  CHECK_OK(strand_scheduler_init(&config));
  CHECK_OK(strand_scheduler_init(NULL));
  config.stack_bytes = 1024 * 1024;
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_scheduler_init(&config));
  CHECK(strand_last_error(NULL, 0) > 0);
  config.stack_bytes = 0;
  config.workers += 1; /* of the stepped engine there is one in any case */
  CHECK_STATUS(is_stepped() ? STRAND_OK : STRAND_ERR_ALREADY, strand_scheduler_init(&config));
  config.workers -= 1;
  config.migration = STRAND_MIGRATE_NEVER;
  CHECK_STATUS(has_homes() ? STRAND_ERR_ALREADY : STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
  config.migration = STRAND_MIGRATE_FREE;
  CHECK_OK(strand_scheduler_init(&config));
  stop_runtime();
}

static void run_without_strands_returns_ok(void) {
  start_runtime(2);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_wait_all(STRAND_FOREVER));
  CHECK_OK(strand_wait_all(STRAND_NO_WAIT));
  stop_runtime();
}

static void run_returns_when_every_counted_strand_has_ended(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&ran, 0);
    start_runtime(workers);
    for (int strand = 0; strand < 1000; strand += 1) {
      spawn(count_after_some_yields, NULL);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1000);
    CHECK_EQUAL(read_statistics().live, 0);
    CHECK_EQUAL(read_statistics().spawned, 1000);
    CHECK_EQUAL(read_statistics().finished, 1000);
    stop_runtime();
  }
}

/* Nobody is in run: the strand runs all the same (stepped: somebody steps, and that is await_count). */
static void strands_run_from_the_first_spawn_on(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(count_one, NULL);
  await_count(&ran, 1);
  stop_runtime();
}

static void wait_all_from_an_os_thread_waits_for_all(void) {
  count_set(&ran, 0);
  start_runtime(2);
  for (int strand = 0; strand < 100; strand += 1) {
    spawn(count_after_some_yields, NULL);
  }
  CHECK_OK(strand_wait_all(STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ran), 100);
  stop_runtime();
}

static void wait_all_keeps_its_deadline(void) {
  strand_chan channel;
  const uint64_t value = 1;
  start_runtime(2);
  channel = new_channel(sizeof value, 0);
  if (is_parallel()) { /* under a hold a virtual clock stands still, and no deadline passes */
    CHECK_OK(strand_external_acquire());
  }
  spawn(receive_once, &channel);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_wait_all(STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_wait_all(strand_after(MILLISECONDS(20))));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_wait_all(strand_after(0)));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_wait_all(1));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_wait_all(-2));
  CHECK_OK(strand_chan_send(channel, &value, STRAND_FOREVER));
  CHECK_OK(strand_wait_all(strand_after(SECONDS(60))));
  if (is_parallel()) {
    CHECK_OK(strand_external_release());
  }
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

enum { ORDINARY_STRANDS = 100, WAITING_STRANDS = 8 };
static uint64_t saw_all;

static void *count_behind_the_gate(void *arg) {
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(*(strand_chan *)arg, NULL, STRAND_FOREVER));
  return count_after_some_yields(arg);
}

static void *wait_for_the_others(void *arg) {
  (void)arg;
  CHECK_OK(strand_wait_all(STRAND_FOREVER));
  if (count_read(&ran) == ORDINARY_STRANDS) {
    count_up(&saw_all);
  }
  return NULL;
}

/*
 * Each waits for all strands but those that are themselves in wait_all: never for itself, never for one another.
 * The gate keeps the ordinary ones alive until all are there; the hold says that somebody will open it.
 */
static void several_strands_at_once_may_be_in_wait_all(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    strand_chan gate;
    count_set(&ran, 0);
    count_set(&saw_all, 0);
    start_runtime(workers);
    CHECK_OK(strand_external_acquire());
    gate = new_channel(0, 0);
    for (int strand = 0; strand < ORDINARY_STRANDS; strand += 1) {
      spawn(count_behind_the_gate, &gate);
    }
    for (int strand = 0; strand < WAITING_STRANDS; strand += 1) {
      spawn(wait_for_the_others, NULL);
    }
    CHECK_OK(strand_chan_close(gate));
    CHECK_OK(strand_external_release());
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), ORDINARY_STRANDS);
    CHECK_EQUAL(count_read(&saw_all), WAITING_STRANDS);
    CHECK_OK(strand_chan_release(gate));
    stop_runtime();
  }
}

static void *run_in_a_thread(void *arg) {
  (void)arg;
  CHECK_OK(strand_scheduler_run());
  count_up(&saw_all);
  return NULL;
}

static void several_os_threads_may_be_in_run_at_once(void) {
  pthread_t threads[4];
  count_set(&ran, 0);
  count_set(&saw_all, 0);
  start_runtime(2);
  for (int strand = 0; strand < 200; strand += 1) {
    spawn(count_after_some_yields, NULL);
  }
  for (int thread = 0; thread < 4; thread += 1) {
    threads[thread] = start_thread(run_in_a_thread, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 200);
  for (int thread = 0; thread < 4; thread += 1) {
    join_thread(threads[thread]);
  }
  CHECK_EQUAL(count_read(&saw_all), 4);
  stop_runtime();
}

static strand_status on_strand[2];

static void *call_what_only_a_host_thread_may(void *arg) {
  (void)arg;
  on_strand[0] = strand_scheduler_run();
  CHECK_LAST_ERROR_SAYS("strand");
  on_strand[1] = strand_scheduler_shutdown(STRAND_FOREVER);
  CHECK_LAST_ERROR_SAYS("strand");
  return NULL;
}

static void run_and_shutdown_on_a_strand_are_invalid(void) {
  start_runtime(1);
  spawn(call_what_only_a_host_thread_may, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(on_strand[0], STRAND_ERR_INVALID);
  CHECK_EQUAL(on_strand[1], STRAND_ERR_INVALID);
  stop_runtime();
}

static void handles_of_an_ended_runtime_are_stale_in_the_next(void) {
  strand_chan channel;
  strand_id strand;
  uint64_t value = 0;
  count_set(&ran, 0);
  start_runtime(1);
  channel = new_channel(sizeof value, 4);
  strand = spawn(count_one, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  for (int cycle = 0; cycle < 3; cycle += 1) {
    start_runtime(1);
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_send(channel, &value, STRAND_NO_WAIT));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_recv(channel, &value, STRAND_NO_WAIT));
    CHECK_STATUS(STRAND_ERR_STALE, strand_chan_close(channel));
    CHECK_STATUS(STRAND_ERR_STALE, strand_start(strand));
    CHECK_OK(strand_join(strand, STRAND_FOREVER)); /* it has ended, long ago */
    CHECK(new_channel(sizeof value, 4) != channel);
    CHECK(spawn(count_one, NULL) != strand);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

static void a_malformed_environment_makes_init_invalid_and_names_it(void) {
  static const char *const names[] = {"STRAND_WORKERS", "STRAND_ENGINE", "STRAND_MIGRATION", "STRAND_STACK_BYTES",
                                     "STRAND_POLICY",  "STRAND_SEED"};
  for (size_t name = 0; name < sizeof names / sizeof names[0]; name += 1) {
    const char *before = getenv(names[name]);
    char *kept = before != NULL ? strdup(before) : NULL;
    CHECK_EQUAL(setenv(names[name], "purple", 1), 0);
    CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_init(NULL));
    CHECK_LAST_ERROR_SAYS(names[name]);
    CHECK_LAST_ERROR_SAYS("purple");
    CHECK_EQUAL(kept != NULL ? setenv(names[name], kept, 1) : unsetenv(names[name]), 0);
    free(kept);
  }
  CHECK_OK(strand_scheduler_init(NULL));
  stop_runtime();
}

static void the_environment_fills_what_the_configuration_leaves_at_zero(void) {
  const char *before = getenv("STRAND_WORKERS");
  char *kept = before != NULL ? strdup(before) : NULL;
  CHECK_EQUAL(setenv("STRAND_WORKERS", "3", 1), 0);
  start_runtime(0);
  CHECK_EQUAL(read_statistics().workers, 3);
  stop_runtime();
  start_runtime(2);
  CHECK_EQUAL(read_statistics().workers, 2);
  stop_runtime();
  CHECK_EQUAL(kept != NULL ? setenv("STRAND_WORKERS", kept, 1) : unsetenv("STRAND_WORKERS"), 0);
  free(kept);
}

static void a_smaller_configuration_of_an_older_program_is_accepted(void) {
  strand_config config = default_config(2);
  config.size = (uint32_t)offsetof(strand_config, seed);
  memset((char *)&config + config.size, 0x5a, sizeof config - config.size); /* beyond its end: never looked at */
  CHECK_OK(strand_scheduler_init(&config));
  CHECK_EQUAL(read_statistics().workers, workers_there(2));
  stop_runtime();
}

static void a_larger_configuration_is_accepted_only_with_a_zero_tail(void) {
  struct larger {
    strand_config known;
    unsigned char unknown[64];
  } larger;
  memset(&larger, 0, sizeof larger);
  larger.known = default_config(1);
  larger.known.size = (uint32_t)sizeof larger;
  CHECK_OK(strand_scheduler_init(&larger.known));
  stop_runtime();
  larger.unknown[63] = 1;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_scheduler_init(&larger.known));
  CHECK(strand_last_error(NULL, 0) > 0);
}

static void refuse(const strand_config *config) {
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(config));
  CHECK(strand_last_error(NULL, 0) > 0);
}

static void what_the_parallel_engine_has_not_is_unsupported_with_a_message(void) {
  strand_config config = default_config(1);
  config.policy = STRAND_POLICY_RANDOM;
  refuse(&config);
  config = default_config(1);
  config.max_steps = 10;
  refuse(&config);
  config = default_config(1);
  config.clock = STRAND_CLOCK_VIRTUAL;
  refuse(&config);
}

static void slow_hook(void *data) {
  (void)data;
  for (int turn = 0; turn < 50; turn += 1) {
    (void)strand_yield();
  }
  count_up(&ran);
}
static void *end_with_a_slow_hook(void *arg) {
  (void)arg;
  CHECK_OK(strand_on_exit(slow_hook, NULL));
  return NULL;
}

/* Cleaned up before uncounted. */
static void run_returns_only_after_every_exit_hook_has_run(void) {
  for (int round = 0; round < 50; round += 1) {
    count_set(&ran, 0);
    start_runtime(2);
    for (int strand = 0; strand < 20; strand += 1) {
      spawn(end_with_a_slow_hook, NULL);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 20);
    stop_runtime();
  }
}

int main(void) {
  CLAIM(init_with_null_is_ok_and_again_is_ok_and_one_shutdown_ends_it);
  CLAIM(init_again_with_the_same_configuration_is_ok_and_with_another_is_already);
  CLAIM(run_without_strands_returns_ok);
  CLAIM(run_returns_when_every_counted_strand_has_ended);
  CLAIM(strands_run_from_the_first_spawn_on);
  CLAIM(wait_all_from_an_os_thread_waits_for_all);
  CLAIM(wait_all_keeps_its_deadline);
  CLAIM(several_strands_at_once_may_be_in_wait_all);
  CLAIM_IF(is_parallel(), several_os_threads_may_be_in_run_at_once,
           "one thread at a time runs the stepped engine (stepped.c)");
  CLAIM(run_and_shutdown_on_a_strand_are_invalid);
  CLAIM(handles_of_an_ended_runtime_are_stale_in_the_next);
  CLAIM(a_malformed_environment_makes_init_invalid_and_names_it);
  CLAIM_IF(has_workers_as_written(), the_environment_fills_what_the_configuration_leaves_at_zero,
           "about the number of workers");
  CLAIM(a_smaller_configuration_of_an_older_program_is_accepted);
  CLAIM(a_larger_configuration_is_accepted_only_with_a_zero_tail);
  CLAIM_IF(is_parallel(), what_the_parallel_engine_has_not_is_unsupported_with_a_message,
           "about what only the stepped engine has");
  CLAIM(run_returns_only_after_every_exit_hook_has_run);
  return 0;
}
