/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O2 engines=none engines-why="it explores on the stepped engine" */
/*
 * Every interleaving, within a bound on preemptions, of a cancel with what it races with: a message (the claim word
 * decides, and both sides agree), a spawn into a scope that closes, and a shield.
 */
#include "explored.h"

static void start_stepped(void) {
  strand_config config;
  memset(&config, 0, sizeof config);
  config.size = (uint32_t)sizeof config;
  config.engine = STRAND_ENGINE_STEPPED;
  CHECK_OK(strand_scheduler_init(&config));
}

static strand_chan channel;
static strand_cancel token;
static strand_scope scope;
static strand_status sent, received;
static uint64_t by_message, by_cancel;

static strand_id spawn_bound(strand_entry entry) {
  strand_spawn_options options = default_spawn(NULL);
  strand_id id = 0;
  options.cancel = token;
  CHECK_OK(strand_spawn_with(&options, entry, NULL, &id));
  return id;
}

static void *sends(void *arg) {
  const uint64_t element = 42;
  sent = strand_chan_send(channel, &element, STRAND_FOREVER);
  return arg;
}
static void *receives(void *arg) {
  uint64_t element = 0;
  received = strand_chan_recv(channel, &element, STRAND_FOREVER);
  if (received == STRAND_OK) strand_assert(element == 42, "the message arrived whole");
  return arg;
}
static void *fires(void *arg) {
  if (strand_cancel_fire(token, 1) != STRAND_OK) return NULL;
  return arg;
}

static int never_both;
static void *a_message_and_a_cancel(void *arg) {
  strand_id ids[3];
  channel = new_channel(8, 0);
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &token));
  sent = received = STRAND_ERR_STALE;
  ids[0] = spawn_bound(sends);
  ids[1] = spawn_bound(receives);
  ids[2] = spawn(fires, NULL);
  for (int at = 0; at < 3; at += 1) {
    if (strand_join(ids[at], STRAND_FOREVER) != STRAND_OK) return arg;
  }
  strand_assert(sent == received, "both sides agree");
  strand_assert(sent == STRAND_OK || sent == STRAND_ERR_CANCELLED, "transferred or cancelled");
  if (never_both) strand_assert(sent == STRAND_ERR_CANCELLED, "the cancel always wins"); /* the control */
  by_message += sent == STRAND_OK;
  by_cancel += sent == STRAND_ERR_CANCELLED;
  CHECK_OK(strand_chan_release(channel));
  CHECK_OK(strand_cancel_release(token));
  return arg;
}

static void of_a_message_and_a_cancel_exactly_one_wins_in_every_interleaving(void) {
  strand_explore_result result;
  start_stepped();
  by_message = by_cancel = 0;
  result = explored("exhaustive:preemptions=2", a_message_and_a_cancel, STRAND_OK);
  CHECK_EQUAL(result.complete, 1);
  CHECK_NUMBERS(by_message, >, 0);
  CHECK_NUMBERS(by_cancel, >, 0);
  printf("%" PRIu64 " schedules, in %" PRIu64 " the message was transferred\n", (uint64_t)result.runs, by_message);
  explored("pct:depth=3,runs=2000,seed=5", a_message_and_a_cancel, STRAND_OK);
  never_both = 1;
  explored("exhaustive:preemptions=2", a_message_and_a_cancel, STRAND_ERR_FAILED);
  never_both = 0;
  stop_runtime();
}

static int children, ends, refusals;
static void *child_runs(void *arg) {
  strand_park_token parked;
  children += 1;
  if (strand_park_begin(&parked) == STRAND_OK) (void)strand_park(parked, STRAND_FOREVER, NULL);
  ends += 1;
  return arg;
}
static void *spawns_a_child(void *arg) {
  strand_spawn_options options = default_spawn(NULL);
  strand_status status;
  options.scope = scope;
  status = strand_spawn_with(&options, child_runs, NULL, NULL);
  if (status != STRAND_OK) {
    strand_assert(status == STRAND_ERR_CANCELLED || status == STRAND_ERR_STALE, "refused");
    refusals += 1;
  }
  return arg;
}

static int looks_too_early;
static void *a_spawn_and_a_close(void *arg) {
  strand_id other;
  int at_the_close;
  children = ends = 0;
  strand_assert(strand_scope_open(NULL, &scope) == STRAND_OK, "opened");
  other = spawn(spawns_a_child, NULL);
  (void)strand_yield();
  if (looks_too_early) strand_assert(children == ends, "nobody lives before the close"); /* the control */
  strand_assert(strand_scope_close(scope) == STRAND_OK, "closed");
  at_the_close = children;
  strand_assert(children == ends, "nobody outlives the scope");
  if (strand_join(other, STRAND_FOREVER) != STRAND_OK) return arg;
  strand_assert(children == at_the_close, "nobody begins after the close");
  return arg;
}

static void a_child_that_comes_beside_a_close_never_outlives_the_scope(void) {
  strand_explore_result result;
  start_stepped();
  refusals = 0;
  result = explored("exhaustive:preemptions=3", a_spawn_and_a_close, STRAND_OK);
  printf("%" PRIu64 " schedules, in %d the child was refused\n", (uint64_t)result.runs, refusals);
  CHECK_EQUAL(result.complete, 1);
  CHECK_NUMBERS(refusals, >, 0);
  looks_too_early = 1;
  explored("exhaustive:preemptions=3", a_spawn_and_a_close, STRAND_ERR_FAILED);
  looks_too_early = 0;
  stop_runtime();
}

static int shield_ends_early;
static void *shielded_child(void *arg) {
  if (strand_shield_begin() != STRAND_OK) return arg;
  strand_assert(strand_yield() == STRAND_OK, "a shield holds a cancel off");
  if (shield_ends_early) {
    (void)strand_shield_end();
    strand_assert(strand_yield() == STRAND_OK, "without a shield too"); /* the control */
    return arg;
  }
  strand_assert(strand_yield() == STRAND_OK, "to its end");
  (void)strand_shield_end();
  return arg;
}
static void *a_shield_and_a_cancel(void *arg) {
  strand_id ids[2];
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &token));
  ids[0] = spawn_bound(shielded_child);
  ids[1] = spawn(fires, NULL);
  for (int at = 0; at < 2; at += 1) {
    if (strand_join(ids[at], STRAND_FOREVER) != STRAND_OK) return arg;
  }
  CHECK_OK(strand_cancel_release(token));
  return arg;
}

static void a_shield_holds_in_every_interleaving(void) {
  start_stepped();
  CHECK_EQUAL(explored("exhaustive:preemptions=3", a_shield_and_a_cancel, STRAND_OK).complete, 1);
  shield_ends_early = 1;
  explored("exhaustive:preemptions=3", a_shield_and_a_cancel, STRAND_ERR_FAILED);
  shield_ends_early = 0;
  stop_runtime();
}

int main(void) {
  CLAIM(of_a_message_and_a_cancel_exactly_one_wins_in_every_interleaving);
  CLAIM(a_child_that_comes_beside_a_close_never_outlives_the_scope);
  CLAIM(a_shield_holds_in_every_interleaving);
  return 0;
}
