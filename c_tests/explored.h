/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What explorations in the process share: a search whose end is known, and calls of a strand whose schedule may be given up. */
#ifndef LIBSTRAND_C_TESTS_EXPLORED_H
#define LIBSTRAND_C_TESTS_EXPLORED_H

#include "harness.h"

static inline strand_explore_result explored_with(const char *plan, const char *replay, strand_entry body, void *arg,
                                                  strand_status expected) {
  strand_explore_options options;
  strand_explore_result result;
  memset(&options, 0, sizeof options);
  memset(&result, 0, sizeof result);
  options.size = (uint32_t)sizeof options;
  options.plan = plan;
  options.replay = replay;
  result.size = (uint32_t)sizeof result;
  CHECK_STATUS(expected, strand_explore(&options, body, arg, &result));
  return result;
}

static inline strand_explore_result explored(const char *plan, strand_entry body, strand_status expected) {
  const strand_explore_result result = explored_with(plan, NULL, body, NULL, expected);
  printf("%s: %" PRIu64 " schedules\n", plan, (uint64_t)result.runs);
  return result;
}

/* A strand of a schedule that is given up is cancelled: it leaves. */
#define OR_LEAVE(call)                                   \
  do {                                                   \
    const strand_status or_leave = (call);               \
    if (or_leave == STRAND_ERR_CANCELLED) return NULL;   \
    strand_assert(or_leave == STRAND_OK, #call);         \
  } while (0)

#endif
