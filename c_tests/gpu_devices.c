/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared,dlopen opt=O0,O2 */
/*
 * Devices, buffers and programs: what is made on a device is there, is kept while it is used, and answers when it is not
 * there any more. The device is the one that STRAND_GPU says, else what there is: the processor is in every build and on
 * every machine.
 */
#include "device.h"

static strand_device open_processor(void) {
  const strand_device_options options = device_options(STRAND_DEVICE_CPU, NULL);
  strand_device device = 0;
  CHECK_OK(strand_device_open(&options, &device));
  CHECK(device != 0 && device < (UINT64_C(1) << 62));
  return device;
}

static strand_device open_default(void) {
  strand_device device = 0;
  CHECK_OK(strand_device_open(NULL, &device));
  CHECK(device != 0 && device < (UINT64_C(1) << 62));
  return device;
}

static void check_processor(const strand_device_info *info) {
  CHECK_EQUAL(info->kind, STRAND_DEVICE_CPU);
  CHECK_EQUAL(strcmp(info->name, "CPU"), 0);
  CHECK(strstr(info->driver, STRAND_VERSION_STRING) != NULL);
  CHECK_NUMBERS(info->memory_bytes, >, 1 << 20);
  CHECK_NUMBERS(info->buffer_bytes_max, >, 1 << 20);
}

/* -------------------------------------------------------------------------------------------- enumeration */

static void enumerate(void) {
  uint32_t count = 0;
  strand_device_info info = empty_info();
  CHECK_OK(strand_device_count(&count));
  CHECK_NUMBERS(count, >=, 1);
  for (uint32_t index = 0; index < count; index += 1) {
    info = empty_info();
    CHECK_OK(strand_device_describe(index, &info));
    CHECK_EQUAL(info.kind == STRAND_DEVICE_CPU, index + 1 == count);
    CHECK_NUMBERS(strlen(info.name), >, 0);
  }
  check_processor(&info);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_device_describe(count, &info));
  CHECK_LAST_ERROR_SAYS("there is no device");
  /* A program of an earlier version has a shorter struct. */
  info = empty_info();
  info.size = 16;
  info.kind = 99;
  info.buffer_bytes_max = 99;
  CHECK_OK(strand_device_describe(count - 1, &info));
  CHECK_EQUAL(info.kind, STRAND_DEVICE_CPU);
  CHECK_EQUAL(info.buffer_bytes_max, 99);
}
static void the_processor_is_always_there_as_the_last(void) { on_both(enumerate); }

static void open_and_close(void) {
  const strand_device device = open_processor(), second = open_processor();
  strand_device_info info = empty_info();
  CHECK(device != second);
  CHECK_OK(strand_device_info_of(device, &info));
  check_processor(&info);
  CHECK_OK(strand_device_close(device));
  CHECK_STATUS(STRAND_ERR_STALE, strand_device_info_of(device, &info));
  CHECK_STATUS(STRAND_ERR_STALE, strand_device_close(device));
  CHECK_OK(strand_device_info_of(second, &info));
  CHECK_OK(strand_device_close(second));
}
static void a_device_is_open_until_it_is_closed(void) { on_both(open_and_close); }

/* The processor, or an adapter where the machine has one. */
static void describe_default(void) {
  const strand_device device = open_default();
  strand_device_info info = empty_info();
  CHECK_OK(strand_device_info_of(device, &info));
  if (environment_says("STRAND_GPU", "software")) {
    CHECK_EQUAL(info.kind, STRAND_DEVICE_SOFTWARE);
  } else if (environment_says("STRAND_GPU", "hardware")) {
    CHECK_EQUAL(info.kind, STRAND_DEVICE_HARDWARE);
  } else if (environment_says("STRAND_GPU", "cpu")) {
    check_processor(&info);
  } else {
    CHECK(info.kind == STRAND_DEVICE_CPU || info.kind == STRAND_DEVICE_HARDWARE);
  }
  CHECK_OK(strand_device_close(device));
}
static void what_is_not_said_is_what_is_configured(void) { on_both(describe_default); }

static int is_adapter(strand_device device) {
  strand_device_info info = empty_info();
  CHECK_OK(strand_device_info_of(device, &info));
  return info.kind != STRAND_DEVICE_CPU;
}

static void ask_for_a_name(void) {
  const strand_device_options options = device_options(STRAND_DEVICE_AUTO, "no adapter has this name");
  strand_device device = 77;
  const strand_status status = strand_device_open(&options, &device);
  CHECK(status == STRAND_ERR_DEVICE || status == STRAND_ERR_UNSUPPORTED);
  CHECK_LAST_ERROR_SAYS(status == STRAND_ERR_DEVICE ? "no adapter has this name" : "cargo feature");
  CHECK_EQUAL(device, 77);
}
static void an_adapter_that_is_not_there_is_an_error_with_a_name(void) { on_both(ask_for_a_name); }

static void open_default_of(uint32_t configured, uint32_t expected) {
  strand_config config = default_config(1);
  strand_device device = 0;
  strand_device_info info = empty_info();
  config.gpu = configured;
  CHECK_OK(strand_scheduler_init(&config));
  CHECK_OK(strand_device_open(NULL, &device));
  CHECK_OK(strand_device_info_of(device, &info));
  CHECK_EQUAL(info.kind, expected);
  stop_runtime();
}

/* --------------------------------------------------------------------------------------------- STRAND_GPU */

static void init_with(const char *words, strand_status expected) {
  const strand_config config = default_config(1);
  setenv("STRAND_GPU", words, 1);
  CHECK_STATUS(expected, strand_scheduler_init(&config));
  if (expected == STRAND_OK) {
    CHECK_OK(strand_scheduler_shutdown(STRAND_FOREVER));
  }
}

static void the_environment_chooses_where_the_program_does_not(void) {
  char *before = getenv("STRAND_GPU");
  char long_name[200];
  strand_device device = 0;
  strand_device_info info = empty_info();
  before = before != NULL ? strdup(before) : NULL;
  memset(long_name, 'x', sizeof long_name);
  long_name[sizeof long_name - 1] = '\0';
  init_with("", STRAND_ERR_INVALID);
  CHECK_LAST_ERROR_SAYS("STRAND_GPU");
  init_with(long_name, STRAND_ERR_INVALID);
  for (int which = 0; which < 5; which += 1) {
    static const char *const words[] = {"auto", "hardware", "software", "cpu", "some name"};
    init_with(words[which], STRAND_OK);
  }
  setenv("STRAND_GPU", "no adapter has this name", 1);
  start_runtime(1);
  CHECK(strand_device_open(NULL, &device) != STRAND_OK);
  device = open_processor(); /* what the program says holds */
  CHECK_OK(strand_device_info_of(device, &info));
  check_processor(&info);
  stop_runtime();
  open_default_of(STRAND_DEVICE_CPU, STRAND_DEVICE_CPU); /* so does the configuration */
  if (before != NULL) {
    setenv("STRAND_GPU", before, 1);
  } else {
    unsetenv("STRAND_GPU");
  }
  free(before);
}

/* ----------------------------------------------------------------------------------------------- buffers */

/* Reads, and waits for it. */
static void read_back(strand_buffer buffer, uint64_t offset, void *data, uint64_t bytes) {
  strand_ticket ticket = 0;
  strand_status result = 77;
  CHECK_OK(strand_buffer_read(buffer, offset, data, bytes, &ticket));
  CHECK_OK(strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_OK(strand_ticket_poll(ticket, &result));
  CHECK_EQUAL(result, STRAND_OK);
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_ticket_cancel(ticket));
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_STATUS(STRAND_ERR_STALE, strand_ticket_await(ticket, STRAND_FOREVER));
}

static void write_and_read(void) {
  const strand_device device = open_default();
  const strand_buffer buffer = new_buffer(device, 4096);
  uint32_t words[4] = {1, 2, 3, 4}, back[1024];
  memset(back, 0xAB, sizeof back);
  read_back(buffer, 0, back, 4096);
  for (int word = 0; word < 1024; word += 1) {
    CHECK_EQUAL(back[word], 0);
  }
  CHECK_OK(strand_buffer_write(buffer, 4080, words, 16));
  words[0] = 99; /* it was copied */
  read_back(buffer, 4080, back, 16);
  CHECK_EQUAL(back[0], 1);
  CHECK_EQUAL(back[3], 4);
  memset(back, 0, sizeof back);
  read_back(buffer, 4081, back, 3); /* any part can be read */
  CHECK_EQUAL(back[0], 0);
  CHECK_OK(strand_buffer_write(buffer, 4096, NULL, 0));
  read_back(buffer, 4096, NULL, 0);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_write(buffer, 4084, words, 16));
  CHECK_LAST_ERROR_SAYS("4096");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_write(buffer, UINT64_MAX - 3, words, 16));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_write(buffer, 2, words, 16));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_write(buffer, 0, words, 15));
  read_back(buffer, 4080, back, 16);
  CHECK_EQUAL(back[0], 1); /* nothing of all this has happened */
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_STATUS(STRAND_ERR_STALE, strand_buffer_write(buffer, 0, words, 16));
  CHECK_OK(strand_device_close(device));
}
static void what_is_written_is_read(void) { on_both(write_and_read); }

static void map_and_unmap(void) {
  const strand_device device = open_default();
  const strand_buffer buffer = new_buffer(device, 64);
  uint32_t *mapped = NULL, word = 7;
  void *again = NULL;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_unmap(buffer));
  CHECK_OK(strand_buffer_map(buffer, 8, 16, STRAND_MAP_READ | STRAND_MAP_WRITE, STRAND_FOREVER, (void **)&mapped));
  CHECK_EQUAL(mapped[0], 0);
  mapped[0] = 5;
  mapped[3] = 6;
  CHECK_STATUS(STRAND_ERR_BUSY, strand_buffer_map(buffer, 0, 4, STRAND_MAP_READ, STRAND_FOREVER, &again));
  CHECK(again == NULL);
  CHECK_OK(strand_buffer_unmap(buffer));
  read_back(buffer, 8, &word, 4);
  CHECK_EQUAL(word, 5);
  read_back(buffer, 20, &word, 4);
  CHECK_EQUAL(word, 6);
  CHECK_OK(strand_buffer_map(buffer, 20, 4, STRAND_MAP_READ, strand_after(SECONDS(60)), &again));
  CHECK_EQUAL(*(uint32_t *)again, 6);
  CHECK_OK(strand_buffer_unmap(buffer));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_map(buffer, 0, 0, STRAND_MAP_READ, STRAND_FOREVER, &again));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_map(buffer, 60, 8, STRAND_MAP_READ, STRAND_FOREVER, &again));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_map(buffer, 2, 4, STRAND_MAP_WRITE, STRAND_FOREVER, &again));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_map(buffer, 0, 4, 0, STRAND_FOREVER, &again));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_map(buffer, 0, 4, 4, STRAND_FOREVER, &again));
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_OK(strand_device_close(device));
}
static void what_is_mapped_is_the_buffer(void) { on_both(map_and_unmap); }

static void close_first(void) {
  const strand_device device = open_default();
  const strand_buffer buffer = new_buffer(device, 64);
  uint32_t word = 7;
  strand_ticket ticket = 77;
  strand_buffer other = 77;
  void *address = NULL;
  CHECK_OK(strand_buffer_map(buffer, 0, 64, STRAND_MAP_WRITE, STRAND_FOREVER, &address));
  CHECK_OK(strand_device_close(device));
  CHECK_STATUS(STRAND_ERR_STALE, strand_buffer_new(device, 64, 0, &other));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_buffer_write(buffer, 0, &word, 4));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_buffer_read(buffer, 0, &word, 4, &ticket));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_buffer_map(buffer, 0, 4, STRAND_MAP_READ, STRAND_FOREVER, &address));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_buffer_unmap(buffer));
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_EQUAL(ticket, 77);
  CHECK_EQUAL(other, 77);
}
static void what_is_on_a_closed_device_can_be_released(void) { on_both(close_first); }

static void too_large(void) {
  const strand_device device = open_default();
  strand_buffer buffer = 77;
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_buffer_new(device, UINT64_MAX - 3, 0, &buffer));
  CHECK_LAST_ERROR_SAYS("at most");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_new(device, 0, 0, &buffer));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_new(device, 6, 0, &buffer));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_new(device, 8, 1, &buffer));
  CHECK_EQUAL(buffer, 77);
  CHECK_OK(strand_device_close(device));
}
static void a_buffer_that_cannot_be_is_refused(void) { on_both(too_large); }

/* Threads that write, read and map while one of them takes the buffer and the device away. */
enum { USERS = 3 };
static strand_device shared_device;
static strand_buffer shared_buffer;
static uint64_t ended, done;
static void *use_until_gone(void *arg) {
  uint32_t words[256];
  for (;;) {
    strand_ticket ticket = 0;
    strand_status status = strand_buffer_read(shared_buffer, 0, words, sizeof words, &ticket);
    if (status == STRAND_OK) {
      const strand_status read = strand_ticket_await(ticket, STRAND_FOREVER);
      CHECK(read == STRAND_OK || read == STRAND_ERR_CLOSED);
      CHECK_OK(strand_ticket_release(ticket));
      status = strand_buffer_write(shared_buffer, 0, words, sizeof words);
      count_add(&done, 1);
    }
    if (status != STRAND_OK) {
      CHECK(status == STRAND_ERR_CLOSED || status == STRAND_ERR_STALE);
      break;
    }
    CHECK_OK(strand_yield());
  }
  count_add(&ended, 1);
  return arg;
}
static void *use_on_thread(void *arg) {
  uint32_t words[256];
  strand_status status = STRAND_OK;
  memset(words, 1, sizeof words);
  while (status == STRAND_OK) {
    status = strand_buffer_write(shared_buffer, 0, words, sizeof words);
  }
  CHECK(status == STRAND_ERR_CLOSED || status == STRAND_ERR_STALE);
  return arg;
}
static void closing_beside_calls_is_defined(void) {
  for (int turn = 0; turn < 20; turn += 1) {
    pthread_t thread;
    count_set(&ended, 0);
    count_set(&done, 0);
    shared_device = open_default();
    shared_buffer = new_buffer(shared_device, 1024);
    for (int user = 0; user < USERS; user += 1) {
      spawn(use_until_gone, NULL);
    }
    thread = start_thread(use_on_thread, NULL);
    await_count(&done, 10);
    if (turn % 2 == 0) {
      CHECK_OK(strand_buffer_release(shared_buffer));
      CHECK_OK(strand_device_close(shared_device));
    } else {
      CHECK_OK(strand_device_close(shared_device));
      CHECK_OK(strand_buffer_release(shared_buffer));
    }
    await_count(&ended, USERS);
    join_thread(thread);
    CHECK_OK(strand_scheduler_run());
  }
}

/* ---------------------------------------------------------------------------------------------- programs */

static void no_kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)work;
  (void)items;
  (void)count;
  (void)data;
}

static strand_program_options program_options(void) {
  strand_program_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.fields = STRAND_FIELD_PARAM;
  options.kernel = no_kernel;
  options.wgsl = "fn run(item: Item) {}";
  return options;
}

static void refuse_program(strand_device device, strand_program_options options, strand_status expected,
                           const char *words) {
  strand_program program = 77;
  CHECK_STATUS(expected, strand_program_new(device, &options, &program));
  CHECK_LAST_ERROR_SAYS(words);
  CHECK_EQUAL(program, 77);
}

#define REFUSE(field, value, expected, words)             \
  do {                                                    \
    strand_program_options changed = program_options();   \
    changed.field = (value);                              \
    refuse_program(device, changed, (expected), (words)); \
  } while (0)

/* What only the processor does. */
static void make_kernels(strand_device device) {
  strand_program_options options = program_options();
  strand_program program = 0;
  options.wgsl = "whatever the processor has no use for";
  options.fan_out_max = 1024;
  options.emit_max = 1024;
  options.emit_words = 64;
  CHECK_OK(strand_program_new(device, &options, &program));
  CHECK_OK(strand_program_release(program));
  REFUSE(kernel, NULL, STRAND_ERR_UNSUPPORTED, "native kernel");
}

/* What only adapters do. */
static void make_shaders(strand_device device) {
  strand_program_options options = program_options();
  strand_program program = 0;
  options.kernel = NULL;
  CHECK_OK(strand_program_new(device, &options, &program));
  CHECK_OK(strand_program_release(program));
  REFUSE(wgsl, NULL, STRAND_ERR_UNSUPPORTED, "shader");
  REFUSE(wgsl, "fn run(item: Item) {\n  let x = nothing;\n}", STRAND_ERR_SHADER, "line 2, column 11");
  REFUSE(wgsl, "fn walk(item: Item) {}", STRAND_ERR_SHADER, "fn run(item: Item)");
  REFUSE(wgsl, "fn run(item: Item) { }\n\n  }", STRAND_ERR_SHADER, "line 3");
  options = program_options();
  options.fields = 0xffff;
  options.fan_out_max = 1024;
  refuse_program(device, options, STRAND_ERR_LIMIT, "push");
}

static void make_programs(void) {
  const strand_device device = open_default();
  static const uint32_t spirv[1] = {0x07230203};
  strand_program_options options = program_options();
  strand_program program = 0;
  CHECK_OK(strand_program_new(device, &options, &program));
  CHECK(program != 0);
  CHECK_OK(strand_program_release(program));
  CHECK_STATUS(STRAND_ERR_STALE, strand_program_release(program));
  CHECK_OK(strand_program_new(device, &options, &program));
  if (is_adapter(device)) {
    make_shaders(device);
  } else {
    make_kernels(device);
  }
  REFUSE(fields, 0, STRAND_ERR_INVALID, "fields");
  REFUSE(fields, 1u << 16, STRAND_ERR_INVALID, "fields");
  REFUSE(flags, 1, STRAND_ERR_INVALID, "flags");
  REFUSE(fan_out_max, 1025, STRAND_ERR_LIMIT, "fan_out_max");
  REFUSE(emit_max, UINT32_MAX, STRAND_ERR_LIMIT, "emit_max");
  REFUSE(emit_words, 65, STRAND_ERR_LIMIT, "emit_words");
  REFUSE(inner_steps, UINT32_MAX, STRAND_ERR_LIMIT, "inner_steps");
  REFUSE(group_size, 1025, STRAND_ERR_LIMIT, "group_size");
  REFUSE(buffer_count, 9, STRAND_ERR_LIMIT, "buffer_count");
  options = program_options();
  options.wgsl = NULL;
  options.wgsl_length = 1;
  refuse_program(device, options, STRAND_ERR_INVALID, "wgsl");
  REFUSE(spirv_words, 1, STRAND_ERR_INVALID, "spirv");
  REFUSE(spirv, spirv, STRAND_ERR_INVALID, "spirv");
  options = program_options();
  options.spirv = spirv;
  options.spirv_words = 1;
  refuse_program(device, options, STRAND_ERR_INVALID, "one of them");
  options = program_options();
  options.wgsl = "\xff";
  refuse_program(device, options, STRAND_ERR_SHADER, "UTF-8");
  options = program_options();
  options.wgsl = "x";
  options.wgsl_length = SIZE_MAX / 2;
  refuse_program(device, options, STRAND_ERR_LIMIT, "shader");
  CHECK_OK(strand_device_close(device));
  refuse_program(device, program_options(), STRAND_ERR_STALE, "");
  CHECK_OK(strand_program_release(program)); /* the device is closed, the program is there */
}
static void a_program_is_checked_when_it_is_made(void) { on_both(make_programs); }

/* -------------------------------------------------------------------------------------------- everything */

static void nothing_is_left_after_a_shutdown(void) {
  strand_device device = 0;
  strand_buffer buffer = 0;
  strand_ticket ticket = 0;
  uint32_t word = 0;
  int64_t threads;
  start_runtime(1);
  stop_runtime();
  threads = count_threads();
  for (int turn = 0; turn < 10; turn += 1) {
    start_runtime(1);
    CHECK_STATUS(turn == 0 ? STRAND_ERR_INVALID : STRAND_ERR_STALE, strand_buffer_release(buffer));
    CHECK_STATUS(turn == 0 ? STRAND_ERR_INVALID : STRAND_ERR_STALE, strand_device_close(device));
    CHECK_STATUS(turn == 0 ? STRAND_ERR_INVALID : STRAND_ERR_STALE, strand_ticket_release(ticket));
    device = open_default();
    buffer = new_buffer(device, 1 << 20);
    CHECK_OK(strand_buffer_read(buffer, 0, &word, 4, &ticket));
    stop_runtime();
    CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_buffer_release(buffer));
    await_threads_at_most(threads);
  }
}

int main(void) {
  CLAIM(the_environment_chooses_where_the_program_does_not);
  CLAIM(nothing_is_left_after_a_shutdown);
  start_runtime(2);
  CLAIM(the_processor_is_always_there_as_the_last);
  CLAIM(a_device_is_open_until_it_is_closed);
  CLAIM(what_is_not_said_is_what_is_configured);
  CLAIM(an_adapter_that_is_not_there_is_an_error_with_a_name);
  CLAIM(what_is_written_is_read);
  CLAIM(what_is_mapped_is_the_buffer);
  CLAIM(what_is_on_a_closed_device_can_be_released);
  CLAIM(a_buffer_that_cannot_be_is_refused);
  CLAIM(closing_beside_calls_is_defined);
  CLAIM(a_program_is_checked_when_it_is_made);
  stop_runtime();
  return 0;
}
