/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 schedules=yes */
/*
 * Many strands (and threads) make random selects over a few shared channels. Every message has a number of its own and a
 * line in a book: what was sent was received once or lies in a channel, and nobody received what was not sent.
 */
#include "cases.h"

enum { CHANNELS = 5, STRANDS = 12, THREADS = 2, CASES = 10, MOST = 400000 };
static const size_t capacities[CHANNELS] = {0, 0, 1, 3, STRAND_UNBOUNDED};

typedef enum sabotage { HONEST, LOSE_ONE, REPEAT_ONE, SEND_BESIDE } sabotage;
static sabotage seeded_defect;

static strand_chan channels[CHANNELS];
static uint64_t numbers;
static unsigned char sent[MOST], received[MOST];
static uint64_t commits[3]; /* none, receives, sends */
static uint64_t first_seed;
static uint64_t done;

static void note_sent(uint64_t number) { __atomic_add_fetch(&sent[number], 1, __ATOMIC_SEQ_CST); }
static void note_received(uint64_t number) {
  CHECK(number < MOST);
  if (number % 100 == 77 && seeded_defect == LOSE_ONE) {
    return;
  }
  if (number % 100 == 77 && seeded_defect == REPEAT_ONE) {
    __atomic_add_fetch(&received[number], 1, __ATOMIC_SEQ_CST);
  }
  __atomic_add_fetch(&received[number], 1, __ATOMIC_SEQ_CST);
}

/* One select with random cases; what did not commit is as it was. */
static void select_once(uint64_t *dice) {
  strand_case cases[CASES];
  uint64_t elements[CASES];
  uint64_t before[CASES];
  const size_t count = 1 + next_random(dice) % CASES;
  size_t index = 4711;
  const uint64_t how = next_random(dice);
  const int64_t deadline = how % 4 == 0 ? STRAND_NO_WAIT : strand_after((int64_t)(how >> 8) % 30000);
  for (size_t place = 0; place < count; place += 1) {
    const uint64_t kind = next_random(dice);
    const strand_chan channel = channels[(kind >> 8) % CHANNELS];
    if (kind % 16 == 0) {
      cases[place] = none();
    } else if (kind % 16 == 1) {
      cases[place] = timer_case(strand_after((int64_t)(kind >> 16) % 30000));
    } else if (kind % 2 == 0) {
      elements[place] = UINT64_MAX - place;
      cases[place] = receive_case(channel, &elements[place]);
    } else {
      elements[place] = count_up(&numbers) - 1;
      CHECK(elements[place] < MOST);
      cases[place] = send_case(channel, &elements[place]);
    }
    before[place] = elements[place];
  }
  const strand_status status = strand_select(cases, count, deadline, (uint32_t)(how >> 4) % 2, &index);
  if (status != STRAND_OK) {
    CHECK(status == STRAND_ERR_TIMEOUT || status == STRAND_ERR_WOULD_BLOCK);
    CHECK_EQUAL(index, 4711);
    count_up(&commits[0]);
  } else {
    CHECK(index < count);
    CHECK_OK(cases[index].status);
  }
  check_only(cases, count, index, STRAND_OK);
  for (size_t place = 0; place < count; place += 1) {
    if (place != index && cases[place].kind != STRAND_CASE_NONE && cases[place].kind != STRAND_CASE_TIMER) {
      CHECK_EQUAL(elements[place], before[place]);
      if (seeded_defect == SEND_BESIDE && cases[place].kind == STRAND_CASE_SEND && before[place] % 50 == 3) {
        (void)strand_chan_try_send(cases[place].handle, &elements[place]); /* a trace of a case that has lost */
      }
    }
  }
  if (status == STRAND_OK && cases[index].kind == STRAND_CASE_RECV) {
    note_received(elements[index]);
    count_up(&commits[1]);
  } else if (status == STRAND_OK && cases[index].kind == STRAND_CASE_SEND) {
    note_sent(elements[index]);
    count_up(&commits[2]);
  }
}

static uint64_t turns;
static void *select_for_some_time(void *arg) {
  uint64_t dice = first_seed + (uint64_t)(uintptr_t)arg * 7919;
  for (int skipped = 0; skipped < 8; skipped += 1) {
    (void)next_random(&dice);
  }
  for (uint64_t turn = 0; turn < turns; turn += 1) {
    select_once(&dice);
  }
  count_up(&done);
  return NULL;
}

static void drain(void) {
  for (int channel = 0; channel < CHANNELS; channel += 1) {
    uint64_t number;
    while (strand_chan_try_recv(channels[channel], &number) == STRAND_OK) {
      note_received(number);
    }
    CHECK_OK(strand_chan_release(channels[channel]));
  }
}

static void play(uint32_t workers, int threads, int rounds) {
  pthread_t ids[THREADS];
  start_runtime(workers);
  CHECK_OK(strand_external_acquire());
  for (int channel = 0; channel < CHANNELS; channel += 1) {
    channels[channel] = new_channel(8, capacities[channel]);
  }
  count_set(&numbers, 0);
  memset(sent, 0, sizeof sent);
  memset(received, 0, sizeof received);
  count_set(&done, 0);
  turns = (uint64_t)rounds;
  for (uintptr_t strand = 0; strand < STRANDS; strand += 1) {
    spawn(select_for_some_time, (void *)(strand + 1));
  }
  for (uintptr_t thread = 0; thread < (uintptr_t)threads; thread += 1) {
    ids[thread] = start_thread(select_for_some_time, (void *)(thread + 100));
  }
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  for (int thread = 0; thread < threads; thread += 1) {
    join_thread(ids[thread]);
  }
  CHECK_EQUAL(count_read(&done), STRANDS + threads);
  drain();
  for (uint64_t number = 0; number < numbers; number += 1) {
    CHECK_EQUAL(sent[number], received[number]);
  }
  stop_runtime();
}

/* All of it has happened in one of the games: in a single short one perhaps every select finds something. */
static void play_games(int threads) {
  memset(commits, 0, sizeof commits);
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    play(workers, threads, shortened(scaled(400)));
  }
  for (int kind = 0; kind < 3; kind += 1) {
    CHECK_NUMBERS(commits[kind], >, 0);
  }
}
static void nothing_is_lost_or_doubled_among_strands(void) { play_games(0); }
static void nothing_is_lost_or_doubled_among_strands_and_threads(void) { play_games(THREADS); }

static void play_with_a_defect(void) { play(2, 0, 400); }
static void control_a_seeded_defect_is_caught_by_the_book(void) {
  for (seeded_defect = LOSE_ONE; seeded_defect <= SEND_BESIDE; seeded_defect = (sabotage)(seeded_defect + 1)) {
    child result;
    run_child(&result, play_with_a_defect);
    CHECK_CHILD_FAILED(&result);
  }
  seeded_defect = HONEST;
}

int main(void) {
  first_seed = test_seed();
  CLAIM(control_a_seeded_defect_is_caught_by_the_book); /* children first: before any init here */
  CLAIM(nothing_is_lost_or_doubled_among_strands);
  CLAIM(nothing_is_lost_or_doubled_among_strands_and_threads);
  return 0;
}
