/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 */
/* test: engines=none engines-why="it chooses engine and policy itself" */
/*
 * Who runs next: the exact order of every policy, priorities and tokens that change while the program runs, ageing and
 * the bypass limit by their numbers, lanes with weights, records of moves, strands that are held; and what the parallel
 * engine makes of all that.
 */
#include "harness.h"

static strand_config stepped_config(uint32_t policy) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  config.policy = policy;
  return config;
}

static void start_stepped(uint32_t policy) {
  const strand_config config = stepped_config(policy);
  CHECK_OK(strand_scheduler_init(&config));
}

static strand_step_result step(uint64_t most) {
  strand_step_result result;
  memset(&result, 0, sizeof result);
  result.size = (uint32_t)sizeof result;
  CHECK_OK(strand_scheduler_step(most, &result));
  return result;
}

/* What happened, one letter for each turn. */
static char history[65536];
static size_t history_length;
static void note(char letter) {
  CHECK(history_length + 1 < sizeof history);
  history[history_length++] = letter;
  history[history_length] = '\0';
}

COLD_CHECK void check_history(int line, const char *expected) {
  if (strcmp(history, expected) != 0) {
    fprintf(stderr, "%s:%d: the order is\n  %s\nand not\n  %s\n", __FILE__, line, history, expected);
    _exit(1);
  }
  history_length = 0;
  history[0] = '\0';
}
#define ORDER(expected) check_history(__LINE__, (expected))

/* Strands that had a turn left have it while they are told to end: that is of no interest. */
static void stop(void) {
  stop_runtime();
  history_length = 0;
  history[0] = '\0';
}

/* A strand is its letter and its turns. */
typedef struct actor {
  char letter;
  int turns;
} actor;
static actor actors[26];

static void *take_turns(void *arg) {
  const actor *self = arg;
  for (int turn = 0; turn < self->turns; turn += 1) {
    note(self->letter);
    if (strand_yield() != STRAND_OK) {
      break; /* the shutdown */
    }
  }
  return NULL;
}

static void *come_to_checkpoints(void *arg) {
  const actor *self = arg;
  for (int turn = 0; turn < self->turns; turn += 1) {
    note(self->letter);
    if (strand_checkpoint() != STRAND_OK) {
      break;
    }
  }
  return NULL;
}

static strand_id act_as(char letter, strand_entry entry, int turns, int32_t priority, uint32_t lane) {
  strand_spawn_options options = default_spawn(NULL);
  strand_id id = 0;
  actor *self = &actors[letter - 'a'];
  self->letter = letter;
  self->turns = turns;
  options.name = &self->letter;
  options.name_length = 1;
  options.priority = priority;
  options.lane = lane;
  CHECK_OK(strand_spawn_with(&options, entry, self, &id));
  return id;
}
static strand_id act(char letter, int turns, int32_t priority) { return act_as(letter, take_turns, turns, priority, 0); }
static strand_id act_in(uint32_t lane, char letter, int turns) { return act_as(letter, take_turns, turns, 0, lane); }

enum { FOR_EVER = 1 << 30 };

static uint32_t tokens_of(strand_id id) {
  uint32_t tokens = 77;
  CHECK_OK(strand_tokens(id, &tokens));
  return tokens;
}
static uint32_t lane_of(strand_id id) {
  uint32_t lane = 77;
  CHECK_OK(strand_lane(id, &lane));
  return lane;
}
static int32_t priority_of(strand_id id) {
  int32_t priority = 77;
  CHECK_OK(strand_priority(id, &priority));
  return priority;
}

static uint32_t new_lane(uint32_t weight, uint32_t width) {
  strand_lane_options options;
  uint32_t lane = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.weight = weight;
  options.width = width;
  CHECK_OK(strand_lane_new(&options, &lane));
  return lane;
}

/* ------------------------------------------------------------------------------------------- the policies */

static void cooperative_is_first_in_first_out(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE);
  act('a', 3, -5);
  act('b', 3, 5);
  act('c', 3, 0); /* priorities play no part */
  CHECK_OK(strand_scheduler_run());
  ORDER("abcabcabc");
  stop();
}

static void round_robin_gives_turns_of_a_quantum_of_checkpoints(void) {
  static const char *const orders[] = {NULL, "abcabcabcabc", "aabbccaabbcc", "aaabbbcccabc", "aaaabbbbcccc"};
  for (uint32_t quantum = 1; quantum <= 4; quantum += 1) {
    strand_config config = stepped_config(STRAND_POLICY_ROUND_ROBIN);
    config.quantum = quantum;
    CHECK_OK(strand_scheduler_init(&config));
    for (char letter = 'a'; letter <= 'c'; letter += 1) act_as(letter, come_to_checkpoints, 4, 0, 0);
    CHECK_OK(strand_scheduler_run());
    ORDER(orders[quantum]);
    stop();
  }
  start_stepped(STRAND_POLICY_ROUND_ROBIN); /* 16 unless said otherwise; a yield ends the turn */
  act_as('a', come_to_checkpoints, 20, 0, 0);
  act('b', 3, 0);
  CHECK_OK(strand_scheduler_run());
  ORDER("aaaaaaaaaaaaaaaabaaaabb");
  stop();
}

static void fixed_priorities_run_the_highest_and_equals_in_turn(void) {
  start_stepped(STRAND_POLICY_PRIORITY_FIXED);
  act('a', 2, 1);
  act('b', 2, 5);
  act('c', 2, 5);
  act('d', 2, -3);
  CHECK_OK(strand_scheduler_run());
  ORDER("bcbcaadd");
  stop();
}

static void a_priority_that_changes_holds_at_once(void) {
  start_stepped(STRAND_POLICY_PRIORITY_FIXED);
  const strand_id a = act('a', FOR_EVER, 3);
  const strand_id b = act('b', FOR_EVER, 2);
  const strand_id c = act('c', FOR_EVER, 1);
  step(3);
  ORDER("aaa");
  CHECK_EQUAL(priority_of(c), 1);
  CHECK_OK(strand_set_priority(c, 9));
  CHECK_EQUAL(priority_of(c), 9);
  step(2);
  ORDER("cc");
  CHECK_OK(strand_set_priority(c, INT32_MIN));
  CHECK_OK(strand_set_priority(b, 3));
  step(4);
  ORDER("baba"); /* equals: b came before a last stood in line */
  CHECK_OK(strand_set_priority(a, 0));
  CHECK_OK(strand_set_priority(b, INT32_MIN));
  step(1);
  ORDER("a");
  CHECK_OK(strand_set_priority(a, INT32_MIN));
  step(3);
  ORDER("cba"); /* c has waited since its last turn, b for less, a for least */
  stop();
}

static void *raise_the_other(void *arg) {
  note('r');
  CHECK_OK(strand_set_priority(*(strand_id *)arg, 7));
  CHECK_OK(strand_yield());
  note('r');
  CHECK_OK(strand_set_priority(strand_self(), 8));
  CHECK_EQUAL(priority_of(strand_self()), 8);
  CHECK_OK(strand_yield());
  note('r');
  return NULL;
}

static void strands_change_priorities_their_own_too(void) {
  start_stepped(STRAND_POLICY_PRIORITY_FIXED);
  static strand_id low;
  strand_spawn_options options = default_spawn("raiser");
  low = act('l', 3, 0);
  options.priority = 5;
  CHECK_OK(strand_spawn_with(&options, raise_the_other, &low, NULL));
  act('m', 2, 4);
  CHECK_OK(strand_scheduler_run());
  ORDER("rlllrrmm");
  stop();
}

/*
 * With an age_step of s, somebody d higher passes one that waits at most s * d times: so often exactly when it is ready
 * again and again.
 */
static void ageing_serves_everybody_within_its_bound(void) {
  static const uint32_t policies[] = {STRAND_POLICY_PRIORITY_AGING, STRAND_POLICY_PRIORITY_FIXED};
  for (size_t which = 0; which < 2; which += 1) {
    strand_config config = stepped_config(policies[which]);
    config.age_step = 2;
    CHECK_OK(strand_scheduler_init(&config));
    act('h', FOR_EVER, 3);
    act('l', FOR_EVER, 0);
    step(21);
    ORDER("hhhhhhlhhhhhhlhhhhhhl");
    stop();
  }
  for (uint32_t age_step = 1; age_step <= 8; age_step += 1) {
    for (int32_t above = 0; above <= 5; above += 1) {
      strand_config config = stepped_config(STRAND_POLICY_PRIORITY_AGING);
      config.age_step = age_step;
      CHECK_OK(strand_scheduler_init(&config));
      act('h', FOR_EVER, 10 + above);
      act('i', FOR_EVER, 10 + above);
      act('l', FOR_EVER, 10);
      step(1000);
      /* Between two turns of l: at most age_step * above picks, and one for each other strand. */
      int waited = 0, longest = 0;
      for (size_t place = 0; place < history_length; place += 1) {
        waited = history[place] == 'l' ? 0 : waited + 1;
        longest = waited > longest ? waited : longest;
      }
      CHECK_NUMBERS(longest, <=, (int)age_step * above + 2);
      CHECK_NUMBERS(longest, >=, (int)age_step * above); /* the bound is not far away */
      history_length = 0;
      stop();
    }
  }
  start_stepped(STRAND_POLICY_PRIORITY_AGING); /* 8 unless said otherwise */
  act('h', FOR_EVER, 1);
  act('l', FOR_EVER, 0);
  step(18);
  ORDER("hhhhhhhhlhhhhhhhhl");
  stop();
  start_stepped(STRAND_POLICY_PRIORITY_FIXED); /* the control: without ageing l starves */
  act('h', FOR_EVER, 1);
  act('l', FOR_EVER, 0);
  step(1000);
  CHECK(strchr(history, 'l') == NULL);
  stop();
}

static void holders_of_tokens_come_first_and_keep_them(void) {
  start_stepped(STRAND_POLICY_PRIORITY_TOKEN);
  const strand_id a = act('a', FOR_EVER, 0);
  const strand_id b = act('b', FOR_EVER, 5);
  const strand_id c = act('c', FOR_EVER, 0);
  const strand_id d = act('d', FOR_EVER, 3);
  step(2);
  ORDER("bb"); /* nobody has a token: by priority */
  CHECK_OK(strand_tokens_grant(c, 1));
  CHECK_OK(strand_tokens_grant(d, 2));
  step(2);
  ORDER("dd"); /* both hold some: by priority again */
  CHECK_EQUAL(tokens_of(d), 2);
  CHECK_OK(strand_tokens_move(d, a, 2));
  CHECK_EQUAL(tokens_of(d), 0);
  CHECK_EQUAL(tokens_of(a), 2);
  step(4);
  ORDER("acac");
  CHECK_OK(strand_set_priority(c, 1));
  step(2);
  ORDER("cc");
  CHECK_OK(strand_tokens_move(c, b, 1));
  CHECK_OK(strand_tokens_move(a, b, 2));
  CHECK_EQUAL(tokens_of(b), 3);
  step(2);
  ORDER("bb");
  stop();
}

static void nobody_is_passed_by_more_often_than_the_bypass_limit(void) {
  strand_config config = stepped_config(STRAND_POLICY_PRIORITY_TOKEN);
  config.bypass_limit = 3;
  CHECK_OK(strand_scheduler_init(&config));
  const strand_id holder = act('h', FOR_EVER, 0);
  act('l', FOR_EVER, 0);
  CHECK_OK(strand_tokens_grant(holder, 1));
  step(15);
  ORDER("hhhhlhhhhlhhhhl"); /* the first h is its turn, three pass l by */
  stop();
  config.policy = STRAND_POLICY_PROGRESS_AWARE;
  config.bypass_limit = 2;
  config.token_cap = 1000;
  CHECK_OK(strand_scheduler_init(&config));
  const strand_id rich = act('r', FOR_EVER, 0);
  act('p', FOR_EVER, 0);
  CHECK_OK(strand_tokens_grant(rich, 1000));
  step(12);
  ORDER("rrrprrrprrrp");
  CHECK_EQUAL(tokens_of(rich), 991);
  stop();
  config.bypass_limit = 0; /* 64 */
  CHECK_OK(strand_scheduler_init(&config));
  const strand_id other = act('r', FOR_EVER, 0);
  act('p', FOR_EVER, 0);
  CHECK_OK(strand_tokens_grant(other, 1000));
  step(66);
  CHECK_EQUAL(strcspn(history, "p"), 65);
  stop();
}

static void more_tokens_come_first_and_each_pick_spends_one(void) {
  start_stepped(STRAND_POLICY_PROGRESS_AWARE);
  const strand_id a = act('a', 3, 0);
  const strand_id b = act('b', 3, -9);
  const strand_id c = act('c', 3, 0);
  CHECK_OK(strand_tokens_grant(b, 2));
  CHECK_OK(strand_tokens_grant(c, 1));
  step(3);
  ORDER("bcb");
  CHECK_EQUAL(tokens_of(a), 0);
  CHECK_EQUAL(tokens_of(b), 0);
  CHECK_EQUAL(tokens_of(c), 0);
  CHECK_OK(strand_scheduler_run());
  ORDER("acbaca");
  stop();
}

static strand_chan mail;
static void *receive_mail(void *arg) {
  uint64_t value = 0;
  const actor *self = arg;
  while (strand_chan_recv(mail, &value, STRAND_FOREVER) == STRAND_OK) note(self->letter);
  return NULL;
}
static void *wait_for_time(void *arg) {
  (void)arg;
  while (strand_sleep(MILLISECONDS(1)) == STRAND_OK) {
  }
  return NULL;
}

static void a_message_earns_a_token_and_other_wakes_do_not(void) {
  const uint64_t value = 1;
  start_stepped(STRAND_POLICY_PROGRESS_AWARE);
  mail = new_channel(8, 0);
  const strand_id reader = act_as('m', receive_mail, 0, 0, 0);
  const strand_id sleeper = act_as('s', wait_for_time, 0, 0, 0);
  step(2);
  const strand_id busy = act('b', FOR_EVER, 0);
  step(1);
  ORDER("b");
  CHECK_OK(strand_chan_send(mail, &value, STRAND_FOREVER));
  CHECK_EQUAL(tokens_of(reader), 1);
  step(1);
  ORDER("m"); /* b has stood in line for longer */
  CHECK_EQUAL(tokens_of(reader), 0);
  CHECK_OK(strand_pause(busy));
  step(2);
  CHECK_EQUAL(tokens_of(sleeper), 0);
  CHECK_OK(strand_chan_close(mail)); /* wakes the reader with nothing */
  CHECK_EQUAL(tokens_of(reader), 0);
  CHECK_OK(strand_chan_release(mail));
  stop();
}

static void tokens_have_a_cap_and_move_whole_or_not_at_all(void) {
  strand_config config = stepped_config(STRAND_POLICY_PRIORITY_TOKEN);
  CHECK_OK(strand_scheduler_init(&config));
  strand_id a = act('a', 1, 0);
  CHECK_OK(strand_tokens_grant(a, UINT32_MAX));
  CHECK_EQUAL(tokens_of(a), 16);
  stop();
  config.token_cap = 10;
  CHECK_OK(strand_scheduler_init(&config));
  a = act('a', 1, 0);
  const strand_id b = act('b', 1, 0);
  CHECK_OK(strand_tokens_grant(a, 7));
  CHECK_OK(strand_tokens_grant(b, 5));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_tokens_move(a, b, 8));
  CHECK_LAST_ERROR_SAYS("has 7 tokens");
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_tokens_move(a, b, 6));
  CHECK_LAST_ERROR_SAYS("token_cap");
  CHECK_EQUAL(tokens_of(a), 7);
  CHECK_EQUAL(tokens_of(b), 5);
  CHECK_OK(strand_tokens_move(a, b, 5));
  CHECK_EQUAL(tokens_of(a), 2);
  CHECK_EQUAL(tokens_of(b), 10);
  CHECK_OK(strand_tokens_move(b, b, 10));
  CHECK_OK(strand_tokens_move(a, b, 0));
  CHECK_EQUAL(tokens_of(b), 10);
  CHECK_OK(strand_scheduler_run());
  stop();
}

/* The choices of a seed are part of what a program may rely on: a token for STRAND_REPLAY names the seed alone. */
static void random_and_pct_follow_their_seed(void) {
  static const struct {
    uint32_t policy;
    uint64_t seed;
    const char *order;
  } runs[] = {
      {STRAND_POLICY_RANDOM, 1, "dcdbeaeddccceeabbaba"},
      {STRAND_POLICY_RANDOM, 2, "adeaebaebebacdddbccc"},
      {STRAND_POLICY_PCT, 1, "eeeeddddbaaaaccccbbb"},
      {STRAND_POLICY_PCT, 2, "aaaddddeeeeccbbbbcca"},
  };
  for (size_t which = 0; which < 2 * sizeof runs / sizeof runs[0]; which += 1) { /* each twice */
    const size_t run = which / 2;
    strand_config config = stepped_config(runs[run].policy);
    config.seed = runs[run].seed;
    config.pct_depth = 3;
    config.pct_steps = 20;
    CHECK_OK(strand_scheduler_init(&config));
    for (char letter = 'a'; letter <= 'e'; letter += 1) act(letter, 4, letter);
    CHECK_OK(strand_scheduler_run());
    ORDER(runs[run].order);
    stop();
  }
}

/* ---------------------------------------------------------------------------------------------- lanes */

static void lanes_take_turns_by_weight_and_the_policy_picks_inside(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE);
  const uint32_t wide = new_lane(3, 0);
  CHECK_EQUAL(wide, 1);
  act_in(0, 'a', FOR_EVER);
  act_in(wide, 'b', FOR_EVER);
  act_in(wide, 'c', FOR_EVER);
  step(12);
  ORDER("abcbacbcabcb");
  stop();

  start_stepped(STRAND_POLICY_PRIORITY_FIXED);
  CHECK_EQUAL(new_lane(2, 1), 1);
  CHECK_EQUAL(new_lane(0, 0), 2);
  act_as('x', take_turns, FOR_EVER, 0, 1);
  act_as('y', take_turns, FOR_EVER, 1, 1);
  act_as('p', take_turns, FOR_EVER, 9, 2);
  act_as('q', take_turns, FOR_EVER, 8, 2);
  act_as('a', take_turns, 3, -7, 0);
  step(16);
  ORDER("ayypayypayypyyp"); /* a has ended in its fourth turn */
  stop();
}

static void shares_of_lanes_are_their_weights_within_a_pick_per_cycle(void) {
  static const uint32_t weights[] = {1, 2, 5, 8}; /* of lanes 0 to 3 */
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PROGRESS_AWARE; policy += 1) {
    int shares[4] = {0};
    start_stepped(policy);
    for (uint32_t lane = 1; lane < 4; lane += 1) CHECK_EQUAL(new_lane(weights[lane], 0), lane);
    for (char letter = 'a'; letter <= 'h'; letter += 1) act_in((uint32_t)(letter - 'a') % 4, letter, FOR_EVER);
    step(16 * 100);
    for (size_t place = 0; place < history_length; place += 1) shares[(history[place] - 'a') % 4] += 1;
    for (int lane = 0; lane < 4; lane += 1) CHECK_EQUAL(shares[lane], 100 * (int)weights[lane]);
    history_length = 0;
    stop();
  }
}

static void a_strand_moves_between_lanes_and_each_move_is_recorded(void) {
  strand_config config = stepped_config(STRAND_POLICY_COOPERATIVE);
  strand_handoff records[8];
  size_t count = 77;
  uint64_t dropped = 77;
  config.handoffs = 4;
  CHECK_OK(strand_scheduler_init(&config));
  CHECK_OK(strand_handoffs_read(NULL, 0, &count, &dropped));
  CHECK_EQUAL(count, 0);
  CHECK_EQUAL(dropped, 0);
  new_lane(1, 0);
  new_lane(1, 0);
  const strand_id a = act_in(0, 'a', FOR_EVER);
  const strand_id b = act_in(1, 'b', FOR_EVER);
  const strand_id c = act_in(1, 'c', FOR_EVER);
  CHECK_EQUAL(lane_of(c), 1);
  step(6);
  ORDER("abacab");
  CHECK_OK(strand_set_lane(b, 0, 11));
  CHECK_EQUAL(lane_of(b), 0);
  step(6);
  ORDER("acbcac"); /* lane 0: a, b in turn; lane 1: c */
  CHECK_OK(strand_set_lane(b, 0, 99)); /* it is there: no record */
  CHECK_OK(strand_handoffs_read(records, 8, &count, &dropped));
  CHECK_EQUAL(count, 1);
  CHECK_EQUAL(dropped, 0);
  CHECK(records[0].strand == b && records[0].from == 0 + 1 && records[0].to == 0);
  CHECK(records[0].step == 6 && records[0].reason == 11 && records[0].reserved == 0);
  for (uint32_t move = 1; move <= 7; move += 1) {
    CHECK_OK(strand_set_lane(a, move % 3, move));
    step(1);
  }
  memset(records, 0xEE, sizeof records);
  CHECK_OK(strand_handoffs_read(records, 8, &count, &dropped));
  CHECK_EQUAL(count, 4);
  CHECK_EQUAL(dropped, 4);
  for (uint32_t place = 0; place < 4; place += 1) {
    const uint32_t move = 4 + place;
    CHECK(records[place].strand == a);
    CHECK_EQUAL(records[place].from, (move - 1) % 3);
    CHECK_EQUAL(records[place].to, move % 3);
    CHECK_EQUAL(records[place].reason, move);
    CHECK_EQUAL(records[place].step, 12 + move - 1);
  }
  CHECK(records[4].strand == UINT64_C(0xEEEEEEEEEEEEEEEE));
  memset(records, 0xEE, sizeof records);
  CHECK_OK(strand_handoffs_read(records, 2, &count, NULL)); /* the oldest two of four; reading takes nothing away */
  CHECK_EQUAL(count, 4);
  CHECK_EQUAL(records[1].reason, 5);
  CHECK(records[2].strand == UINT64_C(0xEEEEEEEEEEEEEEEE));
  stop();
  CHECK_OK(strand_scheduler_init(&config)); /* another runtime begins without */
  CHECK_OK(strand_handoffs_read(records, 8, &count, &dropped));
  CHECK_EQUAL(count + dropped, 0);
  const strand_id d = act('d', 1, 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_set_lane(d, 1, 0));
  CHECK_LAST_ERROR_SAYS("there is no lane 1");
  stop();
}

static void *go_to_lane_one_and_back(void *arg) {
  const strand_id self = strand_self();
  (void)arg;
  CHECK_OK(strand_set_lane(self, 1, 1));
  CHECK_EQUAL(lane_of(self), 1);
  CHECK_OK(strand_yield());
  CHECK_OK(strand_set_lane(self, 0, 2));
  return NULL;
}

static void a_record_names_the_strand_also_after_its_end(void) {
  strand_handoff records[600];
  size_t count = 0;
  uint64_t dropped = 0;
  strand_id ids[150];
  start_stepped(STRAND_POLICY_COOPERATIVE);
  new_lane(1, 1);
  for (int turn = 0; turn < 150; turn += 1) { /* one after the other, so that slots are used again */
    ids[turn] = spawn(go_to_lane_one_and_back, NULL);
    CHECK_OK(strand_join(ids[turn], STRAND_FOREVER));
  }
  CHECK_OK(strand_handoffs_read(records, 600, &count, &dropped));
  CHECK_EQUAL(count, 256); /* unless said otherwise */
  CHECK_EQUAL(dropped, 44);
  for (size_t place = 0; place < count; place += 1) {
    const size_t move = place + dropped;
    CHECK(records[place].strand == ids[move / 2]);
    CHECK_EQUAL(records[place].reason, 1 + move % 2);
    CHECK_EQUAL(records[place].step, move); /* two steps each, and the first move is in the first */
  }
  stop();
}

/* ---------------------------------------------------------------------------------------------- holds */

static void a_held_strand_keeps_its_place_and_is_never_picked(void) {
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
    start_stepped(policy);
    act('a', FOR_EVER, 0);
    const strand_id b = act('b', FOR_EVER, 1);
    act('c', FOR_EVER, 0);
    CHECK_OK(strand_pause(b));
    CHECK_OK(strand_pause(b)); /* holds do not add up */
    step(1000);
    CHECK(strchr(history, 'b') == NULL);
    CHECK_EQUAL(history_length, 1000);
    history_length = 0;
    CHECK_OK(strand_resume(b));
    CHECK_OK(strand_resume(b));
    if (policy <= STRAND_POLICY_PROGRESS_AWARE) {
      step(1);
      ORDER("b"); /* nobody stands in line for longer */
    } else {
      step(1000);
      CHECK(strchr(history, 'b') != NULL); /* under PCT at the latest when the others spin */
      history_length = 0;
    }
    stop();
  }
}

static void a_hold_of_one_that_runs_or_waits_begins_when_it_would_run(void) {
  const uint64_t value = 1;
  start_stepped(STRAND_POLICY_COOPERATIVE);
  mail = new_channel(8, 0);
  const strand_id reader = act_as('m', receive_mail, 0, 0, 0);
  step(1);
  CHECK_OK(strand_pause(reader));
  CHECK_EQUAL(step(5).outcome, STRAND_STEP_DEADLOCK); /* it waits, and to let it go would change nothing */
  CHECK_OK(strand_chan_send(mail, &value, STRAND_FOREVER));
  strand_step_result result = step(5);
  CHECK_EQUAL(result.outcome, STRAND_STEP_IDLE);
  CHECK_EQUAL(result.steps, 0);
  CHECK_OK(strand_resume(reader));
  CHECK_EQUAL(step(1).steps, 1);
  ORDER("m");
  CHECK_OK(strand_chan_close(mail));
  CHECK_EQUAL(step(5).outcome, STRAND_STEP_ALL_DONE);
  CHECK_OK(strand_chan_release(mail));
  stop();
}

static void *hold_oneself(void *arg) {
  CHECK_OK(strand_pause(strand_self()));
  note('x'); /* the step goes on */
  CHECK_OK(strand_yield());
  note('y');
  (void)arg;
  return NULL;
}

static void a_strand_may_hold_itself_under_every_policy(void) {
  for (uint32_t policy = STRAND_POLICY_COOPERATIVE; policy <= STRAND_POLICY_PCT; policy += 1) {
    start_stepped(policy);
    const strand_id self = spawn(hold_oneself, NULL);
    CHECK_EQUAL(step(100).outcome, STRAND_STEP_IDLE);
    ORDER("x");
    CHECK_OK(strand_resume(self));
    CHECK_EQUAL(step(100).outcome, STRAND_STEP_ALL_DONE);
    ORDER("y");
    stop();
  }
}

static void *send_while_held(void *arg) {
  const uint64_t value = 1;
  CHECK_OK(strand_pause(strand_self()));
  note('x');
  CHECK_OK(strand_chan_send(mail, &value, STRAND_FOREVER)); /* under RANDOM and PCT others may go first: everybody must */
  note('y');
  (void)arg;
  return NULL;
}

static void a_held_strand_stops_before_a_call_at_which_another_could_go_first(void) {
  for (uint32_t policy = STRAND_POLICY_RANDOM; policy <= STRAND_POLICY_PCT; policy += 1) {
    start_stepped(policy);
    mail = new_channel(8, 4);
    const strand_id self = spawn(send_while_held, NULL);
    strand_step_result result = step(100);
    CHECK_EQUAL(result.outcome, STRAND_STEP_IDLE);
    CHECK_EQUAL(result.reason, STRAND_REASON_PREEMPTED);
    ORDER("x");
    CHECK_OK(strand_resume(self));
    CHECK_EQUAL(step(100).outcome, STRAND_STEP_ALL_DONE);
    ORDER("y");
    CHECK_OK(strand_chan_release(mail));
    stop();
  }
}

static void one_that_goes_on_with_its_turn_can_be_held_too(void) {
  start_stepped(STRAND_POLICY_ROUND_ROBIN);
  const strand_id a = act_as('a', come_to_checkpoints, 20, 0, 0);
  act_as('b', come_to_checkpoints, 2, 0, 0);
  step(3);
  ORDER("aaa"); /* its quantum is not used up: it would go on */
  CHECK_OK(strand_pause(a));
  CHECK_EQUAL(step(100).outcome, STRAND_STEP_IDLE);
  ORDER("bb");
  CHECK_OK(strand_resume(a));
  CHECK_OK(strand_scheduler_run());
  ORDER("aaaaaaaaaaaaaaaaa");
  stop();
}

static void *spawn_one_that_runs_first(void *arg) {
  actors['c' - 'a'] = (actor){'c', 1};
  strand_spawn_options options = default_spawn("child");
  options.flags = STRAND_SPAWN_RUN_FIRST;
  CHECK_OK(strand_spawn_with(&options, take_turns, &actors['c' - 'a'], arg));
  note('p');
  return NULL;
}

/* The strand that was picked already and goes next, from the snapshot. */
static strand_id next_picked(void) {
  static char text[TEXT_CAPACITY];
  CHECK(strand_snapshot(text, sizeof text) < sizeof text);
  const char *place = strstr(text, "\"next\":");
  CHECK(place != NULL);
  return place[7] == '"' ? strtoull(place + 8, NULL, 16) : 0;
}

static void a_child_that_would_run_first_can_be_held_before_it_does(void) {
  static strand_id child;
  start_stepped(STRAND_POLICY_COOPERATIVE);
  child = 0;
  spawn(spawn_one_that_runs_first, &child);
  CHECK(next_picked() == 0);
  step(1);
  ORDER("");
  const strand_id next = next_picked();
  CHECK(next != 0);
  CHECK_OK(strand_pause(next));
  CHECK(next_picked() == 0);
  CHECK_EQUAL(step(5).outcome, STRAND_STEP_IDLE);
  ORDER("p");
  CHECK(child == next);
  CHECK_OK(strand_resume(child));
  CHECK_OK(strand_scheduler_run());
  ORDER("c");
  spawn(spawn_one_that_runs_first, &child); /* the control: nobody holds it */
  CHECK_OK(strand_scheduler_run());
  ORDER("cp");
  stop();
}

static void *hold_sleep_and_let_go(void *arg) {
  CHECK_OK(strand_pause(*(strand_id *)arg));
  CHECK_OK(strand_sleep(SECONDS(1)));
  note('.');
  CHECK_OK(strand_resume(*(strand_id *)arg));
  return NULL;
}

static void timers_go_on_while_a_strand_is_held(void) {
  static strand_id held;
  start_stepped(STRAND_POLICY_COOPERATIVE);
  held = act('h', 3, 0);
  spawn(hold_sleep_and_let_go, &held);
  CHECK_OK(strand_scheduler_run());
  ORDER("h.hh");
  CHECK_EQUAL(strand_now(), SECONDS(2));
  stop();
}

static void *let_go_after_a_while(void *arg) {
  nap(MILLISECONDS(30));
  note('.');
  CHECK_OK(strand_resume(*(strand_id *)arg));
  return NULL;
}

static void a_run_waits_while_everybody_who_is_ready_is_held(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE);
  strand_id held = act('h', 2, 0);
  CHECK_OK(strand_pause(held));
  CHECK_EQUAL(step(1).outcome, STRAND_STEP_IDLE);
  pthread_t thread = start_thread(let_go_after_a_while, &held);
  CHECK_OK(strand_scheduler_run());
  join_thread(thread);
  ORDER(".hh");
  stop();
}

static void *note_the_end(void *arg) {
  while (strand_yield() == STRAND_OK) {
  }
  note('e');
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_pause(strand_self())); /* from here on nobody is held */
  (void)arg;
  return NULL;
}

static void a_shutdown_lets_everybody_go(void) {
  start_stepped(STRAND_POLICY_COOPERATIVE);
  const strand_id never_ran = act('n', 1, 0);
  CHECK_OK(strand_pause(never_ran));
  const strand_id other = act('o', FOR_EVER, 0);
  const strand_id held = spawn(note_the_end, NULL);
  step(2);
  ORDER("o");
  CHECK_OK(strand_pause(held));
  CHECK_OK(strand_pause(other));
  CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
  CHECK(strchr(history, 'e') != NULL);
  history_length = 0;
  history[0] = '\0';
}

static void a_dormant_strand_has_its_attributes_before_it_starts(void) {
  start_stepped(STRAND_POLICY_PRIORITY_FIXED);
  strand_spawn_options options = default_spawn("later");
  strand_id later = 0;
  actors[0] = (actor){'a', 2};
  options.flags = STRAND_SPAWN_DORMANT;
  CHECK_OK(strand_spawn_with(&options, take_turns, &actors[0], &later));
  CHECK_OK(strand_set_priority(later, 4));
  CHECK_OK(strand_pause(later));
  act('b', 2, 3);
  CHECK_OK(strand_start(later));
  CHECK_EQUAL(step(2).steps, 2);
  ORDER("bb");
  CHECK_OK(strand_resume(later));
  CHECK_OK(strand_scheduler_run());
  ORDER("aa");
  stop();
}

/* ------------------------------------------------------------------------------------ engines and input */

static void the_parallel_engine_checks_and_remembers(void) {
  strand_handoff records[4];
  size_t count = 77;
  uint64_t dropped = 77;
  strand_config config = default_config(2);
  config.handoffs = 2;
  config.token_cap = 5;
  CHECK_OK(strand_scheduler_init(&config));
  mail = new_channel(8, 0);
  strand_id reader = act_as('m', receive_mail, 0, 0, 0);
  /* Nothing was said yet. */
  CHECK_EQUAL(priority_of(reader), 0);
  CHECK_EQUAL(lane_of(reader), 0);
  CHECK_EQUAL(tokens_of(reader), 0);
  CHECK_OK(strand_handoffs_read(records, 4, &count, &dropped));
  CHECK_EQUAL(count + dropped, 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_set_lane(reader, 1, 0));
  CHECK_LAST_ERROR_SAYS("no lane 1");
  CHECK_EQUAL(new_lane(3, 1), 1);
  CHECK_EQUAL(new_lane(0, 0), 2);
  CHECK_OK(strand_set_priority(reader, -4));
  CHECK_EQUAL(priority_of(reader), -4);
  CHECK_OK(strand_tokens_grant(reader, 9));
  CHECK_EQUAL(tokens_of(reader), 5);
  for (uint32_t move = 1; move <= 3; move += 1) CHECK_OK(strand_set_lane(reader, move % 3, move));
  CHECK_EQUAL(lane_of(reader), 0);
  CHECK_OK(strand_handoffs_read(records, 4, &count, &dropped));
  CHECK_EQUAL(count, 2);
  CHECK_EQUAL(dropped, 1);
  CHECK(records[0].strand == reader && records[0].from == 1 && records[0].to == 2 && records[0].step == 0);
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_pause(reader));
  CHECK_LAST_ERROR_SAYS("STRAND_ENGINE_STEPPED");
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_resume(reader));
  const strand_id placed = act_as('n', receive_mail, 0, 6, 2);
  CHECK_EQUAL(priority_of(placed), 6);
  CHECK_EQUAL(lane_of(placed), 2);
  CHECK_OK(strand_tokens_move(reader, placed, 2));
  CHECK_EQUAL(tokens_of(placed), 2);
  CHECK_EQUAL(tokens_of(reader), 3);
  CHECK_OK(strand_chan_close(mail));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(mail));
  CHECK_STATUS(STRAND_ERR_STALE, strand_set_priority(reader, 1));
  strand_spawn_options options = default_spawn("nowhere");
  options.lane = 3;
  strand_id nowhere = 77;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_spawn_with(&options, receive_mail, NULL, &nowhere));
  CHECK_LAST_ERROR_SAYS("no lane 3");
  CHECK_EQUAL(nowhere, 77);
  stop();
}

enum { INDEX_MASK = 0xFFFFFF };
static void *wait_for_the_close(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(mail, &value, STRAND_FOREVER));
  return NULL;
}
static void *spawn_one_after_the_other(void *arg) {
  strand_id first = 0;
  for (int round = 0; round < 300; round += 1) {
    strand_spawn_options options = default_spawn(NULL);
    strand_id id = 0;
    options.lane = round == 0;
    options.priority = round == 0 ? 5 : 0;
    mail = new_channel(8, 0);
    CHECK_OK(strand_spawn_with(&options, wait_for_the_close, NULL, &id));
    first = round == 0 ? id : first;
    CHECK_EQUAL(priority_of(id), options.priority);
    CHECK_EQUAL(lane_of(id), options.lane);
    CHECK_EQUAL(tokens_of(id), 0);
    *(int *)arg += round > 0 && (id & INDEX_MASK) == (first & INDEX_MASK);
    if (round % 3 == 0) {
      CHECK_OK(strand_tokens_grant(id, 3));
      CHECK_OK(strand_set_priority(id, 8));
      CHECK_OK(strand_set_lane(id, 1, 0));
      CHECK_EQUAL(priority_of(id) + (int)lane_of(id) + (int)tokens_of(id), 12);
    }
    CHECK_OK(strand_chan_close(mail));
    CHECK_OK(strand_join(id, STRAND_FOREVER));
    CHECK_OK(strand_chan_release(mail));
    CHECK_STATUS(STRAND_ERR_STALE, strand_tokens_grant(first, 1));
  }
  return NULL;
}

static void one_that_comes_later_into_the_same_place_begins_with_nothing(void) {
  for (uint32_t engine = STRAND_ENGINE_PARALLEL; engine <= STRAND_ENGINE_STEPPED; engine += 1) {
    int again = 0;
    strand_config config = default_config(1);
    config.engine = engine;
    CHECK_OK(strand_scheduler_init(&config));
    new_lane(1, 0);
    spawn(spawn_one_after_the_other, &again);
    CHECK_OK(strand_scheduler_run());
    CHECK_NUMBERS(again, >, 0); /* the place was used again */
    stop();
  }
}

/* The same program: what it computes does not depend on the engine, who is first does. */
static uint64_t results[4];
static void *sum_up(void *arg) {
  const size_t which = (size_t)(uintptr_t)arg;
  for (uint64_t turn = 0; turn < 100; turn += 1) {
    results[which] += turn * (which + 1);
    CHECK_OK(strand_set_priority(strand_self(), (int32_t)turn));
    CHECK_OK(strand_tokens_grant(strand_self(), 1));
    CHECK_OK(strand_set_lane(strand_self(), (uint32_t)(turn % 2), 0));
    CHECK_OK(strand_yield());
  }
  return NULL;
}

static void a_program_with_policies_runs_unchanged_on_both_engines(void) {
  for (uint32_t engine = STRAND_ENGINE_PARALLEL; engine <= STRAND_ENGINE_STEPPED; engine += 1) {
    strand_config config = default_config(2);
    config.engine = engine;
    CHECK_OK(strand_scheduler_init(&config));
    new_lane(2, 1);
    memset(results, 0, sizeof results);
    for (uintptr_t which = 0; which < 4; which += 1) spawn(sum_up, (void *)which);
    CHECK_OK(strand_scheduler_run());
    for (uint64_t which = 0; which < 4; which += 1) CHECK_EQUAL(results[which], 4950 * (which + 1));
    stop();
  }
}

static void *use_lanes(void *arg) {
  uint32_t lane = 0;
  (void)arg;
  CHECK_OK(strand_lane_new(NULL, &lane));
  CHECK_EQUAL(lane, 3); /* behind those that the program made, each time */
  CHECK_OK(strand_set_lane(strand_self(), 2, 1));
  CHECK_OK(strand_set_lane(strand_self(), lane, 2));
  CHECK_OK(strand_yield());
  CHECK_STATUS(STRAND_ERR_INVALID, strand_set_lane(strand_self(), 4, 0));
  return NULL;
}

static void an_exploration_begins_with_the_lanes_of_the_program_and_leaves_them(void) {
  strand_explore_options options;
  start_stepped(STRAND_POLICY_COOPERATIVE);
  const uint32_t fast = new_lane(3, 0);
  new_lane(1, 0);
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.plan = "random:runs=20";
  CHECK_OK(strand_explore(&options, use_lanes, NULL, NULL));
  options.plan = "pct:runs=20";
  CHECK_OK(strand_explore(&options, use_lanes, NULL, NULL));
  act_in(0, 'a', FOR_EVER);
  act_in(fast, 'b', FOR_EVER);
  act_in(fast, 'c', FOR_EVER);
  step(12);
  ORDER("abcbacbcabcb"); /* with their weights */
  CHECK_EQUAL(new_lane(1, 0), 3);
  stop();
}

static void bad_numbers_are_refused_with_a_sentence(void) {
  for (uint32_t engine = STRAND_ENGINE_PARALLEL; engine <= STRAND_ENGINE_STEPPED; engine += 1) {
    strand_config config = default_config(0);
    config.engine = engine;
    config.age_step = (1u << 30) + 1;
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_scheduler_init(&config));
    CHECK_LAST_ERROR_SAYS("age_step is 1073741825");
    config.age_step = 0;
    config.pct_depth = 65;
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_scheduler_init(&config));
    CHECK_LAST_ERROR_SAYS("at most 64");
    config.pct_depth = 0;
    config.handoffs = 1048577;
    CHECK_STATUS(STRAND_ERR_LIMIT, strand_scheduler_init(&config));
    config.handoffs = 1048576;
    CHECK_OK(strand_scheduler_init(&config));
    config.handoffs = 7;
    CHECK_STATUS(STRAND_ERR_ALREADY, strand_scheduler_init(&config)); /* another configuration */
    stop();
  }
  start_stepped(STRAND_POLICY_COOPERATIVE);
  strand_lane_options lane;
  uint32_t number = 77;
  memset(&lane, 0, sizeof lane);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_lane_new(&lane, &number)); /* no size */
  lane.size = (uint32_t)sizeof lane;
  lane.reserved = 1;
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_lane_new(&lane, &number));
  lane.reserved = 0;
  lane.name_length = 3;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_lane_new(&lane, &number));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_lane_new(NULL, NULL));
  CHECK_EQUAL(number, 77);
  CHECK_OK(strand_lane_new(NULL, &number));
  CHECK_EQUAL(number, 1);
  for (uint32_t next = 2; next < 65536; next += 1) CHECK_OK(strand_lane_new(NULL, &number));
  CHECK_EQUAL(number, 65535);
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_lane_new(NULL, &number));
  CHECK_EQUAL(number, 65535);
  /* Nearly all of them are empty: the turn goes round the others as ever. */
  act_in(0, 'a', 3);
  act_in(65535, 'z', 3);
  act_in(40000, 'm', 3);
  CHECK_OK(strand_scheduler_run());
  ORDER("amzamzamz");
  stop();
}

int main(void) {
  CLAIM(cooperative_is_first_in_first_out);
  CLAIM(round_robin_gives_turns_of_a_quantum_of_checkpoints);
  CLAIM(fixed_priorities_run_the_highest_and_equals_in_turn);
  CLAIM(a_priority_that_changes_holds_at_once);
  CLAIM(strands_change_priorities_their_own_too);
  CLAIM(ageing_serves_everybody_within_its_bound);
  CLAIM(holders_of_tokens_come_first_and_keep_them);
  CLAIM(nobody_is_passed_by_more_often_than_the_bypass_limit);
  CLAIM(more_tokens_come_first_and_each_pick_spends_one);
  CLAIM(a_message_earns_a_token_and_other_wakes_do_not);
  CLAIM(tokens_have_a_cap_and_move_whole_or_not_at_all);
  CLAIM(random_and_pct_follow_their_seed);
  CLAIM(lanes_take_turns_by_weight_and_the_policy_picks_inside);
  CLAIM(shares_of_lanes_are_their_weights_within_a_pick_per_cycle);
  CLAIM(a_strand_moves_between_lanes_and_each_move_is_recorded);
  CLAIM(a_record_names_the_strand_also_after_its_end);
  CLAIM(a_held_strand_keeps_its_place_and_is_never_picked);
  CLAIM(a_hold_of_one_that_runs_or_waits_begins_when_it_would_run);
  CLAIM(a_strand_may_hold_itself_under_every_policy);
  CLAIM(a_held_strand_stops_before_a_call_at_which_another_could_go_first);
  CLAIM(one_that_goes_on_with_its_turn_can_be_held_too);
  CLAIM(a_child_that_would_run_first_can_be_held_before_it_does);
  CLAIM(timers_go_on_while_a_strand_is_held);
  CLAIM(a_run_waits_while_everybody_who_is_ready_is_held);
  CLAIM(a_shutdown_lets_everybody_go);
  CLAIM(a_dormant_strand_has_its_attributes_before_it_starts);
  CLAIM(the_parallel_engine_checks_and_remembers);
  CLAIM(one_that_comes_later_into_the_same_place_begins_with_nothing);
  CLAIM(a_program_with_policies_runs_unchanged_on_both_engines);
  CLAIM(an_exploration_begins_with_the_lanes_of_the_program_and_leaves_them);
  CLAIM(bad_numbers_are_refused_with_a_sentence);
  return 0;
}
