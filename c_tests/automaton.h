/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of automata share: patterns, options, chunks, scans and what they have found. */
#ifndef LIBSTRAND_C_TESTS_AUTOMATON_H
#define LIBSTRAND_C_TESTS_AUTOMATON_H

#include "harness.h"

static inline strand_pattern pattern_of(const char *text, uint32_t flags) {
  strand_pattern pattern;
  memset(&pattern, 0, sizeof pattern);
  pattern.size = (uint32_t)sizeof pattern;
  pattern.flags = flags;
  pattern.text = text;
  pattern.length = strlen(text);
  return pattern;
}

static inline strand_automaton_options options_of(uint32_t mode, uint32_t flags) {
  strand_automaton_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.mode = mode;
  options.flags = flags;
  return options;
}

static inline strand_chunk chunk_of(uint32_t stream, const char *text, size_t length, uint32_t flags) {
  strand_chunk chunk;
  memset(&chunk, 0, sizeof chunk);
  chunk.size = (uint32_t)sizeof chunk;
  chunk.stream = stream;
  chunk.data = text;
  chunk.length = length;
  chunk.flags = flags;
  return chunk;
}

static inline strand_scan_options no_limits(void) {
  strand_scan_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  return options;
}

static inline strand_status scan(strand_automaton automaton, strand_chunk *chunks, size_t count, const strand_scan_options *options) {
  strand_ticket ticket;
  strand_status status;
  CHECK_OK(strand_automaton_scan(automaton, chunks, count, options, &ticket));
  status = strand_ticket_await(ticket, STRAND_FOREVER);
  CHECK_OK(strand_ticket_release(ticket));
  return status;
}

static inline strand_automaton_counts stats_of(strand_automaton automaton) {
  strand_automaton_counts stats;
  memset(&stats, 0, sizeof stats);
  stats.size = (uint32_t)sizeof stats;
  CHECK_OK(strand_automaton_stats(automaton, &stats));
  return stats;
}

static inline int by_end(const void *left, const void *right) {
  const strand_match *a = left, *b = right;
  if (a->stream != b->stream) return a->stream < b->stream ? -1 : 1;
  if (a->end != b->end) return a->end < b->end ? -1 : 1;
  return a->pattern < b->pattern ? -1 : a->pattern > b->pattern;
}

/* Everything that waits, sorted. */
static inline size_t take_all(strand_automaton automaton, strand_match *matches, size_t room) {
  size_t all = 0, count;
  while (all < room && strand_automaton_take(automaton, matches + all, room - all < 3 ? room - all : 3, &count) == STRAND_OK) {
    all += count;
  }
  qsort(matches, all, sizeof *matches, by_end);
  return all;
}

#endif
