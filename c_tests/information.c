/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" */
/* What the library says about itself: versions, names, messages, facts, counters that add up, the dump. */
#include "harness.h"

static void names_and_numbers_of_every_status_are_those_of_the_header(void) {
  static const struct {
    strand_status status;
    int number;
    const char *name;
  } all[] = {
      {STRAND_OK, 0, "STRAND_OK"},
      {STRAND_ERR_INVALID, -1, "STRAND_ERR_INVALID"},
      {STRAND_ERR_NO_MEMORY, -2, "STRAND_ERR_NO_MEMORY"},
      {STRAND_ERR_LIMIT, -3, "STRAND_ERR_LIMIT"},
      {STRAND_ERR_STALE, -4, "STRAND_ERR_STALE"},
      {STRAND_ERR_NOT_ON_STRAND, -5, "STRAND_ERR_NOT_ON_STRAND"},
      {STRAND_ERR_WOULD_BLOCK, -6, "STRAND_ERR_WOULD_BLOCK"},
      {STRAND_ERR_TIMEOUT, -7, "STRAND_ERR_TIMEOUT"},
      {STRAND_ERR_CANCELLED, -8, "STRAND_ERR_CANCELLED"},
      {STRAND_ERR_CLOSED, -9, "STRAND_ERR_CLOSED"},
      {STRAND_ERR_DEADLOCK, -10, "STRAND_ERR_DEADLOCK"},
      {STRAND_ERR_ALREADY, -11, "STRAND_ERR_ALREADY"},
      {STRAND_ERR_TAKEN, -12, "STRAND_ERR_TAKEN"},
      {STRAND_ERR_EMPTY, -13, "STRAND_ERR_EMPTY"},
      {STRAND_ERR_BUSY, -14, "STRAND_ERR_BUSY"},
      {STRAND_ERR_FAILED, -15, "STRAND_ERR_FAILED"},
      {STRAND_ERR_UNSUPPORTED, -16, "STRAND_ERR_UNSUPPORTED"},
      {STRAND_ERR_REPLAY, -17, "STRAND_ERR_REPLAY"},
      {STRAND_ERR_MAX_STEPS, -18, "STRAND_ERR_MAX_STEPS"},
      {STRAND_ERR_FORKED, -19, "STRAND_ERR_FORKED"},
      {STRAND_ERR_IO, -20, "STRAND_ERR_IO"},
      {STRAND_ERR_DEVICE, -21, "STRAND_ERR_DEVICE"},
      {STRAND_ERR_SHADER, -22, "STRAND_ERR_SHADER"},
      {STRAND_ERR_PANIC, -23, "STRAND_ERR_PANIC"},
      {STRAND_ERR_WOULD_SWITCH, -24, "STRAND_ERR_WOULD_SWITCH"},
      {STRAND_ERR_NOT_INITIALISED, -25, "STRAND_ERR_NOT_INITIALISED"},
      {STRAND_ERR_PARITY, -26, "STRAND_ERR_PARITY"},
  };
  for (size_t status = 0; status < sizeof all / sizeof all[0]; status += 1) {
    CHECK_EQUAL(all[status].status, all[status].number);
    CHECK_EQUAL(strcmp(strand_status_name(all[status].status), all[status].name), 0);
    CHECK(strlen(strand_status_message(all[status].status)) > 3);
    for (size_t other = 0; other < status; other += 1) {
      CHECK(strcmp(strand_status_message(all[status].status), strand_status_message(all[other].status)) != 0);
    }
  }
}

static void the_version_of_the_library_is_that_of_the_header(void) {
  char text[64];
  CHECK_EQUAL(strand_version(), STRAND_VERSION_NUMBER);
  CHECK_EQUAL(STRAND_VERSION_NUMBER,
              STRAND_VERSION_MAJOR * 1000000 + STRAND_VERSION_MINOR * 1000 + STRAND_VERSION_PATCH);
  CHECK_EQUAL(strand_abi_version(), STRAND_ABI_VERSION);
  CHECK_OK(strand_info("version", text, sizeof text, NULL));
  CHECK_EQUAL(strcmp(text, STRAND_VERSION_STRING), 0);
}

static void facts_are_known_before_init_and_after(void) {
  static const char *const keys[] = {"version", "abi", "engine", "identity", "fence", "features", "stack_classes"};
  char workers[16];
  char guard[16];
  for (int with_runtime = 0; with_runtime < 2; with_runtime += 1) {
    if (with_runtime == 1) {
      start_runtime(3);
    }
    for (size_t key = 0; key < sizeof keys / sizeof keys[0]; key += 1) {
      char text[256];
      size_t needed = SIZE_MAX;
      CHECK_OK(strand_info(keys[key], NULL, 0, &needed));
      CHECK_NUMBERS(needed, <, sizeof text);
      CHECK_OK(strand_info(keys[key], text, sizeof text, &needed));
      CHECK_EQUAL(strlen(text), needed);
      printf("%s: %s\n", keys[key], text);
    }
  }
  CHECK_OK(strand_info("workers", workers, sizeof workers, NULL));
  CHECK_EQUAL(atoi(workers), workers_there(3));
  CHECK_OK(strand_info("guard", guard, sizeof guard, NULL));
  CHECK(strcmp(guard, "madvise") == 0 || strcmp(guard, "mprotect") == 0);
  stop_runtime();
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_info("workers", workers, sizeof workers, NULL));
}

static uint64_t ran;
static strand_chan channel;
static void *work_and_wait(void *arg) {
  uint64_t value = 0;
  (void)arg;
  for (int turn = 0; turn < 10; turn += 1) {
    CHECK_OK(strand_yield());
  }
  CHECK_OK(strand_chan_recv(channel, &value, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

/* Every strand is in one place, and every resume has its end: a yield, a wait or the end of the strand. */
static void the_counters_add_up_when_all_is_quiet(void) {
  for (uint32_t most = 1; most <= 4; most *= 2) {
    const uint32_t workers = workers_there(most);
    strand_statistics statistics;
    uint64_t sum = 0;
    count_set(&ran, 0);
    start_runtime(most);
    channel = new_channel(sizeof(uint64_t), 0);
    for (int strand = 0; strand < 200; strand += 1) {
      spawn(work_and_wait, NULL);
    }
    await_parks(200);
    statistics = read_statistics();
    CHECK_EQUAL(statistics.live, 200);
    CHECK_EQUAL(statistics.live_peak, 200);
    for (uint64_t message = 0; message < 200; message += 1) {
      CHECK_OK(strand_chan_send(channel, &message, STRAND_FOREVER));
    }
    CHECK_OK(strand_scheduler_run());
    statistics = read_statistics();
    CHECK_EQUAL(statistics.workers, workers);
    CHECK_EQUAL(statistics.spawned, 200);
    CHECK_EQUAL(statistics.finished, 200);
    CHECK_EQUAL(statistics.live, 0);
    CHECK_EQUAL(statistics.faults, 0);
    CHECK_EQUAL(statistics.yields, 2000);
    CHECK_EQUAL(statistics.wakes, statistics.parks);
    CHECK_EQUAL(statistics.switches, statistics.yields + statistics.parks + statistics.finished);
    for (uint32_t worker = 0; worker < workers; worker += 1) {
      uint64_t runs = 0;
      CHECK_OK(strand_worker_runs(worker, &runs));
      sum += runs;
    }
    CHECK_EQUAL(sum, statistics.switches);
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
  }
}

/* No growth: a million switches in all the ways there are need what the first thousands needed. */
enum { AT_ONCE = 100 };
static strand_chan always_empty;
static void *churn(void *arg) {
  const uint64_t number = (uint64_t)(uintptr_t)arg;
  for (int turn = 0; turn < 10; turn += 1) {
    uint64_t value = number;
    CHECK_OK(strand_chan_send(channel, &value, STRAND_FOREVER));
    CHECK_OK(strand_yield());
    CHECK_OK(strand_chan_recv(channel, &value, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(always_empty, &value, strand_after(1)));
  }
  return NULL;
}
static void run_churn(int rounds) {
  for (int round = 0; round < rounds; round += 1) {
    for (uintptr_t strand = 0; strand < AT_ONCE; strand += 1) {
      spawn(churn, (void *)strand);
    }
    CHECK_OK(strand_wait_all(STRAND_FOREVER));
  }
}

static void nothing_grows_over_a_million_switches(void) {
  strand_statistics warm;
  strand_statistics end;
  int64_t resident;
  start_runtime(2);
  channel = new_channel(sizeof(uint64_t), STRAND_UNBOUNDED);
  always_empty = new_channel(sizeof(uint64_t), 0);
  if (is_parallel()) { /* under a hold a virtual clock stands still, and no deadline passes */
    CHECK_OK(strand_external_acquire());
  }
  run_churn(20);
  warm = read_statistics();
  resident = resident_kilobytes();
  run_churn(scaled(500));
  end = read_statistics();
  printf("%" PRIu64 " switches\n", end.switches - warm.switches);
  /* How many of them were alive at once depends on the machine; besides, each worker keeps some stacks. */
  CHECK_NUMBERS(end.stacks_mapped, <=, warm.stacks_mapped + AT_ONCE + 96 * workers_there(2));
  CHECK_EQUAL(end.live, 0);
  if (strcmp(STRAND_TEST_INSTRUMENT, "none") == 0) {
    CHECK_NUMBERS(end.switches - warm.switches, >=, 500000);
    const uint64_t more = end.stacks_mapped > warm.stacks_mapped ? end.stacks_mapped - warm.stacks_mapped : 0;
    CHECK_NUMBERS(resident_kilobytes(), <=, resident + 4096 + 16 * (int64_t)more);
  }
  if (is_parallel()) {
    CHECK_OK(strand_external_release());
  }
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

static void the_dump_of_a_runtime_says_who_waits_on_what(void) {
  static char text[TEXT_CAPACITY];
  strand_chan named;
  const uint64_t value = 1;
  uint64_t parks;
  start_runtime(1);
  named = new_named_channel("mailbox-of-the-dump", sizeof value, 0);
  channel = named;
  parks = read_statistics().parks;
  spawn_named("reader-of-the-dump", work_and_wait, NULL);
  await_parks(parks + 1);
  CHECK_NUMBERS(strand_dump(text, sizeof text), <, sizeof text);
  CHECK_SAYS(text, "reader-of-the-dump");
  CHECK_SAYS(text, "mailbox-of-the-dump");
  CHECK_OK(strand_chan_send(named, &value, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(named));
  stop_runtime();
  CHECK_EQUAL(strand_dump(text, sizeof text), 0);
}

/* The message of the last failure is the strand's own, however often others fail in between. */
static void *keep_my_message(void *arg) {
  char mine[32];
  char text[256];
  snprintf(mine, sizeof mine, "key-%" PRIuPTR "-key", (uintptr_t)arg);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_info(mine, NULL, 0, NULL));
  for (int turn = 0; turn < 50; turn += 1) {
    CHECK_OK(strand_yield());
    CHECK_NUMBERS(strand_last_error(text, sizeof text), >, 0);
    CHECK_SAYS(text, mine);
  }
  count_up(&ran);
  return NULL;
}
static void *ask_for_the_expected(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(channel, &value, STRAND_NO_WAIT));
  CHECK(strand_last_error(NULL, 0) > 0); /* made when asked for */
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_recv(channel, &value, 1));
  CHECK(strand_last_error(NULL, 0) > 0);
  count_up(&ran);
  return NULL;
}

static void the_last_error_belongs_to_the_strand(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    char text[256];
    count_set(&ran, 0);
    start_runtime(workers);
    channel = new_channel(8, 0);
    CHECK_STATUS(STRAND_ERR_INVALID, strand_info("key-of-the-thread", NULL, 0, NULL));
    for (uintptr_t strand = 1; strand <= 50; strand += 1) {
      spawn(keep_my_message, (void *)strand);
    }
    spawn(ask_for_the_expected, NULL);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 51);
    CHECK_NUMBERS(strand_last_error(text, sizeof text), >, 0);
    CHECK_SAYS(text, "key-of-the-thread");
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
  }
}

int main(void) {
  CLAIM(names_and_numbers_of_every_status_are_those_of_the_header);
  CLAIM(the_version_of_the_library_is_that_of_the_header);
  CLAIM(facts_are_known_before_init_and_after);
  CLAIM_IF(takes_turns(), the_counters_add_up_when_all_is_quiet,
           "drawn by lot, a strand is also set aside before a call, which is none of the three");
  CLAIM(nothing_grows_over_a_million_switches);
  CLAIM(the_dump_of_a_runtime_says_who_waits_on_what);
  CLAIM(the_last_error_belongs_to_the_strand);
  return 0;
}
