/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O0,O2 */
/* test: engines=none engines-why="it needs the stepped engine and chooses it itself" */
/*
 * Locks under exploration: every schedule of small programs within the bound, and random ones of larger programs. What is
 * right holds in all of them, and the same program with a seeded defect is found wrong. A lock that lies in memory of the
 * heap is not at the same address in every schedule; the reduction must not be misled by that.
 */
#include "explored.h"

/* Lies on the heap, made anew for each schedule, of different sizes so that addresses differ. */
typedef struct shop {
  strand_mutex mutex;
  strand_condition changed;
  strand_semaphore places;
  strand_rwlock prices;
  int goods;
  int sold;
  int inside;
} shop;
static shop *now;
static size_t begun;
static int is_wrong;

static void begin(void) {
  free(now);
  begun += 1;
  now = calloc(1, sizeof *now + begun % 5 * 256);
  CHECK(now != NULL);
}
static void end(void) { memset(now, 0xee, sizeof *now); }

static strand_id strands[3];
static void *join_all(size_t count) {
  for (size_t i = 0; i < count; i += 1) {
    OR_LEAVE(strand_join(strands[i], STRAND_FOREVER));
  }
  return now;
}

/* ---------------------------------------------------------------------------------------------------- a mutex */

static void *sell_one(void *unused) {
  (void)unused;
  if (!is_wrong) {
    OR_LEAVE(strand_mutex_lock(&now->mutex, STRAND_FOREVER));
  }
  const int sold = now->sold;
  OR_LEAVE(strand_yield());
  now->sold = sold + 1;
  if (!is_wrong) {
    OR_LEAVE(strand_mutex_unlock(&now->mutex));
  }
  return NULL;
}
static void *sell_three(void *unused) {
  (void)unused;
  begin();
  for (size_t i = 0; i < 3; i += 1) strands[i] = spawn(sell_one, NULL);
  if (join_all(3) == NULL) return NULL;
  strand_assert(now->sold == 3, "three were sold");
  end();
  return NULL;
}
static void a_mutex_keeps_others_out_in_every_schedule(void) {
  is_wrong = 0;
  CHECK_EQUAL(explored("exhaustive:preemptions=2", sell_three, STRAND_OK).complete, 1);
}
static void control_without_it_one_schedule_loses_a_sale(void) {
  is_wrong = 1;
  CHECK_EQUAL(explored("exhaustive:preemptions=2", sell_three, STRAND_ERR_FAILED).failed, 1);
}

/* ------------------------------------------------------------------------------------------- a condition */

static void *buy_one(void *unused) {
  (void)unused;
  OR_LEAVE(strand_mutex_lock(&now->mutex, STRAND_FOREVER));
  while (now->goods == 0) {
    if (is_wrong) { /* the look and the wait are two steps */
      OR_LEAVE(strand_mutex_unlock(&now->mutex));
      OR_LEAVE(strand_mutex_lock(&now->mutex, STRAND_FOREVER));
    }
    OR_LEAVE(strand_condition_wait(&now->changed, &now->mutex, STRAND_FOREVER));
  }
  now->goods -= 1;
  now->sold += 1;
  OR_LEAVE(strand_mutex_unlock(&now->mutex));
  return NULL;
}
static void *bring_one(void *unused) {
  (void)unused;
  OR_LEAVE(strand_mutex_lock(&now->mutex, STRAND_FOREVER));
  now->goods += 1;
  OR_LEAVE(strand_mutex_unlock(&now->mutex));
  OR_LEAVE(strand_condition_signal(&now->changed));
  return NULL;
}
static void *bring_and_buy(void *unused) {
  (void)unused;
  begin();
  strands[0] = spawn(buy_one, NULL);
  strands[1] = spawn(bring_one, NULL);
  if (join_all(2) == NULL) return NULL;
  strand_assert(now->sold == 1 && now->goods == 0, "one was bought");
  end();
  return NULL;
}
static void no_signal_is_lost_in_any_schedule(void) {
  is_wrong = 0;
  CHECK_EQUAL(explored("exhaustive:preemptions=4", bring_and_buy, STRAND_OK).complete, 1);
}
static void control_a_wait_in_two_steps_is_left_asleep(void) {
  is_wrong = 1;
  CHECK_EQUAL(explored("exhaustive:preemptions=4", bring_and_buy, STRAND_ERR_FAILED).failed, 1);
}

/* ------------------------------------------------- the reduction: the same verdicts without and with addresses that move */

/* Two strands take two mutexes crosswise: a deadlock that needs one preemption. */
static void *take_crosswise(void *arg) {
  strand_mutex *one = arg != NULL ? &now->mutex : (strand_mutex *)(void *)&now->places;
  strand_mutex *two = arg == NULL ? &now->mutex : (strand_mutex *)(void *)&now->places;
  OR_LEAVE(strand_mutex_lock(one, STRAND_FOREVER));
  OR_LEAVE(strand_mutex_lock(two, STRAND_FOREVER));
  OR_LEAVE(strand_mutex_unlock(two));
  OR_LEAVE(strand_mutex_unlock(one));
  return NULL;
}
static void *take_both(void *unused) {
  (void)unused;
  begin();
  strands[0] = spawn(take_crosswise, now);
  strands[1] = spawn(take_crosswise, is_wrong ? NULL : now);
  if (join_all(2) == NULL) return NULL;
  end();
  return NULL;
}
static void a_deadlock_is_found_although_the_locks_move(void) {
  is_wrong = 1;
  CHECK_EQUAL(explored("exhaustive:preemptions=1", take_both, STRAND_ERR_FAILED).failed, 1);
}
static void control_in_one_order_there_is_none(void) {
  is_wrong = 0;
  CHECK_EQUAL(explored("exhaustive:preemptions=2", take_both, STRAND_OK).complete, 1);
}

/* ------------------------------------- the reduction: who takes a mutex again after a wait, and who tries it meanwhile */

static void *wait_once(void *unused) {
  (void)unused;
  OR_LEAVE(strand_mutex_lock(&now->mutex, STRAND_FOREVER));
  const strand_status waited = strand_condition_wait(&now->changed, &now->mutex, STRAND_FOREVER);
  (void)strand_yield(); /* what comes before this has touched the mutex, and nothing else */
  OR_LEAVE(strand_mutex_unlock(&now->mutex));
  OR_LEAVE(waited);
  return NULL;
}
static void *try_it(void *unused) {
  (void)unused;
  OR_LEAVE(strand_semaphore_acquire(&now->places, 1, STRAND_FOREVER));
  strand_assert(strand_mutex_lock(&now->mutex, STRAND_NO_WAIT) == STRAND_OK, "it is free");
  OR_LEAVE(strand_mutex_unlock(&now->mutex));
  return NULL;
}
static void *wait_and_try(void *unused) {
  (void)unused;
  begin();
  strands[0] = spawn(try_it, NULL);
  strands[1] = spawn(wait_once, NULL);
  for (size_t i = 0; i < 3; i += 1) OR_LEAVE(strand_yield());
  OR_LEAVE(strand_semaphore_release(&now->places, 1));
  OR_LEAVE(strand_condition_signal(&now->changed));
  OR_LEAVE(strand_join(strands[0], STRAND_FOREVER));
  OR_LEAVE(strand_condition_signal(&now->changed));
  OR_LEAVE(strand_join(strands[1], STRAND_FOREVER));
  end();
  return NULL;
}
static void who_takes_a_mutex_again_does_not_sleep_through_the_reduction(void) {
  const strand_explore_result all = explored("exhaustive:preemptions=0", wait_and_try, STRAND_ERR_FAILED);
  const strand_explore_result few = explored("exhaustive:preemptions=0,reduce=objects", wait_and_try, STRAND_ERR_FAILED);
  CHECK(few.runs <= all.runs); /* the first wrong schedule is not one of those that are left out */
}

/* -------------------------------------------------------------------------------------------- everything together */

static void *visit(void *arg) {
  OR_LEAVE(strand_semaphore_acquire(&now->places, 1, STRAND_FOREVER));
  now->inside += 1;
  strand_assert(now->inside <= 2, "two places");
  OR_LEAVE(strand_rwlock_read_lock(&now->prices, STRAND_FOREVER));
  OR_LEAVE(strand_yield());
  OR_LEAVE(strand_rwlock_read_unlock(&now->prices));
  OR_LEAVE(strand_rwlock_write_lock(&now->prices, STRAND_FOREVER));
  const int goods = now->goods;
  OR_LEAVE(strand_yield());
  now->goods = goods + 1;
  OR_LEAVE(strand_rwlock_write_unlock(&now->prices));
  OR_LEAVE(strand_mutex_lock(&now->mutex, STRAND_FOREVER));
  now->sold += 1;
  OR_LEAVE(strand_condition_broadcast(&now->changed));
  while (now->sold < 3) {
    if (arg != NULL) break;
    OR_LEAVE(strand_mutex_unlock(&now->mutex));
    now->inside -= 1;
    OR_LEAVE(strand_semaphore_release(&now->places, 1));
    OR_LEAVE(strand_mutex_lock(&now->mutex, STRAND_FOREVER));
    while (now->sold < 3) {
      OR_LEAVE(strand_condition_wait(&now->changed, &now->mutex, STRAND_FOREVER));
    }
    OR_LEAVE(strand_mutex_unlock(&now->mutex));
    return NULL;
  }
  OR_LEAVE(strand_mutex_unlock(&now->mutex));
  now->inside -= 1;
  OR_LEAVE(strand_semaphore_release(&now->places, 1));
  return NULL;
}
static void *three_visits(void *unused) {
  (void)unused;
  begin();
  OR_LEAVE(strand_semaphore_release(&now->places, 2));
  for (size_t i = 0; i < 3; i += 1) strands[i] = spawn(visit, NULL);
  if (join_all(3) == NULL) return NULL;
  strand_assert(now->goods == 3 && now->inside == 0, "all were there and have left");
  end();
  return NULL;
}
static void all_of_them_together_hold_in_random_schedules(void) {
  is_wrong = 0;
  (void)explored("pct:depth=3,runs=2000", three_visits, STRAND_OK);
  (void)explored("random:runs=2000", three_visits, STRAND_OK);
  (void)explored("exhaustive:preemptions=1,runs=3000", three_visits, STRAND_OK);
}

int main(void) {
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  CHECK_OK(strand_scheduler_init(&config));
  CLAIM(a_mutex_keeps_others_out_in_every_schedule);
  CLAIM(control_without_it_one_schedule_loses_a_sale);
  CLAIM(no_signal_is_lost_in_any_schedule);
  CLAIM(control_a_wait_in_two_steps_is_left_asleep);
  CLAIM(a_deadlock_is_found_although_the_locks_move);
  CLAIM(control_in_one_order_there_is_none);
  CLAIM(who_takes_a_mutex_again_does_not_sleep_through_the_reduction);
  CLAIM(all_of_them_together_hold_in_random_schedules);
  stop_runtime();
  free(now);
  return 0;
}
