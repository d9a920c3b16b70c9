/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */

/* Joins: their four rules against a reference, and what each sentence about them says. */

#include "harness.h"

static uint64_t entered, ended, running;

static void *as_arg(intptr_t number) { return (void *)number; }
static strand_task task_of(strand_task_entry entry, void *arg) {
  strand_task task = 0;
  CHECK_OK(strand_task_spawn(0, entry, arg, &task));
  return task;
}
static strand_outcome blank(void) {
  strand_outcome outcome;
  memset(&outcome, 0xEE, sizeof outcome);
  outcome.size = (uint32_t)sizeof outcome;
  return outcome;
}
static strand_outcome outcome_of(strand_task task) {
  strand_outcome outcome = blank();
  CHECK_OK(strand_task_outcome(task, &outcome));
  return outcome;
}
static void release_all(const strand_task *tasks, size_t count) {
  for (size_t i = 0; i < count; i += 1) {
    CHECK_OK(strand_task_release(tasks[i]));
  }
}
static void *run_on_a_strand(void *body) {
  ((void (*)(void))(uintptr_t)body)();
  return NULL;
}
/* The clock of the stepped engine is virtual, and there are no threads beside: a strand is where timing is exact. */
static void on_a_strand(void (*body)(void)) {
  CHECK_OK(strand_join(spawn(run_on_a_strand, (void *)(uintptr_t)body), STRAND_FOREVER));
}

/* ---------------------------------------------------------------------------- the reference, and random cases */

enum { MOST = 12, UNIT = 100000 };

typedef struct plan {
  int64_t end;          /* when the task ends by itself, in units from the call */
  strand_status result; /* what it returns then */
  int obedient;         /* 0: it does not look at the cancellation, and ends when it would have ended */
} plan;

typedef struct verdict {
  strand_status status;
  size_t decided;
  strand_outcome outcomes[MOST];
} verdict;

/* What a join of such tasks is to say, by the definition of its kind and nothing else. `wrong` seeds an error. */
static verdict reference(uint32_t kind, const plan *plans, size_t count, int wrong) {
  verdict said;
  size_t order[MOST];
  int64_t decided_at = INT64_MAX;
  memset(&said, 0, sizeof said);
  said.decided = SIZE_MAX;
  for (size_t i = 0; i < count; i += 1) {
    const int succeeds = plans[i].result == STRAND_OK;
    const int decides = kind == STRAND_JOIN_RACE || (kind == STRAND_JOIN_ALL && !succeeds) ||
                        (kind == STRAND_JOIN_ANY && succeeds);
    const int earlier = wrong == 1 ? said.decided == SIZE_MAX : plans[i].end < decided_at;
    if (decides && earlier) {
      decided_at = plans[i].end;
      said.decided = i;
    }
    order[i] = i;
  }
  int64_t when[MOST];
  for (size_t i = 0; i < count; i += 1) {
    strand_outcome *outcome = &said.outcomes[i];
    outcome->size = (uint32_t)sizeof *outcome;
    when[i] = 2 * plans[i].end;
    if (plans[i].end > decided_at && plans[i].obedient && wrong != 2) {
      outcome->state = STRAND_CANCELLED;
      outcome->reason = STRAND_CANCEL_JOIN_DECIDED;
      when[i] = 2 * decided_at + 1; /* after the one that decided */
    } else if (plans[i].result == STRAND_OK) {
      outcome->state = STRAND_SUCCEEDED;
      outcome->value = 1000 + i;
    } else {
      outcome->state = STRAND_FAILED;
      outcome->code = plans[i].result;
    }
  }
  /* Rank by the time of completion. What is cancelled at one moment comes in any order, so it is not compared. */
  for (size_t i = 1; i < count; i += 1) {
    for (size_t k = i; k > 0 && when[order[k]] < when[order[k - 1]]; k -= 1) {
      const size_t swapped = order[k];
      order[k] = order[k - 1];
      order[k - 1] = swapped;
    }
  }
  for (size_t rank = 0; rank < count; rank += 1) {
    said.outcomes[order[rank]].rank = (uint32_t)(wrong == 3 ? order[rank] : rank);
  }
  said.status = (kind == STRAND_JOIN_ALL && said.decided != SIZE_MAX) ||
                        (kind == STRAND_JOIN_ANY && said.decided == SIZE_MAX) ||
                        (kind == STRAND_JOIN_RACE && plans[said.decided].result != STRAND_OK)
                    ? STRAND_ERR_FAILED
                    : STRAND_OK;
  return said;
}

static int agrees(const verdict *expected, const verdict *actual, size_t count) {
  int same = expected->status == actual->status && expected->decided == actual->decided;
  for (size_t i = 0; i < count; i += 1) {
    strand_outcome left = expected->outcomes[i], right = actual->outcomes[i];
    if (left.state == STRAND_CANCELLED) {
      left.rank = right.rank = 0;
    }
    same = same && memcmp(&left, &right, sizeof left) == 0;
  }
  return same;
}

typedef struct member {
  plan plan;
  size_t index;
  int64_t start;
} member;

static strand_status play(void *arg, uint64_t *value) {
  const member *self = arg;
  const int64_t until = self->start + self->plan.end * UNIT;
  *value = 1000 + self->index;
  count_up(&running);
  while (strand_now() < until) {
    const strand_status status = strand_sleep(until - strand_now());
    if (status == STRAND_ERR_CANCELLED && self->plan.obedient) {
      count_add(&running, UINT64_MAX);
      return status;
    }
    if (status == STRAND_ERR_CANCELLED) { /* deaf: waits where no cancellation comes */
      strand_shield_begin();
      CHECK_OK(strand_sleep(until - strand_now()));
      strand_shield_end();
    }
  }
  count_add(&running, UINT64_MAX);
  return self->plan.result;
}

static int random_wrong;
static uint64_t random_seed, disagreements;
static void compare_with_the_reference(void) {
  uint64_t state = random_seed;
  for (int round = 0; round < shortened(200); round += 1) {
    const uint32_t kind = (uint32_t)(next_random(&state) % 4);
    const size_t count = 1 + next_random(&state) % MOST;
    static member members[MOST];
    plan plans[MOST];
    strand_task tasks[MOST];
    int64_t ends[MOST];
    verdict expected, actual;
    const int64_t start = strand_now();
    memset(&actual, 0, sizeof actual);
    for (size_t i = 0; i < count; i += 1) {
      ends[i] = (int64_t)(2 + i * 3); /* all different, shuffled */
    }
    for (size_t i = count; i > 1; i -= 1) {
      const size_t k = next_random(&state) % i;
      const int64_t swapped = ends[k];
      ends[k] = ends[i - 1];
      ends[i - 1] = swapped;
    }
    for (size_t i = 0; i < count; i += 1) {
      plans[i].end = ends[i];
      plans[i].result = next_random(&state) % 3 == 0 ? -100 - (strand_status)i : STRAND_OK;
      plans[i].obedient = next_random(&state) % 4 != 0;
      members[i] = (member){plans[i], i, start};
      tasks[i] = task_of(play, &members[i]);
      actual.outcomes[i] = blank();
    }
    /* Some have ended before the call, others have not begun. */
    CHECK_OK(strand_sleep((int64_t)(next_random(&state) % 2) * UNIT));
    expected = reference(kind, plans, count, random_wrong);
    actual.status = strand_task_join(kind, tasks, count, STRAND_FOREVER, actual.outcomes, &actual.decided);
    CHECK_EQUAL(count_read(&running), 0); /* losers have ended before it returns */
    if (!agrees(&expected, &actual, count)) {
      disagreements += 1;
      if (random_wrong == 0) {
        fprintf(stderr, "round %d, kind %u of %zu: status %d and %d, decided %zu and %zu\n", round, kind, count,
                expected.status, actual.status, expected.decided, actual.decided);
        for (size_t i = 0; i < count; i += 1) {
          fprintf(stderr, "  %zu: end %" PRId64 " result %d obedient %d; state %u and %u, rank %u and %u\n", i,
                  plans[i].end, plans[i].result, plans[i].obedient, expected.outcomes[i].state,
                  actual.outcomes[i].state, expected.outcomes[i].rank, actual.outcomes[i].rank);
        }
        CHECK(0);
      }
    }
    release_all(tasks, count);
  }
}

static void joins_are_as_the_reference_says(void) {
  random_wrong = 0;
  on_a_strand(compare_with_the_reference);
}
static void control_a_wrong_reference_is_noticed(void) {
  for (random_wrong = 1; random_wrong <= 3; random_wrong += 1) {
    disagreements = 0;
    on_a_strand(compare_with_the_reference);
    printf("wrong reference %d: %" PRIu64 " disagreements\n", random_wrong, disagreements);
    CHECK_NUMBERS(disagreements, >, 0);
  }
}

/* --------------------------------------------------------------------------------- sentence by sentence */

static strand_status answer(void *arg, uint64_t *value) {
  *value = (uint64_t)(uintptr_t)arg;
  count_up(&entered);
  return STRAND_OK;
}
static strand_status fail_with(void *arg, uint64_t *value) {
  (void)value;
  return (strand_status)(intptr_t)arg;
}
static strand_status until_cancelled(void *arg, uint64_t *value) {
  (void)value;
  count_up(&entered);
  while (strand_sleep(SECONDS(3600)) != STRAND_ERR_CANCELLED) {
  }
  count_up(&ended);
  return (strand_status)(intptr_t)arg;
}

static void empty_lists(void) {
  size_t decided = 5;
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL, NULL, 0, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(decided, SIZE_MAX);
  decided = 5;
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL_SETTLED, NULL, 0, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(decided, SIZE_MAX);
  decided = 5;
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_task_join(STRAND_JOIN_RACE, NULL, 0, STRAND_FOREVER, NULL, &decided));
  CHECK_STATUS(STRAND_ERR_EMPTY, strand_task_join(STRAND_JOIN_ANY, NULL, 0, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(decided, 5);
}

static void the_same_task_twice_is_invalid(void) {
  strand_task tasks[40];
  for (size_t count = 2; count <= 40; count += 19) {
    strand_outcome outcomes[40];
    size_t decided = 5;
    for (size_t i = 0; i < count; i += 1) {
      tasks[i] = task_of(answer, as_arg((intptr_t)i));
      outcomes[i] = blank();
    }
    const strand_task last = tasks[count - 1];
    tasks[count - 1] = tasks[0];
    CHECK_STATUS(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_ALL, tasks, count, STRAND_FOREVER, outcomes, &decided));
    CHECK_LAST_ERROR_SAYS("twice");
    CHECK_EQUAL(decided, 5);
    CHECK_EQUAL(outcomes[0].state, 0xEEEEEEEE);
    tasks[count - 1] = last;
    CHECK_OK(strand_task_join(STRAND_JOIN_ALL, tasks, count, STRAND_FOREVER, outcomes, &decided));
    release_all(tasks, count);
  }
}

static strand_status join_with_itself(void *arg, uint64_t *value) {
  strand_task tasks[2];
  (void)value;
  tasks[0] = *(strand_task *)arg;
  tasks[1] = strand_task_self();
  CHECK_STATUS(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_RACE, tasks, 2, STRAND_FOREVER, NULL, NULL));
  CHECK_LAST_ERROR_SAYS("its own end");
  return STRAND_OK;
}
static void a_task_cannot_join_itself(void) {
  static strand_task other;
  strand_task task;
  other = task_of(until_cancelled, as_arg(STRAND_ERR_CANCELLED));
  task = task_of(join_with_itself, &other);
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_cancel(other, 1));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(other, STRAND_FOREVER, NULL));
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_task_release(other));
}

/* Ended long ago, one after the other: the ranks are those of the time. */
static void ranks_are_by_time_also_of_what_ended_before(void) {
  enum { MANY = 60 };
  strand_task tasks[MANY], in_order[MANY];
  strand_outcome outcomes[MANY];
  size_t decided = 5;
  for (size_t i = 0; i < MANY; i += 1) {
    tasks[i] = task_of(i == 41 ? fail_with : answer, as_arg(i == 41 ? STRAND_ERR_IO : (intptr_t)i));
    strand_task_await(tasks[i], STRAND_FOREVER, NULL);
    in_order[(i * 7) % MANY] = tasks[i]; /* 7 and 60 have no common factor */
    outcomes[i] = blank();
  }
  CHECK_STATUS(STRAND_ERR_FAILED,
               strand_task_join(STRAND_JOIN_ALL, in_order, MANY, STRAND_FOREVER, outcomes, &decided));
  CHECK_EQUAL(decided, 41 * 7 % MANY);
  for (size_t i = 0; i < MANY; i += 1) {
    CHECK_EQUAL(outcomes[i * 7 % MANY].rank, i);
    CHECK_EQUAL(outcomes[i * 7 % MANY].value, i == 41 ? 0 : i);
  }
  CHECK_OK(strand_task_join(STRAND_JOIN_RACE, in_order, MANY, STRAND_NO_WAIT, NULL, &decided));
  CHECK_EQUAL(decided, 0);
  release_all(tasks, MANY);
}

static void past_the_deadline_nothing_is_cancelled(void) {
  strand_task tasks[3];
  strand_outcome outcomes[3] = {blank(), blank(), blank()};
  size_t decided = 5;
  count_set(&entered, 0);
  tasks[0] = task_of(answer, as_arg(1));
  tasks[1] = task_of(until_cancelled, as_arg(STRAND_OK));
  tasks[2] = task_of(until_cancelled, as_arg(STRAND_OK));
  await_count(&entered, 3);
  CHECK_OK(strand_task_await(tasks[0], STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_task_join(STRAND_JOIN_ALL, tasks, 3, strand_after(MILLISECONDS(2)), outcomes,
                                                    &decided));
  CHECK_EQUAL(decided, SIZE_MAX);
  CHECK_EQUAL(outcomes[0].state, STRAND_SUCCEEDED);
  CHECK_EQUAL(outcomes[0].rank, 0);
  CHECK_EQUAL(outcomes[1].state, STRAND_RUNNING);
  CHECK_EQUAL(outcomes[1].rank, UINT32_MAX);
  CHECK_EQUAL(outcome_of(tasks[1]).state, STRAND_RUNNING);
  decided = 5;
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_task_join(STRAND_JOIN_ALL, tasks, 3, STRAND_NO_WAIT, NULL, &decided));
  CHECK_EQUAL(decided, 5);
  for (int i = 1; i < 3; i += 1) {
    CHECK_OK(strand_task_cancel(tasks[i], 0));
    CHECK_OK(strand_task_await(tasks[i], STRAND_FOREVER, NULL));
  }
  release_all(tasks, 3);
}

static uint64_t let_go;
/* Is told, and takes its time all the same. */
static strand_status slow_to_obey(void *arg, uint64_t *value) {
  const strand_status status = until_cancelled(arg, value);
  strand_shield_begin();
  while (count_read(&let_go) == 0) {
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
  }
  strand_shield_end();
  return status;
}
static void a_deadline_between_decision_and_end_is_a_timeout_with_decided(void) {
  strand_task tasks[2];
  strand_outcome outcomes[2] = {blank(), blank()};
  size_t decided = 5;
  count_set(&entered, 0);
  count_set(&let_go, 0);
  tasks[0] = task_of(slow_to_obey, as_arg(STRAND_ERR_CANCELLED));
  await_count(&entered, 1);
  tasks[1] = task_of(answer, as_arg(9));
  /* On a busy machine the first deadlines may come before the answer; then nothing was decided, nor cancelled. */
  for (int64_t patience = MILLISECONDS(20); decided != 1; patience *= 2) {
    CHECK_NUMBERS(patience, <, SECONDS(30));
    CHECK_STATUS(STRAND_ERR_TIMEOUT,
                 strand_task_join(STRAND_JOIN_ANY, tasks, 2, strand_after(patience), outcomes, &decided));
    CHECK(decided == 1 || decided == SIZE_MAX);
  }
  CHECK_EQUAL(outcomes[1].value, 9);
  CHECK_EQUAL(outcomes[0].state, STRAND_RUNNING);
  count_set(&let_go, 1);
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(tasks[0], STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(tasks[0]).reason, STRAND_CANCEL_JOIN_DECIDED);
  release_all(tasks, 2);
}

static strand_status join_until_cancelled(void *arg, uint64_t *value) {
  size_t decided = 5;
  strand_status status;
  (void)value;
  count_up(&entered);
  status = strand_task_join(STRAND_JOIN_ALL, arg, 2, STRAND_FOREVER, NULL, &decided);
  CHECK_STATUS(STRAND_ERR_CANCELLED, status);
  CHECK_EQUAL(decided, 5);
  return status;
}
static void a_cancelled_joiner_cancels_nothing(void) {
  static strand_task tasks[2];
  strand_task joiner;
  count_set(&entered, 0);
  tasks[0] = task_of(until_cancelled, as_arg(STRAND_OK));
  tasks[1] = task_of(until_cancelled, as_arg(STRAND_OK));
  joiner = task_of(join_until_cancelled, tasks);
  await_count(&entered, 3);
  CHECK_OK(strand_task_cancel(joiner, 3));
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(joiner, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(joiner).state, STRAND_CANCELLED);
  for (int i = 0; i < 2; i += 1) {
    CHECK_EQUAL(outcome_of(tasks[i]).state, STRAND_RUNNING);
    CHECK_OK(strand_task_cancel(tasks[i], 3));
    CHECK_OK(strand_task_await(tasks[i], STRAND_FOREVER, NULL));
  }
  release_all(tasks, 2);
  CHECK_OK(strand_task_release(joiner));
}

static void a_cancelled_member_is_a_failure_a_finish_and_no_success(void) {
  strand_task tasks[2];
  size_t decided = 5;
  strand_outcome outcomes[2] = {blank(), blank()};
  for (uint32_t kind = 0; kind <= STRAND_JOIN_ALL_SETTLED; kind += 1) {
    count_set(&entered, 0);
    tasks[0] = task_of(until_cancelled, as_arg(STRAND_ERR_CANCELLED));
    await_count(&entered, 1);
    CHECK_OK(strand_task_cancel(tasks[0], 4));
    CHECK_STATUS(STRAND_ERR_CANCELLED, strand_task_await(tasks[0], STRAND_FOREVER, NULL));
    tasks[1] = task_of(answer, as_arg(2));
    CHECK_OK(strand_task_await(tasks[1], STRAND_FOREVER, NULL));
    CHECK_STATUS(kind == STRAND_JOIN_ALL || kind == STRAND_JOIN_RACE ? STRAND_ERR_FAILED : STRAND_OK,
                 strand_task_join(kind, tasks, 2, STRAND_FOREVER, outcomes, &decided));
    CHECK_EQUAL(decided, kind <= STRAND_JOIN_RACE ? 0 : kind == STRAND_JOIN_ANY ? 1 : SIZE_MAX);
    CHECK_EQUAL(outcomes[0].state, STRAND_CANCELLED);
    CHECK_EQUAL(outcomes[0].reason, 4);
    release_all(tasks, 2);
  }
}

/* Programs compiled with a larger struct, and those that want no outcomes. */
static void outcomes_lie_as_far_apart_as_their_size_says(void) {
  struct {
    strand_outcome outcome;
    uint64_t more[2];
  } large[3];
  strand_task tasks[3];
  memset(large, 0, sizeof large);
  for (int i = 0; i < 3; i += 1) {
    large[i].outcome.size = (uint32_t)sizeof large[0];
    large[i].more[0] = 77;
    tasks[i] = task_of(answer, as_arg(10 + i));
  }
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL, tasks, 3, STRAND_FOREVER, &large[0].outcome, NULL));
  for (int i = 0; i < 3; i += 1) {
    CHECK_EQUAL(large[i].outcome.value, 10 + i);
    CHECK_EQUAL(large[i].outcome.size, sizeof large[0]);
    CHECK_EQUAL(large[i].more[0], 0); /* what this version does not know is cleared */
  }
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL, tasks, 3, STRAND_FOREVER, NULL, NULL));
  release_all(tasks, 3);
}

typedef struct judging {
  size_t calls;
  uint32_t ranks;
  size_t stop_at;
} judging;
static uint32_t count_calls(size_t index, const strand_outcome *outcome, void *data) {
  judging *all = data;
  CHECK_EQUAL(outcome->rank, all->ranks);
  CHECK_EQUAL(outcome->size, sizeof *outcome);
  CHECK_EQUAL(outcome->state, STRAND_SUCCEEDED);
  CHECK_EQUAL(outcome->value, index);
  all->ranks += 1;
  all->calls += 1;
  strand_yield(); /* it may wait */
  return all->calls == all->stop_at ? STRAND_JOIN_CANCEL_REST : STRAND_JOIN_CONTINUE;
}
static void a_custom_join_asks_at_each_end(void) {
  enum { MANY = 20 };
  strand_task tasks[MANY];
  size_t decided = 5;
  judging all = {0, 0, 0};
  for (intptr_t i = 0; i < MANY; i += 1) {
    tasks[i] = task_of(answer, as_arg(i));
  }
  CHECK_OK(strand_task_join_with(count_calls, &all, tasks, MANY, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(all.calls, MANY);
  CHECK_EQUAL(decided, SIZE_MAX);
  release_all(tasks, MANY);
  /* Three answers are enough. */
  all = (judging){0, 0, 3};
  for (intptr_t i = 0; i < MANY; i += 1) {
    tasks[i] = task_of(i < 3 ? answer : until_cancelled, as_arg(i < 3 ? i : STRAND_ERR_CANCELLED));
  }
  CHECK_OK(strand_task_join_with(count_calls, &all, tasks, MANY, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(all.calls, 3);
  CHECK(decided < 3);
  for (int i = 3; i < MANY; i += 1) {
    CHECK_EQUAL(outcome_of(tasks[i]).state, STRAND_CANCELLED);
  }
  release_all(tasks, MANY);
}

static uint32_t fail_while_judging(size_t index, const strand_outcome *outcome, void *data) {
  (void)index;
  (void)outcome;
  (void)data;
  strand_fail(STRAND_ERR_CLOSED, "judge", 5);
}
static strand_status join_and_fail(void *arg, uint64_t *value) {
  strand_task *tasks = arg;
  (void)value;
  strand_task_join_with(fail_while_judging, NULL, tasks, tasks[1] == 0 ? 1 : 20, STRAND_FOREVER, NULL, NULL);
  return STRAND_OK;
}
/* The joiner's frames are gone; the tasks that end later must not look for them. */
static void a_strand_that_fails_while_it_judges_leaves_nothing_behind(void) {
  static strand_task tasks[20];
  strand_task joiner;
  count_set(&entered, 0);
  for (int i = 0; i < 20; i += 1) {
    tasks[i] = task_of(i == 7 ? answer : until_cancelled, as_arg(STRAND_OK));
  }
  joiner = task_of(join_and_fail, tasks);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_await(joiner, STRAND_FOREVER, NULL));
  CHECK_EQUAL(outcome_of(joiner).code, STRAND_ERR_CLOSED);
  for (int i = 0; i < 20; i += 1) {
    CHECK(i == 7 || outcome_of(tasks[i]).state <= STRAND_RUNNING);
  }
  await_count(&entered, 20);
  for (int i = 0; i < 20; i += 1) {
    const strand_status status = strand_task_cancel(tasks[i], 1);
    CHECK(status == STRAND_OK || i == 7);
    CHECK_OK(strand_task_await(tasks[i], STRAND_FOREVER, NULL));
  }
  release_all(tasks, 20);
  CHECK_OK(strand_task_release(joiner));
}

typedef struct many_joiners {
  strand_task tasks[6];
  size_t decided[12];
  uint64_t next;
} many_joiners;
static void *join_with_others(void *arg) {
  many_joiners *all = arg;
  const uint64_t at = count_up(&all->next) - 1;
  strand_outcome outcomes[6];
  for (int i = 0; i < 6; i += 1) {
    outcomes[i] = blank();
  }
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL_SETTLED, all->tasks, 6, STRAND_FOREVER, outcomes, &all->decided[at]));
  for (int i = 0; i < 6; i += 1) {
    CHECK_EQUAL(outcomes[i].state, i == 3 ? STRAND_FAILED : STRAND_SUCCEEDED);
  }
  return NULL;
}
/* Strands and threads join the same tasks at once. */
static void many_may_join_the_same_tasks(void) {
  many_joiners all;
  pthread_t threads[4];
  memset(&all, 0, sizeof all);
  count_set(&entered, 0);
  for (int i = 0; i < 6; i += 1) {
    all.tasks[i] = task_of(i == 3 ? fail_with : i < 3 ? until_cancelled : answer,
                           as_arg(i == 3 ? STRAND_ERR_IO : i < 3 ? STRAND_OK : i));
  }
  for (int i = 0; i < 8; i += 1) {
    spawn(join_with_others, &all);
  }
  for (int i = 0; i < 4; i += 1) {
    threads[i] = start_thread(join_with_others, &all);
  }
  await_count(&all.next, 12);
  await_count(&entered, 5);
  for (int i = 0; i < 3; i += 1) {
    CHECK_OK(strand_task_cancel(all.tasks[i], 0));
  }
  CHECK_OK(strand_scheduler_run());
  for (int i = 0; i < 4; i += 1) {
    join_thread(threads[i]);
  }
  release_all(all.tasks, 6);
}

/* Handles that are released while the join goes on. */
static void *release_meanwhile(void *arg) {
  strand_task *tasks = arg;
  strand_outcome outcomes[3] = {blank(), blank(), blank()};
  size_t decided = 5;
  CHECK_STATUS(STRAND_ERR_FAILED, strand_task_join(STRAND_JOIN_ALL, tasks, 3, STRAND_FOREVER, outcomes, &decided));
  CHECK_EQUAL(decided, 1);
  CHECK_EQUAL(outcomes[1].code, STRAND_ERR_IO);
  CHECK_EQUAL(outcomes[0].state, STRAND_CANCELLED);
  count_up(&ended);
  return NULL;
}
static strand_chan fails_when_closed;
static strand_status fail_later(void *arg, uint64_t *value) {
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(fails_when_closed, value, STRAND_FOREVER));
  return (strand_status)(intptr_t)arg;
}
static void *release_under_a_join(void *arg) {
  static strand_task tasks[3];
  const uint64_t parks = read_statistics().parks;
  (void)arg;
  fails_when_closed = new_channel(sizeof(uint64_t), 0);
  tasks[0] = task_of(until_cancelled, as_arg(STRAND_ERR_CANCELLED));
  tasks[1] = task_of(fail_later, as_arg(STRAND_ERR_IO));
  tasks[2] = task_of(until_cancelled, as_arg(STRAND_ERR_CANCELLED));
  spawn(release_meanwhile, tasks);
  while (read_statistics().parks < parks + 4) { /* each of the three, and the joiner */
    CHECK_OK(strand_yield());
  }
  release_all(tasks, 3);
  CHECK_OK(strand_chan_close(fails_when_closed));
  CHECK_OK(strand_chan_release(fails_when_closed));
  return NULL;
}
static void a_join_outlives_the_handles(void) {
  count_set(&ended, 0);
  spawn(release_under_a_join, NULL);
  CHECK_OK(strand_scheduler_run()); /* OK: the failure was joined */
  CHECK_EQUAL(count_read(&ended), 3);
}

static void a_join_of_very_many_tasks(void) {
  const size_t many = (size_t)(environment_says("LIBSTRAND_TEST_SHORT", "1") ? 500 : scaled(20000));
  strand_task *tasks = malloc(many * sizeof *tasks);
  strand_outcome *outcomes = calloc(many, sizeof *outcomes);
  uint8_t *seen = calloc(many, 1);
  size_t decided = 5;
  for (size_t i = 0; i < many; i += 1) {
    tasks[i] = task_of(answer, as_arg((intptr_t)i));
    outcomes[i].size = (uint32_t)sizeof outcomes[i];
  }
  CHECK_OK(strand_task_join(STRAND_JOIN_ALL, tasks, many, STRAND_FOREVER, outcomes, &decided));
  CHECK_EQUAL(decided, SIZE_MAX);
  for (size_t i = 0; i < many; i += 1) {
    CHECK_EQUAL(outcomes[i].value, i);
    CHECK(outcomes[i].rank < many && seen[outcomes[i].rank] == 0);
    seen[outcomes[i].rank] = 1;
  }
  release_all(tasks, many);
  free(tasks);
  free(outcomes);
  free(seen);
}

int main(void) {
  random_seed = test_seed();
  start_runtime(2);
  CLAIM(empty_lists);
  CLAIM(the_same_task_twice_is_invalid);
  CLAIM(a_task_cannot_join_itself);
  CLAIM(ranks_are_by_time_also_of_what_ended_before);
  CLAIM(past_the_deadline_nothing_is_cancelled);
  CLAIM(a_deadline_between_decision_and_end_is_a_timeout_with_decided);
  CLAIM(a_cancelled_joiner_cancels_nothing);
  CLAIM(a_cancelled_member_is_a_failure_a_finish_and_no_success);
  CLAIM(outcomes_lie_as_far_apart_as_their_size_says);
  CLAIM(a_custom_join_asks_at_each_end);
  CLAIM(a_strand_that_fails_while_it_judges_leaves_nothing_behind);
  CLAIM(many_may_join_the_same_tasks);
  CLAIM(a_join_outlives_the_handles);
  CLAIM(a_join_of_very_many_tasks);
  stop_runtime();
  /* Only a virtual clock makes the times exact, so these claims bring an engine of their own. */
  strand_config config = default_config(1);
  config.engine = STRAND_ENGINE_STEPPED;
  CHECK_OK(strand_scheduler_init(&config));
  CLAIM_IF(config.clock != STRAND_CLOCK_REAL, joins_are_as_the_reference_says, "only a virtual clock makes the times exact");
  CLAIM_IF(config.clock != STRAND_CLOCK_REAL, control_a_wrong_reference_is_noticed, "only a virtual clock makes the times exact");
  stop_runtime();
  return 0;
}
