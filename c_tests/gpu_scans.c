/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 */
/*
 * Scans of STRAND_AUTOMATON_NON_BLOCKING: many streams at a time, as a program of a worklist, on an adapter and on the
 * processor. They find what the baseline finds, and when they end early the rest can be scanned. Without an adapter that
 * is a program the claims about one are skipped, and say so.
 */
#include <stdbool.h>

#include "automaton.h"
#include "device.h"

enum { PATTERNS = 7, STREAMS = 12, LENGTH = 3000, LARGE = 700000, MOST = 200000 };
static strand_device processor, adapter;
static strand_pattern patterns[PATTERNS];
static char texts[STREAMS][LENGTH], large[LARGE];
static strand_match wanted[MOST], found[MOST];
static size_t wanted_of_large;

static void make_patterns(void) {
  patterns[0] = pattern_of("disk", STRAND_PATTERN_LITERAL | STRAND_PATTERN_CASELESS);
  patterns[1] = pattern_of("^[A-Z]+ /\\S*", STRAND_PATTERN_MULTI_LINE);
  patterns[2] = pattern_of("(?:error|warning): .*full$", STRAND_PATTERN_MULTI_LINE);
  patterns[3] = pattern_of("\\bfull\\b", 0);
  patterns[4] = pattern_of("q[lmn]*(?:q|r\\B)", 0);
  patterns[5] = pattern_of("disk(?:l|ll|m|mm){2,20}full", 0);
  patterns[6] = pattern_of("t$", 0);
}

static void fill(char *text, size_t length, uint64_t seed) {
  static const char *const words[] = {"disk", "DISK", "error: it is full\n", "full", "\nGET /x", " full ", "diskllmmfull", "q", "\n"};
  for (size_t at = 0; at < length; at += 1) {
    text[at] = (char)('l' + next_random(&seed) % 9);
  }
  for (size_t planted = 0; planted < length / 60; planted += 1) {
    const char *word = words[next_random(&seed) % (sizeof words / sizeof words[0])];
    memcpy(text + next_random(&seed) % (length - 32), word, strlen(word));
  }
}

static strand_automaton compiled(strand_device device, uint32_t mode, uint32_t flags, uint64_t matches_max) {
  strand_automaton_options options = options_of(mode, flags);
  strand_automaton automaton = 0;
  options.matches_max = matches_max;
  CHECK_OK(strand_automaton_compile(device, patterns, PATTERNS, &options, &automaton));
  return automaton;
}

/* All streams in pieces of random length, some of each in a scan; what was found is in `into`. */
static size_t in_pieces(strand_automaton automaton, uint64_t seed, strand_match *into) {
  size_t at[STREAMS] = {0};
  for (size_t open = STREAMS; open > 0;) {
    strand_chunk chunks[3 * STREAMS];
    size_t count = 0;
    open = 0;
    for (uint32_t stream = 0; stream < STREAMS; stream += 1) {
      for (uint64_t piece = next_random(&seed) % 4; piece < 3 && at[stream] < LENGTH; piece += 1) {
        size_t length = next_random(&seed) % 1000;
        if (length > LENGTH - at[stream]) length = LENGTH - at[stream];
        chunks[count] = chunk_of(stream, texts[stream] + at[stream], length, at[stream] + length == LENGTH ? STRAND_CHUNK_LAST : 0);
        at[stream] += length;
        count += 1;
      }
      open += at[stream] < LENGTH;
    }
    CHECK_OK(scan(automaton, chunks, count, NULL));
    for (size_t index = 0; index < count; index += 1) {
      CHECK_EQUAL(chunks[index].scanned, chunks[index].length);
    }
  }
  CHECK_EQUAL(stats_of(automaton).streams, 0);
  CHECK_EQUAL(stats_of(automaton).mismatches, 0);
  return take_all(automaton, into, MOST);
}

static size_t by_the_baseline(void) {
  strand_automaton baseline = compiled(processor, STRAND_AUTOMATON_BLOCKING, 0, 0);
  const size_t count = in_pieces(baseline, 5, wanted);
  CHECK_OK(strand_automaton_release(baseline));
  CHECK_NUMBERS(count, >, 500);
  return count;
}

static void finds_what_the_baseline_finds(strand_device device, uint32_t flags) {
  const size_t count = by_the_baseline();
  strand_automaton automaton = compiled(device, STRAND_AUTOMATON_NON_BLOCKING, flags, 0);
  for (uint64_t seed = 1; seed <= 3; seed += 1) {
    CHECK_EQUAL(in_pieces(automaton, seed, found), count);
    CHECK_EQUAL(memcmp(found, wanted, count * sizeof *found), 0);
  }
  CHECK_NUMBERS(stats_of(automaton).visits, >, 0);
  CHECK_OK(strand_automaton_release(automaton));
}
static void an_adapter_finds_what_the_baseline_finds(void) { finds_what_the_baseline_finds(adapter, 0); }
static void an_adapter_is_compared(void) { finds_what_the_baseline_finds(adapter, STRAND_AUTOMATON_DIFFERENTIAL); }
static void the_native_program_is_compared(void) { finds_what_the_baseline_finds(processor, STRAND_AUTOMATON_DIFFERENTIAL); }

/* ---------------------------------------------------------------------------------------------------- early ends */

/* One long stream, scanned again from where the scan before has ended. `lost`: bytes that are left out once. */
static size_t in_parts(strand_automaton automaton, const strand_scan_options *limits, strand_status expected, size_t lost, size_t *ends) {
  size_t at = 0, all = 0;
  *ends = 0;
  while (at < LARGE) {
    strand_chunk chunk = chunk_of(3, large + at, LARGE - at, STRAND_CHUNK_LAST);
    const strand_status status = scan(automaton, &chunk, 1, limits);
    size_t count;
    CHECK_NUMBERS(chunk.scanned, >, 0);
    at += chunk.scanned;
    if (status != STRAND_OK) {
      CHECK_STATUS(expected, status);
      *ends += 1;
      at += lost;
      lost = 0;
    } else {
      CHECK_EQUAL(at, LARGE);
    }
    while (all < MOST && strand_automaton_take(automaton, found + all, MOST - all, &count) == STRAND_OK) {
      all += count;
    }
  }
  qsort(found, all, sizeof *found, by_end);
  return all;
}

static void limits_leave_the_rest(strand_device device, uint32_t flags) {
  strand_scan_options limits = no_limits();
  strand_automaton automaton = compiled(device, STRAND_AUTOMATON_NON_BLOCKING, flags, 0);
  size_t ends;
  limits.visits_max = 1;
  CHECK_EQUAL(in_parts(automaton, &limits, STRAND_ERR_LIMIT, 0, &ends), wanted_of_large);
  CHECK_NUMBERS(ends, >, 1);
  CHECK_EQUAL(memcmp(found, wanted, wanted_of_large * sizeof *found), 0);
  CHECK_OK(strand_automaton_release(automaton));
  automaton = compiled(device, STRAND_AUTOMATON_NON_BLOCKING, flags, 1);
  CHECK_EQUAL(in_parts(automaton, NULL, STRAND_ERR_LIMIT, 0, &ends), wanted_of_large);
  CHECK_NUMBERS(ends, >, 1);
  CHECK_EQUAL(memcmp(found, wanted, wanted_of_large * sizeof *found), 0);
  CHECK_OK(strand_automaton_release(automaton));
}
static void make_large(void) {
  strand_automaton baseline = compiled(processor, STRAND_AUTOMATON_BLOCKING, 0, 0);
  strand_chunk chunk = chunk_of(3, large, LARGE, STRAND_CHUNK_LAST);
  fill(large, LARGE, 77);
  CHECK_OK(scan(baseline, &chunk, 1, NULL));
  wanted_of_large = take_all(baseline, wanted, MOST);
  CHECK_NUMBERS(wanted_of_large, >, 5000);
  CHECK_NUMBERS(wanted_of_large, <, MOST);
  CHECK_OK(strand_automaton_release(baseline));
}
static void limits_leave_the_rest_to_another_scan(void) {
  make_large();
  limits_leave_the_rest(adapter, 0);
}
static void limits_leave_the_rest_on_the_processor(void) {
  make_large();
  limits_leave_the_rest(processor, STRAND_AUTOMATON_DIFFERENTIAL);
}

static void control_a_byte_that_is_left_out_is_noticed(void) {
  strand_scan_options limits = no_limits();
  strand_automaton automaton = compiled(adapter, STRAND_AUTOMATON_NON_BLOCKING, 0, 0);
  size_t ends, count;
  limits.visits_max = 1;
  count = in_parts(automaton, &limits, STRAND_ERR_LIMIT, 1, &ends);
  CHECK(count != wanted_of_large || memcmp(found, wanted, count * sizeof *found) != 0);
  CHECK_OK(strand_automaton_release(automaton));
}

/* Cancelled at some moment, again and again, the later the further it came; then the rest. */
static size_t cancel_and_go_on_once(void) {
  strand_automaton automaton = compiled(adapter, STRAND_AUTOMATON_NON_BLOCKING, 0, 0);
  size_t at = 0, cancelled = 0, all = 0;
  while (at < LARGE) {
    strand_chunk chunk = chunk_of(3, large + at, LARGE - at, STRAND_CHUNK_LAST);
    strand_ticket ticket;
    strand_status status;
    size_t count;
    CHECK_OK(strand_automaton_scan(automaton, &chunk, 1, NULL, &ticket));
    CHECK_OK(strand_sleep((int64_t)cancelled * 20000000)); /* so long that something is read, in the end */
    (void)strand_ticket_cancel(ticket);
    status = strand_ticket_await(ticket, STRAND_FOREVER);
    CHECK_OK(strand_ticket_release(ticket));
    CHECK(status == STRAND_OK || status == STRAND_ERR_CANCELLED);
    cancelled += status == STRAND_ERR_CANCELLED;
    at += chunk.scanned;
    CHECK_EQUAL(status == STRAND_OK, at == LARGE && chunk.scanned > 0);
    while (all < MOST && strand_automaton_take(automaton, found + all, MOST - all, &count) == STRAND_OK) {
      all += count;
    }
  }
  qsort(found, all, sizeof *found, by_end);
  CHECK_EQUAL(all, wanted_of_large);
  CHECK_EQUAL(memcmp(found, wanted, all * sizeof *found), 0);
  CHECK_OK(strand_automaton_release(automaton));
  return cancelled;
}
/* On a busy machine the cancel may come when all was read. */
static void *cancel_and_go_on(void *arg) {
  size_t cancelled = 0;
  for (int trial = 0; trial < 20 && cancelled == 0; trial += 1) {
    cancelled = cancel_and_go_on_once();
  }
  CHECK_NUMBERS(cancelled, >, 0);
  return arg;
}
static void a_scan_that_is_cancelled_goes_on(void) {
  spawn(cancel_and_go_on, NULL);
  CHECK_OK(strand_scheduler_run());
}

static void a_scan_ends_with_its_automaton_or_device(void) {
  strand_automaton automaton = compiled(adapter, STRAND_AUTOMATON_NON_BLOCKING, 0, 0);
  strand_chunk chunk = chunk_of(3, large, LARGE, 0);
  strand_device another;
  const strand_device_options software = device_options(STRAND_DEVICE_SOFTWARE, NULL);
  strand_ticket ticket;
  strand_status status;
  CHECK_OK(strand_automaton_scan(automaton, &chunk, 1, NULL, &ticket));
  CHECK_OK(strand_automaton_release(automaton));
  status = strand_ticket_await(ticket, STRAND_FOREVER);
  CHECK(status == STRAND_ERR_CLOSED || (status == STRAND_OK && chunk.scanned == LARGE));
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_OK(strand_device_open(&software, &another));
  automaton = compiled(another, STRAND_AUTOMATON_NON_BLOCKING, 0, 0);
  CHECK_OK(strand_automaton_scan(automaton, &chunk, 1, NULL, &ticket));
  CHECK_OK(strand_device_close(another));
  status = strand_ticket_await(ticket, STRAND_FOREVER);
  CHECK(status == STRAND_ERR_CLOSED || (status == STRAND_OK && chunk.scanned == LARGE));
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_OK(strand_automaton_release(automaton));
}

int main(void) {
  const strand_device_options cpu = device_options(STRAND_DEVICE_CPU, NULL), software = device_options(STRAND_DEVICE_SOFTWARE, NULL);
  const char *why = "no adapter that is a program: Vulkan finds none";
  bool there;
  start_runtime(2);
  CHECK_OK(strand_device_open(&cpu, &processor));
  there = strand_device_open(&software, &adapter) == STRAND_OK;
  make_patterns();
  for (uint32_t stream = 0; stream < STREAMS; stream += 1) {
    fill(texts[stream], LENGTH, stream + 1);
  }
  CLAIM_IF(there, an_adapter_finds_what_the_baseline_finds, why);
  CLAIM_IF(there, an_adapter_is_compared, why);
  CLAIM(the_native_program_is_compared);
  CLAIM(limits_leave_the_rest_on_the_processor);
  CLAIM_IF(there, limits_leave_the_rest_to_another_scan, why);
  CLAIM_IF(there, control_a_byte_that_is_left_out_is_noticed, why);
  CLAIM_IF(there, a_scan_that_is_cancelled_goes_on, why);
  CLAIM_IF(there, a_scan_ends_with_its_automaton_or_device, why);
  stop_runtime();
  return 0;
}
