/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* What spawn options promise: dormant, uncounted, names, copied arguments, argument drops, flags. */
#include "harness.h"

static uint64_t ran;
static uint64_t dropped;

static void *count_one(void *arg) {
  (void)arg;
  count_up(&ran);
  return NULL;
}

static void count_drop(void *arg) {
  (void)arg;
  count_up(&dropped);
}

static void a_dormant_strand_runs_only_once_started(void) {
  strand_id dormant;
  count_set(&ran, 0);
  start_runtime(2);
  dormant = spawn_flagged(STRAND_SPAWN_DORMANT, count_one, NULL);
  CHECK_OK(strand_scheduler_run()); /* it does not hold up the end */
  CHECK_EQUAL(count_read(&ran), 0);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_join(dormant, STRAND_NO_WAIT));
  CHECK_OK(strand_start(dormant));
  CHECK_OK(strand_join(dormant, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_OK(strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_STALE, strand_start(dormant)); /* it has ended */
  stop_runtime();
}

static strand_chan gate;
static void *wait_at_the_gate(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void start_of_a_started_strand_is_already(void) {
  strand_id dormant;
  strand_id ordinary;
  count_set(&ran, 0);
  start_runtime(2);
  gate = new_channel(0, 0);
  dormant = spawn_flagged(STRAND_SPAWN_DORMANT, wait_at_the_gate, NULL);
  ordinary = spawn(wait_at_the_gate, NULL);
  CHECK_OK(strand_start(dormant));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_start(dormant));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_start(ordinary));
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 2);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static void a_started_dormant_strand_is_counted(void) {
  strand_id dormant;
  count_set(&ran, 0);
  start_runtime(2);
  if (is_parallel()) { /* under a hold a virtual clock stands still, and no deadline passes */
    CHECK_OK(strand_external_acquire());
  }
  gate = new_channel(0, 0);
  dormant = spawn_flagged(STRAND_SPAWN_DORMANT, wait_at_the_gate, NULL);
  CHECK_OK(strand_start(dormant));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_wait_all(strand_after(MILLISECONDS(5))));
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_wait_all(STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ran), 1);
  if (is_parallel()) {
    CHECK_OK(strand_external_release());
  }
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static uint64_t started;
static void *start_the_given(void *arg) {
  const strand_status status = strand_start(*(strand_id *)arg);
  CHECK(status == STRAND_OK || status == STRAND_ERR_ALREADY || status == STRAND_ERR_STALE);
  if (status == STRAND_OK) {
    count_up(&started);
  }
  return NULL;
}
static void of_many_starters_exactly_one_wins(void) {
  start_runtime(2);
  for (int round = 0; round < 200; round += 1) {
    strand_id dormant;
    pthread_t thread;
    count_set(&ran, 0);
    count_set(&started, 0);
    dormant = spawn_flagged(STRAND_SPAWN_DORMANT, count_one, NULL);
    for (int starter = 0; starter < 8; starter += 1) {
      spawn(start_the_given, &dormant);
    }
    thread = start_thread(start_the_given, &dormant);
    join_thread(thread);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&started), 1);
    CHECK_EQUAL(count_read(&ran), 1);
  }
  stop_runtime();
}

static void an_uncounted_strand_does_not_hold_up_the_end(void) {
  strand_id uncounted;
  count_set(&ran, 0);
  start_runtime(2);
  gate = new_channel(0, 0);
  uncounted = spawn_flagged(STRAND_SPAWN_UNCOUNTED, wait_at_the_gate, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 0);
  spawn(count_one, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_join(uncounted, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ran), 2);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static void the_dump_names_every_live_strand(void) {
  static char text[TEXT_CAPACITY];
  static const char unterminated[] = {'l', 'a', 's', 't', 'X', 'Y'};
  strand_spawn_options options = default_spawn("first-name");
  strand_chan named;
  uint64_t parks;
  count_set(&ran, 0);
  start_runtime(1);
  gate = new_channel(0, 0);
  named = gate;
  parks = read_statistics().parks;
  CHECK_OK(strand_spawn_with(&options, wait_at_the_gate, NULL, NULL));
  options.name = unterminated;
  options.name_length = 4; /* the length counts, not a terminator */
  CHECK_OK(strand_spawn_with(&options, wait_at_the_gate, NULL, NULL));
  await_parks(parks + 2);
  CHECK_NUMBERS(strand_dump(text, sizeof text), <, sizeof text);
  CHECK_SAYS(text, "first-name");
  CHECK_SAYS(text, "last");
  CHECK(strstr(text, "lastX") == NULL);
  CHECK_EQUAL(strand_dump(NULL, 0), strlen(text));
  CHECK_OK(strand_chan_close(named));
  CHECK_OK(strand_scheduler_run());
  strand_dump(text, sizeof text);
  CHECK(strstr(text, "first-name") == NULL);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

typedef struct copied {
  uint64_t words[9];
} copied;

static void *check_copy(void *arg) {
  const copied *copy = arg;
  CHECK((uintptr_t)arg % 16 == 0); /* any ordinary type may lie there */
  for (uint64_t word = 0; word < 9; word += 1) {
    CHECK_EQUAL(copy->words[word], 100 + word);
  }
  CHECK_OK(strand_yield());
  CHECK_EQUAL(copy->words[8], 108);
  count_up(&ran);
  return NULL;
}

static void a_copied_argument_is_taken_at_the_spawn(void) {
  strand_spawn_options options = default_spawn(NULL);
  options.arg_bytes = sizeof(copied);
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    start_runtime(workers);
    for (int strand = 0; strand < 200; strand += 1) {
      copied original;
      for (uint64_t word = 0; word < 9; word += 1) {
        original.words[word] = 100 + word;
      }
      CHECK_OK(strand_spawn_with(&options, check_copy, &original, NULL));
      memset(&original, 0xee, sizeof original);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 200);
    stop_runtime();
  }
}

static void *check_bytes(void *arg) {
  const unsigned char *bytes = arg;
  const size_t size = (size_t)bytes[0] + 256 * (size_t)bytes[1];
  for (size_t byte = 2; byte < size; byte += 1) {
    CHECK(bytes[byte] == (unsigned char)(byte * 7));
  }
  count_up(&ran);
  return NULL;
}

static void copied_arguments_of_all_sizes_arrive_whole(void) {
  static const size_t sizes[] = {2, 3, 8, 15, 16, 17, 64, 255, 256, 1000, 4096, 16384};
  static unsigned char bytes[16384];
  strand_spawn_options options = default_spawn(NULL);
  count_set(&ran, 0);
  start_runtime(2);
  for (size_t size = 0; size < sizeof sizes / sizeof sizes[0]; size += 1) {
    for (size_t byte = 0; byte < sizes[size]; byte += 1) {
      bytes[byte] = (unsigned char)(byte * 7);
    }
    bytes[0] = (unsigned char)(sizes[size] % 256);
    bytes[1] = (unsigned char)(sizes[size] / 256);
    options.arg_bytes = sizes[size];
    CHECK_OK(strand_spawn_with(&options, check_bytes, bytes, NULL));
    memset(bytes, 0, sizeof bytes);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), sizeof sizes / sizeof sizes[0]);
  stop_runtime();
}

static void the_argument_of_a_strand_that_ran_is_its_own_business(void) {
  strand_spawn_options options = default_spawn(NULL);
  options.arg_drop = count_drop;
  count_set(&ran, 0);
  count_set(&dropped, 0);
  start_runtime(2);
  for (int strand = 0; strand < 100; strand += 1) {
    CHECK_OK(strand_spawn_with(&options, count_one, &ran, NULL));
  }
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  CHECK_EQUAL(count_read(&ran), 100);
  CHECK_EQUAL(count_read(&dropped), 0);
}

static void the_argument_of_a_strand_that_never_ran_is_dropped_once(void) {
  strand_spawn_options options = default_spawn(NULL);
  options.arg_drop = count_drop;
  options.flags = STRAND_SPAWN_DORMANT;
  count_set(&ran, 0);
  count_set(&dropped, 0);
  start_runtime(2);
  for (int strand = 0; strand < 100; strand += 1) {
    CHECK_OK(strand_spawn_with(&options, count_one, &ran, NULL));
  }
  options.arg_bytes = 48;
  for (int strand = 0; strand < 100; strand += 1) {
    static const char bytes[48] = "dropped through the address of the copy";
    CHECK_OK(strand_spawn_with(&options, count_one, (void *)(uintptr_t)bytes, NULL));
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&dropped), 0);
  stop_runtime();
  CHECK_EQUAL(count_read(&ran), 0);
  CHECK_EQUAL(count_read(&dropped), 200);
}

/* On any status but OK nothing has changed hands. */
static void a_spawn_that_fails_keeps_its_hands_off_the_argument(void) {
  strand_spawn_options options = default_spawn(NULL);
  options.arg_drop = count_drop;
  count_set(&dropped, 0);
  start_runtime(1);
  options.stack_bytes = SIZE_MAX / 2;
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_spawn_with(&options, count_one, NULL, NULL));
  options.stack_bytes = 0;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_spawn_with(&options, NULL, NULL, NULL));
  options.flags = UINT32_C(1) << 31;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_spawn_with(&options, count_one, NULL, NULL));
  CHECK(strand_last_error(NULL, 0) > 0);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  CHECK_EQUAL(count_read(&dropped), 0);
}

static void every_priority_is_accepted(void) {
  static const int32_t priorities[] = {0, 1, -1, 1000, INT32_MAX, INT32_MIN};
  strand_spawn_options options = default_spawn(NULL);
  count_set(&ran, 0);
  start_runtime(2);
  for (size_t index = 0; index < sizeof priorities / sizeof priorities[0]; index += 1) {
    options.priority = priorities[index];
    CHECK_OK(strand_spawn_with(&options, count_one, NULL, NULL));
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), sizeof priorities / sizeof priorities[0]);
  stop_runtime();
}

static void option_sizes_follow_the_rules_of_the_abi(void) {
  struct larger {
    strand_spawn_options known;
    unsigned char unknown[32];
  } larger;
  strand_id uncounted = 0;
  memset(&larger, 0, sizeof larger);
  larger.known = default_spawn(NULL);
  larger.known.size = (uint32_t)sizeof larger;
  count_set(&ran, 0);
  start_runtime(1);
  CHECK_OK(strand_spawn_with(&larger.known, count_one, NULL, NULL));
  larger.unknown[0] = 1;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_spawn_with(&larger.known, count_one, NULL, NULL));
  larger.known.size = 8; /* size and flags only */
  larger.known.flags = STRAND_SPAWN_UNCOUNTED;
  larger.known.stack_bytes = SIZE_MAX;
  CHECK_OK(strand_spawn_with(&larger.known, count_one, NULL, &uncounted));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_join(uncounted, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ran), 2);
  stop_runtime();
}

static void the_limit_on_live_strands_is_kept_and_everything_goes_on(void) {
  strand_config config = default_config(2);
  uint64_t spawned = 0;
  strand_status status = STRAND_OK;
  config.max_strands = 100;
  count_set(&ran, 0);
  CHECK_OK(strand_scheduler_init(&config));
  CHECK_OK(strand_external_acquire());
  gate = new_channel(0, 0);
  while (status == STRAND_OK && spawned < 1000) {
    status = strand_spawn(wait_at_the_gate, NULL, NULL);
    spawned += status == STRAND_OK;
  }
  CHECK_EQUAL(status, STRAND_ERR_LIMIT);
  CHECK(strand_last_error(NULL, 0) > 0);
  CHECK_EQUAL(spawned, 100);
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 100);
  spawn(count_one, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static void every_flag_of_the_header_is_accepted(void) {
  static const uint32_t flags[] = {0, STRAND_SPAWN_UNCOUNTED, STRAND_SPAWN_RUN_FIRST, STRAND_SPAWN_PINNED,
                                   STRAND_SPAWN_MIGRATABLE, STRAND_SPAWN_INHERIT_LOCALS};
  strand_id strands[sizeof flags / sizeof flags[0]];
  count_set(&ran, 0);
  start_runtime(2);
  for (size_t flag = 0; flag < sizeof flags / sizeof flags[0]; flag += 1) {
    strands[flag] = spawn_flagged(flags[flag], count_one, NULL);
  }
  for (size_t flag = 0; flag < sizeof flags / sizeof flags[0]; flag += 1) {
    CHECK_OK(strand_join(strands[flag], STRAND_FOREVER));
  }
  CHECK_EQUAL(count_read(&ran), sizeof flags / sizeof flags[0]);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

int main(void) {
  CLAIM(a_dormant_strand_runs_only_once_started);
  CLAIM(start_of_a_started_strand_is_already);
  CLAIM(a_started_dormant_strand_is_counted);
  CLAIM(of_many_starters_exactly_one_wins);
  CLAIM(an_uncounted_strand_does_not_hold_up_the_end);
  CLAIM(the_dump_names_every_live_strand);
  CLAIM(a_copied_argument_is_taken_at_the_spawn);
  CLAIM(copied_arguments_of_all_sizes_arrive_whole);
  CLAIM(the_argument_of_a_strand_that_ran_is_its_own_business);
  CLAIM(the_argument_of_a_strand_that_never_ran_is_dropped_once);
  CLAIM(a_spawn_that_fails_keeps_its_hands_off_the_argument);
  CLAIM_IF(!is_may(), every_priority_is_accepted, "the may engine has no priorities");
  CLAIM(option_sizes_follow_the_rules_of_the_abi);
  CLAIM(the_limit_on_live_strands_is_kept_and_everything_goes_on);
  CLAIM_IF(has_homes(), every_flag_of_the_header_is_accepted,
           "the may engine keeps a strand on one worker only where there is one");
  return 0;
}
