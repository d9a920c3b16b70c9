/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared opt=O0,O2 */
/* C++ exceptions: thrown and caught inside a strand they work; one that leaves an entry aborts with the strand's name. */
#include "harness.h"

#include <stdexcept>
#include <string>

namespace {

uint64_t caught;
uint64_t destroyed;

struct witness {
  ~witness() { count_up(&destroyed); }
};

void throw_from_below(int depth) {
  witness one;
  (void)one;
  if (depth == 0) {
    throw std::runtime_error("from below");
  }
  throw_from_below(depth - 1);
}

extern "C" void *throw_and_catch(void *) {
  for (int round = 0; round < 20; round += 1) {
    try {
      witness one;
      (void)one;
      CHECK_OK(strand_yield()); /* the stack may go on on another thread */
      throw_from_below(10);
    } catch (const std::runtime_error &error) {
      if (std::string(error.what()) == "from below") {
        count_up(&caught);
      }
    }
    CHECK_OK(strand_yield());
  }
  return nullptr;
}

void an_exception_inside_a_strand_is_caught_inside() {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&caught, 0);
    count_set(&destroyed, 0);
    start_runtime(workers);
    for (int strand = 0; strand < 50; strand += 1) {
      spawn(throw_and_catch, nullptr);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&caught), 50 * 20);
    CHECK_EQUAL(count_read(&destroyed), 50 * 20 * 12);
    stop_runtime();
  }
}

extern "C" void *throw_out_of_the_entry(void *) {
  CHECK_OK(strand_yield());
  throw std::runtime_error("nobody catches this");
}

void let_an_exception_leave() {
  start_runtime(1);
  spawn_named("leaking-entry", throw_out_of_the_entry, nullptr);
  (void)strand_scheduler_run();
}

void an_exception_that_leaves_an_entry_aborts_and_names_the_strand() {
  child result;
  run_child(&result, let_an_exception_leave);
  CHECK(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT);
  CHECK_SAYS(result.text, "leaking-entry");
}

} // namespace

int main() {
  CLAIM(an_exception_that_leaves_an_entry_aborts_and_names_the_strand);
  CLAIM(an_exception_inside_a_strand_is_caught_inside);
  return 0;
}
