/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=300 modes=static opt=O2 instruments=none */
/* test: engines=none engines-why="it chooses engine and policy itself" */
/*
 * A million steps under every policy, with strands that come and go, wait, sleep and are meddled with: the process does
 * not grow, and the ready strands that the lanes count are those that there are.
 */
#include "harness.h"

#include <sys/prctl.h>

enum { STEPS = 1000000, CHUNK = 500, WARM_UP = 100000, STRANDS = 48, LANES = 4, CHILDREN = 16, ALLOWED_KILOBYTES = 512 };

static strand_chan pipes[STRANDS / 4];
static strand_id residents[STRANDS];
static uint64_t children;
static uint64_t children_now;

static void *come_and_go(void *arg) {
  (void)arg;
  children += 1;
  (void)strand_checkpoint();
  children_now -= 1;
  return NULL;
}

static void *live_on(void *arg) {
  const size_t self = (size_t)(uintptr_t)arg;
  uint64_t value = self;
  strand_status status = STRAND_OK;
  while (status == STRAND_OK) {
    switch (self % 4) {
    case 0: status = strand_chan_send(pipes[self / 4], &value, STRAND_FOREVER); break;
    case 1: status = strand_chan_recv(pipes[self / 4], &value, STRAND_FOREVER); break;
    case 2: status = self % 8 < 4 ? strand_yield() : strand_sleep((int64_t)self); break;
    default:
      status = strand_checkpoint();
      if (status == STRAND_OK && self % 8 < 4 && children_now < CHILDREN) {
        status = strand_spawn(come_and_go, NULL, NULL);
        children_now += status == STRAND_OK;
        status = status == STRAND_OK ? strand_yield() : status;
      }
    }
  }
  CHECK_STATUS(STRAND_ERR_CANCELLED, status);
  return NULL;
}

/* What a host may do between steps, at random. */
static void meddle(uint64_t *random) {
  const strand_id strand = residents[next_random(random) % STRANDS];
  const strand_id other = residents[next_random(random) % STRANDS];
  const uint32_t number = (uint32_t)(next_random(random) % 5);
  switch (next_random(random) % 6) {
  case 0: CHECK_OK(strand_set_priority(strand, (int32_t)number)); break;
  case 1: CHECK_OK(strand_set_lane(strand, number % LANES, number)); break;
  case 2: CHECK_OK(strand_tokens_grant(strand, number)); break;
  case 3: (void)strand_tokens_move(strand, other, number); break;
  case 4: CHECK_OK(strand_pause(strand)); break;
  default:
    CHECK_OK(strand_resume(strand));
    CHECK_OK(strand_resume(other));
  }
}

static strand_step_result step(uint64_t most) {
  strand_step_result result;
  memset(&result, 0, sizeof result);
  result.size = (uint32_t)sizeof result;
  CHECK_OK(strand_scheduler_step(most, &result));
  return result;
}

static uint64_t occurrences(const char *text, const char *words) {
  uint64_t count = 0;
  while ((text = strstr(text, words)) != NULL) {
    text += strlen(words);
    count += 1;
  }
  return count;
}

/* The sum of the numbers behind a word. */
static uint64_t sum_behind(const char *text, const char *words) {
  uint64_t sum = 0;
  while ((text = strstr(text, words)) != NULL) {
    text += strlen(words);
    sum += strtoull(text, NULL, 10);
  }
  return sum;
}

static char document[1 << 18];

/* Each strand is in one place, and the sizes add up. */
static void check_places(void) {
  CHECK(strand_snapshot(document, sizeof document) < sizeof document);
  const uint64_t ready = occurrences(document, "\"state\":\"ready\"");
  const uint64_t waiting = occurrences(document, "\"state\":\"waiting\"");
  const uint64_t picked = occurrences(document, "\"next\":\"");
  uint64_t held = 0;
  const char *place = document;
  while ((place = strstr(place, "\"held\":true")) != NULL) { /* the state stands before it, what is waited for behind */
    held += strncmp(strstr(place, "\"waits\":"), "\"waits\":null", 12) == 0;
    place += 1;
  }
  CHECK_EQUAL(ready + waiting, read_statistics().live);
  CHECK_EQUAL(sum_behind(document, "\"ready\":"), ready - held - picked);
}

/*
 * Memory of the process itself, exactly: the number behind VmRSS is put together from counters of each processor, and pages of the
 * program's file come and go with the memory that the machine has left.
 */
static int64_t own_kilobytes(void) {
  static const char path[] = "/proc/self/smaps_rollup";
  if (access(path, R_OK) != 0) {
    return resident_kilobytes();
  }
  return proc_number(path, "Anonymous:") + proc_number(path, "Swap:");
}

static void run_for(uint64_t steps, uint64_t *random) {
  for (uint64_t made = 0; made < steps;) {
    const strand_step_result result = step(CHUNK);
    made += result.steps;
    if (result.outcome == STRAND_STEP_IDLE) { /* everybody is held */
      for (size_t strand = 0; strand < STRANDS; strand += 1) CHECK_OK(strand_resume(residents[strand]));
    } else {
      CHECK_EQUAL(result.outcome, STRAND_STEP_CONTINUE);
    }
    meddle(random);
    if (made % (CHUNK * 64) == 0) check_places();
  }
  check_places();
}

static void begin(uint32_t policy) {
  children_now = 0;
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  config.policy = policy;
  config.age_step = policy == STRAND_POLICY_PRIORITY_FIXED ? 4 : 0;
  config.seed = 7;
  CHECK_OK(strand_scheduler_init(&config));
  for (uint32_t lane = 1; lane < LANES; lane += 1) {
    uint32_t number = 0;
    CHECK_OK(strand_lane_new(NULL, &number));
    CHECK_EQUAL(number, lane);
  }
  for (size_t pipe = 0; pipe < STRANDS / 4; pipe += 1) pipes[pipe] = new_channel(8, pipe % 3);
  for (size_t strand = 0; strand < STRANDS; strand += 1) {
    strand_spawn_options options = default_spawn("resident");
    options.lane = (uint32_t)strand % LANES;
    CHECK_OK(strand_spawn_with(&options, live_on, (void *)(uintptr_t)strand, &residents[strand]));
  }
}

static void a_million_steps_leave_the_process_as_it_was(void) {
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
    uint64_t random = test_seed();
    begin(policy);
    run_for(WARM_UP, &random);
    const int64_t before = own_kilobytes();
    const uint64_t live_before = read_statistics().live_peak;
    children = 0;
    run_for(STEPS, &random);
    const int64_t grown = own_kilobytes() - before;
    printf("policy %u: grown by %" PRId64 " KiB, at most %" PRIu64 " alive (%" PRIu64 " before), %" PRIu64 " came and went\n",
           (unsigned)policy, grown, read_statistics().live_peak, live_before, children);
    CHECK_NUMBERS(children, >, policy == STRAND_POLICY_PCT ? 50 : 1000);
    CHECK_NUMBERS(grown, <=, ALLOWED_KILOBYTES);
    stop_runtime();
  }
}

static void control_a_byte_for_each_step_would_be_noticed(void) {
  uint64_t random = test_seed();
  begin(STRAND_POLICY_COOPERATIVE);
  run_for(WARM_UP, &random);
  const int64_t before = own_kilobytes();
  volatile char *const leak = malloc(STEPS);
  CHECK(leak != NULL);
  for (int place = 0; place < STEPS; place += 1) leak[place] = 1;
  run_for(CHUNK, &random);
  CHECK_NUMBERS(own_kilobytes() - before, >, ALLOWED_KILOBYTES);
  free((void *)leak);
  stop_runtime();
}

int main(void) {
  (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* else the system may put a large page in the place of small ones, at any moment */
  CLAIM(a_million_steps_leave_the_process_as_it_was);
  CLAIM(control_a_byte_for_each_step_would_be_noticed);
  return 0;
}
