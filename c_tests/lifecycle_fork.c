/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 instruments=asan */
/* fork: a child of an initialised process is told FORKED by every call; a child of an uninitialised one is free. */
#include "harness.h"

static void *nothing(void *arg) { return arg; }
static void no_hook(void *data) { (void)data; }

static void live_a_whole_life(void) {
  start_runtime(2);
  for (int strand = 0; strand < 10; strand += 1) {
    spawn(nothing, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void a_child_that_was_forked_before_init_has_its_own_runtime(void) {
  child result;
  run_child(&result, live_a_whole_life);
  CHECK_CHILD_EXITED(&result, 0);
}

static strand_chan channel;
static strand_id strand;

static void every_call_says_forked(void) {
  strand_config config = default_config(1);
  strand_spawn_options options = default_spawn("child");
  strand_chan_options channel_options;
  strand_statistics statistics;
  strand_park_token token = 0;
  uint64_t value = 0;
  uint32_t key = 0;
  size_t length = 0;
  memset(&channel_options, 0, sizeof channel_options);
  channel_options.size = (uint32_t)sizeof channel_options;
  channel_options.element_size = 8;
  statistics.size = (uint32_t)sizeof statistics;
  CHECK_STATUS(STRAND_ERR_FORKED, strand_scheduler_init(NULL));
  CHECK_LAST_ERROR_SAYS("fork");
  CHECK_STATUS(STRAND_ERR_FORKED, strand_scheduler_init(&config));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_scheduler_run());
  CHECK_STATUS(STRAND_ERR_FORKED, strand_wait_all(STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_wait_all(STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_external_acquire());
  CHECK_STATUS(STRAND_ERR_FORKED, strand_external_release());
  CHECK_STATUS(STRAND_ERR_FORKED, strand_scheduler_shutdown(STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_spawn(nothing, NULL, NULL));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_spawn_with(&options, nothing, NULL, NULL));
  CHECK_EQUAL(strand_self(), 0);
  CHECK_STATUS(STRAND_ERR_FORKED, strand_yield());
  CHECK_STATUS(STRAND_ERR_FORKED, strand_join(strand, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_sleep(1));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_start(strand));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_on_exit(no_hook, NULL));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_local_new(NULL, 0, &key));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_park_begin(&token));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_new(8, 0, &channel));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_new_with(&channel_options, &channel));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_send(channel, &value, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_recv(channel, &value, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_try_send(channel, &value));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_try_recv(channel, &value));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_close(channel));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_retain(channel));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_release(channel));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_chan_length(channel, &length));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_statistics_read(&statistics));
  CHECK_STATUS(STRAND_ERR_FORKED, strand_worker_runs(0, &value));
  /* What touches no runtime still answers. */
  CHECK_OK(strand_checkpoint());
  CHECK_EQUAL(strcmp(strand_status_name(STRAND_ERR_FORKED), "STRAND_ERR_FORKED"), 0);
  CHECK(strand_version() == STRAND_VERSION_NUMBER);
  CHECK(strand_now() > 0);
}

static void *fork_on_a_strand(void *arg) {
  child result;
  (void)arg;
  run_child(&result, every_call_says_forked);
  CHECK_CHILD_EXITED(&result, 0);
  return NULL;
}

static void in_a_child_of_an_initialised_process_every_call_says_forked(void) {
  child result;
  start_runtime(2);
  channel = new_channel(8, 4);
  strand = spawn(nothing, NULL);
  CHECK_OK(strand_scheduler_run());
  run_child(&result, every_call_says_forked);
  CHECK_CHILD_EXITED(&result, 0);
  /* The parent is none the worse. */
  spawn(nothing, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void a_fork_while_strands_are_busy_harms_neither_side(void) {
  for (int round = 0; round < 20; round += 1) {
    child result;
    start_runtime(2);
    channel = new_channel(8, 4);
    strand = spawn(nothing, NULL);
    for (int other = 0; other < 200; other += 1) {
      spawn(nothing, NULL);
    }
    run_child(&result, every_call_says_forked);
    CHECK_CHILD_EXITED(&result, 0);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

static void a_fork_on_a_strand_says_forked_too(void) {
  strand_spawn_options options = default_spawn("forker");
  start_runtime(2);
  channel = new_channel(8, 4);
  strand = spawn(nothing, NULL);
  CHECK_OK(strand_scheduler_run());
  options.stack_bytes = 256 * 1024;
  CHECK_OK(strand_spawn_with(&options, fork_on_a_strand, NULL, NULL));
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

int main(void) {
  CLAIM(a_child_that_was_forked_before_init_has_its_own_runtime);
  CLAIM(in_a_child_of_an_initialised_process_every_call_says_forked);
  CLAIM(a_fork_while_strands_are_busy_harms_neither_side);
  CLAIM(a_fork_on_a_strand_says_forked_too);
  return 0;
}
