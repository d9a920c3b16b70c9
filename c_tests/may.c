/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O2 instruments=none
 * test: engines=may engines-why="it is about the may engine" */
/* What is particular about the may engine: what it lacks and says so, how many strands fit, that its threads stay. */
#include "harness.h"

#include <sys/resource.h>

enum { MOST = 28000 };

static uint64_t ran;
static uint64_t flag;
static strand_chan gate;

static void *count_one(void *arg) {
  count_up(&ran);
  return arg;
}

static strand_config on_may(void) {
  strand_config config = default_config(2);
  config.engine = STRAND_ENGINE_MAY;
  return config;
}

static void start_on_may(void) {
  const strand_config config = on_may();
  CHECK_OK(strand_scheduler_init(&config));
}

/* ------------------------------------------------------------------------------------- without the cargo feature */

static void without_the_cargo_feature_init_says_how_to_get_it(void) {
  const strand_config config = on_may();
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
  CHECK_LAST_ERROR_SAYS("cargo build --features may");
  CHECK_EQUAL(setenv("STRAND_ENGINE", "may", 1), 0);
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(NULL));
  CHECK_LAST_ERROR_SAYS("cargo build --features may");
  CHECK_EQUAL(unsetenv("STRAND_ENGINE"), 0);
  start_runtime(2);
  spawn(count_one, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------- what it lacks */

static void refused(strand_status expected, strand_config config, const char *words) {
  CHECK_STATUS(expected, strand_scheduler_init(&config));
  CHECK_LAST_ERROR_SAYS(words);
}

static void what_init_cannot_give_is_refused_with_a_message(void) {
  strand_config config = on_may();
  for (uint32_t policy = STRAND_POLICY_ROUND_ROBIN; policy <= STRAND_POLICY_PCT; policy += 1) {
    config.policy = policy;
    refused(STRAND_ERR_UNSUPPORTED, config, "stepped engine");
  }
  config = on_may();
  config.clock = STRAND_CLOCK_VIRTUAL;
  refused(STRAND_ERR_UNSUPPORTED, config, "virtual clock");
  config = on_may();
  config.max_steps = 1;
  refused(STRAND_ERR_UNSUPPORTED, config, "max_steps");
  config = on_may();
  config.max_strands = MOST + 1;
  refused(STRAND_ERR_LIMIT, config, "28000");
  config.max_strands = MOST;
  CHECK_OK(strand_scheduler_init(&config));
  stop_runtime();
  if (workers_there(2) > 1) {
    config = on_may();
    config.migration = STRAND_MIGRATE_NEVER;
    refused(STRAND_ERR_UNSUPPORTED, config, "migration");
    config.migration = STRAND_MIGRATE_NEW_ONLY;
    refused(STRAND_ERR_UNSUPPORTED, config, "migration");
  }
}

#define SAYS_UNSUPPORTED(call)                     \
  do {                                             \
    CHECK_STATUS(STRAND_ERR_UNSUPPORTED, call);    \
    CHECK(strand_last_error(NULL, 0) > 0);         \
  } while (0)

static void refuse_on_a_strand_and_off(strand_id strand) {
  strand_spawn_options options = default_spawn("prior");
  strand_lane_options lane_options = {.size = sizeof lane_options};
  int32_t priority = 0;
  uint32_t number = 0;
  SAYS_UNSUPPORTED(strand_set_priority(strand, 1));
  SAYS_UNSUPPORTED(strand_priority(strand, &priority));
  SAYS_UNSUPPORTED(strand_pause(strand));
  SAYS_UNSUPPORTED(strand_resume(strand));
  SAYS_UNSUPPORTED(strand_lane_new(&lane_options, &number));
  SAYS_UNSUPPORTED(strand_set_lane(strand, 0, 0));
  SAYS_UNSUPPORTED(strand_lane(strand, &number));
  SAYS_UNSUPPORTED(strand_tokens_grant(strand, 1));
  SAYS_UNSUPPORTED(strand_tokens_move(strand, strand, 1));
  SAYS_UNSUPPORTED(strand_tokens(strand, &number));
  options.priority = 1;
  SAYS_UNSUPPORTED(strand_spawn_with(&options, count_one, NULL, NULL));
  options = default_spawn("in a lane");
  options.lane = 1;
  SAYS_UNSUPPORTED(strand_spawn_with(&options, count_one, NULL, NULL));
  if (workers_there(2) > 1) {
    options = default_spawn("pinned");
    options.flags = STRAND_SPAWN_PINNED;
    SAYS_UNSUPPORTED(strand_spawn_with(&options, count_one, NULL, NULL));
  }
}

static void *refuse_here(void *arg) {
  (void)arg;
  refuse_on_a_strand_and_off(strand_self());
  count_up(&ran);
  return NULL;
}


static void what_calls_cannot_give_is_refused_with_a_message(void) {
  strand_step_result result = {.size = sizeof result};

  char snapshot[4096];
  strand_id dormant;
  count_set(&ran, 0);
  start_on_may();
  dormant = spawn_flagged(STRAND_SPAWN_DORMANT, count_one, NULL);
  refuse_on_a_strand_and_off(dormant);
  SAYS_UNSUPPORTED(strand_scheduler_step(1, &result));
  spawn(refuse_here, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_NUMBERS(strand_snapshot(snapshot, sizeof snapshot), >, 0);
  CHECK_SAYS(snapshot, "\"engine\":\"may\"");
  stop_runtime();
}

/* -------------------------------------------------------------------------------------------- how many strands fit */

static void *wait_at_the_gate(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void as_many_as_it_promises_wait_at_once_and_one_more_is_a_limit(void) {
  start_on_may();
  for (int round = 0; round < 2; round += 1) {
    uint64_t parks = read_statistics().parks;
    uint64_t spawned = 0;
    count_set(&ran, 0);
    CHECK_OK(strand_external_acquire());
    gate = new_channel(0, 0);
    for (int strand = 0; strand < MOST; strand += 1) {
      const strand_status status = strand_spawn(wait_at_the_gate, NULL, NULL);
      if (status == STRAND_ERR_LIMIT && read_statistics().guard_pages_kind == 2) {
        break; /* guards that take maps of their own: fewer fit */
      }
      CHECK_OK(status);
      spawned += 1;
    }
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_spawn(wait_at_the_gate, NULL, NULL));
    CHECK_LAST_ERROR_SAYS("the may engine");
    await_parks(parks + spawned);
    CHECK_EQUAL(read_statistics().live, spawned);
    CHECK_EQUAL(read_statistics().faults, 0);
    CHECK_NUMBERS(spawned, >=, 15000);
    CHECK_OK(strand_chan_close(gate));
    CHECK_OK(strand_external_release());
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), spawned);
    CHECK_OK(strand_chan_release(gate));
  }
  stop_runtime();
}

/* -------------------------------------------------------------------------------------------------- who gets a turn */

static void *yield_until_the_flag_is_up(void *arg) {
  while (count_read(&flag) == 0) {
    CHECK_OK(strand_yield());
  }
  return arg;
}

static void *raise_the_flag(void *arg) {
  count_set(&flag, 1);
  return arg;
}

static void *spawn_behind_yielders(void *arg) {
  spawn(raise_the_flag, NULL);
  return yield_until_the_flag_is_up(arg);
}

/* may itself looks at new coroutines only when its queue is empty, which it never is while somebody yields. */
static void strands_that_yield_all_the_time_keep_nobody_out(void) {
  start_on_may();
  for (int round = 0; round < 20; round += 1) {
    const uint32_t yielders = 2 * workers_there(2);
    count_set(&flag, 0);
    for (uint32_t strand = 0; strand < yielders; strand += 1) {
      spawn(yield_until_the_flag_is_up, NULL);
    }
    spawn(round % 2 == 0 ? raise_the_flag : spawn_behind_yielders, NULL); /* by an OS thread, and by a strand */
    CHECK_OK(strand_scheduler_run());
  }
  stop_runtime();
}

static uint64_t order;
static uint64_t child_began;
static void *begin_first(void *arg) {
  count_set(&child_began, count_up(&order));
  CHECK_OK(strand_yield());
  return arg;
}

static void *spawn_who_runs_first(void *arg) {
  for (uint64_t round = 0; round < 100; round += 1) {
    count_set(&child_began, 0);
    spawn_flagged(STRAND_SPAWN_RUN_FIRST, begin_first, NULL);
    if (workers_there(2) == 1) {
      CHECK_NUMBERS(count_read(&child_began), >, 0);
    }
  }
  return arg;
}

static void who_runs_first_has_begun_when_its_spawner_goes_on(void) {
  start_on_may();
  spawn(spawn_who_runs_first, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&order), 100);
  stop_runtime();
}

/* -------------------------------------------------------------------------------------------------- what may needs */

static void start_without_descriptors(void) {
  const strand_config config = on_may();
  struct rlimit all;
  struct rlimit few;
  CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &all), 0);
  few = all;
  few.rlim_cur = 4; /* of which three are open */
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_scheduler_init(&config));
  CHECK_LAST_ERROR_SAYS("descriptors");
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &all), 0);
  start_on_may();
  spawn(count_one, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* In a child, in which may does not run yet. */
static void without_descriptors_there_is_a_status_and_later_it_works(void) {
  child result;
  run_child(&result, start_without_descriptors);
  CHECK_CHILD_EXITED(&result, 0);
  CHECK_EQUAL(result.text[0], 0); /* nobody panicked */
}

/* ---------------------------------------------------------------------------------------------- threads that stay */

static void *nap_and_count(void *arg) {
  CHECK_OK(strand_sleep(MILLISECONDS(1)));
  return count_one(arg);
}

static void one_life(const strand_config *config) {
  count_set(&ran, 0);
  CHECK_OK(strand_scheduler_init(config));
  for (int strand = 0; strand < 20; strand += 1) {
    spawn(strand % 2 == 0 ? nap_and_count : count_one, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 20);
  stop_runtime();
}

static void its_threads_stay_and_restarts_add_none(void) {
  const strand_config config = on_may();
  strand_config other = on_may();
  struct sigaction before;
  struct sigaction after;
  int64_t threads;
  CHECK_EQUAL(sigaction(SIGSEGV, NULL, &before), 0);
  one_life(&config);
  threads = count_threads();
  for (int life = 0; life < 50; life += 1) {
    one_life(&config);
    other = default_config(2);
    other.engine = STRAND_ENGINE_PARALLEL;
    CHECK_EQUAL(unsetenv("STRAND_ENGINE"), 0);
    one_life(&other); /* the engines take turns in one process */
  }
  await_threads_at_most(threads);
  CHECK_EQUAL(sigaction(SIGSEGV, NULL, &after), 0);
  CHECK(after.sa_sigaction == before.sa_sigaction);
  other = on_may();
  other.workers = config.workers + 1;
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&other));
  CHECK_LAST_ERROR_SAYS("stay for the life of the process");
  other.workers = 0; /* as many as there are */
  one_life(&other);
}

static void an_idle_process_uses_no_processor_time(void) {
  int64_t used = INT64_MAX;
  uint64_t parks;
  start_on_may();
  CHECK_OK(strand_external_acquire());
  gate = new_channel(0, 0);
  parks = read_statistics().parks;
  for (int strand = 0; strand < 10; strand += 1) {
    spawn(wait_at_the_gate, NULL);
  }
  await_parks(parks + 10);
  nap(MILLISECONDS(200));
  /* On a busy machine it takes a while until all of its threads sleep. */
  for (int trial = 0; trial < 20 && used >= CLOCKS_PER_SEC / 200; trial += 1) {
    used = (int64_t)clock();
    nap(MILLISECONDS(500));
    used = (int64_t)clock() - used;
  }
  CHECK_NUMBERS(used, <, CLOCKS_PER_SEC / 200);
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

int main(void) {
  char features[64] = "";
  CHECK_OK(strand_info("features", features, sizeof features, NULL));
  if (strstr(features, "may") == NULL) {
    CLAIM(without_the_cargo_feature_init_says_how_to_get_it);
    return 0;
  }
  CLAIM(without_descriptors_there_is_a_status_and_later_it_works);
  CLAIM(what_init_cannot_give_is_refused_with_a_message);
  CLAIM(what_calls_cannot_give_is_refused_with_a_message);
  CLAIM(as_many_as_it_promises_wait_at_once_and_one_more_is_a_limit);
  CLAIM(strands_that_yield_all_the_time_keep_nobody_out);
  CLAIM(who_runs_first_has_begun_when_its_spawner_goes_on);
  CLAIM(an_idle_process_uses_no_processor_time);
  CLAIM(its_threads_stay_and_restarts_add_none);
  return 0;
}
