/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O2 instruments=none engines=parallel engines-why="seconds of real time, and nothing that depends on the engine" waits=yes */
/* Threads of the pool come when they can be had and leave when nobody needs them. */
#include "harness.h"

#include <dirent.h>
#include <poll.h>
#include <sys/resource.h>

static uint64_t ran, released;

/* Those of the pool, by their name: workers come when they are needed, too. */
static int threads_of_the_pool(void) {
  DIR *const tasks = opendir("/proc/self/task");
  int count = 0;
  CHECK(tasks != NULL);
  for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", task->d_name);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) { /* else it has just ended, or is none */
      const ssize_t got = read(file, name, sizeof name - 1);
      close(file);
      count += got > 0 && strcmp(name, "strand-offload\n") == 0;
    }
  }
  closedir(tasks);
  return count;
}

static void *block(void *arg) {
  count_up(&ran);
  while (count_read(&released) == 0) {
    poll(NULL, 0, 1);
  }
  return arg;
}
static void *offload_a_block(void *arg) {
  CHECK_OK(strand_offload(block, arg, STRAND_FOREVER, NULL));
  return NULL;
}

static void threads_that_nobody_needs_leave_after_some_seconds(void) {
  count_set(&ran, 0);
  count_set(&released, 0);
  start_runtime(1);
  for (int strand = 0; strand < 8; strand += 1) {
    spawn(offload_a_block, NULL);
  }
  await_count(&ran, 8);
  CHECK_EQUAL(threads_of_the_pool(), 8);
  const int64_t began = monotonic();
  count_up(&released);
  CHECK_OK(strand_scheduler_run());
  const int left = threads_of_the_pool();
  if (monotonic() - began < SECONDS(4)) {
    CHECK_EQUAL(left, 8); /* not at once: they may be needed again */
  }
  for (int second = 0; second < 40 && threads_of_the_pool() > 0; second += 1) {
    nap(SECONDS(1));
  }
  CHECK_EQUAL(threads_of_the_pool(), 0);
  count_set(&ran, 0);
  for (int strand = 0; strand < 8; strand += 1) {
    spawn(offload_a_block, NULL); /* and come back */
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 8);
  stop_runtime();
}

static void limit_addresses(rlim_t bytes) {
  struct rlimit limit;
  CHECK_EQUAL(getrlimit(RLIMIT_AS, &limit), 0);
  limit.rlim_cur = bytes;
  CHECK_EQUAL(setrlimit(RLIMIT_AS, &limit), 0);
}

static void *offload_without_a_thread(void *arg) {
  void *result = arg;
  limit_addresses((rlim_t)virtual_kilobytes() * 1024 + (1 << 20)); /* no room for the stack of a thread */
  count_set(&ran, 0);
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_offload(block, NULL, STRAND_FOREVER, &result));
  CHECK_LAST_ERROR_SAYS("no thread");
  CHECK(result == arg);
  CHECK_EQUAL(count_read(&ran), 0);
  limit_addresses(RLIM_INFINITY);
  CHECK_OK(strand_offload(block, NULL, STRAND_FOREVER, &result));
  CHECK(result == NULL);
  CHECK_EQUAL(count_read(&ran), 1);
  return NULL;
}
static void *offload_with_one_thread(void *arg) {
  for (int round = 0; round < 20; round += 1) {
    CHECK_OK(strand_offload(block, arg, STRAND_FOREVER, NULL));
  }
  return NULL;
}

static void without_a_thread(void) {
  count_set(&released, 1);
  start_runtime(1);
  spawn(offload_without_a_thread, &ran);
  CHECK_OK(strand_scheduler_run());
  /* One is there by now, and no other can be had: it serves all. */
  limit_addresses((rlim_t)virtual_kilobytes() * 1024 + (1 << 20));
  for (int strand = 0; strand < 5; strand += 1) {
    spawn(offload_with_one_thread, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  limit_addresses(RLIM_INFINITY);
  CHECK_EQUAL(count_read(&ran), 101);
  stop_runtime();
}

static void without_a_thread_there_is_a_status_and_with_one_all_are_served(void) {
  child result;
  run_child(&result, without_a_thread);
  CHECK_CHILD_EXITED(&result, 0);
}

int main(void) {
  CLAIM(without_a_thread_there_is_a_status_and_with_one_all_are_served);
  CLAIM(threads_that_nobody_needs_leave_after_some_seconds);
  return 0;
}
