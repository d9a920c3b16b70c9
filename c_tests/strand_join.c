/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* Spawning, identity and joining. */
#include "harness.h"

static uint64_t ran;

static void *count_one(void *arg) {
  (void)arg;
  count_up(&ran);
  return NULL;
}

static void *record_self(void *arg) {
  *(strand_id *)arg = strand_self();
  return NULL;
}

static void self_is_the_id_that_spawn_gave_and_zero_off_strand(void) {
  strand_id seen[10] = {0};
  strand_id ids[10];
  start_runtime(2);
  CHECK_EQUAL(strand_self(), 0);
  for (int strand = 0; strand < 10; strand += 1) {
    ids[strand] = spawn(record_self, &seen[strand]);
  }
  CHECK_OK(strand_scheduler_run());
  for (int strand = 0; strand < 10; strand += 1) {
    CHECK(ids[strand] == seen[strand]);
  }
  CHECK_EQUAL(strand_self(), 0);
  stop_runtime();
}

static void spawn_without_an_out_pointer_works(void) {
  count_set(&ran, 0);
  start_runtime(1);
  CHECK_OK(strand_spawn(count_one, NULL, NULL));
  CHECK_OK(strand_spawn_with(NULL, count_one, NULL, NULL));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 2);
  stop_runtime();
}

static int compare_ids(const void *left, const void *right) {
  const strand_id a = *(const strand_id *)left;
  const strand_id b = *(const strand_id *)right;
  return a < b ? -1 : a > b;
}

enum { BATCH = 1000 };
#define MANY shortened(1000000)

static void ids_are_unique_over_a_million_spawns(void) {
  strand_id *ids = malloc((size_t)MANY * sizeof *ids);
  CHECK(ids != NULL);
  count_set(&ran, 0);
  start_runtime(2);
  for (int strand = 0; strand < MANY; strand += 1) {
    CHECK_OK(strand_spawn(count_one, NULL, &ids[strand]));
    if (strand % BATCH == BATCH - 1) {
      CHECK_OK(strand_scheduler_run());
    }
  }
  CHECK_EQUAL(count_read(&ran), MANY);
  CHECK_NUMBERS(read_statistics().live_peak, <=, BATCH); /* no growth: the same blocks serve all of them */
  for (int strand = 0; strand < MANY; strand += 9973) {
    CHECK_OK(strand_join(ids[strand], STRAND_FOREVER)); /* ended long ago */
    CHECK_OK(strand_join(ids[strand], STRAND_NO_WAIT));
  }
  stop_runtime();
  qsort(ids, (size_t)MANY, sizeof *ids, compare_ids);
  for (int strand = 0; strand < MANY; strand += 1) {
    CHECK(ids[strand] != 0 && ids[strand] < (UINT64_C(1) << 62));
    CHECK(strand == 0 || ids[strand] != ids[strand - 1]);
  }
  free(ids);
}

static strand_chan gate;

static void *wait_at_the_gate(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}

static void *join_the_given(void *arg) {
  CHECK_OK(strand_join(*(strand_id *)arg, STRAND_FOREVER));
  CHECK_EQUAL(count_read(&ran), 1);
  return NULL;
}

static void *join_in_a_thread(void *arg) { return join_the_given(arg); }

static void many_strands_and_threads_may_join_one_strand(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    pthread_t threads[4];
    strand_id target;
    count_set(&ran, 0);
    start_runtime(workers);
    CHECK_OK(strand_external_acquire());
    gate = new_channel(0, 0);
    target = spawn(wait_at_the_gate, NULL);
    for (int joiner = 0; joiner < 100; joiner += 1) {
      spawn(join_the_given, &target);
    }
    for (int thread = 0; thread < 4; thread += 1) {
      threads[thread] = start_thread(join_in_a_thread, &target);
    }
    CHECK_OK(strand_chan_close(gate));
    for (int thread = 0; thread < 4; thread += 1) {
      join_thread(threads[thread]);
    }
    CHECK_OK(strand_external_release());
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_chan_release(gate));
    stop_runtime();
  }
}

static void join_keeps_its_deadline_on_a_thread(void) {
  strand_id target;
  count_set(&ran, 0);
  start_runtime(2);
  gate = new_channel(0, 0);
  target = spawn(wait_at_the_gate, NULL);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_join(target, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_join(target, 1));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_join(target, strand_after(MILLISECONDS(10))));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_join(target, -2));
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_join(target, strand_after(SECONDS(60))));
  CHECK_OK(strand_join(target, STRAND_NO_WAIT));
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static void *join_with_deadlines(void *arg) {
  const strand_id target = *(strand_id *)arg;
  const int64_t deadline = strand_after(MILLISECONDS(10));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_join(target, STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_join(target, 1));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_join(target, deadline));
  CHECK_NUMBERS(strand_now(), >=, deadline); /* never early */
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_join(target, STRAND_FOREVER));
  return NULL;
}

static void join_keeps_its_deadline_on_a_strand(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    strand_id target;
    count_set(&ran, 0);
    start_runtime(workers);
    gate = new_channel(0, 0);
    target = spawn(wait_at_the_gate, NULL);
    spawn(join_with_deadlines, &target);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 1);
    CHECK_OK(strand_chan_release(gate));
    stop_runtime();
  }
}

static void *join_myself(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_join(strand_self(), STRAND_FOREVER));
  CHECK(strand_last_error(NULL, 0) > 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_join(strand_self(), STRAND_NO_WAIT));
  count_up(&ran);
  return NULL;
}

static void join_of_oneself_is_invalid(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(join_myself, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

enum { CHILDREN = 500 };

static void *spawn_and_join_children(void *arg) {
  strand_id children[CHILDREN];
  (void)arg;
  for (int child = 0; child < CHILDREN; child += 1) {
    children[child] = spawn(count_one, NULL);
  }
  for (int child = 0; child < CHILDREN; child += 1) {
    CHECK_OK(strand_join(children[child], STRAND_FOREVER));
  }
  CHECK_EQUAL(count_read(&ran), CHILDREN);
  return NULL;
}

static void a_strand_may_spawn_and_join_its_own_children(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&ran, 0);
    start_runtime(workers);
    spawn(spawn_and_join_children, NULL);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

/* What a strand wrote before its end is there for whoever joined it. */
static void *write_without_atomics(void *arg) {
  uint64_t *cells = arg;
  for (uint64_t cell = 0; cell < 64; cell += 1) {
    cells[cell] = cell + 1;
  }
  return NULL;
}

static void a_join_sees_everything_the_strand_wrote(void) {
  start_runtime(2);
  for (int round = 0; round < 1000; round += 1) {
    uint64_t cells[64];
    memset(cells, 0, sizeof cells);
    CHECK_OK(strand_join(spawn(write_without_atomics, cells), STRAND_FOREVER));
    for (uint64_t cell = 0; cell < 64; cell += 1) {
      CHECK_EQUAL(cells[cell], cell + 1);
    }
  }
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void join_of_what_was_never_a_strand_is_invalid(void) {
  start_runtime(1);
  gate = new_channel(0, 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_join(0, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_join(gate, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_join(UINT64_MAX, STRAND_FOREVER));
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

int main(void) {
  CLAIM(self_is_the_id_that_spawn_gave_and_zero_off_strand);
  CLAIM(spawn_without_an_out_pointer_works);
  CLAIM(ids_are_unique_over_a_million_spawns);
  CLAIM(many_strands_and_threads_may_join_one_strand);
  CLAIM(join_keeps_its_deadline_on_a_thread);
  CLAIM(join_keeps_its_deadline_on_a_strand);
  CLAIM(join_of_oneself_is_invalid);
  CLAIM(a_strand_may_spawn_and_join_its_own_children);
  CLAIM(a_join_sees_everything_the_strand_wrote);
  CLAIM(join_of_what_was_never_a_strand_is_invalid);
  return 0;
}
