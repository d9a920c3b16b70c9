/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 instruments=none */
/*
 * The table of bad input: every function of strand.h is called in four contexts (before init, on a thread, on a
 * strand, after shutdown) with everything a caller can get wrong: NULL, handles that are zero, never issued, stale or
 * of another kind, deadlines and sizes that make no sense. Each call gives the documented status, and each error a
 * message of its own. The header itself is part of this program, so a function without a row fails the test.
 */
#include "harness.h"

/* The header's text, taken from the include path when this file is assembled. */
__asm__(".pushsection .rodata\n"
        ".globl strand_header_text\n"
        ".hidden strand_header_text\n"
        "strand_header_text:\n"
        ".incbin \"strand.h\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char strand_header_text[] __attribute__((visibility("hidden")));

typedef enum context { BEFORE_INIT, ON_A_THREAD, ON_A_STRAND, AFTER_SHUTDOWN } context;
static const char *const context_names[] = {"before init", "on a thread", "on a strand", "after shutdown"};

static context now_in;
static const char *row_name;
static uint64_t calls;

/* -------------------------------------------------------------------------------------- how a call is judged */

/* A failure of another kind beforehand, so that a message of its own can be told from one that was there. */
static void forget_last_error(void) {
  CHECK_STATUS(STRAND_ERR_INVALID, strand_info("zebra", NULL, 0, NULL));
  CHECK_LAST_ERROR_SAYS("zebra");
}

static void judge(int line, const char *call, strand_status expected, strand_status other, strand_status actual) {
  char text[512];
  char message[TEXT_CAPACITY];
  calls += 1;
  snprintf(text, sizeof text, "%s, %s, %s", row_name, context_names[now_in], call);
  if (actual != expected && actual != other) {
    fprintf(stderr, "%s: expected %s, got %s\n", text, strand_status_name(expected), strand_status_name(actual));
    fail_now(__FILE__, line, "wrong status");
  }
  if (strncmp(strand_status_name(actual), "STRAND_", 7) != 0 || strand_status_message(actual)[0] == '\0') {
    fail_now(__FILE__, line, text);
  }
  if (actual != STRAND_OK) {
    const size_t length = strand_last_error(message, sizeof message);
    if (length == 0 || length != strlen(message) || strstr(message, "zebra") != NULL) {
      fprintf(stderr, "%s: %s, but the message is \"%s\"\n", text, strand_status_name(actual), message);
      fail_now(__FILE__, line, "no message");
    }
  }
}

#define GIVES(expected, call)                                     \
  do {                                                            \
    forget_last_error();                                          \
    judge(__LINE__, #call, (expected), (expected), (call));       \
  } while (0)
#define GIVES_EITHER(expected, other, call)                       \
  do {                                                            \
    forget_last_error();                                          \
    judge(__LINE__, #call, (expected), (other), (call));          \
  } while (0)

static int initialised(void) { return now_in == ON_A_THREAD || now_in == ON_A_STRAND; }

/* What only a strand may do is refused off-strand; where there is no runtime at all, that may be said instead. */
static strand_status without_a_runtime(void) {
  return initialised() ? STRAND_ERR_NOT_ON_STRAND : STRAND_ERR_NOT_INITIALISED;
}

/* What a call with good arguments says where there is no runtime. */
#define NEEDS_A_RUNTIME(call)                   \
  do {                                          \
    if (!initialised()) {                       \
      GIVES(STRAND_ERR_NOT_INITIALISED, call);  \
      return;                                   \
    }                                           \
  } while (0)

/* The may engine has no policies and no lanes: with a runtime up, it says so whatever the arguments are. */
#define NOT_UNDER_MAY(call)                  \
  do {                                       \
    if (is_may()) {                          \
      GIVES(STRAND_ERR_UNSUPPORTED, call);   \
      return;                                \
    }                                        \
  } while (0)

/* ------------------------------------------------------------------------------------------------- the handles */

enum { KIND_SHIFT = 57, INDEX_BITS = 24 };

static strand_chan good_channel; /* capacity 1, 8 bytes, empty */
static strand_chan gone_channel;
static strand_id live_strand;
static strand_id ended_strand;
static strand_park_token live_token;
static strand_park_token ended_token;
static strand_task live_task; /* of live_promise, which nobody completes */
static strand_task gone_task;
static strand_promise live_promise;
static strand_promise gone_promise;
static strand_generator good_generator; /* dormant */
static strand_generator gone_generator;
static strand_chan down_channel; /* for monitors */
static strand_monitor_id live_monitor; /* of live_strand */
static strand_monitor_id gone_monitor;
static strand_timer good_timer; /* without a channel, never armed */
static strand_timer gone_timer;
static strand_device good_device; /* the processor */
static strand_device gone_device;
static strand_buffer good_buffer; /* 64 bytes, not mapped */
static strand_buffer gone_buffer;
static strand_graph good_graph; /* two vertices, an edge */
static strand_graph gone_graph;
static strand_program good_program; /* a kernel that does nothing */
static strand_program gone_program;
static strand_worklist good_worklist; /* empty, two bands, two tenants, not running */
static strand_worklist gone_worklist;
static strand_automaton good_automaton; /* one pattern */
static strand_automaton gone_automaton;
static strand_ticket good_ticket; /* STRAND_OK */
static strand_ticket gone_ticket;

/* Neither of the kind that is asked for nor ever issued. */
static size_t foreign_handles(uint64_t good, uint64_t *list) {
  const uint64_t kind = good >> KIND_SHIFT;
  size_t count = 0;
  list[count++] = 0;
  list[count++] = 1;
  list[count++] = UINT64_MAX;
  list[count++] = UINT64_C(1) << 62;
  list[count++] = good | UINT64_C(1) << 63;
  list[count++] = good | UINT64_C(1) << 62;
  list[count++] = (kind << KIND_SHIFT) | (UINT64_C(1) << INDEX_BITS) | 0xfffff0; /* an index never used */
  list[count++] = good + (UINT64_C(1000000) << INDEX_BITS);                      /* a generation yet to come */
  list[count++] = (UINT64_C(31) << KIND_SHIFT) | (good & ((UINT64_C(1) << KIND_SHIFT) - 1));
  if (good != good_channel) {
    list[count++] = good_channel;
    list[count++] = gone_channel;
  }
  if (good != good_generator) {
    list[count++] = good_generator;
    list[count++] = gone_generator;
  }
  if (good != live_strand) {
    list[count++] = live_strand;
    list[count++] = ended_strand;
  }
  if (good != live_token) {
    list[count++] = live_token;
  }
  if (good != live_task) {
    list[count++] = live_task;
  }
  if (good != live_promise) {
    list[count++] = live_promise;
  }
  if (good != good_timer) {
    list[count++] = good_timer;
  }
  if (good != good_device) {
    list[count++] = good_device;
    list[count++] = gone_device;
  }
  if (good != good_graph) {
    list[count++] = good_graph;
    list[count++] = gone_graph;
  }
  if (good != good_buffer) {
    list[count++] = good_buffer;
  }
  if (good != good_program) {
    list[count++] = good_program;
  }
  if (good != good_ticket) {
    list[count++] = good_ticket;
  }
  if (good != good_automaton) {
    list[count++] = good_automaton;
  }
  return count;
}
enum { MOST_FOREIGN = 64 };

#define REFUSES_FOREIGN_HANDLES(good, handle, call)            \
  do {                                                         \
    uint64_t foreign[MOST_FOREIGN];                            \
    const size_t foreign_count = foreign_handles(good, foreign); \
    for (size_t which = 0; which < foreign_count; which += 1) { \
      const uint64_t handle = foreign[which];                  \
      GIVES(STRAND_ERR_INVALID, call);                         \
    }                                                          \
  } while (0)

static void *return_at_once(void *arg) { return arg; }
static void no_drop(void *arg) { (void)arg; }
static void no_hook(void *data) { (void)data; }

static void *wait_at_the_gate(void *arg) {
  strand_park_token token = 0;
  (void)arg;
  CHECK_OK(strand_park_begin(&token));
  __atomic_store_n(&live_token, token, __ATOMIC_SEQ_CST);
  CHECK_OK(strand_park(token, STRAND_FOREVER, NULL));
  return NULL;
}

static void *park_once(void *arg) {
  CHECK_OK(strand_park_begin(&ended_token));
  CHECK_OK(strand_promise_new(0, &live_promise, &live_task)); /* made by a strand it is no hold */
  CHECK_OK(strand_promise_new(0, &gone_promise, &gone_task));
  CHECK_OK(strand_promise_release(gone_promise));
  CHECK_OK(strand_task_release(gone_task));
  return arg;
}

static strand_status never_resumed(void *arg, uint64_t first, uint64_t *last) {
  (void)arg;
  (void)first;
  *last = 0;
  return STRAND_OK;
}

static strand_cancel good_cancel; /* open, nobody bound */
static strand_cancel gone_cancel;

static strand_scope good_scope; /* opened by the thread, without children */
static strand_scope gone_scope;

static void no_cancel_fn(void *data, uint64_t reason) {
  (void)data;
  (void)reason;
}

static void no_kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)items;
  (void)count;
  (void)data;
}
static strand_program_options kernel_options(void) {
  strand_program_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.fields = STRAND_FIELD_PARAM;
  options.kernel = no_kernel;
  return options;
}

static strand_worklist_options worklist_options(void) {
  strand_worklist_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  return options;
}

static const uint64_t graph_offsets[] = {0, 1, 1};
static const uint32_t graph_targets[] = {1};

static strand_graph_options graph_options(void) {
  strand_graph_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.vertices = 2;
  options.offsets = graph_offsets;
  options.targets = graph_targets;
  return options;
}

static strand_pattern literal_pattern(void) {
  strand_pattern pattern;
  memset(&pattern, 0, sizeof pattern);
  pattern.size = (uint32_t)sizeof pattern;
  pattern.flags = STRAND_PATTERN_LITERAL;
  pattern.text = "word";
  pattern.length = 4;
  return pattern;
}

static void make_the_work(void) {
  static uint32_t word;
  const strand_pattern pattern = literal_pattern();
  const strand_program_options kernel = kernel_options();
  strand_device_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.kind = STRAND_DEVICE_CPU;
  CHECK_OK(strand_device_open(&options, &good_device));
  CHECK_OK(strand_device_open(&options, &gone_device));
  CHECK_OK(strand_device_close(gone_device));
  CHECK_OK(strand_buffer_new(good_device, 64, 0, &good_buffer));
  CHECK_OK(strand_buffer_new(good_device, 64, 0, &gone_buffer));
  CHECK_OK(strand_buffer_release(gone_buffer));
  const strand_graph_options graph = graph_options();
  CHECK_OK(strand_graph_new(good_device, &graph, &good_graph));
  CHECK_OK(strand_graph_new(good_device, &graph, &gone_graph));
  CHECK_OK(strand_graph_release(gone_graph));
  CHECK_OK(strand_program_new(good_device, &kernel, &good_program));
  CHECK_OK(strand_program_new(good_device, &kernel, &gone_program));
  CHECK_OK(strand_program_release(gone_program));
  strand_worklist_options made = worklist_options();
  made.bands = 2;
  made.tenants = 2;
  made.host_items_max = 4;
  CHECK_OK(strand_worklist_new(good_program, &made, &good_worklist));
  CHECK_OK(strand_worklist_new(good_program, NULL, &gone_worklist));
  CHECK_OK(strand_worklist_release(gone_worklist));
  CHECK_OK(strand_buffer_read(good_buffer, 0, &word, 4, &good_ticket));
  CHECK_OK(strand_buffer_read(good_buffer, 0, &word, 4, &gone_ticket));
  CHECK_OK(strand_ticket_release(gone_ticket));
  CHECK_OK(strand_automaton_compile(good_device, &pattern, 1, NULL, &good_automaton));
  CHECK_OK(strand_automaton_compile(good_device, &pattern, 1, NULL, &gone_automaton));
  CHECK_OK(strand_automaton_release(gone_automaton));
}

static void make_the_handles(void) {
  uint64_t parks;
  make_the_work();
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &good_cancel));
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &gone_cancel));
  CHECK_OK(strand_cancel_release(gone_cancel));
  CHECK_OK(strand_scope_open(NULL, &gone_scope));
  CHECK_OK(strand_scope_close(gone_scope));
  CHECK_OK(strand_scope_open(NULL, &good_scope));
  good_channel = new_channel(8, 1);
  gone_channel = new_channel(8, 1);
  CHECK_OK(strand_chan_release(gone_channel));
  CHECK_OK(strand_generator_new(NULL, never_resumed, NULL, &good_generator));
  CHECK_OK(strand_generator_new(NULL, never_resumed, NULL, &gone_generator));
  CHECK_OK(strand_generator_release(gone_generator));
  down_channel = new_channel(sizeof(strand_down), 4);
  CHECK_OK(strand_timer_new(0, 0, &good_timer));
  CHECK_OK(strand_timer_new(0, 0, &gone_timer));
  CHECK_OK(strand_timer_release(gone_timer));
  ended_strand = spawn(park_once, NULL);
  CHECK_OK(strand_join(ended_strand, STRAND_FOREVER));
  parks = read_statistics().parks;
  live_strand = spawn(wait_at_the_gate, NULL);
  await_parks(parks + 1);
}

/* ------------------------------------------------------------------------------------------------- the rows */

static void row_version(void) { CHECK_EQUAL(strand_version(), STRAND_VERSION_NUMBER); }
static void row_abi_version(void) { CHECK_EQUAL(strand_abi_version(), STRAND_ABI_VERSION); }

static void row_status_name(void) {
  for (strand_status status = -26; status <= 0; status += 1) {
    CHECK(strncmp(strand_status_name(status), "STRAND_", 7) == 0);
    CHECK(strcmp(strand_status_name(status), "STRAND_ERR_UNKNOWN") != 0);
  }
  CHECK_EQUAL(strcmp(strand_status_name(1), "STRAND_ERR_UNKNOWN"), 0);
  CHECK_EQUAL(strcmp(strand_status_name(-27), "STRAND_ERR_UNKNOWN"), 0);
  CHECK_EQUAL(strcmp(strand_status_name(INT32_MIN), "STRAND_ERR_UNKNOWN"), 0);
  CHECK_EQUAL(strcmp(strand_status_name(INT32_MAX), "STRAND_ERR_UNKNOWN"), 0);
}

static void row_status_message(void) {
  static const strand_status numbers[] = {0, -1, -25, -26, 1, INT32_MIN, INT32_MAX};
  for (size_t number = 0; number < sizeof numbers / sizeof numbers[0]; number += 1) {
    CHECK(strand_status_message(numbers[number])[0] != '\0');
  }
}

static void row_last_error(void) {
  char buffer[8];
  forget_last_error();
  CHECK_NUMBERS(strand_last_error(NULL, 0), >, 8);
  CHECK_EQUAL(strand_last_error(NULL, 100), strand_last_error(NULL, 0));
  CHECK_EQUAL(strand_last_error(NULL, SIZE_MAX), strand_last_error(NULL, 0));
  memset(buffer, 'x', sizeof buffer);
  CHECK_EQUAL(strand_last_error(buffer, 0), strand_last_error(NULL, 0));
  CHECK_EQUAL(buffer[0], 'x');
  CHECK_EQUAL(strand_last_error(buffer, 4), strand_last_error(NULL, 0));
  CHECK_EQUAL(strlen(buffer), 3);
  CHECK_EQUAL(buffer[4], 'x');
  CHECK_EQUAL(strand_last_error(buffer, 1), strand_last_error(NULL, 0));
  CHECK_EQUAL(buffer[0], '\0');
}

static void row_now(void) { CHECK_NUMBERS(strand_now(), >=, SECONDS(1)); }

static void row_after(void) {
  static const int64_t distances[] = {0, 1, -1, INT64_MIN, INT64_MAX, INT64_MAX - 1};
  for (size_t distance = 0; distance < sizeof distances / sizeof distances[0]; distance += 1) {
    CHECK_NUMBERS(strand_after(distances[distance]), >=, SECONDS(1));
  }
}

/* What the parallel engine has not, and its number of workers. */
static void row_scheduler_init_parallel(void) {
  strand_config config = default_config(1);
  config.workers = STRAND_MAX_WORKERS + 1;
  GIVES_EITHER(STRAND_ERR_INVALID, STRAND_ERR_LIMIT, strand_scheduler_init(&config));
  config.workers = UINT32_MAX;
  GIVES_EITHER(STRAND_ERR_INVALID, STRAND_ERR_LIMIT, strand_scheduler_init(&config));
  for (uint32_t policy = STRAND_POLICY_ROUND_ROBIN; policy <= STRAND_POLICY_PCT; policy += 1) {
    config = default_config(1);
    config.policy = policy;
    GIVES(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
  }
  config = default_config(1);
  config.clock = STRAND_CLOCK_VIRTUAL;
  GIVES(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
  config = default_config(1);
  config.max_steps = 1;
  GIVES(STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
}

static void row_scheduler_init(void) {
  strand_config config = default_config(1);
  strand_language_hooks hooks;
  memset(&hooks, 0, sizeof hooks);
  if (now_in == ON_A_STRAND) {
    GIVES_EITHER(STRAND_ERR_INVALID, STRAND_OK, strand_scheduler_init(NULL));
    return;
  }
  if (now_in == ON_A_THREAD) {
    GIVES(STRAND_OK, strand_scheduler_init(NULL));
    config.stack_bytes = 1024 * 1024;
    GIVES(STRAND_ERR_ALREADY, strand_scheduler_init(&config));
    return;
  }
  config.size = 0;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config.size = 3;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.engine = STRAND_ENGINE_MAY + 1;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config.engine = UINT32_MAX;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  if (is_parallel()) {
    row_scheduler_init_parallel();
  }
  config = default_config(1);
  config.policy = STRAND_POLICY_PCT + 1;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.migration = STRAND_MIGRATE_NEVER + 1;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.fault_policy = STRAND_FAULT_ABORT + 1;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.stack_bytes = SIZE_MAX;
  GIVES_EITHER(STRAND_ERR_LIMIT, STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.max_strands = SIZE_MAX;
  GIVES_EITHER(STRAND_ERR_LIMIT, STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.clock = STRAND_CLOCK_VIRTUAL + 1;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.gpu = STRAND_DEVICE_CPU + 1;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.record = "no-such-folder/recording";
  GIVES(STRAND_ERR_IO, strand_scheduler_init(&config));
  config = default_config(1);
  config.replay = "no-such-folder/recording";
  GIVES_EITHER(STRAND_ERR_INVALID, STRAND_ERR_IO, strand_scheduler_init(&config));
  config = default_config(1);
  config.explore = "r";
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config));
  config = default_config(1);
  config.hooks = &hooks;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_init(&config)); /* their size is 0 */
  hooks.size = (uint32_t)sizeof hooks;
  hooks.reserved = 1;
  GIVES_EITHER(STRAND_ERR_INVALID, STRAND_ERR_UNSUPPORTED, strand_scheduler_init(&config));
}

static void row_scheduler_run(void) {
  NEEDS_A_RUNTIME(strand_scheduler_run());
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_scheduler_run());
  }
}

static void row_wait_all(void) {
  GIVES(STRAND_ERR_INVALID, strand_wait_all(-2));
  GIVES(STRAND_ERR_INVALID, strand_wait_all(INT64_MIN));
  NEEDS_A_RUNTIME(strand_wait_all(STRAND_NO_WAIT));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_wait_all(STRAND_NO_WAIT)); /* the hold forbids DEADLOCK, one strand is left */
  GIVES(STRAND_ERR_TIMEOUT, strand_wait_all(1));
}

static void row_external_acquire(void) {
  NEEDS_A_RUNTIME(strand_external_acquire());
  GIVES(STRAND_OK, strand_external_acquire());
  GIVES(STRAND_OK, strand_external_release());
}

static void row_external_release(void) {
  NEEDS_A_RUNTIME(strand_external_release());
  if (is_stepped()) {
    GIVES(STRAND_OK, strand_external_acquire());
  }
  GIVES(STRAND_OK, strand_external_release()); /* parallel: the one that the table holds */
  GIVES(STRAND_ERR_INVALID, strand_external_release());
  if (is_parallel()) {
    GIVES(STRAND_OK, strand_external_acquire());
  }
}

static void row_scheduler_shutdown(void) {
  GIVES(STRAND_ERR_INVALID, strand_scheduler_shutdown(-2));
  NEEDS_A_RUNTIME(strand_scheduler_shutdown(STRAND_FOREVER));
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_scheduler_shutdown(STRAND_FOREVER));
    GIVES(STRAND_ERR_INVALID, strand_scheduler_shutdown(STRAND_NO_WAIT));
  }
}

static void row_spawn(void) {
  strand_id out = 77;
  GIVES(STRAND_ERR_INVALID, strand_spawn(NULL, NULL, &out));
  CHECK_EQUAL(out, 77);
  NEEDS_A_RUNTIME(strand_spawn(return_at_once, NULL, &out));
  GIVES(STRAND_OK, strand_spawn(return_at_once, NULL, NULL));
  GIVES(STRAND_OK, strand_spawn(return_at_once, NULL, &out));
  GIVES(STRAND_OK, strand_join(out, STRAND_FOREVER));
}

static void row_spawn_with(void) {
  strand_spawn_options options = default_spawn("row");
  strand_id out = 77;
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, NULL, NULL, &out));
  options.size = 0;
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options.size = 3;
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options = default_spawn("row");
  NEEDS_A_RUNTIME(strand_spawn_with(&options, return_at_once, NULL, &out));
  options.flags = 64;
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options.flags = UINT32_MAX;
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options = default_spawn(NULL);
  options.name_length = 10; /* and no name */
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options = default_spawn("row");
  options.stack_bytes = SIZE_MAX;
  GIVES(STRAND_ERR_LIMIT, strand_spawn_with(&options, return_at_once, NULL, &out));
  options = default_spawn("row");
  options.lane = 1000; /* which nobody made */
  GIVES(is_may() ? STRAND_ERR_UNSUPPORTED : STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options = default_spawn("row");
  options.scope = gone_scope;
  GIVES(STRAND_ERR_STALE, strand_spawn_with(&options, return_at_once, NULL, &out));
  options.cancel = good_cancel;
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options.cancel = 0;
  REFUSES_FOREIGN_HANDLES(good_scope, handle,
                          (options.scope = handle != 0 ? handle : 1,
                           strand_spawn_with(&options, return_at_once, NULL, &out)));
  options = default_spawn("row");
  options.cancel = gone_cancel;
  GIVES(STRAND_ERR_STALE, strand_spawn_with(&options, return_at_once, NULL, &out));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle,
                          (options.cancel = handle != 0 ? handle : 1,
                           strand_spawn_with(&options, return_at_once, NULL, &out)));
  options = default_spawn("row");
  options.arg_bytes = 8; /* and no argument to copy */
  GIVES(STRAND_ERR_INVALID, strand_spawn_with(&options, return_at_once, NULL, &out));
  options.arg_bytes = SIZE_MAX;
  GIVES_EITHER(STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY, strand_spawn_with(&options, return_at_once, &out, &out));
  CHECK_EQUAL(out, 77);
  options = default_spawn("row");
  GIVES(STRAND_OK, strand_spawn_with(&options, return_at_once, NULL, &out));
  GIVES(STRAND_OK, strand_spawn_with(NULL, return_at_once, NULL, NULL));
  GIVES(STRAND_OK, strand_join(out, STRAND_FOREVER));
}

static void row_poll_word(void) { (void)strand_poll_word; }

static void row_self(void) { CHECK((strand_self() != 0) == (now_in == ON_A_STRAND)); }

static void row_exit(void) {
  if (now_in == ON_A_STRAND) {
    return; /* it ends the strand: strand_exit_early.c */
  }
  NEEDS_A_RUNTIME(strand_exit(NULL));
  GIVES(STRAND_ERR_NOT_ON_STRAND, strand_exit(NULL));
}
static void row_yield(void) {
  NEEDS_A_RUNTIME(strand_yield());
  GIVES(STRAND_OK, strand_yield());
}

static void row_checkpoint(void) { GIVES(STRAND_OK, strand_checkpoint()); }

static void row_join(void) {
  GIVES(STRAND_ERR_INVALID, strand_join(live_strand, -2));
  NEEDS_A_RUNTIME(strand_join(live_strand, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_join(handle, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_join(handle, STRAND_NO_WAIT));
  GIVES(STRAND_OK, strand_join(ended_strand, STRAND_FOREVER));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_join(live_strand, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_TIMEOUT, strand_join(live_strand, 1));
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_join(strand_self(), STRAND_FOREVER));
  }
}

static void row_sleep(void) {
  NEEDS_A_RUNTIME(strand_sleep(1));
  GIVES(STRAND_OK, strand_sleep(1));
  GIVES(STRAND_OK, strand_sleep(0));
  GIVES(STRAND_OK, strand_sleep(INT64_MIN));
}

static void row_sleep_until(void) {
  GIVES(STRAND_ERR_INVALID, strand_sleep_until(-2));
  GIVES(STRAND_ERR_INVALID, strand_sleep_until(INT64_MIN));
  NEEDS_A_RUNTIME(strand_sleep_until(1));
  GIVES(STRAND_OK, strand_sleep_until(1));
  GIVES(STRAND_OK, strand_sleep_until(STRAND_NO_WAIT));
}

static void row_start(void) {
  NEEDS_A_RUNTIME(strand_start(live_strand));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_start(handle));
  GIVES(STRAND_ERR_STALE, strand_start(ended_strand));
  GIVES(STRAND_ERR_ALREADY, strand_start(live_strand));
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_ALREADY, strand_start(strand_self()));
  }
}

static void *fail_oddly(void *arg) {
  switch ((int)(uintptr_t)arg) {
  case 0:
    strand_fail(STRAND_OK, "a fault that says all is well", 29);
  case 1:
    strand_fail(12345, NULL, SIZE_MAX);
  case 2:
    strand_fail(INT32_MIN, "x", 0);
  default:
    strand_fail(STRAND_ERR_FAILED, "invalid utf-8 \xff\xfe and a zero \0 byte", 35);
  }
}

/* Off-strand it ends the process: see fault_isolation.c. Here: whatever it is given, only that strand ends. */
static void row_fail(void) {
  if (!initialised()) {
    return;
  }
  for (uintptr_t how = 0; how < 4; how += 1) {
    strand_id id = 0;
    GIVES(STRAND_OK, strand_spawn(fail_oddly, (void *)how, &id));
    GIVES(STRAND_OK, strand_join(id, STRAND_FOREVER));
  }
}

static void row_on_exit(void) {
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_on_exit(NULL, NULL));
    GIVES(STRAND_OK, strand_on_exit(no_hook, NULL));
  } else {
    GIVES_EITHER(STRAND_ERR_NOT_ON_STRAND, without_a_runtime(), strand_on_exit(no_hook, NULL));
  }
}

static void row_local_new(void) {
  uint32_t key = 77;
  GIVES(STRAND_ERR_INVALID, strand_local_new(no_drop, 0, NULL));
  GIVES(STRAND_ERR_INVALID, strand_local_new(no_drop, 1, &key));
  GIVES(STRAND_ERR_INVALID, strand_local_new(no_drop, UINT32_MAX, &key));
  CHECK_EQUAL(key, 77);
  NEEDS_A_RUNTIME(strand_local_new(no_drop, 0, &key));
  GIVES(STRAND_OK, strand_local_new(NULL, 0, &key));
}

static void row_local_set(void) {
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_local_set(UINT32_MAX, NULL));
    GIVES(STRAND_ERR_INVALID, strand_local_set(INT32_MAX, &calls));
  } else {
    GIVES_EITHER(STRAND_ERR_NOT_ON_STRAND, without_a_runtime(), strand_local_set(0, &calls));
  }
}

static void row_local_get(void) {
  CHECK(strand_local_get(UINT32_MAX) == NULL);
  CHECK(strand_local_get(INT32_MAX) == NULL);
}

static void row_park_begin(void) {
  strand_park_token token = 77;
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_park_begin(NULL));
    GIVES(STRAND_OK, strand_park_begin(&token));
    CHECK(token != 77);
  } else {
    GIVES_EITHER(STRAND_ERR_NOT_ON_STRAND, without_a_runtime(), strand_park_begin(&token));
    CHECK_EQUAL(token, 77);
  }
}

static void row_park(void) {
  strand_park_token token = 0;
  uint64_t value = 77;
  if (now_in != ON_A_STRAND) {
    GIVES_EITHER(STRAND_ERR_NOT_ON_STRAND, without_a_runtime(), strand_park(live_token, STRAND_FOREVER, &value));
    return;
  }
  REFUSES_FOREIGN_HANDLES(live_token, handle, strand_park(handle, STRAND_FOREVER, &value));
  GIVES(STRAND_ERR_INVALID, strand_park(live_token, STRAND_FOREVER, &value)); /* of another strand */
  CHECK_OK(strand_park_begin(&token));
  GIVES(STRAND_ERR_INVALID, strand_park(token, -2, &value));
  GIVES(STRAND_ERR_TIMEOUT, strand_park(token, 1, &value)); /* save after INVALID, the wait is over */
  GIVES(STRAND_ERR_STALE, strand_park(token, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, 77);
}

static void row_unpark(void) {
  NEEDS_A_RUNTIME(strand_unpark(live_token, 1));
  REFUSES_FOREIGN_HANDLES(live_token, handle, strand_unpark(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_unpark(ended_token, 1));
}

static void row_errno_location(void) { CHECK(strand_errno_location() != NULL); }

static void *never_called(void *arg) {
  fail_now(__FILE__, __LINE__, "a function was called although its call was refused");
  return arg;
}
static void *give_back(void *arg) { return arg; }
static void never_dropped(void *arg) {
  (void)arg;
  fail_now(__FILE__, __LINE__, "an argument was dropped although it was not handed over");
}

static void row_offload(void) {
  void *result = &now_in;
  GIVES(STRAND_ERR_INVALID, strand_offload(NULL, NULL, STRAND_FOREVER, &result));
  GIVES(STRAND_ERR_INVALID, strand_offload(never_called, NULL, -2, &result));
  GIVES(STRAND_ERR_INVALID, strand_offload(never_called, NULL, INT64_MIN, &result));
  NEEDS_A_RUNTIME(strand_offload(never_called, NULL, STRAND_FOREVER, &result));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_offload(never_called, NULL, STRAND_NO_WAIT, &result));
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_TIMEOUT, strand_offload(never_called, NULL, 1, &result));
  }
  CHECK(result == &now_in);
  GIVES(STRAND_OK, strand_offload(give_back, &result, INT64_MAX, NULL));
  GIVES(STRAND_OK, strand_offload(give_back, NULL, STRAND_FOREVER, &result));
  CHECK(result == NULL);
}

static void row_offload_with(void) {
  strand_offload_options options;
  void *result = &now_in;
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, strand_offload_with(NULL, never_called, NULL, STRAND_FOREVER, &result));
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, NULL, STRAND_FOREVER, &result)); /* size 0 */
  options.size = UINT32_MAX;
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, NULL, STRAND_FOREVER, &result));
  options.size = (uint32_t)sizeof options;
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, NULL, NULL, STRAND_FOREVER, &result));
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, NULL, -2, &result));
  options.flags = 1u << 31;
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, NULL, STRAND_FOREVER, &result));
  options.flags = 0;
  options.arg_bytes = 8;
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, &result, STRAND_FOREVER, &result));
  options.arg_bytes = 0;
  options.arg_drop = never_dropped;
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, NULL, STRAND_FOREVER, &result));
  options.arg_drop = NULL;
  options.result_drop = never_dropped;
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, NULL, STRAND_FOREVER, &result));
  options.flags = STRAND_OFFLOAD_ABANDON;
  options.arg_drop = never_dropped;
  options.arg_bytes = 8;
  GIVES(STRAND_ERR_INVALID, strand_offload_with(&options, never_called, NULL, STRAND_FOREVER, &result)); /* of what? */
  options.arg_bytes = SIZE_MAX;
  GIVES(STRAND_ERR_LIMIT, strand_offload_with(&options, never_called, &result, STRAND_FOREVER, &result));
  options.arg_bytes = 0;
  NEEDS_A_RUNTIME(strand_offload_with(&options, never_called, NULL, STRAND_FOREVER, &result));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_offload_with(&options, never_called, NULL, STRAND_NO_WAIT, &result));
  CHECK(result == &now_in);
  GIVES(STRAND_OK, strand_offload_with(&options, give_back, NULL, STRAND_FOREVER, &result));
  CHECK(result == NULL);
}

static void look_at_root(const strand_gc_root *root, void *data) {
  (void)root;
  count_up(data);
}
static void look_at_stack(const strand_gc_stack *stack, void *data) {
  (void)stack;
  count_up(data);
}

static void row_world_stop(void) {
  GIVES(STRAND_ERR_INVALID, strand_world_stop(-2));
  NEEDS_A_RUNTIME(strand_world_stop(STRAND_FOREVER));
  if (is_may()) {
    GIVES(STRAND_ERR_UNSUPPORTED, strand_world_stop(STRAND_FOREVER));
    return;
  }
  GIVES(STRAND_OK, strand_world_stop(STRAND_FOREVER));
  GIVES(STRAND_ERR_ALREADY, strand_world_stop(STRAND_FOREVER));
  GIVES(STRAND_ERR_ALREADY, strand_world_stop(STRAND_NO_WAIT));
  GIVES(STRAND_OK, strand_world_resume());
}

static void row_world_resume(void) {
  NEEDS_A_RUNTIME(strand_world_resume());
  GIVES(STRAND_ERR_INVALID, strand_world_resume());
}

static void row_gc_visit_roots(void) {
  uint64_t seen = 0;
  GIVES(STRAND_ERR_INVALID, strand_gc_visit_roots(NULL, NULL));
  NEEDS_A_RUNTIME(strand_gc_visit_roots(look_at_root, &seen));
  GIVES(STRAND_ERR_INVALID, strand_gc_visit_roots(look_at_root, &seen)); /* the world goes on */
  if (is_may()) {
    return;
  }
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_gc_visit_roots(NULL, NULL));
  GIVES(STRAND_OK, strand_gc_visit_roots(look_at_root, &seen));
  CHECK_OK(strand_world_resume());
}

static void row_gc_visit_stacks(void) {
  uint64_t seen = 0;
  GIVES(STRAND_ERR_INVALID, strand_gc_visit_stacks(NULL, NULL));
  NEEDS_A_RUNTIME(strand_gc_visit_stacks(look_at_stack, &seen));
  GIVES(STRAND_ERR_INVALID, strand_gc_visit_stacks(look_at_stack, &seen)); /* the world goes on */
  if (is_may()) {
    return;
  }
  CHECK_EQUAL(seen, 0);
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_gc_visit_stacks(NULL, NULL));
  GIVES(STRAND_OK, strand_gc_visit_stacks(look_at_stack, &seen));
  CHECK_OK(strand_world_resume());
  CHECK_NUMBERS(seen, >, 0);
}

static void row_block_begin(void) {
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_OK, strand_block_begin());
    CHECK_OK(strand_block_end());
  } else {
    GIVES_EITHER(STRAND_ERR_NOT_ON_STRAND, without_a_runtime(), strand_block_begin());
  }
}

static void row_block_end(void) {
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_block_end());
  } else {
    GIVES_EITHER(STRAND_ERR_NOT_ON_STRAND, without_a_runtime(), strand_block_end());
  }
}

static void row_chan_new(void) {
  strand_chan out = 77;
  GIVES(STRAND_ERR_INVALID, strand_chan_new(8, 0, NULL));
  NEEDS_A_RUNTIME(strand_chan_new(8, 0, &out));
  GIVES(STRAND_ERR_LIMIT, strand_chan_new(SIZE_MAX, 0, &out));
  GIVES(STRAND_ERR_LIMIT, strand_chan_new(SIZE_MAX, SIZE_MAX, &out));
  GIVES(STRAND_ERR_LIMIT, strand_chan_new(SIZE_MAX / 2, 3, &out));
  GIVES(STRAND_ERR_LIMIT, strand_chan_new(4096, SIZE_MAX - 1, &out));
  GIVES(STRAND_ERR_LIMIT, strand_chan_new(8, SIZE_MAX / 8, &out));
  CHECK_EQUAL(out, 77);
}

static void row_chan_new_with(void) {
  strand_chan_options options;
  strand_chan out = 77;
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, strand_chan_new_with(NULL, &out));
  GIVES(STRAND_ERR_INVALID, strand_chan_new_with(&options, &out)); /* size 0 */
  options.size = (uint32_t)sizeof options;
  GIVES(STRAND_ERR_INVALID, strand_chan_new_with(&options, NULL));
  options.flags = 1;
  GIVES(STRAND_ERR_INVALID, strand_chan_new_with(&options, &out));
  options.flags = 0;
  options.name_length = 4;
  GIVES(STRAND_ERR_INVALID, strand_chan_new_with(&options, &out));
  options.name_length = 0;
  NEEDS_A_RUNTIME(strand_chan_new_with(&options, &out));
  options.element_size = SIZE_MAX;
  GIVES(STRAND_ERR_LIMIT, strand_chan_new_with(&options, &out));
  CHECK_EQUAL(out, 77);
}

static void row_chan_send(void) {
  const uint64_t value = 1;
  GIVES(STRAND_ERR_INVALID, strand_chan_send(good_channel, &value, -2));
  NEEDS_A_RUNTIME(strand_chan_send(good_channel, &value, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_send(handle, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_chan_send(gone_channel, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_chan_send(good_channel, NULL, STRAND_FOREVER));
}

static void row_chan_recv(void) {
  uint64_t value = 77;
  GIVES(STRAND_ERR_INVALID, strand_chan_recv(good_channel, &value, INT64_MIN));
  NEEDS_A_RUNTIME(strand_chan_recv(good_channel, &value, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_recv(handle, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_chan_recv(gone_channel, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_chan_recv(good_channel, NULL, STRAND_FOREVER));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_chan_recv(good_channel, &value, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_TIMEOUT, strand_chan_recv(good_channel, &value, 1));
  CHECK_EQUAL(value, 77);
}

static strand_case bad_case(uint32_t kind, uint64_t handle, void *element) {
  strand_case one;
  memset(&one, 0, sizeof one);
  one.size = (uint32_t)sizeof one;
  one.kind = kind;
  one.handle = handle;
  one.element = element;
  return one;
}
static void row_select(void) {
  uint64_t value = 77;
  size_t index = 4711;
  strand_case one = bad_case(STRAND_CASE_RECV, good_channel, &value);
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_NO_WAIT, 0, NULL));
  GIVES(STRAND_ERR_INVALID, strand_select(NULL, 1, STRAND_NO_WAIT, 0, &index));
  GIVES(STRAND_ERR_INVALID, strand_select((strand_case *)((char *)&one + 1), 1, STRAND_NO_WAIT, 0, &index));
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, -2, 0, &index));
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_NO_WAIT, 2, &index));
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_NO_WAIT, UINT32_MAX, &index));
  GIVES(STRAND_ERR_LIMIT, strand_select(&one, SIZE_MAX, STRAND_NO_WAIT, 0, &index));
  GIVES(STRAND_ERR_LIMIT, strand_select(&one, (1 << 24) + 1, STRAND_NO_WAIT, 0, &index));
  for (uint32_t size = 0; size < 40; size += 1) {
    one.size = size;
    GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_NO_WAIT, 0, &index));
  }
  one.size = UINT32_MAX;
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_NO_WAIT, 0, &index));
  one.size = (uint32_t)sizeof one;
  NEEDS_A_RUNTIME(strand_select(&one, 1, STRAND_NO_WAIT, 0, &index));
  REFUSES_FOREIGN_HANDLES(good_channel, handle,
                          (one.handle = handle, strand_select(&one, 1, STRAND_FOREVER, 0, &index)));
  one = bad_case(STRAND_CASE_STRAND, 0, NULL);
  REFUSES_FOREIGN_HANDLES(live_strand, handle,
                          (one.handle = handle, strand_select(&one, 1, STRAND_FOREVER, 0, &index)));
  one = bad_case(STRAND_CASE_RECV, gone_channel, &value);
  GIVES(STRAND_ERR_STALE, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  one = bad_case(STRAND_CASE_CANCEL, gone_cancel, &value);
  GIVES(STRAND_ERR_STALE, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle,
                          (one.handle = handle, strand_select(&one, 1, STRAND_FOREVER, 0, &index)));
  one = bad_case(STRAND_CASE_SEND, good_channel, NULL);
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  one = bad_case(1000, good_channel, &value);
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  one = bad_case(STRAND_CASE_FD, 1, NULL);
  GIVES(STRAND_ERR_UNSUPPORTED, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  one = bad_case(STRAND_CASE_TICKET, 1, NULL);
  REFUSES_FOREIGN_HANDLES(good_ticket, handle,
                          (one.handle = handle, strand_select(&one, 1, STRAND_FOREVER, 0, &index)));
  one = bad_case(STRAND_CASE_TICKET, gone_ticket, NULL);
  GIVES(STRAND_ERR_STALE, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  one = bad_case(STRAND_CASE_PARK, live_token, NULL);
  GIVES(now_in == ON_A_STRAND ? STRAND_ERR_INVALID : STRAND_ERR_NOT_ON_STRAND,
        strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  one = bad_case(STRAND_CASE_NONE, 0, NULL);
  GIVES(STRAND_ERR_INVALID, strand_select(&one, 1, STRAND_FOREVER, 0, &index));
  GIVES(STRAND_ERR_INVALID, strand_select(NULL, 0, STRAND_FOREVER, 0, &index));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_select(&one, 1, STRAND_NO_WAIT, 0, &index));
  GIVES(STRAND_ERR_TIMEOUT, strand_select(&one, 1, 1, 0, &index));
  CHECK_EQUAL(value, 77);
  CHECK_EQUAL(index, 4711);
}

static void row_chan_try_send(void) {
  const uint64_t value = 1;
  uint64_t back = 0;
  NEEDS_A_RUNTIME(strand_chan_try_send(good_channel, &value));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_try_send(handle, &value));
  GIVES(STRAND_ERR_STALE, strand_chan_try_send(gone_channel, &value));
  GIVES(STRAND_ERR_INVALID, strand_chan_try_send(good_channel, NULL));
  GIVES(STRAND_OK, strand_chan_try_send(good_channel, &value));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(good_channel, &value));
  GIVES(STRAND_OK, strand_chan_try_recv(good_channel, &back));
}

static void row_chan_try_recv(void) {
  uint64_t value = 77;
  NEEDS_A_RUNTIME(strand_chan_try_recv(good_channel, &value));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_try_recv(handle, &value));
  GIVES(STRAND_ERR_STALE, strand_chan_try_recv(gone_channel, &value));
  GIVES(STRAND_ERR_INVALID, strand_chan_try_recv(good_channel, NULL));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_chan_try_recv(good_channel, &value));
  CHECK_EQUAL(value, 77);
}

static void row_chan_length(void) {
  size_t length = 77;
  GIVES(STRAND_ERR_INVALID, strand_chan_length(good_channel, NULL));
  NEEDS_A_RUNTIME(strand_chan_length(good_channel, &length));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_length(handle, &length));
  GIVES(STRAND_ERR_STALE, strand_chan_length(gone_channel, &length));
  CHECK_EQUAL(length, 77);
  GIVES(STRAND_OK, strand_chan_length(good_channel, &length));
  CHECK_EQUAL(length, 0);
}

static void row_chan_close(void) {
  NEEDS_A_RUNTIME(strand_chan_close(good_channel));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_close(handle));
  GIVES(STRAND_ERR_STALE, strand_chan_close(gone_channel));
}

static void row_chan_retain(void) {
  NEEDS_A_RUNTIME(strand_chan_retain(good_channel));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_retain(handle));
  GIVES(STRAND_ERR_STALE, strand_chan_retain(gone_channel));
}

static void row_chan_release(void) {
  NEEDS_A_RUNTIME(strand_chan_release(good_channel));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_chan_release(handle));
  GIVES(STRAND_ERR_STALE, strand_chan_release(gone_channel));
}

static void row_monitor(void) {
  strand_monitor_id out = 77;
  strand_down down;
  GIVES(STRAND_ERR_INVALID, strand_monitor(live_strand, down_channel, 0, NULL));
  NEEDS_A_RUNTIME(strand_monitor(live_strand, down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(0, down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(UINT64_MAX, down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(good_channel, down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(good_generator, down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(live_token, down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(live_promise, down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(live_strand + (UINT64_C(1000000) << INDEX_BITS), down_channel, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(live_task + (UINT64_C(1000000) << INDEX_BITS), down_channel, 0, &out));
  REFUSES_FOREIGN_HANDLES(good_channel, handle, strand_monitor(live_strand, handle, 0, &out));
  GIVES(STRAND_ERR_INVALID, strand_monitor(live_strand, good_channel, 0, &out)); /* elements of 8 bytes */
  GIVES(STRAND_ERR_STALE, strand_monitor(live_strand, gone_channel, 0, &out));
  CHECK_EQUAL(out, 77);
  GIVES(STRAND_OK, strand_monitor(ended_strand, down_channel, 5, &gone_monitor));
  CHECK_OK(strand_chan_recv(down_channel, &down, STRAND_NO_WAIT));
  CHECK(down.state == STRAND_GONE && down.tag == 5 && down.monitor == gone_monitor);
  GIVES(STRAND_OK, strand_monitor(gone_task, down_channel, 6, &gone_monitor));
  CHECK_OK(strand_chan_recv(down_channel, &down, STRAND_NO_WAIT));
  CHECK(down.state == STRAND_GONE && down.tag == 6);
  GIVES(STRAND_OK, strand_monitor(live_strand, down_channel, 7, &live_monitor));
}

static void row_demonitor(void) {
  NEEDS_A_RUNTIME(strand_demonitor(live_monitor, 0));
  REFUSES_FOREIGN_HANDLES(live_monitor, handle, strand_demonitor(handle, 0));
  GIVES(STRAND_ERR_INVALID, strand_demonitor(live_monitor, good_channel));
  GIVES(STRAND_ERR_INVALID, strand_demonitor(live_monitor, live_monitor));
  GIVES(STRAND_ERR_STALE, strand_demonitor(gone_monitor, gone_channel));
  GIVES(STRAND_ERR_STALE, strand_demonitor(gone_monitor, 0));
  GIVES(STRAND_ERR_STALE, strand_demonitor(gone_monitor, down_channel));
  GIVES(STRAND_OK, strand_demonitor(live_monitor, down_channel));
  GIVES(STRAND_ERR_STALE, strand_demonitor(live_monitor, 0));
}

static void row_generator_new(void) {
  strand_generator_options options;
  strand_generator out = 77;
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, strand_generator_new(NULL, NULL, NULL, &out));
  GIVES(STRAND_ERR_INVALID, strand_generator_new(NULL, never_resumed, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_generator_new(&options, never_resumed, NULL, &out)); /* size 0 */
  options.size = (uint32_t)sizeof options;
  options.flags = 1;
  GIVES(STRAND_ERR_INVALID, strand_generator_new(&options, never_resumed, NULL, &out));
  options.flags = 0;
  options.name_length = 3;
  GIVES(STRAND_ERR_INVALID, strand_generator_new(&options, never_resumed, NULL, &out));
  options.name_length = 0;
  NEEDS_A_RUNTIME(strand_generator_new(&options, never_resumed, NULL, &out));
  options.stack_bytes = SIZE_MAX;
  GIVES(STRAND_ERR_LIMIT, strand_generator_new(&options, never_resumed, NULL, &out));
  CHECK_EQUAL(out, 77);
}

static void row_generator_resume(void) {
  uint64_t value = 77;
  GIVES(STRAND_ERR_INVALID, strand_generator_resume(good_generator, 1, &value, -2));
  NEEDS_A_RUNTIME(strand_generator_resume(good_generator, 1, &value, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_generator, handle, strand_generator_resume(handle, 1, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_generator_resume(gone_generator, 1, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_generator_resume(good_generator, 1, &value, STRAND_NO_WAIT));
  CHECK_EQUAL(value, 77);
}

static void row_generator_wait(void) {
  uint64_t value = 77;
  GIVES(STRAND_ERR_INVALID, strand_generator_wait(good_generator, &value, INT64_MIN));
  NEEDS_A_RUNTIME(strand_generator_wait(good_generator, &value, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_generator, handle, strand_generator_wait(handle, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_generator_wait(gone_generator, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_EMPTY, strand_generator_wait(good_generator, &value, STRAND_FOREVER));
  GIVES(STRAND_ERR_EMPTY, strand_generator_wait(good_generator, NULL, STRAND_NO_WAIT));
  CHECK_EQUAL(value, 77);
}

static void row_generator_yield(void) {
  uint64_t value = 77;
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_generator_yield(1, &value));
    GIVES(STRAND_ERR_INVALID, strand_generator_yield(1, NULL));
  } else {
    GIVES(without_a_runtime(), strand_generator_yield(1, &value));
  }
  CHECK_EQUAL(value, 77);
}

static void row_generator_self(void) { CHECK_EQUAL(strand_generator_self(), 0); }

static void row_generator_cancel(void) {
  NEEDS_A_RUNTIME(strand_generator_cancel(good_generator));
  REFUSES_FOREIGN_HANDLES(good_generator, handle, strand_generator_cancel(handle));
  GIVES(STRAND_ERR_STALE, strand_generator_cancel(gone_generator));
}

static void row_generator_release(void) {
  NEEDS_A_RUNTIME(strand_generator_release(good_generator));
  REFUSES_FOREIGN_HANDLES(good_generator, handle, strand_generator_release(handle));
  GIVES(STRAND_ERR_STALE, strand_generator_release(gone_generator));
}

static void row_generator_state(void) {
  uint32_t state = 77;
  strand_status code = 77;
  GIVES(STRAND_ERR_INVALID, strand_generator_state(good_generator, NULL, &code));
  NEEDS_A_RUNTIME(strand_generator_state(good_generator, &state, &code));
  REFUSES_FOREIGN_HANDLES(good_generator, handle, strand_generator_state(handle, &state, &code));
  GIVES(STRAND_ERR_STALE, strand_generator_state(gone_generator, &state, &code));
  CHECK_EQUAL(state, 77);
  GIVES(STRAND_OK, strand_generator_state(good_generator, &state, NULL));
  CHECK_EQUAL(state, STRAND_GENERATOR_DORMANT);
}

static void row_timer_new(void) {
  strand_timer timer = 77;
  GIVES(STRAND_ERR_INVALID, strand_timer_new(good_channel, 1, NULL));
  NEEDS_A_RUNTIME(strand_timer_new(0, 1, &timer));
  for (size_t size = 0; size < 3; size += 1) {
    static const size_t sizes[] = {0, 4, 16};
    const strand_chan other = new_channel(sizes[size], 1);
    GIVES(STRAND_ERR_INVALID, strand_timer_new(other, 1, &timer));
    CHECK_OK(strand_chan_release(other));
  }
  const strand_chan without_room = new_channel(8, 0);
  GIVES(STRAND_ERR_INVALID, strand_timer_new(without_room, 1, &timer));
  CHECK_OK(strand_chan_release(without_room));
  uint64_t foreign[MOST_FOREIGN];
  const size_t count = foreign_handles(good_channel, foreign);
  for (size_t which = 1; which < count; which += 1) { /* the first is 0, which means no channel */
    GIVES(STRAND_ERR_INVALID, strand_timer_new(foreign[which], 1, &timer));
  }
  GIVES(STRAND_ERR_STALE, strand_timer_new(gone_channel, 1, &timer));
  CHECK_EQUAL(timer, 77);
}

static void row_timer_start(void) {
  GIVES(STRAND_ERR_INVALID, strand_timer_start(good_timer, STRAND_NO_WAIT, 0));
  GIVES(STRAND_ERR_INVALID, strand_timer_start(good_timer, STRAND_FOREVER, 0));
  GIVES(STRAND_ERR_INVALID, strand_timer_start(good_timer, INT64_MIN, 0));
  GIVES(STRAND_ERR_INVALID, strand_timer_start(good_timer, 1, -1));
  NEEDS_A_RUNTIME(strand_timer_start(good_timer, INT64_MAX, 0));
  REFUSES_FOREIGN_HANDLES(good_timer, handle, strand_timer_start(handle, INT64_MAX, 0));
  GIVES(STRAND_ERR_STALE, strand_timer_start(gone_timer, INT64_MAX, 0));
}

static void row_timer_stop(void) {
  NEEDS_A_RUNTIME(strand_timer_stop(good_timer));
  REFUSES_FOREIGN_HANDLES(good_timer, handle, strand_timer_stop(handle));
  GIVES(STRAND_ERR_STALE, strand_timer_stop(gone_timer));
  GIVES(STRAND_ERR_ALREADY, strand_timer_stop(good_timer));
}

static void row_timer_wait(void) {
  uint64_t count = 77;
  GIVES(STRAND_ERR_INVALID, strand_timer_wait(good_timer, -2, &count));
  NEEDS_A_RUNTIME(strand_timer_wait(good_timer, STRAND_FOREVER, &count));
  REFUSES_FOREIGN_HANDLES(good_timer, handle, strand_timer_wait(handle, STRAND_FOREVER, &count));
  GIVES(STRAND_ERR_STALE, strand_timer_wait(gone_timer, STRAND_FOREVER, &count));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_timer_wait(good_timer, STRAND_NO_WAIT, &count));
  GIVES(STRAND_ERR_TIMEOUT, strand_timer_wait(good_timer, 1, NULL));
  CHECK_EQUAL(count, 77);
}

static void row_timer_release(void) {
  NEEDS_A_RUNTIME(strand_timer_release(good_timer));
  REFUSES_FOREIGN_HANDLES(good_timer, handle, strand_timer_release(handle));
  GIVES(STRAND_ERR_STALE, strand_timer_release(gone_timer));
}

static void row_ticket_await(void) {
  GIVES(STRAND_ERR_INVALID, strand_ticket_await(good_ticket, -2));
  NEEDS_A_RUNTIME(strand_ticket_await(good_ticket, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_ticket, handle, strand_ticket_await(handle, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_ticket_await(gone_ticket, STRAND_FOREVER));
  GIVES(STRAND_OK, strand_ticket_await(good_ticket, STRAND_NO_WAIT));
}

static void row_ticket_poll(void) {
  strand_status result = 77;
  NEEDS_A_RUNTIME(strand_ticket_poll(good_ticket, &result));
  REFUSES_FOREIGN_HANDLES(good_ticket, handle, strand_ticket_poll(handle, &result));
  GIVES(STRAND_ERR_STALE, strand_ticket_poll(gone_ticket, &result));
  GIVES(STRAND_ERR_INVALID, strand_ticket_poll(good_ticket, (strand_status *)((char *)&result + 1)));
  CHECK_EQUAL(result, 77);
  GIVES(STRAND_OK, strand_ticket_poll(good_ticket, NULL));
}

static void row_ticket_cancel(void) {
  NEEDS_A_RUNTIME(strand_ticket_cancel(good_ticket));
  REFUSES_FOREIGN_HANDLES(good_ticket, handle, strand_ticket_cancel(handle));
  GIVES(STRAND_ERR_STALE, strand_ticket_cancel(gone_ticket));
  GIVES(STRAND_ERR_ALREADY, strand_ticket_cancel(good_ticket));
}

static void row_ticket_release(void) {
  NEEDS_A_RUNTIME(strand_ticket_release(good_ticket));
  REFUSES_FOREIGN_HANDLES(good_ticket, handle, strand_ticket_release(handle));
  GIVES(STRAND_ERR_STALE, strand_ticket_release(gone_ticket));
}

static void row_device_count(void) {
  uint32_t count = 0;
  GIVES(STRAND_ERR_INVALID, strand_device_count(NULL));
  NEEDS_A_RUNTIME(strand_device_count(&count));
  GIVES(STRAND_OK, strand_device_count(&count));
}

static void row_device_describe(void) {
  strand_device_info info;
  memset(&info, 0, sizeof info);
  GIVES(STRAND_ERR_INVALID, strand_device_describe(0, NULL));
  GIVES(STRAND_ERR_INVALID, strand_device_describe(0, &info));
  info.size = 3;
  GIVES(STRAND_ERR_INVALID, strand_device_describe(0, &info));
  info.size = 8192;
  GIVES(STRAND_ERR_INVALID, strand_device_describe(0, &info));
  info.size = (uint32_t)sizeof info;
  NEEDS_A_RUNTIME(strand_device_describe(0, &info));
  GIVES(STRAND_ERR_INVALID, strand_device_describe(UINT32_MAX, &info));
  CHECK_EQUAL(info.kind, 0);
}

static void row_device_open(void) {
  strand_device device = 77;
  strand_device_options options;
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, strand_device_open(NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.size = (uint32_t)sizeof options;
  options.kind = STRAND_DEVICE_CPU;
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, NULL));
  options.kind = STRAND_DEVICE_CPU + 1;
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.kind = STRAND_DEVICE_CPU;
  options.flags = 1;
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.flags = 0;
  options.in_flight = 17;
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.in_flight = 0;
  options.latency = -1;
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.latency = INT64_MAX;
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.latency = 0;
  options.name = "\xff";
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.name = "";
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  options.name = NULL;
  NEEDS_A_RUNTIME(strand_device_open(&options, &device));
  options.name = "some adapter";
  GIVES(STRAND_ERR_INVALID, strand_device_open(&options, &device));
  CHECK_EQUAL(device, 77);
}

static void row_device_info_of(void) {
  strand_device_info info;
  memset(&info, 0, sizeof info);
  GIVES(STRAND_ERR_INVALID, strand_device_info_of(good_device, NULL));
  GIVES(STRAND_ERR_INVALID, strand_device_info_of(good_device, &info));
  info.size = (uint32_t)sizeof info;
  NEEDS_A_RUNTIME(strand_device_info_of(good_device, &info));
  REFUSES_FOREIGN_HANDLES(good_device, handle, strand_device_info_of(handle, &info));
  GIVES(STRAND_ERR_STALE, strand_device_info_of(gone_device, &info));
  CHECK_EQUAL(info.kind, 0);
}

static void row_device_close(void) {
  NEEDS_A_RUNTIME(strand_device_close(good_device));
  REFUSES_FOREIGN_HANDLES(good_device, handle, strand_device_close(handle));
  GIVES(STRAND_ERR_STALE, strand_device_close(gone_device));
}

static void row_buffer_new(void) {
  strand_buffer buffer = 77;
  GIVES(STRAND_ERR_INVALID, strand_buffer_new(good_device, 64, 0, NULL));
  GIVES(STRAND_ERR_INVALID, strand_buffer_new(good_device, 64, 1, &buffer));
  NEEDS_A_RUNTIME(strand_buffer_new(good_device, 64, 0, &buffer));
  REFUSES_FOREIGN_HANDLES(good_device, handle, strand_buffer_new(handle, 64, 0, &buffer));
  GIVES(STRAND_ERR_STALE, strand_buffer_new(gone_device, 64, 0, &buffer));
  GIVES(STRAND_ERR_INVALID, strand_buffer_new(good_device, 0, 0, &buffer));
  GIVES(STRAND_ERR_INVALID, strand_buffer_new(good_device, 63, 0, &buffer));
  GIVES(STRAND_ERR_LIMIT, strand_buffer_new(good_device, UINT64_MAX - 3, 0, &buffer));
  CHECK_EQUAL(buffer, 77);
}

static void row_buffer_write(void) {
  uint32_t words[2] = {1, 2};
  GIVES(STRAND_ERR_INVALID, strand_buffer_write(good_buffer, 0, NULL, 4));
  NEEDS_A_RUNTIME(strand_buffer_write(good_buffer, 0, words, 4));
  REFUSES_FOREIGN_HANDLES(good_buffer, handle, strand_buffer_write(handle, 0, words, 4));
  GIVES(STRAND_ERR_STALE, strand_buffer_write(gone_buffer, 0, words, 4));
  GIVES(STRAND_ERR_INVALID, strand_buffer_write(good_buffer, 1, words, 4));
  GIVES(STRAND_ERR_INVALID, strand_buffer_write(good_buffer, 64, words, 4));
  GIVES(STRAND_ERR_INVALID, strand_buffer_write(good_buffer, UINT64_MAX - 3, words, 8));
  GIVES(STRAND_ERR_INVALID, strand_buffer_write(good_buffer, 0, words, UINT64_MAX - 3));
}

static void row_buffer_read(void) {
  uint32_t word = 77;
  strand_ticket ticket = 77;
  GIVES(STRAND_ERR_INVALID, strand_buffer_read(good_buffer, 0, &word, 4, NULL));
  GIVES(STRAND_ERR_INVALID, strand_buffer_read(good_buffer, 0, NULL, 4, &ticket));
  NEEDS_A_RUNTIME(strand_buffer_read(good_buffer, 0, &word, 4, &ticket));
  REFUSES_FOREIGN_HANDLES(good_buffer, handle, strand_buffer_read(handle, 0, &word, 4, &ticket));
  GIVES(STRAND_ERR_STALE, strand_buffer_read(gone_buffer, 0, &word, 4, &ticket));
  GIVES(STRAND_ERR_INVALID, strand_buffer_read(good_buffer, 61, &word, 4, &ticket));
  GIVES(STRAND_ERR_INVALID, strand_buffer_read(good_buffer, UINT64_MAX, &word, 4, &ticket));
  CHECK_EQUAL(word, 77);
  CHECK_EQUAL(ticket, 77);
}

static void row_buffer_map(void) {
  void *address = &address;
  GIVES(STRAND_ERR_INVALID, strand_buffer_map(good_buffer, 0, 4, STRAND_MAP_READ, STRAND_FOREVER, NULL));
  GIVES(STRAND_ERR_INVALID, strand_buffer_map(good_buffer, 0, 4, STRAND_MAP_READ, -2, &address));
  GIVES(STRAND_ERR_INVALID, strand_buffer_map(good_buffer, 0, 4, 0, STRAND_FOREVER, &address));
  GIVES(STRAND_ERR_INVALID, strand_buffer_map(good_buffer, 0, 4, 4, STRAND_FOREVER, &address));
  NEEDS_A_RUNTIME(strand_buffer_map(good_buffer, 0, 4, STRAND_MAP_READ, STRAND_FOREVER, &address));
  REFUSES_FOREIGN_HANDLES(good_buffer, handle,
                          strand_buffer_map(handle, 0, 4, STRAND_MAP_READ, STRAND_FOREVER, &address));
  GIVES(STRAND_ERR_STALE, strand_buffer_map(gone_buffer, 0, 4, STRAND_MAP_READ, STRAND_FOREVER, &address));
  GIVES(STRAND_ERR_INVALID, strand_buffer_map(good_buffer, 64, 4, STRAND_MAP_READ, STRAND_FOREVER, &address));
  GIVES(STRAND_ERR_INVALID, strand_buffer_map(good_buffer, 0, 0, STRAND_MAP_READ, STRAND_FOREVER, &address));
  GIVES(STRAND_ERR_INVALID, strand_buffer_map(good_buffer, 0, 3, STRAND_MAP_WRITE, STRAND_FOREVER, &address));
  CHECK(address == &address);
}

static void row_buffer_unmap(void) {
  NEEDS_A_RUNTIME(strand_buffer_unmap(good_buffer));
  REFUSES_FOREIGN_HANDLES(good_buffer, handle, strand_buffer_unmap(handle));
  GIVES(STRAND_ERR_STALE, strand_buffer_unmap(gone_buffer));
  GIVES(STRAND_ERR_INVALID, strand_buffer_unmap(good_buffer));
}

static void row_buffer_release(void) {
  NEEDS_A_RUNTIME(strand_buffer_release(good_buffer));
  REFUSES_FOREIGN_HANDLES(good_buffer, handle, strand_buffer_release(handle));
  GIVES(STRAND_ERR_STALE, strand_buffer_release(gone_buffer));
}

static void row_program_new(void) {
  strand_program program = 77;
  strand_program_options options = kernel_options();
  GIVES(STRAND_ERR_INVALID, strand_program_new(good_device, &options, NULL));
  GIVES(STRAND_ERR_INVALID, strand_program_new(good_device, NULL, &program));
  options.size = 3;
  GIVES(STRAND_ERR_INVALID, strand_program_new(good_device, &options, &program));
  options = kernel_options();
  options.fields = 0;
  GIVES(STRAND_ERR_INVALID, strand_program_new(good_device, &options, &program));
  options = kernel_options();
  options.fan_out_max = UINT32_MAX;
  GIVES(STRAND_ERR_LIMIT, strand_program_new(good_device, &options, &program));
  options = kernel_options();
  NEEDS_A_RUNTIME(strand_program_new(good_device, &options, &program));
  REFUSES_FOREIGN_HANDLES(good_device, handle, strand_program_new(handle, &options, &program));
  GIVES(STRAND_ERR_STALE, strand_program_new(gone_device, &options, &program));
  options.kernel = NULL;
  GIVES(STRAND_ERR_UNSUPPORTED, strand_program_new(good_device, &options, &program));
  CHECK_EQUAL(program, 77);
}

static void row_program_release(void) {
  NEEDS_A_RUNTIME(strand_program_release(good_program));
  REFUSES_FOREIGN_HANDLES(good_program, handle, strand_program_release(handle));
  GIVES(STRAND_ERR_STALE, strand_program_release(gone_program));
}

static void row_worklist_new(void) {
  strand_worklist out = 77;
  strand_worklist_options options = worklist_options();
  GIVES(STRAND_ERR_INVALID, strand_worklist_new(good_program, &options, NULL));
  options.size = 0;
  GIVES(STRAND_ERR_INVALID, strand_worklist_new(good_program, &options, &out));
  options.size = 3;
  GIVES(STRAND_ERR_INVALID, strand_worklist_new(good_program, &options, &out));
#define WITH(status, field, value)                                      \
  do {                                                                  \
    options = worklist_options();                                       \
    options.field = (value);                                            \
    GIVES(status, strand_worklist_new(good_program, &options, &out));   \
  } while (0)
  WITH(STRAND_ERR_INVALID, flags, 2);
  WITH(STRAND_ERR_INVALID, order, 2);
  WITH(STRAND_ERR_INVALID, spill, 2);
  WITH(STRAND_ERR_INVALID, mode, 3);
  WITH(STRAND_ERR_LIMIT, bands, 6);
  WITH(STRAND_ERR_LIMIT, tenants, 31);
  WITH(STRAND_ERR_LIMIT, capacity, UINT32_MAX);
  WITH(STRAND_ERR_LIMIT, debug_max, (1u << 20) + 1);
  WITH(STRAND_ERR_UNSUPPORTED, reserved, 1);
  WITH(STRAND_ERR_INVALID, buffer_count, 1); /* buffers is NULL */
  options = worklist_options();
  NEEDS_A_RUNTIME(strand_worklist_new(good_program, &options, &out));
  REFUSES_FOREIGN_HANDLES(good_program, handle, strand_worklist_new(handle, &options, &out));
  GIVES(STRAND_ERR_STALE, strand_worklist_new(gone_program, &options, &out));
  WITH(STRAND_ERR_UNSUPPORTED, flags, STRAND_WORKLIST_DIFFERENTIAL);
  options = worklist_options();
  options.buffers = &good_buffer;
  options.buffer_count = 1;
  GIVES(STRAND_ERR_INVALID, strand_worklist_new(good_program, &options, &out)); /* the program has none */
#undef WITH
  CHECK_EQUAL(out, 77);
}

static void row_worklist_push(void) {
  const uint32_t items[8] = {0};
  GIVES(STRAND_ERR_INVALID, strand_worklist_push(good_worklist, NULL, 1, 0, 0, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_worklist_push(good_worklist, items, 1, 0, 0, -2));
  GIVES(STRAND_ERR_INVALID,
        strand_worklist_push(good_worklist, (const uint32_t *)(const void *)((const char *)items + 1), 1, 0, 0, 0));
  NEEDS_A_RUNTIME(strand_worklist_push(good_worklist, items, 1, 0, 0, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_push(handle, items, 1, 0, 0, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_worklist_push(gone_worklist, items, 1, 0, 0, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_worklist_push(good_worklist, items, 1, 2, 0, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_worklist_push(good_worklist, items, 1, STRAND_BAND_SAME, 0, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_worklist_push(good_worklist, items, 1, 0, 2, STRAND_FOREVER));
  GIVES(STRAND_ERR_LIMIT, strand_worklist_push(good_worklist, items, 5, 0, 0, STRAND_FOREVER));
  GIVES(STRAND_OK, strand_worklist_push(good_worklist, NULL, 0, 0, 0, STRAND_FOREVER));
}

static void row_worklist_push_tasks(void) {
  strand_work_task tasks[5];
  memset(tasks, 0, sizeof tasks);
  for (int i = 0; i < 5; i += 1) {
    tasks[i].state = STRAND_WORK_READY;
  }
  GIVES(STRAND_ERR_INVALID, strand_worklist_push_tasks(good_worklist, NULL, 1, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_worklist_push_tasks(good_worklist, tasks, 1, INT64_MIN));
  NEEDS_A_RUNTIME(strand_worklist_push_tasks(good_worklist, tasks, 1, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_push_tasks(handle, tasks, 1, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_worklist_push_tasks(gone_worklist, tasks, 1, STRAND_FOREVER));
  GIVES(STRAND_ERR_LIMIT, strand_worklist_push_tasks(good_worklist, tasks, 5, STRAND_FOREVER));
  tasks[0].state = STRAND_WORK_DONE;
  GIVES(STRAND_ERR_INVALID, strand_worklist_push_tasks(good_worklist, tasks, 1, STRAND_FOREVER));
  tasks[0].state = UINT32_MAX;
  GIVES(STRAND_ERR_INVALID, strand_worklist_push_tasks(good_worklist, tasks, 1, STRAND_FOREVER));
  tasks[0].state = STRAND_WORK_READY;
  tasks[0].priority = 2;
  GIVES(STRAND_ERR_INVALID, strand_worklist_push_tasks(good_worklist, tasks, 1, STRAND_FOREVER));
  tasks[0].priority = 0;
  tasks[0].input_handle = 1; /* not carried */
  GIVES(STRAND_ERR_INVALID, strand_worklist_push_tasks(good_worklist, tasks, 1, STRAND_FOREVER));
}

static void row_worklist_tenant(void) {
  GIVES(STRAND_ERR_INVALID, strand_worklist_tenant(good_worklist, 0, 2, 0));
  NEEDS_A_RUNTIME(strand_worklist_tenant(good_worklist, 0, 1, 0));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_tenant(handle, 0, 1, 0));
  GIVES(STRAND_ERR_STALE, strand_worklist_tenant(gone_worklist, 0, 1, 0));
  GIVES(STRAND_ERR_INVALID, strand_worklist_tenant(good_worklist, 2, 1, 0));
  GIVES(STRAND_ERR_INVALID, strand_worklist_tenant(good_worklist, UINT32_MAX, 1, 0));
}

static void row_worklist_dispatch(void) {
  strand_ticket ticket = 77;
  strand_run_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  GIVES(STRAND_ERR_INVALID, strand_worklist_dispatch(good_worklist, NULL, NULL));
  options.size = 4;
  GIVES(STRAND_ERR_INVALID, strand_worklist_dispatch(good_worklist, &options, &ticket));
  options.size = (uint32_t)sizeof options;
  options.flags = 2;
  GIVES(STRAND_ERR_INVALID, strand_worklist_dispatch(good_worklist, &options, &ticket));
  options.flags = 0;
  options.deadline = -2;
  GIVES(STRAND_ERR_INVALID, strand_worklist_dispatch(good_worklist, &options, &ticket));
  options.deadline = 0;
  options.reserved = 1;
  GIVES(STRAND_ERR_UNSUPPORTED, strand_worklist_dispatch(good_worklist, &options, &ticket));
  options.reserved = 0;
  options.workers = 1025;
  GIVES(STRAND_ERR_LIMIT, strand_worklist_dispatch(good_worklist, &options, &ticket));
  NEEDS_A_RUNTIME(strand_worklist_dispatch(good_worklist, NULL, &ticket));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_dispatch(handle, NULL, &ticket));
  GIVES(STRAND_ERR_STALE, strand_worklist_dispatch(gone_worklist, NULL, &ticket));
  CHECK_EQUAL(ticket, 77);
}

static void row_worklist_close(void) {
  NEEDS_A_RUNTIME(strand_worklist_close(good_worklist));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_close(handle));
  GIVES(STRAND_ERR_STALE, strand_worklist_close(gone_worklist));
}

static void row_worklist_resume(void) {
  uint64_t count = 77;
  NEEDS_A_RUNTIME(strand_worklist_resume(good_worklist, 1, &count));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_resume(handle, 1, &count));
  GIVES(STRAND_ERR_STALE, strand_worklist_resume(gone_worklist, 1, &count));
  CHECK_EQUAL(count, 77);
  GIVES(STRAND_OK, strand_worklist_resume(good_worklist, UINT32_MAX, NULL));
}

static void row_worklist_take(void) {
  uint32_t record = 77, count = 77;
  GIVES(STRAND_ERR_INVALID, strand_worklist_take(good_worklist, NULL, 1, &count));
  GIVES(STRAND_ERR_INVALID, strand_worklist_take(good_worklist, &record, 0, &count));
  NEEDS_A_RUNTIME(strand_worklist_take(good_worklist, &record, 1, &count));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_take(handle, &record, 1, &count));
  GIVES(STRAND_ERR_STALE, strand_worklist_take(gone_worklist, &record, 1, &count));
  GIVES(STRAND_ERR_EMPTY, strand_worklist_take(good_worklist, &record, 1, NULL));
  CHECK_EQUAL(record, 77);
  CHECK_EQUAL(count, 77);
}

static void row_worklist_take_tasks(void) {
  strand_work_task task;
  uint32_t count = 77;
  GIVES(STRAND_ERR_INVALID, strand_worklist_take_tasks(good_worklist, NULL, 1, &count));
  GIVES(STRAND_ERR_INVALID, strand_worklist_take_tasks(good_worklist, &task, 0, &count));
  NEEDS_A_RUNTIME(strand_worklist_take_tasks(good_worklist, &task, 1, &count));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_take_tasks(handle, &task, 1, &count));
  GIVES(STRAND_ERR_STALE, strand_worklist_take_tasks(gone_worklist, &task, 1, &count));
  GIVES(STRAND_ERR_EMPTY, strand_worklist_take_tasks(good_worklist, &task, 1, NULL));
  CHECK_EQUAL(count, 77);
}

static void row_worklist_faults(void) {
  strand_worklist_fault fault;
  uint32_t count = 77;
  GIVES(STRAND_ERR_INVALID, strand_worklist_faults(good_worklist, NULL, 1, &count));
  GIVES(STRAND_ERR_INVALID, strand_worklist_faults(good_worklist, &fault, 0, &count));
  NEEDS_A_RUNTIME(strand_worklist_faults(good_worklist, &fault, 1, &count));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_faults(handle, &fault, 1, &count));
  GIVES(STRAND_ERR_STALE, strand_worklist_faults(gone_worklist, &fault, 1, &count));
  GIVES(STRAND_ERR_EMPTY, strand_worklist_faults(good_worklist, &fault, 1, NULL));
  CHECK_EQUAL(count, 77);
}

static void row_worklist_debug(void) {
  strand_work_note note;
  uint32_t count = 77;
  uint64_t lost = 77;
  GIVES(STRAND_ERR_INVALID, strand_worklist_debug(good_worklist, NULL, 1, &count, &lost));
  GIVES(STRAND_ERR_INVALID, strand_worklist_debug(good_worklist, &note, 0, &count, &lost));
  NEEDS_A_RUNTIME(strand_worklist_debug(good_worklist, &note, 1, &count, &lost));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_debug(handle, &note, 1, &count, &lost));
  GIVES(STRAND_ERR_STALE, strand_worklist_debug(gone_worklist, &note, 1, &count, &lost));
  CHECK_EQUAL(lost, 77);
  GIVES(STRAND_ERR_EMPTY, strand_worklist_debug(good_worklist, &note, 1, NULL, NULL));
  GIVES(STRAND_ERR_EMPTY, strand_worklist_debug(good_worklist, &note, 1, &count, &lost));
  CHECK_EQUAL(count, 77);
  CHECK_EQUAL(lost, 0);
}

static void row_worklist_stats(void) {
  strand_worklist_statistics statistics;
  memset(&statistics, 0, sizeof statistics);
  GIVES(STRAND_ERR_INVALID, strand_worklist_stats(good_worklist, NULL));
  GIVES(STRAND_ERR_INVALID, strand_worklist_stats(good_worklist, &statistics));
  statistics.size = (uint32_t)sizeof statistics;
  NEEDS_A_RUNTIME(strand_worklist_stats(good_worklist, &statistics));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_stats(handle, &statistics));
  GIVES(STRAND_ERR_STALE, strand_worklist_stats(gone_worklist, &statistics));
  GIVES(STRAND_OK, strand_worklist_stats(good_worklist, &statistics));
}

static void row_worklist_evidence(void) {
  strand_evidence evidence;
  memset(&evidence, 0, sizeof evidence);
  GIVES(STRAND_ERR_INVALID, strand_worklist_evidence(good_worklist, NULL));
  GIVES(STRAND_ERR_INVALID, strand_worklist_evidence(good_worklist, &evidence));
  evidence.size = (uint32_t)sizeof evidence;
  NEEDS_A_RUNTIME(strand_worklist_evidence(good_worklist, &evidence));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_evidence(handle, &evidence));
  GIVES(STRAND_ERR_STALE, strand_worklist_evidence(gone_worklist, &evidence));
  GIVES(STRAND_OK, strand_worklist_evidence(good_worklist, &evidence));
}

static void row_worklist_release(void) {
  NEEDS_A_RUNTIME(strand_worklist_release(good_worklist));
  REFUSES_FOREIGN_HANDLES(good_worklist, handle, strand_worklist_release(handle));
  GIVES(STRAND_ERR_STALE, strand_worklist_release(gone_worklist));
}

static void row_graph_new(void) {
  strand_graph_options options = graph_options();
  const uint64_t falling[] = {0, 1, 0};
  const uint32_t far = 2;
  strand_graph graph = 77;
  GIVES(STRAND_ERR_INVALID, strand_graph_new(good_device, NULL, &graph));
  GIVES(STRAND_ERR_INVALID, strand_graph_new(good_device, &options, NULL));
  options.size = 12;
  GIVES(STRAND_ERR_INVALID, strand_graph_new(good_device, &options, &graph));
  options.size = (uint32_t)sizeof options;
  options.flags = 1;
  GIVES(STRAND_ERR_UNSUPPORTED, strand_graph_new(good_device, &options, &graph));
  options.flags = 0;
  options.offsets = NULL;
  GIVES(STRAND_ERR_INVALID, strand_graph_new(good_device, &options, &graph));
  options.offsets = falling;
  GIVES(STRAND_ERR_INVALID, strand_graph_new(good_device, &options, &graph));
  options = graph_options();
  options.targets = NULL;
  GIVES(STRAND_ERR_INVALID, strand_graph_new(good_device, &options, &graph));
  options = graph_options();
  options.vertices = UINT64_MAX;
  GIVES(STRAND_ERR_LIMIT, strand_graph_new(good_device, &options, &graph));
  options = graph_options();
  NEEDS_A_RUNTIME(strand_graph_new(good_device, &options, &graph));
  options.targets = &far;
  GIVES(STRAND_ERR_INVALID, strand_graph_new(good_device, &options, &graph));
  options = graph_options();
  REFUSES_FOREIGN_HANDLES(good_device, handle, strand_graph_new(handle, &options, &graph));
  GIVES(STRAND_ERR_STALE, strand_graph_new(gone_device, &options, &graph));
  CHECK_EQUAL(graph, 77);
  GIVES(STRAND_OK, strand_graph_new(good_device, &options, &graph));
  GIVES(STRAND_OK, strand_graph_release(graph));
}

typedef strand_status (*graph_search)(strand_graph, uint32_t, strand_buffer, const strand_run_options *, strand_ticket *);

static void row_of_a_search(graph_search search) {
  strand_run_options options;
  strand_ticket ticket = 77;
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, search(good_graph, 0, good_buffer, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, search(good_graph, 0, good_buffer, &options, &ticket)); /* its size is 0 */
  options.size = (uint32_t)sizeof options;
  options.flags = STRAND_RUN_UNTIL_CLOSED;
  GIVES(STRAND_ERR_INVALID, search(good_graph, 0, good_buffer, &options, &ticket));
  NEEDS_A_RUNTIME(search(good_graph, 0, good_buffer, NULL, &ticket));
  REFUSES_FOREIGN_HANDLES(good_graph, handle, search(handle, 0, good_buffer, NULL, &ticket));
  REFUSES_FOREIGN_HANDLES(good_buffer, handle, search(good_graph, 0, handle, NULL, &ticket));
  GIVES(STRAND_ERR_STALE, search(gone_graph, 0, good_buffer, NULL, &ticket));
  GIVES(STRAND_ERR_STALE, search(good_graph, 0, gone_buffer, NULL, &ticket));
  GIVES(STRAND_ERR_INVALID, search(good_graph, 2, good_buffer, NULL, &ticket));
  CHECK_EQUAL(ticket, 77);
  GIVES(STRAND_OK, search(good_graph, 1, good_buffer, NULL, &ticket));
  CHECK_OK(strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_OK(strand_ticket_release(ticket));
}

static void row_graph_bfs(void) { row_of_a_search(strand_graph_bfs); }
static void row_graph_sssp(void) { row_of_a_search(strand_graph_sssp); }

static void row_graph_release(void) {
  NEEDS_A_RUNTIME(strand_graph_release(good_graph));
  REFUSES_FOREIGN_HANDLES(good_graph, handle, strand_graph_release(handle));
  GIVES(STRAND_ERR_STALE, strand_graph_release(gone_graph));
}

/* What these do inside of a kernel is tested by worklist_runs.c. */
static void row_work_push(void) {
  const uint32_t record = 0;
  GIVES(STRAND_ERR_INVALID, strand_work_push(NULL, 0, &record, 0));
  GIVES(STRAND_ERR_INVALID, strand_work_push(NULL, 0, NULL, 0));
}
static void row_work_emit(void) {
  const uint32_t record = 0;
  GIVES(STRAND_ERR_INVALID, strand_work_emit(NULL, 0, &record));
  GIVES(STRAND_ERR_INVALID, strand_work_emit(NULL, 0, NULL));
}
static void row_work_requeue(void) { GIVES(STRAND_ERR_INVALID, strand_work_requeue(NULL, 0, 0, 0, STRAND_BAND_SAME)); }
static void row_work_yield(void) { GIVES(STRAND_ERR_INVALID, strand_work_yield(NULL, 0, 0, 0)); }
static void row_work_pause(void) { GIVES(STRAND_ERR_INVALID, strand_work_pause(NULL, 0, 0, 0, 1)); }
static void row_work_fault(void) { GIVES(STRAND_ERR_INVALID, strand_work_fault(NULL, 0, 1)); }
static void row_work_debug(void) {
  const uint32_t words[4] = {1, 2, 3, 4};
  GIVES(STRAND_ERR_INVALID, strand_work_debug(NULL, 0, words));
}
static void row_work_buffer(void) {
  uint64_t bytes = 77;
  CHECK(strand_work_buffer(NULL, 0, &bytes) == NULL);
  CHECK_EQUAL(bytes, 77);
}

static void row_automaton_compile(void) {
  strand_automaton automaton = 77;
  strand_pattern patterns[2];
  strand_automaton_options options;
  strand_pattern_error error;
  memset(&options, 0, sizeof options);
  memset(&error, 0, sizeof error);
  patterns[0] = patterns[1] = literal_pattern();
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, NULL, 2, NULL, &automaton));
  GIVES(STRAND_ERR_LIMIT, strand_automaton_compile(good_device, patterns, SIZE_MAX, NULL, &automaton));
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, &options, &automaton)); /* no size */
  options.size = (uint32_t)sizeof options;
  options.flags = 2;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, &options, &automaton));
  options.flags = 0;
  options.mode = 3;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, &options, &automaton));
  options.mode = 0;
  options.pattern_states_max = 16385;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, &options, &automaton));
  options.pattern_states_max = 0;
  options.error = &error; /* no size */
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, &options, &automaton));
  patterns[0].size = 0;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, NULL, &automaton));
  patterns[0].size = (uint32_t)sizeof patterns[0];
  patterns[1].size = 16;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, NULL, &automaton));
  patterns[1].size = (uint32_t)sizeof patterns[1];
  patterns[1].text = NULL;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, NULL, &automaton));
  patterns[1].text = "word";
  NEEDS_A_RUNTIME(strand_automaton_compile(good_device, patterns, 2, NULL, &automaton));
  REFUSES_FOREIGN_HANDLES(good_device, handle, strand_automaton_compile(handle, patterns, 2, NULL, &automaton));
  GIVES(STRAND_ERR_STALE, strand_automaton_compile(gone_device, patterns, 2, NULL, &automaton));
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, NULL, 0, NULL, &automaton));
  patterns[1].length = 0;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, NULL, &automaton));
  patterns[1].length = 4;
  patterns[1].flags = 16;
  GIVES(STRAND_ERR_INVALID, strand_automaton_compile(good_device, patterns, 2, NULL, &automaton));
  CHECK_EQUAL(automaton, 77);
}

static strand_chunk empty_chunk(void) {
  strand_chunk chunk;
  memset(&chunk, 0, sizeof chunk);
  chunk.size = (uint32_t)sizeof chunk;
  chunk.stream = 9;
  return chunk;
}

static void row_automaton_scan(void) {
  strand_ticket ticket = 77;
  strand_scan_options options;
  strand_chunk chunk = empty_chunk();
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, strand_automaton_scan(good_automaton, &chunk, 1, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_automaton_scan(good_automaton, NULL, 1, NULL, &ticket));
  GIVES(STRAND_ERR_LIMIT, strand_automaton_scan(good_automaton, &chunk, SIZE_MAX, NULL, &ticket));
  GIVES(STRAND_ERR_INVALID, strand_automaton_scan(good_automaton, &chunk, 1, &options, &ticket)); /* no size */
  options.size = (uint32_t)sizeof options;
  options.deadline = -2;
  GIVES(STRAND_ERR_INVALID, strand_automaton_scan(good_automaton, &chunk, 1, &options, &ticket));
  chunk.flags = 2;
  GIVES(STRAND_ERR_INVALID, strand_automaton_scan(good_automaton, &chunk, 1, NULL, &ticket));
  chunk = empty_chunk();
  chunk.length = 1; /* no data */
  GIVES(STRAND_ERR_INVALID, strand_automaton_scan(good_automaton, &chunk, 1, NULL, &ticket));
  chunk = empty_chunk();
  chunk.size = 32;
  GIVES(STRAND_ERR_INVALID, strand_automaton_scan(good_automaton, &chunk, 1, NULL, &ticket));
  chunk = empty_chunk();
  NEEDS_A_RUNTIME(strand_automaton_scan(good_automaton, &chunk, 1, NULL, &ticket));
  REFUSES_FOREIGN_HANDLES(good_automaton, handle, strand_automaton_scan(handle, &chunk, 1, NULL, &ticket));
  GIVES(STRAND_ERR_STALE, strand_automaton_scan(gone_automaton, &chunk, 1, NULL, &ticket));
  CHECK_EQUAL(ticket, 77);
}

typedef strand_status (*ingest_into)(uint64_t into, int fd, const strand_ingest_options *options, strand_ticket *out);
static strand_status scan_fd(uint64_t into, int fd, const strand_ingest_options *options, strand_ticket *out) {
  return strand_automaton_scan_fd(into, fd, 9, options, out);
}

static void row_of_an_ingest(ingest_into ingest, uint64_t good, uint64_t gone, int has_bands) {
  const int file = open("/dev/null", O_RDONLY), written = open("/dev/null", O_WRONLY);
  strand_ticket ticket = 77;
  strand_ingest_counts counts;
  strand_ingest_options options;
  CHECK(file >= 0 && written >= 0);
  memset(&counts, 0, sizeof counts);
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, ingest(good, file, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, ingest(good, file, &options, &ticket)); /* no size */
#define WITH(status, field, value)                    \
  do {                                                \
    memset(&options, 0, sizeof options);              \
    options.size = (uint32_t)sizeof options;          \
    options.field = (value);                          \
    GIVES(status, ingest(good, file, &options, &ticket)); \
  } while (0)
  WITH(STRAND_ERR_INVALID, flags, 2);
  WITH(STRAND_ERR_INVALID, deadline, -2);
  WITH(STRAND_ERR_LIMIT, block_bytes, (UINT64_C(1) << 30) + 1);
  WITH(STRAND_ERR_INVALID, counts, &counts); /* no size */
  counts.size = 16;
  WITH(STRAND_ERR_INVALID, counts, &counts); /* too small */
  if (initialised()) {
    WITH(STRAND_ERR_INVALID, band, has_bands ? 2 : 1);
    WITH(STRAND_ERR_INVALID, tenant, has_bands ? 2 : 1);
    if (has_bands) {
      WITH(STRAND_ERR_INVALID, bytes_max, 3); /* no whole records */
    }
    GIVES(STRAND_ERR_INVALID, ingest(good, -1, NULL, &ticket));
    GIVES(STRAND_ERR_INVALID, ingest(good, written, NULL, &ticket));
    REFUSES_FOREIGN_HANDLES(good, handle, ingest(handle, file, NULL, &ticket));
    GIVES(STRAND_ERR_STALE, ingest(gone, file, NULL, &ticket));
  } else {
    GIVES(STRAND_ERR_NOT_INITIALISED, ingest(good, file, NULL, &ticket));
  }
#undef WITH
  CHECK_EQUAL(ticket, 77);
  CHECK_EQUAL(close(file), 0);
  CHECK_EQUAL(close(written), 0);
}
static void row_worklist_ingest(void) { row_of_an_ingest(strand_worklist_ingest, good_worklist, gone_worklist, 1); }
static void row_automaton_scan_fd(void) { row_of_an_ingest(scan_fd, good_automaton, gone_automaton, 0); }

static void row_automaton_take(void) {
  strand_match found;
  size_t count = 77;
  GIVES(STRAND_ERR_INVALID, strand_automaton_take(good_automaton, &found, 1, NULL));
  GIVES(STRAND_ERR_INVALID, strand_automaton_take(good_automaton, NULL, 1, &count));
  NEEDS_A_RUNTIME(strand_automaton_take(good_automaton, &found, 1, &count));
  REFUSES_FOREIGN_HANDLES(good_automaton, handle, strand_automaton_take(handle, &found, 1, &count));
  GIVES(STRAND_ERR_STALE, strand_automaton_take(gone_automaton, &found, 1, &count));
  GIVES(STRAND_ERR_EMPTY, strand_automaton_take(good_automaton, &found, 1, &count));
  GIVES(STRAND_ERR_EMPTY, strand_automaton_take(good_automaton, NULL, 0, &count));
  CHECK_EQUAL(count, 77);
}

static void row_automaton_reset(void) {
  NEEDS_A_RUNTIME(strand_automaton_reset(good_automaton, 0));
  REFUSES_FOREIGN_HANDLES(good_automaton, handle, strand_automaton_reset(handle, 0));
  GIVES(STRAND_ERR_STALE, strand_automaton_reset(gone_automaton, 0));
}

static void row_automaton_stats(void) {
  strand_automaton_counts stats;
  memset(&stats, 0, sizeof stats);
  GIVES(STRAND_ERR_INVALID, strand_automaton_stats(good_automaton, NULL));
  GIVES(STRAND_ERR_INVALID, strand_automaton_stats(good_automaton, &stats));
  stats.size = (uint32_t)sizeof stats;
  NEEDS_A_RUNTIME(strand_automaton_stats(good_automaton, &stats));
  REFUSES_FOREIGN_HANDLES(good_automaton, handle, strand_automaton_stats(handle, &stats));
  GIVES(STRAND_ERR_STALE, strand_automaton_stats(gone_automaton, &stats));
}

static void row_automaton_release(void) {
  NEEDS_A_RUNTIME(strand_automaton_release(good_automaton));
  REFUSES_FOREIGN_HANDLES(good_automaton, handle, strand_automaton_release(handle));
  GIVES(STRAND_ERR_STALE, strand_automaton_release(gone_automaton));
}

static void row_statistics_read(void) {
  strand_statistics statistics;
  memset(&statistics, 0, sizeof statistics);
  GIVES(STRAND_ERR_INVALID, strand_statistics_read(NULL));
  statistics.size = (uint32_t)sizeof statistics;
  NEEDS_A_RUNTIME(strand_statistics_read(&statistics));
  statistics.size = 0;
  GIVES(STRAND_ERR_INVALID, strand_statistics_read(&statistics));
  statistics.size = 3;
  GIVES(STRAND_ERR_INVALID, strand_statistics_read(&statistics));
  statistics.size = (uint32_t)sizeof statistics;
  GIVES(STRAND_OK, strand_statistics_read(&statistics));
}

static void row_worker_runs(void) {
  uint64_t runs = 77;
  GIVES(STRAND_ERR_INVALID, strand_worker_runs(0, NULL));
  NEEDS_A_RUNTIME(strand_worker_runs(0, &runs));
  GIVES(STRAND_ERR_INVALID, strand_worker_runs(workers_there(1), &runs)); /* from 0 on */
  GIVES(STRAND_ERR_INVALID, strand_worker_runs(UINT32_MAX, &runs));
  CHECK_EQUAL(runs, 77);
}

static void row_scheduler_step(void) {
  strand_step_result result = {.size = sizeof result};
  GIVES(STRAND_ERR_INVALID, strand_scheduler_step(1, NULL));
  result.size = 4;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_step(1, &result));
  result.size = UINT32_MAX;
  GIVES(STRAND_ERR_INVALID, strand_scheduler_step(1, &result));
  result.size = (uint32_t)sizeof result;
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_scheduler_step(1, &result));
  } else if (now_in == ON_A_THREAD) {
    GIVES(STRAND_ERR_INVALID, strand_scheduler_step(0, &result));
    GIVES(is_stepped() ? STRAND_OK : STRAND_ERR_UNSUPPORTED, strand_scheduler_step(1, &result));
  } else {
    NEEDS_A_RUNTIME(strand_scheduler_step(1, &result));
  }
}

/* --------------------------------------------------------------------------------------- policies and lanes */

static void row_set_priority(void) {
  NEEDS_A_RUNTIME(strand_set_priority(live_strand, 1));
  NOT_UNDER_MAY(strand_set_priority(live_strand, 1));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_set_priority(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_set_priority(ended_strand, 1));
  GIVES(STRAND_OK, strand_set_priority(live_strand, INT32_MIN));
  GIVES(STRAND_OK, strand_set_priority(live_strand, INT32_MAX));
}

static void row_priority(void) {
  int32_t priority = 77;
  GIVES(STRAND_ERR_INVALID, strand_priority(live_strand, NULL));
  NEEDS_A_RUNTIME(strand_priority(live_strand, &priority));
  NOT_UNDER_MAY(strand_priority(live_strand, &priority));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_priority(handle, &priority));
  GIVES(STRAND_ERR_STALE, strand_priority(ended_strand, &priority));
  CHECK_EQUAL(priority, 77);
  GIVES(STRAND_OK, strand_priority(live_strand, &priority));
  CHECK_EQUAL(priority, INT32_MAX); /* as the row before has left it */
}

static void row_pause(void) {
  NEEDS_A_RUNTIME(strand_pause(live_strand));
  if (is_parallel()) {
    GIVES(STRAND_ERR_UNSUPPORTED, strand_pause(live_strand));
    return;
  }
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_pause(handle));
  GIVES(STRAND_ERR_STALE, strand_pause(ended_strand));
  GIVES(STRAND_OK, strand_pause(live_strand));
  GIVES(STRAND_OK, strand_pause(live_strand));
}

static void row_resume(void) {
  NEEDS_A_RUNTIME(strand_resume(live_strand));
  if (is_parallel()) {
    GIVES(STRAND_ERR_UNSUPPORTED, strand_resume(live_strand));
    return;
  }
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_resume(handle));
  GIVES(STRAND_ERR_STALE, strand_resume(ended_strand));
  GIVES(STRAND_OK, strand_resume(live_strand)); /* the row before holds it */
  GIVES(STRAND_OK, strand_resume(live_strand));
}

static void row_lane_new(void) {
  strand_lane_options options;
  uint32_t lane = 0;
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, strand_lane_new(NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_lane_new(&options, &lane)); /* its size is 0 */
  options.size = (uint32_t)sizeof options;
  options.name_length = 10; /* and no name */
  GIVES(STRAND_ERR_INVALID, strand_lane_new(&options, &lane));
  options.name_length = 0;
  NEEDS_A_RUNTIME(strand_lane_new(&options, &lane));
  NOT_UNDER_MAY(strand_lane_new(&options, &lane));
  options.reserved = 1;
  GIVES_EITHER(STRAND_ERR_UNSUPPORTED, STRAND_ERR_INVALID, strand_lane_new(&options, &lane));
  CHECK_EQUAL(lane, 0);
  GIVES(STRAND_OK, strand_lane_new(NULL, &lane));
  CHECK_NUMBERS(lane, >, 0);
}

static void row_set_lane(void) {
  NEEDS_A_RUNTIME(strand_set_lane(live_strand, 0, 0));
  NOT_UNDER_MAY(strand_set_lane(live_strand, 0, 0));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_set_lane(handle, 0, 0));
  GIVES(STRAND_ERR_STALE, strand_set_lane(ended_strand, 0, 0));
  GIVES(STRAND_ERR_INVALID, strand_set_lane(live_strand, UINT32_MAX, 0));
  GIVES(STRAND_ERR_INVALID, strand_set_lane(live_strand, 1000, 0));
  GIVES(STRAND_OK, strand_set_lane(live_strand, 0, UINT32_MAX));
}

static void row_lane(void) {
  uint32_t lane = 77;
  GIVES(STRAND_ERR_INVALID, strand_lane(live_strand, NULL));
  NEEDS_A_RUNTIME(strand_lane(live_strand, &lane));
  NOT_UNDER_MAY(strand_lane(live_strand, &lane));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_lane(handle, &lane));
  GIVES(STRAND_ERR_STALE, strand_lane(ended_strand, &lane));
  CHECK_EQUAL(lane, 77);
  GIVES(STRAND_OK, strand_lane(live_strand, &lane));
  CHECK_EQUAL(lane, 0);
}

static void row_tokens_grant(void) {
  NEEDS_A_RUNTIME(strand_tokens_grant(live_strand, 1));
  NOT_UNDER_MAY(strand_tokens_grant(live_strand, 1));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_tokens_grant(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_tokens_grant(ended_strand, 1));
  GIVES(STRAND_OK, strand_tokens_grant(live_strand, 0));
  GIVES(STRAND_OK, strand_tokens_grant(live_strand, UINT32_MAX)); /* what is too much is lost */
}

static void row_tokens_move(void) {
  NEEDS_A_RUNTIME(strand_tokens_move(live_strand, live_strand, 0));
  NOT_UNDER_MAY(strand_tokens_move(live_strand, live_strand, 0));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_tokens_move(handle, live_strand, 1));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_tokens_move(live_strand, handle, 1));
  GIVES(STRAND_ERR_STALE, strand_tokens_move(ended_strand, live_strand, 1));
  GIVES(STRAND_ERR_STALE, strand_tokens_move(live_strand, ended_strand, 1));
  GIVES(STRAND_ERR_INVALID, strand_tokens_move(live_strand, live_strand, UINT32_MAX)); /* it has fewer */
}

static void row_tokens(void) {
  uint32_t tokens = 77;
  GIVES(STRAND_ERR_INVALID, strand_tokens(live_strand, NULL));
  NEEDS_A_RUNTIME(strand_tokens(live_strand, &tokens));
  NOT_UNDER_MAY(strand_tokens(live_strand, &tokens));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_tokens(handle, &tokens));
  GIVES(STRAND_ERR_STALE, strand_tokens(ended_strand, &tokens));
  CHECK_EQUAL(tokens, 77);
  GIVES(STRAND_OK, strand_tokens(live_strand, &tokens));
  CHECK_EQUAL(tokens, 16); /* the most, unless the configuration says otherwise */
}

static void row_handoffs_read(void) {
  strand_handoff record;
  size_t count = 77;
  uint64_t dropped = 77;
  GIVES(STRAND_ERR_INVALID, strand_handoffs_read(&record, 1, NULL, &dropped));
  GIVES(STRAND_ERR_INVALID, strand_handoffs_read(NULL, 1, &count, &dropped));
  CHECK_EQUAL(count, 77);
  NEEDS_A_RUNTIME(strand_handoffs_read(&record, 1, &count, &dropped));
  NOT_UNDER_MAY(strand_handoffs_read(&record, 1, &count, &dropped));
  GIVES(STRAND_OK, strand_handoffs_read(NULL, 0, &count, NULL));
  GIVES(STRAND_OK, strand_handoffs_read(&record, 1, &count, &dropped));
  CHECK_EQUAL(count, 0);
  CHECK_EQUAL(dropped, 0);
}

/* ------------------------------------------------------------------------------------------------------- locks */

static uint64_t scrap[8]; /* all zero is a good object of each kind */

/* What a pointer to an object in the program's memory is checked for, whether there is a runtime or not. */
#define REFUSES_BAD_OBJECTS(type, object, call)                        \
  do {                                                                 \
    type *object = NULL;                                               \
    GIVES(STRAND_ERR_INVALID, call);                                   \
    object = (type *)(void *)((char *)scrap + 4);                      \
    GIVES(STRAND_ERR_INVALID, call);                                   \
    memset(scrap, 0, sizeof scrap);                                    \
    object = (type *)(void *)scrap;                                    \
    if (!initialised()) {                                              \
      GIVES(STRAND_ERR_NOT_INITIALISED, call);                         \
      return;                                                          \
    }                                                                  \
  } while (0)

static void row_mutex_lock(void) {
  strand_mutex *good = (strand_mutex *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_mutex, mutex, strand_mutex_lock(mutex, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_mutex_lock(good, -2));
  GIVES(STRAND_ERR_INVALID, strand_mutex_lock(good, INT64_MIN));
  GIVES(STRAND_OK, strand_mutex_lock(good, 1)); /* a deadline in the past tries once */
  GIVES(STRAND_ERR_DEADLOCK, strand_mutex_lock(good, STRAND_FOREVER));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_mutex_lock(good, STRAND_NO_WAIT));
  GIVES(STRAND_OK, strand_mutex_unlock(good));
}

static void row_mutex_unlock(void) {
  strand_mutex *good = (strand_mutex *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_mutex, mutex, strand_mutex_unlock(mutex));
  GIVES(STRAND_ERR_INVALID, strand_mutex_unlock(good));
  good->opaque[0] = UINT64_MAX; /* what no mutex ever holds is nobody's */
  GIVES(STRAND_ERR_INVALID, strand_mutex_unlock(good));
}

static void row_rwlock_read_lock(void) {
  strand_rwlock *good = (strand_rwlock *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_rwlock, lock, strand_rwlock_read_lock(lock, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_rwlock_read_lock(good, -2));
  GIVES(STRAND_OK, strand_rwlock_write_lock(good, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_DEADLOCK, strand_rwlock_read_lock(good, STRAND_FOREVER));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_rwlock_read_lock(good, STRAND_NO_WAIT));
  GIVES(STRAND_OK, strand_rwlock_write_unlock(good));
}

static void row_rwlock_read_unlock(void) {
  strand_rwlock *good = (strand_rwlock *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_rwlock, lock, strand_rwlock_read_unlock(lock));
  GIVES(STRAND_ERR_INVALID, strand_rwlock_read_unlock(good));
  GIVES(STRAND_OK, strand_rwlock_write_lock(good, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_rwlock_read_unlock(good));
}

static void row_rwlock_write_lock(void) {
  strand_rwlock *good = (strand_rwlock *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_rwlock, lock, strand_rwlock_write_lock(lock, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_rwlock_write_lock(good, INT64_MIN));
  GIVES(STRAND_OK, strand_rwlock_read_lock(good, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_DEADLOCK, strand_rwlock_write_lock(good, STRAND_FOREVER));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_rwlock_write_lock(good, STRAND_NO_WAIT));
}

static void row_rwlock_write_unlock(void) {
  strand_rwlock *good = (strand_rwlock *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_rwlock, lock, strand_rwlock_write_unlock(lock));
  GIVES(STRAND_ERR_INVALID, strand_rwlock_write_unlock(good));
  GIVES(STRAND_OK, strand_rwlock_read_lock(good, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_rwlock_write_unlock(good));
}

static void row_semaphore_acquire(void) {
  strand_semaphore *good = (strand_semaphore *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_semaphore, semaphore, strand_semaphore_acquire(semaphore, 1, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_semaphore_acquire(good, 0, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_semaphore_acquire(good, 1, -2));
  GIVES(STRAND_ERR_LIMIT, strand_semaphore_acquire(good, STRAND_SEMAPHORE_MAX + 1, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_LIMIT, strand_semaphore_acquire(good, UINT64_MAX, STRAND_FOREVER));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_semaphore_acquire(good, STRAND_SEMAPHORE_MAX, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_TIMEOUT, strand_semaphore_acquire(good, 1, 1));
}

static void row_semaphore_release(void) {
  strand_semaphore *good = (strand_semaphore *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_semaphore, semaphore, strand_semaphore_release(semaphore, 1));
  GIVES(STRAND_ERR_INVALID, strand_semaphore_release(good, 0));
  GIVES(STRAND_ERR_LIMIT, strand_semaphore_release(good, UINT64_MAX));
  GIVES(STRAND_OK, strand_semaphore_release(good, STRAND_SEMAPHORE_MAX));
  GIVES(STRAND_ERR_LIMIT, strand_semaphore_release(good, 1));
}

static void row_condition_wait(void) {
  strand_condition *good = (strand_condition *)(void *)scrap;
  strand_mutex own = STRAND_MUTEX_INIT;
  GIVES(STRAND_ERR_INVALID, strand_condition_wait(good, NULL, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_condition_wait(good, &own, -2));
  if (initialised()) {
    GIVES(STRAND_ERR_INVALID, strand_condition_wait(good, &own, STRAND_FOREVER)); /* not held */
    GIVES(STRAND_ERR_INVALID, strand_condition_wait(good, &own, STRAND_NO_WAIT));
    GIVES(STRAND_OK, strand_mutex_lock(&own, STRAND_NO_WAIT));
    GIVES(STRAND_ERR_WOULD_BLOCK, strand_condition_wait(good, &own, STRAND_NO_WAIT));
    GIVES(STRAND_ERR_TIMEOUT, strand_condition_wait(good, &own, 1));
    GIVES(STRAND_OK, strand_mutex_unlock(&own)); /* still held */
    return;
  }
  REFUSES_BAD_OBJECTS(strand_condition, condition, strand_condition_wait(condition, &own, STRAND_FOREVER));
}

static void row_condition_signal(void) {
  REFUSES_BAD_OBJECTS(strand_condition, condition, strand_condition_signal(condition));
  GIVES(STRAND_OK, strand_condition_signal((strand_condition *)(void *)scrap));
}

static void row_condition_broadcast(void) {
  REFUSES_BAD_OBJECTS(strand_condition, condition, strand_condition_broadcast(condition));
  GIVES(STRAND_OK, strand_condition_broadcast((strand_condition *)(void *)scrap));
}

static void row_wait_group_add(void) {
  strand_wait_group *good = (strand_wait_group *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_wait_group, group, strand_wait_group_add(group, 1));
  GIVES(STRAND_ERR_INVALID, strand_wait_group_add(good, INT64_MIN));
  GIVES(STRAND_ERR_INVALID, strand_wait_group_add(good, -2));
  GIVES(STRAND_ERR_LIMIT, strand_wait_group_add(good, INT64_MAX));
  GIVES(STRAND_OK, strand_wait_group_add(good, 0));
  GIVES(STRAND_OK, strand_wait_group_add(good, 2));
  GIVES(STRAND_ERR_INVALID, strand_wait_group_add(good, -3));
  GIVES(STRAND_OK, strand_wait_group_add(good, -2));
}

static void row_wait_group_done(void) {
  REFUSES_BAD_OBJECTS(strand_wait_group, group, strand_wait_group_done(group));
  GIVES(STRAND_ERR_INVALID, strand_wait_group_done((strand_wait_group *)(void *)scrap));
}

static void row_wait_group_wait(void) {
  strand_wait_group *good = (strand_wait_group *)(void *)scrap;
  REFUSES_BAD_OBJECTS(strand_wait_group, group, strand_wait_group_wait(group, STRAND_FOREVER));
  GIVES(STRAND_ERR_INVALID, strand_wait_group_wait(good, -2));
  GIVES(STRAND_OK, strand_wait_group_add(good, 1));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_wait_group_wait(good, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_TIMEOUT, strand_wait_group_wait(good, 1));
}

static void once_nothing(void *data) { (void)data; }
static void once_again(void *data) { GIVES(STRAND_ERR_DEADLOCK, strand_once_do(data, once_nothing, NULL, 1)); }

static void row_once_do(void) {
  strand_once *good = (strand_once *)(void *)scrap;
  GIVES(STRAND_ERR_INVALID, strand_once_do(good, NULL, NULL, STRAND_NO_WAIT));
  GIVES(STRAND_ERR_INVALID, strand_once_do(good, once_nothing, NULL, -2));
  REFUSES_BAD_OBJECTS(strand_once, once, strand_once_do(once, once_again, once, STRAND_NO_WAIT));
  GIVES(STRAND_OK, strand_once_do(good, once_nothing, NULL, 1));
  GIVES(STRAND_OK, strand_once_do(good, once_nothing, NULL, STRAND_FOREVER));
}

/* ------------------------------------------------------------------------------------------------ recordings */

static int32_t count_line(const char *text, size_t length, void *data) {
  (void)text;
  *(size_t *)data += length;
  return 0;
}

static void row_recording_verify(void) {
  strand_recording_summary summary;
  memset(&summary, 0, sizeof summary);
  summary.size = (uint32_t)sizeof summary;
  GIVES(STRAND_ERR_INVALID, strand_recording_verify(NULL, &summary));
  GIVES(STRAND_ERR_IO, strand_recording_verify("", &summary));
  GIVES(STRAND_ERR_IO, strand_recording_verify("no-such-folder/no-such-file", NULL));
  GIVES_EITHER(STRAND_ERR_REPLAY, STRAND_ERR_IO, strand_recording_verify("/dev/null", NULL)); /* empty */
  GIVES_EITHER(STRAND_ERR_REPLAY, STRAND_ERR_IO, strand_recording_verify("/proc/self/exe", NULL));
  CHECK_EQUAL(summary.steps, 0);
  summary.size = 3;
  GIVES_EITHER(STRAND_ERR_INVALID, STRAND_ERR_REPLAY, strand_recording_verify("/proc/self/exe", &summary));
}

static void row_recording_print(void) {
  size_t printed = 0;
  GIVES(STRAND_ERR_INVALID, strand_recording_print(NULL, count_line, &printed));
  GIVES(STRAND_ERR_INVALID, strand_recording_print("no-such-file", NULL, NULL));
  GIVES(STRAND_ERR_IO, strand_recording_print("no-such-file", count_line, &printed));
  GIVES_EITHER(STRAND_ERR_REPLAY, STRAND_ERR_IO, strand_recording_print("/dev/null", count_line, &printed));
}

static void row_input(void) {
  unsigned char bytes[4] = {1, 2, 3, 4};
  NEEDS_A_RUNTIME(strand_input(0, bytes, sizeof bytes));
  GIVES(STRAND_ERR_INVALID, strand_input(0, NULL, 1));
  GIVES(STRAND_OK, strand_input(UINT32_MAX, NULL, 0));
  GIVES(STRAND_OK, strand_input(0, bytes, sizeof bytes)); /* nothing is recorded: nothing happens */
  CHECK_EQUAL(bytes[3], 4);
}

static void row_explore(void) {
  strand_explore_options options;
  strand_explore_result result;
  const strand_status instead = is_stepped() ? STRAND_ERR_BUSY : STRAND_ERR_UNSUPPORTED; /* that may be said first */
  memset(&options, 0, sizeof options);
  memset(&result, 0, sizeof result);
  result.size = (uint32_t)sizeof result;
  GIVES(STRAND_ERR_INVALID, strand_explore(NULL, NULL, NULL, &result));
  options.size = (uint32_t)sizeof options;
  NEEDS_A_RUNTIME(strand_explore(&options, return_at_once, NULL, &result));
  options.size = 0;
  GIVES_EITHER(STRAND_ERR_INVALID, instead, strand_explore(&options, return_at_once, NULL, &result));
  options.size = UINT32_MAX;
  GIVES_EITHER(STRAND_ERR_INVALID, instead, strand_explore(&options, return_at_once, NULL, &result));
  options.size = (uint32_t)sizeof options;
  result.size = 3;
  GIVES_EITHER(STRAND_ERR_INVALID, instead, strand_explore(&options, return_at_once, NULL, &result));
  result.size = (uint32_t)sizeof result;
  if (now_in == ON_A_STRAND) {
    GIVES(STRAND_ERR_INVALID, strand_explore(&options, return_at_once, NULL, NULL));
  } else {
    GIVES(is_stepped() ? STRAND_ERR_BUSY : STRAND_ERR_UNSUPPORTED, strand_explore(NULL, return_at_once, NULL, NULL));
    options.plan = "purple";
    GIVES(STRAND_ERR_INVALID, strand_explore(&options, return_at_once, NULL, NULL));
    options.plan = "random:runs=";
    GIVES(STRAND_ERR_INVALID, strand_explore(&options, return_at_once, NULL, NULL));
  }
}

static void row_assert(void) {
  GIVES(STRAND_OK, strand_assert(1, NULL));
  GIVES(STRAND_OK, strand_assert(-1, "true"));
  if (now_in != ON_A_STRAND) {
    GIVES(STRAND_ERR_FAILED, strand_assert(0, NULL));
    GIVES(STRAND_ERR_FAILED, strand_assert(0, "it is not so"));
    CHECK_LAST_ERROR_SAYS("it is not so");
  }
}

static void row_info(void) {
  char buffer[4] = "xxx";
  size_t needed = 77;
  forget_last_error();
  CHECK_STATUS(STRAND_ERR_INVALID, strand_info(NULL, buffer, sizeof buffer, &needed));
  CHECK(strand_last_error(NULL, 0) > 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_info("", buffer, sizeof buffer, &needed));
  GIVES(STRAND_ERR_INVALID, strand_info("version", NULL, 4, &needed));
  CHECK_EQUAL(needed, 77);
  CHECK_EQUAL(buffer[0], 'x');
  GIVES(STRAND_OK, strand_info("version", NULL, 0, NULL));
  GIVES(STRAND_OK, strand_info("version", buffer, sizeof buffer, &needed));
  CHECK_EQUAL(needed, strlen(STRAND_VERSION_STRING));
  CHECK_EQUAL(strncmp(buffer, STRAND_VERSION_STRING, 3), 0);
  CHECK_EQUAL(buffer[3], '\0');
  NEEDS_A_RUNTIME(strand_info("workers", buffer, sizeof buffer, NULL));
}

static void row_dump(void) {
  char buffer[4];
  const size_t length = strand_dump(NULL, 0);
  CHECK((length > 0) == initialised());
  (void)strand_dump(NULL, SIZE_MAX);
  memset(buffer, 'x', sizeof buffer);
  CHECK_EQUAL(strand_dump(buffer, 2) > 0, initialised());
  CHECK_EQUAL(buffer[length > 0 ? 1 : 0], '\0');
  CHECK_EQUAL(buffer[2], 'x');
}

static void row_snapshot(void) {
  char buffer[4];
  const size_t length = strand_snapshot(NULL, 0);
  CHECK((length > 0) == initialised());
  (void)strand_snapshot(NULL, SIZE_MAX);
  memset(buffer, 'x', sizeof buffer);
  CHECK_EQUAL(strand_snapshot(buffer, 2) > 0, initialised());
  CHECK_EQUAL(buffer[length > 0 ? 1 : 0], '\0');
  CHECK_EQUAL(buffer[2], 'x');
}

/* ------------------------------------------------------------------------------------------ tasks and promises */

static strand_status answer_at_once(void *arg, uint64_t *value) {
  *value = (uint64_t)(uintptr_t)arg;
  return STRAND_OK;
}

static void row_task_spawn(void) {
  strand_task task = 77;
  GIVES(STRAND_ERR_INVALID, strand_task_spawn(0, NULL, NULL, &task));
  NEEDS_A_RUNTIME(strand_task_spawn(0, answer_at_once, NULL, &task));
  GIVES(STRAND_ERR_INVALID, strand_task_spawn(1, answer_at_once, NULL, &task));
  GIVES(STRAND_ERR_INVALID, strand_task_spawn(live_task, answer_at_once, NULL, &task));
  CHECK_EQUAL(task, 77);
  GIVES(STRAND_OK, strand_task_spawn(0, answer_at_once, NULL, NULL));
}

static void row_task_spawn_with(void) {
  strand_task_options options = {.size = sizeof options};
  strand_task task = 77;
  GIVES(STRAND_ERR_INVALID, strand_task_spawn_with(&options, NULL, NULL, &task));
  options.size = 4;
  GIVES(STRAND_ERR_INVALID, strand_task_spawn_with(&options, answer_at_once, NULL, &task));
  options.size = (uint32_t)sizeof options;
  options.flags = STRAND_SPAWN_DORMANT;
  GIVES(STRAND_ERR_INVALID, strand_task_spawn_with(&options, answer_at_once, NULL, &task));
  options.flags = 0;
  options.name_length = 3;
  GIVES(STRAND_ERR_INVALID, strand_task_spawn_with(&options, answer_at_once, NULL, &task));
  options.name_length = 0;
  NEEDS_A_RUNTIME(strand_task_spawn_with(&options, answer_at_once, NULL, &task));
  options.scope = 1;
  GIVES(STRAND_ERR_INVALID, strand_task_spawn_with(&options, answer_at_once, NULL, &task));
  options.scope = 0;
  options.stack_bytes = SIZE_MAX;
  GIVES(STRAND_ERR_LIMIT, strand_task_spawn_with(&options, answer_at_once, NULL, &task));
  options.stack_bytes = 0;
  options.lane = 999;
  GIVES(is_may() ? STRAND_ERR_UNSUPPORTED : STRAND_ERR_INVALID, strand_task_spawn_with(&options, answer_at_once, NULL, &task));
  CHECK_EQUAL(task, 77);
  GIVES(STRAND_OK, strand_task_spawn_with(NULL, answer_at_once, NULL, NULL));
}

static void row_task_await(void) {
  uint64_t value = 77;
  GIVES(STRAND_ERR_INVALID, strand_task_await(live_task, -2, &value));
  NEEDS_A_RUNTIME(strand_task_await(live_task, STRAND_FOREVER, &value));
  REFUSES_FOREIGN_HANDLES(live_task, handle, strand_task_await(handle, STRAND_FOREVER, &value));
  GIVES(STRAND_ERR_STALE, strand_task_await(gone_task, STRAND_FOREVER, &value));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_task_await(live_task, STRAND_NO_WAIT, &value));
  GIVES(STRAND_ERR_TIMEOUT, strand_task_await(live_task, 1, NULL));
  CHECK_EQUAL(value, 77);
}

static void row_task_take(void) {
  uint64_t value = 77;
  GIVES(STRAND_ERR_INVALID, strand_task_take(live_task, STRAND_FOREVER, NULL));
  GIVES(STRAND_ERR_INVALID, strand_task_take(live_task, INT64_MIN, &value));
  NEEDS_A_RUNTIME(strand_task_take(live_task, STRAND_FOREVER, &value));
  REFUSES_FOREIGN_HANDLES(live_task, handle, strand_task_take(handle, STRAND_FOREVER, &value));
  GIVES(STRAND_ERR_STALE, strand_task_take(gone_task, STRAND_FOREVER, &value));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_task_take(live_task, STRAND_NO_WAIT, &value));
  CHECK_EQUAL(value, 77);
}

static void row_task_outcome(void) {
  strand_outcome outcome = {.size = sizeof outcome, .state = 77};
  GIVES(STRAND_ERR_INVALID, strand_task_outcome(live_task, NULL));
  outcome.size = 0;
  GIVES(STRAND_ERR_INVALID, strand_task_outcome(live_task, &outcome));
  outcome.size = sizeof outcome;
  NEEDS_A_RUNTIME(strand_task_outcome(live_task, &outcome));
  REFUSES_FOREIGN_HANDLES(live_task, handle, strand_task_outcome(handle, &outcome));
  GIVES(STRAND_ERR_STALE, strand_task_outcome(gone_task, &outcome));
  CHECK_EQUAL(outcome.state, 77);
  GIVES(STRAND_OK, strand_task_outcome(live_task, &outcome));
  CHECK_EQUAL(outcome.state, STRAND_PENDING);
}

static void row_task_fault(void) {
  strand_fault fault = {.size = sizeof fault};
  GIVES(STRAND_ERR_INVALID, strand_task_fault(live_task, 0, NULL));
  fault.size = UINT32_MAX;
  GIVES(STRAND_ERR_INVALID, strand_task_fault(live_task, 0, &fault));
  fault.size = sizeof fault;
  NEEDS_A_RUNTIME(strand_task_fault(live_task, 0, &fault));
  REFUSES_FOREIGN_HANDLES(live_task, handle, strand_task_fault(handle, 0, &fault));
  GIVES(STRAND_ERR_STALE, strand_task_fault(gone_task, 0, &fault));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_task_fault(live_task, 0, &fault));
}

static void row_task_cancel(void) {
  NEEDS_A_RUNTIME(strand_task_cancel(live_task, 0));
  REFUSES_FOREIGN_HANDLES(live_task, handle, strand_task_cancel(handle, 0));
  GIVES(STRAND_ERR_STALE, strand_task_cancel(gone_task, 0));
}

static void row_task_retain(void) {
  NEEDS_A_RUNTIME(strand_task_retain(live_task));
  REFUSES_FOREIGN_HANDLES(live_task, handle, strand_task_retain(handle));
  GIVES(STRAND_ERR_STALE, strand_task_retain(gone_task));
  GIVES(STRAND_OK, strand_task_retain(live_task));
}

static void row_task_release(void) {
  NEEDS_A_RUNTIME(strand_task_release(live_task));
  REFUSES_FOREIGN_HANDLES(live_task, handle, strand_task_release(handle));
  GIVES(STRAND_ERR_STALE, strand_task_release(gone_task));
  GIVES(STRAND_OK, strand_task_release(live_task)); /* what the row before has taken */
}

static void row_task_self(void) { CHECK_EQUAL(strand_task_self(), 0); }

static void row_promise_new(void) {
  strand_promise promise = 77;
  strand_task task = 77;
  GIVES(STRAND_ERR_INVALID, strand_promise_new(0, NULL, &task));
  GIVES(STRAND_ERR_INVALID, strand_promise_new(0, &promise, NULL));
  NEEDS_A_RUNTIME(strand_promise_new(0, &promise, &task));
  GIVES(STRAND_ERR_INVALID, strand_promise_new(1, &promise, &task));
  GIVES(STRAND_ERR_INVALID, strand_promise_new(live_promise, &promise, &task));
  CHECK_EQUAL(promise, 77);
  CHECK_EQUAL(task, 77);
}

static void row_promise_new_with(void) {
  strand_promise_options options = {.size = sizeof options};
  strand_promise promise = 77;
  strand_task task = 77;
  GIVES(STRAND_ERR_INVALID, strand_promise_new_with(&options, NULL, &task));
  options.size = 20;
  GIVES(STRAND_ERR_INVALID, strand_promise_new_with(&options, &promise, &task));
  options.size = sizeof options;
  options.flags = 2;
  GIVES(STRAND_ERR_INVALID, strand_promise_new_with(&options, &promise, &task));
  options.flags = 0;
  NEEDS_A_RUNTIME(strand_promise_new_with(&options, &promise, &task));
  options.scope = 1;
  GIVES(STRAND_ERR_INVALID, strand_promise_new_with(&options, &promise, &task));
  CHECK_EQUAL(promise, 77);
}

static void row_promise_complete(void) {
  NEEDS_A_RUNTIME(strand_promise_complete(live_promise, 1));
  REFUSES_FOREIGN_HANDLES(live_promise, handle, strand_promise_complete(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_promise_complete(gone_promise, 1));
}

static void row_promise_fail(void) {
  GIVES(STRAND_ERR_INVALID, strand_promise_fail(live_promise, STRAND_OK, NULL, 0));
  GIVES(STRAND_ERR_INVALID, strand_promise_fail(live_promise, 1, NULL, 0));
  GIVES(STRAND_ERR_INVALID, strand_promise_fail(live_promise, STRAND_ERR_IO, NULL, 1));
  GIVES(STRAND_ERR_INVALID, strand_promise_fail(live_promise, STRAND_ERR_IO, "x", SIZE_MAX));
  NEEDS_A_RUNTIME(strand_promise_fail(live_promise, STRAND_ERR_IO, NULL, 0));
  REFUSES_FOREIGN_HANDLES(live_promise, handle, strand_promise_fail(handle, STRAND_ERR_IO, NULL, 0));
  GIVES(STRAND_ERR_STALE, strand_promise_fail(gone_promise, STRAND_ERR_IO, NULL, 0));
}

static void row_promise_cancel(void) {
  NEEDS_A_RUNTIME(strand_promise_cancel(live_promise, 1));
  REFUSES_FOREIGN_HANDLES(live_promise, handle, strand_promise_cancel(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_promise_cancel(gone_promise, 1));
}

static void row_promise_is_cancelled(void) {
  NEEDS_A_RUNTIME(strand_promise_is_cancelled(live_promise));
  REFUSES_FOREIGN_HANDLES(live_promise, handle, strand_promise_is_cancelled(handle));
  GIVES(STRAND_ERR_STALE, strand_promise_is_cancelled(gone_promise));
  GIVES(STRAND_OK, strand_promise_is_cancelled(live_promise));
}

static void row_promise_retain(void) {
  NEEDS_A_RUNTIME(strand_promise_retain(live_promise));
  REFUSES_FOREIGN_HANDLES(live_promise, handle, strand_promise_retain(handle));
  GIVES(STRAND_ERR_STALE, strand_promise_retain(gone_promise));
  GIVES(STRAND_OK, strand_promise_retain(live_promise));
}

static void row_promise_release(void) {
  NEEDS_A_RUNTIME(strand_promise_release(live_promise));
  REFUSES_FOREIGN_HANDLES(live_promise, handle, strand_promise_release(handle));
  GIVES(STRAND_ERR_STALE, strand_promise_release(gone_promise));
  GIVES(STRAND_OK, strand_promise_release(live_promise)); /* what the row before has taken */
}

static void row_cancel_new(void) {
  strand_cancel out = 77;
  GIVES(STRAND_ERR_INVALID, strand_cancel_new(0, STRAND_FOREVER, NULL));
  GIVES(STRAND_ERR_INVALID, strand_cancel_new(0, -2, &out));
  NEEDS_A_RUNTIME(strand_cancel_new(0, STRAND_FOREVER, &out));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle,
                          strand_cancel_new(handle != 0 ? handle : 1, STRAND_FOREVER, &out));
  GIVES(STRAND_ERR_STALE, strand_cancel_new(gone_cancel, STRAND_FOREVER, &out));
  CHECK_EQUAL(out, 77);
  GIVES(STRAND_OK, strand_cancel_new(good_cancel, 1, &out)); /* a deadline in the past: it has fired */
  GIVES(STRAND_OK, strand_cancel_wait(out, STRAND_NO_WAIT, NULL));
  GIVES(STRAND_OK, strand_cancel_release(out));
}

static void row_cancel_fire(void) {
  strand_cancel own = 0;
  GIVES(STRAND_ERR_INVALID, strand_cancel_fire(good_cancel, UINT64_MAX));
  GIVES(STRAND_ERR_INVALID, strand_cancel_fire(good_cancel, STRAND_CANCEL_RUNTIME));
  NEEDS_A_RUNTIME(strand_cancel_fire(good_cancel, 1));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle, strand_cancel_fire(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_cancel_fire(gone_cancel, 1));
  GIVES(STRAND_OK, strand_cancel_new(good_cancel, STRAND_FOREVER, &own));
  GIVES(STRAND_OK, strand_cancel_fire(own, STRAND_CANCEL_RUNTIME - 1));
  GIVES(STRAND_OK, strand_cancel_fire(own, 1)); /* again */
  GIVES(STRAND_OK, strand_cancel_release(own));
  GIVES(STRAND_ERR_STALE, strand_cancel_fire(own, 1));
}

static void row_cancel_wait(void) {
  uint64_t reason = 77;
  GIVES(STRAND_ERR_INVALID, strand_cancel_wait(good_cancel, -2, &reason));
  NEEDS_A_RUNTIME(strand_cancel_wait(good_cancel, STRAND_FOREVER, &reason));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle, strand_cancel_wait(handle, STRAND_FOREVER, &reason));
  GIVES(STRAND_ERR_STALE, strand_cancel_wait(gone_cancel, STRAND_FOREVER, &reason));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_cancel_wait(good_cancel, STRAND_NO_WAIT, &reason));
  GIVES(STRAND_ERR_TIMEOUT, strand_cancel_wait(good_cancel, 1, NULL));
  CHECK_EQUAL(reason, 77);
}

static void row_cancel_deadline(void) {
  int64_t deadline = 77;
  GIVES(STRAND_ERR_INVALID, strand_cancel_deadline(good_cancel, NULL));
  NEEDS_A_RUNTIME(strand_cancel_deadline(good_cancel, &deadline));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle, strand_cancel_deadline(handle, &deadline));
  GIVES(STRAND_ERR_STALE, strand_cancel_deadline(gone_cancel, &deadline));
  CHECK_EQUAL(deadline, 77);
}

static void row_cancel_on(void) {
  strand_cancel_hook hook = 77;
  GIVES(STRAND_ERR_INVALID, strand_cancel_on(good_cancel, NULL, no_drop, NULL, &hook));
  NEEDS_A_RUNTIME(strand_cancel_on(good_cancel, no_cancel_fn, NULL, NULL, &hook));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle, strand_cancel_on(handle, no_cancel_fn, NULL, NULL, &hook));
  GIVES(STRAND_ERR_STALE, strand_cancel_on(gone_cancel, no_cancel_fn, NULL, NULL, &hook));
  CHECK_EQUAL(hook, 77);
  GIVES(STRAND_OK, strand_cancel_on(good_cancel, no_cancel_fn, no_drop, NULL, NULL));
}

static void row_cancel_off(void) {
  strand_cancel_hook hook = 0;
  NEEDS_A_RUNTIME(strand_cancel_off(1));
  GIVES(STRAND_OK, strand_cancel_on(good_cancel, no_cancel_fn, NULL, NULL, &hook));
  REFUSES_FOREIGN_HANDLES(hook, handle, strand_cancel_off(handle));
  GIVES(STRAND_OK, strand_cancel_off(hook));
  GIVES(STRAND_ERR_ALREADY, strand_cancel_off(hook));
}

static void row_cancel_retain(void) {
  NEEDS_A_RUNTIME(strand_cancel_retain(good_cancel));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle, strand_cancel_retain(handle));
  GIVES(STRAND_ERR_STALE, strand_cancel_retain(gone_cancel));
}

static void row_cancel_release(void) {
  NEEDS_A_RUNTIME(strand_cancel_release(good_cancel));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle, strand_cancel_release(handle));
  GIVES(STRAND_ERR_STALE, strand_cancel_release(gone_cancel)); /* twice */
}

static void row_cancel_current(void) {
  strand_cancel out = 77;
  GIVES(STRAND_ERR_INVALID, strand_cancel_current(NULL));
  if (now_in != ON_A_STRAND) {
    GIVES(without_a_runtime(), strand_cancel_current(&out));
    CHECK_EQUAL(out, 77);
    return;
  }
  GIVES(STRAND_OK, strand_cancel_current(&out));
  CHECK_EQUAL(out, 0);
}

static void row_cancel_requested(void) {
  uint64_t reason = 77;
  GIVES(now_in == ON_A_STRAND ? STRAND_OK : without_a_runtime(), strand_cancel_requested(&reason));
  GIVES(now_in == ON_A_STRAND ? STRAND_OK : without_a_runtime(), strand_cancel_requested(NULL));
  CHECK_EQUAL(reason, 77);
}

static void row_cancel_strand(void) {
  GIVES(STRAND_ERR_INVALID, strand_cancel_strand(live_strand, UINT64_MAX));
  NEEDS_A_RUNTIME(strand_cancel_strand(live_strand, 1));
  REFUSES_FOREIGN_HANDLES(live_strand, handle, strand_cancel_strand(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_cancel_strand(ended_strand, 1)); /* after the end */
}

/* Of the opener: what it gives the thread, which opened the good scope, and what anybody else. */
#define GIVES_THE_OPENER(expected, call) GIVES(now_in == ON_A_THREAD ? (expected) : STRAND_ERR_INVALID, call)

static void row_scope_open(void) {
  strand_scope_options options;
  strand_scope out = 77;
  memset(&options, 0, sizeof options);
  GIVES(STRAND_ERR_INVALID, strand_scope_open(NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_scope_open(&options, &out)); /* its size is 0 */
  options.size = (uint32_t)sizeof options;
  options.flags = 4;
  GIVES(STRAND_ERR_INVALID, strand_scope_open(&options, &out));
  options.flags = 0;
  options.fault_policy = STRAND_FAULT_ABORT + 1;
  GIVES(STRAND_ERR_INVALID, strand_scope_open(&options, &out));
  options.fault_policy = 0;
  options.reserved = 1;
  GIVES(STRAND_ERR_UNSUPPORTED, strand_scope_open(&options, &out));
  options.reserved = 0;
  options.deadline = -2;
  GIVES(STRAND_ERR_INVALID, strand_scope_open(&options, &out));
  options.deadline = 0;
  NEEDS_A_RUNTIME(strand_scope_open(&options, &out));
  REFUSES_FOREIGN_HANDLES(good_cancel, handle,
                          (options.cancel = handle != 0 ? handle : 1, strand_scope_open(&options, &out)));
  options.cancel = gone_cancel;
  GIVES(STRAND_ERR_STALE, strand_scope_open(&options, &out));
  CHECK_EQUAL(out, 77);
  options.cancel = good_cancel;
  options.deadline = 1; /* in the past: it is cancelled already */
  GIVES(STRAND_OK, strand_scope_open(&options, &out));
  GIVES(STRAND_ERR_CANCELLED, strand_scope_exit(out));
}

static void row_scope_join(void) {
  GIVES(STRAND_ERR_INVALID, strand_scope_join(good_scope, -2));
  NEEDS_A_RUNTIME(strand_scope_join(good_scope, STRAND_FOREVER));
  REFUSES_FOREIGN_HANDLES(good_scope, handle, strand_scope_join(handle, STRAND_FOREVER));
  GIVES(STRAND_ERR_STALE, strand_scope_join(gone_scope, STRAND_FOREVER));
  GIVES_THE_OPENER(STRAND_OK, strand_scope_join(good_scope, STRAND_FOREVER));
}

static void row_scope_next(void) {
  uint64_t child = 77;
  strand_outcome outcome;
  memset(&outcome, 0, sizeof outcome);
  GIVES(STRAND_ERR_INVALID, strand_scope_next(good_scope, STRAND_NO_WAIT, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_scope_next(good_scope, -2, &child, NULL));
  GIVES(STRAND_ERR_INVALID, strand_scope_next(good_scope, STRAND_NO_WAIT, &child, &outcome));
  NEEDS_A_RUNTIME(strand_scope_next(good_scope, STRAND_NO_WAIT, &child, NULL));
  REFUSES_FOREIGN_HANDLES(good_scope, handle, strand_scope_next(handle, STRAND_NO_WAIT, &child, NULL));
  GIVES(STRAND_ERR_STALE, strand_scope_next(gone_scope, STRAND_NO_WAIT, &child, NULL));
  GIVES(STRAND_ERR_INVALID, strand_scope_next(good_scope, STRAND_NO_WAIT, &child, NULL)); /* it keeps none */
  CHECK_EQUAL(child, 77);
}

static void row_scope_cancel(void) {
  GIVES(STRAND_ERR_INVALID, strand_scope_cancel(good_scope, UINT64_MAX));
  NEEDS_A_RUNTIME(strand_scope_cancel(good_scope, 1));
  REFUSES_FOREIGN_HANDLES(good_scope, handle, strand_scope_cancel(handle, 1));
  GIVES(STRAND_ERR_STALE, strand_scope_cancel(gone_scope, 1));
}

static void row_scope_exit(void) {
  NEEDS_A_RUNTIME(strand_scope_exit(good_scope));
  REFUSES_FOREIGN_HANDLES(good_scope, handle, strand_scope_exit(handle));
  GIVES(STRAND_ERR_STALE, strand_scope_exit(gone_scope));
  if (now_in == ON_A_STRAND) GIVES(STRAND_ERR_INVALID, strand_scope_exit(good_scope)); /* another's */
}

static void row_scope_close(void) {
  strand_scope inner = 0;
  NEEDS_A_RUNTIME(strand_scope_close(good_scope));
  REFUSES_FOREIGN_HANDLES(good_scope, handle, strand_scope_close(handle));
  GIVES(STRAND_ERR_STALE, strand_scope_close(gone_scope));
  GIVES(STRAND_OK, strand_scope_open(NULL, &inner));
  GIVES(STRAND_ERR_INVALID, strand_scope_close(good_scope)); /* another's, or out of order */
  GIVES(STRAND_OK, strand_scope_close(inner));
  GIVES(STRAND_ERR_STALE, strand_scope_close(inner));
}

static void row_scope_token(void) {
  strand_cancel out = 77;
  GIVES(STRAND_ERR_INVALID, strand_scope_token(good_scope, NULL));
  NEEDS_A_RUNTIME(strand_scope_token(good_scope, &out));
  REFUSES_FOREIGN_HANDLES(good_scope, handle, strand_scope_token(handle, &out));
  GIVES(STRAND_ERR_STALE, strand_scope_token(gone_scope, &out));
  CHECK_EQUAL(out, 77);
  GIVES(STRAND_OK, strand_scope_token(good_scope, &out));
  GIVES(STRAND_OK, strand_cancel_release(out));
}

static void row_shield_begin(void) {
  if (now_in != ON_A_STRAND) {
    GIVES(without_a_runtime(), strand_shield_begin());
    return;
  }
  for (int depth = 0; depth < 65535; depth += 1) CHECK_OK(strand_shield_begin());
  GIVES(STRAND_ERR_LIMIT, strand_shield_begin());
  for (int depth = 0; depth < 65535; depth += 1) CHECK_OK(strand_shield_end());
}

static void row_shield_end(void) {
  GIVES(now_in == ON_A_STRAND ? STRAND_ERR_INVALID : without_a_runtime(), strand_shield_end());
}

static uint32_t judge_nothing(size_t index, const strand_outcome *outcome, void *data) {
  (void)index;
  (void)outcome;
  (void)data;
  return STRAND_JOIN_CONTINUE;
}

static void row_task_join(void) {
  strand_outcome outcomes[2] = {{.size = sizeof outcomes[0]}, {.size = sizeof outcomes[0]}};
  strand_task twice[2], gone[2];
  size_t decided = 77;
  twice[0] = twice[1] = gone[0] = live_task;
  gone[1] = gone_task;
  GIVES(STRAND_ERR_INVALID, strand_task_join(4, twice, 1, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_task_join(UINT32_MAX, twice, 1, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_ALL, NULL, 1, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_ALL, twice, 1, -2, NULL, NULL));
  outcomes[0].size = 4;
  GIVES(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_ALL, twice, 1, STRAND_NO_WAIT, outcomes, &decided));
  outcomes[0].size = sizeof outcomes[0];
  outcomes[1].size = 8;
  GIVES(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_ALL, twice, 2, STRAND_NO_WAIT, outcomes, &decided));
  outcomes[1].size = sizeof outcomes[1];
  NEEDS_A_RUNTIME(strand_task_join(STRAND_JOIN_ALL, twice, 0, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_task_join(STRAND_JOIN_ALL, twice, 2, STRAND_FOREVER, outcomes, &decided));
  GIVES(STRAND_ERR_STALE, strand_task_join(STRAND_JOIN_ALL, gone, 2, STRAND_FOREVER, outcomes, &decided));
  REFUSES_FOREIGN_HANDLES(live_task, handle,
                          strand_task_join(STRAND_JOIN_RACE, &handle, 1, STRAND_FOREVER, outcomes, &decided));
  GIVES(STRAND_ERR_EMPTY, strand_task_join(STRAND_JOIN_RACE, NULL, 0, STRAND_FOREVER, NULL, &decided));
  GIVES(STRAND_ERR_EMPTY, strand_task_join(STRAND_JOIN_ANY, NULL, 0, STRAND_NO_WAIT, NULL, &decided));
  GIVES(STRAND_ERR_WOULD_BLOCK, strand_task_join(STRAND_JOIN_ALL, twice, 1, STRAND_NO_WAIT, outcomes, &decided));
  CHECK_EQUAL(decided, 77);
  GIVES(STRAND_ERR_TIMEOUT, strand_task_join(STRAND_JOIN_ALL, twice, 1, 1, outcomes, &decided));
  CHECK_EQUAL(decided, SIZE_MAX);
  CHECK_EQUAL(outcomes[0].state, STRAND_PENDING);
  GIVES(STRAND_OK, strand_task_join(STRAND_JOIN_ALL, NULL, 0, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_OK, strand_task_join(STRAND_JOIN_ALL_SETTLED, NULL, 0, STRAND_NO_WAIT, NULL, NULL));
}

static void row_task_join_with(void) {
  size_t decided = 77;
  GIVES(STRAND_ERR_INVALID, strand_task_join_with(NULL, NULL, &live_task, 1, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_task_join_with(judge_nothing, NULL, NULL, 1, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_INVALID, strand_task_join_with(judge_nothing, NULL, &live_task, 1, -2, NULL, NULL));
  NEEDS_A_RUNTIME(strand_task_join_with(judge_nothing, NULL, &live_task, 1, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_STALE, strand_task_join_with(judge_nothing, NULL, &gone_task, 1, STRAND_FOREVER, NULL, NULL));
  GIVES(STRAND_ERR_WOULD_BLOCK,
        strand_task_join_with(judge_nothing, NULL, &live_task, 1, STRAND_NO_WAIT, NULL, &decided));
  CHECK_EQUAL(decided, 77);
  GIVES(STRAND_OK, strand_task_join_with(judge_nothing, NULL, NULL, 0, STRAND_FOREVER, NULL, &decided));
  CHECK_EQUAL(decided, SIZE_MAX);
}

static void row_worklist_recommend(void) {
  strand_worklist_request request;
  strand_worklist_recommendation out;
  memset(&request, 0, sizeof request);
  memset(&out, 0, sizeof out);
  request.size = (uint32_t)sizeof request;
  out.size = (uint32_t)sizeof out;
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(NULL, &out));
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(&request, NULL));
  request.size = 0;
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(&request, &out));
  request.size = 12;
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(&request, &out));
  request.size = 4104;
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(&request, &out));
  request.size = (uint32_t)sizeof request;
  out.size = 7;
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(&request, &out));
  out.size = (uint32_t)sizeof out;
  request.flags = 2;
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(&request, &out));
  request.flags = 0;
  request.mode_in_use = 3;
  GIVES(STRAND_ERR_INVALID, strand_worklist_recommend(&request, &out));
  request.mode_in_use = 0;
  request.reserved = 1;
  GIVES(STRAND_ERR_UNSUPPORTED, strand_worklist_recommend(&request, &out));
  CHECK(out.label == NULL);
  request.reserved = 0;
  GIVES(STRAND_OK, strand_worklist_recommend(&request, &out));
}

typedef struct row {
  const char *function;
  void (*check)(void);
} row;

#define ROW(name) {"strand_" #name, row_##name}
static const row rows[] = {
    ROW(version),         ROW(abi_version),      ROW(status_name),        ROW(status_message),
    ROW(last_error),      ROW(now),              ROW(after),              ROW(scheduler_init),
    ROW(scheduler_run),   ROW(wait_all),         ROW(external_acquire),   ROW(external_release),
    ROW(spawn),           ROW(spawn_with),       ROW(poll_word),          ROW(self),
    ROW(yield),           ROW(checkpoint),       ROW(join),               ROW(sleep),
    ROW(sleep_until),     ROW(timer_new),        ROW(timer_start),        ROW(timer_stop),
    ROW(timer_wait),      ROW(timer_release),
    ROW(ticket_await),    ROW(ticket_poll),      ROW(ticket_cancel),      ROW(ticket_release),
    ROW(device_count),    ROW(device_describe),  ROW(device_open),        ROW(device_info_of),
    ROW(device_close),    ROW(buffer_new),       ROW(buffer_write),       ROW(buffer_read),
    ROW(buffer_map),      ROW(buffer_unmap),     ROW(buffer_release),     ROW(program_new),
    ROW(program_release),
    ROW(automaton_compile), ROW(automaton_scan), ROW(automaton_take),     ROW(automaton_reset),
    ROW(worklist_ingest), ROW(automaton_scan_fd),
    ROW(automaton_stats), ROW(automaton_release),
    ROW(exit),            ROW(start),           ROW(fail),             ROW(on_exit),            ROW(local_new),
    ROW(local_set),       ROW(local_get),        ROW(park_begin),         ROW(park),
    ROW(unpark),          ROW(errno_location),   ROW(chan_new),           ROW(chan_new_with),
    ROW(chan_send),       ROW(chan_recv),        ROW(chan_try_send),      ROW(chan_try_recv),
    ROW(chan_length),     ROW(chan_close),       ROW(chan_retain),        ROW(chan_release),
    ROW(monitor),         ROW(demonitor),
    ROW(generator_new),   ROW(generator_resume), ROW(generator_wait),     ROW(generator_yield),
    ROW(generator_self),  ROW(generator_cancel), ROW(generator_release),  ROW(generator_state),
    ROW(offload),         ROW(offload_with),     ROW(world_stop),         ROW(world_resume),
    ROW(gc_visit_roots),  ROW(gc_visit_stacks),  ROW(block_begin),        ROW(block_end),
    ROW(statistics_read), ROW(worker_runs),      ROW(info),               ROW(dump),
    ROW(scheduler_shutdown), ROW(scheduler_step),   ROW(explore),            ROW(assert),
    ROW(set_priority),    ROW(priority),         ROW(pause),              ROW(resume),
    ROW(lane_new),        ROW(set_lane),         ROW(lane),               ROW(tokens_grant),
    ROW(tokens_move),     ROW(tokens),           ROW(handoffs_read),      ROW(recording_verify),
    ROW(recording_print), ROW(input),      ROW(snapshot),
    ROW(select),
    ROW(cancel_new),      ROW(cancel_fire),      ROW(cancel_wait),        ROW(cancel_deadline),
    ROW(cancel_on),       ROW(cancel_off),       ROW(cancel_retain),      ROW(cancel_release),
    ROW(cancel_current),  ROW(cancel_requested), ROW(cancel_strand),      ROW(shield_begin),
    ROW(shield_end),      ROW(scope_open),       ROW(scope_join),         ROW(scope_next),
    ROW(scope_cancel),    ROW(scope_exit),       ROW(scope_close),        ROW(scope_token),
    ROW(task_spawn),      ROW(task_spawn_with),  ROW(task_await),         ROW(task_take),
    ROW(task_outcome),    ROW(task_fault),       ROW(task_cancel),        ROW(task_retain),
    ROW(task_release),    ROW(task_self),        ROW(promise_new),        ROW(promise_new_with),
    ROW(promise_complete), ROW(promise_fail),    ROW(promise_cancel),     ROW(promise_is_cancelled),
    ROW(promise_retain),  ROW(promise_release),
    ROW(mutex_lock),      ROW(mutex_unlock),     ROW(rwlock_read_lock),   ROW(rwlock_read_unlock),
    ROW(rwlock_write_lock), ROW(rwlock_write_unlock), ROW(semaphore_acquire), ROW(semaphore_release),
    ROW(condition_wait),  ROW(condition_signal), ROW(condition_broadcast), ROW(wait_group_add),
    ROW(wait_group_done), ROW(wait_group_wait),  ROW(once_do),
    ROW(task_join),       ROW(task_join_with),
    ROW(worklist_recommend), ROW(worklist_new),  ROW(worklist_push),      ROW(worklist_push_tasks),
    ROW(worklist_tenant), ROW(worklist_dispatch), ROW(worklist_close),    ROW(worklist_resume),
    ROW(worklist_take),   ROW(worklist_take_tasks), ROW(worklist_faults), ROW(worklist_stats),
    ROW(worklist_evidence), ROW(worklist_release),
    ROW(graph_new),       ROW(graph_bfs),        ROW(graph_sssp),        ROW(graph_release),
    ROW(work_push),       ROW(work_emit),        ROW(work_requeue),       ROW(work_yield),
    ROW(work_pause),      ROW(work_fault),       ROW(work_buffer),        ROW(work_debug),
    ROW(worklist_debug),
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void check_all_rows(context where) {
  now_in = where;
  for (size_t row = 0; row < ROWS; row += 1) {
    row_name = rows[row].function;
    rows[row].check();
  }
}

static void *check_all_rows_on_a_strand(void *arg) {
  check_all_rows(ON_A_STRAND);
  count_up((uint64_t *)arg);
  return NULL;
}

static void every_function_refuses_bad_input_in_every_context(void) {
  strand_spawn_options options = default_spawn("table");
  strand_id table = 0;
  uint64_t ended = 0;
  options.stack_bytes = 1024 * 1024;
  /* Handles of no runtime at all will do for the first context. */
  good_channel = (UINT64_C(3) << KIND_SHIFT) | (UINT64_C(1) << INDEX_BITS);
  live_strand = (UINT64_C(1) << KIND_SHIFT) | (UINT64_C(1) << INDEX_BITS);
  live_token = (UINT64_C(2) << KIND_SHIFT) | (UINT64_C(1) << INDEX_BITS);
  live_task = (UINT64_C(7) << KIND_SHIFT) | (UINT64_C(1) << INDEX_BITS);
  live_promise = (UINT64_C(8) << KIND_SHIFT) | (UINT64_C(1) << INDEX_BITS);
  check_all_rows(BEFORE_INIT);
  start_runtime(1);
  if (is_parallel()) { /* under a hold a virtual clock stands still, and no deadline passes */
    CHECK_OK(strand_external_acquire());
  }
  make_the_handles();
  check_all_rows(ON_A_THREAD);
  CHECK_OK(strand_spawn_with(&options, check_all_rows_on_a_strand, &ended, &table));
  CHECK_OK(strand_join(table, STRAND_FOREVER));
  CHECK_EQUAL(ended, 1);
  /* After all that the runtime is as good as new. */
  CHECK_OK(strand_unpark(live_token, 1));
  CHECK_OK(strand_promise_complete(live_promise, 1));
  if (is_parallel()) {
    CHECK_OK(strand_external_release());
  }
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run()); /* eight strands of the row for strand_fail */
  CHECK_LAST_ERROR_SAYS("7 other");
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
  check_all_rows(AFTER_SHUTDOWN);
  printf("%" PRIu64 " calls\n", calls);
}

/* --------------------------------------------------------------------------------- the rows cover the header */

/* The next function or variable that the header offers, from place on; NULL at the end. */
static const char *next_name(const char *place, char *name, size_t capacity) {
  for (const char *line = place; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
    const char *start;
    size_t length;
    line += *line == '\n';
    if (strncmp(line, "STRAND_API ", 11) != 0 && strncmp(line, "extern const volatile ", 22) != 0) {
      continue;
    }
    for (start = line + 11; *start != '\n'; start += 1) {
      length = strspn(start, "abcdefghijklmnopqrstuvwxyz0123456789_");
      if (strncmp(start, "strand_", 7) == 0 && (start[length] == '(' || start[length] == ';') && start[-1] != '(') {
        CHECK(length < capacity);
        memcpy(name, start, length);
        name[length] = '\0';
        return start + length;
      }
      start += length > 0 ? length - 1 : 0;
    }
  }
  return NULL;
}

static void every_function_of_the_header_has_a_row(void) {
  char name[128];
  const char *place = strand_header_text;
  size_t found = 0;
  while ((place = next_name(place, name, sizeof name)) != NULL) {
    size_t row = 0;
    while (row < ROWS && strcmp(rows[row].function, name) != 0) {
      row += 1;
    }
    if (row == ROWS) {
      fprintf(stderr, "%s is in strand.h and has no row in the table of bad input (bad_input.c)\n", name);
      exit(1);
    }
    found += 1;
  }
  CHECK_EQUAL(found, ROWS); /* and no row is about what is not there */
}

int main(void) {
  CLAIM(every_function_of_the_header_has_a_row);
  CLAIM(every_function_refuses_bad_input_in_every_context);
  return 0;
}
