/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=300 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" waits=yes */
/* test: engines=none engines-why="it chooses engine and policy itself" */
/* A run is recorded and has itself again: the same order of everything under every policy, with readings of the real clock, OS threads and
 * inputs of its own; and a run that differs is told in which way. */
#include "harness.h"

#include <stdarg.h>

/* ------------------------------------------------------------------------------------------------ what happens */

/* What happened, as text, in the order in which it happened. Written by one thread at a time: strands, or behind the gate. */
static char history[1 << 18];
static size_t history_length;
static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(history + history_length, sizeof history - history_length, format, arguments);
  va_end(arguments);
  CHECK(length > 0 && history_length + (size_t)length < sizeof history);
  history_length += (size_t)length;
}
static char *copy_of_history(void) {
  char *copy = strdup(history);
  CHECK(copy != NULL);
  return copy;
}

/* ------------------------------------------------------------------------------------------------------ files */

typedef struct bytes {
  unsigned char *at;
  size_t length;
} bytes;

static bytes read_file(const char *path) {
  bytes file = {malloc(1 << 22), 0};
  const int descriptor = open(path, O_RDONLY);
  CHECK(descriptor >= 0 && file.at != NULL);
  ssize_t got;
  while ((got = read(descriptor, file.at + file.length, (1 << 22) - file.length)) > 0) file.length += (size_t)got;
  CHECK_EQUAL(got, 0);
  close(descriptor);
  return file;
}
static void write_file(const char *path, const unsigned char *at, size_t length) {
  const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(descriptor >= 0);
  CHECK_EQUAL(write(descriptor, at, length), (ssize_t)length);
  close(descriptor);
}
static int equal_files(const char *left, const char *right) {
  bytes one = read_file(left), other = read_file(right);
  const int equal = one.length == other.length && memcmp(one.at, other.at, one.length) == 0;
  free(one.at);
  free(other.at);
  return equal;
}

/* --------------------------------------------------------------------------------------------------- one life */

typedef struct life {
  uint32_t policy;
  uint64_t seed;
  uint32_t clock;
  const char *record;
  const char *replay;
} life;

static strand_status begin(const life *how) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_PARALLEL; /* recording chooses the engine */
  config.policy = how->policy;
  config.seed = how->seed;
  config.clock = how->clock;
  config.record = how->record;
  config.replay = how->replay;
  history_length = 0;
  history[0] = 0;
  return strand_scheduler_init(&config);
}

static void live(const life *how, void (*program)(void)) {
  CHECK_OK(begin(how));
  program();
  stop_runtime();
}

/* -------------------------------------------------------------------------------------------------- a program */

static strand_chan pipes[2];
enum { TURNS = 40 };

static void *send_numbers(void *arg) {
  const char *name = arg;
  for (int turn = 0; turn < TURNS; turn += 1) {
    uint64_t value = (uint64_t)(name[0] * 1000 + turn);
    const strand_status status = strand_chan_send(pipes[turn % 2], &value, STRAND_FOREVER);
    if (status == STRAND_ERR_CANCELLED) return NULL; /* it was left when the run was over */
    CHECK_OK(status);
    note("%s%d ", name, turn);
    if (turn % 7 == 0) CHECK_OK(strand_yield());
    if (turn % 11 == 0) CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
  return NULL;
}
static void *receive_numbers(void *arg) {
  for (int turn = 0; turn < 2 * TURNS; turn += 1) {
    uint64_t value = 0;
    const strand_status status = strand_chan_recv(pipes[(turn / 2) % 2], &value, strand_after(MILLISECONDS(5)));
    note("%s:%" PRIu64 "/%d@%" PRId64 " ", (const char *)arg, value, (int)status, strand_now());
  }
  return NULL;
}
static void *spin_with_checkpoints(void *arg) {
  for (int turn = 0; turn < 100; turn += 1) CHECK_OK(strand_checkpoint());
  note("%s ", (const char *)arg);
  return NULL;
}
static void *spawn_more(void *arg) {
  for (int turn = 0; turn < 5; turn += 1) {
    strand_id child = spawn(spin_with_checkpoints, "c");
    CHECK_OK(strand_join(child, STRAND_FOREVER));
    note("%s%d ", (const char *)arg, turn);
  }
  return NULL;
}

static void traffic(void) {
  pipes[0] = new_channel(sizeof(uint64_t), 0);
  pipes[1] = new_channel(sizeof(uint64_t), 3);
  spawn_named("sender-x", send_numbers, "x");
  spawn_named("sender-y", send_numbers, "y");
  spawn_named("receiver", receive_numbers, "r");
  spawn_named("spinner", spin_with_checkpoints, "s");
  spawn_named("parent", spawn_more, "p");
  const strand_status status = strand_scheduler_run();
  note("%d", (int)status); /* messages are left when a receiver has timed out: then the senders wait for ever */
  CHECK(status == STRAND_OK || status == STRAND_ERR_DEADLOCK);
}

static void every_policy_is_recorded_and_has_the_same_run_again(void) {
  static const uint32_t clocks[] = {STRAND_CLOCK_VIRTUAL, STRAND_CLOCK_REAL};
  static const char *const files[] = {"first", "first,explicit"};
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
    for (int form = 0; form < 4; form += 1) {
      const char *again = form / 2 ? "second,explicit" : "second";
      live(&(life){.policy = policy, .seed = 11, .clock = clocks[form % 2], .record = files[form / 2]}, traffic);
      char *original = copy_of_history();
      live(&(life){.policy = policy, .seed = 11, .clock = clocks[form % 2], .replay = "first", .record = again}, traffic);
      CHECK_SAYS(history, original);
      CHECK(strcmp(history, original) == 0);
      CHECK(equal_files("first", "second"));
      /* What is left at 0 comes from the recording. */
      live(&(life){.replay = "first"}, traffic);
      CHECK(strcmp(history, original) == 0);
      free(original);
    }
  }
}

static void the_same_seed_makes_the_same_bytes_and_another_makes_others(void) {
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
    for (int is_explicit = 0; is_explicit < 2; is_explicit += 1) {
      live(&(life){.policy = policy, .seed = 3, .record = is_explicit ? "first,explicit" : "first"}, traffic);
      char *original = copy_of_history();
      live(&(life){.policy = policy, .seed = 3, .record = is_explicit ? "second,explicit" : "second"}, traffic);
      CHECK(strcmp(history, original) == 0);
      CHECK(equal_files("first", "second"));
      if (policy == STRAND_POLICY_RANDOM || policy == STRAND_POLICY_PCT) {
        live(&(life){.policy = policy, .seed = 4, .record = is_explicit ? "second,explicit" : "second"}, traffic);
        CHECK(strcmp(history, original) != 0);
        CHECK(!equal_files("first", "second"));
      }
      free(original);
    }
  }
}

/* ----------------------------------------------------------------------------------------------- the real clock */

static void *read_the_clock(void *arg) {
  (void)arg;
  for (int turn = 0; turn < 20; turn += 1) {
    note("%" PRId64 " ", strand_now());
    CHECK_OK(strand_sleep(MILLISECONDS(25)));
  }
  return NULL;
}
static void clock_program(void) {
  note("%" PRId64 " ", strand_now());
  spawn(read_the_clock, NULL);
  spawn(read_the_clock, NULL);
  CHECK_OK(strand_scheduler_run());
  note("%" PRId64, strand_now());
}
static void readings_of_the_real_clock_come_back_and_sleeping_takes_no_time(void) {
  live(&(life){.clock = STRAND_CLOCK_REAL, .record = "clock"}, clock_program);
  char *original = copy_of_history();
  live(&(life){.clock = STRAND_CLOCK_REAL}, clock_program);
  CHECK(strcmp(history, original) != 0);
  int64_t shortest = INT64_MAX;
  for (int attempt = 0; attempt < 20 && shortest >= MILLISECONDS(450); attempt += 1) { /* the machine may have been busy */
    const int64_t began = monotonic();
    live(&(life){.clock = STRAND_CLOCK_REAL, .replay = "clock"}, clock_program);
    const int64_t took = monotonic() - began;
    CHECK(strcmp(history, original) == 0);
    shortest = took < shortest ? took : shortest;
  }
  CHECK_NUMBERS(shortest, <, MILLISECONDS(450)); /* the original slept for 500 */
  free(original);
}

/* ------------------------------------------------------------------------------------------------- OS threads */

static strand_chan inbox;
static int jitter;
typedef struct feeder {
  const char *name;
  pthread_t thread;
  int64_t readings[3];
} feeder;
static void *feed(void *arg) {
  feeder *self = arg;
  const char *name = self->name;
  unsigned state = (unsigned)name[0] * 7919u + (unsigned)jitter;
  pthread_setname_np(pthread_self(), name);
  for (int turn = 0; turn < 12; turn += 1) {
    uint64_t value = (uint64_t)name[0] * 100 + (uint64_t)turn;
    CHECK_OK(strand_chan_send(inbox, &value, STRAND_FOREVER));
    nap((int64_t)(rand_r(&state) % 300) * 1000);
    if (turn % 4 == 3) self->readings[turn / 4] = strand_now();
  }
  CHECK_OK(strand_external_release());
  return NULL;
}
static void *drain(void *arg) {
  (void)arg;
  uint64_t value = 0;
  while (strand_chan_recv(inbox, &value, STRAND_FOREVER) == STRAND_OK) {
    note("%" PRIu64 " ", value);
    if (value % 5 == 0) CHECK_OK(strand_yield());
  }
  return NULL;
}
static void *nap_and_note(void *arg) {
  for (int turn = 0; turn < 10; turn += 1) {
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
    note("%s%d ", (const char *)arg, turn);
  }
  return NULL;
}
static void fed_by_threads(void) {
  feeder feeders[3] = {{.name = "alpha"}, {.name = "beta"}, {.name = "gamma"}};
  inbox = new_channel(sizeof(uint64_t), 2);
  spawn(drain, NULL);
  spawn(nap_and_note, "n");
  for (int thread = 0; thread < 3; thread += 1) CHECK_OK(strand_external_acquire());
  for (int thread = 0; thread < 3; thread += 1) feeders[thread].thread = start_thread(feed, &feeders[thread]);
  /* When all holds are released, the drain waits in vain. */
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  for (int thread = 0; thread < 3; thread += 1) {
    join_thread(feeders[thread].thread);
    for (int turn = 0; turn < 3; turn += 1) note("%s@%" PRId64 " ", feeders[thread].name, feeders[thread].readings[turn]);
  }
  CHECK_OK(strand_chan_close(inbox));
  CHECK_OK(strand_scheduler_run());
}
static void os_threads_act_where_they_did(void) {
  static const uint32_t clocks[] = {STRAND_CLOCK_VIRTUAL, STRAND_CLOCK_REAL};
  int different = 0;
  char *before = NULL;
  for (int round = 0; round < scaled(12) + 2; round += 1) {
    const uint32_t policy = round % 3 == 0 ? STRAND_POLICY_COOPERATIVE : round % 3 == 1 ? STRAND_POLICY_RANDOM : STRAND_POLICY_PCT;
    jitter = round;
    live(&(life){.policy = policy, .seed = 5, .clock = clocks[round % 2], .record = "threads"}, fed_by_threads);
    char *original = copy_of_history();
    different += before != NULL && strcmp(before, original) != 0;
    jitter = 1000 + round; /* other naps: the replay must put the calls where they were */
    live(&(life){.policy = policy, .seed = 5, .clock = clocks[round % 2], .replay = "threads", .record = "again"}, fed_by_threads);
    CHECK_SAYS(history, original);
    CHECK(strcmp(history, original) == 0);
    CHECK(equal_files("threads", "again"));
    free(before);
    before = original;
  }
  free(before);
  CHECK(different > 0); /* else there would be nothing to put back */
}

static int fetched[5];
static void *fetch(void *arg) {
  uint64_t value = 0;
  pthread_setname_np(pthread_self(), "fetcher");
  for (int turn = 0; turn < 5; turn += 1) {
    const strand_status status = strand_chan_recv(inbox, &value, strand_after(MILLISECONDS(turn % 2 ? 1 : 50)));
    fetched[turn] = status == STRAND_OK ? (int)value : (int)status;
  }
  return arg;
}
static void *serve(void *arg) {
  for (uint64_t value = 1; value <= 3; value += 1) {
    const strand_status slept = strand_sleep(MILLISECONDS(2));
    CHECK(slept == STRAND_OK || slept == STRAND_ERR_CANCELLED); /* the wait for all may have timed out between two fetches */
    const strand_status status = strand_chan_send(inbox, &value, STRAND_FOREVER);
    CHECK(status == STRAND_OK || status == STRAND_ERR_CANCELLED); /* nobody fetches it any more */
  }
  return arg;
}
static void threads_wait_inside_of_calls(void) {
  inbox = new_channel(sizeof(uint64_t), 0);
  spawn(serve, NULL);
  pthread_t fetcher = start_thread(fetch, NULL);
  const strand_status status = strand_wait_all(strand_after(SECONDS(20)));
  if (status != STRAND_ERR_DEADLOCK && status != STRAND_ERR_TIMEOUT) CHECK_OK(status); /* when the fetcher gave up, the server waits in vain */
  join_thread(fetcher);
  for (int turn = 0; turn < 5; turn += 1) note("%d ", fetched[turn]);
}
static void waits_of_os_threads_end_as_they_did(void) {
  for (int round = 0; round < scaled(10) + 2; round += 1) {
    const uint32_t clock = round % 2 ? STRAND_CLOCK_REAL : STRAND_CLOCK_VIRTUAL;
    live(&(life){.clock = clock, .record = "waits"}, threads_wait_inside_of_calls);
    char *original = copy_of_history();
    live(&(life){.clock = clock, .replay = "waits"}, threads_wait_inside_of_calls);
    CHECK_SAYS(history, original);
    CHECK(strcmp(history, original) == 0);
    free(original);
  }
}

/* -------------------------------------------------------------------------------------------- bytes of its own */

static size_t input_length = 16;
static uint32_t input_kind = 7;
static void *use_random_bytes(void *arg) {
  unsigned char random[16];
  const int source = open("/dev/urandom", O_RDONLY);
  (void)arg;
  CHECK(source >= 0);
  for (int turn = 0; turn < 4; turn += 1) {
    CHECK_EQUAL(read(source, random, sizeof random), (ssize_t)sizeof random);
    const strand_status status = strand_input(input_kind, random, input_length);
    if (status != STRAND_OK) {
      note("%d ", (int)status);
      continue;
    }
    for (size_t at = 0; at < input_length; at += 1) note("%02x", random[at]);
    for (unsigned yields = random[0] % 8u; yields > 0; yields -= 1) CHECK_OK(strand_yield());
  }
  close(source);
  return NULL;
}
static strand_status input_status;
static void input_program(void) {
  unsigned char nothing = 0;
  CHECK_OK(strand_input(1, &nothing, 1));
  CHECK_OK(strand_input(1, NULL, 0));
  spawn(use_random_bytes, NULL);
  input_status = strand_scheduler_run();
}
static void bytes_given_to_input_come_back(void) {
  live(&(life){.record = "input"}, input_program);
  CHECK_OK(input_status);
  char *original = copy_of_history();
  live(&(life){0}, input_program);
  CHECK(strcmp(history, original) != 0);
  live(&(life){.replay = "input"}, input_program);
  CHECK_OK(input_status);
  CHECK(strcmp(history, original) == 0);
  free(original);
  input_length = 15;
  live(&(life){.replay = "input"}, input_program);
  CHECK_STATUS(STRAND_ERR_REPLAY, input_status);
  CHECK_SAYS(history, "-17");
  input_length = 16;
  input_kind = 8;
  live(&(life){.replay = "input"}, input_program);
  CHECK_STATUS(STRAND_ERR_REPLAY, input_status);
  input_kind = 7;
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_input(1, NULL, 0));
}

/* ------------------------------------------------------------------------------------------- another program */

static int more_turns, more_yields;
static void *take_turns(void *arg) {
  const int turns = 30 + (arg == NULL ? more_turns : more_yields);
  for (int turn = 0; turn < turns; turn += 1) {
    if (strand_yield() == STRAND_ERR_CANCELLED) return NULL; /* the run was left */
  }
  return NULL;
}
static void turns(void) {
  spawn_named("first", take_turns, NULL);
  spawn_named("second", take_turns, "");
}
static char logged[TEXT_CAPACITY];
static void keep_log(uint32_t level, const char *message, size_t length, void *data) {
  (void)level;
  (void)length;
  (void)data;
  strncat(logged, message, sizeof logged - strlen(logged) - 2);
  strcat(logged, "\n");
}
static strand_status begin_logged(const char *replay) {
  strand_config config = default_config(0);
  config.replay = replay;
  config.log = keep_log;
  logged[0] = 0;
  return strand_scheduler_init(&config);
}
static void a_run_that_differs_is_told_and_everything_that_drives_says_so(void) {
  uint64_t value = 0;
  strand_step_result result = {.size = sizeof result};
  CHECK_OK(begin(&(life){.record = "turns,explicit"}));
  turns();
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  more_turns = -10; /* the first strand ends where the recording picks it again */
  CHECK_OK(begin_logged("turns"));
  turns();
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("replay of 'turns': ");
  CHECK_LAST_ERROR_SAYS("PICK_");
  CHECK_LAST_ERROR_SAYS("ready: ");
  CHECK_LAST_ERROR_SAYS("of 42 steps:");
  CHECK_LAST_ERROR_SAYS("step 11: ");
  CHECK_LAST_ERROR_SAYS(" yields");
  CHECK_SAYS(logged, "replay of 'turns': ");
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_step(1, &result));
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_chan_recv(new_channel(8, 1), &value, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("replay of 'turns': ");
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(new_channel(8, 1), &value, STRAND_NO_WAIT));
  stop_runtime();
  more_turns = 10;
  CHECK_OK(begin_logged("turns"));
  turns();
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_run());
  stop_runtime();
  more_turns = 0;
}
static void predicted_picks_are_compared_by_what_the_steps_do(void) {
  CHECK_OK(begin(&(life){.record = "turns"}));
  turns();
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  more_yields = 1; /* one step more: the recording has ended */
  CHECK_OK(begin_logged("turns"));
  turns();
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("EXHAUSTED");
  CHECK_LAST_ERROR_SAYS("\"second\"");
  stop_runtime();
  more_yields = 0;
  CHECK_OK(begin_logged("turns")); /* nothing is run: everything is left over */
  turns();
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_shutdown(STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("LEFTOVER");
  CHECK_OK(begin_logged("turns")); /* other strands do as many steps */
  spawn_named("second", take_turns, "");
  spawn_named("first", take_turns, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  more_turns = 2000;
  CHECK_OK(begin(&(life){.record = "turns"}));
  turns();
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  CHECK_OK(begin_logged("turns")); /* as many steps, but another strand makes one of them */
  more_turns = 1999;
  more_yields = 1;
  turns();
  CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("CHECK");
  stop_runtime();
  more_turns = more_yields = 0;
}

/* ------------------------------------------------------------------------------------------- files that are not */

static void refused(strand_status status, const life *how, const char *says) {
  const strand_status got = begin(how);
  if (got != status) printf("replay %s, expected to say %s\n", how->replay, says);
  CHECK_STATUS(status, got);
  CHECK_LAST_ERROR_SAYS(says);
}
static void what_is_no_recording_of_this_run_is_refused_by_init(void) {
  live(&(life){.policy = STRAND_POLICY_RANDOM, .seed = 9, .record = "good"}, traffic);
  refused(STRAND_ERR_IO, &(life){.replay = "missing"}, "recording 'missing': cannot open it: No such file");
  refused(STRAND_ERR_IO, &(life){.replay = "."}, "not a regular file");
  refused(STRAND_ERR_INVALID, &(life){.replay = ""}, "replay (STRAND_REPLAY) is empty: expected the name of a file");
  refused(STRAND_ERR_INVALID, &(life){.record = ""}, "record (STRAND_RECORD) is empty: expected the name of a file");
  refused(STRAND_ERR_IO, &(life){.record = "no/such/folder"}, "cannot create it");
  refused(STRAND_ERR_INVALID, &(life){.replay = "good", .record = "good"}, "use two files");
  refused(STRAND_ERR_INVALID, &(life){.replay = "good,patience=soon"}, "whole number of seconds");
  refused(STRAND_ERR_REPLAY, &(life){.policy = STRAND_POLICY_PCT, .replay = "good"}, "POLICY");
  refused(STRAND_ERR_REPLAY, &(life){.policy = STRAND_POLICY_PCT, .replay = "good"}, "the recording has policy 6, the run has policy 7");
  refused(STRAND_ERR_REPLAY, &(life){.seed = 10, .replay = "good"}, "the recording has seed 9, the run has seed 10");
  refused(STRAND_ERR_REPLAY, &(life){.clock = STRAND_CLOCK_REAL, .replay = "good"}, "HEADER");
  write_file("empty", (const unsigned char *)"", 0);
  refused(STRAND_ERR_REPLAY, &(life){.replay = "empty"}, "empty");
  write_file("text", (const unsigned char *)"not a recording but quite a long line of text, longer than a header, it is really long, so long\n", 97);
  refused(STRAND_ERR_REPLAY, &(life){.replay = "text"}, "text");
  /* After all of this: */
  live(&(life){.replay = "good"}, traffic);
}

static void every_changed_byte_is_refused(void) {
  live(&(life){.record = "good"}, traffic);
  bytes good = read_file("good");
  for (size_t at = 0; at < good.length; at += 1) {
    strand_recording_summary summary = {.size = sizeof summary};
    good.at[at] ^= (unsigned char)(1u << at % 8u);
    write_file("bad", good.at, good.length);
    const strand_status status = strand_recording_verify("bad", &summary);
    CHECK(status == STRAND_ERR_REPLAY);
    CHECK(begin(&(life){.replay = "bad"}) == status);
    good.at[at] ^= (unsigned char)(1u << at % 8u);
  }
  free(good.at);
}
static void one_that_was_cut_off_is_followed_as_far_as_it_goes(void) {
  live(&(life){.record = "good"}, traffic);
  char *original = copy_of_history();
  bytes good = read_file("good");
  int followed = 0;
  for (size_t length = 0; length < good.length; length += 1) {
    strand_recording_summary summary = {.size = sizeof summary};
    write_file("cut", good.at, length);
    const strand_status status = begin(&(life){.replay = "cut"});
    CHECK_STATUS(status, strand_recording_verify("cut", &summary));
    if (status == STRAND_OK) {
      CHECK_EQUAL(summary.complete, 0);
      traffic();
      CHECK(strcmp(history, original) == 0); /* past its end the policy decides, and would have decided the same */
      CHECK_STATUS(STRAND_ERR_REPLAY, strand_scheduler_shutdown(STRAND_FOREVER));
      CHECK_LAST_ERROR_SAYS("TRUNCATED");
      followed += 1;
    } else {
      CHECK_STATUS(STRAND_ERR_REPLAY, status);
    }
  }
  CHECK(followed > 2);
  free(good.at);
  free(original);
}

/* ------------------------------------------------------------------------------------------------ verify, print */

static char printed[1 << 16];
static int32_t keep_text(const char *text, size_t length, void *data) {
  CHECK(strlen(printed) + length < sizeof printed);
  strncat(printed, text, length);
  return data != NULL;
}
static void a_recording_is_verified_and_printed_without_a_runtime(void) {
  strand_recording_summary summary = {.size = sizeof summary};
  live(&(life){.policy = STRAND_POLICY_RANDOM, .seed = 77, .clock = STRAND_CLOCK_REAL, .record = "good,explicit"}, input_program);
  CHECK_OK(strand_recording_verify("good", &summary));
  CHECK_EQUAL(summary.complete, 1);
  CHECK_EQUAL(summary.status, 0);
  CHECK_EQUAL(summary.explicit_picks, 1);
  CHECK_EQUAL(summary.policy, STRAND_POLICY_RANDOM);
  CHECK_EQUAL(summary.clock, STRAND_CLOCK_REAL);
  CHECK_EQUAL(summary.seed, 77);
  CHECK(summary.steps > 0 && summary.events > 4 && summary.bytes > 100);
  CHECK_OK(strand_recording_verify("good", NULL));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_recording_verify(NULL, &summary));
  CHECK_STATUS(STRAND_ERR_IO, strand_recording_verify("missing", &summary));
  CHECK_OK(strand_recording_print("good", keep_text, NULL));
  CHECK_SAYS(printed, "recording, version 1.0\n");
  CHECK_SAYS(printed, "policy 6, seed 77");
  CHECK_SAYS(printed, "bytes of the program (kind 7, 16 bytes)");
  CHECK_SAYS(printed, "end: status 0");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_recording_print("good", NULL, NULL));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_recording_print(NULL, keep_text, NULL));
  CHECK_STATUS(STRAND_ERR_IO, strand_recording_print("missing", keep_text, NULL));
  printed[0] = 0;
  CHECK_STATUS(STRAND_ERR_IO, strand_recording_print("good", keep_text, ""));
  CHECK_SAYS(printed, "recording, version 1.0\n");
  CHECK(strchr(printed, '\n')[1] == 0);
}

/* --------------------------------------------------------------------------------------- processes that just end */

static volatile uintptr_t nowhere = 8; /* nothing is there, and the compiler does not know */
static void *crash(void *arg) {
  for (int turn = 0; turn < 10; turn += 1) CHECK_OK(strand_yield());
  if (arg != NULL) abort();
  *(volatile int *)nowhere = 1;
  return NULL;
}
static void end_by_abort(void) {
  CHECK_OK(begin(&(life){.record = "abort"}));
  CHECK_OK(strand_input(3, "known", 0));
  spawn(crash, "");
  (void)strand_scheduler_run();
}
static void end_by_fault(void) {
  CHECK_OK(begin(&(life){.record = "fault"}));
  CHECK_OK(strand_input(3, "known", 0));
  spawn(crash, NULL);
  (void)strand_scheduler_run();
}
static void *leave_now(void *arg) {
  (void)arg;
  CHECK_OK(strand_yield());
  exit(0);
}
static void end_by_exit(void) {
  CHECK_OK(begin(&(life){.record = "exit"}));
  spawn(leave_now, NULL);
  (void)strand_scheduler_run();
}
static void end_by_exit_elsewhere(void) {
  CHECK_OK(begin(&(life){.replay = "exit"}));
  exit(0);
}
static void a_process_that_dies_or_just_ends_leaves_a_recording(void) {
  static child result;
  strand_recording_summary summary = {.size = sizeof summary};
  run_child(&result, end_by_abort);
  CHECK_CHILD_CRASHED(&result);
  CHECK_OK(strand_recording_verify("abort", &summary));
  CHECK_EQUAL(summary.complete, 0);
  CHECK_EQUAL(summary.steps, 10); /* not the one in which it died */
  run_child(&result, end_by_fault);
  CHECK_CHILD_CRASHED(&result);
  CHECK_OK(strand_recording_verify("fault", &summary));
  CHECK_EQUAL(summary.complete, 0);
  CHECK_EQUAL(summary.steps, 10); /* not the one in which it died */
  run_child(&result, end_by_exit);
  CHECK_CHILD_EXITED(&result, 0);
  CHECK_OK(strand_recording_verify("exit", &summary));
  CHECK_EQUAL(summary.complete, 1);
  run_child(&result, end_by_exit_elsewhere);
  CHECK_SAYS(result.text, "libstrand: replay of 'exit': LEFTOVER");
}

int main(void) {
  CLAIM(a_process_that_dies_or_just_ends_leaves_a_recording); /* before the runtime was ever there */
  CLAIM(every_policy_is_recorded_and_has_the_same_run_again);
  CLAIM(the_same_seed_makes_the_same_bytes_and_another_makes_others);
  CLAIM(readings_of_the_real_clock_come_back_and_sleeping_takes_no_time);
  CLAIM(os_threads_act_where_they_did);
  CLAIM(waits_of_os_threads_end_as_they_did);
  CLAIM(bytes_given_to_input_come_back);
  CLAIM(a_run_that_differs_is_told_and_everything_that_drives_says_so);
  CLAIM(predicted_picks_are_compared_by_what_the_steps_do);
  CLAIM(what_is_no_recording_of_this_run_is_refused_by_init);
  CLAIM(every_changed_byte_is_refused);
  CLAIM(one_that_was_cut_off_is_followed_as_far_as_it_goes);
  CLAIM(a_recording_is_verified_and_printed_without_a_runtime);
  return 0;
}
