/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every C test shares: checks that say what was expected and what came, claims that print their name,
 * a child process whose death can be looked at, and the counters of /proc.
 *
 * A test program is one C or C++ file over strand.h alone. Its first comment tells the runner how it is run.
 * A claim is a function named like a sentence; CLAIM(name) runs it and prints "ok name". The first check that
 * fails prints one line and ends the process with status 1, from whatever strand or thread it was made on.
 * LIBSTRAND_TEST_CLAIM=word in the environment runs only the claims whose name contains the word.
 */
#ifndef LIBSTRAND_C_TESTS_HARNESS_H
#define LIBSTRAND_C_TESTS_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "strand.h"

#define MILLISECONDS(n) ((int64_t)(n) * 1000000)
#define SECONDS(n) ((int64_t)(n) * 1000000000)

/* The runner says under which instrument the program runs; there, long loops are made shorter. */
#ifndef STRAND_TEST_INSTRUMENT
#define STRAND_TEST_INSTRUMENT "none"
#endif
static inline int scaled(int count) {
  return strcmp(STRAND_TEST_INSTRUMENT, "none") == 0 || count < 50 ? count : count / 50;
}
/* With LIBSTRAND_TEST_SHORT in the environment: where the runner tries very many schedules. */
static inline int shortened(int count) {
  static int is_short = -1;
  if (is_short < 0) {
    is_short = getenv("LIBSTRAND_TEST_SHORT") != NULL;
  }
  return !is_short || count < 50 ? count : count / 50;
}

/* Room for last_error and dump texts. */
enum { TEXT_CAPACITY = 16384 };

/* ------------------------------------------------------------------------------------------------ checks */

/* Out of line, so that a check costs its caller no frame. */
#define COLD_CHECK static __attribute__((noinline, cold, unused))

COLD_CHECK void fail_now(const char *file, int line, const char *text) {
  char error[2048];
  strand_last_error(error, sizeof error);
  fprintf(stderr, "%s:%d: %s (last error: \"%s\")\n", file, line, text, error);
  fflush(stdout);
  fflush(stderr);
  _exit(1);
}

COLD_CHECK void wrong_status(const char *file, int line, const char *call, strand_status expected,
                             strand_status actual) {
  char text[512];
  snprintf(text, sizeof text, "%s: expected %s, got %s (%d)", call, strand_status_name(expected),
           strand_status_name(actual), (int)actual);
  fail_now(file, line, text);
}

COLD_CHECK void wrong_numbers(const char *file, int line, const char *what, int64_t left, int64_t right) {
  char text[512];
  snprintf(text, sizeof text, "%s does not hold: %" PRId64 " and %" PRId64, what, left, right);
  fail_now(file, line, text);
}

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition)) {                                        \
      fail_now(__FILE__, __LINE__, #condition " does not hold"); \
    }                                                          \
  } while (0)
static inline void check_status(const char *file, int line, const char *call, strand_status expected,
                                strand_status actual) {
  if (actual != expected) {
    wrong_status(file, line, call, expected, actual);
  }
}
#define CHECK_STATUS(expected, call) check_status(__FILE__, __LINE__, #call, (expected), (call))
#define CHECK_OK(call) CHECK_STATUS(STRAND_OK, call)
#define CHECK_NUMBERS(left, relation, right)                                                         \
  do {                                                                                               \
    const int64_t check_left = (int64_t)(left);                                                      \
    const int64_t check_right = (int64_t)(right);                                                    \
    if (!(check_left relation check_right)) {                                                        \
      wrong_numbers(__FILE__, __LINE__, #left " " #relation " " #right, check_left, check_right);     \
    }                                                                                                \
  } while (0)
#define CHECK_EQUAL(left, right) CHECK_NUMBERS(left, ==, right)

/* Ends the program as skipped; the runner counts it and shows the reason. */
#define SKIP(...)                \
  do {                           \
    printf("skip: " __VA_ARGS__); \
    printf("\n");                \
    fflush(stdout);              \
    exit(77);                    \
  } while (0)

static inline int is_wanted(const char *claim) {
  const char *word = getenv("LIBSTRAND_TEST_CLAIM");
  return word == NULL || strstr(claim, word) != NULL;
}
#define CLAIM(claim)             \
  do {                           \
    if (is_wanted(#claim)) {     \
      claim();                   \
      printf("ok %s\n", #claim); \
      fflush(stdout);            \
    }                            \
  } while (0)

/* ------------------------------------------------------------------------------------------------ engines */

/*
 * The same program runs on every engine: the runner chooses with STRAND_ENGINE, STRAND_POLICY and STRAND_SEED, and
 * with LIBSTRAND_TEST_WORKERS the workers of the parallel engine, whatever number the program asks for, with
 * LIBSTRAND_TEST_CLOCK=real the clock of the stepped one. A claim that
 * does not make sense on one of them says so in its place in main, and the runner counts it: it never just passes.
 */
static inline int environment_says(const char *name, const char *value) {
  const char *text = getenv(name);
  return text != NULL && strcmp(text, value) == 0;
}
static inline int is_stepped(void) { return environment_says("STRAND_ENGINE", "stepped"); }
static inline int is_may(void) { return environment_says("STRAND_ENGINE", "may"); }
static inline int is_parallel(void) { return !is_stepped(); }
/* A clock that moves when nothing else can happen, and stands still under a hold. */
static inline int is_virtual(void) { return is_stepped() && !environment_says("LIBSTRAND_TEST_CLOCK", "real"); }
static inline int is_policy(const char *name) { return is_stepped() && environment_says("STRAND_POLICY", name); }
/* Strands come to their turns in order, and not by lot. */
static inline int takes_turns(void) { return !is_policy("random") && !is_policy("pct"); }

static inline uint32_t workers_told(uint32_t written) {
  const char *text = getenv("LIBSTRAND_TEST_WORKERS");
  return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : written;
}
/* How many run where the program asks for so many. */
static inline uint32_t workers_there(uint32_t written) { return is_stepped() ? 1 : workers_told(written); }
/* Parallel, with as many workers as the program is written for. */
static inline int has_workers_as_written(void) { return is_parallel() && getenv("LIBSTRAND_TEST_WORKERS") == NULL; }

/* A strand can be kept on one worker. */
static inline int has_homes(void) { return !is_may() || workers_there(2) == 1; }

#define CLAIM_IF(applies, claim, why)                            \
  do {                                                           \
    if (applies) {                                               \
      CLAIM(claim);                                              \
    } else if (is_wanted(#claim)) {                              \
      printf("not applicable: %s: %s\n", #claim, (why));         \
      fflush(stdout);                                            \
    }                                                            \
  } while (0)

/* The message of the last failure of this strand (this thread, off-strand) holds the given words. */
COLD_CHECK void check_last_error_says(const char *file, int line, const char *words) {
  char error[TEXT_CAPACITY];
  const size_t length = strand_last_error(error, sizeof error);
  if (length == 0 || strstr(error, words) == NULL) {
    char text[512];
    snprintf(text, sizeof text, "last error does not say \"%s\"", words);
    fail_now(file, line, text);
  }
}
#define CHECK_LAST_ERROR_SAYS(words) check_last_error_says(__FILE__, __LINE__, (words))

COLD_CHECK void check_text_says(const char *file, int line, const char *text, const char *words) {
  if (strstr(text, words) == NULL) {
    fprintf(stderr, "%s:%d: text does not say \"%s\":\n%s\n", file, line, words, text);
    _exit(1);
  }
}
#define CHECK_SAYS(text, words) check_text_says(__FILE__, __LINE__, (text), (words))

/* ------------------------------------------------------------- numbers that strands and threads share */

static inline uint64_t count_up(uint64_t *counter) { return __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST); }
static inline uint64_t count_add(uint64_t *counter, uint64_t n) {
  return __atomic_add_fetch(counter, n, __ATOMIC_SEQ_CST);
}
static inline uint64_t count_read(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_SEQ_CST); }
static inline void count_set(uint64_t *counter, uint64_t value) {
  __atomic_store_n(counter, value, __ATOMIC_SEQ_CST);
}

/* xorshift64*: the randomised tests print their seed, and LIBSTRAND_TEST_SEED sets it. */
static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * UINT64_C(2685821657736338717);
}
static inline uint64_t test_seed(void) {
  const char *text = getenv("LIBSTRAND_TEST_SEED");
  uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : UINT64_C(0x5eed);
  seed = seed != 0 ? seed : 1;
  printf("reproduce with LIBSTRAND_TEST_SEED=%" PRIu64 "\n", seed);
  return seed;
}

/* -------------------------------------------------------------------------------------------- runtime */

/*
 * With LIBSTRAND_TEST_VARY=1, each life of the runtime gets a seed of its own, counted up from STRAND_SEED, and from
 * that depth and length for pct: one run of a program tries as many schedules as it starts runtimes. The number is the last line of the output.
 */
static uint64_t lives;
static __attribute__((destructor, unused)) void tell_lives(void) {
  if (environment_says("LIBSTRAND_TEST_VARY", "1")) {
    printf("schedules: %" PRIu64 "\n", lives);
  }
}

static inline strand_config default_config(uint32_t workers) {
  strand_config config;
  memset(&config, 0, sizeof config);
  config.size = (uint32_t)sizeof config;
  config.workers = workers_told(workers);
  if (environment_says("LIBSTRAND_TEST_CLOCK", "real")) {
    config.clock = STRAND_CLOCK_REAL;
  }
  if (environment_says("LIBSTRAND_TEST_VARY", "1")) {
    const char *seed = getenv("STRAND_SEED");
    static const uint64_t steps[] = {30, 300, 3000};
    config.seed = (seed != NULL ? strtoull(seed, NULL, 10) : 1) + lives;
    config.pct_depth = 2 + (uint32_t)(config.seed % 4);
    config.pct_steps = steps[config.seed / 4 % 3];
    lives += 1;
  }
  return config;
}

static inline void start_runtime(uint32_t workers) {
  const strand_config config = default_config(workers);
  CHECK_OK(strand_scheduler_init(&config));
}

/* Everything must be ended within a time that is generous even on a loaded machine. */
static inline void stop_runtime(void) { CHECK_OK(strand_scheduler_shutdown(strand_after(SECONDS(60)))); }

static inline strand_spawn_options default_spawn(const char *name) {
  strand_spawn_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.name = name;
  options.name_length = name != NULL ? strlen(name) : 0;
  return options;
}

static inline strand_id spawn(strand_entry entry, void *arg) {
  strand_id id = 0;
  CHECK_OK(strand_spawn(entry, arg, &id));
  CHECK(id != 0);
  return id;
}

static inline strand_id spawn_named(const char *name, strand_entry entry, void *arg) {
  const strand_spawn_options options = default_spawn(name);
  strand_id id = 0;
  CHECK_OK(strand_spawn_with(&options, entry, arg, &id));
  return id;
}

static inline strand_id spawn_flagged(uint32_t flags, strand_entry entry, void *arg) {
  strand_spawn_options options = default_spawn(NULL);
  strand_id id = 0;
  options.flags = flags;
  CHECK_OK(strand_spawn_with(&options, entry, arg, &id));
  return id;
}

static inline strand_chan new_channel(size_t element_size, size_t capacity) {
  strand_chan channel = 0;
  CHECK_OK(strand_chan_new(element_size, capacity, &channel));
  CHECK(channel != 0);
  return channel;
}

static inline strand_chan new_named_channel(const char *name, size_t element_size, size_t capacity) {
  strand_chan_options options;
  strand_chan channel = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.element_size = element_size;
  options.capacity = capacity;
  options.name = name;
  options.name_length = strlen(name);
  CHECK_OK(strand_chan_new_with(&options, &channel));
  return channel;
}

static inline strand_statistics read_statistics(void) {
  strand_statistics statistics;
  memset(&statistics, 0, sizeof statistics);
  statistics.size = (uint32_t)sizeof statistics;
  CHECK_OK(strand_statistics_read(&statistics));
  return statistics;
}

static inline void nap(int64_t nanoseconds) {
  struct timespec left;
  left.tv_sec = (time_t)(nanoseconds / SECONDS(1));
  left.tv_nsec = (long)(nanoseconds % SECONDS(1));
  nanosleep(&left, NULL);
}

/*
 * An OS thread that looks again and again without being in a call. On the stepped engine strands run only while
 * somebody drives, so there the thread drives some steps itself; when nothing is left to step, or somebody else
 * drives, it waits a moment as everywhere.
 */
static inline void let_strands_run(uint64_t steps) {
  if (is_stepped()) {
    strand_step_result result;
    strand_status status;
    memset(&result, 0, sizeof result);
    result.size = (uint32_t)sizeof result;
    status = strand_scheduler_step(steps, &result);
    if (status == STRAND_OK && result.steps > 0) {
      return;
    }
    if (status != STRAND_OK && status != STRAND_ERR_BUSY) {
      wrong_status(__FILE__, __LINE__, "strand_scheduler_step", STRAND_OK, status);
    }
  }
  nap(MILLISECONDS(1));
}

/* Looks now and then until the condition holds; only the failing case takes long. */
#define AWAIT(condition)                                     \
  do {                                                       \
    const int64_t await_until = monotonic() + SECONDS(60);   \
    while (!(condition) && monotonic() < await_until) {      \
      let_strands_run(64);                                   \
    }                                                        \
    CHECK(condition);                                        \
  } while (0)

static inline int64_t monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return SECONDS(now.tv_sec) + now.tv_nsec;
}

/* An OS thread waits until a counter reaches a value. */
static inline void await_count(const uint64_t *counter, uint64_t value) {
  const int64_t until = monotonic() + SECONDS(60);
  while (count_read(counter) < value && monotonic() < until) {
    let_strands_run(1);
  }
  CHECK_NUMBERS(count_read(counter), >=, value);
}

/* An OS thread waits until strands have begun that many waits. */
static inline void await_parks(uint64_t parks) {
  const int64_t until = monotonic() + SECONDS(60);
  while (read_statistics().parks < parks && monotonic() < until) {
    let_strands_run(1);
  }
  CHECK_NUMBERS(read_statistics().parks, >=, parks);
}

static inline pthread_t start_thread(void *(*entry)(void *), void *arg) {
  pthread_t thread;
  CHECK_EQUAL(pthread_create(&thread, NULL, entry, arg), 0);
  return thread;
}
static inline void join_thread(pthread_t thread) { CHECK_EQUAL(pthread_join(thread, NULL), 0); }

/* ------------------------------------------------------------------------------- a child and its death */

typedef struct child {
  int status;                /* of waitpid */
  char text[TEXT_CAPACITY];  /* what it wrote on standard error */
} child;

/*
 * Runs fn in a child process and keeps what it writes on standard error. Only before the runtime was ever
 * initialised here: in a child of an initialised process every call answers FORKED.
 */
static inline void run_child(child *result, void (*fn)(void)) {
  int ends[2];
  pid_t pid;
  size_t length = 0;
  fflush(stdout);
  fflush(stderr);
  CHECK_EQUAL(pipe(ends), 0);
  pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    alarm(strcmp(STRAND_TEST_INSTRUMENT, "none") == 0 ? 60 : 600);
    fn();
    fflush(stdout);
    fflush(stderr);
    _exit(0);
  }
  close(ends[1]);
  for (;;) {
    char scratch[512];
    const int full = length + 1 >= sizeof result->text;
    const ssize_t got = full ? read(ends[0], scratch, sizeof scratch)
                             : read(ends[0], result->text + length, sizeof result->text - 1 - length);
    if (got <= 0) {
      break;
    }
    length += full ? 0 : (size_t)got;
  }
  result->text[length] = '\0';
  close(ends[0]);
  CHECK_EQUAL(waitpid(pid, &result->status, 0), pid);
}

COLD_CHECK void check_child_exited(const char *file, int line, const child *result, int code) {
  if (!WIFEXITED(result->status) || WEXITSTATUS(result->status) != code) {
    fprintf(stderr, "%s:%d: child should have exited with %d, wait status is 0x%x; it said:\n%s\n", file, line, code,
            (unsigned)result->status, result->text);
    _exit(1);
  }
}
#define CHECK_CHILD_EXITED(result, code) check_child_exited(__FILE__, __LINE__, (result), (code))

/* A check of its own failed in it: 1, or what an instrument makes of that. For the controls. */
COLD_CHECK void check_child_failed(const char *file, int line, const child *result) {
  if (!WIFEXITED(result->status) || (WEXITSTATUS(result->status) != 1 && WEXITSTATUS(result->status) != 99)) {
    fprintf(stderr, "%s:%d: child should have failed a check, wait status is 0x%x; it said:\n%s\n", file, line,
            (unsigned)result->status, result->text);
    _exit(1);
  }
}
#define CHECK_CHILD_FAILED(result) check_child_failed(__FILE__, __LINE__, (result))

/* Ended by SIGSEGV or SIGABRT, as a broken program ends, and not by the alarm. */
COLD_CHECK void check_child_crashed(const char *file, int line, const child *result) {
  const int number = WIFSIGNALED(result->status) ? WTERMSIG(result->status) : 0;
  if (number != SIGSEGV && number != SIGABRT) {
    fprintf(stderr, "%s:%d: child should have died by SIGSEGV or SIGABRT, wait status is 0x%x; it said:\n%s\n", file,
            line, (unsigned)result->status, result->text);
    _exit(1);
  }
}
#define CHECK_CHILD_CRASHED(result) check_child_crashed(__FILE__, __LINE__, (result))

/* ------------------------------------------------------------------------------------ counters of /proc */

/* Lines of a small /proc file; allocates nothing, so that counting maps does not make one. */
static inline int64_t count_lines(const char *path) {
  char block[4096];
  int64_t lines = 0;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got;
  CHECK(file >= 0);
  while ((got = read(file, block, sizeof block)) > 0) {
    for (ssize_t at = 0; at < got; at += 1) {
      lines += block[at] == '\n';
    }
  }
  close(file);
  return lines;
}
static inline int64_t count_maps(void) { return count_lines("/proc/self/maps"); }

/* The number behind "key" in a file of lines such as "VmRSS:   1234 kB"; -1 when it is not there. */
static inline int64_t proc_number(const char *path, const char *key) {
  char block[8192];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got;
  char *found;
  CHECK(file >= 0);
  got = read(file, block, sizeof block - 1);
  close(file);
  CHECK(got > 0);
  block[got] = '\0';
  found = strstr(block, key);
  return found != NULL ? strtoll(found + strlen(key), NULL, 10) : -1;
}
static inline int64_t count_threads(void) { return proc_number("/proc/self/status", "Threads:"); }
static inline int64_t resident_kilobytes(void) { return proc_number("/proc/self/status", "VmRSS:"); }
static inline int64_t virtual_kilobytes(void) { return proc_number("/proc/self/status", "VmSize:"); }
static inline int64_t available_kilobytes(void) { return proc_number("/proc/meminfo", "MemAvailable:"); }

static inline int64_t count_open_files(void) {
  int64_t open_files = 0;
  for (int fd = 0; fd < 4096; fd += 1) {
    open_files += fcntl(fd, F_GETFD) != -1;
  }
  return open_files;
}

/* A joined thread leaves /proc a moment after pthread_join returned. */
static inline void await_threads_at_most(int64_t threads) {
  int tries = 0;
  while (count_threads() > threads && tries < 10000) {
    nap(MILLISECONDS(1));
    tries += 1;
  }
  CHECK_NUMBERS(count_threads(), <=, threads);
}

#endif
