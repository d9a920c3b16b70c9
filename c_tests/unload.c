/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static opt=O2 compilers=cc instruments=none */
/* A host that opens the library at run time: open, compare versions, live, shut down, close, again and again. */
#include "harness.h"

#include <dlfcn.h>

static void *look_up(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  return found;
}
#define LOOK_UP(name) ((__typeof__(&name))(uintptr_t)look_up(library, #name))

static uint64_t ran;
static void *count_one(void *arg) {
  count_up(&ran);
  return arg;
}

/* Maps afterwards. */
static int64_t open_live_and_close(const char *path, int rounds) {
  for (int round = 0; round < rounds; round += 1) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      fprintf(stderr, "%s\n", dlerror());
      exit(1);
    }
    CHECK_EQUAL(LOOK_UP(strand_abi_version)(), STRAND_ABI_VERSION);
    CHECK_EQUAL(LOOK_UP(strand_scheduler_init)(NULL), STRAND_OK);
    for (int strand = 0; strand < 100; strand += 1) {
      CHECK_EQUAL(LOOK_UP(strand_spawn)(count_one, NULL, NULL), STRAND_OK);
    }
    CHECK_EQUAL(LOOK_UP(strand_scheduler_run)(), STRAND_OK);
    CHECK_EQUAL(count_read(&ran), 100);
    count_set(&ran, 0);
    CHECK_EQUAL(LOOK_UP(strand_scheduler_shutdown)(STRAND_FOREVER), STRAND_OK);
    CHECK_EQUAL(dlclose(library), 0);
  }
  return count_maps();
}

/* The C library keeps stacks and arenas for as many threads as there have been at once; a map that a round leaves is one a round. */
static void open_live_and_close_fifty_times(void) {
  const char *path = getenv("LIBSTRAND_UNDER_TEST");
  const int64_t threads = count_threads();
  if (path == NULL) {
    SKIP("LIBSTRAND_UNDER_TEST does not name the shared library");
  }
  int64_t before = open_live_and_close(path, 10);
  int64_t after = open_live_and_close(path, 40);
  for (int again = 0; after > before + 2 && again < 5; again += 1) {
    before = after;
    after = open_live_and_close(path, 40);
  }
  await_threads_at_most(threads);
  CHECK_NUMBERS(after, <=, before + 2);
}

/* After the close our handler is not there any more: it must not be called. */
static volatile uintptr_t wild = 16;
static void fault_after_the_close(void) {
  open_live_and_close_fifty_times();
  *(volatile int *)wild = 1;
}
static void after_the_close_a_fault_is_that_of_the_program(void) {
  child result;
  if (getenv("LIBSTRAND_UNDER_TEST") == NULL) {
    return;
  }
  run_child(&result, fault_after_the_close);
  CHECK(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGSEGV);
  CHECK_EQUAL(result.text[0], 0);
}

int main(void) {
  CLAIM_IF(!is_may(), after_the_close_a_fault_is_that_of_the_program, "the threads of the may library stay");
  CLAIM_IF(!is_may(), open_live_and_close_fifty_times, "the threads of the may library stay");
  return 0;
}
