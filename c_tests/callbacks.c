/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 env="" env="STRAND_IDENTITY=tls" schedules=yes */
/* What callbacks may do, and what the log callback is told. */
#include "harness.h"

static strand_chan channel;
static strand_id ended;
static uint64_t refused;
static uint64_t resumed;

static void expect(const char *call, strand_status expected, strand_status status) {
  if (status != expected) {
    fprintf(stderr, "in a callback: %s: expected %s, got %s\n", call, strand_status_name(expected),
            strand_status_name(status));
    _exit(1);
  }
  count_up(&refused);
}
#define EXPECT(expected, call) expect(#call, (expected), (call))

/* On a worker's stack: nothing that may switch, everything else. */
static void call_from_resume(void *local, void *data) {
  uint64_t value = 0;
  size_t length = 0;
  (void)data;
  if (local == NULL || count_up(&resumed) > 10) {
    return;
  }
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_yield());
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_sleep(1000));
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_sleep(0));
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_wait_all(STRAND_FOREVER));
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_scheduler_run());
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_scheduler_shutdown(STRAND_FOREVER));
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_chan_recv(channel, &value, STRAND_FOREVER));
  EXPECT(STRAND_ERR_WOULD_SWITCH, strand_chan_send(channel, &value, strand_after(1)));
  EXPECT(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(channel, &value, STRAND_NO_WAIT));
  EXPECT(STRAND_ERR_WOULD_BLOCK, strand_chan_try_recv(channel, &value));
  EXPECT(STRAND_OK, strand_chan_try_send(channel, &value));
  EXPECT(STRAND_OK, strand_chan_length(channel, &length));
  EXPECT(STRAND_OK, strand_chan_try_recv(channel, &value));
  EXPECT(STRAND_OK, strand_external_acquire());
  EXPECT(STRAND_OK, strand_external_release());
}

static void *yield_a_little(void *arg) {
  for (int turn = 0; turn < 5; turn += 1) {
    CHECK_OK(strand_yield());
  }
  return arg;
}

static void callbacks_on_the_stack_of_a_worker_may_not_switch(void) {
  strand_language_hooks hooks;
  strand_config config = default_config(1);
  strand_spawn_options options = default_spawn("hooked");
  memset(&hooks, 0, sizeof hooks);
  hooks.size = (uint32_t)sizeof hooks;
  hooks.strand_resume = call_from_resume;
  hooks.strand_suspend = call_from_resume;
  config.hooks = &hooks;
  options.local = &refused;
  count_set(&refused, 0);
  count_set(&resumed, 0);
  CHECK_OK(strand_scheduler_init(&config));
  channel = new_channel(sizeof(uint64_t), 1);
  ended = spawn(yield_a_little, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_spawn_with(&options, yield_a_little, NULL, NULL));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&refused), 10 * 15);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------- the log */

typedef struct log_book {
  uint64_t entries;
  uint64_t unterminated;
  uint64_t mentions;
  const char *word;
} log_book;

static void write_log(uint32_t level, const char *message, size_t length, void *data) {
  log_book *book = data;
  (void)level;
  count_up(&book->entries);
  if (message[length] != '\0' || strlen(message) != length) {
    count_up(&book->unterminated);
  }
  if (strstr(message, book->word) != NULL) {
    count_up(&book->mentions);
  }
}

static void *receive_one(void *arg) {
  uint64_t value = 0;
  CHECK_OK(strand_chan_recv(*(strand_chan *)arg, &value, STRAND_FOREVER));
  return NULL;
}
static void *fail_with_words(void *arg) {
  (void)arg;
  strand_fail(STRAND_ERR_FAILED, "the sky fell", 12);
}

static void the_log_callback_gets_deadlocks_and_faults(void) {
  strand_config config = default_config(2);
  log_book book;
  const uint64_t value = 1;
  memset(&book, 0, sizeof book);
  book.word = "waits-in-vain";
  config.log = write_log;
  config.log_data = &book;
  CHECK_OK(strand_scheduler_init(&config));
  channel = new_channel(sizeof value, 0);
  spawn_named("waits-in-vain", receive_one, &channel);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  await_count(&book.mentions, 1); /* on whatever thread of the runtime: perhaps a moment later */
  CHECK_OK(strand_chan_send(channel, &value, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  book.word = "the sky fell";
  count_set(&book.mentions, 0);
  spawn_named("doomed", fail_with_words, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  await_count(&book.mentions, 1); /* on whatever thread of the runtime: perhaps a moment later */
  CHECK_EQUAL(count_read(&book.unterminated), 0);
  stop_runtime();
}

/* The library prints nothing unless asked: a deadlock and a fault without a log leave both outputs empty. */
static void fall_silently(void) {
  const uint64_t value = 1;
  start_runtime(2);
  channel = new_channel(sizeof value, 0);
  spawn_named("waits-in-vain", receive_one, &channel);
  CHECK_STATUS(STRAND_ERR_DEADLOCK, strand_scheduler_run());
  CHECK_OK(strand_chan_send(channel, &value, STRAND_FOREVER));
  spawn_named("doomed", fail_with_words, NULL);
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  stop_runtime();
}

static void without_a_log_the_library_prints_nothing(void) {
  child result;
  run_child(&result, fall_silently);
  CHECK_CHILD_EXITED(&result, 0);
  CHECK_EQUAL(result.text[0], 0);
}

int main(void) {
  CLAIM(without_a_log_the_library_prints_nothing); /* the child first: before any init here */
  CLAIM(callbacks_on_the_stack_of_a_worker_may_not_switch);
  CLAIM(the_log_callback_gets_deadlocks_and_faults);
  return 0;
}
