/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of worklists share: a device, programs and worklists with few words, runs that are awaited. */
#ifndef LIBSTRAND_C_TESTS_WORKLIST_H
#define LIBSTRAND_C_TESTS_WORKLIST_H

#include "harness.h"

#include <stdbool.h>

#define PAIR (STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC)

static strand_device processor;

static inline void open_processor(void) {
  strand_device_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.kind = STRAND_DEVICE_CPU;
  CHECK_OK(strand_device_open(&options, &processor));
}

/* An adapter that is a program; false: there is none here. */
static inline bool open_adapter(strand_device *out) {
  strand_device_options options;
  strand_status status;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.kind = STRAND_DEVICE_SOFTWARE;
  status = strand_device_open(&options, out);
  CHECK(status == STRAND_OK || status == STRAND_ERR_DEVICE || status == STRAND_ERR_UNSUPPORTED);
  return status == STRAND_OK;
}

static inline strand_program_options native(strand_kernel kernel, uint32_t fields) {
  strand_program_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.kernel = kernel;
  options.fields = fields;
  return options;
}

static inline strand_worklist_options worklist_options(void) {
  strand_worklist_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  return options;
}

/* A worklist of a program of its own, which it keeps. */
static inline strand_worklist new_worklist(const strand_program_options *made, const strand_worklist_options *options) {
  strand_program program = 0;
  strand_worklist list = 0;
  CHECK_OK(strand_program_new(processor, made, &program));
  CHECK_OK(strand_worklist_new(program, options, &list));
  CHECK_OK(strand_program_release(program));
  return list;
}

static inline strand_run_options run_options(uint32_t workers) {
  strand_run_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.workers = workers;
  return options;
}

static inline strand_ticket dispatch(strand_worklist list, const strand_run_options *options) {
  strand_ticket ticket = 0;
  CHECK_OK(strand_worklist_dispatch(list, options, &ticket));
  return ticket;
}

static inline strand_status await_and_release(strand_ticket ticket) {
  const strand_status status = strand_ticket_await(ticket, STRAND_FOREVER);
  CHECK_OK(strand_ticket_release(ticket));
  return status;
}

/* A whole run; its result. */
static inline strand_status run_worklist(strand_worklist list, uint32_t workers) {
  const strand_run_options options = run_options(workers);
  return await_and_release(dispatch(list, &options));
}

static inline strand_worklist_statistics worklist_statistics(strand_worklist list) {
  strand_worklist_statistics found;
  memset(&found, 0, sizeof found);
  found.size = (uint32_t)sizeof found;
  CHECK_OK(strand_worklist_stats(list, &found));
  return found;
}

static inline void push_items(strand_worklist list, const uint32_t *items, uint32_t count) {
  CHECK_OK(strand_worklist_push(list, items, count, 0, 0, STRAND_FOREVER));
}

/* Two numbers make one that looks like chance, and the same in a shader. */
static inline uint32_t mix(uint32_t a, uint32_t b) {
  uint32_t h = a * 0x9e3779b1u ^ b * 0x85ebca77u;
  h ^= h >> 15;
  h *= 0x2c1b3c6du;
  h ^= h >> 12;
  h *= 0x297a2d39u;
  return h ^ (h >> 15);
}
#define MIX_IN_WGSL                                                         \
  "fn mix(a: u32, b: u32) -> u32 {\n"                                       \
  "  var h = a * 0x9e3779b1u ^ b * 0x85ebca77u;\n"                          \
  "  h ^= h >> 15u; h *= 0x2c1b3c6du; h ^= h >> 12u; h *= 0x297a2d39u;\n"   \
  "  return h ^ (h >> 15u);\n"                                              \
  "}\n"

/* What every worklist must count at any time between two runs. */
static inline void check_conserved(strand_worklist list) {
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.running, 0);
  CHECK_EQUAL(s.in_flight, 0);
  CHECK_EQUAL(s.pushed + s.children, s.finished + s.faulted + s.withdrawn + s.queued + s.paused);
  CHECK_EQUAL(s.visits, s.finished + s.faulted + s.requeued + s.yielded + s.pauses);
  CHECK_EQUAL(s.emitted, s.taken + s.emitted_waiting);
}

#endif
