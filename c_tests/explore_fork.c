/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared,dlopen opt=O0,O2 instruments=none */
/* test: engines=none engines-why="it runs programs of its own with STRAND_EXPLORE set" */
/*
 * STRAND_EXPLORE and STRAND_REPLAY on programs that know nothing of them. The programs are this one: with an argument
 * it is the program of that name, without one it runs them and looks at status, standard output and standard error.
 */
#include "harness.h"

#include <sys/stat.h>

/* ------------------------------------------------------------------------------------------------- the programs */

static void init_or_tell(const strand_config *config) {
  if (strand_scheduler_init(config) != STRAND_OK) {
    char error[TEXT_CAPACITY];
    strand_last_error(error, sizeof error);
    fprintf(stderr, "init: %s\n", error);
    exit(5);
  }
}

static int run_or_tell(void) {
  const strand_status status = strand_scheduler_run();
  if (status != STRAND_OK) {
    char error[TEXT_CAPACITY];
    strand_last_error(error, sizeof error);
    fprintf(stderr, "run: %s: %s\n", strand_status_name(status), error);
    return 4;
  }
  return 0;
}

static int balance, order, turns_of_user = 40;
static void *deposit(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 3; turn += 1) {
    const int read = balance;
    CHECK_OK(strand_yield());
    balance = read + 1;
  }
  return NULL;
}
static void *deposit_at_once(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 3; turn += 1) {
    balance += 1;
    CHECK_OK(strand_yield());
  }
  return NULL;
}
static void *deposits(void *entry) {
  strand_entry one = *(strand_entry *)entry;
  printf("the bank opens\n");
  const strand_id first = spawn_named("first", one, NULL), second = spawn_named("second", one, NULL);
  CHECK_OK(strand_join(first, STRAND_FOREVER));
  CHECK_OK(strand_join(second, STRAND_FOREVER));
  strand_assert(balance == 6, "no deposit is lost");
  return NULL;
}
static int deposits_program(strand_entry one) {
  static strand_entry entry;
  entry = one;
  init_or_tell(NULL);
  spawn_named("bank", deposits, &entry);
  const int code = run_or_tell();
  printf("balance %d\n", balance);
  return code;
}

/* Somewhere in the middle of the first's ten turns the second runs: bad when it is in the fifth. */
static void *ten_turns(void *unused) {
  (void)unused;
  for (order = 1; order <= 10; order += 1) CHECK_OK(strand_yield());
  return NULL;
}
static void *at_five(void *how) {
  if (order != 5) return NULL;
  switch (*(const char *)how) {
    case 'a': abort();
    case 's': kill(getpid(), SIGUSR1); break;
    case 'x': exit(7);
    case 'f': strand_fail(STRAND_ERR_LIMIT, "five is too many", 16);
  }
  return NULL;
}
static int five_program(const char *how) {
  init_or_tell(NULL);
  spawn(ten_turns, NULL);
  spawn(at_five, (void *)(uintptr_t)how);
  return run_or_tell();
}
static int status_of_five(void) { /* main itself says it failed, long after */
  init_or_tell(NULL);
  static int met;
  spawn(ten_turns, NULL);
  spawn(at_five, (void *)(uintptr_t) "-");
  met = run_or_tell();
  return met;
}

/* examples/pool.c, cut short. */
static strand_chan pool;
static int closing;
static void *use_pool(void *unused) {
  uint64_t connection = 1;
  (void)unused;
  for (int turn = 0; turn < turns_of_user; turn += 1) CHECK_OK(strand_yield());
  if (!closing) CHECK_OK(strand_chan_send(pool, &connection, STRAND_FOREVER));
  return NULL;
}
static void *close_pool(void *unused) {
  uint64_t connection;
  (void)unused;
  closing = 1;
  while (strand_chan_recv(pool, &connection, STRAND_NO_WAIT) == STRAND_OK) continue;
  return NULL;
}
static void *serve(void *unused) {
  uint64_t connection;
  (void)unused;
  const strand_id user = spawn_named("user", use_pool, NULL), closer = spawn_named("closer", close_pool, NULL);
  CHECK_OK(strand_join(user, STRAND_FOREVER));
  CHECK_OK(strand_join(closer, STRAND_FOREVER));
  strand_assert(strand_chan_recv(pool, &connection, STRAND_NO_WAIT) != STRAND_OK, "every connection is closed");
  return NULL;
}
static int pool_program(void) {
  init_or_tell(NULL);
  pool = new_channel(8, 4);
  spawn_named("server", serve, NULL);
  return run_or_tell();
}

static void *wait_for_ever(void *unused) {
  uint64_t value;
  (void)unused;
  strand_chan_recv(pool, &value, STRAND_FOREVER);
  return NULL;
}
static int deadlock_program(void) {
  init_or_tell(NULL);
  pool = new_named_channel("nobody's", 8, 0);
  spawn_named("left alone", wait_for_ever, NULL);
  return run_or_tell();
}

static void *never_end(void *unused) {
  (void)unused;
  for (;;) CHECK_OK(strand_yield());
  return NULL;
}
static int endless_program(void) {
  init_or_tell(NULL);
  spawn_named("wheel", never_end, NULL);
  return run_or_tell();
}

static void *stay(void *unused) { /* until the process ends */
  while (pause() < 0) continue;
  return unused;
}
static int thread_before_program(void) {
  start_thread(stay, NULL);
  return deposits_program(deposit_at_once);
}
static void *do_nothing(void *unused) { return unused; }
static void *start_a_quiet_thread(void *unused) {
  join_thread(start_thread(do_nothing, NULL));
  CHECK_OK(strand_yield());
  return unused;
}
static int thread_quiet_program(void) {
  CHECK_OK(strand_scheduler_init(NULL));
  spawn(start_a_quiet_thread, NULL);
  return strand_scheduler_run() != STRAND_OK;
}

static void *send_from_thread(void *unused) {
  const uint64_t value = 1;
  strand_chan_send(pool, &value, STRAND_FOREVER);
  return unused;
}
static void *start_a_thread(void *unused) {
  uint64_t value;
  strand_external_acquire();
  start_thread(send_from_thread, NULL);
  strand_chan_recv(pool, &value, STRAND_FOREVER);
  strand_external_release();
  return unused;
}
static int thread_later_program(void) {
  init_or_tell(NULL);
  pool = new_channel(8, 1);
  spawn(start_a_thread, NULL);
  return run_or_tell();
}

/* A line for each schedule in a file: what it was given. */
static int diary_program(void) {
  printf("before init, not flushed;");
  fprintf(stderr, "error before init\n");
  init_or_tell(NULL);
  static strand_entry entry = deposit_at_once;
  spawn(deposits, &entry);
  printf("in a schedule\n");
  const int code = run_or_tell();
  FILE *diary = fopen("diary", "a");
  fprintf(diary, "%" PRId64 " files %" PRId64 " threads\n", count_open_files(), count_threads());
  fclose(diary);
  return code;
}

static int config_program(void) {
  strand_config config = default_config(0);
  config.explore = "pct:depth=2,seed=5";
  init_or_tell(&config);
  static strand_entry entry = deposit;
  spawn(deposits, &entry);
  return run_or_tell();
}

static void *expect_no_cancel(void *unused) {
  (void)unused;
  for (int turn = 0; turn < 10; turn += 1) strand_assert(strand_yield() == STRAND_OK, "nobody is cancelled");
  return NULL;
}
static int unprepared_program(void) {
  init_or_tell(NULL);
  spawn_named("careless", expect_no_cancel, NULL);
  spawn_named("careless too", expect_no_cancel, NULL);
  return run_or_tell();
}

static int first_to_run;
static void *come_first(void *number) {
  if (first_to_run == 0) first_to_run = (int)(intptr_t)number;
  return NULL;
}
static int seven_program(void) {
  init_or_tell(NULL);
  for (intptr_t number = 1; number <= 7; number += 1) spawn(come_first, (void *)number);
  const int code = run_or_tell();
  return first_to_run == 7 ? 9 : code;
}

static int program_named(const char *name) {
  if (strcmp(name, "deposits") == 0) return deposits_program(deposit);
  if (strcmp(name, "correct") == 0) return deposits_program(deposit_at_once);
  if (strcmp(name, "abort") == 0) return five_program("a");
  if (strcmp(name, "signal") == 0) return five_program("s");
  if (strcmp(name, "exit") == 0) return five_program("x");
  if (strcmp(name, "fault") == 0) return five_program("f");
  if (strcmp(name, "harmless") == 0) return status_of_five();
  if (strcmp(name, "pool") == 0) return pool_program();
  if (strcmp(name, "deadlock") == 0) return deadlock_program();
  if (strcmp(name, "endless") == 0) return endless_program();
  if (strcmp(name, "thread_before") == 0) return thread_before_program();
  if (strcmp(name, "thread_later") == 0) return thread_later_program();
  if (strcmp(name, "thread_quiet") == 0) return thread_quiet_program();
  if (strcmp(name, "diary") == 0) return diary_program();
  if (strcmp(name, "config") == 0) return config_program();
  if (strcmp(name, "unprepared") == 0) return unprepared_program();
  if (strcmp(name, "seven") == 0) return seven_program();
  fprintf(stderr, "no such program\n");
  return 6;
}

/* ------------------------------------------------------------------------------------------------- running them */

typedef struct told {
  int status;
  char out[TEXT_CAPACITY];
  char err[TEXT_CAPACITY];
  char token[1024];
} told;

static void read_back(const char *path, char *text) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0);
  ssize_t length = 0, got;
  while ((got = read(file, text + length, (size_t)(TEXT_CAPACITY - 1 - length))) > 0) length += got;
  text[length] = '\0';
  close(file);
}

/* Runs a program with a variable set; standard output and standard error are files, as in a script. */
static told run_program(const char *name, const char *variable, const char *value) {
  static told result;
  memset(&result, 0, sizeof result);
  fflush(stdout);
  const pid_t process = fork();
  CHECK(process >= 0);
  if (process == 0) {
    unsetenv("LIBSTRAND_TEST_CLAIM");
    if (variable != NULL) setenv(variable, value, 1);
    CHECK(dup2(open("out", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600), 1) == 1);
    CHECK(dup2(open("err", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600), 2) == 2);
    for (int file = 3; file < 64; file += 1) close(file);
    alarm(120);
    execl("/proc/self/exe", "explore_fork", name, (char *)NULL);
    _exit(99);
  }
  CHECK_EQUAL(waitpid(process, &result.status, 0), process);
  read_back("out", result.out);
  read_back("err", result.err);
  const char *token = strstr(result.err, "STRAND_REPLAY=");
  if (token != NULL) {
    CHECK(token == result.err || token[-1] == '\n'); /* a line of its own */
    token += strlen("STRAND_REPLAY=");
    const size_t length = strcspn(token, "\n");
    CHECK_NUMBERS(length, <, sizeof result.token);
    memcpy(result.token, token, length);
  }
  return result;
}
static told explored(const char *name, const char *plan) { return run_program(name, "STRAND_EXPLORE", plan); }
static told replayed(const char *name, const char *token) { return run_program(name, "STRAND_REPLAY", token); }

static void check_ended(int line, told result, int code) {
  if (!WIFEXITED(result.status) || WEXITSTATUS(result.status) != code) {
    fprintf(stderr, "%s:%d: expected exit %d, wait status is 0x%x\nstdout:\n%s\nstderr:\n%s\n", __FILE__, line, code,
            (unsigned)result.status, result.out, result.err);
    _exit(1);
  }
}
#define CHECK_ENDED(result, code) check_ended(__LINE__, (result), (code))

static int count_of(const char *text, const char *words) {
  int count = 0;
  for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words)) count += 1;
  return count;
}

/* ---------------------------------------------------------------------------------------------------- the claims */

static void control_without_the_variable_the_programs_run_as_ever(void) {
  static const char *const names[] = {"correct", "harmless", "pool"};
  for (size_t at = 0; at < sizeof names / sizeof *names; at += 1) {
    const told result = run_program(names[at], NULL, NULL);
    CHECK_ENDED(result, 0);
    CHECK_EQUAL(strlen(result.err), 0);
  }
}

static void a_failing_schedule_is_reported_with_a_token_and_status_1(void) {
  static const char *const plans[] = {"random", "pct", "pct:depth=2,jobs=1", "exhaustive", "exhaustive:preemptions=0"};
  for (size_t at = 0; at < sizeof plans / sizeof *plans; at += 1) {
    const told found = explored("deposits", plans[at]);
    CHECK_ENDED(found, 1);
    CHECK_SAYS(found.err, "libstrand: schedule ");
    CHECK_SAYS(found.err, "\"bank\" failed with STRAND_ERR_FAILED");
    CHECK_SAYS(found.err, "no deposit is lost");
    CHECK_SAYS(found.err, "\"first\" yields");
    CHECK(found.token[0] != '\0');
    for (int again = 0; again < 2; again += 1) {
      const told back = replayed("deposits", found.token);
      CHECK_ENDED(back, 1);
      CHECK_SAYS(back.err, "no deposit is lost");
      CHECK_SAYS(back.err, "\"first\" yields");
    }
    const told mended = replayed("correct", found.token);
    CHECK_ENDED(mended, 0);
  }
}

static void without_a_failure_it_says_how_many_and_ends_with_0(void) {
  told result = explored("correct", "random:runs=150");
  CHECK_ENDED(result, 0);
  CHECK_SAYS(result.err, "libstrand: explored 150 schedules of random:seed=1, ");
  CHECK_SAYS(result.err, "none failed\n");
  CHECK_EQUAL(strlen(result.out), 0);
  result = explored("correct", "pct:runs=150,depth=4,seed=8,jobs=2");
  CHECK_ENDED(result, 0);
  CHECK_SAYS(result.err, "explored 150 schedules of pct:depth=4,seed=8");
  result = explored("seven", "exhaustive:runs=20");
  CHECK_ENDED(result, 0);
  CHECK_SAYS(result.err, "explored 20 schedules of exhaustive:preemptions=2");
  result = explored("harmless", "exhaustive");
  CHECK_ENDED(result, 0);
  CHECK_SAYS(result.err, "explored all schedules with at most 2 preemptions: 12, "); /* the second strand before, between or after eleven steps */
}

static void abort_signal_status_and_fault_all_fail_a_schedule(void) {
  static const char *const cases[][2] = {{"abort", "signal 6"},
                                         {"signal", "signal 10"},
                                         {"exit", "status 7"},
                                         {"fault", "five is too many"}};
  for (size_t at = 0; at < sizeof cases / sizeof *cases; at += 1) {
    const told found = explored(cases[at][0], "exhaustive");
    CHECK_ENDED(found, 1);
    CHECK_SAYS(found.err, cases[at][1]);
    CHECK(found.token[0] != '\0');
    /* The replay ends as the program ends. */
    const told back = replayed(cases[at][0], found.token);
    if (strcmp(cases[at][0], "abort") == 0) {
      CHECK(WIFSIGNALED(back.status) && WTERMSIG(back.status) == SIGABRT);
    } else if (strcmp(cases[at][0], "signal") == 0) {
      CHECK(WIFSIGNALED(back.status) && WTERMSIG(back.status) == SIGUSR1);
    } else {
      CHECK_ENDED(back, strcmp(cases[at][0], "exit") == 0 ? 7 : 1);
    }
  }
  CHECK_ENDED(explored("harmless", "exhaustive"), 0); /* control: the same strands, and nobody minds */
}

static void a_deadlock_and_a_schedule_without_an_end_fail(void) {
  told found = explored("deadlock", "random");
  CHECK_ENDED(found, 1);
  CHECK_SAYS(found.err, "schedule 1 of");
  CHECK_SAYS(found.err, "deadlock: 1 strand");
  CHECK_SAYS(found.err, "\"left alone\" waits to receive");
  CHECK_ENDED(replayed("deadlock", found.token), 1);
  found = explored("endless", "random:max_steps=300");
  CHECK_ENDED(found, 1);
  CHECK_SAYS(found.err, "300 steps");
}

static void pct_finds_what_chance_does_not(void) {
  told found = explored("pool", "pct:depth=2");
  CHECK_ENDED(found, 1);
  CHECK_SAYS(found.err, "every connection is closed");
  CHECK_SAYS(found.err, "\"user\" is held up before a call");
  CHECK_SAYS(found.err, "\"closer\" ends");
  CHECK_ENDED(replayed("pool", found.token), 1);
  CHECK_ENDED(explored("pool", "random:runs=2000"), 0);
  CHECK_ENDED(explored("pool", "pct:depth=1,runs=2000"), 0);
}

/* "schedule N of" in the report. */
static long schedule_of(const told *found) {
  const char *at = strstr(found->err, "libstrand: schedule ");
  CHECK(at != NULL);
  return strtol(at + strlen("libstrand: schedule "), NULL, 10);
}
static void the_same_plan_finds_the_same_schedule_and_token_whatever_runs_beside_it(void) {
  long last = 0;
  int different = 0;
  for (int seed = 1; seed <= 3; seed += 1) {
    char plan[64], token[1024] = "";
    long number = 0;
    for (int jobs = 1; jobs <= 3; jobs += 1) {
      snprintf(plan, sizeof plan, "pct:depth=2,seed=%d,jobs=%d", seed, jobs);
      const told found = explored("pool", plan);
      CHECK_ENDED(found, 1);
      if (jobs > 1) {
        CHECK_EQUAL(schedule_of(&found), number);
        CHECK(strcmp(found.token, token) == 0);
      }
      number = schedule_of(&found);
      memcpy(token, found.token, sizeof token);
    }
    different += seed > 1 && number != last;
    last = number;
  }
  CHECK_NUMBERS(different, >, 0); /* control: seeds matter */
}

static void output_is_shown_once_for_the_failing_schedule_and_kept_when_asked(void) {
  told found = explored("correct", "random:runs=30");
  CHECK_EQUAL(count_of(found.out, "balance"), 0);
  found = explored("correct", "random:runs=30,output=keep");
  CHECK_ENDED(found, 0);
  CHECK_EQUAL(count_of(found.out, "balance 6\n"), 30);
  /* The bank that loses deposits tells what it had, in the one schedule that is shown. */
  found = explored("deposits", "random");
  CHECK_ENDED(found, 1);
  CHECK_EQUAL(count_of(found.out, "the bank opens\n"), 1);
}

static void what_was_printed_before_init_comes_out_once(void) {
  unlink("diary");
  told result = explored("diary", "random:runs=40,output=keep,jobs=2");
  CHECK_ENDED(result, 0);
  CHECK_EQUAL(count_of(result.out, "before init, not flushed;"), 1);
  CHECK_EQUAL(count_of(result.out, "in a schedule\n"), 40);
  CHECK_EQUAL(count_of(result.err, "error before init\n"), 1);
  unlink("diary");
  result = explored("diary", "random:runs=40");
  CHECK_EQUAL(count_of(result.out, "before init, not flushed;"), 1);
  CHECK_EQUAL(count_of(result.out, "in a schedule\n"), 0);
}

static void every_schedule_is_a_whole_run_with_the_same_files_and_one_thread(void) {
  char diary[TEXT_CAPACITY], line[64];
  unlink("diary");
  CHECK_ENDED(explored("diary", "random:runs=200,jobs=2"), 0);
  read_back("diary", diary);
  const size_t length = strcspn(diary, "\n") + 1;
  CHECK_NUMBERS(length, <, sizeof line);
  memcpy(line, diary, length);
  line[length] = '\0';
  CHECK_EQUAL(count_of(diary, line), 200); /* all alike, the last as the first */
  CHECK_SAYS(line, " 1 threads");
  /* as many files as without exploring, and at most one more */
  const long files = strtol(line, NULL, 10);
  unlink("diary");
  CHECK_ENDED(run_program("diary", NULL, NULL), 0);
  read_back("diary", diary);
  CHECK_NUMBERS(files, >=, strtol(diary, NULL, 10));
  CHECK_NUMBERS(files, <=, strtol(diary, NULL, 10) + 2);
}

static void a_process_with_another_thread_is_refused_with_advice(void) {
  const told result = explored("thread_before", "random");
  CHECK_ENDED(result, 5);
  CHECK_SAYS(result.err, "init: ");
  CHECK_SAYS(result.err, "one thread");
  CHECK_SAYS(result.err, "strand_explore");
  CHECK_ENDED(run_program("thread_before", NULL, NULL), 0); /* control */
}

static void a_thread_that_calls_in_is_never_a_pass(void) {
  const told result = explored("thread_later", "random:runs=5");
  CHECK_ENDED(result, 1);
  CHECK_SAYS(result.err, "OS thread");
  CHECK_SAYS(result.err, "cannot be explored");
  CHECK_ENDED(run_program("thread_later", NULL, NULL), 0); /* control */
}

static void a_thread_that_never_calls_in_is_no_pass_either(void) {
  const told result = explored("thread_quiet", "random:runs=5");
  CHECK_ENDED(result, 1);
  CHECK_SAYS(result.err, "has started an OS thread");
  CHECK_ENDED(run_program("thread_quiet", NULL, NULL), 0); /* control */
}

static void the_configuration_asks_as_well_and_the_environment_has_the_last_word(void) {
  told found = run_program("config", NULL, NULL);
  CHECK_ENDED(found, 1);
  CHECK_SAYS(found.err, "of pct:depth=2,seed=5 failed");
  found = explored("config", "random:seed=6");
  CHECK_ENDED(found, 1);
  CHECK_SAYS(found.err, "of random:seed=6 failed");
}

static void plans_and_tokens_that_make_no_sense_are_refused_by_init(void) {
  static const char *const wrong[][2] = {{"", "random, pct or exhaustive"},
                                         {"slow", "\"slow\""},
                                         {"pct:deep=3", "deep=3"},
                                         {"random:runs=none", "runs=none"},
                                         {"random:output=drop", "output=keep"}};
  for (size_t at = 0; at < sizeof wrong / sizeof *wrong; at += 1) {
    const told result = explored("correct", wrong[at][0]);
    CHECK_ENDED(result, 5);
    CHECK_SAYS(result.err, "STRAND_EXPLORE");
    CHECK_SAYS(result.err, wrong[at][1]);
  }
  told found = explored("deposits", "pct");
  char token[1024];
  const size_t length = strlen(found.token);
  for (size_t at = 0; at < length; at += 4) {
    memcpy(token, found.token, length + 1);
    token[at] = token[at] == 'z' ? '0' : 'z';
    const told result = replayed("correct", token);
    CHECK_ENDED(result, 5);
    memcpy(token, found.token, length + 1);
    if (at > 0) {
      token[at] = '\0';
      CHECK_ENDED(replayed("correct", token), 5);
    }
  }
  CHECK_ENDED(replayed("correct", found.token), 0); /* control */
  setenv("STRAND_EXPLORE", "random", 1);
  const told both = replayed("correct", found.token);
  unsetenv("STRAND_EXPLORE");
  CHECK_ENDED(both, 5);
  CHECK_SAYS(both.err, "both");
}

static void the_token_of_another_program_says_so(void) {
  const told found = explored("seven", "exhaustive");
  CHECK_ENDED(found, 1);
  CHECK_SAYS(found.err, "status 9");
  const told same = replayed("seven", found.token);
  CHECK_ENDED(same, 9);
  const told other = replayed("deposits", found.token);
  CHECK_ENDED(other, 1);
  CHECK_SAYS(other.err, "not one of this program");
}

static void injected_faults_come_back_by_their_token(void) {
  const told found = explored("unprepared", "random:inject=cancel");
  CHECK_ENDED(found, 1);
  CHECK_SAYS(found.token, "inject=cancel");
  CHECK_SAYS(found.err, "injected: strand");
  CHECK_SAYS(found.err, "nobody is cancelled");
  for (int again = 0; again < 2; again += 1) {
    const told back = replayed("unprepared", found.token);
    CHECK_ENDED(back, 1);
    CHECK_SAYS(back.err, "injected: strand");
    CHECK_SAYS(back.err, "nobody is cancelled");
  }
  CHECK_ENDED(explored("unprepared", "random:runs=500"), 0); /* control */
}

int main(int argc, char **argv) {
  if (argc > 1) return program_named(argv[1]);
  CLAIM(control_without_the_variable_the_programs_run_as_ever);
  CLAIM(a_failing_schedule_is_reported_with_a_token_and_status_1);
  CLAIM(without_a_failure_it_says_how_many_and_ends_with_0);
  CLAIM(abort_signal_status_and_fault_all_fail_a_schedule);
  CLAIM(a_deadlock_and_a_schedule_without_an_end_fail);
  CLAIM(pct_finds_what_chance_does_not);
  CLAIM(the_same_plan_finds_the_same_schedule_and_token_whatever_runs_beside_it);
  CLAIM(output_is_shown_once_for_the_failing_schedule_and_kept_when_asked);
  CLAIM(what_was_printed_before_init_comes_out_once);
  CLAIM(every_schedule_is_a_whole_run_with_the_same_files_and_one_thread);
  CLAIM(a_process_with_another_thread_is_refused_with_advice);
  CLAIM(a_thread_that_calls_in_is_never_a_pass);
  CLAIM(a_thread_that_never_calls_in_is_no_pass_either);
  CLAIM(the_configuration_asks_as_well_and_the_environment_has_the_last_word);
  CLAIM(plans_and_tokens_that_make_no_sense_are_refused_by_init);
  CLAIM(the_token_of_another_program_says_so);
  CLAIM(injected_faults_come_back_by_their_token);
  return 0;
}
