/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O2 */
/* test: engines=none engines-why="it needs the stepped engine and chooses it itself" */
/*
 * What a select chooses is a decision like a pick: explored one after the other or at random, part of a token, the same
 * with the same seed, written into a recording with explicit picks and taken from it.
 */
#include "cases.h"
#include "explored.h"

static void start_stepped(uint64_t seed, const char *record, const char *replay) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  config.seed = seed;
  config.record = record;
  config.replay = replay;
  CHECK_OK(strand_scheduler_init(&config));
}

/* ------------------------------------------------------------------------------------ every choice is explored */

/* Selects three times among three ready cases, and remembers every sequence that was seen. */
static unsigned char seen[27];
static int forbidden = -1;
static void *choose_three_times(void *unused) {
  uint64_t value = 0;
  int sequence = 0;
  strand_chan channels[3];
  strand_case cases[5];
  (void)unused;
  for (int each = 0; each < 3; each += 1) {
    if (strand_chan_new(8, 4, &channels[each]) != STRAND_OK) return NULL;
    for (int message = 0; message < 4; message += 1) (void)strand_chan_try_send(channels[each], &value);
  }
  cases[0] = receive_case(channels[0], &value);
  cases[1] = none();
  cases[2] = receive_case(channels[1], &value);
  cases[3] = none();
  cases[4] = receive_case(channels[2], &value);
  for (int turn = 0; turn < 3; turn += 1) {
    size_t index = 0;
    if (strand_select(cases, 5, STRAND_FOREVER, 0, &index) != STRAND_OK) return NULL;
    sequence = sequence * 3 + (int)index / 2;
  }
  for (int each = 0; each < 3; each += 1) CHECK_OK(strand_chan_release(channels[each]));
  seen[sequence] = 1;
  strand_assert(sequence != forbidden, "the forbidden sequence");
  return NULL;
}
static int sequences_seen(void) {
  int count = 0;
  for (int sequence = 0; sequence < 27; sequence += 1) count += seen[sequence];
  memset(seen, 0, sizeof seen);
  return count;
}
static void every_choice_of_a_select_is_explored(void) {
  start_stepped(1, NULL, NULL);
  strand_explore_result result = explored_with("exhaustive", NULL, choose_three_times, NULL, STRAND_OK);
  CHECK_EQUAL(result.runs, 27);
  CHECK_EQUAL(result.complete, 1);
  CHECK_EQUAL(sequences_seen(), 27);
  result = explored_with("exhaustive:reduce=objects,preemptions=0", NULL, choose_three_times, NULL, STRAND_OK);
  CHECK_EQUAL(result.runs, 27);
  CHECK_EQUAL(sequences_seen(), 27);
  (void)explored_with("random:runs=1000", NULL, choose_three_times, NULL, STRAND_OK);
  CHECK_EQUAL(sequences_seen(), 27);
  (void)explored_with("pct:runs=1000", NULL, choose_three_times, NULL, STRAND_OK);
  CHECK_EQUAL(sequences_seen(), 27);
  stop_runtime();
}
static void a_token_brings_a_choice_back(void) {
  static const char *const plans[] = {"exhaustive", "random", "pct"};
  start_stepped(1, NULL, NULL);
  forbidden = 2 * 9 + 0 * 3 + 1;
  for (size_t plan = 0; plan < 3; plan += 1) {
    const strand_explore_result found = explored_with(plans[plan], NULL, choose_three_times, NULL, STRAND_ERR_FAILED);
    CHECK_LAST_ERROR_SAYS("the forbidden sequence");
    memset(seen, 0, sizeof seen);
    const strand_explore_result again = explored_with(NULL, found.token, choose_three_times, NULL, STRAND_ERR_FAILED);
    CHECK_EQUAL(again.runs, 1);
    CHECK_EQUAL(seen[forbidden], 1);
    CHECK_EQUAL(sequences_seen(), 1);
  }
  forbidden = -1;
  stop_runtime();
}

/* ------------------------------------------------------------------------- a small program, under every schedule */

/* Two senders, a closer, and one that selects: all that may happen happens, and nothing else. */
static strand_chan ends[2];
static strand_status sent_status[2];
static unsigned outcomes;
static void *send_one(void *place) {
  const size_t mine = (size_t)(uintptr_t)place;
  const uint64_t value = mine + 40;
  sent_status[mine] = strand_chan_send(ends[mine], &value, STRAND_FOREVER);
  return NULL;
}
static void *close_both(void *unused) {
  (void)unused;
  (void)strand_chan_close(ends[0]);
  (void)strand_chan_close(ends[1]);
  return NULL;
}
static void *select_among(void *unused) {
  uint64_t values[2] = {1, 1};
  strand_case cases[2];
  strand_id others[3];
  size_t index = 4711;
  (void)unused;
  for (int each = 0; each < 2; each += 1) {
    sent_status[each] = STRAND_ERR_EMPTY;
    if (strand_chan_new(8, 0, &ends[each]) != STRAND_OK) return NULL;
    cases[each] = receive_case(ends[each], &values[each]);
  }
  for (uintptr_t each = 0; each < 2; each += 1) others[each] = spawn(send_one, (void *)each);
  others[2] = spawn(close_both, NULL);
  if (strand_select(cases, 2, STRAND_FOREVER, 0, &index) != STRAND_OK) return NULL;
  for (int each = 0; each < 3; each += 1) {
    if (strand_join(others[each], STRAND_FOREVER) != STRAND_OK) return NULL;
  }
  const int received = cases[index].status == STRAND_OK;
  strand_assert(cases[1 - index].status == UNTOUCHED && values[1 - index] == 1, "the other case has no trace");
  strand_assert(received ? values[index] == index + 40 : values[index] == 1, "it received what was sent there");
  strand_assert((sent_status[index] == STRAND_OK) == received, "its sender knows");
  strand_assert(sent_status[1 - index] == STRAND_ERR_CLOSED, "the other one was closed");
  outcomes |= 1u << (index * 2 + (size_t)received);
  CHECK_OK(strand_chan_release(ends[0]));
  CHECK_OK(strand_chan_release(ends[1]));
  return NULL;
}
static void a_small_program_is_right_under_every_schedule(void) {
  start_stepped(1, NULL, NULL);
  outcomes = 0;
  const strand_explore_result all = explored_with("exhaustive:preemptions=all", NULL, select_among, NULL, STRAND_OK);
  CHECK_EQUAL(all.complete, 1);
  CHECK_EQUAL(outcomes, 15); /* either case, received or closed */
  outcomes = 0;
  const strand_explore_result fewer =
      explored_with("exhaustive:preemptions=all,reduce=objects", NULL, select_among, NULL, STRAND_OK);
  CHECK_EQUAL(fewer.complete, 1);
  CHECK_EQUAL(outcomes, 15); /* what was left out shows nothing else */
  CHECK_NUMBERS(fewer.runs, <, all.runs);
  outcomes = 0;
  (void)explored_with("pct:runs=3000", NULL, select_among, NULL, STRAND_OK);
  CHECK_EQUAL(outcomes, 15);
  stop_runtime();
}

/* The same with a check that does not hold: whoever looks before it selects may be wrong by then. */
static void *look_then_select(void *unused) {
  uint64_t value = 0;
  size_t length = 0, index = 0;
  strand_case cases[1];
  (void)unused;
  if (strand_chan_new(8, 1, &ends[0]) != STRAND_OK || strand_chan_new(8, 1, &ends[1]) != STRAND_OK) return NULL;
  const strand_id sender = spawn(send_one, (void *)0);
  (void)strand_yield();
  (void)strand_chan_length(ends[0], &length);
  cases[0] = receive_case(ends[0], &value);
  const strand_status status = strand_select(cases, 1, strand_after(1), 0, &index);
  strand_assert((length == 1) == (status == STRAND_OK), "as it looked");
  (void)strand_join(sender, STRAND_FOREVER);
  return NULL;
}
static void control_a_race_before_a_select_is_found(void) {
  start_stepped(1, NULL, NULL);
  (void)explored_with("exhaustive", NULL, look_then_select, NULL, STRAND_ERR_FAILED);
  CHECK_LAST_ERROR_SAYS("as it looked");
  (void)explored_with("random", NULL, look_then_select, NULL, STRAND_ERR_FAILED);
  stop_runtime();
}

/* Memory that runs out: a status, and no trace. */
static uint64_t refused;
static void copy_bytes(void *copy, const void *element, size_t size, void *data) {
  (void)data;
  memcpy(copy, element, size);
}
static void *select_without_memory(void *unused) {
  unsigned char element[100] = {0};
  uint64_t value = 0;
  strand_chan_options options;
  strand_case cases[9];
  strand_chan large = 0, small = 0;
  size_t index = 0, length = 7;
  (void)unused;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.element_size = sizeof element;
  options.capacity = 1;
  options.transfer = copy_bytes;
  if (strand_chan_new_with(&options, &large) != STRAND_OK || strand_chan_new(8, 1, &small) != STRAND_OK) return NULL;
  cases[0] = send_case(large, element);
  for (int each = 1; each < 9; each += 1) cases[each] = each < 8 ? none() : receive_case(small, &value);
  (void)strand_yield();
  const strand_status status = strand_select(cases, 9, STRAND_NO_WAIT, 0, &index);
  (void)strand_chan_length(large, &length);
  strand_assert(status == STRAND_OK || status == STRAND_ERR_NO_MEMORY, "a status that is documented");
  strand_assert(length == (status == STRAND_OK ? 1u : 0u), "sent, or nothing has happened");
  refused += status == STRAND_ERR_NO_MEMORY;
  (void)strand_chan_release(large);
  (void)strand_chan_release(small);
  return NULL;
}
static void *beside(void *unused) {
  const strand_id other = spawn(select_without_memory, NULL);
  (void)unused;
  for (int turn = 0; turn < 3; turn += 1) (void)strand_yield();
  (void)strand_join(other, STRAND_FOREVER);
  return NULL;
}
static void without_memory_a_select_has_done_nothing(void) {
  start_stepped(1, NULL, NULL);
  refused = 0;
  (void)explored_with("random:inject=oom:n=2,runs=2000", NULL, beside, NULL, STRAND_OK);
  CHECK_NUMBERS(refused, >, 0);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------ seeds and recordings */

static char history[512];
static void *choose_often(void *unused) {
  uint64_t value = 0;
  strand_case cases[3];
  strand_chan channel = new_channel(8, STRAND_UNBOUNDED);
  (void)unused;
  for (int each = 0; each < 3; each += 1) cases[each] = send_case(channel, &value);
  for (int turn = 0; turn < 200; turn += 1) {
    size_t index = 0;
    CHECK_OK(strand_select(cases, 3, STRAND_FOREVER, 0, &index));
    history[turn] = (char)('a' + index);
  }
  CHECK_OK(strand_chan_release(channel));
  return NULL;
}
static void live(uint64_t seed, const char *record, const char *replay, char *what) {
  memset(history, 0, sizeof history);
  start_stepped(seed, record, replay);
  spawn(choose_often, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  memcpy(what, history, sizeof history);
}
static void the_same_seed_chooses_the_same(void) {
  char one[512], same[512], other[512];
  live(7, NULL, NULL, one);
  live(7, NULL, NULL, same);
  live(8, NULL, NULL, other);
  CHECK_EQUAL(strcmp(one, same), 0);
  CHECK(strcmp(one, other) != 0); /* control */
}
static int choices_printed;
static int32_t count_choices(const char *line, size_t length, void *data) {
  (void)data;
  choices_printed += memmem(line, length, "choice", 6) != NULL;
  return 0;
}
static void a_recording_has_the_choices(void) {
  char one[512], again[512];
  live(7, "choices", NULL, one); /* predicted: the seed says it, and nothing is written */
  live(0, NULL, "choices", again);
  CHECK_EQUAL(strcmp(one, again), 0);
  choices_printed = 0;
  CHECK_OK(strand_recording_print("choices", count_choices, NULL));
  CHECK_EQUAL(choices_printed, 0);
  live(9, "choices,explicit", NULL, one);
  CHECK_OK(strand_recording_print("choices", count_choices, NULL));
  CHECK_EQUAL(choices_printed, 200);
  live(0, NULL, "choices", again);
  CHECK_EQUAL(strcmp(one, again), 0);
  CHECK_EQUAL(unlink("choices"), 0);
}

int main(void) {
  CLAIM(every_choice_of_a_select_is_explored);
  CLAIM(a_token_brings_a_choice_back);
  CLAIM(a_small_program_is_right_under_every_schedule);
  CLAIM(control_a_race_before_a_select_is_found);
  CLAIM(without_memory_a_select_has_done_nothing);
  CLAIM(the_same_seed_chooses_the_same);
  CLAIM(a_recording_has_the_choices);
  return 0;
}
