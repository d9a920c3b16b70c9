/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cases of strand_select, made in one line each. */
#ifndef LIBSTRAND_C_TESTS_CASES_H
#define LIBSTRAND_C_TESTS_CASES_H

#include "harness.h"

enum { UNTOUCHED = 12345 };

static inline strand_case make_case(uint32_t kind, uint64_t handle, void *element, int64_t deadline) {
  strand_case made;
  memset(&made, 0, sizeof made);
  made.size = (uint32_t)sizeof made;
  made.kind = kind;
  made.handle = handle;
  made.element = element;
  made.deadline = deadline;
  made.status = UNTOUCHED;
  return made;
}
static inline strand_case none(void) { return make_case(STRAND_CASE_NONE, 77, NULL, -77); }
static inline strand_case receive_case(strand_chan channel, void *element) {
  return make_case(STRAND_CASE_RECV, channel, element, 0);
}
static inline strand_case send_case(strand_chan channel, const void *element) {
  return make_case(STRAND_CASE_SEND, channel, (void *)(uintptr_t)element, 0);
}
static inline strand_case timer_case(int64_t deadline) { return make_case(STRAND_CASE_TIMER, 0, NULL, deadline); }
static inline strand_case end_case(strand_id id) { return make_case(STRAND_CASE_STRAND, id, NULL, 0); }
static inline strand_case park_case(strand_park_token token, uint64_t *value) {
  return make_case(STRAND_CASE_PARK, token, value, 0);
}

/* Only the one that has committed was written to. */
static inline void check_only(const strand_case *cases, size_t count, size_t committed, strand_status status) {
  for (size_t place = 0; place < count; place += 1) {
    CHECK_EQUAL(cases[place].status, place == committed ? status : UNTOUCHED);
  }
}

/* The call commits `expected` with `status`. */
#define COMMITS(expected, how, cases, count, deadline, flags)                 \
  do {                                                                        \
    size_t committed_index = SIZE_MAX;                                        \
    CHECK_OK(strand_select((cases), (count), (deadline), (flags), &committed_index)); \
    CHECK_EQUAL(committed_index, expected);                                   \
    check_only((cases), (count), (expected), (how));                          \
    (cases)[committed_index].status = UNTOUCHED;                              \
  } while (0)

/* The call says `expected`, and nothing was written. */
#define REFUSES(expected, cases, count, deadline, flags)                                \
  do {                                                                                  \
    size_t refused_index = 4711;                                                        \
    CHECK_STATUS(expected, strand_select((cases), (count), (deadline), (flags), &refused_index)); \
    CHECK_EQUAL(refused_index, 4711);                                                   \
    check_only((cases), (count), SIZE_MAX, STRAND_OK);                                  \
  } while (0)

static inline size_t length_of(strand_chan channel) {
  size_t length = SIZE_MAX;
  CHECK_OK(strand_chan_length(channel, &length));
  return length;
}

#endif
