/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 instruments=none compilers=cc
 * test: engines=parallel engines-why="what fails is an allocation of the C library's, the same on every engine" */
/* test: env="STRAND_GPU=cpu" */
/*
 * The N-th allocation fails, for every N that a compilation and scans need: each time there is a status, a stream stands where
 * scanned of its chunks says, and going on finds every match once. Patterns are literals where they are compiled, since the
 * parser of regular expressions ends the process; the set that is scanned for has both.
 */
#include "harness.h"

static uint64_t left; /* allocations until the one that fails; 0: none does */

static int must_fail(void) {
  uint64_t now = __atomic_load_n(&left, __ATOMIC_SEQ_CST);
  while (now != 0 && !__atomic_compare_exchange_n(&left, &now, now - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return now == 1;
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) { return must_fail() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return must_fail() ? NULL : __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { return must_fail() ? NULL : __libc_realloc(block, size); }
void *memalign(size_t alignment, size_t size) { return must_fail() ? NULL : __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
  *out = memalign(alignment, size);
  return *out == NULL ? ENOMEM : 0;
}

/* ------------------------------------------------------------------------------------------------- the scenario */

static strand_device device;
static const struct {
  const char *text;
  uint32_t flags;
} given[] = {
    {"needle", STRAND_PATTERN_LITERAL},
    {"Disk", STRAND_PATTERN_LITERAL | STRAND_PATTERN_CASELESS},
    {"ab", STRAND_PATTERN_LITERAL},
    {"<[a-c]{1,9}[^>]{1,20}needle.{0,30}b", 0},
    {"(?:disk|needle)[^c]*a$", STRAND_PATTERN_MULTI_LINE},
    {"a.{0,40}b", 0},
};
enum { LITERALS = 3, ALL = 6, STREAMS = 3, PART = 70, LENGTH = 200, MOST = 4096 };

static void fill(strand_pattern *patterns) {
  for (size_t i = 0; i < ALL; i += 1) {
    patterns[i] = (strand_pattern){.size = sizeof *patterns, .flags = given[i].flags, .text = given[i].text, .length = strlen(given[i].text)};
  }
}

static int by_place(const void *left_match, const void *right_match) {
  const strand_match *a = left_match, *b = right_match;
  if (a->stream != b->stream) return a->stream < b->stream ? -1 : 1;
  if (a->end != b->end) return a->end < b->end ? -1 : 1;
  return a->pattern < b->pattern ? -1 : a->pattern > b->pattern;
}

static char texts[STREAMS][LENGTH + 1];

/* Scans every stream to its end in parts; the matches, sorted. How often there was no memory. */
static size_t scan_all(strand_automaton automaton, strand_match *found, int *refused) {
  uint64_t done[STREAMS] = {0};
  int ended = 0;
  size_t count = 0, more;
  while (!ended) {
    strand_chunk chunks[STREAMS];
    strand_ticket ticket;
    ended = 1;
    for (uint32_t stream = 0; stream < STREAMS; stream += 1) {
      const uint64_t rest = LENGTH - done[stream];
      const uint64_t part = rest < PART ? rest : PART;
      chunks[stream] = (strand_chunk){.size = sizeof *chunks, .stream = stream, .data = texts[stream] + done[stream], .length = part};
      chunks[stream].flags = part == rest ? STRAND_CHUNK_LAST : 0;
      ended = ended && part == rest;
    }
    strand_status status = strand_automaton_scan(automaton, chunks, STREAMS, NULL, &ticket);
    if (status == STRAND_OK) {
      status = strand_ticket_await(ticket, STRAND_FOREVER);
      CHECK_OK(strand_ticket_release(ticket));
    }
    for (uint32_t stream = 0; stream < STREAMS; stream += 1) {
      done[stream] += chunks[stream].scanned;
    }
    if (status != STRAND_OK) { /* what is left is scanned once more; an end that was reached already has nothing left */
      CHECK(status == STRAND_ERR_NO_MEMORY || status == STRAND_ERR_LIMIT);
      *refused += 1;
      ended = 0;
    }
  }
  while (strand_automaton_take(automaton, found + count, MOST - count, &more) == STRAND_OK) {
    count += more;
  }
  qsort(found, count, sizeof *found, by_place);
  return count;
}

static strand_automaton compile(size_t patterns_count, uint32_t mode) {
  strand_pattern patterns[ALL];
  const strand_automaton_options options = {.size = sizeof options, .mode = mode};
  strand_automaton automaton;
  fill(patterns);
  CHECK_OK(strand_automaton_compile(device, patterns, patterns_count, &options, &automaton));
  return automaton;
}

static void each_allocation_of_a_compilation(void) {
  strand_pattern patterns[ALL];
  strand_status status = STRAND_ERR_NO_MEMORY;
  uint64_t number = 0;
  CHECK_OK(strand_automaton_release(compile(LITERALS, STRAND_AUTOMATON_AUTO))); /* what a process has once is there */
  fill(patterns);
  while (status != STRAND_OK) {
    strand_automaton automaton;
    number += 1;
    __atomic_store_n(&left, number, __ATOMIC_SEQ_CST);
    status = strand_automaton_compile(device, patterns, LITERALS, NULL, &automaton);
    if (status == STRAND_OK) {
      CHECK_NUMBERS(__atomic_exchange_n(&left, 0, __ATOMIC_SEQ_CST), >, 0); /* none has failed */
      CHECK_OK(strand_automaton_release(automaton));
    } else {
      CHECK_STATUS(STRAND_ERR_NO_MEMORY, status);
      CHECK_EQUAL(__atomic_load_n(&left, __ATOMIC_SEQ_CST), 0);
    }
  }
  CHECK_NUMBERS(number, >, 100);
}

static void each_allocation_of_scans(void) {
  static strand_match whole[MOST], again[MOST];
  uint64_t failures = 0;
  for (uint32_t mode = STRAND_AUTOMATON_AUTO; mode <= STRAND_AUTOMATON_NON_BLOCKING; mode += 1) {
    int refused = 0;
    strand_automaton automaton = compile(ALL, mode);
    const size_t count = scan_all(automaton, whole, &refused);
    CHECK_OK(strand_automaton_release(automaton));
    CHECK_EQUAL(refused, 0);
    CHECK_NUMBERS(count, >, 20);
    for (uint64_t number = 1;; number += 1) {
      size_t found;
      automaton = compile(ALL, mode);
      __atomic_store_n(&left, number, __ATOMIC_SEQ_CST);
      refused = 0;
      found = scan_all(automaton, again, &refused);
      CHECK_EQUAL(found, count);
      CHECK_EQUAL(memcmp(again, whole, count * sizeof *whole), 0);
      CHECK_OK(strand_automaton_release(automaton));
      if (__atomic_exchange_n(&left, 0, __ATOMIC_SEQ_CST) != 0) { /* fewer allocations than that */
        break;
      }
      failures += (uint64_t)refused;
    }
  }
  CHECK_NUMBERS(failures, >, 60);
}

int main(void) {
  uint64_t seed = 5;
  for (uint32_t stream = 0; stream < STREAMS; stream += 1) {
    for (size_t at = 0; at < LENGTH; at += 1) {
      texts[stream][at] = "aabbc \n<"[next_random(&seed) % 8];
    }
    memcpy(texts[stream] + 20 * stream + 5, "<ab__needle__disk", 17);
    memcpy(texts[stream] + PART - 3, "needle", 6); /* across two chunks */
  }
  start_runtime(1);
  CHECK_OK(strand_device_open(NULL, &device));
  CLAIM(each_allocation_of_a_compilation);
  CLAIM(each_allocation_of_scans);
  stop_runtime();
  return 0;
}
