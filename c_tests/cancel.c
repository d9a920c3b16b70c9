/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 schedules=yes modes=static,shared opt=O0,O2 */
/*
 * Cancel tokens: what they reach, what is delivered and when, what a shield holds off, when hooks are called, how long
 * a token lives; and what the poll word costs those who are not cancelled.
 */
#include "harness.h"

static strand_cancel new_token(strand_cancel parent, int64_t deadline) {
  strand_cancel token = 0;
  CHECK_OK(strand_cancel_new(parent, deadline, &token));
  CHECK(token != 0);
  return token;
}

static strand_id spawn_bound(strand_cancel token, strand_entry entry, void *arg) {
  strand_spawn_options options = default_spawn(NULL);
  strand_id id = 0;
  options.cancel = token;
  CHECK_OK(strand_spawn_with(&options, entry, arg, &id));
  return id;
}

static uint64_t reason_of(strand_cancel token) {
  uint64_t reason = 0;
  CHECK_OK(strand_cancel_wait(token, STRAND_NO_WAIT, &reason));
  return reason;
}

static int is_open(strand_cancel token) {
  const strand_status status = strand_cancel_wait(token, STRAND_NO_WAIT, NULL);
  CHECK(status == STRAND_OK || status == STRAND_ERR_WOULD_BLOCK);
  return status == STRAND_ERR_WOULD_BLOCK;
}

static void join(strand_id id) { CHECK_OK(strand_join(id, STRAND_FOREVER)); }

/* ------------------------------------------------------------------------------------------------ delivery */

/* Every call that could suspend, one by one: each says CANCELLED before it does anything. */
static void check_every_suspension_point(void) {
  strand_chan full = new_channel(8, 1), filled = new_channel(8, 1), none = new_channel(8, 0);
  strand_park_token parked;
  uint64_t element = 7;
  strand_cancel other = new_token(0, STRAND_FOREVER);
  CHECK_OK(strand_chan_send(full, &element, STRAND_NO_WAIT));
  CHECK_OK(strand_chan_send(filled, &element, STRAND_NO_WAIT));
  for (int round = 0; round < 3; round += 1) { /* told again each time: the level counts, not the edge */
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_yield());
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_checkpoint());
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(1));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(0));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(none, &element, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(filled, &element, strand_after(SECONDS(1)))); /* though it could */
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_send(full, &element, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_wait_all(STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_cancel_wait(other, STRAND_FOREVER, NULL));
    CHECK_OK(strand_park_begin(&parked));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_park(parked, STRAND_FOREVER, NULL));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_join(strand_self(), STRAND_FOREVER));
  }
  /* What does not wait works as ever. */
  CHECK_OK(strand_chan_recv(filled, &element, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(none, &element, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_send(full, &element, STRAND_NO_WAIT));
  CHECK_OK(strand_cancel_release(other));
  CHECK_OK(strand_chan_release(full));
  CHECK_OK(strand_chan_release(filled));
  CHECK_OK(strand_chan_release(none));
}

static void *fires_its_own_token(void *arg) {
  strand_cancel token = *(strand_cancel *)arg;
  uint64_t reason = 0;
  CHECK_OK(strand_cancel_requested(&reason));
  CHECK_OK(strand_yield());
  CHECK_OK(strand_cancel_fire(token, 41));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_cancel_requested(&reason));
  CHECK_EQUAL(reason, 41);
  check_every_suspension_point();
  return NULL;
}

static void a_cancelled_strand_is_told_at_every_suspension_point_again_and_again(void) {
  strand_cancel token;
  start_runtime(2);
  token = new_token(0, STRAND_FOREVER);
  join(spawn_bound(token, fires_its_own_token, &token));
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

typedef struct waits {
  strand_chan none, full;
  strand_id stays;
  strand_cancel other;
  uint64_t ready, told;
} waits;

static waits waiting;

enum { WAYS = 8 };
static strand_status wait_in_some_way(intptr_t way) {
  uint64_t element = 1;
  strand_park_token parked;
  switch (way) {
    case 0: return strand_chan_recv(waiting.none, &element, STRAND_FOREVER);
    case 1: return strand_chan_recv(waiting.none, &element, strand_after(SECONDS(1000)));
    case 2: return strand_chan_send(waiting.full, &element, STRAND_FOREVER);
    case 3: return strand_sleep(SECONDS(1000));
    case 4: return strand_join(waiting.stays, STRAND_FOREVER);
    case 5: return strand_cancel_wait(waiting.other, STRAND_FOREVER, NULL);
    case 6: return strand_wait_all(STRAND_FOREVER);
    default:
      CHECK_OK(strand_park_begin(&parked));
      return strand_park(parked, strand_after(SECONDS(1000)), NULL);
  }
}

static void *waits_in_some_way(void *arg) {
  count_up(&waiting.ready);
  CHECK_STATUS(STRAND_ERR_CANCELLED, wait_in_some_way((intptr_t)arg));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_yield());
  count_up(&waiting.told);
  return NULL;
}

static void *receives_one(void *arg) {
  uint64_t element;
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &element, STRAND_FOREVER));
  return NULL;
}

static void who_waits_when_the_token_fires_goes_on(void) {
  uint64_t element = 1;
  strand_chan gate;
  start_runtime(2);
  for (int round = 0; round < shortened(100); round += 1) {
    const strand_cancel token = new_token(0, STRAND_FOREVER);
    strand_id ids[WAYS];
    memset(&waiting, 0, sizeof waiting);
    gate = new_channel(8, 1);
    waiting.none = new_channel(8, 0);
    waiting.full = new_channel(8, 1);
    waiting.other = new_token(0, STRAND_FOREVER);
    CHECK_OK(strand_chan_send(waiting.full, &element, STRAND_NO_WAIT));
    waiting.stays = spawn(receives_one, &gate);
    for (intptr_t way = 0; way < WAYS; way += 1) {
      ids[way] = spawn_bound(token, waits_in_some_way, (void *)way);
    }
    if (round % 2 == 0) await_count(&waiting.ready, WAYS); /* else: some have not run yet */
    CHECK_OK(strand_cancel_fire(token, 3));
    for (int way = 0; way < WAYS; way += 1) join(ids[way]);
    CHECK_EQUAL(count_read(&waiting.told), WAYS);
    CHECK_OK(strand_chan_send(gate, &element, STRAND_FOREVER));
    join(waiting.stays);
    CHECK_OK(strand_cancel_release(token));
    CHECK_OK(strand_cancel_release(waiting.other));
    CHECK_OK(strand_chan_release(gate));
    CHECK_OK(strand_chan_release(waiting.none));
    CHECK_OK(strand_chan_release(waiting.full));
  }
  stop_runtime();
}

/* A strand without the token, in the same waits: the negative control. */
static void *is_not_told(void *arg) {
  uint64_t element;
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &element, STRAND_FOREVER));
  CHECK_OK(strand_yield());
  CHECK_OK(strand_cancel_requested(NULL));
  return NULL;
}

static void whoever_is_not_bound_is_not_told(void) {
  uint64_t element = 1;
  strand_cancel token, beside;
  strand_chan gate;
  start_runtime(2);
  token = new_token(0, STRAND_FOREVER);
  beside = new_token(0, STRAND_FOREVER);
  gate = new_channel(8, 2);
  spawn(is_not_told, &gate);
  spawn_bound(beside, is_not_told, &gate);
  await_parks(2);
  CHECK_OK(strand_cancel_fire(token, 1));
  CHECK_OK(strand_chan_send(gate, &element, STRAND_FOREVER));
  CHECK_OK(strand_chan_send(gate, &element, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *cancels_and_is_cancelled(void *arg) {
  uint64_t reason = 0;
  (void)arg;
  CHECK_OK(strand_cancel_strand(strand_self(), 9));
  CHECK_OK(strand_cancel_strand(strand_self(), 10)); /* again: the first reason stays */
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_yield());
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_cancel_requested(&reason));
  CHECK_EQUAL(reason, 9);
  return NULL;
}

static void *waits_for_ever(void *arg) {
  uint64_t element;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(*(strand_chan *)arg, &element, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_cancel_requested(&element));
  CHECK_EQUAL(element, 77);
  return NULL;
}

static void one_strand_is_cancelled_by_its_handle(void) {
  strand_chan none;
  strand_id id;
  start_runtime(2);
  none = new_channel(8, 0);
  join(spawn(cancels_and_is_cancelled, NULL));
  id = spawn(waits_for_ever, &none);
  await_parks(1);
  CHECK_OK(strand_cancel_strand(id, 77));
  join(id);
  CHECK_STATUS(STRAND_ERR_STALE, strand_cancel_strand(id, 77)); /* after the end */
  CHECK_STATUS(STRAND_ERR_INVALID, strand_cancel_strand(id, STRAND_CANCEL_RUNTIME));
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ the tree */

static void a_token_fires_those_below_it_and_no_others(void) {
  strand_cancel root, left, right, below;
  start_runtime(1);
  root = new_token(0, STRAND_FOREVER);
  left = new_token(root, STRAND_FOREVER);
  right = new_token(root, STRAND_FOREVER);
  below = new_token(left, STRAND_FOREVER);
  CHECK_OK(strand_cancel_fire(left, 5));
  CHECK_EQUAL(reason_of(left), 5);
  CHECK_EQUAL(reason_of(below), 5);
  CHECK(is_open(root) && is_open(right));
  CHECK_OK(strand_cancel_fire(root, 6));
  CHECK_EQUAL(reason_of(right), 6);
  CHECK_EQUAL(reason_of(root), 6);
  CHECK_EQUAL(reason_of(left), 5); /* the first reason stays */
  CHECK_OK(strand_cancel_fire(left, 7));
  CHECK_EQUAL(reason_of(left), 5);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_cancel_fire(root, STRAND_CANCEL_SHUTDOWN));
  below = new_token(left, STRAND_FOREVER);
  CHECK_EQUAL(reason_of(below), 5); /* born below one that has fired */
  stop_runtime();
}

static void *never_runs(void *arg) {
  count_up(arg);
  return NULL;
}

static void a_fired_token_refuses_strands(void) {
  strand_spawn_options options;
  strand_id id = 44;
  uint64_t ran = 0;
  strand_cancel token;
  start_runtime(1);
  options = default_spawn("late");
  token = new_token(0, STRAND_FOREVER);
  CHECK_OK(strand_cancel_fire(token, 0));
  options.cancel = token;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_spawn_with(&options, never_runs, &ran, &id));
  CHECK_EQUAL(id, 44);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(ran, 0);
  stop_runtime();
}

static void a_parent_may_be_released_before_its_children(void) {
  strand_cancel top, middle, bottom;
  start_runtime(1);
  top = new_token(0, STRAND_FOREVER);
  middle = new_token(top, STRAND_FOREVER);
  bottom = new_token(middle, STRAND_FOREVER);
  CHECK_OK(strand_cancel_release(middle));
  CHECK_STATUS(STRAND_ERR_STALE, strand_cancel_fire(middle, 1));
  CHECK_STATUS(STRAND_ERR_STALE, strand_cancel_release(middle)); /* twice */
  CHECK_STATUS(STRAND_ERR_STALE, strand_cancel_retain(middle));
  CHECK(is_open(bottom));
  CHECK_OK(strand_cancel_retain(top));
  CHECK_OK(strand_cancel_release(top));
  CHECK_OK(strand_cancel_fire(top, 2)); /* reaches through the one that is gone */
  CHECK_EQUAL(reason_of(bottom), 2);
  stop_runtime();
}

static void a_tree_of_any_depth_and_width_fires_and_goes_without_recursion(void) {
  enum { DEPTH = 100000 };
  const int depth = shortened(scaled(DEPTH));
  strand_cancel *tokens;
  start_runtime(1);
  tokens = calloc((size_t)depth, sizeof *tokens);
  CHECK(tokens != NULL);
  for (int wide = 0; wide < 2; wide += 1) {
    for (int fire = 0; fire < 2; fire += 1) {
      for (int at = 0; at < depth; at += 1) {
        tokens[at] = new_token(at == 0 ? 0 : tokens[wide ? 0 : at - 1], STRAND_FOREVER);
      }
      if (fire) {
        CHECK_OK(strand_cancel_fire(tokens[0], 8));
        CHECK_EQUAL(reason_of(tokens[depth - 1]), 8);
      } else {
        CHECK(is_open(tokens[depth - 1]));
      }
      for (int at = 0; at < depth; at += 1) CHECK_OK(strand_cancel_release(tokens[at])); /* the last takes all along */
    }
  }
  free(tokens);
  stop_runtime();
}

/* A small stack would not survive a recursion over so many; the member lists are long too. */
static void *waits_to_be_told(void *arg) {
  const strand_status status = strand_sleep(SECONDS(100000));
  CHECK_STATUS(STRAND_ERR_CANCELLED, status);
  count_up(arg);
  return NULL;
}

static void a_token_with_very_many_strands_cancels_them_all(void) {
  const int count = shortened(scaled(20000));
  uint64_t told = 0;
  strand_cancel root, half[2];
  start_runtime(2);
  root = new_token(0, STRAND_FOREVER);
  half[0] = new_token(root, STRAND_FOREVER);
  half[1] = new_token(root, STRAND_FOREVER);
  for (int at = 0; at < count; at += 1) spawn_bound(half[at % 2], waits_to_be_told, &told);
  CHECK_OK(strand_cancel_fire(root, 1));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&told), count);
  CHECK_OK(strand_cancel_release(root));
  CHECK_OK(strand_cancel_release(half[0]));
  CHECK_OK(strand_cancel_release(half[1]));
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ shields */

static uint64_t stage;

static void *is_shielded(void *arg) {
  uint64_t element = 0;
  strand_chan gate = *(strand_chan *)arg;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_shield_end()); /* none is open */
  CHECK_OK(strand_shield_begin());
  CHECK_OK(strand_shield_begin());
  count_set(&stage, 1);
  CHECK_OK(strand_chan_recv(gate, &element, STRAND_FOREVER)); /* cancelled meanwhile, and not woken by that */
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_cancel_requested(NULL));
  CHECK_OK(strand_yield());
  CHECK_OK(strand_shield_end());
  CHECK_OK(strand_yield()); /* one is still open */
  CHECK_OK(strand_checkpoint());
  CHECK_OK(strand_shield_end());
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_yield());
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_chan_recv(gate, &element, STRAND_FOREVER));
  CHECK_OK(strand_shield_begin());
  CHECK_OK(strand_yield());
  CHECK_OK(strand_shield_end());
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_checkpoint());
  CHECK_STATUS(STRAND_ERR_INVALID, strand_shield_end());
  CHECK_LAST_ERROR_SAYS("no shield is open");
  count_set(&stage, 2);
  return NULL;
}

static void a_shield_delays_exactly_to_its_end(void) {
  uint64_t element = 1;
  strand_cancel token;
  strand_chan gate;
  start_runtime(2);
  count_set(&stage, 0);
  token = new_token(0, STRAND_FOREVER);
  gate = new_channel(8, 0);
  spawn_bound(token, is_shielded, &gate);
  await_count(&stage, 1);
  await_parks(1);
  CHECK_OK(strand_cancel_fire(token, 1));
  for (int round = 0; round < 20; round += 1) let_strands_run(4);
  CHECK_EQUAL(count_read(&stage), 1); /* it still waits */
  CHECK_OK(strand_chan_send(gate, &element, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&stage), 2);
  stop_runtime();
}

static void hook_waits(void *data) {
  CHECK_OK(strand_yield());
  CHECK_OK(strand_sleep(1000));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_shield_end()); /* the shield is not the program's to end */
  count_up(data);
}

static uint64_t exits;
static void *ends_cancelled(void *arg) {
  (void)arg;
  CHECK_OK(strand_on_exit(hook_waits, &exits));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(SECONDS(1000)));
  return NULL;
}

static void on_exit_functions_run_shielded(void) {
  strand_cancel token;
  start_runtime(2);
  count_set(&exits, 0);
  token = new_token(0, STRAND_FOREVER);
  spawn_bound(token, ends_cancelled, NULL);
  CHECK_OK(strand_cancel_fire(token, 1));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&exits), 1);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ hooks */

typedef struct hooked {
  uint64_t calls, drops, reason;
  strand_cancel token;
  strand_cancel_hook hook;
} hooked;

static void note_call(void *data, uint64_t reason) {
  hooked *it = data;
  it->reason = reason;
  count_up(&it->calls);
}
static void note_drop(void *data) { count_up(&((hooked *)data)->drops); }

/* No lock is held: everything may be asked of the token from here. */
static void asks_everything(void *data, uint64_t reason) {
  hooked *it = data;
  strand_cancel below = 0;
  CHECK_STATUS(STRAND_ERR_BUSY, strand_cancel_off(it->hook));
  CHECK_OK(strand_cancel_retain(it->token));
  CHECK_OK(strand_cancel_fire(it->token, 99));
  CHECK_OK(strand_cancel_new(it->token, STRAND_FOREVER, &below));
  CHECK_EQUAL(reason_of(below), reason);
  CHECK_OK(strand_cancel_release(below));
  CHECK_OK(strand_cancel_on(it->token, note_call, note_drop, data, NULL)); /* at once */
  CHECK_OK(strand_cancel_release(it->token));
}

static void a_hook_is_called_once_with_the_reason(void) {
  hooked it = {0}, late = {0}, all = {0};
  start_runtime(1);
  it.token = new_token(0, STRAND_FOREVER);
  CHECK_OK(strand_cancel_on(it.token, note_call, note_drop, &it, &it.hook));
  all.token = it.token;
  CHECK_OK(strand_cancel_on(it.token, asks_everything, note_drop, &all, &all.hook));
  CHECK_EQUAL(it.calls, 0);
  CHECK_OK(strand_cancel_fire(it.token, 12));
  CHECK_EQUAL(it.calls, 1);
  CHECK_EQUAL(it.reason, 12);
  CHECK_EQUAL(all.calls, 1);
  CHECK_EQUAL(all.reason, 12);
  CHECK_OK(strand_cancel_fire(it.token, 13));
  CHECK_EQUAL(it.calls, 1);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_cancel_off(it.hook));
  CHECK_OK(strand_cancel_on(it.token, note_call, note_drop, &late, &late.hook)); /* it has fired: at once */
  CHECK_EQUAL(late.calls, 1);
  CHECK_EQUAL(late.reason, 12);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_cancel_off(late.hook));
  CHECK_OK(strand_cancel_release(it.token));
  CHECK_EQUAL(it.drops + late.drops + all.drops, 0);
  stop_runtime();
}

static void a_hook_that_is_taken_back_is_never_called(void) {
  hooked first = {0}, second = {0}, third = {0};
  strand_cancel token;
  start_runtime(1);
  token = new_token(0, STRAND_FOREVER);
  CHECK_OK(strand_cancel_on(token, note_call, note_drop, &first, &first.hook));
  CHECK_OK(strand_cancel_on(token, note_call, note_drop, &second, &second.hook));
  CHECK_OK(strand_cancel_on(token, note_call, note_drop, &third, &third.hook));
  CHECK_OK(strand_cancel_off(second.hook));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_cancel_off(second.hook));
  CHECK_OK(strand_cancel_off(third.hook));
  CHECK_OK(strand_cancel_fire(token, 1));
  CHECK_EQUAL(first.calls, 1);
  CHECK_EQUAL(second.calls + third.calls + second.drops + third.drops, 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_cancel_off(token));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_cancel_off(0));
  stop_runtime();
}

static void a_hook_whose_token_goes_is_dropped(void) {
  hooked it = {0};
  strand_cancel token, child;
  start_runtime(1);
  token = new_token(0, STRAND_FOREVER);
  CHECK_OK(strand_cancel_on(token, note_call, note_drop, &it, &it.hook));
  child = new_token(token, STRAND_FOREVER);
  CHECK_OK(strand_cancel_release(token));
  CHECK_EQUAL(it.drops, 0); /* a child is left below it */
  CHECK_OK(strand_cancel_release(child));
  CHECK_EQUAL(it.drops, 1);
  CHECK_EQUAL(it.calls, 0);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_cancel_off(it.hook));
  stop_runtime();
}

static void a_shutdown_fires_the_tokens_that_are_left(void) {
  hooked it = {0};
  start_runtime(1);
  it.token = new_token(new_token(0, STRAND_FOREVER), STRAND_FOREVER);
  CHECK_OK(strand_cancel_on(it.token, note_call, note_drop, &it, NULL));
  stop_runtime();
  CHECK_EQUAL(it.calls, 1);
  CHECK(it.reason == STRAND_CANCEL_SHUTDOWN);
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_STALE, strand_cancel_fire(it.token, 1));
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ deadlines */

static void *sleeps_until_told(void *arg) {
  uint64_t reason = 0;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(SECONDS(1000)));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_cancel_requested(&reason));
  CHECK(reason == STRAND_CANCEL_DEADLINE);
  CHECK_NUMBERS(strand_now(), >=, *(int64_t *)arg);
  return NULL;
}

/*
 * A strand bound to a token with a deadline, which lies further ahead from trial to trial: a thread that stops between the two may
 * come too late, and is refused. The last trial bound it: `deadline` is its token's.
 */
static strand_cancel bind_before_a_deadline(int64_t *deadline, strand_id *id) {
  for (int64_t distance = MILLISECONDS(10);; distance *= 4) {
    strand_spawn_options options = default_spawn(NULL);
    strand_status status;
    CHECK_NUMBERS(distance, <, SECONDS(60));
    *deadline = strand_after(distance);
    options.cancel = new_token(0, *deadline);
    CHECK(is_open(options.cancel) || strand_now() >= *deadline);
    status = strand_spawn_with(&options, sleeps_until_told, deadline, id);
    if (status == STRAND_OK) {
      return options.cancel;
    }
    CHECK_STATUS(STRAND_ERR_CANCELLED, status);
    CHECK_NUMBERS(strand_now(), >=, *deadline);
    CHECK_OK(strand_cancel_release(options.cancel));
  }
}

static void a_deadline_fires_its_token_and_never_early(void) {
  int64_t deadline;
  uint64_t reason = 0;
  strand_cancel token;
  strand_id id = 0;
  hooked it = {0};
  start_runtime(2);
  token = bind_before_a_deadline(&deadline, &id);
  CHECK_OK(strand_cancel_on(token, note_call, note_drop, &it, NULL));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_cancel_wait(token, STRAND_FOREVER, &reason));
  CHECK(reason == STRAND_CANCEL_DEADLINE);
  AWAIT(count_read(&it.calls) == 1);
  CHECK(it.reason == STRAND_CANCEL_DEADLINE);
  /* From a thread, without any strand. */
  deadline = strand_after(MILLISECONDS(10));
  token = new_token(0, deadline);
  CHECK_OK(strand_cancel_wait(token, STRAND_FOREVER, &reason));
  CHECK(reason == STRAND_CANCEL_DEADLINE);
  CHECK_NUMBERS(strand_now(), >=, deadline);
  stop_runtime();
}

static void the_earliest_deadline_of_those_above_counts(void) {
  int64_t soon, late, shown = 0;
  uint64_t reason = 0;
  strand_cancel outer, inner, innermost;
  start_runtime(1);
  soon = strand_after(MILLISECONDS(20));
  late = strand_after(SECONDS(1000));
  outer = new_token(0, soon);
  inner = new_token(outer, late);
  innermost = new_token(inner, 0); /* none of its own */
  CHECK_OK(strand_cancel_deadline(innermost, &shown));
  CHECK_EQUAL(shown, soon);
  CHECK_OK(strand_cancel_wait(innermost, STRAND_FOREVER, &reason));
  CHECK(reason == STRAND_CANCEL_DEADLINE);
  CHECK_NUMBERS(strand_now(), >=, soon);
  CHECK_NUMBERS(strand_now(), <, late);
  outer = new_token(0, late);
  inner = new_token(outer, strand_after(MILLISECONDS(5)));
  CHECK_OK(strand_cancel_wait(inner, STRAND_FOREVER, &reason));
  CHECK(is_open(outer)); /* a deadline goes down only */
  CHECK_OK(strand_cancel_deadline(new_token(0, STRAND_FOREVER), &shown));
  CHECK_EQUAL(shown, STRAND_FOREVER);
  stop_runtime();
}

static void a_deadline_in_the_past_has_fired(void) {
  strand_cancel token;
  start_runtime(1);
  token = new_token(0, 1);
  CHECK(reason_of(token) == STRAND_CANCEL_DEADLINE);
  token = new_token(0, strand_now());
  CHECK(reason_of(token) == STRAND_CANCEL_DEADLINE);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_cancel_new(0, -2, &token));
  stop_runtime();
}

static void a_token_that_goes_takes_its_deadline_along(void) {
  int in_time = 0;
  start_runtime(1);
  for (int64_t distance = MILLISECONDS(5); !in_time; distance *= 4) { /* further ahead, where the deadline came first */
    hooked it = {0};
    const int64_t deadline = strand_after(distance);
    CHECK_NUMBERS(distance, <, SECONDS(60));
    it.token = new_token(0, deadline);
    CHECK_OK(strand_cancel_on(it.token, note_call, note_drop, &it, NULL));
    CHECK_OK(strand_cancel_release(it.token));
    in_time = strand_now() < deadline;
    if (in_time) CHECK_EQUAL(count_read(&it.drops), 1);
    CHECK_OK(strand_sleep_until(deadline + MILLISECONDS(15)));
    AWAIT(count_read(&it.calls) + count_read(&it.drops) == 1);
    if (in_time) CHECK_EQUAL(count_read(&it.calls), 0);
  }
  stop_runtime();
}

static void *bound_to_a_token_that_was_released(void *arg) {
  int64_t deadline = 0;
  strand_id id = 0;
  strand_cancel mine = 0;
  (void)arg;
  CHECK_OK(strand_cancel_release(bind_before_a_deadline(&deadline, &id))); /* the strand is bound: the deadline stays */
  CHECK_OK(strand_cancel_current(&mine));
  CHECK_EQUAL(mine, 0);
  join(id);
  return NULL;
}

static void a_bound_strand_keeps_its_token(void) {
  start_runtime(2);
  spawn(bound_to_a_token_that_was_released, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static strand_cancel given;
static void *gives_its_token(void *arg) {
  strand_park_token parked;
  (void)arg;
  CHECK_OK(strand_cancel_current(&given));
  CHECK_OK(strand_park_begin(&parked));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_park(parked, STRAND_FOREVER, NULL));
  return NULL;
}

static void a_strand_can_name_its_token(void) {
  strand_cancel token;
  start_runtime(1);
  given = 0;
  token = new_token(0, STRAND_FOREVER);
  spawn_bound(token, gives_its_token, NULL);
  CHECK_OK(strand_cancel_release(token));
  AWAIT(__atomic_load_n(&given, __ATOMIC_SEQ_CST) != 0);
  CHECK(is_open(given));
  CHECK_OK(strand_cancel_fire(given, 2));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_cancel_release(given));
  CHECK_STATUS(STRAND_ERR_STALE, strand_cancel_release(given));
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ waiting for a token */

static void *waits_for_the_token(void *arg) {
  hooked *it = arg;
  uint64_t reason = 0;
  const strand_status status = strand_cancel_wait(it->token, STRAND_FOREVER, &reason);
  if (status == STRAND_OK) {
    CHECK_EQUAL(reason, 21);
    count_up(&it->calls);
  } else {
    CHECK(status == STRAND_ERR_CLOSED || status == STRAND_ERR_STALE); /* it waited, or came too late */
    count_up(&it->drops);
  }
  return NULL;
}

static void who_waits_for_a_token_goes_on_when_it_fires_or_goes(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(200); round += 1) {
    hooked it = {0};
    pthread_t thread;
    CHECK_OK(strand_external_acquire()); /* this thread will fire it, or let it go */
    it.token = new_token(0, STRAND_FOREVER);
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_cancel_wait(it.token, STRAND_NO_WAIT, NULL));
    for (int at = 0; at < 3; at += 1) spawn(waits_for_the_token, &it);
    thread = start_thread(waits_for_the_token, &it);
    if (round % 3 == 0) let_strands_run(2);
    if (round % 2 == 0) {
      CHECK_OK(strand_cancel_fire(it.token, 21));
      CHECK_OK(strand_external_release());
      CHECK_OK(strand_scheduler_run());
      join_thread(thread);
      CHECK_EQUAL(it.calls, 4);
      CHECK_OK(strand_cancel_release(it.token));
    } else {
      CHECK_OK(strand_cancel_release(it.token));
      CHECK_OK(strand_external_release());
      CHECK_OK(strand_scheduler_run());
      join_thread(thread);
      CHECK_EQUAL(it.drops, 4);
    }
  }
  stop_runtime();
}

static void a_wait_for_a_token_ends_at_its_deadline(void) {
  strand_cancel token;
  start_runtime(1);
  token = new_token(0, STRAND_FOREVER);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_cancel_wait(token, strand_after(MILLISECONDS(2)), NULL));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_cancel_wait(token, 1, NULL));
  CHECK_OK(strand_cancel_fire(token, 3));
  CHECK_OK(strand_cancel_wait(token, 1, NULL));
  stop_runtime();
}

static strand_case one_case(uint32_t kind, uint64_t handle, void *element) {
  strand_case one;
  memset(&one, 0, sizeof one);
  one.size = (uint32_t)sizeof one;
  one.kind = kind;
  one.handle = handle;
  one.element = element;
  return one;
}

typedef struct selecting {
  strand_chan channel;
  strand_cancel token;
  uint64_t closed, fired, received;
} selecting;

static void *selects(void *arg) {
  selecting *it = arg;
  uint64_t element = 0, reason = 0;
  size_t index = 0;
  strand_case cases[2];
  cases[0] = one_case(STRAND_CASE_RECV, it->channel, &element);
  cases[1] = one_case(STRAND_CASE_CANCEL, it->token, &reason);
  CHECK_OK(strand_select(cases, 2, STRAND_FOREVER, 0, &index));
  if (index == 0) {
    CHECK_EQUAL(element, 5);
    count_up(&it->received);
  } else if (cases[1].status == STRAND_OK) {
    CHECK_EQUAL(reason, 31);
    count_up(&it->fired);
  } else {
    CHECK_STATUS(STRAND_ERR_CLOSED, cases[1].status);
    count_up(&it->closed);
  }
  return NULL;
}

static void a_token_is_one_of_several_things_to_wait_for(void) {
  uint64_t element = 5;
  start_runtime(2);
  for (int round = 0; round < shortened(300); round += 1) {
    selecting it = {0};
    strand_id id;
    uint64_t left = 0;
    it.channel = new_channel(8, 1);
    it.token = new_token(0, STRAND_FOREVER);
    id = spawn(selects, &it);
    if (round % 6 >= 3) let_strands_run(4);
    if (round % 3 == 0) {
      CHECK_OK(strand_cancel_fire(it.token, 31));
      join(id);
      CHECK_EQUAL(it.fired, 1);
      CHECK_OK(strand_cancel_release(it.token));
    } else if (round % 3 == 1) {
      CHECK_OK(strand_chan_send(it.channel, &element, STRAND_FOREVER));
      join(id);
      CHECK_EQUAL(it.received, 1);
      CHECK_OK(strand_cancel_release(it.token)); /* the losing case left no trace */
    } else {
      /* Both at once: exactly one commits, and the message is there once. */
      CHECK_OK(strand_cancel_fire(it.token, 31));
      CHECK_OK(strand_chan_send(it.channel, &element, STRAND_FOREVER));
      join(id);
      CHECK_EQUAL(it.fired + it.received, 1);
      while (strand_chan_recv(it.channel, &element, STRAND_NO_WAIT) == STRAND_OK) left += 1;
      CHECK_EQUAL(it.received + left, 1);
      CHECK_OK(strand_cancel_release(it.token));
    }
    CHECK_OK(strand_chan_release(it.channel));
  }
  stop_runtime();
}

static void the_last_release_of_a_token_ends_a_select(void) {
  selecting it = {0};
  strand_id id;
  start_runtime(1);
  it.channel = new_channel(8, 1);
  it.token = new_token(0, STRAND_FOREVER);
  id = spawn(selects, &it);
  await_parks(1);
  CHECK_OK(strand_cancel_release(it.token));
  join(id);
  CHECK_EQUAL(it.closed, 1);
  CHECK_OK(strand_chan_release(it.channel));
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ before the start */

static void drop_argument(void *arg) { count_up(arg); }

static void a_strand_that_was_not_started_never_will_be(void) {
  uint64_t dropped = 0;
  strand_spawn_options options;
  strand_cancel token;
  strand_id bound = 0, alone = 0;
  start_runtime(2);
  options = default_spawn(NULL);
  token = new_token(0, STRAND_FOREVER);
  options.flags = STRAND_SPAWN_DORMANT;
  options.arg_drop = drop_argument;
  CHECK_OK(strand_spawn_with(&options, never_runs, &dropped, &alone));
  options.cancel = token;
  CHECK_OK(strand_spawn_with(&options, never_runs, &dropped, &bound));
  CHECK_OK(strand_cancel_fire(token, 1));
  CHECK_EQUAL(dropped, 1);
  CHECK_STATUS(STRAND_ERR_STALE, strand_start(bound));
  CHECK_OK(strand_join(bound, STRAND_NO_WAIT));
  CHECK_OK(strand_cancel_strand(alone, 1));
  CHECK_EQUAL(dropped, 2);
  CHECK_STATUS(STRAND_ERR_STALE, strand_cancel_strand(alone, 1));
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ races */

typedef struct race {
  strand_cancel token;
  uint64_t refused, told, begun;
} race;

static void *is_told_sooner_or_later(void *arg) {
  race *it = arg;
  strand_status status;
  do {
    status = strand_sleep(SECONDS(1000));
  } while (status == STRAND_OK);
  CHECK_STATUS(STRAND_ERR_CANCELLED, status);
  count_up(&it->told);
  return NULL;
}

/* Strands enough for a race, and not as many as fit into the time for which the one who fires may stop. */
enum { ENOUGH_BOUND = 2000 };

static void *spawns_until_refused(void *arg) {
  race *it = arg;
  strand_spawn_options options = default_spawn(NULL);
  options.cancel = it->token;
  for (;;) {
    while (count_read(&it->begun) >= ENOUGH_BOUND && is_open(it->token)) CHECK_OK(strand_yield());
    const strand_status status = strand_spawn_with(&options, is_told_sooner_or_later, it, NULL);
    if (status == STRAND_ERR_CANCELLED) break;
    if (status == STRAND_ERR_LIMIT && is_may()) { /* it was faster than the one who fires */
      CHECK_OK(strand_yield());
      continue;
    }
    CHECK_OK(status);
    if (count_up(&it->begun) % 64 == 0) CHECK_OK(strand_yield());
  }
  count_up(&it->refused);
  return NULL;
}

/* A fire beside spawns: each strand was refused or is cancelled, whichever way it went; nobody sleeps on. */
static void a_strand_that_is_bound_while_its_token_fires_is_refused_or_cancelled(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(100); round += 1) {
    race it = {0};
    it.token = new_token(0, STRAND_FOREVER);
    spawn(spawns_until_refused, &it);
    spawn(spawns_until_refused, &it);
    await_count(&it.begun, (uint64_t)(round % 7) * 5 + 1);
    CHECK_OK(strand_cancel_fire(it.token, 1));
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(it.refused, 2);
    CHECK_EQUAL(count_read(&it.told), count_read(&it.begun));
    CHECK_OK(strand_cancel_release(it.token));
  }
  stop_runtime();
}

typedef struct traffic {
  strand_chan channel;
  uint64_t sent, received;
} traffic;

static void *sends_until_cancelled(void *arg) {
  traffic *it = arg;
  uint64_t element = 1;
  while (strand_chan_send(it->channel, &element, STRAND_FOREVER) == STRAND_OK) count_up(&it->sent);
  return NULL;
}
static void *receives_until_cancelled(void *arg) {
  traffic *it = arg;
  uint64_t element = 0;
  while (strand_chan_recv(it->channel, &element, STRAND_FOREVER) == STRAND_OK) count_up(&it->received);
  return NULL;
}

/* The claim word decides: what was transferred is OK on both sides, so nothing is lost and nothing is there twice. */
static void a_message_that_races_with_a_cancel_is_transferred_or_not_and_both_sides_agree(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(200); round += 1) {
    traffic it = {0};
    uint64_t left = 0, element;
    const strand_cancel token = new_token(0, STRAND_FOREVER);
    it.channel = new_channel(8, (size_t)(round % 3));
    for (int pair = 0; pair < 2; pair += 1) {
      spawn_bound(token, sends_until_cancelled, &it);
      spawn_bound(token, receives_until_cancelled, &it);
    }
    await_count(&it.received, (uint64_t)(round % 5) * 10);
    CHECK_OK(strand_cancel_fire(token, 1));
    CHECK_OK(strand_scheduler_run());
    while (strand_chan_recv(it.channel, &element, STRAND_NO_WAIT) == STRAND_OK) left += 1;
    CHECK_EQUAL(it.sent, it.received + left);
    CHECK_OK(strand_chan_release(it.channel));
    CHECK_OK(strand_cancel_release(token));
  }
  stop_runtime();
}

static void *fires_a_token(void *arg) {
  CHECK_OK(strand_cancel_fire(*(strand_cancel *)arg, (uint64_t)(uintptr_t)arg));
  return NULL;
}

/* Several fire at once: the hook is called once, and everybody sees one reason. */
static void of_several_who_fire_one_gives_the_reason(void) {
  start_runtime(2);
  for (int round = 0; round < shortened(200); round += 1) {
    hooked it = {0};
    strand_cancel below;
    pthread_t thread;
    it.token = new_token(0, STRAND_FOREVER);
    below = new_token(it.token, STRAND_FOREVER);
    CHECK_OK(strand_cancel_on(below, note_call, note_drop, &it, NULL));
    spawn(fires_a_token, &it.token);
    spawn(fires_a_token, &below);
    thread = start_thread(fires_a_token, &it.token);
    CHECK_OK(strand_scheduler_run());
    join_thread(thread);
    AWAIT(count_read(&it.calls) == 1);
    CHECK(reason_of(below) == it.reason);
    CHECK_OK(strand_cancel_release(it.token));
    CHECK_OK(strand_cancel_release(below));
    CHECK_EQUAL(it.calls, 1);
  }
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ the poll word */

static void *goes_on_although_cancelled(void *arg) {
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_sleep(SECONDS(1000)));
  CHECK(strand_poll_word != 0);
  count_set(arg, 1);
  CHECK_OK(strand_shield_begin());
  while (count_read((uint64_t *)arg + 1) == 0) CHECK_OK(strand_yield());
  return NULL;
}

static void the_poll_word_falls_when_the_last_cancelled_strand_has_ended(void) {
  uint64_t there[2] = {0, 0};
  strand_cancel token;
  start_runtime(2);
  CHECK_EQUAL(strand_poll_word & 1, 0);
  token = new_token(0, STRAND_FOREVER);
  spawn_bound(token, goes_on_although_cancelled, there);
  CHECK_OK(strand_cancel_fire(token, 1));
  AWAIT(count_read(&there[0]) == 1);
  CHECK_EQUAL(strand_poll_word & 1, 1);
  count_set(&there[1], 1);
  CHECK_OK(strand_scheduler_run());
  AWAIT((strand_poll_word & 1) == 0);
  /* Also when nobody was there to be cancelled. */
  token = new_token(0, STRAND_FOREVER);
  CHECK_OK(strand_cancel_fire(token, 1));
  CHECK_EQUAL(strand_poll_word & 1, 0);
  stop_runtime();
}

int main(void) {
  CLAIM(a_cancelled_strand_is_told_at_every_suspension_point_again_and_again);
  CLAIM(who_waits_when_the_token_fires_goes_on);
  CLAIM(whoever_is_not_bound_is_not_told);
  CLAIM(one_strand_is_cancelled_by_its_handle);
  CLAIM(a_token_fires_those_below_it_and_no_others);
  CLAIM(a_fired_token_refuses_strands);
  CLAIM(a_parent_may_be_released_before_its_children);
  CLAIM(a_tree_of_any_depth_and_width_fires_and_goes_without_recursion);
  CLAIM(a_token_with_very_many_strands_cancels_them_all);
  CLAIM(a_shield_delays_exactly_to_its_end);
  CLAIM(on_exit_functions_run_shielded);
  CLAIM(a_hook_is_called_once_with_the_reason);
  CLAIM(a_hook_that_is_taken_back_is_never_called);
  CLAIM(a_hook_whose_token_goes_is_dropped);
  CLAIM(a_shutdown_fires_the_tokens_that_are_left);
  CLAIM(a_deadline_fires_its_token_and_never_early);
  CLAIM(the_earliest_deadline_of_those_above_counts);
  CLAIM(a_deadline_in_the_past_has_fired);
  CLAIM(a_token_that_goes_takes_its_deadline_along);
  CLAIM(a_bound_strand_keeps_its_token);
  CLAIM(a_strand_can_name_its_token);
  CLAIM(who_waits_for_a_token_goes_on_when_it_fires_or_goes);
  CLAIM(a_wait_for_a_token_ends_at_its_deadline);
  CLAIM(a_token_is_one_of_several_things_to_wait_for);
  CLAIM(the_last_release_of_a_token_ends_a_select);
  CLAIM(a_strand_that_was_not_started_never_will_be);
  CLAIM(a_strand_that_is_bound_while_its_token_fires_is_refused_or_cancelled);
  CLAIM(a_message_that_races_with_a_cancel_is_transferred_or_not_and_both_sides_agree);
  CLAIM(of_several_who_fire_one_gives_the_reason);
  CLAIM(the_poll_word_falls_when_the_last_cancelled_strand_has_ended);
  return 0;
}
