/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 */
/* test: engines=none engines-why="it needs the stepped engine and chooses it itself" */
/* Monitors and generators under every order of events within a bound, and under PCT with faults put in. */
#include "explored.h"

static void start_stepped(void) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  CHECK_OK(strand_scheduler_init(&config));
}

/* ------------------------------------------------------------- monitor, end and demonitor, in every order */

static strand_chan downs;
static strand_id target;
static int removed;
static int sent_before;
static int orders_seen[4]; /* by who won, over all schedules */
static size_t room;

static void *end_soon(void *arg) {
  strand_yield();
  return arg;
}

static strand_monitor_id watched;
static int is_watched;

static void *watch(void *arg) {
  (void)arg;
  if (strand_monitor(target, downs, 7, &watched) == STRAND_OK) {
    is_watched = 1;
  }
  return NULL;
}

static void *remove_it(void *arg) {
  strand_status status;
  (void)arg;
  strand_yield();
  if (!is_watched) {
    return NULL;
  }
  status = strand_demonitor(watched, 0);
  strand_assert(status == STRAND_OK || status == STRAND_ERR_STALE, "removed, or sent before");
  removed += status == STRAND_OK;
  sent_before += status == STRAND_ERR_STALE;
  return NULL;
}

static void *one_message_or_none(void *arg) {
  strand_id helpers[2];
  strand_down down;
  int received = 0;
  (void)arg;
  removed = sent_before = is_watched = 0;
  if (strand_chan_new(sizeof(strand_down), room, &downs) != STRAND_OK) {
    return NULL;
  }
  target = spawn(end_soon, NULL);
  helpers[0] = spawn(watch, NULL);
  helpers[1] = spawn(remove_it, NULL);
  if (strand_join(helpers[0], STRAND_FOREVER) == STRAND_OK && strand_join(helpers[1], STRAND_FOREVER) == STRAND_OK &&
      strand_join(target, STRAND_FOREVER) == STRAND_OK) {
    while (strand_chan_recv(downs, &down, STRAND_NO_WAIT) == STRAND_OK) {
      strand_assert(down.monitor == watched && down.tag == 7 && down.target == target, "it is this one's message");
      received += 1;
    }
    strand_assert(received + removed == 1, "the message came once, or was taken back");
    orders_seen[removed ? 0 : sent_before ? 1 : 2] += 1;
    orders_seen[3] += !removed && down.state == STRAND_GONE;
  }
  strand_chan_release(downs);
  return NULL;
}

static void every_order_of_monitor_end_and_demonitor_gives_one_message_or_none(void) {
  static const size_t rooms[] = {0, 1, STRAND_UNBOUNDED};
  for (int which = 0; which < 3; which += 1) {
    room = rooms[which];
    memset(orders_seen, 0, sizeof orders_seen);
    start_stepped();
    {
      const strand_explore_result result = explored("exhaustive:preemptions=3", one_message_or_none, STRAND_OK);
      CHECK_EQUAL(result.complete, 1);
      CHECK_NUMBERS(result.runs, >, 100);
    }
    /* Each of the outcomes was there: taken back, sent before it was, sent with nobody taking back, already dead. */
    for (int outcome = 0; outcome < 4; outcome += 1) {
      CHECK_NUMBERS(orders_seen[outcome], >, 0);
    }
    stop_runtime();
  }
}

/* The same, where the one that removes does not look at the status: the bug that the status is there for. */
static void *count_it_as_removed(void *arg) {
  (void)arg;
  strand_yield();
  if (is_watched) {
    strand_demonitor(watched, 0);
    removed = 1;
  }
  return NULL;
}

static void *believe_in_every_removal(void *arg) {
  strand_id helpers[2];
  strand_down down;
  (void)arg;
  removed = is_watched = 0;
  CHECK_OK(strand_chan_new(sizeof(strand_down), 1, &downs));
  target = spawn(end_soon, NULL);
  helpers[0] = spawn(watch, NULL);
  helpers[1] = spawn(count_it_as_removed, NULL);
  if (strand_join(helpers[0], STRAND_FOREVER) == STRAND_OK && strand_join(helpers[1], STRAND_FOREVER) == STRAND_OK &&
      strand_join(target, STRAND_FOREVER) == STRAND_OK) {
    const int received = strand_chan_recv(downs, &down, STRAND_NO_WAIT) == STRAND_OK;
    strand_assert(received + removed == 1, "the message came once, or was taken back");
  }
  strand_chan_release(downs);
  return NULL;
}

static void control_the_search_finds_a_removal_that_came_too_late(void) {
  start_stepped();
  CHECK_EQUAL(explored("exhaustive:preemptions=3", believe_in_every_removal, STRAND_ERR_FAILED).failed, 1);
  stop_runtime();
}

/* ---------------------------------------------------------------------------------------------- generators */

static uint64_t kept; /* values that are somebody's */

static void drop_value(uint64_t value, void *data) {
  (void)value;
  (void)data;
  kept -= 1;
}

/* Counts every value that it makes; what it is given it gives up. */
static strand_status make_values(void *arg, uint64_t first, uint64_t *last) {
  uint64_t given = first;
  (void)arg;
  kept -= 1; /* the first */
  for (int turn = 0; turn < 3; turn += 1) {
    if (turn == 1 && strand_sleep(1000) != STRAND_OK) {
      return STRAND_ERR_CANCELLED;
    }
    kept += 1;
    if (strand_generator_yield((uint64_t)turn, &given) != STRAND_OK) {
      return STRAND_ERR_CANCELLED; /* whoever got the value, or value_drop, has counted it */
    }
    kept -= 1; /* given */
  }
  kept += 1;
  *last = 99;
  return STRAND_OK;
}

static strand_generator shared;

/* Resumes until it ends, with deadlines now and then: whatever comes, each value is in one place. */
static void *resume_it(void *arg) {
  const int64_t patience = (int64_t)(intptr_t)arg;
  for (int turn = 0; turn < 6; turn += 1) {
    uint64_t value = 0;
    strand_status status;
    kept += 1; /* to be handed in */
    status = strand_generator_resume(shared, 5, &value, patience > 0 ? strand_after(patience) : STRAND_FOREVER);
    if (status == STRAND_ERR_TIMEOUT || status == STRAND_ERR_CANCELLED) {
      /* Was it handed in? Nobody else waits for the answer but perhaps the other one. */
      const strand_status there = strand_generator_wait(shared, &value, STRAND_FOREVER);
      if (there == STRAND_OK || there == STRAND_ERR_CLOSED) {
        kept -= 1; /* the answer */
      } else if (there == STRAND_ERR_EMPTY) {
        kept -= 1; /* not handed in */
      }
      if (there != STRAND_OK && there != STRAND_ERR_EMPTY) {
        return NULL;
      }
    } else if (status == STRAND_OK || status == STRAND_ERR_CLOSED) {
      kept -= 1; /* the answer */
      if (status == STRAND_ERR_CLOSED) {
        return NULL;
      }
    } else {
      strand_assert(status == STRAND_ERR_BUSY || status == STRAND_ERR_ALREADY || status == STRAND_ERR_STALE,
                    "refused, so it is still the caller's");
      kept -= 1;
      if (status != STRAND_ERR_BUSY || strand_yield() != STRAND_OK) {
        return NULL;
      }
    }
  }
  return NULL;
}

static void *cancel_it(void *arg) {
  (void)arg;
  strand_yield();
  strand_generator_cancel(shared);
  return NULL;
}

static int with_cancel;

static void *values_are_in_one_place(void *arg) {
  strand_generator_options options;
  strand_id helpers[2];
  strand_status ends;
  (void)arg;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.value_drop = drop_value;
  kept = 0;
  if (strand_generator_new(&options, make_values, NULL, &shared) != STRAND_OK) {
    return NULL;
  }
  helpers[0] = spawn(resume_it, (void *)(intptr_t)(with_cancel ? 0 : 500));
  helpers[1] = spawn(with_cancel ? cancel_it : resume_it, NULL);
  strand_join(helpers[0], STRAND_FOREVER);
  strand_join(helpers[1], STRAND_FOREVER);
  strand_generator_cancel(shared);
  ends = strand_generator_wait(shared, NULL, STRAND_FOREVER);
  strand_generator_release(shared);
  strand_assert(ends == STRAND_ERR_CANCELLED || ends == STRAND_ERR_ALREADY || ends == STRAND_ERR_EMPTY ||
                    ends == STRAND_OK || ends == STRAND_ERR_CLOSED,
                "it has ended");
  if (with_cancel) {
    strand_assert(kept == 0, "every value was taken or dropped, once");
  }
  return NULL;
}

static void a_cancel_at_any_moment_loses_no_value_and_drops_none_twice(void) {
  with_cancel = 1;
  start_stepped();
  {
    const strand_explore_result result = explored("exhaustive:preemptions=3", values_are_in_one_place, STRAND_OK);
    CHECK_EQUAL(result.complete, 1);
    CHECK_NUMBERS(result.runs, >, 50);
  }
  CHECK_EQUAL(explored("pct:depth=3,runs=3000", values_are_in_one_place, STRAND_OK).runs, 3000);
  stop_runtime();
}

static void two_that_resume_one_with_deadlines_never_hang(void) {
  with_cancel = 0;
  start_stepped();
  CHECK_EQUAL(explored("pct:depth=3,runs=3000", values_are_in_one_place, STRAND_OK).runs, 3000);
  CHECK_EQUAL(explored("random:runs=3000", values_are_in_one_place, STRAND_OK).runs, 3000);
  CHECK_EQUAL(explored("pct:depth=3,runs=3000,inject=timeout:n=1", values_are_in_one_place, STRAND_OK).runs, 3000);
  stop_runtime();
}

static strand_status go_on_for_ever(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  (void)last;
  while (strand_generator_yield(first, NULL) == STRAND_OK) {
    first += 1;
  }
  return STRAND_ERR_CANCELLED;
}

static void *leave_one_unfinished(void *arg) {
  strand_generator left;
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_generator_new(NULL, go_on_for_ever, NULL, &left));
  if (strand_generator_resume(left, 1, &value, STRAND_FOREVER) == STRAND_OK) {
    strand_assert(value == 1, "the first value");
  }
  return NULL;
}

static void an_unfinished_one_ends_with_its_schedule(void) {
  start_stepped();
  explored("exhaustive", leave_one_unfinished, STRAND_OK);
  CHECK_EQUAL(explored("random:runs=100", leave_one_unfinished, STRAND_OK).runs, 100);
  stop_runtime();
}

int main(void) {
  CLAIM(every_order_of_monitor_end_and_demonitor_gives_one_message_or_none);
  CLAIM(control_the_search_finds_a_removal_that_came_too_late);
  CLAIM(a_cancel_at_any_moment_loses_no_value_and_drops_none_twice);
  CLAIM(two_that_resume_one_with_deadlines_never_hang);
  CLAIM(an_unfinished_one_ends_with_its_schedule);
  return 0;
}
