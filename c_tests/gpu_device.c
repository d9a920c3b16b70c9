/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared,dlopen opt=O0,O2 instruments=asan */
/*
 * A device that is an adapter: opened on a software adapter, so that every machine with the packages for it runs this.
 * What is written is read in order, errors of shaders have their place, what is too large is refused, and a device that
 * is closed or lost tells everybody who waits for it. What is said of the processor is in gpu_devices.c.
 */
#include "device.h"

#include <sys/resource.h>

static strand_device open_software(void) {
  const strand_device_options options = device_options(STRAND_DEVICE_SOFTWARE, NULL);
  strand_device device = 0;
  CHECK_OK(strand_device_open(&options, &device));
  return device;
}

/* The result of a reading that was accepted; or why it was not. */
static strand_status try_read(strand_buffer buffer, uint64_t offset, void *data, uint64_t bytes) {
  strand_ticket ticket = 0;
  strand_status status = strand_buffer_read(buffer, offset, data, bytes, &ticket);
  if (status == STRAND_OK) {
    status = strand_ticket_await(ticket, STRAND_FOREVER);
    CHECK_OK(strand_ticket_release(ticket));
  }
  return status;
}

static void read_back(strand_buffer buffer, uint64_t offset, void *data, uint64_t bytes) {
  CHECK_OK(try_read(buffer, offset, data, bytes));
}

/* -------------------------------------------------------------------------------------------- what it is */

static void check_software(const strand_device_info *info) {
  CHECK_EQUAL(info->kind, STRAND_DEVICE_SOFTWARE);
  CHECK_NUMBERS(strlen(info->name), >, 0);
  CHECK_NUMBERS(strlen(info->driver), >, 0);
  CHECK_NUMBERS(info->memory_bytes, >=, UINT64_C(1) << 28);
  CHECK_NUMBERS(info->buffer_bytes_max, >=, UINT64_C(1) << 28);
  CHECK_NUMBERS(info->binding_bytes_max, >=, UINT64_C(1) << 27);
  CHECK_NUMBERS(info->group_invocations_max, >=, 256);
  CHECK(info->subgroup_min <= info->subgroup_max);
}

static void look(void) {
  uint32_t count = 0, found = 0;
  strand_device_info info = empty_info(), named = empty_info();
  strand_device_options options = device_options(STRAND_DEVICE_SOFTWARE, NULL);
  strand_device device = open_software();
  CHECK_OK(strand_device_info_of(device, &info));
  check_software(&info);
  /* Where the driver cuts an invocation off is measured when the device is opened. */
  CHECK(info.loop_limit == 0 || info.loop_limit > 32768);
  CHECK_OK(strand_device_count(&count));
  CHECK_NUMBERS(count, >=, 2);
  for (uint32_t index = 0; index < count; index += 1) {
    strand_device_info described = empty_info();
    CHECK_OK(strand_device_describe(index, &described));
    if (strcmp(described.name, info.name) == 0) {
      found += 1;
      check_software(&described);
    }
  }
  CHECK_EQUAL(found, 1);
  CHECK_OK(strand_device_close(device));
  /* Part of its name will do. */
  options.kind = STRAND_DEVICE_AUTO;
  options.name = info.name + 1;
  CHECK_OK(strand_device_open(&options, &device));
  CHECK_OK(strand_device_info_of(device, &named));
  CHECK_EQUAL(strcmp(named.name, info.name), 0);
  CHECK_OK(strand_device_close(device));
  options.kind = STRAND_DEVICE_HARDWARE;
  CHECK_STATUS(STRAND_ERR_DEVICE, strand_device_open(&options, &device));
  CHECK_LAST_ERROR_SAYS("hardware");
}
static void a_software_adapter_says_what_it_is(void) { on_both(look); }

/* ---------------------------------------------------------------------------------------------- buffers */

static void write_and_read(void) {
  enum { WORDS = 1 << 16, ROUNDS = 100 };
  const strand_device device = open_software();
  const strand_buffer buffer = new_buffer(device, WORDS * sizeof(uint32_t));
  uint32_t *words = malloc(WORDS * sizeof *words), *back = malloc(WORDS * sizeof *back), value[ROUNDS];
  strand_ticket tickets[ROUNDS];
  read_back(buffer, 0, back, WORDS * sizeof *back);
  for (uint32_t word = 0; word < WORDS; word += 1) {
    CHECK_EQUAL(back[word], 0);
    words[word] = word * 2654435761u;
  }
  CHECK_OK(strand_buffer_write(buffer, 0, words, WORDS * sizeof *words));
  memset(words, 0xEE, 64); /* it was copied */
  read_back(buffer, 0, back, WORDS * sizeof *back);
  for (uint32_t word = 0; word < WORDS; word += 1) {
    CHECK_EQUAL(back[word], word * 2654435761u);
  }
  /* Any part can be read, and only words can be written. */
  for (uint64_t offset = 0; offset < 8; offset += 1) {
    for (uint64_t bytes = 0; bytes < 8; bytes += 1) {
      unsigned char part[8] = {0};
      read_back(buffer, 400 + offset, part, bytes);
      CHECK_EQUAL(memcmp(part, (const unsigned char *)back + 400 + offset, bytes), 0);
    }
  }
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_write(buffer, 2, words, 4));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_buffer_read(buffer, WORDS * sizeof *words, words, 1, &tickets[0]));
  /* Readings and writes keep the order in which they were asked for, however many share a submission. */
  for (uint32_t round = 0; round < ROUNDS; round += 1) {
    CHECK_OK(strand_buffer_write(buffer, 4096, &round, sizeof round));
    CHECK_OK(strand_buffer_read(buffer, 4096, &value[round], sizeof round, &tickets[round]));
  }
  for (uint32_t round = 0; round < ROUNDS; round += 1) {
    CHECK_OK(strand_ticket_await(tickets[round], STRAND_FOREVER));
    CHECK_OK(strand_ticket_release(tickets[round]));
    CHECK_EQUAL(value[round], round);
  }
  free(words);
  free(back);
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_OK(strand_device_close(device));
}
static void what_is_written_is_read_in_order(void) { on_both(write_and_read); }

static void map_and_unmap(void) {
  const strand_device device = open_software();
  const strand_buffer buffer = new_buffer(device, 4096);
  uint32_t *mapped = NULL, words[2] = {0, 0};
  void *again = NULL;
  CHECK_OK(strand_buffer_map(buffer, 8, 16, STRAND_MAP_READ | STRAND_MAP_WRITE, STRAND_FOREVER, (void **)&mapped));
  CHECK_EQUAL(mapped[0], 0);
  mapped[0] = 5;
  mapped[3] = 6;
  CHECK_STATUS(STRAND_ERR_BUSY, strand_buffer_map(buffer, 0, 4, STRAND_MAP_READ, STRAND_FOREVER, &again));
  CHECK_OK(strand_buffer_unmap(buffer));
  read_back(buffer, 8, words, 4);
  read_back(buffer, 20, words + 1, 4);
  CHECK_EQUAL(words[0], 5);
  CHECK_EQUAL(words[1], 6);
  /* A map that is only read is not written back, one that is only written is not fetched. */
  CHECK_OK(strand_buffer_map(buffer, 8, 4, STRAND_MAP_READ, STRAND_FOREVER, (void **)&mapped));
  mapped[0] = 99;
  CHECK_OK(strand_buffer_unmap(buffer));
  read_back(buffer, 8, words, 4);
  CHECK_EQUAL(words[0], 5);
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_OK(strand_device_close(device));
}
static void what_is_mapped_comes_back(void) { on_both(map_and_unmap); }

/* With one worker: while one strand waits for what it maps, the other releases it. A driver may be faster than that. */
static strand_buffer wanted;
static int is_released;
static void *release_it(void *arg) {
  CHECK_OK(strand_buffer_release(wanted));
  is_released = 1;
  return arg;
}
static void *map_it(void *arg) {
  void *address = NULL;
  strand_status status;
  spawn(release_it, NULL);
  status = strand_buffer_map(wanted, 0, 1 << 20, STRAND_MAP_READ, STRAND_FOREVER, &address);
  if (is_released) {
    CHECK_EQUAL(status, STRAND_ERR_STALE);
    CHECK(address == NULL);
    *(int *)arg += 1;
  } else {
    CHECK_OK(status);
  }
  return arg;
}
static void a_buffer_that_is_released_while_it_is_mapped_gives_no_address(void) {
  const strand_device device = open_software();
  int refused = 0;
  for (int turn = 0; turn < 1000 && refused < 3; turn += 1) {
    wanted = new_buffer(device, 1 << 20);
    is_released = 0;
    spawn(map_it, &refused);
    CHECK_OK(strand_scheduler_run());
  }
  CHECK_EQUAL(refused, 3);
  CHECK_OK(strand_device_close(device));
}

static void too_large(void) {
  const strand_device device = open_software();
  strand_device_info info = empty_info();
  strand_buffer buffer = 77;
  uint32_t word = 7;
  CHECK_OK(strand_device_info_of(device, &info));
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_buffer_new(device, (info.buffer_bytes_max / 4 + 1) * 4, 0, &buffer));
  CHECK_LAST_ERROR_SAYS("at most");
  CHECK_STATUS(STRAND_ERR_LIMIT, strand_buffer_new(device, UINT64_MAX - 3, 0, &buffer));
  CHECK_EQUAL(buffer, 77);
  buffer = new_buffer(device, 64); /* and it goes on */
  read_back(buffer, 0, &word, 4);
  CHECK_EQUAL(word, 0);
  CHECK_OK(strand_device_close(device));
  CHECK_OK(strand_buffer_release(buffer));
}
static void a_buffer_that_is_too_large_is_refused(void) { on_both(too_large); }

/* In a child, where so much address space is left that some buffers fit and then none. */
static void run_out_of_memory(void) {
  enum { MOST = 64 };
  struct rlimit limit;
  strand_device device;
  strand_buffer buffers[MOST];
  strand_status status = STRAND_OK;
  int made = 0;
  uint32_t word = 7;
  start_runtime(1);
  device = open_software();
  limit.rlim_cur = limit.rlim_max = (rlim_t)(virtual_kilobytes() + (1 << 20)) * 1024;
  CHECK_EQUAL(setrlimit(RLIMIT_AS, &limit), 0);
  while (made < MOST && (status = strand_buffer_new(device, 96 << 20, 0, &buffers[made])) == STRAND_OK) {
    made += 1;
  }
  CHECK_NUMBERS(made, >, 0);
  CHECK_STATUS(STRAND_ERR_NO_MEMORY, status);
  CHECK_LAST_ERROR_SAYS("memory");
  /* What is there is still there. */
  read_back(buffers[0], (96 << 20) - 4, &word, 4);
  CHECK_EQUAL(word, 0);
  for (int buffer = 0; buffer < made; buffer += 1) {
    CHECK_OK(strand_buffer_release(buffers[buffer]));
  }
  buffers[0] = new_buffer(device, 96 << 20);
  CHECK_OK(strand_device_close(device));
  stop_runtime();
}
static void without_memory_there_is_a_status(void) {
  static child result;
  run_child(&result, run_out_of_memory);
  CHECK_CHILD_EXITED(&result, 0);
}

/* ---------------------------------------------------------------------------------------------- shaders */

static strand_program_options shader_options(const char *wgsl) {
  strand_program_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.fields = STRAND_FIELD_PARAM;
  options.wgsl = wgsl;
  return options;
}

static void refuse_shader(strand_device device, const char *wgsl, const char *where, const char *what) {
  const strand_program_options options = shader_options(wgsl);
  strand_program program = 77;
  CHECK_STATUS(STRAND_ERR_SHADER, strand_program_new(device, &options, &program));
  CHECK_LAST_ERROR_SAYS(where);
  CHECK_LAST_ERROR_SAYS(what);
  CHECK_EQUAL(program, 77);
}

static void compile(void) {
  const strand_device device = open_software();
  static const uint32_t spirv[5] = {0x07230203, 0x00010000, 0, 1, 0};
  strand_program_options options = shader_options("fn run(item: Item) {\n  var left = item.param;\n  while left > 0u { left--; }\n}\n");
  strand_program program = 0;
  CHECK_OK(strand_program_new(device, &options, &program));
  CHECK_OK(strand_program_release(program));
  refuse_shader(device, "fn run(item: Item) {\n  let a = item.param;\n  let b = unknown(a);\n}\n", "line 3, column 11", "unknown");
  refuse_shader(device, "fn run(item: Item) {\n  let a = \n}\n", "line 3, column 1", "expected");
  refuse_shader(device, "fn run(item: Item) {\n\n\n  var a: u32 = 1.5;\n}\n", "line 4, column ", "");
  refuse_shader(device, "fn run(item: Item) { let a: i32 = item.param; }\n", "line 1, column ", "");
  /* Text of many bytes to a letter: columns are letters. */
  refuse_shader(device, "// \xc3\xa4\xc3\xb6\xc3\xbc\n/* \xc3\xa4\xc3\xb6 */ fn run(item: Item) { wrong(); }\n", "line 2, column 31", "wrong");
  /* What is computed from an override has its value late, and its place all the same. */
  refuse_shader(device, "override a: u32 = 0u;\nvar<private> b: u32 = 1u / a;\nfn run(item: Item) { fault(b); }\n", "line 2, column 23", "by zero");
  refuse_shader(device, "override a: u32 = 0u;\nvar<private> b: u32 = a + 1u;\nfn run(item: Item) { requeue(b, 0u, 0u); }\n", "line 2, column 23", "`b`");
  options = shader_options(NULL);
  options.spirv = spirv;
  options.spirv_words = 5;
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_program_new(device, &options, &program)); /* of the library as it is shipped */
  CHECK_LAST_ERROR_SAYS("built without the cargo feature spirv");
  options = shader_options(NULL);
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, strand_program_new(device, &options, &program));
  CHECK_LAST_ERROR_SAYS("shader");
  CHECK_OK(strand_device_close(device));
}
static void an_error_of_a_shader_has_a_line_and_a_column(void) { on_both(compile); }

/* --------------------------------------------------------------------------------------- closed and lost */

enum { USERS = 6 };
static strand_buffer shared_buffer;
static strand_status allowed[2];
static uint64_t ended, done;

static void *use_until_gone(void *arg) {
  uint32_t words[64] = {0};
  for (;;) {
    strand_status status = strand_buffer_write(shared_buffer, 0, words, sizeof words);
    if (status == STRAND_OK) {
      status = try_read(shared_buffer, 0, words, sizeof words);
    }
    if (status != STRAND_OK) {
      CHECK(status == allowed[0] || status == allowed[1]);
      break;
    }
    count_add(&done, 1);
  }
  count_add(&ended, 1);
  return arg;
}
static void *use_on_thread(void *arg) { return use_until_gone(arg); }

static void a_device_that_is_closed_beside_calls_answers_each(void) {
  allowed[0] = STRAND_ERR_CLOSED;
  allowed[1] = STRAND_ERR_STALE;
  for (int turn = 0; turn < 5; turn += 1) {
    const strand_device device = open_software();
    pthread_t thread;
    count_set(&ended, 0);
    count_set(&done, 0);
    shared_buffer = new_buffer(device, 256);
    for (int user = 0; user < USERS; user += 1) {
      spawn(use_until_gone, NULL);
    }
    thread = start_thread(use_on_thread, NULL);
    AWAIT(count_read(&done) >= 20);
    CHECK_OK(strand_device_close(device));
    AWAIT(count_read(&ended) == USERS + 1);
    join_thread(thread);
    CHECK_OK(strand_buffer_release(shared_buffer));
    CHECK_OK(strand_scheduler_run());
  }
}

static void a_device_that_is_lost_tells_everybody_and_another_can_be_opened(void) {
  strand_device device;
  strand_buffer buffer = 0;
  pthread_t thread;
  uint32_t word = 7;
  setenv("STRAND_TEST_DEVICE_LOST", "50", 1);
  device = open_software();
  unsetenv("STRAND_TEST_DEVICE_LOST");
  allowed[0] = allowed[1] = STRAND_ERR_DEVICE;
  count_set(&ended, 0);
  count_set(&done, 0);
  shared_buffer = new_buffer(device, 256);
  for (int user = 0; user < USERS; user += 1) {
    spawn(use_until_gone, NULL);
  }
  thread = start_thread(use_on_thread, NULL);
  AWAIT(count_read(&ended) == USERS + 1);
  join_thread(thread);
  CHECK_OK(strand_scheduler_run());
  CHECK_NUMBERS(count_read(&done), >, 0);
  CHECK_STATUS(STRAND_ERR_DEVICE, strand_buffer_new(device, 64, 0, &buffer));
  CHECK_LAST_ERROR_SAYS("lost");
  CHECK_STATUS(STRAND_ERR_DEVICE, strand_buffer_write(shared_buffer, 0, &word, 4));
  CHECK_STATUS(STRAND_ERR_DEVICE, try_read(shared_buffer, 0, &word, 4));
  CHECK_LAST_ERROR_SAYS("lost");
  CHECK_OK(strand_buffer_release(shared_buffer));
  CHECK_OK(strand_device_close(device));
  device = open_software();
  buffer = new_buffer(device, 64);
  read_back(buffer, 0, &word, 4);
  CHECK_EQUAL(word, 0);
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_OK(strand_device_close(device));
}

/* -------------------------------------------------------------------------------------------- and the rest */

/* With one worker: whoever opens a device waits for another thread, and the others go on. */
static uint64_t opened, turns, turns_meanwhile;
static void *open_one(void *arg) {
  const uint64_t before = count_read(&turns);
  const strand_device device = open_software();
  count_set(&turns_meanwhile, count_read(&turns) - before);
  count_set(&opened, 1);
  CHECK_OK(strand_device_close(device));
  return arg;
}
static void *take_turns(void *arg) {
  while (count_read(&opened) == 0) {
    count_add(&turns, 1);
    CHECK_OK(strand_yield());
  }
  return arg;
}
static void a_worker_is_free_while_a_device_is_opened(void) {
  /* Once will do: the worker's own thread may be stopped all the while. A worker that is not free takes no turn at all. */
  for (int trial = 0; trial < 50; trial += 1) {
    count_set(&opened, 0);
    spawn(take_turns, NULL);
    spawn(open_one, NULL);
    CHECK_OK(strand_scheduler_run());
    if (count_read(&turns_meanwhile) > 100) {
      break;
    }
  }
  CHECK_NUMBERS(count_read(&turns_meanwhile), >, 100);
}

static void a_device_opened_again_and_again_leaves_nothing(void) {
  const int rounds = shortened(200);
  int64_t threads, files, memory;
  uint32_t word = 0;
  for (int warm = 0; warm < 20; warm += 1) {
    CHECK_OK(strand_device_close(open_software()));
  }
  nap(MILLISECONDS(50));
  threads = count_threads();
  files = count_open_files();
  memory = resident_kilobytes();
  for (int round = 0; round < rounds; round += 1) {
    const strand_device device = open_software();
    const strand_buffer buffer = new_buffer(device, 4096);
    CHECK_OK(strand_buffer_write(buffer, 4, &round, 4));
    read_back(buffer, 4, &word, 4);
    CHECK_EQUAL(word, (uint32_t)round);
    CHECK_OK(strand_buffer_release(buffer));
    CHECK_OK(strand_device_close(device));
  }
  await_threads_at_most(threads);
  CHECK_EQUAL(count_open_files(), files);
  CHECK_NUMBERS(resident_kilobytes(), <, memory + 4096);
}

static void a_shutdown_closes_what_is_open(void) {
  uint32_t words[64];
  int64_t threads;
  start_runtime(1);
  stop_runtime();
  threads = count_threads();
  for (int turn = 0; turn < 5; turn += 1) {
    strand_device device;
    strand_buffer buffer;
    strand_ticket ticket = 0;
    start_runtime(1);
    device = open_software();
    buffer = new_buffer(device, sizeof words);
    for (int reading = 0; reading < 20; reading += 1) {
      CHECK_OK(strand_buffer_read(buffer, 0, words, sizeof words, &ticket));
    }
    stop_runtime();
    CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_buffer_release(buffer));
    await_threads_at_most(threads);
  }
}

/* In a child: everything that it writes on standard error comes here. */
static void use_quietly(void) {
  uint32_t count = 0, word = 7;
  strand_device device;
  strand_buffer buffer;
  const strand_program_options options = shader_options("fn run(item: Item) { wrong(); }");
  strand_program program = 0;
  unsetenv("XDG_RUNTIME_DIR");
  unsetenv("WAYLAND_DISPLAY");
  unsetenv("DISPLAY");
  unsetenv("NODEVICE_SELECT");
  start_runtime(1);
  CHECK_OK(strand_device_count(&count));
  for (int panics = 0; panics <= 1; panics += 1) {
    strand_status status;
    setenv("STRAND_TEST_DEVICE_LOST", panics ? "panic:3" : "3", 1);
    device = open_software();
    buffer = new_buffer(device, 64);
    CHECK_STATUS(STRAND_ERR_SHADER, strand_program_new(device, &options, &program));
    do {
      status = try_read(buffer, 0, &word, 4);
    } while (status == STRAND_OK);
    CHECK_STATUS(panics ? STRAND_ERR_PANIC : STRAND_ERR_DEVICE, status);
    CHECK_OK(strand_device_close(device));
  }
  stop_runtime();
}
static void write_something(void) { fprintf(stderr, "something"); }
static void nothing_is_printed(void) {
  static child result;
  run_child(&result, use_quietly);
  CHECK_CHILD_EXITED(&result, 0);
  CHECK_EQUAL(strcmp(result.text, ""), 0);
  run_child(&result, write_something); /* the control */
  CHECK_EQUAL(strcmp(result.text, "something"), 0);
}

static void look_for_software(void) {
  const strand_device_options options = device_options(STRAND_DEVICE_SOFTWARE, NULL);
  strand_device device = 0;
  strand_status status;
  start_runtime(1);
  status = strand_device_open(&options, &device);
  CHECK(status == STRAND_OK || status == STRAND_ERR_DEVICE || status == STRAND_ERR_UNSUPPORTED);
  if (status != STRAND_OK) {
    char why[200] = "";
    strand_last_error(why, sizeof why);
    fprintf(stderr, "%s", why);
    _exit(9);
  }
  stop_runtime();
}

int main(void) {
  static child result;
  run_child(&result, look_for_software);
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 9) {
    SKIP("%s", result.text);
  }
  CHECK_CHILD_EXITED(&result, 0);
  CLAIM(nothing_is_printed);
  if (strcmp(STRAND_TEST_INSTRUMENT, "none") == 0) { /* a sanitizer ends a program that has no memory */
    CLAIM(without_memory_there_is_a_status);
  }
  CLAIM(a_shutdown_closes_what_is_open);
  start_runtime(1);
  CLAIM_IF(is_parallel(), a_worker_is_free_while_a_device_is_opened, "it is about workers");
  CLAIM_IF(workers_there(1) == 1, a_buffer_that_is_released_while_it_is_mapped_gives_no_address, "it is about one worker");
  stop_runtime();
  start_runtime(2);
  CLAIM(a_software_adapter_says_what_it_is);
  CLAIM(what_is_written_is_read_in_order);
  CLAIM(what_is_mapped_comes_back);
  CLAIM(a_buffer_that_is_too_large_is_refused);
  CLAIM(an_error_of_a_shader_has_a_line_and_a_column);
  CLAIM(a_device_that_is_closed_beside_calls_answers_each);
  CLAIM(a_device_that_is_lost_tells_everybody_and_another_can_be_opened);
  CLAIM(a_device_opened_again_and_again_leaves_nothing);
  stop_runtime();
  return 0;
}
