/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes waits=yes */
/*
 * Semaphores and read-write locks: never more than there is, first come first served on both sides, and what they grant
 * is what a sorted list of those who wait says.
 */
#include "harness.h"

static strand_semaphore semaphore = STRAND_SEMAPHORE_INIT(0);
static strand_rwlock rwlock = STRAND_RWLOCK_INIT;
static uint64_t passed;
static uint64_t seed;

static void forget(uint64_t units) {
  const strand_semaphore fresh = STRAND_SEMAPHORE_INIT(units);
  semaphore = fresh;
  memset(&rwlock, 0, sizeof rwlock);
  count_set(&passed, 0);
}

/* ------------------------------------------------------------------------------------------------ semaphores */

enum { UNITS = 5 };
static uint64_t in_use;
static uint64_t most_in_use;
static uint64_t begun;
static int rounds;
static int is_limited;
enum { USERS = 12 };

static void *use_some(void *arg) {
  uint64_t state = (uint64_t)(uintptr_t)arg * 31 + seed;
  for (int i = 0; i < rounds; i += 1) {
    const uint64_t units = 1 + next_random(&state) % UNITS;
    uint64_t now;
    if (is_limited) {
      CHECK_OK(strand_semaphore_acquire(&semaphore, units, STRAND_FOREVER));
    }
    now = count_add(&in_use, units);
    for (uint64_t most = count_read(&most_in_use); now > most;) {
      if (__atomic_compare_exchange_n(&most_in_use, &most, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        break;
      }
    }
    if (!is_limited && i == 0) { /* all of them have some now, whoever is quick */
      count_up(&begun);
      while (count_read(&begun) < USERS) {
        CHECK_OK(strand_yield());
      }
    }
    if (strand_self() != 0 && next_random(&state) % 2 == 0) {
      CHECK_OK(strand_yield());
    }
    __atomic_sub_fetch(&in_use, units, __ATOMIC_SEQ_CST);
    if (is_limited) {
      CHECK_OK(strand_semaphore_release(&semaphore, units));
    }
  }
  count_up(&passed);
  return NULL;
}

static uint64_t most_units(uint32_t workers, int threads) {
  pthread_t others[2];
  forget(UNITS);
  count_set(&in_use, 0);
  count_set(&most_in_use, 0);
  count_set(&begun, 0);
  start_runtime(workers);
  for (uintptr_t i = 0; i < USERS; i += 1) {
    spawn(use_some, (void *)i);
  }
  CHECK_OK(strand_external_acquire()); /* a thread outside of a call may have units */
  for (int i = 0; i < threads; i += 1) {
    others[i] = start_thread(use_some, (void *)(uintptr_t)(100 + i));
  }
  for (int i = 0; i < threads; i += 1) {
    join_thread(others[i]);
  }
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&passed), (uint64_t)(USERS + threads));
  if (is_limited) {
    CHECK_OK(strand_semaphore_acquire(&semaphore, UNITS, STRAND_NO_WAIT)); /* all came back */
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_semaphore_acquire(&semaphore, 1, STRAND_NO_WAIT));
  }
  stop_runtime();
  return count_read(&most_in_use);
}

static void there_are_never_more_units_than_there_are(void) {
  rounds = shortened(scaled(500));
  is_limited = 1;
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    CHECK_NUMBERS(most_units(workers, 0), <=, UNITS);
    CHECK_NUMBERS(most_units(workers, 2), <=, UNITS);
  }
}
static void control_without_the_semaphore_there_are_more(void) {
  rounds = 50;
  is_limited = 0;
  CHECK_NUMBERS(most_units(1, 0), >, UNITS);
}

/*
 * Against a model: strands arrive one by one, each asks for some units; units come one portion at a time. Who has passed
 * must be who a list served from the front would have let through. A wait that is cut short leaves the list.
 */
enum { CUSTOMERS = 12 };
typedef struct customer {
  uint64_t units;
  int64_t deadline;
  uint64_t has; /* 1: got them, 2: was too late */
} customer;
static customer customers[CUSTOMERS];

static void *ask_for_units(void *arg) {
  customer *self = arg;
  const strand_status status = strand_semaphore_acquire(&semaphore, self->units, self->deadline);
  CHECK(status == STRAND_OK || (status == STRAND_ERR_TIMEOUT && self->deadline != STRAND_FOREVER));
  count_set(&self->has, status == STRAND_OK ? 1 : 2);
  return NULL;
}

static void the_semaphore_serves_as_a_list_does(void) {
  const int games = shortened(scaled(150)) + 1;
  uint64_t state = seed;
  for (int game = 0; game < games; game += 1) {
    uint64_t there = next_random(&state) % 4;
    int64_t soon;
    int next = 0;
    forget(there);
    start_runtime(1 + (uint32_t)game % 2);
    memset(customers, 0, sizeof customers);
    soon = strand_after(MILLISECONDS(3));
    for (int i = 0; i < CUSTOMERS; i += 1) {
      customers[i].units = 1 + next_random(&state) % 6;
      customers[i].deadline = next_random(&state) % 3 == 0 ? soon : STRAND_FOREVER;
    }
    /* All arrive, in order; those in front go through while there is enough. */
    for (int i = 0; i < CUSTOMERS; i += 1) {
      const uint64_t parks = read_statistics().parks;
      spawn(ask_for_units, &customers[i]);
      if (next == i && customers[i].units <= there) {
        await_count(&customers[i].has, 1);
        there -= customers[i].units;
        next += 1;
      } else {
        AWAIT(read_statistics().parks > parks || count_read(&customers[i].has) != 0);
      }
    }
    /* Those in a hurry leave, so others come to the front. */
    for (int i = next; i < CUSTOMERS; i += 1) {
      if (customers[i].deadline == soon) {
        AWAIT(count_read(&customers[i].has) != 0);
      }
    }
    for (;;) {
      while (next < CUSTOMERS && (count_read(&customers[next].has) == 2 || customers[next].units <= there)) {
        if (count_read(&customers[next].has) != 2) {
          await_count(&customers[next].has, 1);
          there -= customers[next].units;
        }
        next += 1;
      }
      for (int i = next; i < CUSTOMERS; i += 1) {
        CHECK(count_read(&customers[i].has) != 1); /* nobody overtakes */
      }
      if (next == CUSTOMERS) {
        break;
      }
      CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_semaphore_acquire(&semaphore, 1, STRAND_NO_WAIT));
      {
        const uint64_t units = 1 + next_random(&state) % 8;
        there += units;
        CHECK_OK(strand_semaphore_release(&semaphore, units));
      }
    }
    CHECK_OK(strand_scheduler_run());
    if (there > 0) {
      CHECK_OK(strand_semaphore_acquire(&semaphore, there, STRAND_NO_WAIT));
    }
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_semaphore_acquire(&semaphore, 1, STRAND_NO_WAIT));
    stop_runtime();
  }
}

static void a_semaphore_has_its_limits(void) {
  forget(0);
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_semaphore_acquire(&semaphore, 0, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_semaphore_acquire(&semaphore, STRAND_SEMAPHORE_MAX + 1, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_semaphore_acquire(&semaphore, UINT64_MAX, STRAND_NO_WAIT));
  CHECK_OK(strand_semaphore_release(&semaphore, STRAND_SEMAPHORE_MAX));
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_semaphore_release(&semaphore, 1));
  CHECK_LAST_ERROR_SAYS("at most");
  CHECK_OK(strand_semaphore_acquire(&semaphore, STRAND_SEMAPHORE_MAX, STRAND_NO_WAIT)); /* it was as before */
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_semaphore_acquire(&semaphore, 1, 1));
  stop_runtime();
}

static void *ask_in_vain(void *unused) {
  (void)unused;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_semaphore_acquire(&semaphore, 3, STRAND_FOREVER));
  count_up(&passed);
  return NULL;
}
static void a_deadlock_says_how_many_units_are_wanted_and_a_cancelled_wait_takes_none(void) {
  forget(2);
  start_runtime(1);
  spawn(ask_in_vain, NULL);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("waits for semaphore 0x");
  CHECK_LAST_ERROR_SAYS("3 wanted, 2 there");
  stop_runtime();
  CHECK_EQUAL(count_read(&passed), 1);
  start_runtime(1);
  CHECK_OK(strand_semaphore_acquire(&semaphore, 2, STRAND_NO_WAIT));
  stop_runtime();
}

/* -------------------------------------------------------------------------------------------- read-write locks */

static uint64_t readers;
static uint64_t writers;
static int is_locked;
static uint64_t violations;
enum { VISITORS = 10 };

static void *read_and_write(void *arg) {
  uint64_t state = (uint64_t)(uintptr_t)arg * 131 + seed;
  for (int i = 0; i < rounds; i += 1) {
    const int meets = !is_locked && i == 0;
    const int writes = next_random(&state) % 4 == 0 || (meets && arg == NULL);
    const int64_t deadline = next_random(&state) % 8 == 0 ? strand_after(500) : STRAND_FOREVER;
    if (is_locked) {
      const strand_status status = writes ? strand_rwlock_write_lock(&rwlock, deadline)
                                          : strand_rwlock_read_lock(&rwlock, deadline);
      if (status != STRAND_OK) {
        CHECK_STATUS(STRAND_ERR_TIMEOUT, status);
        CHECK(deadline != STRAND_FOREVER);
        continue;
      }
    }
    if (writes) {
      if (count_up(&writers) != 1 || count_read(&readers) != 0) {
        count_up(&violations);
      }
    } else {
      count_up(&readers);
      if (count_read(&writers) != 0) {
        count_up(&violations);
      }
    }
    if (meets) { /* all of them are inside now, and one of them writes */
      count_up(&begun);
      while (count_read(&begun) < VISITORS) {
        CHECK_OK(strand_yield());
      }
    }
    if (strand_self() != 0 && next_random(&state) % 2 == 0) {
      CHECK_OK(strand_yield());
    }
    __atomic_sub_fetch(writes ? &writers : &readers, 1, __ATOMIC_SEQ_CST);
    if (is_locked) {
      CHECK_OK(writes ? strand_rwlock_write_unlock(&rwlock) : strand_rwlock_read_unlock(&rwlock));
    }
  }
  count_up(&passed);
  return NULL;
}

static uint64_t violations_with(uint32_t workers, int threads) {
  pthread_t others[2];
  forget(0);
  count_set(&violations, 0);
  count_set(&begun, 0);
  start_runtime(workers);
  for (uintptr_t i = 0; i < VISITORS; i += 1) {
    spawn(read_and_write, (void *)i);
  }
  CHECK_OK(strand_external_acquire()); /* a thread outside of a call may hold the lock */
  for (int i = 0; i < threads; i += 1) {
    others[i] = start_thread(read_and_write, (void *)(uintptr_t)(100 + i));
  }
  for (int i = 0; i < threads; i += 1) {
    join_thread(others[i]);
  }
  CHECK_OK(strand_external_release());
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&passed), (uint64_t)(VISITORS + threads));
  stop_runtime();
  return count_read(&violations);
}

/* Each stays until all are inside. */
static void *read_together(void *unused) {
  (void)unused;
  CHECK_OK(strand_rwlock_read_lock(&rwlock, STRAND_FOREVER));
  count_up(&begun);
  for (const int64_t until = monotonic() + SECONDS(60); count_read(&begun) < VISITORS && monotonic() < until;) {
    CHECK_OK(strand_yield());
  }
  CHECK_EQUAL(count_read(&begun), VISITORS);
  CHECK_OK(strand_rwlock_read_unlock(&rwlock));
  return NULL;
}
static void readers_share(uint32_t workers) {
  forget(0);
  count_set(&begun, 0);
  start_runtime(workers);
  for (int i = 0; i < VISITORS; i += 1) {
    spawn(read_together, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void readers_share_and_a_writer_is_alone(void) {
  rounds = shortened(scaled(500));
  is_locked = 1;
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    readers_share(workers);
    CHECK_EQUAL(violations_with(workers, 0), 0);
    CHECK_EQUAL(violations_with(workers, 2), 0);
  }
}
static void control_without_the_lock_a_writer_is_not_alone(void) {
  rounds = 50;
  is_locked = 0;
  CHECK_NUMBERS(violations_with(1, 0), >, 0);
}

/*
 * Against a model: a list of those who wait, served from the front. All arrive one by one while a writer holds the lock;
 * afterwards each gives back when it is told, and who holds it then must be who the model says.
 */
typedef struct visitor {
  int writes;
  uint64_t holds;   /* 1: it has the lock */
  uint64_t leaves;  /* told to give back */
  uint64_t left;
} visitor;
static visitor visitors[CUSTOMERS];

static void *visit(void *arg) {
  visitor *self = arg;
  CHECK_OK(self->writes ? strand_rwlock_write_lock(&rwlock, STRAND_FOREVER)
                        : strand_rwlock_read_lock(&rwlock, STRAND_FOREVER));
  count_set(&self->holds, 1);
  while (count_read(&self->leaves) == 0) {
    CHECK_OK(strand_sleep(1000));
  }
  CHECK_OK(self->writes ? strand_rwlock_write_unlock(&rwlock) : strand_rwlock_read_unlock(&rwlock));
  count_set(&self->left, 1);
  return NULL;
}

static void the_read_write_lock_serves_as_a_list_does(void) {
  const int games = shortened(scaled(60)) + 1;
  uint64_t state = seed;
  for (int game = 0; game < games; game += 1) {
    int next = 0; /* the first who waits */
    forget(0);
    start_runtime(1 + (uint32_t)game % 2);
    memset(visitors, 0, sizeof visitors);
    CHECK_OK(strand_rwlock_write_lock(&rwlock, STRAND_NO_WAIT));
    for (int i = 0; i < CUSTOMERS; i += 1) {
      const uint64_t parks = read_statistics().parks;
      visitors[i].writes = next_random(&state) % 3 == 0;
      spawn(visit, &visitors[i]);
      await_parks(parks + 1);
    }
    CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_rwlock_read_lock(&rwlock, STRAND_NO_WAIT));
    CHECK_OK(strand_rwlock_write_unlock(&rwlock));
    while (next < CUSTOMERS) {
      int last = next;
      if (!visitors[next].writes) {
        while (last + 1 < CUSTOMERS && !visitors[last + 1].writes) {
          last += 1;
        }
      }
      for (int i = next; i <= last; i += 1) {
        await_count(&visitors[i].holds, 1);
      }
      for (int i = last + 1; i < CUSTOMERS; i += 1) {
        CHECK_EQUAL(count_read(&visitors[i].holds), 0); /* nobody overtakes */
      }
      CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_rwlock_write_lock(&rwlock, STRAND_NO_WAIT));
      if (last + 1 < CUSTOMERS || visitors[last].writes) {
        /* a writer waits: whoever comes to read waits behind it, although only readers hold the lock */
        CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_rwlock_read_lock(&rwlock, STRAND_NO_WAIT));
      } else {
        CHECK_OK(strand_rwlock_read_lock(&rwlock, STRAND_NO_WAIT));
        CHECK_OK(strand_rwlock_read_unlock(&rwlock));
      }
      for (int i = last; i >= next; i -= 1) {
        count_set(&visitors[i].leaves, 1);
        await_count(&visitors[i].left, 1);
      }
      next = last + 1;
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_rwlock_write_lock(&rwlock, STRAND_NO_WAIT));
    stop_runtime();
  }
}

static void *lock_twice(void *unused) {
  (void)unused;
  CHECK_OK(strand_rwlock_write_lock(&rwlock, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_rwlock_write_lock(&rwlock, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("held to write by the caller");
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_rwlock_read_lock(&rwlock, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_rwlock_read_lock(&rwlock, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_rwlock_read_unlock(&rwlock));
  CHECK_OK(strand_rwlock_write_unlock(&rwlock));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_rwlock_write_unlock(&rwlock));
  CHECK_OK(strand_rwlock_read_lock(&rwlock, STRAND_FOREVER));
  CHECK_OK(strand_rwlock_read_lock(&rwlock, STRAND_FOREVER)); /* nobody waits in between */
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_rwlock_write_lock(&rwlock, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("a reader cannot become the writer");
  CHECK_OK(strand_rwlock_read_unlock(&rwlock));
  CHECK_OK(strand_rwlock_read_unlock(&rwlock));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_rwlock_read_unlock(&rwlock));
  CHECK_LAST_ERROR_SAYS("not held to read by anybody");
  count_up(&passed);
  return NULL;
}
static void whoever_would_wait_for_itself_is_told(void) {
  forget(0);
  start_runtime(1);
  spawn(lock_twice, NULL);
  CHECK_OK(strand_scheduler_run());
  lock_twice(NULL);
  CHECK_EQUAL(count_read(&passed), 2);
  stop_runtime();
}

static void *write_in_vain(void *unused) {
  (void)unused;
  CHECK_STATUS(STRAND_ERR_CANCELLED, strand_rwlock_write_lock(&rwlock, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_rwlock_write_unlock(&rwlock));
  CHECK_LAST_ERROR_SAYS("not held to write by anybody");
  count_up(&passed);
  return NULL;
}
static void *read_behind_the_writer(void *unused) {
  (void)unused;
  const strand_status status = strand_rwlock_read_lock(&rwlock, STRAND_FOREVER);
  /* When the writer is cancelled first, the reader's turn has come. */
  CHECK(status == STRAND_OK || status == STRAND_ERR_CANCELLED);
  if (status == STRAND_OK) {
    CHECK_OK(strand_rwlock_read_unlock(&rwlock));
  }
  count_up(&passed);
  return NULL;
}
static void a_deadlock_names_a_reader_and_a_writer(void) {
  char thread[64];
  uint64_t parks;
  forget(0);
  start_runtime(1);
  parks = read_statistics().parks;
  snprintf(thread, sizeof thread, "held to read by OS thread %d", (int)gettid());
  CHECK_OK(strand_rwlock_read_lock(&rwlock, STRAND_NO_WAIT));
  spawn_named("author", write_in_vain, NULL);
  await_parks(parks + 1);
  spawn_named("reader", read_behind_the_writer, NULL);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_LAST_ERROR_SAYS("waits to write under lock 0x");
  CHECK_LAST_ERROR_SAYS("waits to read under lock 0x");
  CHECK_LAST_ERROR_SAYS(thread);
  stop_runtime();
  CHECK_EQUAL(count_read(&passed), 2);
  CHECK_OK(strand_rwlock_read_unlock(&rwlock)); /* also when the runtime is gone */
}

static int64_t patience;
static uint64_t gave_up;
static void *write_for_a_moment(void *unused) {
  (void)unused;
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_rwlock_write_lock(&rwlock, strand_after(patience)));
  count_set(&gave_up, 1);
  return NULL;
}
static void *read_after_that(void *unused) {
  (void)unused;
  CHECK_OK(strand_rwlock_read_lock(&rwlock, STRAND_FOREVER));
  count_up(&passed);
  CHECK_OK(strand_rwlock_read_unlock(&rwlock));
  return NULL;
}
/* Until so many have begun to wait; false: the writer has given up. */
static int await_parks_before_it_gives_up(uint64_t parks) {
  const int64_t until = monotonic() + SECONDS(60);
  while (read_statistics().parks < parks && count_read(&gave_up) == 0 && monotonic() < until) {
    let_strands_run(1);
  }
  CHECK(read_statistics().parks >= parks || count_read(&gave_up) == 1);
  return read_statistics().parks >= parks;
}
static void a_writer_that_gives_up_lets_the_readers_behind_it_in(void) {
  int stood_behind = 0;
  /* On a busy machine the writer may be gone before the reader comes. */
  for (patience = MILLISECONDS(2); !stood_behind; patience *= 2) {
    uint64_t parks;
    CHECK_NUMBERS(patience, <, SECONDS(30));
    forget(0);
    count_set(&gave_up, 0);
    start_runtime(1);
    CHECK_OK(strand_rwlock_read_lock(&rwlock, STRAND_NO_WAIT));
    parks = read_statistics().parks;
    spawn(write_for_a_moment, NULL);
    (void)await_parks_before_it_gives_up(parks + 1);
    spawn(read_after_that, NULL);
    stood_behind = await_parks_before_it_gives_up(parks + 2);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&passed), 1);
    CHECK_OK(strand_rwlock_read_unlock(&rwlock));
    stop_runtime();
  }
}

int main(void) {
  seed = test_seed();
  CLAIM(there_are_never_more_units_than_there_are);
  CLAIM_IF(takes_turns(), control_without_the_semaphore_there_are_more, "the lot may give each its turn alone");
  CLAIM(the_semaphore_serves_as_a_list_does);
  CLAIM(a_semaphore_has_its_limits);
  CLAIM(a_deadlock_says_how_many_units_are_wanted_and_a_cancelled_wait_takes_none);
  CLAIM(readers_share_and_a_writer_is_alone);
  CLAIM_IF(takes_turns(), control_without_the_lock_a_writer_is_not_alone, "the lot may give each its turn alone");
  CLAIM(the_read_write_lock_serves_as_a_list_does);
  CLAIM(whoever_would_wait_for_itself_is_told);
  CLAIM(a_deadlock_names_a_reader_and_a_writer);
  CLAIM(a_writer_that_gives_up_lets_the_readers_behind_it_in);
  return 0;
}
