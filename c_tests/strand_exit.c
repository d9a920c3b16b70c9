/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* The end of a strand: exit hooks, strand locals, and the hooks that a language plugs in. */
#include "harness.h"

static uint64_t ran;

/* ------------------------------------------------------------------------------------------ exit hooks */

typedef struct journal {
  uint64_t length;
  uint64_t entries[64];
} journal;
static journal written;

static void write_down(void *data) {
  CHECK(strand_self() != 0); /* on the strand's own stack */
  written.entries[written.length] = (uint64_t)(uintptr_t)data;
  written.length += 1;
}

static void *leave_with_hooks(void *arg) {
  for (uintptr_t hook = 1; hook <= 20; hook += 1) {
    CHECK_OK(strand_on_exit(write_down, (void *)hook));
  }
  if (arg != NULL) {
    strand_fail(STRAND_ERR_FAILED, "on purpose", 10);
  }
  return NULL;
}

static void check_last_in_first_out(void *how) {
  for (int round = 0; round < 100; round += 1) {
    memset(&written, 0, sizeof written);
    CHECK_OK(strand_join(spawn(leave_with_hooks, how), STRAND_FOREVER));
    CHECK_EQUAL(written.length, 20); /* before the joiner woke */
    for (uint64_t entry = 0; entry < 20; entry += 1) {
      CHECK_EQUAL(written.entries[entry], 20 - entry);
    }
  }
}

static void exit_hooks_run_last_in_first_out_before_joiners_wake(void) {
  start_runtime(2);
  check_last_in_first_out(NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void exit_hooks_run_on_the_failing_path_too(void) {
  start_runtime(2);
  check_last_in_first_out(&ran);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void hook_that_suspends(void *data) {
  (void)data;
  CHECK_OK(strand_yield());
  CHECK_OK(strand_sleep(1000));
  count_up(&ran);
}
static void *leave_with_a_suspending_hook(void *arg) {
  (void)arg;
  CHECK_OK(strand_on_exit(hook_that_suspends, NULL));
  return NULL;
}

static void an_exit_hook_may_suspend(void) {
  count_set(&ran, 0);
  start_runtime(2);
  for (int strand = 0; strand < 50; strand += 1) {
    spawn(leave_with_a_suspending_hook, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 50);
  stop_runtime();
}

static void second_hook(void *data) {
  (void)data;
  count_up(&ran);
}
static void hook_that_adds_a_hook(void *data) {
  (void)data;
  CHECK_OK(strand_on_exit(second_hook, NULL));
}
static void *leave_with_a_hook_that_adds_one(void *arg) {
  (void)arg;
  CHECK_OK(strand_on_exit(hook_that_adds_a_hook, NULL));
  return NULL;
}

static void a_hook_added_by_a_hook_runs_as_well(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(leave_with_a_hook_that_adds_one, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

static void *add_many_hooks(void *arg) {
  (void)arg;
  for (int hook = 0; hook < 10000; hook += 1) {
    CHECK_OK(strand_on_exit(second_hook, NULL));
  }
  return NULL;
}

static void ten_thousand_hooks_all_run(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(add_many_hooks, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 10000);
  stop_runtime();
}

/* ---------------------------------------------------------------------------------------------- locals */

enum { KEYS = 3 };
static uint32_t keys[KEYS];
static uint64_t dropped[KEYS];
static uint64_t dropped_sum;

static void drop_value(void *value) {
  count_up(&dropped[(uintptr_t)value % KEYS]);
  count_add(&dropped_sum, (uintptr_t)value);
}

static void *use_locals(void *arg) {
  const uintptr_t base = (uintptr_t)arg * KEYS;
  for (uintptr_t key = 0; key < KEYS; key += 1) {
    CHECK(strand_local_get(keys[key]) == NULL);
    CHECK_OK(strand_local_set(keys[key], (void *)(base + key)));
  }
  for (int turn = 0; turn < 20; turn += 1) {
    CHECK_OK(strand_yield());
    for (uintptr_t key = 0; key < KEYS; key += 1) {
      CHECK_EQUAL((uintptr_t)strand_local_get(keys[key]), base + key);
    }
  }
  return NULL;
}

static void locals_belong_to_their_strand_and_are_dropped_once(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    uint64_t sum = 0;
    memset(dropped, 0, sizeof dropped);
    dropped_sum = 0;
    start_runtime(workers);
    for (int key = 0; key < KEYS; key += 1) {
      CHECK_OK(strand_local_new(drop_value, 0, &keys[key]));
      CHECK(key == 0 || keys[key] != keys[key - 1]);
    }
    for (uintptr_t strand = 1; strand <= 100; strand += 1) {
      spawn(use_locals, (void *)strand);
      sum += 3 * KEYS * strand + 3;
    }
    CHECK_OK(strand_scheduler_run());
    for (int key = 0; key < KEYS; key += 1) {
      CHECK_EQUAL(count_read(&dropped[key]), 100);
    }
    CHECK_EQUAL(count_read(&dropped_sum), sum);
    stop_runtime();
  }
}

static void *set_to_null(void *arg) {
  (void)arg;
  CHECK_OK(strand_local_set(keys[0], (void *)(uintptr_t)3));
  CHECK_OK(strand_local_set(keys[0], NULL));
  CHECK(strand_local_get(keys[0]) == NULL);
  return NULL;
}

static void neither_a_null_nor_a_replaced_value_is_dropped(void) {
  memset(dropped, 0, sizeof dropped);
  start_runtime(1);
  CHECK_OK(strand_local_new(drop_value, 0, &keys[0]));
  spawn(set_to_null, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&dropped[0]), 0); /* nor is the value that it replaced */
  stop_runtime();
}

static void *set_and_fail(void *arg) {
  (void)arg;
  CHECK_OK(strand_local_set(keys[0], (void *)(uintptr_t)3));
  strand_fail(STRAND_ERR_FAILED, "x", 1);
  return NULL;
}

static void locals_of_a_failing_strand_are_dropped_too(void) {
  memset(dropped, 0, sizeof dropped);
  start_runtime(1);
  CHECK_OK(strand_local_new(drop_value, 0, &keys[0]));
  spawn(set_and_fail, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_EQUAL(count_read(&dropped[0]), 1);
  stop_runtime();
}

static void *see_inherited(void *arg) {
  CHECK(strand_local_get(keys[0]) == arg);
  CHECK_OK(strand_local_set(keys[0], &ran)); /* its own from here on */
  CHECK_OK(strand_yield());
  CHECK(strand_local_get(keys[0]) == &ran);
  return NULL;
}
static void *bequeath(void *arg) {
  strand_id child;
  CHECK_OK(strand_local_set(keys[0], arg));
  child = spawn_flagged(STRAND_SPAWN_INHERIT_LOCALS, see_inherited, arg);
  CHECK_OK(strand_join(child, STRAND_FOREVER));
  CHECK(strand_local_get(keys[0]) == arg);
  child = spawn(see_inherited, NULL); /* without the flag it starts empty */
  CHECK_OK(strand_join(child, STRAND_FOREVER));
  return NULL;
}

static void locals_are_inherited_where_the_spawn_says_so(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    start_runtime(workers);
    CHECK_OK(strand_local_new(NULL, 0, &keys[0]));
    spawn(bequeath, &keys);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

static void *bad_keys(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_local_set(UINT32_MAX, &ran));
  CHECK(strand_local_get(UINT32_MAX) == NULL);
  count_up(&ran);
  return NULL;
}

static void a_key_that_was_never_made_is_invalid(void) {
  count_set(&ran, 0);
  start_runtime(1);
  spawn(bad_keys, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

/* --------------------------------------------------------------------------------------- language hooks */

typedef struct language {
  uint64_t resumes;
  uint64_t suspends;
  uint64_t exits;
  uint64_t result_sum;
  uint64_t wrong;
} language;

typedef struct language_strand {
  uint64_t inside; /* 1 between resume and suspend */
  uint64_t resumes;
} language_strand;

static void on_resume(void *local, void *data) {
  language_strand *strand = local;
  count_up(&((language *)data)->resumes);
  if (strand != NULL) {
    if (strand->inside != 0) {
      count_up(&((language *)data)->wrong);
    }
    strand->inside = 1;
    strand->resumes += 1;
  }
}

static void on_suspend(void *local, void *data) {
  language_strand *strand = local;
  count_up(&((language *)data)->suspends);
  if (strand != NULL) {
    if (strand->inside != 1) {
      count_up(&((language *)data)->wrong);
    }
    strand->inside = 0;
  }
}

static void on_strand_exit(void *local, void *result, void *data) {
  language *counts = data;
  const language_strand *strand = local;
  count_up(&counts->exits);
  count_add(&counts->result_sum, (uintptr_t)result);
  if (strand_self() == 0 || (strand != NULL && strand->inside != 1)) {
    count_up(&counts->wrong);
  }
}

static void *yield_ten_times(void *arg) {
  const language_strand *strand = arg;
  for (int turn = 0; turn < 10; turn += 1) {
    if (strand->inside != 1) {
      return NULL;
    }
    CHECK_OK(strand_yield());
  }
  return (void *)(uintptr_t)7;
}

static void resume_suspend_and_exit_frame_every_stretch_of_a_strand(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    static language_strand strands[50];
    language counts;
    strand_language_hooks hooks;
    strand_config config = default_config(workers);
    strand_spawn_options options = default_spawn("hooked");
    uint64_t resumes = 0;
    memset(&counts, 0, sizeof counts);
    memset(strands, 0, sizeof strands);
    memset(&hooks, 0, sizeof hooks);
    hooks.size = (uint32_t)sizeof hooks;
    hooks.data = &counts;
    hooks.strand_resume = on_resume;
    hooks.strand_suspend = on_suspend;
    hooks.strand_exit = on_strand_exit;
    config.hooks = &hooks;
    CHECK_OK(strand_scheduler_init(&config));
    memset(&hooks, 0xff, sizeof hooks); /* init has copied them */
    for (int strand = 0; strand < 50; strand += 1) {
      options.local = &strands[strand];
      CHECK_OK(strand_spawn_with(&options, yield_ten_times, &strands[strand], NULL));
    }
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
    for (int strand = 0; strand < 50; strand += 1) {
      CHECK_NUMBERS(strands[strand].resumes, >=, 11);
      resumes += strands[strand].resumes;
    }
    CHECK_EQUAL(counts.wrong, 0);
    CHECK_EQUAL(counts.exits, 50);
    CHECK_EQUAL(counts.result_sum, 50 * 7);
    CHECK_EQUAL(counts.resumes, resumes);
    CHECK_EQUAL(counts.suspends, counts.resumes); /* every switch in has its switch out, the last one too */
  }
}

int main(void) {
  CLAIM(exit_hooks_run_last_in_first_out_before_joiners_wake);
  CLAIM(exit_hooks_run_on_the_failing_path_too);
  CLAIM(an_exit_hook_may_suspend);
  CLAIM(a_hook_added_by_a_hook_runs_as_well);
  CLAIM(ten_thousand_hooks_all_run);
  CLAIM(locals_belong_to_their_strand_and_are_dropped_once);
  CLAIM(neither_a_null_nor_a_replaced_value_is_dropped);
  CLAIM(locals_of_a_failing_strand_are_dropped_too);
  CLAIM(locals_are_inherited_where_the_spawn_says_so);
  CLAIM(a_key_that_was_never_made_is_invalid);
  CLAIM(resume_suspend_and_exit_frame_every_stretch_of_a_strand);
  return 0;
}
