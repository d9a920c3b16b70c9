/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=600 modes=static opt=O2 instruments=none waits=yes */
/* test: engines=none engines-why="recording chooses the engine" */
/* A recording of a real run in which one event is missing, twice there, exchanged with the next one, or other, with every CRC and count put
 * right again: it is refused when it is opened, or the run says that it differs. It is never followed in silence, and nothing hangs. */
#include "harness.h"

/* ------------------------------------------------------------------------------------------------- the program */

static strand_chan inbox;
static int has_thread;

static void *feed(void *arg) {
  pthread_setname_np(pthread_self(), "feeder");
  for (uint64_t value = 0; value < 2; value += 1) {
    if (strand_chan_send(inbox, &value, STRAND_FOREVER) != STRAND_OK) break; /* the run was left */
    nap(MILLISECONDS(1));
  }
  (void)strand_external_release();
  return arg;
}
static void *work(void *arg) {
  uint64_t value = 0;
  for (int turn = 0; turn < 3; turn += 1) {
    uint64_t random = (uint64_t)strand_now();
    (void)strand_input(5, &random, sizeof random);
    for (uint64_t yields = random % 3; yields > 0; yields -= 1) (void)strand_yield();
    if (strand_sleep(MILLISECONDS(1)) != STRAND_OK) return NULL;
    if (has_thread && turn < 2) (void)strand_chan_recv(inbox, &value, STRAND_FOREVER);
  }
  return arg;
}
/* Whether the run said that it is not the one that was recorded. */
static int run_once(const char *record, const char *replay, int *refused) {
  strand_config config = default_config(0);
  pthread_t feeder = pthread_self();
  config.clock = STRAND_CLOCK_REAL;
  config.record = record;
  config.replay = replay;
  strand_status status = strand_scheduler_init(&config);
  *refused = status != STRAND_OK;
  if (*refused) {
    CHECK_STATUS(STRAND_ERR_REPLAY, status);
    return 1;
  }
  inbox = new_channel(sizeof(uint64_t), 0);
  spawn(work, NULL);
  spawn(work, NULL);
  if (has_thread) {
    CHECK_OK(strand_external_acquire());
    feeder = start_thread(feed, NULL);
  }
  const strand_status ran = strand_scheduler_run();
  CHECK(ran == STRAND_OK || ran == STRAND_ERR_REPLAY || ran == STRAND_ERR_DEADLOCK);
  const strand_status ended = strand_scheduler_shutdown(STRAND_FOREVER);
  CHECK(ended == STRAND_OK || ended == STRAND_ERR_REPLAY);
  if (has_thread) join_thread(feeder);
  return ran == STRAND_ERR_REPLAY || ended == STRAND_ERR_REPLAY;
}

/* ------------------------------------------------------------------------------------------------ the file format */

enum { HEADER = 100, BLOCK_HEAD = 28, BLOCK_TAIL = 12, END = 36, MOST = 512 };

static unsigned char file[1 << 16], made[1 << 17];
static size_t length, places[MOST + 1];
static int events;

static uint32_t crc_of(uint32_t crc, const unsigned char *at, size_t count) {
  crc = ~crc;
  for (; count > 0; count -= 1, at += 1) {
    crc ^= *at;
    for (int bit = 0; bit < 8; bit += 1) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}
static uint32_t u32_at(const unsigned char *at) { uint32_t value; memcpy(&value, at, 4); return value; }
static void put_u32(unsigned char *at, uint32_t value) { memcpy(at, &value, 4); }

static size_t number(size_t at, uint64_t *value) {
  int shift = 0;
  *value = 0;
  do *value |= (uint64_t)(file[at] & 127) << shift, shift += 7;
  while (file[at++] & 128);
  return at;
}
/* Where the event at a place ends. */
static size_t after(size_t at) {
  uint64_t value;
  int numbers = 0, has_bytes = 0;
  switch (file[at++]) {
    case 0x01: case 0x08: numbers = 1; break;
    case 0x02: numbers = file[at++]; break;
    case 0x05: numbers = 3; has_bytes = 1; break;
    case 0x07: numbers = 2; break;
    case 0x13: numbers = 1; has_bytes = 1; break;
    default: fail_now(__FILE__, __LINE__, "an event that this test does not know");
  }
  for (; numbers > 0; numbers -= 1) at = number(at, &value);
  if (has_bytes) {
    at = number(at, &value);
    at += value;
  }
  return at;
}
/* The recording has one or more blocks; their events are put into one. */
static void load(const char *path) {
  unsigned char all[1 << 16];
  const int descriptor = open(path, O_RDONLY);
  const ssize_t got = read(descriptor, all, sizeof all);
  CHECK(got > HEADER + END && got < (ssize_t)sizeof all);
  close(descriptor);
  memcpy(file, all, HEADER + BLOCK_HEAD);
  length = HEADER + BLOCK_HEAD;
  size_t at = HEADER;
  const unsigned char *tail = NULL;
  while (all[at] == 'B') {
    const uint32_t bytes = u32_at(all + at + 20);
    memcpy(file + length, all + at + BLOCK_HEAD, bytes);
    length += bytes;
    at += BLOCK_HEAD + bytes + BLOCK_TAIL;
    tail = all + at - BLOCK_TAIL;
  }
  CHECK(tail != NULL && all[at] == 'E' && at + END == (size_t)got);
  events = 0;
  for (size_t place = HEADER + BLOCK_HEAD; place < length; place = after(place)) {
    CHECK(events < MOST);
    places[events] = place;
    events += 1;
  }
  places[events] = length;
  memcpy(file + length, tail, BLOCK_TAIL);
  memcpy(file + length + BLOCK_TAIL, all + at, END);
}

static size_t built;
static int built_events;
static void add(int event) {
  const size_t count = places[event + 1] - places[event];
  memcpy(made + built, file + places[event], count);
  built += count;
  built_events += 1;
}
static void seal(const char *path) {
  const size_t end = built + BLOCK_TAIL;
  put_u32(made + HEADER + 16, (uint32_t)built_events);
  put_u32(made + HEADER + 20, (uint32_t)(built - HEADER - BLOCK_HEAD));
  memcpy(made + built, file + length, BLOCK_TAIL + END);
  const uint64_t count = (uint64_t)built_events;
  memcpy(made + end + 16, &count, 8);
  uint32_t crc = crc_of(0, made, HEADER - 4);
  CHECK_EQUAL(crc, u32_at(made + HEADER - 4)); /* of the untouched header: this test computes it as the library does */
  crc = crc_of(crc, made + HEADER, BLOCK_HEAD - 4);
  put_u32(made + HEADER + BLOCK_HEAD - 4, crc);
  crc = crc_of(crc, made + HEADER + BLOCK_HEAD, built + 8 - HEADER - BLOCK_HEAD);
  put_u32(made + built + 8, crc);
  crc = crc_of(crc, made + end, END - 4);
  put_u32(made + end + END - 4, crc);
  const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK_EQUAL(write(descriptor, made, end + END), (ssize_t)(end + END));
  close(descriptor);
}

enum { SAME, DELETE, DUPLICATE, EXCHANGE, CHANGE, KINDS };
static int mutate(int kind, int chosen) {
  memcpy(made, file, HEADER + BLOCK_HEAD);
  built = HEADER + BLOCK_HEAD;
  built_events = 0;
  for (int event = 0; event < events; event += 1) {
    if (kind == DELETE && event == chosen) continue;
    if (kind == EXCHANGE && event == chosen) {
      if (event + 1 == events) return 0;
      const size_t one = places[event + 1] - places[event], next = places[event + 2] - places[event + 1];
      if (one == next && memcmp(file + places[event], file + places[event + 1], one) == 0) return 0; /* it would be the same */
      add(event + 1);
      add(event);
      event += 1;
      continue;
    }
    add(event);
    if (event == chosen && kind == DUPLICATE) add(event);
    if (event == chosen && kind == CHANGE) made[built - 1] ^= 1; /* the last byte: it stays a number, or a byte of a text */
  }
  seal("mutant");
  return 1;
}

static void no_mutant_is_followed_in_silence(void) {
  int refused = 0, told = 0, at_opening = 0;
  CHECK(!run_once("original", NULL, &refused));
  load("original");
  CHECK(mutate(SAME, -1));
  CHECK(!run_once(NULL, "mutant", &refused)); /* control: the forger changes nothing by itself */
  for (int kind = DELETE; kind < KINDS; kind += 1) {
    for (int event = 0; event < events; event += 1) {
      if (!mutate(kind, event)) continue;
      if (!run_once(NULL, "mutant,patience=1", &refused)) {
        fprintf(stderr, "kind %d of event %d of %d, tag %#x, was followed\n", kind, event, events, file[places[event]]);
        CHECK(0);
      }
      told += !refused;
      at_opening += refused;
    }
  }
  printf("%d events: %d mutants were refused by init, %d told by the run\n", events, at_opening, told);
  CHECK(told > events && at_opening > 0);
}
static void no_mutant_with_inputs_and_a_real_clock_is_followed_in_silence(void) {
  has_thread = 0;
  no_mutant_is_followed_in_silence();
}
static void no_mutant_with_turns_of_threads_is_followed_in_silence(void) {
  has_thread = 1;
  no_mutant_is_followed_in_silence();
}

int main(void) {
  CLAIM(no_mutant_with_inputs_and_a_real_clock_is_followed_in_silence);
  CLAIM(no_mutant_with_turns_of_threads_is_followed_in_silence);
  return 0;
}
