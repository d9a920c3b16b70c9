/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 instruments=none env="" env="STRAND_GUARD=mprotect" */
/*
 * Stack sizes are bytes. What can be used is at least what was asked for and is that of the smallest class which
 * holds it; more than the largest class is LIMIT with advice. The end of a stack is found by walking into its guard.
 */
#include "harness.h"

#include <alloca.h>

#define KILOBYTE ((size_t)1024)
#define MEGABYTE (KILOBYTE * KILOBYTE)

static const size_t classes[] = {32 * KILOBYTE, 64 * KILOBYTE, 256 * KILOBYTE, MEGABYTE, 8 * MEGABYTE};
enum { CLASSES = sizeof classes / sizeof classes[0] };

/* The frames of this test below and above the memory that is touched. */
enum { OWN_FRAMES = 512 };

static uint64_t touched;

__attribute__((noinline)) static void touch(size_t bytes) {
  volatile unsigned char *block = alloca(bytes);
  for (size_t byte = bytes; byte > 0; byte -= byte < 256 ? byte : 256) {
    block[byte - 1] = 1;
  }
  block[0] = 2;
  touched = bytes;
}

static void *use_all_that_was_asked_for(void *arg) {
  touch(*(const size_t *)arg - OWN_FRAMES);
  return NULL;
}

static void what_was_asked_for_can_be_used(void) {
  static const size_t asked[] = {1024,           4096,          20000,          32 * 1024,      32 * 1024 + 1, 50000,
                                 64 * 1024,      64 * 1024 + 1, 200000,         256 * 1024,     256 * 1024 + 1, 1000000,
                                 1024 * 1024,    1024 * 1024 + 1, 5000000,      8 * 1024 * 1024};
  start_runtime(1);
  for (size_t size = 0; size < sizeof asked / sizeof asked[0]; size += 1) {
    strand_spawn_options options = default_spawn(NULL);
    options.stack_bytes = asked[size];
    touched = 0;
    CHECK_OK(strand_spawn_with(&options, use_all_that_was_asked_for, (void *)(uintptr_t)&asked[size], NULL));
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(touched, asked[size] - OWN_FRAMES);
  }
  stop_runtime();
}

static void the_configuration_sets_the_size_of_all(void) {
  static const size_t asked = 200000;
  strand_config config = default_config(1);
  config.stack_bytes = asked;
  CHECK_OK(strand_scheduler_init(&config));
  touched = 0;
  spawn(use_all_that_was_asked_for, (void *)(uintptr_t)&asked);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(touched, asked - OWN_FRAMES);
  stop_runtime();
  CHECK_EQUAL(setenv("STRAND_STACK_BYTES", "200000", 1), 0);
  start_runtime(1);
  touched = 0;
  spawn(use_all_that_was_asked_for, (void *)(uintptr_t)&asked);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(touched, asked - OWN_FRAMES);
  stop_runtime();
  CHECK_EQUAL(unsetenv("STRAND_STACK_BYTES"), 0);
}

/* ------------------------------------------------------------------------------ how much there really is */

static size_t asked_of_child;
static uintptr_t entry_frame;

/* The first touch of the guard, from above, byte group by byte group: what lies between is what could be used. */
static void report_the_guard(int number, siginfo_t *info, void *context) {
  char line[64];
  int length;
  (void)number;
  (void)context;
  length = snprintf(line, sizeof line, "usable=%zu\n", (size_t)(entry_frame - (uintptr_t)info->si_addr));
  _exit(write(2, line, (size_t)length) == length ? 0 : 1);
}

__attribute__((noinline)) static void walk_into_the_guard(void) {
  volatile unsigned char *place = (volatile unsigned char *)__builtin_frame_address(0);
  for (;;) {
    place -= 64;
    *place = 0;
  }
}

static void *measure_my_stack(void *arg) {
  entry_frame = (uintptr_t)__builtin_frame_address(0);
  walk_into_the_guard();
  return arg;
}

static void measure_in_child(void) {
  struct sigaction action;
  strand_spawn_options options = default_spawn("measured");
  memset(&action, 0, sizeof action);
  action.sa_sigaction = report_the_guard;
  action.sa_flags = SA_SIGINFO;
  CHECK_EQUAL(sigaction(SIGSEGV, &action, NULL), 0);
  start_runtime(1);
  options.stack_bytes = asked_of_child;
  CHECK_OK(strand_spawn_with(&options, measure_my_stack, NULL, NULL));
  (void)strand_scheduler_run();
  _exit(1);
}

static void the_smallest_class_that_holds_it_is_used(void) {
  static const size_t asked[] = {1,          32768,       32769,       65536,           65537,
                                 256 * 1024, 256 * 1024 + 1, 1024 * 1024, 1024 * 1024 + 1, 8 * 1024 * 1024};
  static const size_t expected[] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4};
  for (size_t size = 0; size < sizeof asked / sizeof asked[0]; size += 1) {
    const size_t class_bytes = classes[expected[size]];
    child result;
    const char *found;
    size_t usable;
    asked_of_child = asked[size];
    run_child(&result, measure_in_child);
    CHECK_CHILD_EXITED(&result, 0);
    found = strstr(result.text, "usable=");
    CHECK(found != NULL);
    usable = (size_t)strtoull(found + 7, NULL, 10);
    printf("asked %zu, class %zu, usable %zu\n", asked[size], class_bytes, usable);
    CHECK_NUMBERS(usable, >=, asked[size]);
    CHECK_NUMBERS(usable, >=, class_bytes);
    CHECK_NUMBERS(usable, <=, class_bytes + 16 * KILOBYTE); /* not the next class, and not words */
  }
}

static void more_than_the_largest_class_is_limit_with_advice(void) {
  static const size_t too_much[] = {8 * 1024 * 1024 + 1, 64 * 1024 * 1024, SIZE_MAX / 2, SIZE_MAX};
  start_runtime(1);
  for (size_t size = 0; size < sizeof too_much / sizeof too_much[0]; size += 1) {
    strand_spawn_options options = default_spawn(NULL);
    options.stack_bytes = too_much[size];
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_spawn_with(&options, use_all_that_was_asked_for, NULL, NULL));
    CHECK_LAST_ERROR_SAYS("8388608"); /* the largest that there is */
  }
  stop_runtime();
  {
    strand_config config = default_config(1);
    config.stack_bytes = 8 * MEGABYTE + 1;
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_scheduler_init(&config));
    CHECK(strand_last_error(NULL, 0) > 0);
  }
}

static void the_classes_are_those_of_strand_info(void) {
  char text[256];
  size_t at = 0;
  char *place = text;
  CHECK_OK(strand_info("stack_classes", text, sizeof text, NULL));
  for (at = 0; at < CLASSES; at += 1) {
    CHECK_EQUAL(strtoull(place, &place, 10), classes[at]);
  }
  CHECK_EQUAL(*place, '\0');
}

int main(void) {
  CLAIM(the_classes_are_those_of_strand_info);
  CLAIM(the_smallest_class_that_holds_it_is_used); /* children first: before any init here */
  CLAIM(what_was_asked_for_can_be_used);
  CLAIM(the_configuration_sets_the_size_of_all);
  CLAIM(more_than_the_largest_class_is_limit_with_advice);
  return 0;
}
