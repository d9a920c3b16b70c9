/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 */
/*
 * Files and pipes that are scanned block by block as one stream: the same matches as those of the same bytes in memory, and
 * what ends such a scan. On the processor, and on an adapter that is a program where there is one.
 */
#include "ingest.h"

enum { LENGTH = 300000, ROOM = 1 << 18 };

static char *text;

/* Words that cross blocks, lines, and a pattern that has no words. */
static strand_automaton new_automaton(uint64_t matches_max) {
  static const char *const patterns[] = {"needle", "n[a-z]+le\n", "^first", "last$", "[0-9]{4}x"};
  strand_pattern set[5];
  strand_automaton_options options;
  strand_automaton automaton = 0;
  memset(set, 0, sizeof set);
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.matches_max = matches_max;
  for (int i = 0; i < 5; i += 1) {
    set[i].size = (uint32_t)sizeof set[i];
    set[i].text = patterns[i];
    set[i].length = strlen(patterns[i]);
  }
  CHECK_OK(strand_automaton_compile(device, set, 5, &options, &automaton));
  return automaton;
}

static void make_text(void) {
  static const char *const words[] = {"needle", "needle\n", "nozzle\n", "1234x", "99999x", "hay ", "n", "\n", "last"};
  uint64_t draws = 5;
  size_t length = 5;
  text = malloc(LENGTH);
  memcpy(text, "first", 5);
  while (length < LENGTH - 16) {
    const char *word = words[next_random(&draws) % 9];
    memcpy(text + length, word, strlen(word));
    length += strlen(word);
  }
  memset(text + length, ' ', LENGTH - length);
  memcpy(text + LENGTH - 4, "last", 4);
}

static int by_end(const void *left, const void *right) {
  const strand_match *a = left, *b = right;
  if (a->end != b->end) return a->end < b->end ? -1 : 1;
  return a->pattern < b->pattern ? -1 : a->pattern > b->pattern;
}

/* Everything that waits, sorted behind what was there; how many there are now. */
static size_t take_all(strand_automaton automaton, strand_match *matches, size_t had) {
  size_t count = 0;
  while (had < ROOM && strand_automaton_take(automaton, matches + had, ROOM - had, &count) == STRAND_OK) {
    had += count;
  }
  CHECK_NUMBERS(had, <, ROOM);
  qsort(matches, had, sizeof *matches, by_end);
  return had;
}

static strand_status scan_memory(strand_automaton automaton, uint32_t stream) {
  strand_chunk chunk;
  strand_ticket ticket;
  memset(&chunk, 0, sizeof chunk);
  chunk.size = (uint32_t)sizeof chunk;
  chunk.stream = stream;
  chunk.data = text;
  chunk.length = LENGTH;
  chunk.flags = STRAND_CHUNK_LAST;
  CHECK_OK(strand_automaton_scan(automaton, &chunk, 1, NULL, &ticket));
  return await_and_release(ticket);
}

static strand_ticket scan_file(strand_automaton automaton, int file, uint32_t stream, const strand_ingest_options *options) {
  strand_ticket ticket = 0;
  CHECK_OK(strand_automaton_scan_fd(automaton, file, stream, options, &ticket));
  return ticket;
}

static bool are_equal(const strand_match *left, size_t count, const strand_match *right, size_t others) {
  for (size_t i = 0; i < count && count == others; i += 1) {
    if (left[i].end != right[i].end || left[i].pattern != right[i].pattern) {
      return false;
    }
  }
  return count == others;
}

/* The matches of the text in memory, in a stream of its own. */
static strand_match *expected;
static size_t expected_count;

static void expect_matches(void) {
  const strand_automaton automaton = new_automaton(0);
  expected = malloc(ROOM * sizeof *expected);
  CHECK_OK(scan_memory(automaton, 3));
  expected_count = take_all(automaton, expected, 0);
  CHECK_NUMBERS(expected_count, >, 10000);
  CHECK_EQUAL(expected[expected_count - 1].end, LENGTH); /* last$ */
  CHECK_OK(strand_automaton_release(automaton));
}

static void a_file_in_blocks_of_any_size_has_the_matches_of_the_same_memory(void) {
  static const uint64_t blocks[] = {1009, 65536, 100000, 0};
  strand_match *found = malloc(ROOM * sizeof *found);
  for (int i = 0; i < 4; i += 1) {
    const strand_automaton automaton = new_automaton(0);
    const int file = file_of(text, LENGTH);
    strand_ingest_counts counts;
    strand_ingest_options options = ingest_options(&counts);
    options.flags = STRAND_INGEST_LAST;
    options.block_bytes = blocks[i];
    const strand_ticket read = scan_file(automaton, file, 9, &options);
    CHECK_OK(scan_memory(automaton, 8)); /* another stream meanwhile */
    CHECK_OK(await_and_release(read));
    CHECK_EQUAL(counts.read, LENGTH);
    CHECK_EQUAL(counts.taken, LENGTH);
    CHECK_NUMBERS(counts.blocks, >=, blocks[i] == 0 ? 1 : LENGTH / blocks[i]);
    const size_t both = take_all(automaton, found, 0);
    size_t of_file = 0;
    for (size_t m = 0; m < both; m += 1) {
      if (found[m].stream == 9) found[of_file++] = found[m];
    }
    CHECK_EQUAL(both - of_file, expected_count);
    CHECK(are_equal(found, of_file, expected, expected_count));
    /* One byte makes a difference that is seen. */
    CHECK_EQUAL(pwrite(file, "?", 1, 2), 1);
    CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
    CHECK_OK(await_and_release(scan_file(automaton, file, 10, &options)));
    CHECK_EQUAL(take_all(automaton, found, 0), expected_count - 1); /* ^first */
    CHECK_EQUAL(close(file), 0);
    CHECK_OK(strand_automaton_release(automaton));
  }
  free(found);
}

static void *write_text(void *file) {
  uint64_t draws = 3;
  for (size_t done = 0; done < LENGTH;) {
    size_t now = 1 + next_random(&draws) % 40000;
    now = now < LENGTH - done ? now : LENGTH - done;
    write_all((int)(intptr_t)file, text + done, now);
    done += now;
  }
  CHECK_EQUAL(close((int)(intptr_t)file), 0);
  return NULL;
}
static void a_pipe_is_scanned_as_it_is_written(void) {
  strand_match *found = malloc(ROOM * sizeof *found);
  const strand_automaton automaton = new_automaton(0);
  const pipe_ends ends = new_pipe();
  strand_ingest_options options = ingest_options(NULL);
  options.flags = STRAND_INGEST_LAST;
  const strand_ticket read = scan_file(automaton, ends.out, 1, &options);
  const pthread_t writer = start_thread(write_text, (void *)(intptr_t)ends.into);
  CHECK_OK(await_and_release(read));
  join_thread(writer);
  CHECK(are_equal(found, take_all(automaton, found, 0), expected, expected_count));
  CHECK_EQUAL(close(ends.out), 0);
  CHECK_OK(strand_automaton_release(automaton));
  free(found);
}

static void a_scan_that_has_found_too_much_goes_on_with_what_is_left_of_the_file(void) {
  strand_match *found = malloc(ROOM * sizeof *found);
  const strand_automaton automaton = new_automaton(1000);
  const int file = file_of(text, LENGTH);
  size_t count = 0;
  uint64_t taken = 0;
  int refused = 0;
  for (;;) {
    strand_ingest_counts counts;
    strand_ingest_options options = ingest_options(&counts);
    options.flags = STRAND_INGEST_LAST;
    options.block_bytes = 150000; /* more than one part of 64 KiB */
    const strand_status status = await_and_release(scan_file(automaton, file, 1, &options));
    taken += counts.taken;
    CHECK_EQUAL(lseek(file, 0, SEEK_CUR), taken);
    count = take_all(automaton, found, count);
    if (status == STRAND_OK) {
      break;
    }
    CHECK_EQUAL(status, STRAND_ERR_LIMIT);
    refused += 1;
  }
  CHECK_NUMBERS(refused, >, 1);
  CHECK_EQUAL(taken, LENGTH);
  CHECK(are_equal(found, count, expected, expected_count));
  CHECK_EQUAL(close(file), 0);
  CHECK_OK(strand_automaton_release(automaton));
  free(found);
}

static uint64_t waiting(strand_automaton automaton) {
  strand_automaton_counts counts;
  memset(&counts, 0, sizeof counts);
  counts.size = (uint32_t)sizeof counts;
  CHECK_OK(strand_automaton_stats(automaton, &counts));
  return counts.waiting;
}

enum { CANCEL, RELEASE, DEADLINE };

/* With a deadline after so many nanoseconds. False: it passed before what was there was scanned. */
static bool end_of_a_silent_pipe(int how, int64_t patience, strand_status expected_end) {
  const int before = descriptors();
  const strand_automaton automaton = new_automaton(0);
  const pipe_ends ends = new_pipe();
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  strand_ticket other = 77;
  strand_match found[4];
  size_t count = 0;
  if (how == DEADLINE) {
    options.deadline = strand_after(patience);
  }
  const strand_ticket read = scan_file(automaton, ends.out, 1, &options);
  write_all(ends.into, "first need", 10);
  if (how != DEADLINE) {
    AWAIT(waiting(automaton) == 1); /* before the next block comes */
    CHECK_OK(strand_automaton_take(automaton, found, 4, &count));
    check_goes_on(read);
    /* The stream is taken, also between two blocks. */
    CHECK_STATUS(STRAND_ERR_BUSY, strand_automaton_reset(automaton, 1));
    CHECK_STATUS(STRAND_ERR_BUSY, strand_automaton_scan_fd(automaton, ends.out, 1, NULL, &other));
    strand_chunk chunk;
    memset(&chunk, 0, sizeof chunk);
    chunk.size = (uint32_t)sizeof chunk;
    chunk.stream = 1;
    CHECK_STATUS(STRAND_ERR_BUSY, strand_automaton_scan(automaton, &chunk, 1, NULL, &other));
    CHECK_EQUAL(other, 77);
  }
  if (how == CANCEL) {
    CHECK_OK(strand_ticket_cancel(read));
  } else if (how == RELEASE) {
    CHECK_OK(strand_automaton_release(automaton));
  }
  CHECK_STATUS(expected_end, await_and_release(read));
  const bool in_time = how != DEADLINE || counts.taken > 0;
  CHECK_EQUAL(counts.taken, in_time ? 10 : 0);
  if (how == DEADLINE) {
    CHECK_NUMBERS(strand_now(), >=, options.deadline);
  }
  if (!in_time) {
    CHECK_EQUAL(close(ends.into), 0);
    CHECK_OK(strand_automaton_release(automaton));
  } else if (how != RELEASE) {
    /* What was scanned counts: the word that was cut in two is found by the next one. */
    write_all(ends.into, "le", 2);
    CHECK_EQUAL(close(ends.into), 0);
    CHECK_OK(await_and_release(scan_file(automaton, ends.out, 1, NULL)));
    if (how == DEADLINE) {
      CHECK_OK(strand_automaton_take(automaton, found, 1, &count));
    }
    CHECK_OK(strand_automaton_take(automaton, found, 4, &count));
    CHECK_EQUAL(count, 1);
    CHECK_EQUAL(found[0].end, 12);
    CHECK_OK(strand_automaton_reset(automaton, 1));
    CHECK_OK(strand_automaton_release(automaton));
  } else {
    CHECK_EQUAL(close(ends.into), 0);
  }
  CHECK_EQUAL(close(ends.out), 0);
  CHECK_EQUAL(descriptors(), before);
  return in_time;
}
static void a_cancel_ends_a_scan_of_a_silent_pipe(void) { CHECK(end_of_a_silent_pipe(CANCEL, 0, STRAND_ERR_CANCELLED)); }
static void a_release_ends_a_scan_of_a_silent_pipe(void) { CHECK(end_of_a_silent_pipe(RELEASE, 0, STRAND_ERR_CLOSED)); }
static void a_deadline_ends_a_scan_of_a_silent_pipe(void) {
  for (int64_t patience = MILLISECONDS(100); !end_of_a_silent_pipe(DEADLINE, patience, STRAND_ERR_TIMEOUT); patience *= 4) {
    CHECK_NUMBERS(patience, <, SECONDS(20));
  }
}

static void past_its_deadline_nothing_is_scanned(void) {
  const strand_automaton automaton = new_automaton(0);
  const int file = file_of(text, LENGTH);
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  options.deadline = 1;
  options.block_bytes = 4096;
  CHECK_STATUS(STRAND_ERR_TIMEOUT, await_and_release(scan_file(automaton, file, 1, &options)));
  CHECK_EQUAL(counts.taken, 0);
  CHECK_EQUAL(lseek(file, 0, SEEK_CUR), 0);
  CHECK_EQUAL(close(file), 0);
  CHECK_OK(strand_automaton_release(automaton));
}

static void the_close_of_its_device_ends_a_scan_of_a_pipe(void) {
  const strand_device before = device;
  open_processor();
  device = processor;
  const strand_automaton automaton = new_automaton(0);
  const pipe_ends ends = new_pipe();
  const strand_ticket read = scan_file(automaton, ends.out, 1, NULL);
  check_goes_on(read);
  CHECK_OK(strand_device_close(device));
  CHECK_STATUS(STRAND_ERR_CLOSED, await_and_release(read));
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  CHECK_OK(strand_automaton_release(automaton));
  device = before;
}

static void a_shutdown_ends_scans_of_files(void) {
  const int before = descriptors();
  const strand_config config = default_config(2);
  start_runtime_and_stay(&config);
  const strand_automaton automaton = new_automaton(0);
  const pipe_ends ends = new_pipe();
  const int file = file_of(text, LENGTH);
  scan_file(automaton, ends.out, 1, NULL);
  scan_file(automaton, file, 2, NULL);
  let_strands_run(3);
  stop_runtime();
  CHECK_EQUAL(close(file), 0);
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  CHECK_EQUAL(descriptors(), before);
}

/* In a child, whose greatest use of memory is its own. */
static int64_t greatest_kilobytes(void) { return proc_number("/proc/self/status", "VmHWM:"); }
static void scan_a_short_file_in_large_blocks(void) {
  enum { BLOCK = 256 << 20 };
  const strand_config config = default_config(1);
  strand_ingest_options options = ingest_options(NULL);
  int64_t before;
  start_runtime_and_stay(&config);
  const strand_automaton automaton = new_automaton(0);
  const int file = file_of(text, LENGTH);
  CHECK_OK(await_and_release(scan_file(automaton, file, 1, &options)));
  before = greatest_kilobytes();
  CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
  options.block_bytes = BLOCK;
  CHECK_OK(await_and_release(scan_file(automaton, file, 2, &options)));
  CHECK_NUMBERS(greatest_kilobytes(), <, before + BLOCK / 1024 / 2);
  CHECK_EQUAL(close(file), 0);
  CHECK_OK(strand_automaton_release(automaton));
  volatile char *control = malloc(BLOCK);
  for (int64_t at = 0; at < BLOCK; at += 1024) {
    control[at] = 1;
  }
  CHECK_NUMBERS(greatest_kilobytes(), >=, before + BLOCK / 1024 / 2);
  free((void *)control);
  stop_runtime();
}
static void a_short_file_uses_no_memory_for_the_rest_of_its_blocks(void) {
  static child result;
  run_child(&result, scan_a_short_file_in_large_blocks);
  CHECK_CHILD_EXITED(&result, 0);
}

static void claims_on_a_device(void) {
  expect_matches();
  CLAIM(a_file_in_blocks_of_any_size_has_the_matches_of_the_same_memory);
  CLAIM(a_pipe_is_scanned_as_it_is_written);
  CLAIM(a_scan_that_has_found_too_much_goes_on_with_what_is_left_of_the_file);
  CLAIM(a_cancel_ends_a_scan_of_a_silent_pipe);
  CLAIM(a_release_ends_a_scan_of_a_silent_pipe);
  CLAIM(past_its_deadline_nothing_is_scanned);
  CLAIM_IF(!is_virtual(), a_deadline_ends_a_scan_of_a_silent_pipe, "its clock stands still under a hold");
  free(expected);
}

int main(void) {
  make_text();
  CLAIM_IF(greatest_kilobytes() > 0, a_short_file_uses_no_memory_for_the_rest_of_its_blocks, "the system does not tell");
  const strand_config config = default_config(2);
  start_runtime_and_stay(&config);
  claims_on_a_device();
  CLAIM(the_close_of_its_device_ends_a_scan_of_a_pipe);
  if (open_adapter(&device)) {
    printf("on an adapter:\n");
    claims_on_a_device();
    CHECK_OK(strand_device_close(device));
  }
  stop_runtime();
  CLAIM(a_shutdown_ends_scans_of_files);
  free(text);
  return 0;
}
