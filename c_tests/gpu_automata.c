/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared,dlopen opt=O0,O2 */
/* test: env="STRAND_GPU=cpu" */
/*
 * Automata: sets of patterns that are compiled, streams that are scanned in chunks, and matches that are taken. What
 * the matches are is checked against a search that this file makes byte by byte, and by two engines that watch each other.
 */
#include <stdbool.h>

#include "automaton.h"

static strand_device device;

static void open_device(void) {
  CHECK_OK(strand_device_open(NULL, &device)); /* what STRAND_GPU says */
}

static const char text[] = "GET /index.html\nUser-Agent: curl\nerror: disk full\n warning: Disk nearly full\n";

/* --------------------------------------------------------------------------------------------------- the sets */

enum { PATTERNS = 6, MOST = 64 };
static strand_pattern patterns[PATTERNS];
static void make_patterns(void) {
  patterns[0] = pattern_of("disk", STRAND_PATTERN_LITERAL | STRAND_PATTERN_CASELESS);
  patterns[1] = pattern_of("^[A-Z]+ /\\S*", 0);
  patterns[2] = pattern_of("(?:error|warning): .*full$", STRAND_PATTERN_MULTI_LINE);
  patterns[3] = pattern_of("\\bfull\\b", 0);
  patterns[4] = pattern_of("l+", 0);
  patterns[5] = pattern_of("\n", STRAND_PATTERN_LITERAL);
}

/* What a search by hand finds for some of them. */
static size_t count_of(uint32_t pattern) {
  size_t count = 0;
  for (size_t end = 1; end < sizeof text; end += 1) {
    switch (pattern) {
      case 0: count += end >= 4 && strncasecmp(text + end - 4, "disk", 4) == 0; break;
      case 4: count += text[end - 1] == 'l'; break;
      case 5: count += text[end - 1] == '\n'; break;
      default: break;
    }
  }
  return count;
}

static void cut_everywhere(void) {
  strand_match whole[MOST], cut[MOST];
  for (uint32_t mode = STRAND_AUTOMATON_AUTO; mode <= STRAND_AUTOMATON_NON_BLOCKING; mode += 1) {
    const strand_automaton_options options = options_of(mode, STRAND_AUTOMATON_DIFFERENTIAL);
    strand_automaton automaton;
    strand_chunk chunks[2];
    size_t count, pieces;
    CHECK_OK(strand_automaton_compile(device, patterns, PATTERNS, &options, &automaton));
    chunks[0] = chunk_of(7, text, sizeof text - 1, STRAND_CHUNK_LAST);
    CHECK_OK(scan(automaton, chunks, 1, NULL));
    CHECK_EQUAL(chunks[0].scanned, sizeof text - 1);
    count = take_all(automaton, whole, MOST);
    for (uint32_t pattern = 0; pattern < PATTERNS; pattern += 1) {
      size_t found = 0;
      for (size_t index = 0; index < count; index += 1) {
        CHECK_EQUAL(whole[index].stream, 7);
        found += whole[index].pattern == pattern;
      }
      CHECK_NUMBERS(found, >, 0);
      if (count_of(pattern) > 0) {
        CHECK_EQUAL(found, count_of(pattern));
      }
    }
    for (size_t at = 0; at < sizeof text; at += 1) {
      chunks[0] = chunk_of(7, text, at, 0);
      chunks[1] = chunk_of(7, text + at, sizeof text - 1 - at, STRAND_CHUNK_LAST);
      if (at % 2 == 0) { /* in one scan, or in two */
        CHECK_OK(scan(automaton, chunks, 2, NULL));
      } else {
        CHECK_OK(scan(automaton, &chunks[0], 1, NULL));
        CHECK_OK(scan(automaton, &chunks[1], 1, NULL));
      }
      pieces = take_all(automaton, cut, MOST);
      CHECK_EQUAL(pieces, count);
      CHECK_EQUAL(memcmp(cut, whole, count * sizeof *whole), 0);
    }
    CHECK_NUMBERS(stats_of(automaton).agreed, >, sizeof text);
    CHECK_EQUAL(stats_of(automaton).mismatches, 0);
    CHECK_EQUAL(stats_of(automaton).streams, 0);
    CHECK_OK(strand_automaton_release(automaton));
  }
}

static void many_streams(void) {
  enum { STREAMS = 50, ROUNDS = 4 };
  static strand_chunk chunks[STREAMS * ROUNDS];
  static strand_match found[STREAMS * 4];
  strand_automaton automaton;
  strand_pattern pattern = pattern_of("needle[0-9]", 0);
  size_t count;
  CHECK_OK(strand_automaton_compile(device, &pattern, 1, NULL, &automaton));
  /* The word comes in four pieces, and those of all streams are mixed. */
  for (uint32_t round = 0; round < ROUNDS; round += 1) {
    static const char *const pieces[ROUNDS] = {"xxne", "ed", "le", "7yy"};
    for (uint32_t stream = 0; stream < STREAMS; stream += 1) {
      chunks[round * STREAMS + stream] = chunk_of(stream, pieces[round], strlen(pieces[round]), 0);
    }
  }
  CHECK_OK(scan(automaton, chunks, STREAMS * ROUNDS, NULL));
  count = take_all(automaton, found, sizeof found / sizeof found[0]);
  CHECK_EQUAL(count, STREAMS);
  for (uint32_t stream = 0; stream < STREAMS; stream += 1) {
    CHECK_EQUAL(found[stream].stream, stream);
    CHECK_EQUAL(found[stream].end, 9);
  }
  CHECK_EQUAL(stats_of(automaton).streams, STREAMS);
  CHECK_OK(strand_automaton_reset(automaton, 3));
  CHECK_EQUAL(stats_of(automaton).streams, STREAMS - 1);
  CHECK_OK(strand_automaton_release(automaton));
}

/* A claim on a strand: the pool compiles, other strands read. */
static void *on_a_strand(void *arg) {
  cut_everywhere();
  many_streams();
  return arg;
}
static void strands_compile_and_scan(void) {
  spawn(on_a_strand, NULL);
  CHECK_OK(strand_scheduler_run());
}

/* Chunks that are large enough for an adapter, if there is one: two engines agree on them, and on the same in small chunks. */
static void large_chunks(void) {
  enum { LENGTH = 300000, MANY = 20000 };
  static char large[LENGTH];
  static strand_match whole[MANY], cut[MANY];
  static const char *const words[] = {"disk", "DISK", "error: it is full\n", "full", "GET /x", "l", "\n"};
  const strand_automaton_options options = options_of(STRAND_AUTOMATON_AUTO, STRAND_AUTOMATON_DIFFERENTIAL);
  uint64_t seed = 99;
  strand_automaton automaton;
  strand_chunk chunks[3];
  size_t count;
  for (size_t at = 0; at < LENGTH; at += 1) {
    large[at] = (char)('m' + next_random(&seed) % 8);
  }
  for (int planted = 0; planted < 2000; planted += 1) {
    const char *word = words[next_random(&seed) % (sizeof words / sizeof words[0])];
    memcpy(large + next_random(&seed) % (LENGTH - 32), word, strlen(word));
  }
  memcpy(large + 65536 - 2, "disk", 4);  /* across two slices */
  memcpy(large + 100000 - 2, "disk", 4); /* across two chunks */
  CHECK_OK(strand_automaton_compile(device, patterns, PATTERNS, &options, &automaton));
  chunks[0] = chunk_of(1, large, LENGTH, STRAND_CHUNK_LAST);
  CHECK_OK(scan(automaton, chunks, 1, NULL));
  count = take_all(automaton, whole, MANY);
  CHECK_NUMBERS(count, >, 1000);
  CHECK_NUMBERS(count, <, MANY);
  CHECK_NUMBERS(stats_of(automaton).hits, >, 200);
  chunks[0] = chunk_of(1, large, 100000, 0);
  chunks[1] = chunk_of(1, large + 100000, 100, 0);
  chunks[2] = chunk_of(1, large + 100100, LENGTH - 100100, STRAND_CHUNK_LAST);
  CHECK_OK(scan(automaton, chunks, 3, NULL));
  CHECK_EQUAL(take_all(automaton, cut, MANY), count);
  CHECK_EQUAL(memcmp(cut, whole, count * sizeof *whole), 0);
  CHECK_EQUAL(stats_of(automaton).mismatches, 0);
  CHECK_OK(strand_automaton_release(automaton));
}

/* By the baseline, or another engine: everything in random pieces, every other scan with a limit that ends it early. */
enum { BASELINE_STREAMS = 5, BASELINE_LENGTH = 80000, BASELINE_MATCHES = 200000 };
static size_t in_pieces(strand_device on, uint32_t mode, const char *texts, strand_match *found, uint64_t *visits) {
  const strand_automaton_options options = options_of(mode, 0);
  strand_scan_options limits = no_limits();
  size_t at[BASELINE_STREAMS] = {0}, ended = 0, limited = 0, count;
  uint64_t seed = 5;
  strand_automaton automaton;
  CHECK_OK(strand_automaton_compile(on, patterns, PATTERNS, &options, &automaton));
  for (uint64_t round = 0; ended < BASELINE_STREAMS; round += 1) {
    strand_chunk chunks[BASELINE_STREAMS];
    strand_status status;
    size_t many = 0;
    for (uint32_t stream = 0; stream < BASELINE_STREAMS; stream += 1) {
      const size_t left = BASELINE_LENGTH - at[stream], length = round == 0 || left < 2000 ? left : 1 + next_random(&seed) % left;
      if (left > 0) {
        chunks[many++] = chunk_of(stream, texts + stream * BASELINE_LENGTH + at[stream], length, length == left ? STRAND_CHUNK_LAST : 0);
      }
    }
    limits.visits_max = round % 2 == 0 ? 1 : 0;
    status = scan(automaton, chunks, many, &limits);
    CHECK_NUMBERS(status == STRAND_OK || status == STRAND_ERR_LIMIT, ==, 1);
    limited += status == STRAND_ERR_LIMIT;
    for (size_t chunk = 0; chunk < many; chunk += 1) {
      const uint32_t stream = chunks[chunk].stream;
      at[stream] += chunks[chunk].scanned;
      ended += chunks[chunk].scanned > 0 && at[stream] == BASELINE_LENGTH;
    }
  }
  CHECK_NUMBERS(limited, >, 0);
  CHECK_EQUAL(stats_of(automaton).streams, 0);
  *visits = stats_of(automaton).visits;
  count = take_all(automaton, found, BASELINE_MATCHES);
  CHECK_OK(strand_automaton_release(automaton));
  return count;
}
static void the_baseline_is_the_same_on_every_device(void) {
  static char texts[BASELINE_STREAMS * BASELINE_LENGTH];
  static strand_match here[BASELINE_MATCHES], there[BASELINE_MATCHES];
  static const char *const words[] = {"disk", "DISK", "error: it is full\n", "full", "GET /x", "l", "\n"};
  strand_device_options options;
  strand_device processor;
  uint64_t seed = 42, visits, again;
  size_t count;
  for (size_t at = 0; at < sizeof texts; at += 1) {
    texts[at] = (char)('m' + next_random(&seed) % 8);
  }
  for (int planted = 0; planted < 4000; planted += 1) {
    const char *word = words[next_random(&seed) % (sizeof words / sizeof words[0])];
    memcpy(texts + next_random(&seed) % (sizeof texts - 32), word, strlen(word));
  }
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.kind = STRAND_DEVICE_CPU;
  CHECK_OK(strand_device_open(&options, &processor));
  count = in_pieces(device, STRAND_AUTOMATON_BLOCKING, texts, here, &visits);
  CHECK_NUMBERS(count, >, 1000);
  CHECK_NUMBERS(count, <, BASELINE_MATCHES);
  CHECK_EQUAL(in_pieces(processor, STRAND_AUTOMATON_BLOCKING, texts, there, &again), count);
  CHECK_NUMBERS(visits, >, 20000);
  CHECK_EQUAL(again, visits);
  CHECK_EQUAL(memcmp(here, there, count * sizeof *here), 0);
  /* And so has the worklist. */
  CHECK_EQUAL(in_pieces(device, STRAND_AUTOMATON_NON_BLOCKING, texts, there, &again), count);
  CHECK_EQUAL(memcmp(here, there, count * sizeof *here), 0);
  CHECK_OK(strand_device_close(processor));
}

/* ----------------------------------------------------------------------------------------------------- limits */

static void limits_leave_the_rest_to_another_scan(void) {
  static char large[200000];
  strand_automaton_options options = options_of(STRAND_AUTOMATON_AUTO, 0);
  strand_scan_options limits = no_limits();
  strand_pattern pattern = pattern_of("b", STRAND_PATTERN_LITERAL);
  strand_automaton automaton;
  strand_chunk chunk;
  static strand_match found[4];
  size_t count;
  memset(large, 'a', sizeof large);
  large[10] = large[70000] = large[140000] = large[199999] = 'b';
  options.matches_max = 1;
  CHECK_OK(strand_automaton_compile(device, &pattern, 1, &options, &automaton));
  chunk = chunk_of(1, large, sizeof large, STRAND_CHUNK_LAST);
  CHECK_STATUS(STRAND_ERR_LIMIT, scan(automaton, &chunk, 1, NULL));
  CHECK_LAST_ERROR_SAYS("wait to be taken");
  CHECK_NUMBERS(chunk.scanned, >=, 11);
  CHECK_NUMBERS(chunk.scanned, <, sizeof large);
  /* What was found is taken, and the rest is scanned. */
  for (uint64_t done = chunk.scanned, all = 0; all < 4;) {
    if (strand_automaton_take(automaton, found + all, 4 - all, &count) == STRAND_OK) {
      all += count;
    }
    if (done < sizeof large) {
      chunk = chunk_of(1, large + done, sizeof large - done, STRAND_CHUNK_LAST);
      (void)scan(automaton, &chunk, 1, NULL);
      done += chunk.scanned;
    }
  }
  CHECK_EQUAL(found[0].end, 11);
  CHECK_EQUAL(found[1].end, 70001);
  CHECK_EQUAL(found[2].end, 140001);
  CHECK_EQUAL(found[3].end, 200000);
  limits.visits_max = 1;
  chunk = chunk_of(2, large, sizeof large, 0);
  CHECK_STATUS(STRAND_ERR_LIMIT, scan(automaton, &chunk, 1, &limits));
  CHECK_NUMBERS(chunk.scanned, <, sizeof large);
  CHECK_OK(strand_automaton_take(automaton, found, 4, &count));
  CHECK_EQUAL(count, 1);
  limits = no_limits();
  limits.deadline = 1;
  CHECK_OK(strand_automaton_reset(automaton, 2));
  chunk = chunk_of(2, large, sizeof large, 0);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, scan(automaton, &chunk, 1, &limits));
  CHECK_EQUAL(chunk.scanned, 0);
  CHECK_OK(strand_automaton_release(automaton));
  /* Streams are bounded. */
  options.matches_max = 0;
  options.streams_max = 1;
  CHECK_OK(strand_automaton_compile(device, &pattern, 1, &options, &automaton));
  chunk = chunk_of(1, large, 5, 0);
  CHECK_OK(scan(automaton, &chunk, 1, NULL));
  chunk = chunk_of(2, large, 5, 0);
  {
    strand_ticket ticket;
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_automaton_scan(automaton, &chunk, 1, NULL, &ticket));
  }
  CHECK_OK(strand_automaton_release(automaton));
}

static char huge[64 << 20];

/* While a scan is on, its stream is nobody else's. How it ends once `end` has been called; true: it had not ended before. */
static bool ended_on_the_way(strand_status (*end)(strand_automaton, strand_ticket), strand_status expected) {
  strand_pattern pattern = pattern_of("absent", STRAND_PATTERN_LITERAL);
  strand_automaton automaton;
  strand_ticket ticket, other;
  strand_chunk chunk = chunk_of(1, huge, sizeof huge, 0), again = chunk_of(1, huge, 0, 0);
  CHECK_OK(strand_automaton_compile(device, &pattern, 1, NULL, &automaton));
  CHECK_OK(strand_automaton_scan(automaton, &chunk, 1, NULL, &ticket));
  const strand_status second = strand_automaton_scan(automaton, &again, 1, NULL, &other);
  const strand_status third = strand_automaton_reset(automaton, 1);
  if (second != STRAND_ERR_BUSY || third != STRAND_ERR_BUSY) { /* then the first one is over */
    CHECK_OK(strand_ticket_await(ticket, STRAND_FOREVER));
    CHECK_EQUAL(chunk.scanned, sizeof huge);
    if (second == STRAND_OK) {
      CHECK_OK(strand_ticket_await(other, STRAND_FOREVER));
      CHECK_OK(strand_ticket_release(other));
    }
    CHECK(second == STRAND_OK || second == STRAND_ERR_BUSY);
    CHECK(third == STRAND_OK || third == STRAND_ERR_BUSY);
  }
  const strand_status asked = end(automaton, ticket);
  CHECK(asked == STRAND_OK || asked == STRAND_ERR_ALREADY);
  const strand_status status = strand_ticket_await(ticket, STRAND_FOREVER);
  CHECK_OK(strand_ticket_release(ticket));
  (void)strand_automaton_release(automaton);
  if (status == STRAND_OK) {
    CHECK_EQUAL(chunk.scanned, sizeof huge);
    return false;
  }
  CHECK_EQUAL(status, expected);
  CHECK_OK(asked);
  CHECK_NUMBERS(chunk.scanned, <, sizeof huge);
  return second == STRAND_ERR_BUSY && third == STRAND_ERR_BUSY;
}

/* A scan that has been asked to end does so between two slices; a stream is one scan's at a time. */
static strand_status cancel_it(strand_automaton automaton, strand_ticket ticket) {
  (void)automaton;
  return strand_ticket_cancel(ticket);
}
static strand_status release_it(strand_automaton automaton, strand_ticket ticket) {
  (void)ticket;
  return strand_automaton_release(automaton);
}
static void *cancel_and_release(void *arg) {
  /* With one worker the strand that asks runs on until it waits. With more it may be stopped, and the scan come to its end. */
  const int most = workers_there(1) == 1 && environment_says("STRAND_GPU", "cpu") ? 1 : 100;
  int cancelled = 0, released = 0;
  for (int trial = 0; trial < most && cancelled == 0; trial += 1) {
    cancelled += ended_on_the_way(cancel_it, STRAND_ERR_CANCELLED);
  }
  for (int trial = 0; trial < most && released == 0; trial += 1) {
    released += ended_on_the_way(release_it, STRAND_ERR_CLOSED);
  }
  CHECK_EQUAL(cancelled, 1);
  CHECK_EQUAL(released, 1);
  return arg;
}
static void scans_are_cancelled_and_closed(void) {
  spawn(cancel_and_release, NULL);
  CHECK_OK(strand_scheduler_run());
}

/* The largest numbers of streams; chunks without bytes in front, amid and behind; a stream that is ended twice. */
static void the_edges_of_streams(void) {
  static const uint32_t numbers[] = {0, 1, UINT32_MAX - 1, UINT32_MAX};
  enum { NUMBERS = 4, CHUNKS = 6 };
  for (uint32_t mode = STRAND_AUTOMATON_AUTO; mode <= STRAND_AUTOMATON_NON_BLOCKING; mode += 1) {
    const strand_automaton_options options = options_of(mode, STRAND_AUTOMATON_DIFFERENTIAL);
    strand_pattern both[2];
    strand_automaton automaton;
    strand_chunk chunks[NUMBERS * CHUNKS];
    strand_match found[2 * NUMBERS + 1];
    both[0] = pattern_of("need.*le$", 0);
    both[1] = pattern_of("\\bl?e\\b", 0);
    CHECK_OK(strand_automaton_compile(device, both, 2, &options, &automaton));
    for (uint32_t number = 0; number < NUMBERS; number += 1) {
      strand_chunk *own = chunks + number * CHUNKS;
      own[0] = chunk_of(numbers[number], NULL, 0, 0);
      own[1] = chunk_of(numbers[number], "need ", 5, 0);
      own[2] = chunk_of(numbers[number], NULL, 0, 0);
      own[3] = chunk_of(numbers[number], "le", 2, 0);
      own[4] = chunk_of(numbers[number], NULL, 0, STRAND_CHUNK_LAST);
      own[5] = chunk_of(numbers[number], NULL, 0, STRAND_CHUNK_LAST);
    }
    CHECK_OK(scan(automaton, chunks, NUMBERS * CHUNKS, NULL));
    CHECK_EQUAL(take_all(automaton, found, 2 * NUMBERS + 1), 2 * NUMBERS);
    for (uint32_t index = 0; index < 2 * NUMBERS; index += 1) {
      CHECK_EQUAL(found[index].stream, numbers[index / 2]);
      CHECK_EQUAL(found[index].pattern, index % 2);
      CHECK_EQUAL(found[index].end, 7);
    }
    CHECK_EQUAL(stats_of(automaton).streams, 0);
    CHECK_OK(strand_automaton_release(automaton));
  }
}

/* ----------------------------------------------------------------------------------------------------- errors */

static void errors_name_the_pattern(void) {
  static const struct {
    const char *text;
    strand_status status;
    uint64_t offset;
    const char *says;
  } bad[] = {
      {"a(?=b)", STRAND_ERR_UNSUPPORTED, 1, "look-ahead"},
      {"(a)\\1", STRAND_ERR_UNSUPPORTED, 3, "backreferences"},
      {"x\\p{Greek}", STRAND_ERR_UNSUPPORTED, 1, "Unicode"},
      {"ab(c", STRAND_ERR_INVALID, 2, "unclosed group"},
      {"", STRAND_ERR_INVALID, UINT64_MAX, "empty pattern"},
      {"$", STRAND_ERR_INVALID, UINT64_MAX, "only the empty text"},
      {"(?:a{1000}){1000}", STRAND_ERR_LIMIT, UINT64_MAX, "states"},
      {"\xff", STRAND_ERR_INVALID, 0, "UTF-8"},
  };
  for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index += 1) {
    strand_automaton_options options = options_of(STRAND_AUTOMATON_AUTO, 0);
    strand_automaton automaton = 77;
    strand_pattern set[2];
    strand_pattern_error error;
    memset(&error, 0, sizeof error);
    error.size = (uint32_t)sizeof error;
    options.error = &error;
    set[0] = pattern_of("good", 0);
    set[1] = pattern_of(bad[index].text, 0);
    CHECK_STATUS(bad[index].status, strand_automaton_compile(device, set, 2, &options, &automaton));
    CHECK_LAST_ERROR_SAYS("pattern 1");
    CHECK_LAST_ERROR_SAYS(bad[index].says);
    CHECK_EQUAL(error.pattern, 1);
    CHECK_EQUAL(error.offset, bad[index].offset);
    CHECK_EQUAL(automaton, 77);
  }
  {
    strand_automaton_options options = options_of(STRAND_AUTOMATON_AUTO, 0);
    strand_automaton automaton;
    strand_pattern pattern = pattern_of("a{40}", 0);
    options.pattern_states_max = 30;
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_automaton_compile(device, &pattern, 1, &options, &automaton));
    pattern = pattern_of("\xff\xfe", STRAND_PATTERN_LITERAL);
    CHECK_OK(strand_automaton_compile(device, &pattern, 1, &options, &automaton));
    CHECK_OK(strand_automaton_release(automaton));
  }
}

static void a_closed_device_is_closed(void) {
  strand_automaton automaton;
  strand_pattern pattern = pattern_of("good", 0);
  strand_ticket ticket;
  CHECK_OK(strand_automaton_compile(device, &pattern, 1, NULL, &automaton));
  CHECK_OK(strand_device_close(device));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_automaton_scan(automaton, NULL, 0, NULL, &ticket));
  CHECK_OK(strand_automaton_release(automaton));
  open_device();
}

int main(void) {
  start_runtime(1);
  open_device();
  make_patterns();
  CLAIM(cut_everywhere);
  CLAIM(many_streams);
  CLAIM(large_chunks);
  CLAIM(the_baseline_is_the_same_on_every_device);
  CLAIM(strands_compile_and_scan);
  CLAIM(limits_leave_the_rest_to_another_scan);
  CLAIM(the_edges_of_streams);
  CLAIM(scans_are_cancelled_and_closed);
  CLAIM(errors_name_the_pattern);
  CLAIM(a_closed_device_is_closed);
  stop_runtime();
  start_runtime(3);
  open_device();
  CLAIM(strands_compile_and_scan);
  stop_runtime();
  return 0;
}
